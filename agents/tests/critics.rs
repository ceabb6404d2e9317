//! What DDPG, TD3 and SAC learn their value functions towards: a terminal state is worth nothing more, any other bootstraps
//! with its discount.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use cartwheel_agents::nn::{Activation, Activations, Device, Mlp};
use cartwheel_agents::sac::{Sac, SacConfig};
use cartwheel_agents::td3::{Rule, Td3, Td3Config};
use cartwheel_agents::{Acting, Algorithm, Batch, Learner, OffPolicy as _, Progress, Schedule};
use cartwheel_envs::{ActionRows, Generator, Space};

const DISCOUNTS: [f32; 4] = [0.9, 0.0, 0.81, 0.0];

fn acting(algorithm: &dyn Algorithm) -> Acting {
    let unit = |n: usize| Space::box_f32(vec![-1.0; n], vec![1.0; n]);
    Acting::new(algorithm, &unit(3), &unit(2)).unwrap()
}

fn batch(rng: &mut Generator) -> Batch {
    let mut draw = |n: usize| (0..n).map(|_| rng.uniform(-1.0, 1.0) as f32).collect::<Vec<_>>();
    let mut batch = Batch::like(&ActionRows::Continuous { width: 2, values: Vec::new() });
    batch.resize(4, 3);
    (batch.observations, batch.next_observations, batch.returns) = (draw(12), draw(12), draw(4));
    batch.actions = ActionRows::Continuous { width: 2, values: draw(8) };
    batch.discounts = DISCOUNTS.into();
    batch
}

/// The first outputs of each row.
fn outputs(mlp: &Mlp, parameters: &[f32], x: &[f32], count: usize) -> Vec<f32> {
    let mut scratch = Activations::default();
    let outputs = mlp.forward(parameters, x, x.len() / mlp.inputs(), &mut scratch);
    outputs.chunks_exact(mlp.output_stride()).flat_map(|row| &row[..count]).copied().collect()
}

/// The least of the target value functions where the target policy's own action is taken.
fn bootstrap(learner: &dyn Learner, acting: &Acting, next: &[f32]) -> Vec<f32> {
    let state = learner.state().unwrap();
    let actions: Vec<f32> = outputs(&acting.mlp, &state.networks[0].target, next, 2).iter().map(|x| x.tanh()).collect();
    let rows = next.chunks_exact(3).zip(actions.chunks_exact(2));
    let x: Vec<f32> = rows.flat_map(|(next, action)| [next, action].concat()).collect();
    let critic = Mlp::new(5, &[8], 1, Activation::Relu);
    let values = state.networks[1..].iter().map(|network| outputs(&critic, &network.target, &x, 1));
    values.reduce(|a, b| a.iter().zip(&b).map(|(a, b)| a.min(*b)).collect()).unwrap()
}

fn rule(policy_delay: u64, n_critics: usize) -> Rule {
    Rule {
        learning_rate: Schedule::Constant(1e-3),
        tau: 0.5,
        policy_delay,
        target_policy_noise: 0.0,
        target_noise_clip: 0.0,
        n_critics,
        net_arch: vec![8],
        activation_fn: Activation::Relu,
    }
}

/// Means over updates are then of the policy's own steps, and the same after a run went on from between two of them.
#[test]
fn a_policy_that_waits_tells_no_loss() {
    let acting = acting(&Td3Config { net_arch: vec![8].into(), ..Td3Config::default() });
    let mut rng = Generator::new(4);
    let mut learner = Td3::new(rule(2, 2), &acting, Device::Cpu, &mut rng).unwrap();
    for steps in [false, true, false] {
        learner.update(&batch(&mut rng), Progress::default(), &mut rng).unwrap();
        let told = |name: &str| learner.metrics().iter().any(|(own, _)| *own == name);
        assert!(told("train/critic_loss"));
        assert_eq!([told("train/actor_loss"), told("train/grad_norm")], [steps; 2]);
    }
}

#[test]
fn targets_are_the_return_and_the_discounted_least_value() {
    for n_critics in [1, 2] {
        let acting = acting(&Td3Config { net_arch: vec![8].into(), ..Td3Config::default() });
        let mut rng = Generator::new(4);
        let mut learner = Td3::new(rule(1, n_critics), &acting, Device::Cpu, &mut rng).unwrap();
        // The second time targets and trained parameters differ.
        for _ in 0..2 {
            let batch = batch(&mut rng);
            let next = bootstrap(&learner, &acting, &batch.next_observations);
            learner.update(&batch, Progress::default(), &mut rng).unwrap();
            for (i, found) in learner.targets().iter().enumerate() {
                let expected = batch.returns[i] + DISCOUNTS[i] * next[i];
                assert!((found - expected).abs() < 1e-5, "{n_critics} {i}: {found} {expected}");
            }
        }
    }
}

#[test]
fn a_soft_target_counts_neither_value_nor_entropy_after_a_terminal_state() {
    let config = SacConfig { net_arch: vec![8].into(), ..SacConfig::default() };
    let acting = acting(&config);
    let mut rng = Generator::new(4);
    let mut learner = Sac::new(config, &acting, Device::Cpu, &mut rng).unwrap();
    let batch = batch(&mut rng);
    learner.update(&batch, Progress::default(), &mut rng).unwrap();
    for (i, target) in learner.targets().iter().enumerate() {
        assert_eq!(*target == batch.returns[i], DISCOUNTS[i] == 0.0, "{i}: {target} {}", batch.returns[i]);
    }
}
