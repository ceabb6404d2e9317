//! What was asked wrongly: each message names the file, line or flag, what was found, and what to do.

use crate::support::{CART_POLE, Folder, IDENTITY};

/// `cartwheel <line>` exits with 2, names `words`, and leaves no run behind.
#[track_caller]
fn refused(line: &str, words: &[&str]) {
    let folder = Folder::new();
    folder.refused(&format!("{line} --json"), 2, words);
    assert!(!folder.path("runs").exists(), "cartwheel {line}\nleft a folder behind");
}

/// `cartwheel train Scripted-v0 --config bad.toml`, the file being `text`, exits with 2 and names `words`.
#[track_caller]
fn refused_file(text: &str, words: &[&str]) {
    let folder = Folder::new();
    folder.write("bad.toml", text);
    folder.refused("train Scripted-v0 --config bad.toml --json", 2, words);
    assert!(!folder.path("runs").exists());
}

#[test]
fn an_unknown_environment_gets_the_nearest() {
    refused("train CartPol-v1", &["`CartPol-v1`", "? `cartwheel env list` names", "did you mean CartPole-v1"]);
    refused("train cartpole-v1", &["CartPole-v1"]);
    refused("train --set dqn.n_steps=2", &["which environment?", "cartwheel train CartPole-v1"]);
}

#[test]
fn one_that_only_python_may_have_is_told_how_to_ask_for() {
    refused("train LunarLander-v3", &["`LunarLander-v3`", "`py:LunarLander-v3`"]);
}

/// Clap would say to write `-- -1`, which no flag takes either.
#[test]
fn a_number_below_0_is_told() {
    refused("train CartPole-v1 --seed -1", &["-1 is a number below 0, and no flag takes one"]);
    refused("train CartPole-v1 --steps -5", &["-5 is a number below 0"]);
    refused("train CartPole-v1 --stepz 5", &["unexpected argument '--stepz'", "--steps"]);
}

/// A run would say that it lies elsewhere, and nothing would find it.
#[test]
fn a_folder_that_settings_cannot_hold_is_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let (folder, odd) = (Folder::new(), std::ffi::OsStr::from_bytes(b"d\xff"));
    for words in [&["train", "CartPole-v1", "--runs-dir"][..], &["reproduce", "--runs-dir"]] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cartwheel"));
        let output = command.args(words).arg(odd).current_dir(folder.path(".")).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains("--runs-dir") && told.contains("UTF-8"), "{told}");
        assert_eq!(std::fs::read_dir(folder.path(".")).unwrap().count(), 0, "a folder was made");
    }
}

#[test]
fn an_unknown_algorithm_is_named() {
    refused("train CartPole-v1 --algo sarsa", &["--algo", "sarsa", "dqn"]);
}

#[test]
fn an_algorithm_for_other_actions_is_told_with_those_that_fit() {
    refused(
        "train Pendulum-v1",
        &["dqn cannot learn Pendulum-v1", "Box(-2.0, 2.0", "ppo, a2c, impala, reinforce, sac, tqc, td3, ddpg"],
    );
    refused(
        "train CartPole-v1 --algo sac",
        &["sac cannot learn CartPole-v1", "Discrete(2)", "dqn, rainbow, qrdqn, iqn, apex, ppo"],
    );
}

#[test]
fn settings_of_another_algorithm_are_refused() {
    refused("train CartPole-v1 --algo ppo --set dqn.gamma=0.5", &["[dqn]", "train.algo = \"ppo\"", "[ppo]"]);
    refused("train CartPole-v1 --algo ppo --set ppo.clip_range=lin_", &["clip_range", "lin_"]);
    refused("train CartPole-v1 --set dqn.v_max=-10", &["dqn.v_min = -10 must be less than v_max = -10"]);
    refused("train CartPole-v1 --algo rainbow --set rainbow.v_min=99", &["rainbow.v_min = 99 must be less than"]);
    refused("train CartPole-v1 --algo qrdqn --set qrdqn.n_quantiles=0", &["qrdqn.n_quantiles", "from 1 to 10000"]);
    refused("train CartPole-v1 --algo iqn --set iqn.net_arch=[]", &["iqn.net_arch", "hidden layer", "[64]"]);
    refused("train Pendulum-v1 --algo sac --set sac.ent_coef=none", &["ent_coef", "auto"]);
}

