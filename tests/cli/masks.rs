//! Environments that say which actions are valid.

use crate::support::Folder;

/// An illegal pickup or drop-off of Taxi costs 10, everything else 1: an episode of 200 steps without any is worth at least
/// -200.
const LEAST: f64 = -200.0;

/// The lowest mean return of any row of metrics, training and evaluation.
fn lowest(folder: &Folder, name: &str) -> f64 {
    let mut lowest = f64::INFINITY;
    for row in folder.run(name).rows() {
        for metric in ["rollout/ep_rew_mean", "eval/mean_reward"] {
            lowest = row["metrics"][metric].as_f64().map_or(lowest, |value| value.min(lowest));
        }
    }
    lowest
}

#[test]
fn no_algorithm_ever_takes_an_action_that_is_not_valid() {
    let folder = Folder::new();
    let replay = "net_arch=[16] learning_starts=200 batch_size=16 buffer_size=3000";
    for (algo, keys) in [
        ("dqn", format!("{replay} n_steps=3")),
        ("qrdqn", format!("{replay} n_quantiles=5")),
        ("iqn", format!("{replay} num_tau_samples=4 num_quantile_samples=4")),
        ("apex", replay.into()),
        ("rainbow", format!("{replay} v_min=-10 v_max=10")),
        ("discrete-sac", replay.into()),
        ("ppo", "net_arch=[16] n_steps=64 batch_size=64".into()),
        ("recurrent-ppo", "net_arch=[16] lstm_hidden_size=16 n_steps=64 batch_size=64".into()),
        ("a2c", "net_arch=[16] n_steps=8".into()),
        ("reinforce", "net_arch=[16] n_steps=16".into()),
        ("pqn", "net_arch=[16] n_steps=32 batch_size=64".into()),
    ] {
        let keys: String = keys.split(' ').map(|key| format!("--set {algo}.{key} ")).collect();
        let line = format!(
            "train Taxi-v4 --wrapper ActionMaskObservation --algo {algo} {keys} --n-envs 4 --steps 3200 \
             --set eval.n_eval_episodes=4 --set train.log_interval=400 --name {algo}"
        );
        folder.ok(&line);
        let found = lowest(&folder, algo);
        assert!((LEAST..20.0).contains(&found), "{algo}: {found}");
        // The same weights from their file.
        let json = folder.ok(&format!("eval runs/{algo} --episodes 4 --json")).json;
        assert!(json["mean"].as_f64().is_some_and(|mean| mean >= LEAST), "{algo}: {json}");
    }
    folder.ok("train Taxi-v4 --algo ppo --steps 3200 --set train.log_interval=400 --name without");
    assert!(lowest(&folder, "without") < LEAST - 100.0, "without masks illegal actions are tried");
}

#[test]
fn environments_without_masks_and_other_actions_are_refused() {
    let folder = Folder::new();
    // The flags are stacked, too, where wrappers stand so.
    let order = "--wrapper ActionMaskObservation --wrapper FrameStackObservation(2)";
    folder.refused(&format!("train Taxi-v4 --algo ppo {order}"), 2, &["put ActionMaskObservation behind wrappers"]);
    for (env, message) in [("CartPole-v1", "says which actions are valid"), ("Pendulum-v1", "actions that are counted")]
    {
        let output = folder.cartwheel(&format!("train {env} --wrapper ActionMaskObservation"));
        assert_eq!(output.code, 2, "{}", output.stderr);
        assert!(output.stderr.contains(message), "{}", output.stderr);
    }
}

#[test]
fn which_environments_have_masks_is_told() {
    let folder = Folder::new();
    assert!(folder.ok("env info Taxi-v4").stdout.contains("ActionMaskObservation"));
    assert!(!folder.ok("env info FrozenLake-v1").stdout.contains("ActionMaskObservation"));
}
