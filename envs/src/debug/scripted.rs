//! Scripted: does exactly what its arguments say, failures included.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::saved_state::saved_state;
use crate::{Action, Env, EnvSpec, Generator, KeyBindings, Result, RowMut, Space, Step};

/// [`ScriptedEnv`]'s keyword arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScriptedConfig {
    /// Steps in an episode.
    pub length: NonZeroU32,
    /// Which flags the last step raises.
    pub ends: ScriptedEnd,
    /// Panics at this step, counted from 1 over all episodes.
    pub panic_at: Option<u64>,
    /// Observes NaN at this step, counted from 1 over all episodes.
    pub nan_at: Option<u64>,
    /// Microseconds of computation for each step: a stand-in for a slower environment.
    pub step_us: u64,
}

/// How [`ScriptedEnv`]'s episodes end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScriptedEnd {
    /// `terminated` alone.
    Terminated,
    /// `truncated` alone.
    Truncated,
    /// Both flags.
    Both,
}

impl Default for ScriptedConfig {
    fn default() -> Self {
        Self {
            length: NonZeroU32::MIN.saturating_add(9),
            ends: ScriptedEnd::Terminated,
            panic_at: None,
            nan_at: None,
            step_us: 0,
        }
    }
}

/// Episodes of a fixed length in which every observation and reward is known beforehand.
///
/// | | |
/// |---|---|
/// | Observation | f32 \[2\]: steps so far / `length`, which is 0 at reset and 1 at the end; the episode's parity, 0 and 1 by turns |
/// | Action | `Discrete(2)`, without effect |
/// | Reward | the step's number within the episode, from 1 |
/// | Ends | with step `length`: `terminated`, `truncated` or both, as `ends` says |
///
/// Which parity comes first depends on the seed. `panic_at`, `nan_at` and `step_us` make it fail or slow.
#[derive(Clone, Debug)]
pub struct ScriptedEnv {
    config: ScriptedConfig,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct State {
    /// Steps in this episode.
    elapsed: u32,
    /// 0 or 1.
    parity: u8,
    /// Steps in all episodes.
    total: u64,
}

impl ScriptedEnv {
    /// Before its first episode.
    pub fn new(config: ScriptedConfig) -> Self {
        Self { config, state: State::default() }
    }

    fn observation(&self) -> [f32; 2] {
        [self.state.elapsed as f32 / self.config.length.get() as f32, f32::from(self.state.parity)]
    }
}

impl Env for ScriptedEnv {
    fn observation_space(&self) -> Space {
        Space::box_f32(vec![0.0; 2], vec![1.0; 2])
    }

    fn action_space(&self) -> Space {
        Space::discrete(2)
    }

    fn reset(&mut self, rng: &mut Generator, mut observation: RowMut<'_>) -> Result<()> {
        // The lowest bit of PCG64's state flips with each draw, and only this draws: so parities
        // alternate, and yet an episode is repeated from its generator like any other environment's.
        rng.next_u64();
        self.state.parity = (rng.state()[1] & 1) as u8;
        self.state.elapsed = 0;
        observation.write(&self.observation());
        Ok(())
    }

    fn step(&mut self, _action: Action<'_>, _rng: &mut Generator, mut observation: RowMut<'_>) -> Result<Step> {
        self.state.elapsed += 1;
        self.state.total += 1;
        let ScriptedConfig { length, ends, panic_at, nan_at, step_us } = self.config;

        let duration = Duration::from_micros(step_us);
        if !duration.is_zero() {
            let start = Instant::now();
            // Busy, as computation is: sleeping would free the core for others.
            while start.elapsed() < duration {
                std::hint::spin_loop();
            }
        }
        assert!(panic_at != Some(self.state.total), "scripted to panic at step {}", self.state.total);

        let mut observed = self.observation();
        if nan_at == Some(self.state.total) {
            observed[0] = f32::NAN;
        }
        observation.write(&observed);
        let ended = self.state.elapsed >= length.get();
        Ok(Step {
            reward: self.state.elapsed.into(),
            terminated: ended && ends != ScriptedEnd::Truncated,
            truncated: ended && ends != ScriptedEnd::Terminated,
        })
    }

    fn key_bindings(&self) -> KeyBindings {
        KeyBindings::digits(2, |i| i.to_string())
    }

    saved_state!();
}

pub(super) fn spec() -> EnvSpec {
    EnvSpec::new("Scripted-v0", "For tests: episodes that are known beforehand", |config| Ok(ScriptedEnv::new(config)))
        .kwarg("length", 10, "steps in an episode")
        .kwarg("ends", "terminated", "flags of the last step: terminated, truncated or both")
        .kwarg("panic_at", (), "panic at this step, counted from 1 over all episodes")
        .kwarg("nan_at", (), "observe NaN at this step, counted from 1 over all episodes")
        .kwarg("step_us", 0, "microseconds of computation for each step")
}