#[test]
fn an_unknown_key_gets_the_nearest() {
    refused("train CartPole-v1 --set dqn.learning_rat=1", &["dqn.learning_rat", "did you mean dqn.learning_rate?"]);
    refused("train CartPole-v1 --set dqn.seed=1", &["--set dqn.seed=1", "did you mean train.seed?"]);
    refused("train CartPole-v1 --set dqm.n_steps=1", &["unknown section", "dqn"]);
    refused("train CartPole-v1 --set n_steps=1", &["dqn.n_steps=1"]);
    refused("train CartPole-v1 --set dqn.n_steps", &["section.key=value", "dqn.n_steps="]);
    refused_file("[dqn]\ngamma = 0.9\nlearning_rat = 1\n", &["bad.toml:3", "dqn.learning_rat", "dqn.learning_rate?"]);
    refused_file("[dqm]\n", &["bad.toml:1", "unknown section", "[dqn]"]);
    refused_file("gamma = 0.9\n", &["bad.toml:1", "gamma", "[dqn]"]);
}

#[test]
fn a_wrong_type_is_told_with_what_was_expected() {
    refused_file(
        "[train]\nseed = \"one\"\n",
        &["bad.toml:2: train.seed: expected a whole number of 0 or more, found \"one\""],
    );
    refused_file("[train]\nactors = 1.5\n", &["bad.toml:2", "train.actors", "auto", "1.5"]);
    refused_file("[train]\nclock = \"syn\"\n", &["bad.toml:2", "train.clock", "\"sync\"", "\"async\"", "\"syn\""]);
    refused("train CartPole-v1 --set dqn.double_q=maybe", &["--set dqn.double_q=maybe", "expected true or false"]);
}

#[test]
fn a_value_out_of_range_is_told_with_the_range() {
    refused_file("[dqn]\n\ngamma = 1.5\n", &["bad.toml:3: dqn.gamma: expected a number from 0 to 1, found 1.5"]);
    refused_file("[env]\nn_envs = 0\n", &["bad.toml:2: env.n_envs: expected a number of 1 or more, found 0"]);
    refused("train CartPole-v1 --set dqn.learning_rate=-1", &["dqn.learning_rate", "a number above 0", "-1"]);
    refused("train CartPole-v1 --set dqn.gradient_steps=0", &["dqn.gradient_steps = 0", "-1"]);
    refused("train Pendulum-v1 --algo sac --set sac.gradient_steps=0", &["sac.gradient_steps = 0", "-1"]);
    let vast = "train CartPole-v1 --algo ppo --set ppo.n_steps=1000000 --n-envs 1000000";
    refused(vast, &["1000000 steps", "env.n_envs = 1000000", "ppo.n_steps"]);
    refused("train CartPole-v1 --set dqn.learning_rate=nan", &["dqn.learning_rate", "nan"]);
    refused("train CartPole-v1 --set dqn.learning_rate=inf", &["dqn.learning_rate", "inf"]);
}

#[test]
fn every_mistake_of_a_file_is_told_at_once() {
    refused_file("[dqn]\ngamma = 2\nbatch_size = 0\n[run]\nnam = 'x'\n", &["bad.toml:2", "bad.toml:3", "bad.toml:5"]);
}

#[test]
fn a_file_that_is_not_toml_is_shown() {
    refused_file("[dqn]\nloss = mse\n", &["bad.toml:2:8", "loss = mse", "^"]);
}

#[test]
fn a_missing_file_is_named() {
    refused("train CartPole-v1 --config none.toml", &["none.toml", "No such file"]);
    refused("train --config none.toml", &["none.toml"]);
}

#[test]
fn flags_out_of_range_are_told_with_the_range() {
    refused("train CartPole-v1 --steps 0", &["total_timesteps", "1 or more", "found 0"]);
    refused("train CartPole-v1 --n-envs 0", &["n_envs", "1 or more", "found 0"]);
    refused("train CartPole-v1 --seeds 0", &["--seeds", "0"]);
    refused("train CartPole-v1 --seeds 3 --view", &["--view shows one run", "cartwheel watch runs"]);
    refused("train CartPole-v1 --actors 0", &["--actors", "auto", "1 or more"]);
    refused("train CartPole-v1 --actors few", &["--actors", "few", "auto"]);
    refused("train CartPole-v1 --actors 3 --n-envs 2", &["train.actors = 3", "env.n_envs", "it is 2"]);
    refused("train CartPole-v1 --clock late", &["--clock", "late", "sync", "async"]);
    refused("train CartPole-v1 --device tpu", &["--device", "tpu", "cpu", "cuda"]);
    refused("train CartPole-v1 --seed=-1", &["--seed", "-1"]);
    refused("train CartPole-v1 --seed=1.5", &["--seed", "1.5"]);
}

#[test]
fn too_many_actors_for_the_lag_are_told() {
    let line = "train CartPole-v1 --clock async --n-envs 8 --actors 8 --set train.max_policy_lag=2";
    refused(line, &["train.max_policy_lag = 2", "train.actors = 8", "7 or more"]);
}

