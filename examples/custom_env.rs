//! Expected: DQN reaches a greedy return of 0.96, the best possible, in under a second, building excluded.
//!
//! An environment of your own: written, checked, registered under a name, and trained on by that name.
//! docs/add-an-environment.md walks through it. `cargo run --release --example custom_env`.

use std::error::Error;

use cartwheel::envs::{Action, Env, EnvError, EnvSpec, Generator, Result, RowMut, Space, Step, check_env, register};
use cartwheel::trainer::{Algo, Experiment, Settings};

/// A corridor of 11 cells. An episode starts in the middle one; the right end pays 1, the left end nothing, and
/// each step costs 0.01.
struct Corridor {
    cell: i32,
    length: i32,
}

/// Its keyword arguments, each with a default.
#[derive(serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CorridorConfig {
    length: i32,
}

impl Default for CorridorConfig {
    fn default() -> Self {
        Self { length: 11 }
    }
}

impl Env for Corridor {
    fn observation_space(&self) -> Space {
        Space::box_f32(vec![-1.0], vec![1.0])
    }

    fn action_space(&self) -> Space {
        Space::discrete(2)
    }

    fn reset(&mut self, _rng: &mut Generator, mut observation: RowMut<'_>) -> Result<()> {
        self.cell = self.length / 2;
        observation.write(&[self.position()]);
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Generator, mut observation: RowMut<'_>) -> Result<Step> {
        self.cell += if action == Action::Discrete(1) { 1 } else { -1 };
        observation.write(&[self.position()]);
        let (left, right) = (self.cell == 0, self.cell == self.length - 1);
        let reward = if right { 1.0 } else { -0.01 };
        // `truncated` stays false: the time limit below is what cuts an episode short.
        Ok(Step { reward, terminated: left || right, truncated: false })
    }
}

impl Corridor {
    /// Where the agent is, from -1 to 1.
    fn position(&self) -> f32 {
        2.0 * self.cell as f32 / (self.length - 1) as f32 - 1.0
    }
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    // Does it keep the contract? The same check runs over every environment that is shipped.
    let violations = check_env(&mut Corridor { cell: 0, length: 11 });
    assert!(violations.is_empty(), "{violations:?}");

    let make = |config: CorridorConfig| match config.length {
        3.. => Ok(Corridor { cell: 0, length: config.length }),
        short => Err(EnvError::failed(format!("Corridor-v0: length is {short}; it must be 3 or more"))),
    };
    let spec = EnvSpec::new("Corridor-v0", "Walk to the right end of a corridor", make)
        .max_episode_steps(50)
        .reward_threshold(0.95)
        .kwarg("length", 11, "cells, both ends included");
    register(spec)?;

    let mut settings = Settings::shipped(Algo::Dqn, "Corridor-v0")?;
    settings.train.total_timesteps = 20_000;
    settings.dqn.learning_rate = 1e-3;
    settings.dqn.buffer_size = 10_000;
    settings.dqn.target_update_interval = 200;
    settings.eval.eval_freq = 1000;
    let summary = Experiment::new(settings).run()?;

    let greedy = summary.greedy_return.ok_or("the run ended before any evaluation")?;
    println!("solved: {}, greedy return {:.2} after {} steps", summary.solved, greedy.mean, summary.steps);
    println!("saved in {}", summary.run.display());
    Ok(())
}
