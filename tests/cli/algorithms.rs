//! What holds for every algorithm: the same bytes for any number of actors and after any interruption, sound numbers at the
//! ends of episodes, and a simple task that it must learn.

use cartwheel::agents::nn::read_header;

use crate::support::{Folder, IDENTITY, SCRIPTED};

/// The algorithms, and whether each takes actions that are counted.
pub(crate) fn algorithms(folder: &Folder) -> Vec<(String, bool)> {
    let json = folder.ok("algos --json").json;
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_string();
    let of = |algo: &serde_json::Value| {
        let actions: Vec<_> = algo["actions"].as_array().unwrap().iter().map(text).collect();
        (text(&algo["name"]), actions.contains(&"Discrete".to_string()))
    };
    json.as_array().unwrap().iter().map(of).collect()
}

/// Settings of a small network that learns from the first steps on, for an algorithm.
pub(crate) fn small(algo: &str) -> String {
    // Hindsight has another learn, here one that counts its actions.
    let (section, rest) = if algo == "her" { ("dqn", "--set her.model_class=dqn ") } else { (algo, "") };
    let keys = match section {
        "ppo" => "net_arch=[16] n_steps=32 batch_size=48 n_epochs=2",
        "recurrent-ppo" => "net_arch=[16] lstm_hidden_size=16 n_steps=32 batch_size=48 n_epochs=2",
        "a2c" | "impala" => "net_arch=[16] n_steps=8",
        "reinforce" => "net_arch=[16] n_steps=8 baseline_steps=2",
        "pqn" => "net_arch=[16] n_steps=32 batch_size=48 n_epochs=2",
        "iqn" => {
            "net_arch=[16] learning_starts=200 batch_size=16 buffer_size=3000 num_tau_samples=4 num_quantile_samples=4"
        }
        "tqc" => "net_arch=[16] learning_starts=200 batch_size=16 buffer_size=3000 n_quantiles=5",
        // Large enough that there is time to kill it.
        "bc" | "cql" => "net_arch=[64] batch_size=256",
        _ => "net_arch=[16] learning_starts=200 batch_size=16 buffer_size=3000",
    };
    keys.split(' ').map(|key| format!("--set {section}.{key} ")).collect::<String>() + rest
}

/// Whether an algorithm learns from recorded episodes alone.
pub(crate) fn is_offline(algo: &str) -> bool {
    ["bc", "cql"].contains(&algo)
}

/// Records random episodes of `env`, for algorithms that learn from such, and answers the flags that name them.
pub(crate) fn recorded(folder: &Folder, env: &str, name: &str) -> String {
    folder.ok(&format!("record {env} --transitions {name} --episodes 30"));
    format!("--dataset {name}")
}

/// The environment that an algorithm is tried on, and its settings.
fn line(folder: &Folder, algo: &str, counted: bool) -> String {
    let env = match (algo, counted) {
        ("her", _) => "BitFlip-v0",
        (_, true) => "CartPole-v1",
        (_, false) => "Pendulum-v1",
    };
    let rest = "--seed 5 --set train.stop_when_solved=false --set eval.eval_freq=1500 --set eval.n_eval_episodes=3";
    let envs = if is_offline(algo) { recorded(folder, env, &format!("{algo}-data")) } else { "--n-envs 4".into() };
    format!("train {env} --algo {algo} {} {envs} {rest}", small(algo))
}

#[test]
fn actors_share_the_work_of_every_algorithm_and_change_nothing() {
    let folder = Folder::new();
    for (algo, counted) in algorithms(&folder).into_iter().filter(|(algo, _)| !is_offline(algo)) {
        let line = format!("{} --steps 3000", line(&folder, &algo, counted));
        folder.ok(&format!("{line} --actors 1 --name {algo}1"));
        folder.ok(&format!("{line} --actors 3 --name {algo}3"));
        folder.run(&format!("{algo}3")).is_as(&folder.run(&format!("{algo}1")));
        let rows = folder.run(&format!("{algo}1")).rows();
        assert!(rows.last().unwrap()["updates"].as_u64().unwrap() > 50, "{algo} has learnt nothing");
    }
}

