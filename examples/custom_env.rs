//! Expected: DQN reaches a greedy return of 0.96, the best possible, in under a second, building excluded.
//!
//! An environment of your own: written, checked, registered under a name, and trained on by that name, from code or
//! as a `cartwheel` command of your own. docs/add-an-environment.md walks through it.
//! `cargo run --release --example custom_env`, or `... --example custom_env -- train Corridor-v0`.

use std::{error::Error, process::ExitCode};

use cartwheel::envs::{Action, Env, EnvSpec, Generator, Kwargs, Result, RowMut, Space, Step, check_env, register};
use cartwheel::trainer::{Algo, Experiment, Settings};

/// A corridor of 11 cells, from 0 to 10. An episode starts in the middle one; the right end pays 1, the left end
/// nothing, and each step costs 0.01.
#[derive(Default)]
struct Corridor(f32);

impl Env for Corridor {
    fn observation_space(&self) -> Space {
        Space::box_f32(vec![0.0], vec![10.0])
    }

    fn action_space(&self) -> Space {
        Space::discrete(2)
    }

    /// What viewers call the number of an observation. Without names it is `[0]`.
    fn observation_names(&self) -> &[&str] {
        &["cell"]
    }

    fn action_names(&self) -> &[&str] {
        &["left", "right"]
    }

    fn reset(&mut self, _rng: &mut Generator, mut observation: RowMut<'_>) -> Result<()> {
        self.0 = 5.0;
        observation.write(&[self.0]);
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Generator, mut observation: RowMut<'_>) -> Result<Step> {
        self.0 += if action == Action::Discrete(1) { 1.0 } else { -1.0 };
        observation.write(&[self.0]);
        let (left, right) = (self.0 == 0.0, self.0 == 10.0);
        // `truncated` stays false: the time limit below is what cuts an episode short.
        Ok(Step { reward: if right { 1.0 } else { -0.01 }, terminated: left || right, truncated: false })
    }
}

fn main() -> std::result::Result<ExitCode, Box<dyn Error>> {
    // Does it keep the contract? The same check runs over every environment that is shipped.
    let violations = check_env(&mut Corridor::default());
    assert!(violations.is_empty(), "{violations:?}");

    let spec = EnvSpec::new("Corridor-v0", "Walk to the right end", |_: Kwargs| Ok(Corridor::default()));
    register(spec.max_episode_steps(50).reward_threshold(0.95))?;

    // With arguments, this program is the `cartwheel` command, and knows the corridor.
    if std::env::args().len() > 1 {
        return Ok(cartwheel::cli::run());
    }
    let mut settings = Settings::shipped(Algo::Dqn, "Corridor-v0")?;
    settings.train.total_timesteps = 20_000;
    settings.dqn.learning_rate = 1e-3.into();
    settings.dqn.target_update_interval = 200;
    settings.eval.eval_freq = 1000;
    let summary = Experiment::new(settings).run()?;

    let greedy = summary.greedy_return.ok_or("the run ended before any evaluation")?;
    println!("solved: {}, greedy return {:.2} after {} steps", summary.solved, greedy.mean, summary.steps);
    println!("saved in {}", summary.run.display());
    Ok(ExitCode::SUCCESS)
}