#[test]
fn arguments_of_an_environment_are_checked() {
    refused("train Scripted-v0 --env-arg lenght=5", &["Scripted-v0", "`lenght`", "did you mean length?"]);
    refused("train Scripted-v0 --env-arg quux=5", &["`quux`", "cartwheel env info Scripted-v0"]);
    refused("train Scripted-v0 --env-arg length=long", &["Scripted-v0", "`length`", "\"long\""]);
    refused("train Scripted-v0 --env-arg length=0", &["`length`", "0", "nonzero"]);
    refused("train Scripted-v0 --env-arg ends=soon", &["`ends`", "soon", "truncated"]);
    refused("train Scripted-v0 --env-arg length", &["--env-arg", "length"]);
    refused("train CartPole-v1 --set env.args.sutton=true", &["CartPole-v1", "`sutton`"]);
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_gpu_needs_a_build_that_has_it() {
    for device in ["cuda", "cuda:1"] {
        let line = format!("train CartPole-v1 --device {device}");
        refused(&line, &["cuda", "--features cuda", "docs/cuda.md", "--device cpu"]);
    }
}

#[test]
fn a_replay_larger_than_memory_is_told_with_the_sizes() {
    let line = "train CartPole-v1 --set dqn.buffer_size=10_000_000_000_000";
    refused(
        line,
        &["dqn.buffer_size = 10000000000000", "needs", "GiB", "this machine has", "lower dqn.buffer_size to"],
    );
}

/// 25 bytes for each of these transitions are just above 2⁶⁴.
#[test]
fn also_where_its_bytes_overflow() {
    refused("train CartPole-v1 --n-envs 1 --set dqn.buffer_size=737869762948382065", &["dqn.buffer_size", "lower"]);
}

/// Value functions are counted, too, all of them.
#[test]
fn networks_larger_than_memory_are_told() {
    let folder = Folder::new();
    let words = ["training networks of", "this machine has", "make the layers of [sac] or its batches smaller"];
    let line = "train Pendulum-v1 --algo sac --set sac.net_arch={pi=[8],qf=[16384,16384,16384]}";
    folder.refused(&format!("{line} --set sac.n_critics=100"), 2, &words);
    // Few parameters, and what comes out of a convolution for each sample.
    let line = "train MinAtar/Breakout-v1 --set dqn.features_extractor={conv_filters=[[4096,3,1]],features_dim=8}";
    folder.refused(&format!("{line} --set dqn.batch_size=900000"), 2, &["on batches of 900000", "this machine has"]);
}

#[test]
fn more_environments_than_memory_are_told() {
    let line = "train CartPole-v1 --n-envs 1000000000000 --json";
    let output = Folder::new().with_little_memory(line, 4_000_000);
    output.failed(line, 2, &["env.n_envs"]);
}

#[test]
fn a_name_stays_in_the_runs_folder() {
    for name in ["a/b", "../a", "..", ".hidden"] {
        let folder = Folder::new();
        let line = format!("{IDENTITY} --steps 50 --name {name} --json");
        folder.refused(&line, 2, &[&format!("{name:?}"), "cannot name a run", "letters"]);
    }
}

#[test]
fn weights_of_another_network_are_refused() {
    let folder = Folder::new();
    folder.ok(&format!("{CART_POLE} --steps 200 --set dqn.net_arch=[8] --name source"));
    let from = "--init-from runs/source --name a --json";
    folder.refused(&format!("{CART_POLE} --steps 200 {from}"), 2, &["runs/source", "dqn.net_arch"]);
    let other = format!("{IDENTITY} --steps 200 --set dqn.net_arch=[8] {from}");
    folder.refused(&other, 2, &["runs/source", "environment"]);
    assert!(!folder.path("runs/a").exists());
    folder.refused(&format!("{CART_POLE} --init-from runs/none --json"), 2, &["runs/none"]);
}

#[test]
fn a_missing_run_is_named() {
    let folder = Folder::new();
    for line in ["train --resume runs/none", "eval runs/none"] {
        folder.refused(&format!("{line} --json"), 2, &["runs/none", "is not a run", "config.toml", "run.json"]);
    }
    folder.write("file", "");
    folder.refused("train --resume file --json", 2, &["file", "is not a run"]);
}

#[test]
fn resume_takes_no_other_settings() {
    let flags = "--seed 2,--n-envs 2,--clock sync,--env-arg a=1,--runs-dir d,--name n,--checkpoint-every 5,\
        --config c,--set dqn.gamma=1,--init-from r,--seeds 2,--algo dqn,--print-config";
    for flag in flags.split(',') {
        refused(&format!("train --resume runs/a {flag}"), &["--resume", flag.split(' ').next().unwrap()]);
    }
    refused("train CartPole-v1 --resume runs/a", &["--resume", "ENV"]);
}
