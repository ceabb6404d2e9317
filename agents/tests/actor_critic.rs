//! Updates of every algorithm but DQN against PyTorch's, recorded by the generate.py of each in tests/data.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use cartwheel_agents::a2c::A2cConfig;
use cartwheel_agents::discrete_sac::{DiscreteSac, DiscreteSacConfig};
use cartwheel_agents::nn::{Activation, Device, Mlp, TrainingState};
use cartwheel_agents::ppo::PpoConfig;
use cartwheel_agents::pqn::{Pqn, PqnConfig};
use cartwheel_agents::reinforce::ReinforceConfig;
use cartwheel_agents::sac::{EntCoef, Sac, SacConfig};
use cartwheel_agents::td3::{DdpgConfig, Td3Config};
use cartwheel_agents::tqc::{Tqc, TqcConfig};
use cartwheel_agents::{
    Acting, Algorithm, AnyLearner, Batch, Learner, LearnerState, OffPolicy, OnPolicy as _, Progress, RolloutBatch,
    Schedule,
};
use cartwheel_envs::{ActionRows, Generator, Space};
use rand_distr::{Distribution as _, StandardNormal};
use serde_json::Value;
use support::{close, flat, floats, recorded};

const NOW: Progress = Progress { steps: 1, total_timesteps: 1_000_000 };
/// Whose noise the scripts were given.
const NOISE_SEED: u64 = 7;

