//! Updates of recurrent PPO against those of sb3-contrib, recorded by tests/data/recurrent_ppo/updates.py.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use cartwheel_agents::nn::{Activation, Activations, Device, Inputs, Mlp, TrainingState};
use cartwheel_agents::recurrent_ppo::{RecurrentPpo, RecurrentPpoConfig};
use cartwheel_agents::{Acting, Learner as _, LearnerState, OnPolicy as _, Policy, Progress, RolloutBatch, Schedule};
use cartwheel_envs::{ActionRows, Generator, Row, Space};
use serde_json::Value;
use support::{close, flat, floats, recorded};

/// What the passes of a recorded update begin with is drawn from this.
const SEED: u64 = 7;

fn sizes(value: &Value) -> Vec<usize> {
    floats(value).iter().map(|x| *x as usize).collect()
}

fn config(case: &Value) -> RecurrentPpoConfig {
    let (float, number) = (|key: &str| case[key].as_f64().unwrap(), |key: &str| case[key].as_u64().unwrap() as usize);
    let flag = |key: &str| case[key].as_bool().unwrap();
    RecurrentPpoConfig {
        learning_rate: Schedule::Constant(float("learning_rate")),
        batch_size: number("batch_size"),
        n_epochs: number("n_epochs"),
        gamma: float("gamma"),
        gae_lambda: float("gae_lambda"),
        clip_range: Schedule::Constant(float("clip_range")),
        clip_range_vf: case["clip_range_vf"].as_f64(),
        normalize_advantage: flag("normalize_advantage"),
        ent_coef: float("ent_coef"),
        max_grad_norm: float("max_grad_norm"),
        lstm_hidden_size: number("units"),
        n_lstm_layers: number("layers"),
        shared_lstm: flag("shared_lstm"),
        enable_critic_lstm: flag("enable_critic_lstm"),
        net_arch: sizes(&case["net_arch"]).into(),
        ..RecurrentPpoConfig::default()
    }
}

fn space(case: &Value) -> Space {
    match *sizes(&case["counts"]) {
        [] => Space::box_f32(vec![-1.0; 2], vec![1.0; 2]),
        [n] => Space::discrete(n as i32),
        ref counts => {
            Space::MultiDiscrete { nvec: counts.iter().map(|n| *n as i32).collect(), start: vec![0; counts.len()] }
        }
    }
}

fn rollout(case: &Value, acting: &Acting) -> RolloutBatch {
    let rewards = floats(&case["rewards"]);
    let (n, envs) = (rewards.len(), case["envs"].as_u64().unwrap() as usize);
    let at = |rows: &Value| {
        let rows = sizes(rows);
        (0..n).map(|row| rows.contains(&row)).collect::<Vec<_>>()
    };
    let (terminated, truncated) = (at(&case["terminated"]), at(&case["truncated"]));
    let integers = || floats(&case["actions"]).iter().map(|x| *x as i32).collect();
    let actions = match acting.actions.rows(0) {
        ActionRows::Discrete(_) => ActionRows::Discrete(integers()),
        ActionRows::Multi { width, .. } => ActionRows::Multi { width, values: integers() },
        ActionRows::Continuous { width, .. } => ActionRows::Continuous { width, values: floats(&case["actions"]) },
    };
    RolloutBatch {
        steps: n / envs,
        envs,
        observations: floats(&case["observations"]),
        episode_starts: (0..n).map(|row| row >= envs && (terminated[row - envs] || truncated[row - envs])).collect(),
        memories: floats(&case["memories"]),
        actions,
        log_probs: floats(&case["log_probs"]),
        final_observations: floats(&case["final_observations"]),
        last_observations: floats(&case["last_observations"]),
        rewards,
        terminated,
        truncated,
        ..RolloutBatch::default()
    }
}

