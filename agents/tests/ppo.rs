//! One PPO update against the loss written out: its gradients by finite differences.
//!
//! Adam's first step is lr · g / (|g| + eps): with lr = eps far above the gradient it is the gradient itself, so that what
//! parameters move by is what the update took for the gradient of its loss.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cartwheel_agents::advantage::{Values, gae};
use cartwheel_agents::nn::{Activation, Activations, Device, Mlp};
use cartwheel_agents::ppo::{Ppo, PpoConfig};
use cartwheel_agents::{
    Acting, Judgement, Learner as _, LearnerState, OnPolicy as _, Progress, RolloutBatch, Schedule,
};
use cartwheel_envs::{ActionRows, Generator, Space};

const FAR: f64 = 1e4;

/// A rollout of a policy that is not quite `acting`'s, with ends of each kind.
fn rollout(acting: &Acting, parameters: &[f32], rng: &mut Generator) -> RolloutBatch {
    let (steps, envs, width) = (4, 3, acting.features.width());
    let n = steps * envs;
    let mut draw = |n: usize| (0..n).map(|_| rng.uniform(-1.0, 1.0) as f32).collect::<Vec<_>>();
    let (observations, rewards, finals, last) = (draw(n * width), draw(n), draw(2 * width), draw(envs * width));
    let (nudges, mut actions) = (draw(n), acting.actions.rows(n));
    let mut scratch = Activations::default();
    let outputs = acting.mlp.forward(parameters, &observations, n, &mut scratch).to_vec();
    let rows = outputs.chunks_exact(acting.mlp.output_stride()).enumerate();
    let mut log_probs = Vec::new();
    for (i, row) in rows {
        acting.actions.sample(row, rng, i, &mut actions);
        log_probs.push(acting.actions.log_prob(row, actions.get(i)) + 0.3 * nudges[i]);
    }
    let at = |row: usize| (0..n).map(|i| i == row).collect::<Vec<_>>();
    let (terminated, truncated) = (at(4), at(7));
    RolloutBatch {
        steps,
        envs,
        observations,
        actions,
        log_probs,
        rewards,
        terminated,
        truncated,
        final_observations: finals,
        last_observations: last,
        ..RolloutBatch::default()
    }
}

fn values(critic: &Mlp, parameters: &[f32], x: &[f32]) -> Vec<f32> {
    let (n, mut scratch) = (x.len() / critic.inputs(), Activations::default());
    let outputs = critic.forward(parameters, x, n, &mut scratch);
    outputs.chunks_exact(critic.output_stride()).take(n).map(|row| row[0]).collect()
}

fn entropy(acting: &Acting, outputs: &[f32]) -> f64 {
    let mut judgement = Judgement::None;
    acting.actions.judge(outputs, &mut judgement);
    match judgement {
        Judgement::Probabilities(p) => -p.iter().map(|p| f64::from(*p) * f64::from(*p).ln()).sum::<f64>(),
        Judgement::Gaussian { std, .. } => {
            std.iter().map(|std| 0.5 * (std::f64::consts::TAU * std::f64::consts::E).ln() + f64::from(*std).ln()).sum()
        }
        other => panic!("{other:?}"),
    }
}

/// −E[min(ρ A, clip(ρ) A)] − ent_coef · E[H], by the parameters of the policy.
fn policy_loss(
    acting: &Acting,
    parameters: &[f32],
    rollout: &RolloutBatch,
    advantages: &[f64],
    config: &PpoConfig,
) -> f64 {
    let (n, mut scratch) = (rollout.len(), Activations::default());
    let outputs = acting.mlp.forward(parameters, &rollout.observations, n, &mut scratch);
    let clip = config.clip_range.initial();
    let of = |(i, row): (usize, &[f32])| {
        let log_ratio = acting.actions.log_prob(row, rollout.actions.get(i)) - rollout.log_probs[i];
        let ratio = f64::from(log_ratio).exp();
        let gain = (ratio * advantages[i]).min(ratio.clamp(1.0 - clip, 1.0 + clip) * advantages[i]);
        gain + config.ent_coef * entropy(acting, row)
    };
    -outputs.chunks_exact(acting.mlp.output_stride()).enumerate().map(of).sum::<f64>() / n as f64
}

/// vf_coef · E[(V − R)²], with V clipped around what it was.
fn value_loss(
    critic: &Mlp,
    parameters: &[f32],
    rollout: &RolloutBatch,
    before: &[f32],
    returns: &[f32],
    config: &PpoConfig,
) -> f64 {
    let now = values(critic, parameters, &rollout.observations);
    let of = |((now, before), goal): ((&f32, &f32), &f32)| {
        let clip = config.clip_range_vf.map_or(f32::INFINITY, |clip| clip as f32);
        f64::from(before + (now - before).clamp(-clip, clip) - goal).powi(2)
    };
    config.vf_coef * now.iter().zip(before).zip(returns).map(of).sum::<f64>() / rollout.len() as f64
}

/// A network's parameters, its shape, and the loss by its parameters.
type Trained<'a> = (&'a [f32], &'a Mlp, &'a dyn Fn(&[f32]) -> f64);