#[test]
fn every_algorithm_goes_on_from_its_checkpoint_as_if_nothing_had_happened() {
    let folder = Folder::new();
    for (algo, counted) in algorithms(&folder) {
        let line = format!("{} --steps 12000", line(&folder, &algo, counted));
        folder.ok(&format!("{line} --actors 1 --name {algo}"));
        let run = folder.run(&format!("{algo}-killed"));
        let mut running = folder.spawn(&format!("{line} --actors 1 --checkpoint-every 1000 --name {algo}-killed"));
        let alive = running.until(|| !run.states().is_empty());
        assert!(running.kill() && alive, "{algo} was too quick to be killed");
        let actors = if is_offline(&algo) { 1 } else { 2 };
        folder.ok(&format!("train --resume runs/{algo}-killed --actors {actors}"));
        run.is_as(&folder.run(&algo));
    }
}

/// Scripted episodes have two actions that are counted and no goals, so this is of the algorithms that are for such.
#[test]
fn episodes_may_end_in_every_way_for_every_algorithm() {
    let folder = Folder::new();
    let counting = algorithms(&folder).into_iter().filter(|(algo, counted)| *counted && algo != "her");
    for (algo, _) in counting {
        for (length, ends) in [(1, "terminated"), (1, "truncated"), (3, "terminated"), (3, "truncated"), (3, "both")] {
            let name = format!("{algo}-{length}-{ends}");
            let own = if algo == "dqn" { SCRIPTED } else { "train Scripted-v0 --set train.stop_when_solved=false" };
            let args = format!("--env-arg length={length} --env-arg ends={ends}");
            let envs = if is_offline(&algo) {
                recorded(&folder, &format!("Scripted-v0 {args}"), &format!("{name}-data"))
            } else {
                "--n-envs 2".into()
            };
            let line = format!("{own} --algo {algo} {} {args} {envs} --steps 1500", small(&algo));
            folder.ok(&format!("{line} --set eval.n_eval_episodes=2 --name {name}"));
            for row in folder.run(&name).rows() {
                for (metric, value) in row["metrics"].as_object().unwrap() {
                    assert!(value.as_f64().is_some_and(f64::is_finite), "{name}: {metric} is {value}");
                }
            }
        }
    }
}

/// The greedy return that a run came to.
fn learnt(folder: &Folder, line: &str) -> f64 {
    folder.ok(&format!("{line} --json")).json["greedy_return"]["mean"].as_f64().unwrap()
}