/// The value function's network, as sb3-contrib has it.
fn critic(config: &RecurrentPpoConfig) -> Mlp {
    let units = config.lstm_hidden_size;
    match (config.shared_lstm, config.enable_critic_lstm) {
        (true, _) => Mlp::new(Inputs::from(units), &config.net_arch.vf, 1, Activation::Tanh),
        (false, true) => Mlp::new(3, &config.net_arch.vf, 1, Activation::Tanh).remembering(units, config.n_lstm_layers),
        (false, false) => Mlp::new(3, &[&[units], &*config.net_arch.vf].concat(), 1, Activation::Tanh).projecting(),
    }
}

fn learner(case: &Value) -> (RecurrentPpo, Acting, Mlp, LearnerState) {
    let config = config(case);
    let observations = Space::box_f32(vec![-1.0; 3], vec![1.0; 3]);
    let acting = Acting::new(&config, &observations, &space(case)).unwrap();
    let critic = critic(&config);
    let mut learner = RecurrentPpo::new(config, &acting, Device::Cpu, &mut Generator::new(0)).unwrap();
    let networks = [flat(&acting.mlp, &case["actor"]), flat(&critic, &case["critic"])].map(TrainingState::new).to_vec();
    let numbers = floats(&case["kept"]).into_iter().map(f64::from).collect();
    let state = LearnerState { networks, numbers };
    learner.restore(&state, 0, 0).unwrap();
    (learner, acting, critic, state)
}

#[test]
fn updates_are_those_of_sb3_contrib() {
    let cases = recorded("recurrent_ppo/updates.json").as_array().unwrap().clone();
    assert_eq!(cases.len(), 6, "one layer and two; a memory of the value function's own, the policy's, and none");
    for case in cases {
        let of = ["counts", "units", "layers", "shared_lstm", "enable_critic_lstm"];
        let what = of.map(|key| format!("{key} {}", case[key])).join(", ");
        let (mut learner, acting, critic, before) = learner(&case);
        let rollout = rollout(&case, &acting);
        let mut rng = Generator::new(SEED);
        let mut drawn = rng.clone();
        // Each pass goes on from where the one before began.
        let beginnings = (0..2).scan(0, |at, _| {
            *at = (*at + drawn.below(rollout.len() as u64) as usize) % rollout.len();
            Some(*at)
        });
        assert_eq!(beginnings.collect::<Vec<_>>(), sizes(&case["beginnings"]), "BEGINNINGS in updates.py");
        learner.update(&rollout, Progress { steps: 1, total_timesteps: 1_000_000 }, &mut rng).unwrap();
        for (name, expected) in case["metrics"].as_object().unwrap() {
            let found = learner.metrics().iter().find(|(key, _)| key == name).unwrap().1;
            close(&[found], &[expected.as_f64().unwrap() as f32], 2e-5, &format!("{what}: {name}"));
        }
        let after = learner.state().unwrap();
        for (i, (mlp, name)) in [(&acting.mlp, "actor_after"), (&critic, "critic_after")].into_iter().enumerate() {
            let (expected, found) = (flat(mlp, &case[name]), &after.networks[i].online);
            close(found, &expected, 1e-5, &format!("{what}: {name}"));
            let moved = found.iter().zip(&before.networks[i].online).filter(|(a, b)| (*a - *b).abs() > 1e-3).count();
            assert!(moved > mlp.num_parameters() / 2, "{what}: {name}: {moved} have moved");
        }
        let kept: Vec<f32> = after.numbers.iter().map(|x| *x as f32).collect();
        close(&kept, &floats(&case["kept_after"]), 1e-5, &format!("{what}: what the value function remembers"));
    }
}