fn float(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn integers(value: &Value) -> Vec<i32> {
    floats(value).iter().map(|x| *x as i32).collect()
}

fn sizes(value: &Value) -> Vec<usize> {
    floats(value).iter().map(|x| *x as usize).collect()
}

fn constant(value: &Value) -> Schedule {
    Schedule::Constant(float(value))
}

fn observations() -> Space {
    Space::box_f32(vec![-1.0; 3], vec![1.0; 3])
}

fn arms() -> Space {
    Space::box_f32(vec![-1.0; 2], vec![1.0; 2])
}

/// What a case says of the learner's metrics.
fn same_metrics(learner: &dyn Learner, expected: &Value, what: &str) {
    let expected = expected.as_object().unwrap();
    assert!(expected.len() > 1, "{what}");
    for (name, expected) in expected {
        let found = learner.metrics().iter().find(|(key, _)| key == name).unwrap().1;
        close(&[found], &[float(expected) as f32], 2e-5, &format!("{what}: {name}"));
    }
}

/// Networks as they should be after updates, with what they were before.
fn same_networks(learner: &dyn Learner, before: &LearnerState, expected: &[(Vec<f32>, Option<Vec<f32>>)], what: &str) {
    let after = learner.state().unwrap();
    assert_eq!(after.networks.len(), expected.len(), "{what}");
    for (i, (online, target)) in expected.iter().enumerate() {
        let found = &after.networks[i];
        close(&found.online, online, 1e-5, &format!("{what}: weights of network {i}"));
        if let Some(target) = target {
            close(&found.target, target, 1e-5, &format!("{what}: target of network {i}"));
        }
        let moves = |after: &[f32]| after.iter().zip(&before.networks[i].online).any(|(a, b)| (a - b).abs() > 1e-3);
        assert_eq!(moves(&found.online), moves(online), "{what}: network {i}");
        assert!(i > 0 || moves(online), "{what}: network {i} has learnt nothing");
    }
}

/// A rollout as it was recorded, for the actions of `acting`.
fn rollout(case: &Value, acting: &Acting) -> RolloutBatch {
    let rewards = floats(&case["rewards"]);
    let at = |rows: &Value| {
        let rows = sizes(rows);
        (0..rewards.len()).map(|row| rows.contains(&row)).collect::<Vec<_>>()
    };
    let actions = match acting.actions.rows(0) {
        ActionRows::Discrete(_) => ActionRows::Discrete(integers(&case["actions"])),
        ActionRows::Multi { width, .. } => ActionRows::Multi { width, values: integers(&case["actions"]) },
        ActionRows::Continuous { width, .. } => ActionRows::Continuous { width, values: floats(&case["actions"]) },
    };
    RolloutBatch {
        steps: float(&case["steps"]) as usize,
        envs: float(&case["envs"]) as usize,
        observations: floats(&case["observations"]),
        actions,
        log_probs: floats(&case["log_probs"]),
        terminated: at(&case["terminated"]),
        truncated: at(&case["truncated"]),
        final_observations: floats(&case["final_observations"]),
        last_observations: floats(&case["last_observations"]),
        rewards,
        ..RolloutBatch::default()
    }
}

/// The action space of a case with a rollout.
fn space(case: &Value) -> Space {
    match *sizes(&case["counts"]) {
        [] => arms(),
        [n] => Space::discrete(n as i32),
        ref counts => {
            Space::MultiDiscrete { nvec: counts.iter().map(|n| *n as i32).collect(), start: vec![0; counts.len()] }
        }
    }
}

/// Updates on a rollout, held to what was recorded of them.
fn learns_as_recorded(algorithm: &dyn Algorithm, case: &Value, updates: usize) {
    let space = space(case);
    let of = ["n_epochs", "clip_range_vf", "ent_coef", "normalize_advantage"].map(|key| format!("{key} {}", case[key]));
    let what = format!("{} {space}, {}", algorithm.name(), of.join(", "));
    let acting = Acting::new(algorithm, &observations(), &space).unwrap();
    let mut rng = Generator::new(0);
    let AnyLearner::OnPolicy(mut learner) = algorithm.learner(&acting, Device::Cpu, &mut rng).unwrap() else {
        panic!("{what}: it learns from rollouts");
    };
    let critic = Mlp::new(3, &sizes(&case["net_arch"]), 1, Activation::Tanh);
    let read = |actor: &str, of_critic: &str| [flat(&acting.mlp, &case[actor]), flat(&critic, &case[of_critic])];
    let networks = read("actor", "critic").map(TrainingState::new).to_vec();
    let before = LearnerState { networks, numbers: vec![] };
    learner.restore(&before, 0, 0).unwrap();
    (0..updates).for_each(|_| learner.update(&rollout(case, &acting), NOW, &mut rng).unwrap());
    same_metrics(&*learner, &case["metrics"], &what);
    let expected = read("actor_after", "critic_after").map(|online| (online, None));
    same_networks(&*learner, &before, &expected, &what);
}

#[test]
fn an_update_of_ppo_is_pytorchs() {
    let cases = recorded("ppo/updates.json")["ppo"].as_array().unwrap().clone();
    assert_eq!(
        cases.len(),
        10,
        "three kinds of actions, with and without entropy, clipped values and normalization; gSDE"
    );
    for case in cases {
        let config = PpoConfig {
            learning_rate: constant(&case["learning_rate"]),
            batch_size: 100,
            n_epochs: float(&case["n_epochs"]) as usize,
            gamma: float(&case["gamma"]),
            gae_lambda: float(&case["gae_lambda"]),
            clip_range: constant(&case["clip_range"]),
            clip_range_vf: case["clip_range_vf"].as_f64(),
            normalize_advantage: case["normalize_advantage"].as_bool().unwrap(),
            ent_coef: float(&case["ent_coef"]),
            max_grad_norm: float(&case["max_grad_norm"]),
            net_arch: sizes(&case["net_arch"]).into(),
            use_sde: case["use_sde"].as_bool().unwrap(),
            ..PpoConfig::default()
        };
        assert!(float(&case["metrics"]["train/clip_fraction"]) > 0.1, "nothing was clipped");
        learns_as_recorded(&config, &case, 1);
    }
}

#[test]
fn updates_of_a2c_are_pytorchs() {
    let cases = recorded("ppo/updates.json")["a2c"].as_array().unwrap().clone();
    assert_eq!(cases.len(), 7, "three kinds of actions, with and without entropy and normalization; gSDE");
    for case in cases {
        let config = A2cConfig {
            learning_rate: constant(&case["learning_rate"]),
            gamma: float(&case["gamma"]),
            gae_lambda: float(&case["gae_lambda"]),
            normalize_advantage: case["normalize_advantage"].as_bool().unwrap(),
            ent_coef: float(&case["ent_coef"]),
            max_grad_norm: float(&case["max_grad_norm"]),
            net_arch: sizes(&case["net_arch"]).into(),
            use_sde: case["use_sde"].as_bool().unwrap(),
            ..A2cConfig::default()
        };
        learns_as_recorded(&config, &case, float(&case["n_epochs"]) as usize);
    }
}

#[test]
fn updates_of_reinforce_are_pytorchs() {
    let cases = recorded("reinforce/updates.json").as_array().unwrap().clone();
    assert_eq!(cases.len(), 9, "three kinds of actions, with and without entropy, baseline and normalization");
    for case in cases {
        let config = ReinforceConfig {
            learning_rate: constant(&case["learning_rate"]),
            gamma: float(&case["gamma"]),
            use_baseline: case["use_baseline"].as_bool().unwrap(),
            baseline_learning_rate: constant(&case["baseline_learning_rate"]),
            baseline_steps: float(&case["baseline_steps"]) as usize,
            normalize_advantage: case["normalize_advantage"].as_bool().unwrap(),
            ent_coef: float(&case["ent_coef"]),
            max_grad_norm: float(&case["max_grad_norm"]),
            net_arch: sizes(&case["net_arch"]).into(),
            ..ReinforceConfig::default()
        };
        learns_as_recorded(&config, &case, float(&case["n_epochs"]) as usize);
    }
}

#[test]
fn an_update_of_pqn_is_pytorchs() {
    let cases = recorded("pqn/updates.json").as_array().unwrap().clone();
    assert_eq!(cases.len(), 3, "normalized; looking ahead a step; not normalized, looking ahead all the way");
    for case in cases {
        let what = format!("PQN, layer_norm {}, q_lambda {}", case["layer_norm"], case["q_lambda"]);
        let config = PqnConfig {
            learning_rate: constant(&case["learning_rate"]),
            batch_size: 100,
            n_epochs: float(&case["n_epochs"]) as usize,
            gamma: float(&case["gamma"]),
            q_lambda: float(&case["q_lambda"]),
            max_grad_norm: float(&case["max_grad_norm"]),
            net_arch: sizes(&case["net_arch"]),
            layer_norm: case["layer_norm"].as_bool().unwrap(),
            ..PqnConfig::default()
        };
        let acting = Acting::new(&config, &observations(), &space(&case)).unwrap();
        let mut rng = Generator::new(0);
        let mut pqn = Pqn::new(config, &acting, Device::Cpu, &mut rng).unwrap();
        let networks = vec![TrainingState::new(flat(&acting.mlp, &case["q"]))];
        let before = LearnerState { networks, numbers: vec![] };
        pqn.restore(&before, 0, 0).unwrap();
        pqn.update(&rollout(&case, &acting), NOW, &mut rng).unwrap();
        close(pqn.targets(), &floats(&case["targets"]), 1e-5, &format!("{what}: targets"));
        same_metrics(&pqn, &case["metrics"], &what);
        same_networks(&pqn, &before, &[(flat(&acting.mlp, &case["q_after"]), None)], &what);
    }
}

/// Replayed transitions as they were recorded.
fn batch(case: &Value, acting: &Acting) -> Batch {
    let gamma = float(&case["gamma"]) as f32;
    let mut batch = Batch::default();
    batch.resize(floats(&case["rewards"]).len(), 3);
    batch.observations = floats(&case["observations"]);
    batch.next_observations = floats(&case["next_observations"]);
    batch.actions = match acting.actions.rows(0) {
        ActionRows::Continuous { width, .. } => ActionRows::Continuous { width, values: floats(&case["actions"]) },
        _ => ActionRows::Discrete(integers(&case["actions"])),
    };
    batch.returns = floats(&case["rewards"]);
    batch.discounts = floats(&case["terminated"]).iter().map(|terminated| gamma * (1.0 - terminated)).collect();
    batch
}

/// The networks of a case, the policy first: `after` updates or before them.
fn networks(case: &Value, acting: &Acting, after: &str) -> Vec<(Vec<f32>, Option<Vec<f32>>)> {
    let outputs = case["n_quantiles"].as_u64().unwrap_or(1) as usize;
    let critic = match acting.actions.rows(0) {
        // A value for each action.
        ActionRows::Discrete(_) => acting.mlp.clone(),
        _ => Mlp::new(3 + 2, &sizes(&case["net_arch"]), outputs, Activation::Relu),
    };
    let of = |name: &str| &case[format!("{name}{after}")];
    let target = of("actor_target");
    let actor = (flat(&acting.mlp, of("actor")), (!target.is_null()).then(|| flat(&acting.mlp, target)));
    let critics = of("critics").as_array().unwrap().iter().zip(of("critic_targets").as_array().unwrap());
    let critics = critics.map(|(online, target)| (flat(&critic, online), Some(flat(&critic, target))));
    std::iter::once(actor).chain(critics).collect()
}

/// A learner's state before the updates of a case.
fn before(case: &Value, acting: &Acting, numbers: Vec<f64>) -> LearnerState {
    let of = |(online, target): (Vec<f32>, Option<Vec<f32>>)| {
        let state = TrainingState::new(online);
        TrainingState { target: target.unwrap_or_else(|| state.target.clone()), ..state }
    };
    LearnerState { networks: networks(case, acting, "").into_iter().map(of).collect(), numbers }
}

#[test]
fn the_scripts_have_the_noise_that_our_generator_draws() {
    let mut rng = Generator::new(NOISE_SEED);
    let drawn: Vec<f32> = (0..72).map(|_| StandardNormal.sample(&mut rng)).collect();
    if std::env::var_os("UPDATE_NOISE").is_some() {
        let path = format!("{}/../tests/data/noise.json", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(path, serde_json::to_string(&drawn).unwrap() + "\n").unwrap();
    }
    let advice = "draw it anew with UPDATE_NOISE=1, then run generate.py in tests/data/sac, tqc and td3";
    assert_eq!(floats(&recorded("noise.json")), drawn, "{advice}");
    for file in ["sac/updates.json", "tqc/updates.json", "td3/updates.json"] {
        for case in recorded(file).as_array().unwrap() {
            let used = floats(&case["noise"]);
            assert_eq!(used, drawn[..used.len()], "{file}: {advice}");
        }
    }
}

#[test]
fn updates_of_sac_are_pytorchs() {
    let cases = recorded("sac/updates.json").as_array().unwrap().clone();
    assert_eq!(cases.len(), 4, "a temperature that is learnt and one that is not, two and three value functions; gSDE");
    for case in cases {
        let initial = float(&case["ent_coef"]);
        let automatic = case["automatic"].as_bool().unwrap();
        let config = SacConfig {
            use_sde: case["use_sde"].as_bool().unwrap(),
            learning_rate: constant(&case["learning_rate"]),
            tau: float(&case["tau"]),
            ent_coef: if automatic { EntCoef::Auto(initial) } else { EntCoef::Fixed(initial) },
            n_critics: float(&case["n_critics"]) as usize,
            net_arch: sizes(&case["net_arch"]).into(),
            ..SacConfig::default()
        };
        let acting = Acting::new(&config, &observations(), &arms()).unwrap();
        let mut sac = Sac::new(config, &acting, Device::Cpu, &mut Generator::new(0)).unwrap();
        let before = before(&case, &acting, vec![initial.ln(), 0.0, 0.0, 0.0]);
        sac.restore(&before, 0, 0).unwrap();
        let mut rng = Generator::new(NOISE_SEED);
        for (i, update) in case["updates"].as_array().unwrap().iter().enumerate() {
            let what = format!("SAC, ent_coef {initial}, update {i}");
            sac.update(&batch(&case, &acting), NOW, &mut rng).unwrap();
            close(sac.targets(), &floats(&update["targets"]), 1e-5, &format!("{what}: targets"));
            same_metrics(&sac, &update["metrics"], &what);
        }
        same_networks(&sac, &before, &networks(&case, &acting, "_after"), "SAC");
        let log_ent_coef = sac.state().unwrap().numbers[0];
        assert!((log_ent_coef - float(&case["log_ent_coef_after"])).abs() < 1e-5, "{log_ent_coef}");
        assert_eq!((log_ent_coef - initial.ln()).abs() > 1e-3, automatic);
    }
}

#[test]
fn updates_of_tqc_are_pytorchs() {
    let cases = recorded("tqc/updates.json").as_array().unwrap().clone();
    assert_eq!(cases.len(), 3, "a temperature that is learnt and one that is not, some quantiles dropped and none");
    for case in cases {
        let initial = float(&case["ent_coef"]);
        let automatic = case["automatic"].as_bool().unwrap();
        let config = TqcConfig {
            learning_rate: constant(&case["learning_rate"]),
            tau: float(&case["tau"]),
            ent_coef: if automatic { EntCoef::Auto(initial) } else { EntCoef::Fixed(initial) },
            n_critics: float(&case["n_critics"]) as usize,
            n_quantiles: float(&case["n_quantiles"]) as usize,
            top_quantiles_to_drop_per_net: float(&case["dropped"]) as usize,
            net_arch: sizes(&case["net_arch"]).into(),
            ..TqcConfig::default()
        };
        let acting = Acting::new(&config, &observations(), &arms()).unwrap();
        let mut tqc = Tqc::new(&config, &acting, Device::Cpu, &mut Generator::new(0)).unwrap();
        let before = before(&case, &acting, vec![initial.ln(), 0.0, 0.0, 0.0]);
        tqc.restore(&before, 0, 0).unwrap();
        let mut rng = Generator::new(NOISE_SEED);
        for (i, update) in case["updates"].as_array().unwrap().iter().enumerate() {
            let what = format!("TQC, ent_coef {initial}, update {i}");
            tqc.update(&batch(&case, &acting), NOW, &mut rng).unwrap();
            let mut targets = tqc.targets().to_vec();
            let kept = config.n_critics * (config.n_quantiles - config.top_quantiles_to_drop_per_net);
            targets.chunks_exact_mut(kept).for_each(|of_row| of_row.sort_unstable_by(f32::total_cmp));
            close(&targets, &floats(&update["targets"]), 1e-5, &format!("{what}: targets"));
            same_metrics(&tqc, &update["metrics"], &what);
        }
        same_networks(&tqc, &before, &networks(&case, &acting, "_after"), "TQC");
        let log_ent_coef = tqc.state().unwrap().numbers[0];
        assert!((log_ent_coef - float(&case["log_ent_coef_after"])).abs() < 1e-5, "{log_ent_coef}");
    }
}

#[test]
fn updates_of_discrete_sac_are_pytorchs() {
    let cases = recorded("discrete_sac/updates.json").as_array().unwrap().clone();
    assert_eq!(cases.len(), 2, "a temperature that is learnt and one that is not, two and three value functions");
    for case in cases {
        let initial = float(&case["ent_coef"]);
        let automatic = case["automatic"].as_bool().unwrap();
        let config = DiscreteSacConfig {
            learning_rate: constant(&case["learning_rate"]),
            tau: float(&case["tau"]),
            ent_coef: if automatic { EntCoef::Auto(initial) } else { EntCoef::Fixed(initial) },
            target_entropy_scale: float(&case["target_entropy_scale"]),
            n_critics: float(&case["n_critics"]) as usize,
            net_arch: sizes(&case["net_arch"]).into(),
            ..DiscreteSacConfig::default()
        };
        let acting = Acting::new(&config, &observations(), &Space::discrete(4)).unwrap();
        let mut sac = DiscreteSac::new(config, &acting, Device::Cpu, &mut Generator::new(0)).unwrap();
        let before = before(&case, &acting, vec![initial.ln(), 0.0, 0.0, 0.0]);
        sac.restore(&before, 0, 0).unwrap();
        for (i, update) in case["updates"].as_array().unwrap().iter().enumerate() {
            let what = format!("discrete SAC, ent_coef {initial}, update {i}");
            sac.update(&batch(&case, &acting), NOW, &mut Generator::new(0)).unwrap();
            close(sac.targets(), &floats(&update["targets"]), 1e-5, &format!("{what}: targets"));
            same_metrics(&sac, &update["metrics"], &what);
        }
        same_networks(&sac, &before, &networks(&case, &acting, "_after"), "discrete SAC");
        let log_ent_coef = sac.state().unwrap().numbers[0];
        assert!((log_ent_coef - float(&case["log_ent_coef_after"])).abs() < 1e-5, "{log_ent_coef}");
    }
}

#[test]
fn updates_of_td3_and_ddpg_are_pytorchs() {
    let cases = recorded("td3/updates.json").as_array().unwrap().clone();
    assert_eq!(cases.len(), 3, "TD3, TD3 with much noise and no delay, DDPG");
    for case in cases {
        let (learning_rate, tau, net_arch) =
            (constant(&case["learning_rate"]), float(&case["tau"]), sizes(&case["net_arch"]));
        let td3 = Td3Config {
            learning_rate,
            tau,
            net_arch: net_arch.clone().into(),
            policy_delay: float(&case["policy_delay"]) as u64,
            target_policy_noise: float(&case["target_policy_noise"]),
            target_noise_clip: float(&case["target_noise_clip"]),
            n_critics: float(&case["n_critics"]) as usize,
            ..Td3Config::default()
        };
        let ddpg = DdpgConfig { learning_rate, tau, net_arch: net_arch.into(), ..DdpgConfig::default() };
        let algorithm: &dyn Algorithm = if case["algo"] == "ddpg" { &ddpg } else { &td3 };
        let acting = Acting::new(algorithm, &observations(), &arms()).unwrap();
        let learner = algorithm.learner(&acting, Device::Cpu, &mut Generator::new(0)).unwrap();
        let AnyLearner::OffPolicy(mut learner) = learner else { panic!("it learns from replay") };
        let before = before(&case, &acting, vec![]);
        learner.restore(&before, 0, 0).unwrap();
        let mut rng = Generator::new(NOISE_SEED);
        for (i, update) in case["updates"].as_array().unwrap().iter().enumerate() {
            let what = format!("{}, policy_delay {}, update {i}", case["algo"], case["policy_delay"]);
            learner.update(&batch(&case, &acting), NOW, &mut rng).unwrap();
            same_metrics(&*learner, &update["metrics"], &what);
        }
        same_networks(&*learner, &before, &networks(&case, &acting, "_after"), &case["algo"].to_string());
    }
}