#[test]
fn every_algorithm_learns_a_simple_task() {
    let folder = Folder::new();
    folder.ok(&format!("{IDENTITY} --steps 4000 --name expert"));
    for (algo, counted) in algorithms(&folder) {
        let settings = match algo.as_str() {
            // The one is shown how it is done, the other what comes of it.
            "bc" => recorded(&folder, "runs/expert", "shown") + " --steps 3000",
            "cql" => recorded(&folder, "Identity-v0", "tried") + " --set cql.gamma=0 --set cql.net_arch=[64] --steps 3000",
            "ppo" => "--set ppo.n_steps=64 --set ppo.learning_rate=0.003 --n-envs 4 --steps 8000".into(),
            "recurrent-ppo" => {
                let keys = ["n_steps=64", "learning_rate=0.003", "lstm_hidden_size=32"];
                keys.map(|key| format!("--set recurrent-ppo.{key} ")).concat() + "--n-envs 4 --steps 8000"
            }
            "a2c" => "--set a2c.learning_rate=0.003 --n-envs 4 --steps 20000".into(),
            "impala" => "--set impala.learning_rate=0.003 --set impala.n_steps=5 --n-envs 4 --steps 20000".into(),
            "reinforce" => {
                "--set reinforce.n_steps=64 --set reinforce.learning_rate=0.01 --set reinforce.gamma=0 --n-envs 4 --steps 40000".into()
            }
            "discrete-sac" => {
                "--set discrete-sac.gamma=0 --set discrete-sac.net_arch=[64] --set discrete-sac.target_entropy_scale=0.2 --steps 5000".into()
            }
            "pqn" => "--set pqn.gamma=0 --set pqn.n_steps=32 --set pqn.learning_rate=0.001 --n-envs 4 --steps 20000".into(),
            "dqn" | "qrdqn" | "rainbow" | "iqn" => {
                let keys = ["gamma=0", "learning_rate=0.01", "target_update_interval=100", "learning_starts=200"];
                keys.map(|key| format!("--set {algo}.{key} ")).concat() + "--steps 4000"
            }
            "apex" => {
                let keys = ["gamma=0", "learning_rate=0.01", "target_update_interval=100", "learning_starts=200", "batch_size=64"];
                keys.map(|key| format!("--set apex.{key} ")).concat() + "--n-envs 4 --steps 6000"
            }
            _ => String::new(),
        };
        if algo == "her" {
            let found = learnt(&folder, "train BitFlip-v0 --algo her --env-arg n_bits=6 --steps 8000");
            assert!(found > -3.0, "{algo} flips six bits for {found}");
        } else if counted {
            let found = learnt(&folder, &format!("train Identity-v0 --algo {algo} {settings}"));
            assert!(found > 9.9, "{algo} answers {found} of 10 numbers");
        } else {
            let found = learnt(&folder, &format!("train Pendulum-v1 --algo {algo}"));
            assert!(found > -250.0, "{algo} swings the pendulum up for {found}");
        }
    }
}

/// Returns of up to 100 do not fit between -10 and 10, those of a tenth of the reward do.
#[test]
fn returns_beyond_a_distribution_are_told_once() {
    let folder = Folder::new();
    let line = "train CartPole-v1 --steps 8000 --set dqn.distributional=true --set train.stop_when_solved=false";
    let told = folder.ok(&format!("{line} --name beyond --set dqn.reward_scale=1")).stderr;
    assert_eq!(told.matches("doctor: returns are beyond v_min and v_max").count(), 1, "{told}");
    let told = folder.ok(&format!("{line} --name within")).stderr;
    assert!(!told.contains("beyond v_min"), "{told}");
    let rows = folder.run("within").rows();
    assert!(rows.iter().any(|row| row["metrics"]["train/out_of_support"].is_f64()), "{rows:?}");
}

/// Ten bits: by rewards alone one right state of 1024 is hardly ever seen.
#[test]
fn hindsight_learns_what_rewards_alone_do_not_teach() {
    let folder = Folder::new();
    let with = learnt(&folder, "train BitFlip-v0 --algo her");
    let config = folder.write("plain.toml", &without_hindsight(&folder));
    let without = learnt(&folder, &format!("train BitFlip-v0 --algo dqn --config {config}"));
    assert!(with > -5.5 && without < -8.0, "with hindsight {with}, without {without}");
}

/// The settings that are shipped for hindsight on BitFlip-v0, without hindsight.
fn without_hindsight(folder: &Folder) -> String {
    let shipped = folder.ok("train BitFlip-v0 --algo her --print-config").stdout;
    let (before, rest) = shipped.split_once("[her]").unwrap();
    let (_, after) = rest.split_once("\n[").unwrap();
    format!("{before}\n[{after}").replace("algo = \"her\"", "algo = \"dqn\"")
}

#[test]
fn hindsight_learns_with_actions_that_are_numbers() {
    let folder = Folder::new();
    for class in ["sac", "td3", "ddpg", "tqc"] {
        let keys = "net_arch=[16] learning_starts=100 batch_size=32".split(' ');
        let keys: String = keys.map(|key| format!("--set {class}.{key} ")).collect();
        let line = format!("train Reacher2D-v0 --algo her --set her.model_class={class} {keys} --steps 400");
        let summary = folder.ok(&format!("{line} --set eval.n_eval_episodes=2 --json")).json;
        assert!(summary["updates"].as_u64().unwrap() > 100, "{class}: {summary}");
    }
}