/// A learner goes on from its state as if it had not stopped: with what its value function remembers, of which a learner that
/// begins anew knows nothing. Environments of a second actor are others.
#[test]
fn a_restored_learner_goes_on_with_what_it_remembered() {
    let case = &recorded("recurrent_ppo/updates.json")[0];
    let (mut whole, acting, ..) = learner(case);
    let rollout = rollout(case, &acting);
    let (now, mut rng) = (Progress { steps: 1, total_timesteps: 1_000_000 }, Generator::new(SEED));
    whole.update(&rollout, now, &mut rng).unwrap();
    let state = whole.state().unwrap();
    let goes_on = |state: &LearnerState, first_env: usize| {
        let (mut resumed, ..) = learner(case);
        resumed.restore(state, whole.updates(), 1).unwrap();
        resumed.update(&RolloutBatch { first_env, ..rollout.clone() }, now, &mut rng.clone()).unwrap();
        resumed.state().unwrap()
    };
    let (resumed, forgetful) = (goes_on(&state, 0), goes_on(&LearnerState { numbers: vec![], ..state.clone() }, 0));
    let others = goes_on(&state, 2);
    whole.update(&rollout, now, &mut rng.clone()).unwrap();
    assert_eq!(whole.state().unwrap(), resumed);
    assert_ne!(resumed.networks[1].online, forgetful.networks[1].online);
    assert_eq!(others.networks[1].online, forgetful.networks[1].online, "nothing is known of them");
    assert_eq!(
        (others.numbers.len(), &others.numbers[..state.numbers.len()]),
        (2 * state.numbers.len(), &*state.numbers)
    );
}

/// V(s) along an episode, asked for step by step, is what the networks make of the whole sequence: with a memory of the value
/// function's own, the policy's, and none; of a learner and of its weights file. Nothing is said after a step that was left out.
#[test]
fn the_critic_follows_an_episode() {
    let path = std::env::temp_dir().join(format!("cartwheel-follows-{}.safetensors", std::process::id()));
    let observations: Vec<[f32; 3]> = (0..7).map(|t| [0, 1, 2].map(|i| ((3 * t + i) as f32 * 0.7).sin())).collect();
    for case in recorded("recurrent_ppo/updates.json").as_array().unwrap() {
        let (learner, acting, mlp, state) = learner(case);
        let (config, n) = (config(case), observations.len());
        let sequence = |mlp: &Mlp, begins: &[f32]| {
            let behind = if mlp.memory_len() > 0 { vec![n as f32] } else { Vec::new() };
            [begins, &behind, &vec![0.0; mlp.memory_len()]].concat()
        };
        let (x, mut scratch) = (observations.concat(), Activations::default());
        let reads = if config.shared_lstm {
            acting.mlp.forward(learner.parameters(), &sequence(&acting.mlp, &x), n, &mut scratch);
            let memories = acting.mlp.memories(&scratch)[..n * acting.mlp.memory_len()].to_vec();
            let last = memories.chunks_exact(acting.mlp.memory_len()).map(|memory| {
                let [units, layers] = acting.mlp.lstm_shape();
                &memory[2 * units * (layers - 1)..][..units]
            });
            last.flatten().copied().collect()
        } else {
            sequence(&mlp, &x)
        };
        let outputs = mlp.forward(&state.networks[1].online, &reads, n, &mut scratch);
        let expected: Vec<f32> = outputs.chunks_exact(mlp.output_stride()).take(n).map(|row| row[0]).collect();

        let (space, actions) = (Space::box_f32(vec![-1.0; 3], vec![1.0; 3]), space(case));
        let mut policy = Policy::new(&space, &actions, acting, learner.parameters().to_vec());
        policy.set_critic(learner.critic());
        std::fs::write(&path, policy.to_bytes()).unwrap();
        for mut policy in [policy, Policy::load(&path).unwrap()] {
            for round in 0..2 {
                policy.reset();
                for (t, row) in observations.iter().enumerate() {
                    let what = format!("{case:.40}: round {round}, step {t}");
                    for _ in 0..2 {
                        close(&[policy.appraise(Row::F32(row)).value.unwrap()], &expected[t..=t], 1e-6, &what);
                    }
                    policy.remember();
                }
            }
            policy.reset();
            policy.act(Row::F32(&observations[0]));
            let value = policy.appraise(Row::F32(&observations[1])).value;
            assert_eq!(value.is_none(), config.enable_critic_lstm, "{value:?}");
        }
    }
    std::fs::remove_file(&path).unwrap();
}
