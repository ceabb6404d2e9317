//! Expected: a greedy return of 490 or more over 100 episodes (500 is perfect) in under a second, building excluded.
//!
//! Trains DQN on CartPole-v1 with the settings that Cartwheel ships, and prints each evaluation as it comes.
//! The run is kept in `runs/`, as with the command: `cargo run --release --example train_cartpole`.

use std::ops::ControlFlow;

use cartwheel::trainer::{Algo, Event, Experiment, Settings, TrainError};

fn main() -> Result<(), TrainError> {
    let mut settings = Settings::shipped(Algo::Dqn, "CartPole-v1")?;
    settings.train.seed = 1;

    // A callback is any closure over events. It runs on the learner's thread, so it should be quick;
    // ControlFlow::Break(()) would end the run in order.
    let evaluations = |event: &Event<'_>| {
        if let Event::Evaluation { steps, evaluation } = event {
            println!("{steps:>6} steps: greedy return {:5.1} ± {:.1}", evaluation.mean(), evaluation.std());
        }
        ControlFlow::Continue(())
    };
    let summary = Experiment::new(settings).callback(evaluations).run()?;

    let verdict = if summary.solved { "solved" } else { "not solved" };
    println!("{verdict} after {} steps and {:.2} s of training", summary.steps, summary.wall_s);
    println!("saved in {}", summary.run.display());
    Ok(())
}
