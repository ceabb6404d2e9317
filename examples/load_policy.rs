//! Expected: prints a return near 500 for a run that solved CartPole-v1, in a few milliseconds.
//!
//! Plays one greedy episode with the best weights of a run:
//! `cargo run --release --example load_policy -- runs/<your run>`.

use std::error::Error;
use std::path::Path;

use cartwheel::agents::Policy;
use cartwheel::envs::Statistics;
use cartwheel::trainer::Settings;
use cartwheel::trainer::run::RunDir;

fn main() -> Result<(), Box<dyn Error>> {
    let folder =
        std::env::args().nth(1).ok_or("which run? cargo run --release --example load_policy -- runs/<name>")?;
    let run = RunDir::open(Path::new(&folder))?;

    // The weights file says what its network looks like; the run's settings say which environment it was for.
    let mut policy = Policy::load(&run.best_weights())?;
    let settings = Settings::from_file(&run.config())?;
    let mut env = settings.env.builder().make()?;
    // Wrappers that normalize do so with what they had learnt by then.
    env.statistics_mut(&mut Statistics::put(policy.statistics()));

    let mut action = policy.act(env.reset(Some(7))?);
    let (mut episode_return, mut steps) = (0.0, 0);
    loop {
        let step = env.step(&action)?;
        episode_return += step.reward;
        steps += 1;
        if step.terminated || step.truncated {
            break;
        }
        action = policy.act(env.observation());
    }
    println!("{}: return {episode_return} in {steps} steps", settings.env.id);
    Ok(())
}
