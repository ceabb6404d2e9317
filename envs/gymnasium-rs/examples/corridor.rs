//! Expected: DQN solves it in under a second, building excluded.
//!
//! An environment written against `gymnasium-rs`, with nothing of Cartwheel in it; then checked, registered and
//! trained on. In this folder: `cargo run --release --example corridor`.

use std::error::Error;

use cartwheel_envs::{EnvSpec, Kwargs, check_env, register};
use cartwheel_gymnasium_rs::FromGymnasiumRs;
use cartwheel_trainer::{Algo, Experiment, Settings};
use gymnasium_rs::core::{Env, Info, Options, Reward, Space};
use ndarray::{Array1, Array3, array};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// A corridor of 11 cells. An episode starts in any but the ends; the right end pays 1, the left end nothing, and
/// each step costs 0.01.
struct Corridor {
    cell: i32,
    rng: StdRng,
}

const LENGTH: i32 = 11;

impl Corridor {
    fn new() -> Self {
        Self { cell: LENGTH / 2, rng: StdRng::from_entropy() }
    }

    /// Where the agent is, from -1 to 1.
    fn position(&self) -> Array1<f32> {
        array![2.0 * self.cell as f32 / (LENGTH - 1) as f32 - 1.0]
    }
}

impl Env<Array1<f32>, i32> for Corridor {
    fn observation_space(&self) -> Space {
        Space::Box { low: array![-1.0], high: array![1.0] }
    }

    fn action_space(&self) -> Space {
        Space::Discrete(2)
    }

    fn reset(&mut self, seed: Option<i32>, _options: Options) -> (Array1<f32>, Info) {
        if let Some(seed) = seed {
            self.rng = StdRng::seed_from_u64(seed as u64);
        }
        self.cell = self.rng.gen_range(1..LENGTH - 1);
        (self.position(), Info::new())
    }

    fn step(&mut self, action: i32) -> (Array1<f32>, Reward, bool, bool, Info) {
        self.cell += if action == 1 { 1 } else { -1 };
        let (left, right) = (self.cell == 0, self.cell == LENGTH - 1);
        let reward = if right { 1.0 } else { -0.01 };
        (self.position(), reward, left || right, false, Info::new())
    }

    fn render(&self) -> Option<Array3<u8>> {
        None
    }

    fn close(&mut self) {}
}

fn main() -> Result<(), Box<dyn Error>> {
    let violations = check_env(&mut FromGymnasiumRs::new(Corridor::new())?);
    assert!(violations.is_empty(), "{violations:?}");

    let build = |_: Kwargs| FromGymnasiumRs::new(Corridor::new());
    let spec = EnvSpec::new("TheirCorridor-v0", "Walk to the right end of a corridor", build)
        .max_episode_steps(50)
        // The mean of the best returns, 1 from next to the end to 0.92 from the other side, is 0.96.
        .reward_threshold(0.93);
    register(spec)?;

    let mut settings = Settings::shipped(Algo::Dqn, "TheirCorridor-v0")?;
    settings.train.total_timesteps = 20_000;
    settings.dqn.learning_rate = 1e-3.into();
    settings.dqn.buffer_size = 10_000;
    settings.dqn.target_update_interval = 200;
    settings.eval.eval_freq = 1000;
    let summary = Experiment::new(settings).run()?;

    let greedy = summary.greedy_return.ok_or("the run ended before any evaluation")?;
    println!("solved: {}, greedy return {:.2} after {} steps", summary.solved, greedy.mean, summary.steps);
    println!("saved in {}", summary.run.display());
    Ok(())
}
