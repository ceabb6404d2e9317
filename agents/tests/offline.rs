//! Updates of what learns from datasets against PyTorch's, recorded by the generate.py of tests/data/bc and tests/data/cql.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use cartwheel_agents::bc::BcConfig;
use cartwheel_agents::cql::{ContinuousCql, CqlConfig};
use cartwheel_agents::nn::{Activation, Device, Mlp, TrainingState};
use cartwheel_agents::sac::EntCoef;
use cartwheel_agents::{Acting, Algorithm, AnyLearner, Batch, Learner, LearnerState, OffPolicy, Progress, Schedule};
use cartwheel_envs::{ActionRows, Generator, Space};
use rand_distr::{Distribution as _, StandardNormal};
use serde_json::Value;
use support::{close, flat, floats, recorded};

const NOW: Progress = Progress { steps: 1, total_timesteps: 1_000_000 };
/// What the script for CQL was given is drawn by.
const SEED: u64 = 7;

fn float(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn sizes(value: &Value) -> Vec<usize> {
    floats(value).iter().map(|x| *x as usize).collect()
}

fn boxed(n: usize) -> Space {
    Space::box_f32(vec![-1.0; n], vec![1.0; n])
}

fn off_policy(algorithm: &dyn Algorithm, acting: &Acting) -> Box<dyn OffPolicy> {
    match algorithm.learner(acting, Device::Cpu, &mut Generator::new(0)).unwrap() {
        AnyLearner::OffPolicy(learner) => learner,
        AnyLearner::OnPolicy(_) => panic!("what learns from a dataset is off-policy"),
    }
}

fn same_metrics(learner: &dyn Learner, expected: &Value, what: &str) {
    for (name, expected) in expected.as_object().unwrap() {
        let found = learner.metrics().iter().find(|(key, _)| key == name).unwrap().1;
        close(&[found], &[float(expected) as f32], 2e-5, &format!("{what}: {name}"));
    }
}

/// The transitions of a case.
fn batch(case: &Value, actions: ActionRows) -> Batch {
    let gamma = float(&case["gamma"]) as f32;
    let mut batch = Batch { actions, ..Batch::default() };
    batch.resize(floats(&case["rewards"]).len(), 3);
    batch.observations = floats(&case["observations"]);
    batch.next_observations = floats(&case["next_observations"]);
    batch.returns = floats(&case["rewards"]);
    batch.discounts = floats(&case["terminated"]).iter().map(|terminated| gamma * (1.0 - terminated)).collect();
    batch
}

/// A network as it was before, with its target.
fn before(mlp: &Mlp, online: &Value, target: &Value) -> TrainingState {
    let state = TrainingState::new(flat(mlp, online));
    let target = if target.is_null() { state.online.clone() } else { flat(mlp, target) };
    TrainingState { target, ..state }
}

#[test]
fn updates_of_behaviour_cloning_are_pytorchs() {
    let cases = recorded("bc/updates.json").as_array().unwrap().clone();
    assert_eq!(
        cases.len(),
        7,
        "counted, of several parts, and numbers; much and little entropy; with weight on parameters"
    );
    for case in cases {
        let config = BcConfig {
            learning_rate: Schedule::Constant(float(&case["learning_rate"])),
            ent_weight: float(&case["ent_weight"]),
            l2_weight: float(&case["l2_weight"]),
            net_arch: sizes(&case["net_arch"]),
            ..BcConfig::default()
        };
        let counts: Vec<i32> = sizes(&case["counts"]).into_iter().map(|n| n as i32).collect();
        let space = match counts[..] {
            [] => boxed(2),
            [n] => Space::discrete(n),
            _ => Space::multi_discrete(counts.clone()),
        };
        let what = format!("{space}, ent_weight {}, l2_weight {}", config.ent_weight, config.l2_weight);
        let acting = Acting::new(&config, &boxed(3), &space).unwrap();
        let mut bc = off_policy(&config, &acting);
        let state = before(&acting.mlp, &case["before"], &Value::Null);
        bc.restore(&LearnerState { networks: vec![state], numbers: vec![] }, 0, 0).unwrap();
        let values = floats(&case["actions"]);
        let integers = || values.iter().map(|x| *x as i32).collect();
        let actions = match acting.actions.rows(0) {
            ActionRows::Discrete(_) => ActionRows::Discrete(integers()),
            ActionRows::Multi { width, .. } => ActionRows::Multi { width, values: integers() },
            ActionRows::Continuous { width, .. } => ActionRows::Continuous { width, values: values.clone() },
        };
        let mut batch = Batch { actions, ..Batch::default() };
        batch.resize(6, 3);
        batch.observations = floats(&case["observations"]);
        for update in case["updates"].as_array().unwrap() {
            bc.update(&batch, NOW, &mut Generator::new(0)).unwrap();
            same_metrics(&*bc, update, &what);
        }
        close(bc.parameters(), &flat(&acting.mlp, &case["after"]), 1e-5, &what);
    }
}

#[test]
fn updates_of_discrete_cql_are_pytorchs() {
    let cases = recorded("cql/updates.json")["discrete"].as_array().unwrap().clone();
    assert_eq!(cases.len(), 2, "a small weight and a great one");
    for case in cases {
        let config = CqlConfig {
            learning_rate: float(&case["learning_rate"]).into(),
            tau: float(&case["tau"]),
            conservative_weight: Some(float(&case["weight"])),
            net_arch: sizes(&case["net_arch"]).into(),
            ..CqlConfig::default()
        };
        let what = format!("weight {}", case["weight"]);
        let acting = Acting::new(&config, &boxed(3), &Space::discrete(4)).unwrap();
        let mut cql = off_policy(&config, &acting);
        let state = before(&acting.mlp, &case["actor"], &case["actor_target"]);
        cql.restore(&LearnerState { networks: vec![state], numbers: vec![] }, 0, 0).unwrap();
        let actions = ActionRows::Discrete(floats(&case["actions"]).iter().map(|x| *x as i32).collect());
        let batch = batch(&case, actions);
        for (i, update) in (1..).zip(case["updates"].as_array().unwrap()) {
            cql.update(&batch, Progress { steps: i, ..NOW }, &mut Generator::new(0)).unwrap();
            same_metrics(&*cql, &update["metrics"], &format!("{what}, update {i}"));
        }
        let after = cql.state().unwrap().networks.remove(0);
        close(&after.online, &flat(&acting.mlp, &case["actor_after"]), 1e-5, &what);
        close(&after.target, &flat(&acting.mlp, &case["actor_target_after"]), 1e-5, &format!("{what}: target"));
    }
}

/// As many numbers as the script needs, in the order in which an update draws them.
fn draws() -> Vec<f32> {
    let (batch, dimensions, samples) = (6, 2, 3);
    let mut rng = Generator::new(SEED);
    let mut drawn = Vec::new();
    for _ in 0..3 {
        let sampled = batch * samples * dimensions;
        let normal =
            |count: usize, rng: &mut Generator| (0..count).map(|_| StandardNormal.sample(rng)).collect::<Vec<f32>>();
        drawn.extend(normal(batch * dimensions + 2 * sampled, &mut rng));
        drawn.extend((0..sampled).map(|_| rng.uniform(-1.0, 1.0) as f32));
        drawn.extend(normal(batch * dimensions, &mut rng));
    }
    drawn
}

#[test]
fn the_script_has_what_our_generator_draws() {
    if std::env::var_os("UPDATE_NOISE").is_some() {
        let path = format!("{}/../tests/data/cql/draws.json", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(path, serde_json::to_string(&draws()).unwrap() + "\n").unwrap();
    }
    let advice = "draw it anew with UPDATE_NOISE=1, then run generate.py in tests/data/cql";
    assert_eq!(floats(&recorded("cql/draws.json")), draws(), "{advice}");
}

#[test]
fn updates_of_continuous_cql_are_pytorchs() {
    let cases = recorded("cql/updates.json")["continuous"].as_array().unwrap().clone();
    assert_eq!(cases.len(), 3, "with and without entropy in targets; a weight that is learnt");
    for case in cases {
        let config = CqlConfig {
            learning_rate: float(&case["learning_rate"]).into(),
            actor_learning_rate: float(&case["actor_learning_rate"]).into(),
            alpha_learning_rate: float(&case["alpha_learning_rate"]),
            tau: float(&case["tau"]),
            conservative_weight: Some(float(&case["weight"])),
            alpha_threshold: case["threshold"].as_f64(),
            soft_q_backup: case["soft_q_backup"].as_bool().unwrap(),
            n_action_samples: float(&case["samples"]) as usize,
            ent_coef: EntCoef::Auto(0.5),
            net_arch: sizes(&case["net_arch"]).into(),
            ..CqlConfig::default()
        };
        let what = format!("weight {}, threshold {}", case["weight"], case["threshold"]);
        let acting = Acting::new(&config, &boxed(3), &boxed(2)).unwrap();
        let critic = Mlp::new(3 + 2, &config.net_arch.qf, 1, Activation::Relu);
        let mut cql = ContinuousCql::new(&config, &acting, Device::Cpu, &mut Generator::new(0)).unwrap();
        let critics = |after: &str| -> Vec<TrainingState> {
            let of = |name: &str| case[format!("{name}{after}")].as_array().unwrap().clone();
            let pairs = of("critics").into_iter().zip(of("critic_targets"));
            pairs.map(|(online, target)| before(&critic, &online, &target)).collect()
        };
        let mut networks = critics("");
        networks.insert(0, before(&acting.mlp, &case["actor"], &Value::Null));
        let begun = cql.state().unwrap().numbers;
        cql.restore(&LearnerState { networks, numbers: begun }, 0, 0).unwrap();
        let batch = batch(&case, ActionRows::Continuous { width: 2, values: floats(&case["actions"]) });
        let mut rng = Generator::new(SEED);
        for (i, update) in case["updates"].as_array().unwrap().iter().enumerate() {
            cql.update(&batch, NOW, &mut rng).unwrap();
            close(cql.targets(), &floats(&update["targets"]), 1e-5, &format!("{what}, update {i}: targets"));
            same_metrics(&cql, &update["metrics"], &format!("{what}, update {i}"));
        }
        let after = cql.state().unwrap();
        close(&after.networks[0].online, &flat(&acting.mlp, &case["actor_after"]), 1e-5, &what);
        for (i, expected) in critics("_after").iter().enumerate() {
            close(&after.networks[1 + i].online, &expected.online, 1e-5, &format!("{what}: critic {i}"));
            close(&after.networks[1 + i].target, &expected.target, 1e-5, &format!("{what}: target {i}"));
        }
        let number = |i: usize, key: &str| {
            assert!((after.numbers[i] - float(&case[key])).abs() < 1e-5, "{what}: {key}: {}", after.numbers[i]);
        };
        number(0, "log_ent_coef_after");
        if case["threshold"].is_number() {
            number(4, "log_alpha_after");
            // A checkpoint goes on with that weight.
            let mut again = ContinuousCql::new(&config, &acting, Device::Cpu, &mut Generator::new(1)).unwrap();
            again.restore(&after, 3, 3).unwrap();
            assert_eq!(again.state().unwrap(), after);
        }
    }
}