#[test]
fn hindsight_says_what_it_does_not_go_with() {
    let folder = Folder::new();
    let refused = |line: &str, parts: &[&str]| {
        let output = folder.cartwheel(&format!("train {line}"));
        assert_eq!(output.code, 2, "{line}\n{}", output.stderr);
        for part in parts {
            assert!(output.stderr.contains(part), "{line}: {part}\n{}", output.stderr);
        }
    };
    // Whether or not the model class takes its actions.
    for env in ["Pendulum-v1", "CartPole-v1"] {
        refused(&format!("{env} --algo her"), &["achieved_goal", env, "BitFlip-v0", "Reacher2D-v0"]);
    }
    refused(
        "BitFlip-v0 --algo her --set her.model_class=sac",
        &["her.model_class = \"sac\"", "\"dqn\" or \"qrdqn\" or \"iqn\" or \"discrete-sac\""],
    );
    refused("BitFlip-v0 --algo her --set dqn.n_steps=3", &["dqn.n_steps above 1", "--algo her"]);
    refused("BitFlip-v0 --algo her --set dqn.prioritized_replay=true", &["dqn.prioritized_replay = true"]);
    refused("BitFlip-v0 --algo dqn --set her.n_sampled_goal=2", &["[her]", "train.algo = \"dqn\""]);
    refused("BitFlip-v0 --algo her --set her.goal_selection_strategy=past", &["future", "final", "episode"]);
}

/// What a policy remembers begins anew with each episode and is of that environment alone: several at a time, one by one and
/// in a film, it does the same.
#[test]
fn a_policy_that_remembers_does_the_same_wherever_it_acts() {
    let folder = Folder::new();
    let keys = "--set recurrent-ppo.lstm_hidden_size=32 --set recurrent-ppo.net_arch=[32] --set recurrent-ppo.learning_rate=0.002";
    folder.ok(&format!("train MaskedCartPole-v1 --algo recurrent-ppo {keys} --n-envs 8 --steps 16384 --name a"));
    let returns = |line: &str| {
        let json = folder.ok(&format!("{line} --json")).json["returns"].clone();
        json.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect::<Vec<_>>()
    };
    let together = returns("eval runs/a --episodes 6 --seed 70");
    let alone: Vec<f64> =
        (70..76).flat_map(|seed| returns(&format!("eval runs/a --episodes 1 --seed {seed}"))).collect();
    assert_eq!(together, alone);
    assert!(together.iter().any(|one| *one != together[0]), "episodes of one length prove nothing: {together:?}");
    assert_eq!(returns("record runs/a --out a.gif --width 60 --episodes 2 --seed 70"), together[..2]);
}

#[test]
fn recurrent_ppo_says_what_does_not_go_together() {
    let folder = Folder::new();
    let output = folder.cartwheel("train CartPole-v1 --algo recurrent-ppo --set recurrent-ppo.shared_lstm=true");
    assert_eq!(output.code, 2, "{}", output.stderr);
    for part in ["recurrent-ppo", "shared_lstm = true", "set enable_critic_lstm = false"] {
        assert!(output.stderr.contains(part), "{part}: {}", output.stderr);
    }
}

