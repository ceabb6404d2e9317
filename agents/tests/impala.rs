//! IMPALA beside A2C, which it is where there is nothing to correct.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use cartwheel_agents::a2c::{A2c, A2cConfig};
use cartwheel_agents::impala::{Impala, ImpalaConfig};
use cartwheel_agents::nn::{Activations, Device};
use cartwheel_agents::ppo::{Ppo, PpoConfig};
use cartwheel_agents::{Acting, Learner, OnPolicy as _, Progress, RolloutBatch};
use cartwheel_envs::{Generator, Space};

/// A rollout of the policy with these parameters: two environments, four steps, an end of each kind.
fn rollout(acting: &Acting, parameters: &[f32], rng: &mut Generator) -> RolloutBatch {
    let mut draw = |n: usize| (0..n).map(|_| rng.uniform(-1.0, 1.0) as f32).collect::<Vec<_>>();
    let (observations, rewards, finals, last) = (draw(8 * 3), draw(8), draw(2 * 3), draw(2 * 3));
    let (mut actions, mut log_probs, mut scratch) = (acting.actions.rows(8), Vec::new(), Activations::default());
    let outputs = acting.mlp.forward(parameters, &observations, 8, &mut scratch).to_vec();
    for (i, row) in outputs.chunks_exact(acting.mlp.output_stride()).take(8).enumerate() {
        acting.actions.sample(row, rng, i, &mut actions);
        log_probs.push(acting.actions.log_prob(row, actions.get(i)));
    }
    let at = |row: usize| (0..8).map(|i| i == row).collect::<Vec<_>>();
    RolloutBatch {
        steps: 4,
        envs: 2,
        observations,
        actions,
        log_probs,
        rewards,
        terminated: at(2),
        truncated: at(5),
        final_observations: finals,
        last_observations: last,
        ..RolloutBatch::default()
    }
}

fn metric(learner: &dyn Learner, name: &str) -> f32 {
    learner.metrics().iter().find(|(found, _)| *found == name).unwrap().1
}

#[test]
fn on_policy_an_update_is_a2cs_and_off_policy_it_is_not() {
    let observation = Space::box_f32(vec![-1.0; 3], vec![1.0; 3]);
    for action in [Space::discrete(3), Space::box_f32(vec![-1.0; 2], vec![1.0; 2])] {
        let impala = ImpalaConfig { net_arch: vec![16].into(), ent_coef: 0.01, ..ImpalaConfig::default() };
        let a2c = A2cConfig { net_arch: vec![16].into(), ent_coef: 0.01, ..A2cConfig::default() };
        let acting = Acting::new(&impala, &observation, &action).unwrap();
        let mut impala = Impala::new(impala, &acting, Device::Cpu, &mut Generator::new(3)).unwrap();
        let mut a2c = A2c::new(a2c, &acting, Device::Cpu, &mut Generator::new(3)).unwrap();
        let mut rng = Generator::new(4);
        assert_eq!(impala.parameters(), a2c.parameters());
        let mut fresh = rollout(&acting, impala.parameters(), &mut rng);
        for _ in 0..3 {
            impala.update(&fresh, Progress::default(), &mut rng).unwrap();
            a2c.update(&fresh, Progress::default(), &mut rng).unwrap();
            for (found, expected) in impala.parameters().iter().zip(a2c.parameters()) {
                assert!((found - expected).abs() < 1e-6, "{found} {expected}");
            }
            assert!((metric(&impala, "train/value_loss") - metric(&a2c, "train/value_loss")).abs() < 1e-5);
            assert!((metric(&impala, "train/mean_rho") - 1.0).abs() < 1e-5);
            fresh = rollout(&acting, a2c.parameters(), &mut rng);
        }
        // What an older policy found likely counts less.
        fresh.log_probs.iter_mut().for_each(|log_prob| *log_prob += 0.5);
        impala.update(&fresh, Progress::default(), &mut rng).unwrap();
        assert!((metric(&impala, "train/mean_rho") - (-0.5_f32).exp()).abs() < 1e-4);
        // And what it nearly never did counts no more than what it did, and is finite.
        fresh.log_probs.fill(-1e4);
        impala.update(&fresh, Progress::default(), &mut rng).unwrap();
        assert!(impala.metrics().iter().all(|(_, value)| value.is_finite()), "{:?}", impala.metrics());
        assert_eq!(metric(&impala, "train/mean_rho"), 1.0);
    }
}

/// A2C is PPO of one pass through the whole rollout (Huang et al. 2022), Adam's epsilon included: gradients as small as these feel it.
#[test]
fn a2c_with_adam_is_ppo_of_one_pass() {
    let observation = Space::box_f32(vec![-1.0; 3], vec![1.0; 3]);
    let (net_arch, max_grad_norm) = (vec![16], 1e-6);
    let a2c =
        A2cConfig { net_arch: net_arch.clone().into(), max_grad_norm, use_rms_prop: false, ..A2cConfig::default() };
    let ppo = PpoConfig {
        net_arch: net_arch.into(),
        max_grad_norm,
        learning_rate: a2c.learning_rate,
        gamma: a2c.gamma,
        gae_lambda: a2c.gae_lambda,
        vf_coef: a2c.vf_coef,
        ent_coef: a2c.ent_coef,
        normalize_advantage: false,
        n_epochs: 1,
        batch_size: 8,
        ..PpoConfig::default()
    };
    let acting = Acting::new(&a2c, &observation, &Space::discrete(3)).unwrap();
    let mut a2c = A2c::new(a2c, &acting, Device::Cpu, &mut Generator::new(3)).unwrap();
    let mut ppo = Ppo::new(ppo, &acting, Device::Cpu, &mut Generator::new(3)).unwrap();
    let mut rng = Generator::new(4);
    let begin = a2c.parameters().to_vec();
    for _ in 0..3 {
        let fresh = rollout(&acting, a2c.parameters(), &mut rng);
        a2c.update(&fresh, Progress::default(), &mut rng).unwrap();
        ppo.update(&fresh, Progress::default(), &mut rng).unwrap();
    }
    let moved = |one: &[f32], other: &[f32]| one.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let (apart, far) = (moved(a2c.parameters(), ppo.parameters()), moved(a2c.parameters(), &begin));
    assert!(far > 1e-6 && apart < 0.01 * far, "{apart} apart after a way of {far}");
}
