//! What reaches the learner, from an environment whose every step is known beforehand: through actors, rollouts
//! and replay, with batches drawn as the learner draws them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use cartwheel_agents::dqn::DqnConfig;
use cartwheel_agents::{Acting, Batch, EpsilonSchedule, Prioritization, Returns};
use cartwheel_envs::{ActionRows, Generator, Kwargs, make_vec};
use cartwheel_trainer::{Actor, ActorSpec, Collector, Replay, Weights};
use proptest::prelude::*;
use serde_json::json;

const BY_PRIORITY: Option<Prioritization> =
    Some(Prioritization { alpha: 0.6, eps: 1e-6, beta0: 0.4, beta_iters: None, by_actors: false });

/// Replay filled by `actors` actors with `n_envs` scripted environments.
fn fill(
    length: u32,
    ends: &str,
    n_envs: usize,
    actors: usize,
    steps: usize,
    capacity: usize,
    prioritization: Option<Prioritization>,
) -> Replay {
    let args: Kwargs = json!({"length": length, "ends": ends}).as_object().unwrap().clone();
    let env = make_vec("Scripted-v0", 1, &args).unwrap();
    let space = env.single_observation_space().clone();
    let config = DqnConfig { net_arch: vec![16], ..DqnConfig::default() };
    let acting = Acting::new(&config, &space, env.single_action_space()).unwrap();
    let weights = Arc::new(Weights { version: 1, parameters: acting.mlp.init(&mut Generator::new(0)) });
    let mut replay = Replay::new(&space, &ActionRows::default(), n_envs, capacity, prioritization).unwrap();
    let actors: Vec<Actor> = (0..actors)
        .map(|i| {
            let spec = ActorSpec {
                env_id: "Scripted-v0".into(),
                seed: 3,
                total_envs: n_envs,
                acting: acting.clone(),
                exploration: EpsilonSchedule { random_steps: 0, initial: 0.5, last: 0.5, fall: 1.0 }.into(),
                record_episodes: true,
            };
            let share = n_envs / actors;
            Actor::new(spec, i * share, make_vec("Scripted-v0", share, &args).unwrap(), 3).unwrap()
        })
        .collect();
    std::thread::scope(|scope| {
        let mut collector = Collector::sync(scope, actors, 7);
        for round in 0..steps.div_ceil(7) {
            for rollout in collector.collect(&weights, (round * 7 * n_envs) as u64, false).unwrap() {
                replay.extend(rollout);
                for episode in &rollout.episodes {
                    let return_ = f64::from(length * (length + 1) / 2);
                    assert_eq!((episode.length, episode.record.return_), (u64::from(length), return_));
                    assert_eq!(episode.record.actions.len(), length as usize);
                }
            }
        }
        collector.finish();
    });
    replay
}

fn draw(replay: &mut Replay, returns: Returns, n: usize) -> Batch {
    let mut batch = Batch::default();
    replay.sample(n, returns, 1.0, &mut Generator::new(1), &mut batch);
    batch
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Truncation bootstraps, termination does not, both at once terminate; no window leaks over an end; and no
    /// reset observation (which has the other parity) is ever a next observation. Episodes of length 1 included.
    #[test]
    fn every_transition_is_the_scripts(
        length in 1u32..9,
        ends in prop::sample::select(vec!["terminated", "truncated", "both"]),
        actors in 1usize..3,
        n_steps in 1usize..5,
        capacity in 20usize..400,
        steps in 20usize..120,
        prioritized in prop::bool::ANY,
    ) {
        let returns = Returns { n_steps, gamma: 0.5, reward_scale: 2.0 };
        let prioritization = BY_PRIORITY.filter(|_| prioritized);
        let mut replay = fill(length, ends, 4, actors, steps, capacity, prioritization);
        let batch = draw(&mut replay, returns, 200);
        for i in 0..batch.len() {
            let [progress, parity] = [batch.observations[2 * i], batch.observations[2 * i + 1]];
            let [next_progress, next_parity] = [batch.next_observations[2 * i], batch.next_observations[2 * i + 1]];
            let (t, next) = ((progress * length as f32).round() as u32, (next_progress * length as f32).round() as u32);
            prop_assert!(t < length, "a final observation was acted from");
            prop_assert_eq!(parity, next_parity, "the next observation is of another episode");
            let used = next - t;
            let whole = (n_steps as u32).min(length - t);
            // Only the newest steps of a ring may be cut short: their next ones are not known yet.
            prop_assert!(used >= 1 && used <= whole);
            let sum: f32 = (0..used).map(|k| 0.5f32.powi(k as i32) * (t + 1 + k) as f32).sum();
            prop_assert_eq!(batch.returns[i], 2.0 * sum);
            let terminal = next == length && ends != "truncated";
            prop_assert_eq!(batch.discounts[i], if terminal { 0.0 } else { 0.5f32.powi(used as i32) });
        }
    }
}

/// Four environments stepped by one, two or four threads leave the same replay.
#[test]
fn replay_does_not_depend_on_the_number_of_actors() {
    let returns = Returns { n_steps: 3, gamma: 0.9, reward_scale: 1.0 };
    for prioritization in [None, BY_PRIORITY] {
        let fill = |actors| fill(6, "truncated", 4, actors, 200, 300, prioritization);
        let batches = [1, 2, 4].map(|actors| draw(&mut fill(actors), returns, 500));
        assert_eq!(batches[0], batches[1]);
        assert_eq!(batches[0], batches[2]);
    }
}
