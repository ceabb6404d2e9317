//! Steps a batch of environments under random actions for some seconds and prints steps per second, resets included:
//! what bench/peers/gymnasium_async_stepping.py compares with Gymnasium's AsyncVectorEnv.
//!
//! cargo run --release -p cartwheel-envs --example step_python -- PYTHON ID ENVS WORKERS SECONDS

use std::error::Error;
use std::time::{Duration, Instant};

use cartwheel_envs::{Actions, BridgeOptions, EnvBuilder, Generator, Rows, VectorStep};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [python, id, envs, workers, seconds] = &arguments[..] else {
        return Err("expected PYTHON ID ENVS WORKERS SECONDS".into());
    };
    let (envs, seconds): (usize, f64) = (envs.parse()?, seconds.parse()?);
    let options = BridgeOptions { python: python.into(), workers: Some(workers.parse()?), ..BridgeOptions::default() };
    let mut env = EnvBuilder::new(id).bridge(options).make_vec(envs)?;

    let mut rng = Generator::new(0);
    let mut batches = vec![Rows::for_space(env.single_action_space(), envs); 64];
    for row in 0..64 * envs {
        env.single_action_space().sample(&mut rng, batches[row / envs].row_mut(row % envs));
    }
    let mut out = VectorStep::new(env.single_observation_space(), envs);
    env.reset(Some(0), &mut out.observations)?;
    // The first round warms up.
    let (mut steps, mut begin) = (0, Instant::now());
    for round in 0.. {
        for batch in &batches {
            match (batch.as_i32(), batch.as_f32()) {
                (Some(actions), _) => env.step(Actions::Discrete(actions), &mut out)?,
                (_, Some(actions)) => env.step(Actions::Continuous(actions), &mut out)?,
                _ => return Err("actions of bytes".into()),
            }
        }
        if round == 0 {
            begin = Instant::now();
            continue;
        }
        steps += envs * batches.len();
        if begin.elapsed() >= Duration::from_secs_f64(seconds) {
            break;
        }
    }
    println!("{}", steps as f64 / begin.elapsed().as_secs_f64());
    Ok(())
}
