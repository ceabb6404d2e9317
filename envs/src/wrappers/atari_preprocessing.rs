//! What is usually done to Atari's games, for any environment that shows images.

use serde::{Deserialize, Serialize};

use super::image::{Image, Resizer};
use super::{check_size, state};
use crate::{Action, Dtype, Env, EnvError, Generator, Result, Row, RowMut, Rows, Space, Step, forward_env};

/// [`AtariPreprocessing`]'s arguments, with Gymnasium's defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtariPreprocessingConfig {
    /// An episode begins with 1 to `noop_max` steps of action 0, as many as are drawn; with none, if this is 0.
    pub noop_max: u32,
    /// Each action is repeated for so many steps.
    pub frame_skip: u32,
    /// Width and height of the images.
    pub screen_size: [usize; 2],
    /// Whether losing a life (`lives` in info) terminates the episode.
    pub terminal_on_life_loss: bool,
    /// Whether color images become gray.
    pub grayscale_obs: bool,
    /// Whether gray images keep an axis of one channel.
    pub grayscale_newaxis: bool,
    /// Whether bytes become floats from 0 to 1.
    pub scale_obs: bool,
}

impl Default for AtariPreprocessingConfig {
    fn default() -> Self {
        Self {
            noop_max: 30,
            frame_skip: 4,
            screen_size: [84; 2],
            terminal_on_life_loss: false,
            grayscale_obs: true,
            grayscale_newaxis: false,
            scale_obs: false,
        }
    }
}

/// No-ops at the start, frame skipping with the greater of the last two images, gray, small (Gymnasium's
/// `AtariPreprocessing`, after Machado et al. 2018, "Revisiting the Arcade Learning Environment").
///
/// It goes around any environment whose observations are images, gray or in color, and which does not skip frames by
/// itself. Gray is computed as the Arcade Learning Environment does, `0.2989 r + 0.587 g + 0.114 b`, rounded. If the
/// episode ends during the no-ops, another one begins; in Gymnasium, from the seed again, if one was given. If it ends
/// before the last two of the skipped steps, the image is still the one before, as in Gymnasium. Looking for lives takes
/// an `info` a step, so that stepping allocates with `terminal_on_life_loss`.
#[derive(Clone, Debug)]
pub struct AtariPreprocessing<E> {
    env: E,
    config: AtariPreprocessingConfig,
    image: Image,
    space: Space,
    /// The inner environment's last image.
    inner: Rows,
    resizer: Resizer,
    /// The resized image, before it is scaled.
    resized: Vec<u8>,
    screen: Screen,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Screen {
    /// The last image, or the greater of the last two; and the one before.
    buffer: [Vec<u8>; 2],
    lives: i64,
}

impl<E: Env> AtariPreprocessing<E> {
    /// `env`, preprocessed.
    ///
    /// # Errors
    /// [`EnvError::UnfitWrapper`] if the observations are no images, or the actions, for no-ops, not Discrete;
    /// [`EnvError::BadArgument`] if `frame_skip` or a side of `screen_size` is 0.
    pub fn new(env: E, config: AtariPreprocessingConfig) -> Result<Self> {
        const NAME: &str = "AtariPreprocessing";
        let inner = env.observation_space();
        let image =
            Image::of(&inner).filter(|image| matches!((image.channels, config.grayscale_obs), (3, _) | (1, true)));
        let Some(image) = image else {
            let needs = "images, a Box(0, 255, (height, width, 3), uint8), or gray ones with grayscale_obs=True";
            return Err(EnvError::unfit_observation(NAME, needs, &inner, "leave it out"));
        };
        if config.noop_max > 0 && !matches!(env.action_space(), Space::Discrete { start: 0, .. }) {
            return Err(EnvError::UnfitWrapper {
                wrapper: NAME,
                needs: "Discrete actions, of which 0 does nothing",
                which: "action",
                space: env.action_space().to_string(),
                advice: "set noop_max=0",
            });
        }
        if config.frame_skip == 0 {
            return Err(EnvError::bad_argument(NAME, "frame_skip", 0, "at least 1"));
        }
        let [width, height] = config.screen_size;
        if width == 0 || height == 0 {
            return Err(EnvError::bad_argument(
                NAME,
                "screen_size",
                format!("({width}, {height})"),
                "of at least 1 each",
            ));
        }
        let size = format!("({width}, {height})");
        check_size(NAME, "screen_size", size, width.checked_mul(height).and_then(|pixels| pixels.checked_mul(3)))?;
        let seen = Image { channels: if config.grayscale_obs { 1 } else { 3 }, ..image };
        let shape = match (config.grayscale_obs, config.grayscale_newaxis) {
            (true, false) => vec![height, width],
            _ => vec![height, width, seen.channels],
        };
        let space = match Space::image_u8(&shape) {
            Space::Box { low, shape, .. } if config.scale_obs => {
                Space::Box { high: vec![1.0; low.len()], low, shape, dtype: Dtype::F32 }
            }
            bytes => bytes,
        };
        let pixels = vec![0; image.height * image.width * seen.channels];
        Ok(Self {
            inner: Rows::for_space(&inner, 1),
            resizer: Resizer::new(seen, height, width),
            resized: vec![0; space.width()],
            screen: Screen { buffer: [pixels.clone(), pixels], lives: 0 },
            env,
            config,
            image,
            space,
        })
    }

