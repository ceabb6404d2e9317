//! One DQN update against PyTorch's, recorded by tests/data/dqn/generate.py, and against the sum written out.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use cartwheel_agents::dqn::{Dqn, DqnConfig, IqnConfig, QrDqnConfig, Rule};
use cartwheel_agents::nn::{Device, TrainingState};
use cartwheel_agents::{Batch, Learner as _, LearnerState, OffPolicy as _, Progress};
use cartwheel_envs::{ActionRows, Generator};
use serde_json::Value;
use support::{close, flat, floats, recorded};

#[test]
fn an_update_is_pytorchs() {
    let cases: Vec<Value> = serde_json::from_value(recorded("dqn/updates.json")).unwrap();
    assert_eq!(
        cases.len(),
        17,
        "single and double, Huber and MSE; weighted, dueling, both; distributional; quantiles; implicit"
    );
    for case in cases {
        let of = ["double_q", "dueling", "loss_name", "weights", "n_atoms", "n_quantiles", "num_tau_samples"]
            .map(|key| format!("{key} {}", case[key]));
        let what = of.join(", ");
        let quantiles = QrDqnConfig {
            double_q: case["double_q"].as_bool().unwrap(),
            dueling: case["dueling"].as_bool().unwrap(),
            learning_rate: case["learning_rate"].as_f64().unwrap().into(),
            adam_eps: case["eps"].as_f64().unwrap(),
            max_grad_norm: case["max_grad_norm"].as_f64().unwrap(),
            net_arch: floats(&case["net_arch"]).iter().map(|n| *n as usize).collect(),
            n_quantiles: case["n_quantiles"].as_u64().unwrap_or(1) as usize,
            ..QrDqnConfig::default()
        };
        let config = DqnConfig {
            double_q: case["double_q"].as_bool().unwrap(),
            dueling: case["dueling"].as_bool().unwrap(),
            loss: case["loss_name"].as_str().unwrap().parse().unwrap(),
            learning_rate: case["learning_rate"].as_f64().unwrap().into(),
            adam_eps: case["eps"].as_f64().unwrap(),
            max_grad_norm: case["max_grad_norm"].as_f64().unwrap(),
            net_arch: floats(&case["net_arch"]).iter().map(|n| *n as usize).collect(),
            distributional: case["n_atoms"].is_u64(),
            n_atoms: case["n_atoms"].as_u64().unwrap_or(51) as usize,
            v_min: case["v_min"].as_f64().unwrap_or(-10.0),
            v_max: case["v_max"].as_f64().unwrap_or(10.0),
            ..DqnConfig::default()
        };
        let number = |key: &str| case[key].as_u64().unwrap_or(1) as usize;
        let implicit = IqnConfig {
            double_q: config.double_q,
            dueling: config.dueling,
            learning_rate: config.learning_rate,
            adam_eps: config.adam_eps,
            max_grad_norm: config.max_grad_norm,
            net_arch: config.net_arch.clone(),
            num_tau_samples: number("num_tau_samples"),
            num_quantile_samples: number("num_quantile_samples"),
            quantile_embedding_dim: number("quantile_embedding_dim"),
            ..IqnConfig::default()
        };
        let rule = if case["n_quantiles"].is_u64() {
            Rule::from(&quantiles)
        } else if case["num_tau_samples"].is_u64() {
            Rule::from(&implicit)
        } else {
            Rule::from(&config)
        };
        let mut dqn = Dqn::new(rule, 3, 4, Device::Cpu, &mut Generator::new(0)).unwrap();
        let mlp = dqn.mlp().clone();
        let online = flat(&mlp, &case["online"]);
        let state = TrainingState { target: flat(&mlp, &case["target"]), ..TrainingState::new(online) };
        dqn.restore(&LearnerState { networks: vec![state.clone()], numbers: vec![] }, 0, 0).unwrap();

        let gamma = case["gamma"].as_f64().unwrap() as f32;
        let mut batch = Batch::default();
        batch.resize(6, 3);
        batch.observations = floats(&case["observations"]);
        batch.next_observations = floats(&case["next_observations"]);
        batch.actions = ActionRows::Discrete(floats(&case["actions"]).iter().map(|a| *a as i32).collect());
        batch.returns = floats(&case["rewards"]);
        batch.discounts = floats(&case["terminated"]).iter().map(|t| gamma * (1.0 - t)).collect();
        batch.weights = floats(&case["weights"]);
        dqn.update(&batch, at(1), &mut Generator::new(0)).unwrap();
        let metric = |name: &str| dqn.metrics().iter().find(|(key, _)| *key == name).unwrap().1;

        close(dqn.td_errors(), &floats(&case["td_errors"]), 1e-6, &format!("{what}: TD errors"));
        close(dqn.targets(), &floats(&case["targets"]), 1e-6, &format!("{what}: targets"));
        close(&[metric("train/loss")], &floats(&case["loss"]), 1e-6, &format!("{what}: loss"));
        close(&[metric("train/grad_norm")], &floats(&case["grad_norm"]), 1e-5, &format!("{what}: gradient norm"));
        close(dqn.parameters(), &flat(&mlp, &case["after"]), 1e-6, &format!("{what}: weights after a step"));
        let moved = dqn.parameters().iter().zip(&state.online).any(|(a, b)| (a - b).abs() > 1e-3);
        assert!(moved, "{what}: nothing was learnt");
    }
}

/// At so many steps of a long run.
fn at(steps: u64) -> Progress {
    Progress { steps, total_timesteps: 1_000_000 }
}

#[test]
fn the_target_follows_when_its_interval_has_passed() {
    let config = DqnConfig { net_arch: vec![8], target_update_interval: 10, ..DqnConfig::default() };
    let batch = |dqn: &Dqn| {
        let mut batch = Batch::default();
        batch.resize(4, dqn.mlp().inputs());
        batch.observations.fill(0.5);
        batch.returns.fill(1.0);
        batch
    };
    for (tau, follows) in [(1.0, true), (0.25, false)] {
        let mut dqn =
            Dqn::new(&DqnConfig { tau, ..config.clone() }, 2, 2, Device::Cpu, &mut Generator::new(0)).unwrap();
        let network = |dqn: &Dqn| dqn.state().unwrap().networks.remove(0);
        let (batch, mut rng) = (batch(&dqn), Generator::new(0));
        let before = network(&dqn).target;
        for steps in 1..10 {
            dqn.update(&batch, at(steps), &mut rng).unwrap();
            assert_eq!(network(&dqn).target, before, "it stays until step 10");
        }
        dqn.update(&batch, at(10), &mut rng).unwrap();
        let state = network(&dqn);
        assert_eq!(state.target == state.online, follows);
        let expected: Vec<f32> = before.iter().zip(&state.online).map(|(t, o)| t + tau as f32 * (o - t)).collect();
        close(&state.target, &expected, 1e-6, "the share tau of the way");
    }
}
