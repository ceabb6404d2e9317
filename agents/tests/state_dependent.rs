//! State-dependent exploration against Stable-Baselines3's own policies, recorded by tests/data/sde/generate.py.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use cartwheel_agents::nn::Activations;
use cartwheel_agents::ppo::PpoConfig;
use cartwheel_agents::sac::SacConfig;
use cartwheel_agents::{Acting, Algorithm, Judgement, PolicyError};
use cartwheel_envs::{Action, Generator, Space};
use serde_json::Value;
use support::{close, flat, floats, recorded};

/// The logarithm of the density of numbers by a Gaussian's means and ln σ, and its gradient by each.
fn log_prob(outputs: &[f32], values: &[f32], grad: &mut [f32]) -> f32 {
    let n = values.len();
    let mut sum = 0.0;
    for (d, value) in values.iter().enumerate() {
        let (std, off) = (outputs[n + d].exp(), value - outputs[d]);
        sum += -0.5 * (off / std).powi(2) - std.ln() - 0.5 * std::f32::consts::TAU.ln();
        grad[d] = off / (std * std);
        grad[n + d] = (off / std).powi(2) - 1.0;
    }
    sum
}

#[test]
fn policies_are_those_of_stable_baselines() {
    let cases: Vec<Value> = serde_json::from_value(recorded("sde/policies.json")).unwrap();
    assert_eq!(cases.len(), 2, "PPO's and SAC's");
    let (observations, arms) =
        (Space::box_f32(vec![-9.0; 3], vec![9.0; 3]), Space::box_f32(vec![-1.0; 2], vec![1.0; 2]));
    for case in cases {
        let squashed = case["squashed"].as_bool().unwrap();
        let net_arch: Vec<usize> = floats(&case["net_arch"]).iter().map(|n| *n as usize).collect();
        let ppo = PpoConfig { use_sde: true, net_arch: net_arch.clone().into(), ..PpoConfig::default() };
        let sac = SacConfig { use_sde: true, net_arch: net_arch.into(), ..SacConfig::default() };
        let (algorithm, what): (&dyn Algorithm, _) = if squashed { (&sac, "SAC") } else { (&ppo, "PPO") };
        let acting = Acting::new(algorithm, &observations, &arms).unwrap();
        let (mlp, parameters) = (&acting.mlp, flat(&acting.mlp, &case["parameters"]));
        let (x, actions, expected) =
            (floats(&case["observations"]), floats(&case["actions"]), floats(&case["log_prob"]));
        let (n, stride) = (expected.len(), mlp.output_stride());
        let mut scratch = Activations::default();
        let outputs = mlp.forward(&parameters, &x, n, &mut scratch).to_vec();
        let (by_log_prob, by_entropy) = (floats(&case["by_log_prob"]), floats(&case["by_entropy"]));
        let (mut grad, mut means, mut stds, mut log_probs) = (vec![0.0; outputs.len()], vec![], vec![], vec![]);
        for (i, (row, grad)) in outputs.chunks_exact(stride).zip(grad.chunks_exact_mut(stride)).enumerate() {
            means.extend_from_slice(&row[..2]);
            stds.extend(row[2..4].iter().map(|log_std| log_std.exp()));
            let values = &actions[2 * i..2 * i + 2];
            let mut found = log_prob(row, values, grad);
            grad.iter_mut().for_each(|grad| *grad *= by_log_prob[i]);
            if squashed {
                found -= values.iter().map(|value| (1.0 - value.tanh().powi(2) + 1e-6).ln()).sum::<f32>();
            } else {
                assert!((acting.actions.log_prob(row, Action::Continuous(values)) - found).abs() < 1e-4);
                grad[2..4].iter_mut().for_each(|grad| *grad += by_entropy[i]);
            }
            log_probs.push(found);
        }
        close(&means, &floats(&case["mean"]), 1e-5, &format!("{what}: means"));
        close(&stds, &floats(&case["std"]), 1e-5, &format!("{what}: deviations"));
        close(&log_probs, &expected, 1e-4, &format!("{what}: log-probabilities"));
        assert_eq!(means.iter().any(|mean| mean.abs() == 2.0), squashed, "{what}: {means:?}");
        let mut judgement = Judgement::None;
        acting.actions.judge(&outputs, &mut judgement);
        let Judgement::Gaussian { std, .. } = judgement else { panic!("{judgement:?}") };
        assert!(squashed || std == stds[..2], "what viewers are told: {std:?} {stds:?}");

        let mut gradient = vec![0.0; mlp.flat_len()];
        mlp.backward(&parameters, &x, n, &mut scratch, &grad, &mut gradient);
        for (name, expected) in case["gradient"].as_object().unwrap() {
            let found = mlp.tensors(&gradient).into_iter().find(|tensor| tensor.name == *name).unwrap();
            close(&found.values, &floats(expected), 1e-4, &format!("{what}: gradient by {name}"));
        }
    }
}

/// Over many matrices, what they add in a state is as far spread as the network says.
#[test]
fn matrices_make_noise_of_the_deviations_that_are_told() {
    let case = &recorded("sde/policies.json")[0];
    let config = PpoConfig { use_sde: true, net_arch: vec![7, 5].into(), ..PpoConfig::default() };
    let (observations, arms) =
        (Space::box_f32(vec![-9.0; 3], vec![9.0; 3]), Space::box_f32(vec![-1.0; 2], vec![1.0; 2]));
    let mlp = Acting::new(&config, &observations, &arms).unwrap().mlp;
    let (parameters, mut scratch, mut rng) =
        (flat(&mlp, &case["parameters"]), Activations::default(), Generator::new(3));
    mlp.forward(&parameters, &floats(&case["observations"]), 8, &mut scratch);
    let (mut matrix, draws) = (vec![0.0; mlp.exploration_len()], 20_000);
    assert_eq!(matrix.len(), 10);
    let mut squares = [0.0; 16];
    for _ in 0..draws {
        mlp.draw_exploration(&parameters, &mut rng, &mut matrix);
        for (at, square) in squares.iter_mut().enumerate() {
            *square += f64::from(mlp.exploration_noise(&matrix, &scratch, at / 2, at % 2)).powi(2) / f64::from(draws);
        }
    }
    for (square, std) in squares.iter().zip(floats(&case["std"])) {
        assert!((square.sqrt() as f32 / std - 1.0).abs() < 0.03, "{} for {std}", square.sqrt());
    }
}

#[test]
fn actions_that_are_counted_are_refused() {
    let config = PpoConfig { use_sde: true, ..PpoConfig::default() };
    let refused = Acting::new(&config, &Space::box_f32(vec![0.0], vec![1.0]), &Space::discrete(3));
    let Err(PolicyError::Exploration(reason)) = refused else { panic!("{refused:?}") };
    assert!(reason.contains("ppo.use_sde = true") && reason.contains("Discrete(3)"), "{reason}");
}
