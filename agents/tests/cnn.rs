//! A DQN and a PPO update of networks with convolutions against PyTorch's, recorded by tests/data/conv/updates.py.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "other tests use the rest of it")]
mod support;

use cartwheel_agents::dqn::{Dqn, DqnConfig};
use cartwheel_agents::nn::{Activation, Device, Mlp, NamedTensor, TrainingState};
use cartwheel_agents::ppo::{Ppo, PpoConfig};
use cartwheel_agents::{
    Acting, Batch, Critic, FeaturesExtractor, Learner as _, LearnerState, OffPolicy as _, OnPolicy as _, Policy,
    Progress, RolloutBatch, Schedule,
};
use cartwheel_envs::{ActionRows, Dtype, Generator, Space};
use serde_json::Value;
use support::{close, floats, recorded};

const ACTIONS: [i32; 6] = [0, 3, 1, 2, 3, 0];
const REWARDS: [f32; 6] = [1.0, -2.0, 0.5, 4.0, 0.0, -0.25];

/// What the script fills its networks with.
fn filled(mlp: &Mlp, seed: f64) -> Vec<f32> {
    let tensors = mlp.tensors(&vec![0.0; mlp.flat_len()]);
    let fill = |(number, tensor): (usize, NamedTensor)| {
        let fan_in: usize = tensor.shape[1..].iter().product();
        let scale = if tensor.shape.len() > 1 { 1.5 / (fan_in as f64).sqrt() } else { 0.1 };
        let value = |i: usize| (scale * (0.7 * i as f64 + 1.3 * number as f64 + seed).sin()) as f32;
        NamedTensor { values: (0..tensor.values.len()).map(value).collect(), ..tensor }
    };
    let tensors: Vec<_> = tensors.into_iter().enumerate().map(fill).collect();
    mlp.flatten(|name| tensors.iter().find(|tensor| tensor.name == name).cloned()).unwrap()
}

/// Fails unless the numbers of each tensor that the script recorded are these.
fn check(mlp: &Mlp, parameters: &[f32], sample: &Value, what: &str) {
    let tensors = mlp.tensors(parameters);
    assert_eq!(tensors.len(), sample.as_object().unwrap().len());
    for (number, tensor) in tensors.iter().enumerate() {
        let found: Vec<f32> = tensor.values.iter().skip(number % tensor.values.len()).step_by(97).copied().collect();
        close(&found, &floats(&sample[&tensor.name]), 2e-6, &format!("{what}: {}", tensor.name));
    }
}

/// What the script observes.
fn observations(kind: &str, width: usize, count: usize, first: usize) -> Vec<f32> {
    let number = |i: usize| {
        let mixed = (i * i * 7 + i * 13 + i / 17 * 5) % 256;
        if kind == "minatar_cnn" { f32::from(u8::from(mixed.is_multiple_of(3))) } else { mixed as f32 / 255.0 }
    };
    (first * width..(first + count) * width).map(number).collect()
}

/// What the case's network is of, by the configuration.
fn extractor(case: &Value) -> FeaturesExtractor {
    match case["kind"].as_str().unwrap() {
        "combined" => "{ conv_filters = [[8, 3, 2], [12, 2, 1]], features_dim = 20 }".parse().unwrap(),
        _ => FeaturesExtractor::Auto,
    }
}

fn space(case: &Value) -> Space {
    let sizes: Vec<usize> = floats(&case["shape"]).iter().map(|n| *n as usize).collect();
    match case["kind"].as_str().unwrap() {
        "nature_cnn" => Space::image_u8(&sizes),
        "combined" => {
            let speed = Space::box_f32(vec![-1.0; 3], vec![1.0; 3]);
            Space::dict([("a speed", speed), ("the camera", Space::image_u8(&sizes))])
        }
        _ => {
            let (shape, n) = (vec![sizes[1], sizes[2], sizes[0]], sizes.iter().product());
            Space::Box { low: vec![0.0; n], high: vec![1.0; n], shape, dtype: Dtype::U8 }
        }
    }
}

