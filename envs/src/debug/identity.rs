//! Identity: answer with the number you see.

use std::num::{NonZeroU16, NonZeroU32};

use serde::{Deserialize, Serialize};

use crate::saved_state::saved_state;
use crate::{Action, Env, EnvSpec, Generator, KeyBindings, Result, Rgba, RowMut, Scene, Space, Step, Style};

const INK: Rgba = Rgba::rgb(38, 50, 70);

/// [`IdentityEnv`]'s keyword arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityConfig {
    /// How many numbers there are.
    pub n: NonZeroU16,
    /// Steps in an episode.
    pub length: NonZeroU32,
}

impl Default for IdentityConfig {
    fn default() -> Self {
        Self { n: NonZeroU16::MIN.saturating_add(3), length: NonZeroU32::MIN.saturating_add(9) }
    }
}

/// The smallest environment that needs a policy of the observation: every learner must solve it in
/// seconds before it is tried on anything else (Stable-Baselines3's `IdentityEnv`).
///
/// | | |
/// |---|---|
/// | Observation | `Discrete(n)`: drawn afresh, uniformly, at reset and with each step |
/// | Action | `Discrete(n)` |
/// | Reward | 1 if the action is the observation it answers, else 0 |
/// | Truncated | after `length` steps; it never terminates, so its value is that of an endless task |
#[derive(Clone, Debug)]
pub struct IdentityEnv {
    config: IdentityConfig,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct State {
    shown: i32,
    elapsed: u32,
}

impl IdentityEnv {
    /// Shows 0 until it is reset.
    pub fn new(config: IdentityConfig) -> Self {
        Self { config, state: State::default() }
    }

    fn space(&self) -> Space {
        Space::discrete(self.config.n.get().into())
    }

    fn show(&mut self, rng: &mut Generator, mut observation: RowMut<'_>) {
        self.state.shown = rng.below(u64::from(self.config.n.get())) as i32;
        observation.write(&[self.state.shown]);
    }
}

impl Env for IdentityEnv {
    fn observation_space(&self) -> Space {
        self.space()
    }

    fn action_space(&self) -> Space {
        self.space()
    }

    fn reset(&mut self, rng: &mut Generator, observation: RowMut<'_>) -> Result<()> {
        self.state.elapsed = 0;
        self.show(rng, observation);
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Generator, observation: RowMut<'_>) -> Result<Step> {
        let right = action == Action::Discrete(self.state.shown);
        self.state.elapsed += 1;
        self.show(rng, observation);
        Ok(Step {
            reward: f64::from(u8::from(right)),
            terminated: false,
            truncated: self.state.elapsed >= self.config.length.get(),
        })
    }

    /// A row of discs, the one shown filled.
    fn draw(&self, scene: &mut Scene) {
        let n = i32::from(self.config.n.get());
        scene.bounds([-1.0, -1.0], [n as f32, 1.0]);
        for i in 0..n {
            let style = if i == self.state.shown { Style::fill(INK) } else { Style::stroke(0.05, INK) };
            scene.circle([i as f32, 0.0], 0.4, style);
        }
    }

    fn key_bindings(&self) -> KeyBindings {
        KeyBindings::digits(self.config.n.get().into(), |i| i.to_string())
    }

    saved_state!();
}

pub(super) fn spec() -> EnvSpec {
    EnvSpec::new("Identity-v0", "For tests: answer with the number you see", |config| Ok(IdentityEnv::new(config)))
        .kwarg("n", 4, "how many numbers there are")
        .kwarg("length", 10, "steps in an episode")
}
