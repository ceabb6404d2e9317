//! Noisy layers against PyTorch's, recorded by tests/data/dqn/noisy.py, against finite differences, and in an update.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use cartwheel_agents::dqn::{Dqn, DqnConfig};
use cartwheel_agents::nn::{
    Activation, Cpu, Device, Fused, Method, Mlp, NamedTensor, Net, Network, NnError, Optimizer, Stock, TrainingState,
};
use cartwheel_agents::{Batch, Learner as _, LearnerState, OffPolicy as _, Progress};
use cartwheel_envs::{ActionRows, Generator};
use serde_json::Value;

/// A step that leaves the gradient in Adam's first moment, a tenth of it, and moves nothing to speak of.
const LOOK: Optimizer =
    Optimizer { method: Method::Adam, learning_rate: 1e-30, eps: 1e-8, max_grad_norm: f32::INFINITY };

fn floats(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(items) => items.iter().flat_map(floats).collect(),
        number => vec![number.as_f64().unwrap() as f32],
    }
}

/// The flat buffer of `what` of each tensor, such as its gradient.
fn flat(mlp: &Mlp, tensors: &Value, what: &str) -> Vec<f32> {
    let shape = |value: &Value| match value {
        Value::Array(rows) if rows[0].is_array() => vec![rows.len(), rows[0].as_array().unwrap().len()],
        values => vec![values.as_array().unwrap().len()],
    };
    let find = |name: &str| {
        let value = &tensors[name][what];
        Some(NamedTensor { name: name.into(), shape: shape(value), values: floats(value) })
    };
    mlp.flatten(find).unwrap()
}

#[track_caller]
fn close(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= tolerance * expected.abs().max(1.0), "{i}: {found} for {expected}");
    }
}

/// Both forms of `mlp`, from `online`.
fn forms(mlp: &Mlp, online: Vec<f32>) -> [Box<dyn Network>; 2] {
    let state = TrainingState::new(online);
    let stock = Stock::new(mlp.clone(), Cpu::default(), &state).unwrap();
    [Box::new(Fused::new(mlp.clone(), &state).unwrap()), Box::new(stock)]
}

#[test]
fn outputs_and_gradients_are_pytorchs() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/dqn/noisy.json");
    let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(cases.len(), 2, "plain and dueling");
    for case in cases {
        let hidden: Vec<usize> = floats(&case["net_arch"]).iter().map(|n| *n as usize).collect();
        let mlp = match case["dueling"].as_bool().unwrap() {
            true => Mlp::dueling(3, &hidden, 4, 1, Activation::Relu),
            false => Mlp::new(3, &hidden, 4, Activation::Relu),
        };
        let mlp = mlp.noisy(0.5);
        let both = |what: &str| [flat(&mlp, &case["mu"], what), flat(&mlp, &case["sigma"], what)].concat();
        let (x, grads, stride) = (floats(&case["observations"]), floats(&case["grads"]), mlp.output_stride());
        for mut network in forms(&mlp, both("value")) {
            network.set_noise(Net::Online, &floats(&case["drawn"])).unwrap();
            let outputs = network.forward(Net::Online, &x, 6).unwrap().to_vec();
            let rows: Vec<f32> = outputs.chunks(stride).flat_map(|row| row[..4].to_vec()).collect();
            close(&rows, &floats(&case["outputs"]), 1e-5);
            let mut loss = |_: &[f32], grad: &mut [f32]| {
                for (to, from) in grad.chunks_mut(stride).zip(grads.chunks(4)) {
                    to[..4].copy_from_slice(from);
                }
                0.0
            };
            network.step(&x, 6, &LOOK, &mut loss).unwrap();
            let gradient: Vec<f32> = network.state().unwrap().first_moment.iter().map(|m| m * 10.0).collect();
            close(&gradient, &both("gradient"), 1e-4);
        }
    }
}

/// Only the last two layers have noise, whose σ begin at σ₀/√inputs, and the gradients by all are the gradients of the loss.
#[test]
fn gradients_agree_with_finite_differences() {
    let mut rng = Generator::new(3);
    for mlp in [
        Mlp::new(3, &[9, 6], 4, Activation::Tanh),
        Mlp::new(3, &[], 4, Activation::Tanh),
        Mlp::dueling(3, &[9, 6], 2, 2, Activation::Tanh),
    ] {
        let mlp = mlp.noisy(0.5);
        let n = mlp.flat_len();
        let start = mlp.with_fresh_noise(mlp.init(&mut rng));
        let sigmas = mlp.tensors(&start[n..]);
        let noisy: Vec<_> = sigmas.iter().filter(|t| t.values.iter().any(|sigma| *sigma > 0.0)).collect();
        let first = sigmas.iter().find(|t| t.name.starts_with("network.0") || t.shape == [9, 3]);
        assert!(first.is_none_or(|t| !noisy.contains(&t)), "the first layer of three has none");
        for tensor in noisy.iter().filter(|t| t.shape.len() == 2) {
            let expected = 0.5 / (tensor.shape[1] as f32).sqrt();
            assert!(tensor.values.iter().all(|sigma| (sigma - expected).abs() < 1e-6), "{tensor:?}");
        }
        let x: Vec<f32> = (0..12).map(|_| rng.uniform(-1.0, 1.0) as f32).collect();
        let weights: Vec<f32> = (0..4 * mlp.output_stride())
            .map(|i| if i % mlp.output_stride() < 4 { rng.uniform(-1.0, 1.0) as f32 } else { 0.0 })
            .collect();
        let (mut drawn, sum) =
            (Vec::new(), |y: &[f32]| y.iter().zip(&weights).map(|(y, w)| f64::from(y * w)).sum::<f64>());
        mlp.draw_noise(&mut rng, &mut drawn);
        let value = |parameters: &[f32]| {
            let mut network = Fused::new(mlp.clone(), &TrainingState::new(parameters.to_vec())).unwrap();
            network.set_noise(Net::Online, &drawn).unwrap();
            sum(network.forward(Net::Online, &x, 4).unwrap())
        };
        let gradients = forms(&mlp, start.clone()).map(|mut network| {
            network.set_noise(Net::Online, &drawn).unwrap();
            let mut loss = |_: &[f32], grad: &mut [f32]| {
                grad.copy_from_slice(&weights);
                0.0
            };
            network.step(&x, 4, &LOOK, &mut loss).unwrap();
            network.state().unwrap().first_moment.iter().map(|m| m * 10.0).collect::<Vec<f32>>()
        });
        close(&gradients[0], &gradients[1], 1e-4);
        let real = |at: &usize| start[*at] != 0.0;
        assert!(gradients[0].iter().enumerate().all(|(at, grad)| real(&at) || *grad == 0.0), "padding got a gradient");
        for at in (0..2 * n).filter(real).step_by(5) {
            let by = |step: f32| {
                let mut moved = start.clone();
                moved[at] += step;
                moved
            };
            let grad = (value(&by(1e-2)) - value(&by(-1e-2))) / 2e-2;
            assert!(
                (grad - f64::from(gradients[0][at])).abs() < 2e-3 * grad.abs().max(1.0),
                "{at}: {grad} {}",
                gradients[0][at]
            );
        }
    }
}