#[test]
fn a_dqn_update_is_pytorchs() {
    for case in recorded("conv/updates.json").as_array().unwrap() {
        let (kind, expected) = (case["kind"].as_str().unwrap(), &case["dqn"]);
        let config = DqnConfig {
            learning_rate: 3e-4.into(),
            adam_eps: 1e-5,
            max_grad_norm: 0.5,
            gamma: 0.97,
            net_arch: vec![12],
            activation_fn: Activation::Tanh,
            features_extractor: extractor(case),
            ..DqnConfig::default()
        };
        let acting = Acting::new(&config, &space(case), &Space::discrete(4)).unwrap();
        let mut dqn = Dqn::new(&config, acting.mlp.reads(), 4, Device::Cpu, &mut Generator::new(0)).unwrap();
        let (mlp, width) = (dqn.mlp().clone(), dqn.mlp().inputs());
        let state = TrainingState { target: filled(&mlp, 0.9), ..TrainingState::new(filled(&mlp, 0.2)) };
        dqn.restore(&LearnerState { networks: vec![state], numbers: vec![] }, 0, 0).unwrap();
        let mut batch = Batch::default();
        batch.resize(6, width);
        batch.observations = observations(kind, width, 6, 0);
        batch.next_observations = observations(kind, width, 6, 6);
        batch.actions = ActionRows::Discrete(ACTIONS.to_vec());
        batch.returns = REWARDS.to_vec();
        batch.discounts = vec![0.97, 0.0, 0.97, 0.97, 0.0, 0.97];
        batch.weights = vec![1.0; 6];
        dqn.update(&batch, Progress { steps: 1, total_timesteps: 1_000_000 }, &mut Generator::new(0)).unwrap();
        let metric = |name: &str| dqn.metrics().iter().find(|(key, _)| *key == name).unwrap().1;
        close(dqn.targets(), &floats(&expected["targets"]), 1e-5, &format!("{kind}: targets"));
        close(&[metric("train/loss")], &floats(&expected["loss"]), 1e-5, &format!("{kind}: loss"));
        close(&[metric("train/grad_norm")], &floats(&expected["grad_norm"]), 1e-4, &format!("{kind}: gradient norm"));
        check(&mlp, dqn.parameters(), &expected["after"], kind);
    }
}

#[test]
fn a_ppo_update_is_pytorchs() {
    let recorded = recorded("conv/updates.json");
    let cases = recorded.as_array().unwrap().iter();
    for (case, shared) in cases.flat_map(|case| [(case, false), (case, true)]) {
        let kind = case["kind"].as_str().unwrap();
        let expected = &case[if shared { "ppo_shared" } else { "ppo" }];
        let config = PpoConfig {
            learning_rate: Schedule::Constant(3e-4),
            adam_eps: 1e-5,
            max_grad_norm: 0.5,
            gamma: 0.97,
            gae_lambda: 0.9,
            n_epochs: 1,
            batch_size: 6,
            normalize_advantage: false,
            ent_coef: 0.01,
            net_arch: vec![12].into(),
            activation_fn: Activation::Tanh,
            features_extractor: extractor(case),
            share_features_extractor: shared,
            ..PpoConfig::default()
        };
        let acting = Acting::new(&config, &space(case), &Space::discrete(4)).unwrap();
        let mut ppo = Ppo::new(config, &acting, Device::Cpu, &mut Generator::new(0)).unwrap();
        let (width, critic) = (acting.mlp.inputs(), Mlp::new(acting.mlp.reads(), &[12], 1, Activation::Tanh));
        let both = acting.mlp.clone().with_value_branch(&[12]);
        let networks = if shared { vec![(&both, 0.2)] } else { vec![(&acting.mlp, 0.2), (&critic, 0.9)] };
        let states = networks.iter().map(|(mlp, seed)| TrainingState::new(filled(mlp, *seed))).collect();
        ppo.restore(&LearnerState { networks: states, numbers: vec![] }, 0, 0).unwrap();
        let rollout = RolloutBatch {
            steps: 6,
            envs: 1,
            observations: observations(kind, width, 6, 0),
            actions: ActionRows::Discrete(ACTIONS.to_vec()),
            log_probs: floats(&expected["old_log_prob"]),
            rewards: REWARDS.to_vec(),
            terminated: vec![false; 6],
            truncated: vec![false; 6],
            final_observations: vec![],
            last_observations: observations(kind, width, 1, 6),
            masks: vec![],
            final_masks: vec![],
            last_masks: vec![],
            ..RolloutBatch::default()
        };
        ppo.update(&rollout, Progress { steps: 0, total_timesteps: 1000 }, &mut Generator::new(0)).unwrap();
        let metric = |name: &str| ppo.metrics().iter().find(|(key, _)| *key == name).unwrap().1;
        for (name, key) in [
            ("policy_loss", "train/policy_gradient_loss"),
            ("value_loss", "train/value_loss"),
            ("grad_norm", "train/grad_norm"),
        ] {
            close(&[metric(key)], &floats(&expected[name]), 1e-5, &format!("{kind}: {name}"));
        }
        let state = ppo.state().unwrap();
        for (i, (mlp, _)) in networks.iter().enumerate() {
            check(mlp, &state.networks[i].online, &expected["after"][i], &format!("{kind}: network {i}"));
        }
    }
}

