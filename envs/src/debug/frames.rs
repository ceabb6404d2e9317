//! Frames: images, for what is done with images.

use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::saved_state::saved_state;
use crate::{Action, Env, EnvError, EnvSpec, Generator, Info, Result, RowMut, Scene, Space, Step};

/// [`FramesEnv`]'s keyword arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FramesConfig {
    /// Rows of an image.
    pub height: NonZeroU16,
    /// Pixels in a row.
    pub width: NonZeroU16,
}

impl Default for FramesConfig {
    fn default() -> Self {
        Self { height: NonZeroU16::MIN.saturating_add(7), width: NonZeroU16::MIN.saturating_add(5) }
    }
}

/// Color images of patterns, with lives to lose, as games have them. `tests/data/wrappers/generate.py` has the same for
/// Gymnasium.
///
/// | | |
/// |---|---|
/// | Observation | u8 \[height, width, 3\]: number `i` of a frame is `a + b i + i²/3`, modulo 256, where `a` and `b` are drawn with each frame |
/// | Action | `Discrete(3)` |
/// | Reward | action - 1 + `a` / 256 |
/// | Info | `lives`: 3 at first; one is lost with each frame whose `b` is below 32 |
/// | Terminated | when no life is left |
#[derive(Clone, Debug)]
pub struct FramesEnv {
    config: FramesConfig,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct State {
    a: u8,
    b: u8,
    lives: u8,
}

impl FramesEnv {
    /// Without a life, until it is reset.
    pub fn new(config: FramesConfig) -> Self {
        Self { config, state: State::default() }
    }

    fn next(&mut self, rng: &mut Generator, observation: RowMut<'_>) {
        self.state.a = (rng.random() * 256.0) as u8;
        self.state.b = (rng.random() * 256.0) as u8;
        if let RowMut::U8(pixels) = observation {
            pixels.iter_mut().zip(0..).for_each(|(pixel, i)| *pixel = self.state.number(i));
        }
    }
}

impl State {
    fn number(self, i: u32) -> u8 {
        (u64::from(self.a) + u64::from(self.b) * u64::from(i) + u64::from(i) * u64::from(i) / 3) as u8
    }
}

impl Env for FramesEnv {
    fn observation_space(&self) -> Space {
        Space::image_u8(&[self.config.height.get().into(), self.config.width.get().into(), 3])
    }

    fn action_space(&self) -> Space {
        Space::discrete(3)
    }

    fn reset(&mut self, rng: &mut Generator, observation: RowMut<'_>) -> Result<()> {
        self.next(rng, observation);
        self.state.lives = 3;
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Generator, observation: RowMut<'_>) -> Result<Step> {
        let Action::Discrete(action) = action else {
            return Err(EnvError::invalid_action(action, format_args!("of {}", self.action_space())));
        };
        self.next(rng, observation);
        self.state.lives = self.state.lives.saturating_sub(u8::from(self.state.b < 32));
        let reward = f64::from(action - 1) + f64::from(self.state.a) / 256.0;
        Ok(Step { reward, terminated: self.state.lives == 0, truncated: false })
    }

    fn info(&self) -> Info {
        Info::from_iter([("lives".to_owned(), json!(self.state.lives))])
    }

    /// The image itself.
    fn draw(&self, scene: &mut Scene) {
        let (height, width) = (u32::from(self.config.height.get()), u32::from(self.config.width.get()));
        let rgb = (0..3 * height * width).map(|i| self.state.number(i)).collect();
        scene.image([0.0, 0.0], [width as f32, height as f32], width, rgb);
    }

    saved_state!();
}

pub(super) fn spec() -> EnvSpec {
    EnvSpec::new("Frames-v0", "For tests: color images, and lives to lose", |config| Ok(FramesEnv::new(config)))
        .max_episode_steps(100)
        .kwarg("height", 8, "rows of an image")
        .kwarg("width", 6, "pixels in a row")
}