/// Policies and value functions of different sizes: as PyTorch counts their parameters, and the same after a stop.
#[test]
fn policy_and_values_may_have_layers_of_their_own() {
    let folder = Folder::new();
    for (algo, env, values, layer, reads) in [
        ("ppo", "CartPole-v1", "vf", "value_net.0", 4),
        ("recurrent-ppo", "CartPole-v1", "vf", "value_net.0", 16),
        ("sac", "Pendulum-v1", "qf", "critic.qf1.0", 4),
        ("td3", "Pendulum-v1", "qf", "critic.qf1.0", 4),
        ("tqc", "Pendulum-v1", "qf", "critic.qf1.0", 4),
        ("discrete-sac", "CartPole-v1", "qf", "critic.qf1.0", 4),
    ] {
        let arch = format!("--set {algo}.net_arch={{pi=[12,9],{values}=[20]}} --set eval.n_eval_episodes=2");
        let line = format!("train {env} --algo {algo} {} {arch} --n-envs 4 --seed 5", small(algo));
        folder.ok(&format!("{line} --steps 3000 --name {algo} --set train.stop_when_solved=false"));
        let weights = read_header(&folder.run(algo).file("checkpoints/latest.safetensors")).unwrap();
        assert_eq!(weights.shapes[&format!("{layer}.weight")], [20, reads], "{algo}");
        assert_eq!(weights.shapes["policy_net.2.weight"], [9, 12], "{algo}");
        // Another run begins with both: it does not learn before it ends, so that it ends with what it began with.
        let off = !algo.contains("ppo");
        let still = if off {
            format!("--set {algo}.learning_starts=5000")
        } else {
            format!("--set {algo}.learning_rate=1e-30")
        };
        let from = format!("{line} {still} --init-from runs/{algo} --steps 500 --name {algo}-from");
        let told = folder.ok(&format!("{from} --set train.stop_when_solved=false")).stderr;
        assert!(!told.contains("begin anew"), "{told}");
        assert!(folder.run(&format!("{algo}-from")).latest() == folder.run(algo).best(), "{algo}: other weights");
    }
    // Of another shape they are not.
    let told = folder
        .ok("train CartPole-v1 --algo ppo --init-from runs/ppo --set ppo.net_arch={pi=[12,9],vf=[8]} --steps 64 --set ppo.n_steps=32")
        .stderr;
    assert!(told.contains("value functions begin anew"), "{told}");
}

/// Actors that run free are behind, and the correction is at work.
#[test]
fn impala_learns_from_actors_that_run_free() {
    let folder = Folder::new();
    let line = "train Identity-v0 --algo impala --clock async --actors 2 --n-envs 4 --steps 60000 --name free \
        --set impala.learning_rate=0.003 --set impala.n_steps=5 --set train.max_policy_lag=8";
    let found = learnt(&folder, line);
    assert!(found > 9.5, "it answers {found} of 10 numbers");
    let rows = folder.run("free").rows();
    let of = |name: &str| rows.iter().filter_map(|row| row["metrics"][name].as_f64()).collect::<Vec<_>>();
    assert!(of("time/policy_lag").iter().any(|lag| *lag > 0.0), "{rows:?}");
    let rho = of("train/mean_rho");
    assert!(!rho.is_empty() && rho.iter().all(|rho| (0.0..=1.0).contains(rho)) && rho.iter().any(|rho| *rho < 1.0));
}

/// Environments explore by chances of their own, and actors that run free say what their transitions begin with.
#[test]
fn apex_learns_from_actors_that_run_free() {
    let folder = Folder::new();
    let keys = ["gamma=0", "learning_rate=0.01", "target_update_interval=100", "learning_starts=200", "batch_size=64"];
    let keys = keys.map(|key| format!("--set apex.{key} ")).concat();
    let line = format!("train Identity-v0 --algo apex --clock async --actors 2 --n-envs 4 {keys} --steps 40000");
    let found = learnt(&folder, &format!("{line} --name free --set train.max_policy_lag=8"));
    assert!(found > 9.5, "it answers {found} of 10 numbers");
    // The mean of 0.4 to the power of 1, 1 + 7/3, 1 + 14/3 and 8.
    let mean = [0.0, 7.0 / 3.0, 14.0 / 3.0, 7.0].map(|more| 0.4_f64.powf(1.0 + more)).iter().sum::<f64>() / 4.0;
    let rows = folder.run("free").rows();
    let last = rows.last().unwrap();
    let chance = last["metrics"]["rollout/exploration_rate"].as_f64().unwrap();
    assert!((chance - mean).abs() < 1e-9, "{chance} for {mean}");
}
