//! Episodes as a GIF: what `record` and `play --record` share.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use crate::envs::{EnvError, Environment, GifWriter, Rasterizer};
use crate::trainer::run::write_atomic;

use super::output::Failure;

/// A GIF under way.
pub(crate) struct Film<'f> {
    rasterizer: Rasterizer,
    gif: GifWriter<&'f mut BufWriter<File>>,
}

impl Film<'_> {
    /// Adds a frame of what the environment looks like now.
    pub(crate) fn add(&mut self, env: &Environment) -> Result<(), EnvError> {
        self.gif.add(&self.rasterizer.draw(&env.draw()))
    }
}

/// Refuses what no film can be made of: another kind of file, or an environment that draws nothing. It must have
/// been reset.
pub(crate) fn check(flag: &str, out: &Path, env: &Environment) -> Result<(), Failure> {
    if out.extension().is_none_or(|extension| extension != "gif") {
        return Err(Failure::usage(format!("{flag} {} is no .gif file: only GIFs can be written", out.display())));
    }
    if env.draw().shapes.is_empty() {
        return Err(Failure::usage(format!("{} draws nothing: give it a `draw` to record it", env.spec().id)));
    }
    Ok(())
}

/// Writes the GIF that `shoot` adds frames to: `width` pixels wide and two thirds as high. There is no file if it fails.
pub(crate) fn write<T>(
    out: &Path,
    width: u32,
    fps: u32,
    shoot: impl FnOnce(&mut Film<'_>) -> Result<T, EnvError>,
) -> Result<T, Failure> {
    let height = width * 2 / 3;
    let mut shot = None;
    let written = write_atomic(out, |file| {
        let film = || -> Result<T, EnvError> {
            let gif = GifWriter::new(file, width, height, fps)?;
            let mut film = Film { rasterizer: Rasterizer::new(width, height)?, gif };
            let answer = shoot(&mut film)?;
            film.gif.finish()?;
            Ok(answer)
        };
        shot = Some(film().map_err(io::Error::other)?);
        Ok(())
    });
    match (written, shot) {
        (Ok(_), Some(answer)) => Ok(answer),
        (Err(error), _) => Err(Failure::failed(format!("could not write {}: {error}", out.display()))),
        (Ok(_), None) => Err(Failure::failed(format!("could not write {}", out.display()))),
    }
}
