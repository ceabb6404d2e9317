//! Episodes as GIFs.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use super::state;
use crate::{Action, Env, EnvError, Frame, Generator, GifWriter, Rasterizer, Result, RowMut, Scene, Step, forward_env};

/// Decides by the number of an episode, or of a step over all episodes, from 0, whether a video begins with it.
pub type Trigger = Box<dyn Fn(u64) -> bool + Send>;

/// A picture's size in pixels.
const SIZE: (u32, u32) = (480, 320);

/// Frames a second, as of Gymnasium's environments that do not say.
const FPS: u32 = 30;

/// [`RecordVideo`]'s arguments beside the folder, with Gymnasium's defaults.
pub struct RecordVideoConfig {
    /// With which episodes a video begins. Without any trigger: those whose number is a cube, and every thousandth.
    pub episode_trigger: Option<Trigger>,
    /// With which steps, counted over all episodes, a video begins.
    pub step_trigger: Option<Trigger>,
    /// After how many steps a video ends, be it in a later episode; 0 for the end of the episode.
    pub video_length: u64,
    /// How the files' names begin.
    pub name_prefix: String,
    /// Frames a second, at most 50, as GIFs go; 30 if not given.
    pub fps: Option<u32>,
}

impl Default for RecordVideoConfig {
    fn default() -> Self {
        Self {
            episode_trigger: None,
            step_trigger: None,
            video_length: 0,
            name_prefix: "rl-video".to_owned(),
            fps: None,
        }
    }
}

/// Writes episodes that a trigger chooses as GIFs (Gymnasium's `RecordVideo`, whose files are MP4s):
/// `rl-video-episode-0.gif` or `rl-video-step-0.gif`, by what began it.
///
/// A file appears when its video is over, at the latest when the environment is dropped; one of the same name is
/// replaced. The environments of a batch, which number their episodes each by itself, need folders or prefixes of their
/// own, or the last one to finish stays.
pub struct RecordVideo<E> {
    env: E,
    video_folder: PathBuf,
    config: RecordVideoConfig,
    rasterizer: Rasterizer,
    scene: Scene,
    video: Option<Video>,
    /// How many episodes and steps there were.
    episodes: u64,
    steps: u64,
}

/// A video that is being written.
struct Video {
    writer: GifWriter<BufWriter<File>>,
    frames: u64,
    /// The file until it is whole, and then.
    partial: PathBuf,
    path: PathBuf,
}

impl Video {
    fn begin(folder: &Path, name: &str, fps: u32) -> Result<Self> {
        let path = folder.join(format!("{name}.gif"));
        // Another environment may write the same video: until it is whole, each has its own.
        let unique = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
        let partial = folder.join(format!(".{name}.{}-{unique}.tmp", std::process::id()));
        let file = File::create(&partial).map_err(|error| file_error(&partial, &error))?;
        Ok(Self { writer: GifWriter::new(BufWriter::new(file), SIZE.0, SIZE.1, fps)?, frames: 0, partial, path })
    }

    fn add(&mut self, frame: &Frame) -> Result<()> {
        self.frames += 1;
        self.writer.add(frame)
    }

    fn finish(self) -> Result<()> {
        self.writer.finish()?;
        fs::rename(&self.partial, &self.path).map_err(|error| file_error(&self.path, &error))
    }
}

fn file_error(path: &Path, error: &std::io::Error) -> EnvError {
    EnvError::File { path: path.display().to_string(), message: error.to_string() }
}

impl<E: Env> RecordVideo<E> {
    /// Videos of `env` into `video_folder`, which is made if it is not there.
    ///
    /// # Errors
    /// [`EnvError::File`] if the folder cannot be made; [`EnvError::BadArgument`] if the prefix is no file's name, or
    /// `fps` is not 1 to 50.
    pub fn new(env: E, video_folder: impl Into<PathBuf>, mut config: RecordVideoConfig) -> Result<Self> {
        let video_folder = video_folder.into();
        if config.name_prefix.is_empty() || config.name_prefix.contains(['/', '\\']) {
            let (found, expected) = (format!("'{}'", config.name_prefix), "what a file's name can begin with");
            return Err(EnvError::bad_argument("RecordVideo", "name_prefix", found, expected));
        }
        if let Some(fps) = config.fps
            && !(1..=50).contains(&fps)
        {
            return Err(EnvError::bad_argument("RecordVideo", "fps", fps, "from 1 to 50, as GIFs go"));
        }
        if config.episode_trigger.is_none() && config.step_trigger.is_none() {
            config.episode_trigger = Some(Box::new(capped_cubic_video_schedule));
        }
        fs::create_dir_all(&video_folder).map_err(|error| file_error(&video_folder, &error))?;
        Ok(Self {
            env,
            video_folder,
            config,
            rasterizer: Rasterizer::new(SIZE.0, SIZE.1)?,
            scene: Scene::default(),
            video: None,
            episodes: 0,
            steps: 0,
        })
    }

