//! Episodes as a GIF or an MP4: what `record` and `play --record` share.

use std::path::Path;

use crate::envs::{EnvError, Environment, Rasterizer};
use crate::viewer::recording::Recording;

use super::output::{Failure, check_out};

/// Frames a second of what is stepped with each key: slow enough to follow.
pub(crate) const TURN_BASED_FPS: u32 = 4;

/// The most frames a second that a GIF shows.
pub(crate) const MOST_FPS: u32 = 50;

/// A film under way.
pub(crate) struct Film {
    rasterizer: Rasterizer,
    recording: Recording,
}

impl Film {
    /// Adds a frame of what the environment looks like now.
    pub(crate) fn add(&mut self, env: &Environment) {
        self.recording.add(self.rasterizer.draw(&env.draw()));
    }
}

/// Refuses what no film can be made of: another kind of file, a folder that is not there, or an environment that draws nothing. It
/// must have been reset.
pub(crate) fn check(flag: &str, out: &Path, env: &Environment) -> Result<(), Failure> {
    if out.extension().is_none_or(|extension| extension != "gif" && extension != "mp4") {
        let file = out.display();
        return Err(Failure::usage(format!("{flag} {file} is neither a .gif nor an .mp4 file: give one of those")));
    }
    check_out(flag, out)?;
    if env.draw().shapes.is_empty() {
        let id = &env.spec().id;
        return Err(Failure::usage(if id.starts_with("py:") {
            format!(
                "{id} shows no picture: metadata[\"render_modes\"] of its class must name \"rgb_array\", and its render() answer one then (if it failed, see above how)"
            )
        } else {
            format!("{id} draws nothing: give it a `draw` (in C: a `render`) to record it")
        }));
    }
    Ok(())
}

/// Writes the film that `shoot` adds frames to: `width` pixels wide and two thirds as high. There is no file if it fails.
pub(crate) fn write<T>(
    out: &Path,
    width: u32,
    fps: u32,
    shoot: impl FnOnce(&mut Film) -> Result<T, EnvError>,
) -> Result<T, Failure> {
    let failed = |error: EnvError| Failure::failed(format!("cannot write {}: {error}", out.display()));
    let rasterizer = Rasterizer::new(width, width * 2 / 3).map_err(failed)?;
    let mut film = Film { rasterizer, recording: Recording::begin(out, fps).map_err(Failure::failed)? };
    match shoot(&mut film) {
        Ok(answer) => {
            film.recording.finish().map_err(Failure::failed)?;
            Ok(answer)
        }
        Err(error) => {
            film.recording.give_up();
            Err(failed(error))
        }
    }
}