/// A policy whose value function sees by its convolutions is saved, taken up and begun with as one that does not.
#[test]
fn a_shared_extractor_is_nobodys_business() {
    let space = Space::image_u8(&[6, 6, 2]);
    let learner = |shared: bool, seed: u64| {
        let config = PpoConfig { share_features_extractor: shared, ..PpoConfig::default() };
        let acting = Acting::new(&config, &space, &Space::discrete(4)).unwrap();
        let ppo = Ppo::new(config, &acting, Device::Cpu, &mut Generator::new(seed)).unwrap();
        let mut policy = Policy::new(&space, &Space::discrete(4), acting, ppo.parameters().to_vec());
        policy.set_critic(ppo.critic());
        (ppo, policy)
    };
    let numbers = |critic: Option<&Critic>| critic.unwrap().networks().to_vec();
    let own = |ppo: &Ppo| numbers(ppo.critic().as_ref());
    for (shared, other) in [(true, true), (true, false), (false, true), (false, false)] {
        let ((mut ppo, mut policy), (trained, of_trained)) = (learner(shared, 1), learner(other, 2));
        assert_eq!(ppo.state().unwrap().networks.len(), if shared { 1 } else { 2 });
        // A value function with convolutions of its own is of no use beside others.
        let before = own(&ppo);
        let fits = ppo.begin_with(trained.parameters().to_vec(), of_trained.critic()).unwrap();
        assert_eq!(fits, !shared || other);
        assert_eq!(ppo.parameters(), trained.parameters());
        let value = own(&ppo);
        assert_eq!(value == own(&trained), fits);
        assert!(value != before || !fits);

        let state = ppo.state().unwrap();
        let networks: Vec<&[f32]> = state.networks.iter().map(|network| network.online.as_slice()).collect();
        assert!(policy.take_up(&networks));
        assert_eq!(policy.parameters(), ppo.parameters());
        assert_eq!(numbers(policy.critic()), value);
        let loaded = Policy::from_bytes(&policy.to_bytes()).unwrap();
        assert_eq!((loaded.parameters(), numbers(loaded.critic())), (policy.parameters(), value));
        // Those of another policy.
        assert!(!policy.take_up(&[&networks[0][1..policy.parameters().len()]]));
        let more: Vec<f32> = networks[0].iter().copied().chain([0.0; 3]).collect();
        assert!(!policy.take_up(&[&more]));
    }
}