    fn begin(&mut self, what: &str, number: u64) -> Result<()> {
        self.end()?;
        let name = format!("{}-{what}-{number}", self.config.name_prefix);
        self.video = Some(Video::begin(&self.video_folder, &name, self.config.fps.unwrap_or(FPS))?);
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        self.video.take().map_or(Ok(()), Video::finish)
    }

    /// Adds the present state to the video, if there is one, and ends it if that was its last.
    fn capture(&mut self) -> Result<()> {
        let Some(video) = &mut self.video else { return Ok(()) };
        self.scene = Scene::default();
        self.env.draw(&mut self.scene);
        video.add(&self.rasterizer.draw(&self.scene))?;
        let over = self.config.video_length > 0 && video.frames > self.config.video_length;
        if over { self.end() } else { Ok(()) }
    }
}

/// Gymnasium's schedule without a trigger: 0, 1, 8, 27, ... 729, 1000, 2000, ...
fn capped_cubic_video_schedule(episode: u64) -> bool {
    if episode < 1000 { (0..10).any(|k: u64| k.pow(3) == episode) } else { episode.is_multiple_of(1000) }
}

impl<E: Env> Env for RecordVideo<E> {
    forward_env!(env: observation_space, action_space);

    fn reset(&mut self, rng: &mut Generator, observation: RowMut<'_>) -> Result<()> {
        self.env.reset(rng, observation)?;
        if self.config.video_length == 0 {
            self.end()?;
        }
        let episode = self.episodes;
        self.episodes += 1;
        if self.config.episode_trigger.as_ref().is_some_and(|trigger| trigger(episode)) {
            self.begin("episode", episode)?;
        }
        self.capture()
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Generator, observation: RowMut<'_>) -> Result<Step> {
        let result = self.env.step(action, rng, observation)?;
        let step = self.steps;
        self.steps += 1;
        if self.config.step_trigger.as_ref().is_some_and(|trigger| trigger(step)) {
            self.begin("step", step)?;
        }
        self.capture()?;
        Ok(result)
    }

    /// How many episodes and steps there were; a video under way is not part of it.
    fn save(&self) -> Option<Vec<u8>> {
        state::save(&(self.episodes, self.steps), &self.env)
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        (self.episodes, self.steps) = state::restore(state, &mut self.env)?;
        self.end()
    }
}

impl<E> Drop for RecordVideo<E> {
    fn drop(&mut self) {
        // There is nobody to tell of a failure, and the file then keeps its hidden name.
        let _ = self.video.take().map(Video::finish);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IdentityConfig, IdentityEnv, Rows};

    /// Frames of each video after some episodes of ten steps.
    fn videos(episodes: u32, config: RecordVideoConfig) -> Vec<(String, usize)> {
        let folder = tempfile::tempdir().unwrap();
        let inner = IdentityEnv::new(IdentityConfig::default());
        let mut env = RecordVideo::new(inner, folder.path().join("videos"), config).unwrap();
        let (mut rng, mut row) = (Generator::new(0), Rows::for_space(&env.observation_space(), 1));
        for _ in 0..episodes {
            env.reset(&mut rng, row.row_mut(0)).unwrap();
            while !env.step(Action::Discrete(0), &mut rng, row.row_mut(0)).unwrap().truncated {}
        }
        drop(env);
        let files = fs::read_dir(folder.path().join("videos")).unwrap().map(|file| file.unwrap());
        let mut videos: Vec<_> = files
            .map(|file| {
                let mut decoder = gif::DecodeOptions::new().read_info(File::open(file.path()).unwrap()).unwrap();
                let frames = std::iter::from_fn(|| decoder.read_next_frame().unwrap().map(drop)).count();
                (file.file_name().into_string().unwrap(), frames)
            })
            .collect();
        videos.sort();
        videos
    }

    fn every(n: u64) -> Option<Trigger> {
        Some(Box::new(move |i| i.is_multiple_of(n)))
    }

    #[test]
    fn videos_are_gymnasiums() {
        let named =
            |videos: &[(&str, usize)]| videos.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect::<Vec<_>>();
        // The observation at reset and after each of ten steps.
        let expected = named(&[("rl-video-episode-0.gif", 11), ("rl-video-episode-1.gif", 11)]);
        assert_eq!(videos(3, RecordVideoConfig::default()), expected);
        let config = RecordVideoConfig { episode_trigger: every(2), video_length: 15, ..Default::default() };
        assert_eq!(videos(3, config), named(&[("rl-video-episode-0.gif", 16), ("rl-video-episode-2.gif", 11)]));
        let config = RecordVideoConfig { step_trigger: every(12), name_prefix: "x".into(), ..Default::default() };
        assert_eq!(videos(2, config), named(&[("x-step-0.gif", 10), ("x-step-12.gif", 8)]));
    }
}