    /// Takes the inner image into the buffer.
    fn capture(&mut self, into: usize) {
        let (Row::U8(inner), gray) = (self.inner.row(0), &mut self.screen.buffer[into]) else { return };
        if self.image.channels == 1 || !self.config.grayscale_obs {
            return gray.copy_from_slice(inner);
        }
        for (gray, [red, green, blue]) in gray.iter_mut().zip(inner.as_chunks().0) {
            let [red, green, blue] = [red, green, blue].map(|x| f64::from(*x));
            *gray = (red * 0.2989 + green * 0.5870 + blue * 0.1140 + 0.5) as u8;
        }
    }

    /// Writes what is seen of the buffer.
    fn show(&mut self, observation: RowMut<'_>) {
        let [last, before] = &mut self.screen.buffer;
        if self.config.frame_skip > 1 {
            last.iter_mut().zip(before).for_each(|(last, before)| *last = (*last).max(*before));
        }
        match observation {
            RowMut::U8(observation) => self.resizer.resize(last, observation),
            RowMut::F32(observation) => {
                self.resizer.resize(last, &mut self.resized);
                observation.iter_mut().zip(&self.resized).for_each(|(x, byte)| *x = f32::from(*byte) / 255.0);
            }
            RowMut::I32(_) => {}
        }
    }

    /// How many lives are left, where that matters.
    fn lives(&self) -> Result<i64> {
        if !self.config.terminal_on_life_loss {
            return Ok(0);
        }
        self.env.info().get("lives").and_then(serde_json::Value::as_i64).ok_or_else(|| {
            EnvError::failed("AtariPreprocessing: there is no integer `lives` in info; set terminal_on_life_loss=False")
        })
    }
}

impl<E: Env> Env for AtariPreprocessing<E> {
    forward_env!(env: action_space);

    fn observation_space(&self) -> Space {
        self.space.clone()
    }

    fn reset(&mut self, rng: &mut Generator, observation: RowMut<'_>) -> Result<()> {
        self.env.reset(rng, self.inner.row_mut(0))?;
        let noops = if self.config.noop_max > 0 { 1 + rng.integer(self.config.noop_max) } else { 0 };
        for _ in 0..noops {
            let step = self.env.step(Action::Discrete(0), rng, self.inner.row_mut(0))?;
            if step.terminated || step.truncated {
                self.env.reset(rng, self.inner.row_mut(0))?;
            }
        }
        self.screen.lives = self.lives()?;
        self.screen.buffer[1].fill(0);
        self.capture(0);
        self.show(observation);
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Generator, observation: RowMut<'_>) -> Result<Step> {
        let mut all = Step { reward: 0.0, terminated: false, truncated: false };
        for t in 0..self.config.frame_skip {
            let step = self.env.step(action, rng, self.inner.row_mut(0))?;
            all = Step { reward: all.reward + step.reward, ..step };
            let lives = self.lives()?;
            all.terminated |= lives < self.screen.lives;
            self.screen.lives = lives;
            if all.terminated || all.truncated {
                break;
            }
            match self.config.frame_skip - t {
                2 => self.capture(1),
                1 => self.capture(0),
                _ => {}
            }
        }
        self.show(observation);
        Ok(all)
    }

    fn save(&self) -> Option<Vec<u8>> {
        state::save(&self.screen, &self.env)
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let screen: Screen = state::restore(state, &mut self.env)?;
        if screen.buffer.each_ref().map(Vec::len) != self.screen.buffer.each_ref().map(Vec::len) {
            return Err(EnvError::bad_state("it is of a wrapper with other images"));
        }
        self.screen = screen;
        Ok(())
    }
}