#[test]
fn an_update_goes_down_the_grad_of_the_loss() {
    let arms = Space::box_f32(vec![-1.0; 2], vec![1.0; 2]);
    for (actions, clip_range_vf, normalize) in [
        (Space::discrete(3), None, true),
        (Space::MultiDiscrete { nvec: vec![2, 3], start: vec![0, 0] }, None, false),
        (arms, Some(0.2), true),
    ] {
        let config = PpoConfig {
            learning_rate: Schedule::Constant(FAR),
            adam_eps: FAR,
            n_epochs: 1,
            batch_size: 100,
            max_grad_norm: 0.0,
            ent_coef: 0.05,
            clip_range_vf,
            normalize_advantage: normalize,
            ortho_init: false,
            net_arch: vec![6].into(),
            activation_fn: Activation::Tanh,
            ..PpoConfig::default()
        };
        let observations = Space::box_f32(vec![-1.0; 2], vec![1.0; 2]);
        let acting = Acting::new(&config, &observations, &actions).unwrap();
        let mut rng = Generator::new(11);
        let mut ppo = Ppo::new(config.clone(), &acting, Device::Cpu, &mut rng).unwrap();
        let critic = Mlp::new(2, &[6], 1, Activation::Tanh);
        let before = ppo.state().unwrap();
        let [of_policy, of_value] = [0, 1].map(|network| before.networks[network].online.clone());
        let rollout = rollout(&acting, &of_policy, &mut rng);
        ppo.update(&rollout, Progress { steps: 0, total_timesteps: 1000 }, &mut rng).unwrap();
        let after: LearnerState = ppo.state().unwrap();

        let known = Values {
            rows: values(&critic, &of_value, &rollout.observations),
            finals: values(&critic, &of_value, &rollout.final_observations),
            last: values(&critic, &of_value, &rollout.last_observations),
        };
        let (mut advantages, mut returns) = (Vec::new(), Vec::new());
        gae(&rollout, &known, config.gamma as f32, config.gae_lambda as f32, &mut advantages, &mut returns);
        let mut advantages: Vec<f64> = advantages.into_iter().map(f64::from).collect();
        if normalize {
            let n = advantages.len() as f64;
            let mean = advantages.iter().sum::<f64>() / n;
            let std = (advantages.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
            advantages.iter_mut().for_each(|a| *a = (*a - mean) / (std + 1e-8));
        }
        let by_policy = |p: &[f32]| policy_loss(&acting, p, &rollout, &advantages, &config);
        let by_value = |p: &[f32]| value_loss(&critic, p, &rollout, &known.rows, &returns, &config);
        let losses: [Trained<'_>; 2] = [(&of_policy, &acting.mlp, &by_policy), (&of_value, &critic, &by_value)];
        for (network, (parameters, mlp, loss)) in losses.into_iter().enumerate() {
            let mut moved = 0;
            // Where parameters are: by a buffer whose numbers are their places.
            let places: Vec<f32> = (0..mlp.flat_len()).map(|at| at as f32).collect();
            let places = mlp.tensors(&places).into_iter().flat_map(|tensor| tensor.values);
            for at in places.map(|at| at as usize) {
                let (before, after) = (parameters[at], after.networks[network].online[at]);
                let at_distance = |by: f32| {
                    let mut other = parameters.to_vec();
                    other[at] += by;
                    loss(&other)
                };
                let expected = (at_distance(1e-2) - at_distance(-1e-2)) / 2e-2;
                let found = f64::from(before - after);
                assert!(
                    (found - expected).abs() < 2e-3 + 0.02 * expected.abs(),
                    "{actions} {network} {at}: {found} {expected}"
                );
                moved += usize::from(found.abs() > 1e-3);
            }
            assert!(moved > 10, "{actions} {network}: nothing was learnt");
        }
    }
}

/// A policy that has moved too far is left where it is.
#[test]
fn an_update_ends_once_the_policy_has_moved_too_far() {
    let config = PpoConfig {
        target_kl: Some(1e-6),
        batch_size: 4,
        n_epochs: 50,
        net_arch: vec![6].into(),
        ..PpoConfig::default()
    };
    let observations = Space::box_f32(vec![-1.0; 2], vec![1.0; 2]);
    let acting = Acting::new(&config, &observations, &Space::discrete(3)).unwrap();
    let mut rng = Generator::new(2);
    let mut ppo = Ppo::new(config, &acting, Device::Cpu, &mut rng).unwrap();
    let rollout = rollout(&acting, ppo.parameters(), &mut rng);
    assert!(matches!(rollout.actions, ActionRows::Discrete(_)));
    ppo.update(&rollout, Progress::default(), &mut rng).unwrap();
    assert_eq!(ppo.updates(), 0, "the rollout's own policy was another");
}

/// One that is asked to stop takes no further gradient step, and made anew from the state before it comes to the same as one that
/// was never stopped.
#[test]
fn an_update_that_is_stopped_is_made_anew() {
    let config = PpoConfig { batch_size: 4, n_epochs: 5, net_arch: vec![6].into(), ..PpoConfig::default() };
    let observations = Space::box_f32(vec![-1.0; 2], vec![1.0; 2]);
    let acting = Acting::new(&config, &observations, &Space::discrete(3)).unwrap();
    let learner = || Ppo::new(config.clone(), &acting, Device::Cpu, &mut Generator::new(2)).unwrap();
    let (mut whole, mut stopped) = (learner(), learner());
    let rollout = rollout(&acting, whole.parameters(), &mut Generator::new(3));
    let now = Progress::default();
    whole.update(&rollout, now, &mut Generator::new(4)).unwrap();
    assert_eq!((whole.updates(), whole.was_stopped()), (15, false));

    let before = stopped.state().unwrap();
    let asked = AtomicUsize::new(0);
    stopped.stop_when(Some(Arc::new(move || asked.fetch_add(1, Ordering::Relaxed) == 7)));
    stopped.update(&rollout, now, &mut Generator::new(4)).unwrap();
    assert_eq!((stopped.updates(), stopped.was_stopped()), (7, true));
    stopped.restore(&before, 0, 0).unwrap();
    stopped.stop_when(None);
    stopped.update(&rollout, now, &mut Generator::new(4)).unwrap();
    assert!(!stopped.was_stopped());
    assert_eq!(stopped.state().unwrap(), whole.state().unwrap());
}
