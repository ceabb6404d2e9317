//! Training in wrapped environments: what wrappers learn is kept, copied and never counted twice.

use safetensors::SafeTensors;
use serde_json::Value;

use crate::support::{CART_POLE, Folder};

/// Wrappers that remember something, within an episode and past it.
const STATEFUL: &str = "--wrapper NormalizeObservation --wrapper NormalizeReward(gamma=0.98) --wrapper \
    FrameStackObservation(2) --wrapper ClipReward(-5,5) --n-envs 5 --steps 4000 --seed 7";

#[test]
fn actors_share_the_work_and_change_nothing() {
    let folder = Folder::new();
    for actors in [1, 2, 4] {
        folder.ok(&format!("{CART_POLE} {STATEFUL} --actors {actors} --name a{actors}"));
    }
    folder.run("a2").is_as(&folder.run("a1"));
    folder.run("a4").is_as(&folder.run("a1"));
}

#[test]
fn interrupted_it_goes_on_with_what_wrappers_had_learnt() {
    let folder = Folder::new();
    folder.ok(&format!("{CART_POLE} {STATEFUL} --actors 1 --name whole"));
    let run = folder.run("a");
    let mut running = folder.spawn(&format!("{CART_POLE} {STATEFUL} --actors 1 --checkpoint-every 200 --name a"));
    assert!(running.until(|| !run.states().is_empty()));
    assert!(running.kill(), "it was too quick to be killed");
    folder.ok("train --resume runs/a --actors 2");
    run.is_as(&folder.run("whole"));
}

#[test]
fn evaluation_updates_no_statistics() {
    let folder = Folder::new();
    let line = format!("{CART_POLE} {STATEFUL} --actors 1");
    folder.ok(&format!("{line} --name rarely"));
    folder.ok(&format!("{line} --set eval.eval_freq=200 --name often"));
    let (rarely, often) = (folder.run("rarely"), folder.run("often"));
    assert!(often.evaluations().len() > rarely.evaluations().len() + 5);
    // The latest weights hold the statistics too.
    assert!(often.latest() == rarely.latest(), "evaluations left a trace");
}

#[test]
fn weights_act_with_the_statistics_they_were_kept_with() {
    let folder = Folder::new();
    let line = format!("{CART_POLE} --wrapper NormalizeObservation --set train.stop_when_solved=true --seed 1");
    let trained = folder.ok(&format!("{line} --steps 50000 --set eval.n_eval_episodes=50 --name a --json")).json;
    assert_eq!(trained["solved"], true, "{trained}");
    // Without its statistics, the policy would see positions of a hundredth of what it was trained on.
    let evaluate = || folder.ok("eval runs/a --episodes 50 --json").json["returns"].clone();
    let returns = evaluate();
    let mean = returns.as_array().unwrap().iter().map(|r| r.as_f64().unwrap()).sum::<f64>() / 50.0;
    assert!(mean > 400.0, "{returns}");
    assert_eq!(evaluate(), returns, "an evaluation left a trace");
}

/// Else the weights would see other numbers than they were trained on until as much was seen again.
#[test]
fn weights_that_a_run_begins_with_bring_their_statistics() {
    let folder = Folder::new();
    let line = format!("{CART_POLE} --wrapper NormalizeObservation");
    folder.ok(&format!("{line} --steps 4096 --name source"));
    let seen = |weights: &[u8]| {
        let (_, header) = SafeTensors::read_metadata(weights).unwrap();
        let policy: Value = serde_json::from_str(&header.metadata().as_ref().unwrap()["policy"]).unwrap();
        policy["statistics"][0]["moments"]["count"].as_f64().unwrap()
    };
    let source = seen(&folder.run("source").best());
    assert!(source > 1000.0, "{source}");
    for n_envs in [1, 4] {
        let begun = |name: &str, more: &str| {
            let same = "--set dqn.learning_rate=1e-12 --steps 64";
            folder.ok(&format!("{line} {same} --n-envs {n_envs} {more} --name {name}-{n_envs}"));
            seen(&folder.run(&format!("{name}-{n_envs}")).latest())
        };
        let (anew, brought) = (begun("anew", ""), begun("brought", "--init-from runs/source"));
        assert!((brought - source - anew).abs() < 1.0, "{brought} after {source} and {anew}");
    }
    let more = format!("{line} --wrapper NormalizeReward --init-from runs/source --steps 64");
    folder.refused(&more, 2, &["train.init_from", "env.wrappers", "normaliz"]);
}

#[test]
fn returns_are_the_environments_own() {
    let folder = Folder::new();
    folder.ok(&format!("{CART_POLE} --wrapper TransformReward(0*r) --wrapper ClipReward(-1,0) --steps 2048 --name a"));
    let rows = folder.run("a").rows();
    for metric in ["rollout/ep_rew_mean", "eval/mean_reward"] {
        let values: Vec<_> = rows.iter().filter_map(|row| row["metrics"][metric].as_f64()).collect();
        assert!(!values.is_empty() && values.iter().all(|value| *value >= 8.0), "{metric}: {values:?}");
    }
}

#[test]
fn a_wrapper_that_does_not_fit_is_refused() {
    let folder = Folder::new();
    let cases = [
        ("train CartPole-v1 --wrapper FrameStack(4)", &["FrameStack", "did you mean FrameStackObservation"][..]),
        ("train CartPole-v1 --wrapper ClipAction", &["ClipAction", "Discrete(2)", "Box"]),
        ("train CartPole-v1 --wrapper FrameStackObservation", &["stack_size", "missing"]),
        ("train CartPole-v1 --wrapper FrameStackObservation(size=4)", &["`size`", "stack_size"]),
        ("train CartPole-v1 --wrapper ClipReward(1,2,3)", &["ClipReward", "min_reward"]),
        ("train CartPole-v1 --wrapper NormalizeObservation(epsilon='x')", &["epsilon", "a number"]),
        ("train CartPole-v1 --set env.wrappers=[\"Gray\"]", &["env.wrappers", "Gray"]),
    ];
    for (line, words) in cases {
        folder.refused(&format!("{line} --json"), 2, words);
    }
    assert!(!folder.path("runs").exists());
}
