//! `cartwheel sweep`: a search over settings in processes of their own.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::Folder;

const GRID: &str = "[sweep]\nenv = \"Identity-v0\"\nmethod = \"grid\"\nseeds = 2\n\n[parameters]\n\
    train.total_timesteps = 600\ndqn.gamma = 0.0\ndqn.learning_starts = 100\ndqn.buffer_size = 1000\n\
    eval.n_eval_episodes = 5\neval.eval_freq = 0\n\
    dqn.learning_rate = { values = [1e-6, 0.01] }\ndqn.batch_size = { values = [16, 32] }\n";

fn sweep(folder: &Folder) -> Value {
    serde_json::from_str(&fs::read_to_string(folder.path("sweeps/s/sweep.json")).unwrap()).unwrap()
}

/// The value of a run, from what it wrote itself.
fn last_return(run: &Path) -> f64 {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.filter_map(|row| row["metrics"]["eval/mean_reward"].as_f64()).next_back().unwrap()
}

#[test]
fn a_grid_is_trained_once_and_its_trials_are_means_over_seeds() {
    let folder = Folder::new();
    folder.write("s.toml", GRID);
    let json = folder.ok("sweep s.toml --jobs 2 --json").json;
    let trials = json["trials"].as_array().unwrap();
    let points: Vec<_> = trials
        .iter()
        .map(|trial| {
            (
                trial["params"]["dqn.learning_rate"].as_f64().unwrap(),
                trial["params"]["dqn.batch_size"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(points, [(1e-6, 16), (1e-6, 32), (0.01, 16), (0.01, 32)]);
    for trial in trials {
        assert_eq!(trial["state"], "complete", "{trial}");
        let values: Vec<f64> = (1..=2)
            .map(|seed| {
                last_return(&folder.path(&format!("sweeps/s/trial-{:04}-s{seed}", trial["number"].as_u64().unwrap())))
            })
            .collect();
        assert_eq!(trial["values"], Value::from(values.clone()));
        assert_eq!(trial["value"].as_f64().unwrap(), (values[0] + values[1]) / 2.0);
    }
    let best = trials.iter().map(|trial| trial["value"].as_f64().unwrap()).fold(f64::MIN, f64::max);
    assert_eq!(json["best"]["value"], best);
    let svg = fs::read_to_string(folder.path("sweeps/s/sweep.svg")).unwrap();
    assert!(svg.contains("Identity-v0") && svg.matches("<circle").count() >= 4, "{svg}");

    // Nothing is trained again, and the best can be trained as it is told.
    let before = fs::read(folder.path("sweeps/s/trial-0000-s1/run.json")).unwrap();
    let text = folder.ok("sweep s.toml").stdout;
    assert!(fs::read(folder.path("sweeps/s/trial-0000-s1/run.json")).unwrap() == before);
    assert!(text.starts_with("TRIAL") && text.contains("dqn.learning_rate"), "{text}");
    let line = text.lines().find(|line| line.contains("cartwheel train")).unwrap().split_once("cartwheel ").unwrap().1;
    let best: Vec<_> = line.split_whitespace().filter(|word| word.contains("dqn.")).collect();
    let config = folder.ok(&format!("{line} --print-config --json")).json["config"].to_string();
    assert!(
        best.len() == 5 && line.contains("train.total_timesteps=600") && config.contains("learning_rate"),
        "{line}"
    );
    // Its runs are runs like any others.
    assert_eq!(folder.ok("runs --runs-dir sweeps/s --json").json.as_array().unwrap().len(), 8);
    assert_eq!(folder.ok("compare sweeps/s --json").json["groups"].as_array().unwrap().len(), 4);
    // What a shell makes of sweeps/s/trial-0000-s*
    let glob = ["s1", "s1.log", "s2", "s2.log"].map(|end| format!("sweeps/s/trial-0000-{end}"));
    let compared = folder.ok(&format!("compare {} --json", glob.join(" "))).json;
    assert_eq!(compared["groups"][0]["runs"].as_array().unwrap().len(), 2, "{compared}");
    // Another search does not mix with it.
    folder.write("s.toml", &GRID.replace("seeds = 2", "seeds = 1"));
    folder.refused("sweep s.toml --json", 2, &["sweeps/s holds another sweep", "--out"]);
}

#[test]
fn killed_and_started_again_it_goes_on_to_the_same() {
    let random = GRID
        .replace("\"grid\"", "\"random\"\nn_trials = 4")
        .replace("{ values = [1e-6, 0.01] }", "{ min = 1e-4, max = 1e-2, distribution = \"log_uniform\" }")
        .replace("total_timesteps = 600", "total_timesteps = 6000")
        .replace("seeds = 2", "seeds = 1");
    let folder = Folder::new();
    folder.write("s.toml", &random);
    folder.ok("sweep s.toml --jobs 1 --out whole --json");
    let mut running = folder.spawn("sweep s.toml --jobs 1");
    let first = folder.path("sweeps/s/trial-0001-s1/run.json");
    assert!(running.until(|| first.exists()));
    assert!(running.kill());
    let mut running = folder.spawn("sweep s.toml --jobs 2");
    let third = folder.path("sweeps/s/trial-0002-s1/run.json");
    if running.until(|| third.exists()) {
        running.signal("TERM");
    }
    let code = running.wait().code;
    assert!(code == 143 || code == 0, "{code}");
    folder.ok("sweep s.toml");
    let whole: Value = serde_json::from_str(&fs::read_to_string(folder.path("whole/sweep.json")).unwrap()).unwrap();
    assert_eq!(sweep(&folder)["trials"], whole["trials"]);
}

#[test]
fn a_trial_that_fails_is_told_and_the_others_go_on() {
    let folder = Folder::new();
    folder.write(
        "s.toml",
        "[sweep]\nenv = \"Scripted-v0\"\nmethod = \"grid\"\n[parameters]\ntrain.total_timesteps = 300\n\
         dqn.learning_starts = 50\ndqn.buffer_size = 1000\neval.n_eval_episodes = 2\neval.eval_freq = 0\n\
         env.args = { values = [[1], [2]] }\n",
    );
    folder.refused("sweep s.toml --json", 2, &["s.toml:10: parameters.env.args"]);
    folder.write(
        "s.toml",
        "[sweep]\nenv = \"Scripted-v0\"\nmethod = \"grid\"\nmetric = \"train/nothing\"\n[parameters]\n\
         train.total_timesteps = 300\ndqn.learning_starts = 50\ndqn.buffer_size = 1000\neval.n_eval_episodes = 2\n\
         eval.eval_freq = 0\ndqn.batch_size = { values = [8, 16] }\n",
    );
    let output = folder.cartwheel("sweep s.toml --json");
    assert_eq!(output.code, 1, "{}", output.stderr);
    assert_eq!(output.json["trials"].as_array().unwrap().len(), 2);
    assert!(output.stderr.contains("[2/2] trial ") && output.stderr.contains("no value of train/nothing"));
    let text = folder.cartwheel("sweep s.toml").stdout;
    assert!(text.contains("sweeps/s/trial-0000-s*.log") && text.contains("runs --runs-dir sweeps/s"), "{text}");

    // Nothing came of these, so there are no runs to point to.
    folder.write(
        "bad.toml",
        "[sweep]\nenv = \"Scripted-v0\"\nmethod = \"grid\"\n[parameters]\ntrain.init_from = \"none.safetensors\"\n\
         dqn.batch_size = { values = [8, 16] }\n",
    );
    let output = folder.cartwheel("sweep bad.toml");
    assert_eq!(output.code, 1, "{}", output.stderr);
    assert!(output.stdout.contains("sweeps/bad/trial-0000-s*.log"), "{}", output.stdout);
    assert!(folder.path("sweeps/bad/trial-0000-s1.log").exists());
    assert!(!output.stdout.contains("--runs-dir"), "{}", output.stdout);
}

#[test]
fn what_is_asked_wrongly_is_told_with_its_line() {
    let folder = Folder::new();
    folder.refused("sweep none.toml --json", 2, &["none.toml"]);
    folder.write("s.toml", "[sweep]\nmetod = \"grid\"\n");
    folder.refused("sweep s.toml --json", 2, &["s.toml:2: sweep.metod", "sweep.method"]);
    folder.write("s.toml", "[sweep]\nmethod = \"grid\"\n[parameters]\ndqn.gamma = { min = 0.9, max = 0.99 }\n");
    folder.refused("sweep s.toml --json", 2, &["s.toml:4: parameters.dqn.gamma", "a grid needs values"]);
    folder
        .write("s.toml", "[sweep]\n[parameters]\ndqn.gamma = { min = 0.99, max = 0.9 }\ndqn.gama = { values = [1] }\n");
    folder.refused("sweep s.toml --json", 2, &["s.toml:3", "must be below", "s.toml:4", "dqn.gamma"]);
    folder.refused("sweep s.toml --jobs 0 --json", 2, &["--jobs"]);
    assert!(!folder.path("sweeps").exists());
}