fn config() -> DqnConfig {
    DqnConfig { noisy: true, net_arch: vec![8, 8], learning_rate: 0.01.into(), ..DqnConfig::default() }
}

fn batch() -> Batch {
    let (mut batch, mut rng) = (Batch::default(), Generator::new(8));
    batch.resize(6, 3);
    let inputs = batch.observations.iter_mut().chain(&mut batch.next_observations).chain(&mut batch.returns);
    inputs.for_each(|x| *x = rng.uniform(-1.0, 1.0) as f32);
    batch.discounts.fill(0.9);
    batch.actions = ActionRows::Discrete(vec![0, 1, 2, 3, 0, 1]);
    batch
}

/// An update draws noise for the trained network and other noise for its target, which values what the first chose.
#[test]
fn an_update_has_noise_of_its_own() {
    let mut dqn = Dqn::new(&config(), 3, 4, Device::Cpu, &mut Generator::new(0)).unwrap();
    let (before, batch) = (dqn.state().unwrap().networks.remove(0), batch());
    let mlp = dqn.mlp().clone();
    dqn.update(&batch, Progress { steps: 1, total_timesteps: 100 }, &mut Generator::new(5)).unwrap();

    let mut network = Fused::new(mlp.clone(), &before).unwrap();
    let (mut rng, mut drawn, mut expected) = (Generator::new(5), Vec::new(), Vec::new());
    let mut outputs = [Net::Online, Net::Target].map(|net| {
        mlp.draw_noise(&mut rng, &mut drawn);
        network.set_noise(net, &drawn).unwrap();
        network.forward(net, &batch.next_observations, 6).unwrap().to_vec()
    });
    let [online, target] = &mut outputs;
    for (i, row) in online.chunks(mlp.output_stride()).enumerate() {
        let best = (0..4).reduce(|best, other| if row[other] > row[best] { other } else { best }).unwrap();
        expected.push(batch.returns[i] + 0.9 * target[i * mlp.output_stride() + best]);
    }
    close(dqn.targets(), &expected, 1e-6);
}

/// Actors act with noise, evaluation without it, and a checkpoint keeps both.
#[test]
fn what_acts_has_noise_and_goes_on_with_it() {
    let mut dqn = Dqn::new(&config(), 3, 4, Device::Cpu, &mut Generator::new(0)).unwrap();
    let acting = |dqn: &Dqn| {
        let mut parameters = Vec::new();
        dqn.write_acting_parameters(&mut parameters);
        parameters
    };
    assert_eq!(acting(&dqn).len(), dqn.parameters().len());
    assert!(acting(&dqn) != dqn.parameters(), "no noise");
    let (first, mut rng) = (acting(&dqn), Generator::new(1));
    let step = |dqn: &mut Dqn, rng: &mut Generator| {
        dqn.update(&batch(), Progress { steps: 1, total_timesteps: 100 }, rng).unwrap();
    };
    step(&mut dqn, &mut rng);
    assert!(acting(&dqn).iter().zip(&first).any(|(a, b)| (a - b).abs() > 0.1), "the same noise");
    let mut resumed = Dqn::new(&config(), 3, 4, Device::Cpu, &mut Generator::new(7)).unwrap();
    let state = dqn.state().unwrap();
    resumed.restore(&state, 1, 1).unwrap();
    assert_eq!(acting(&resumed), acting(&dqn));
    let mut again = rng.clone();
    step(&mut dqn, &mut rng);
    step(&mut resumed, &mut again);
    assert_eq!(resumed.state().unwrap(), dqn.state().unwrap());
    let other = LearnerState { numbers: vec![0.0], ..state };
    assert!(matches!(resumed.restore(&other, 1, 1), Err(NnError::StateSize { .. })));

    // Weights say nothing of noise: a run that begins with them begins with as much as any.
    let mut begun = Dqn::new(&config(), 3, 4, Device::Cpu, &mut Generator::new(7)).unwrap();
    begun.begin_with(dqn.parameters().to_vec(), None).unwrap();
    assert_eq!(begun.parameters(), dqn.parameters());
    assert!(begun.begin_with(vec![0.0; 3], None).is_err());
}
