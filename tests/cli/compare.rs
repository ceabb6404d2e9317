//! `cartwheel compare`: groups of seeds beside each other.

use std::fs;

use crate::support::{CART_POLE, Folder, SCRIPTED};

/// Three seeds each of two learning rates, of runs too short to learn much.
fn two_groups(folder: &Folder) {
    for (name, rate) in [("slow", "1e-5"), ("quick", "5e-3")] {
        let line = format!("{CART_POLE} --steps 3000 --seeds 3 --name {name} --set dqn.learning_rate={rate}");
        folder.ok(&format!("{line} --set dqn.learning_starts=500"));
    }
}

#[test]
fn groups_are_told_apart_by_what_differs() {
    let folder = Folder::new();
    two_groups(&folder);
    let json = folder.ok("compare runs --out curves.svg --json").json;
    assert_eq!(json["env"], "CartPole-v1");
    let groups = json["groups"].as_array().unwrap();
    let mut names: Vec<_> = groups.iter().map(|group| group["name"].as_str().unwrap()).collect();
    assert!(groups[0]["iqm"].as_f64() >= groups[1]["iqm"].as_f64());
    names.sort_unstable();
    assert_eq!(names, ["dqn learning_rate=0.005", "dqn learning_rate=1e-5"]);
    for group in groups {
        let runs = group["runs"].as_array().unwrap();
        assert_eq!(runs.iter().map(|run| run["seed"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
        let returns: Vec<f64> = runs.iter().map(|run| run["return"].as_f64().unwrap()).collect();
        for (run, return_) in runs.iter().zip(&returns) {
            let manifest = fs::read_to_string(folder.path(run["run"].as_str().unwrap()).join("run.json")).unwrap();
            let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
            assert_eq!(manifest["result"]["greedy_return"]["mean"].as_f64(), Some(*return_));
        }
        // Of three values the interquartile mean takes none away.
        assert!((group["iqm"].as_f64().unwrap() - returns.iter().sum::<f64>() / 3.0).abs() < 1e-9);
        assert_eq!(group["settings"].as_object().unwrap().len(), 1);
    }
    let improvement = &json["improvement"][0];
    assert_eq!((&improvement["x"], &improvement["y"]), (&groups[0]["name"], &groups[1]["name"]));
    let of = |i: usize| groups[i]["runs"].as_array().unwrap().iter().map(|run| run["return"].as_f64().unwrap());
    let wins: f64 = of(0)
        .map(|x| {
            of(1)
                .map(|y| {
                    if x > y {
                        1.0
                    } else if x == y {
                        0.5
                    } else {
                        0.0
                    }
                })
                .sum::<f64>()
        })
        .sum();
    assert!((improvement["probability"].as_f64().unwrap() - wins / 9.0).abs() < 1e-9);

    let svg = fs::read_to_string(folder.path("curves.svg")).unwrap();
    assert!(svg.contains("learning_rate=0.005 (3 seeds)") && svg.matches("<polygon").count() == 2, "{svg}");
    let text = folder.ok("compare runs/slow-s1 runs/quick-s1").stdout;
    assert!(text.contains("RETURN ON CartPole-v1") && text.contains("BEATS ONE OF"), "{text}");
}

#[test]
fn what_cannot_be_compared_is_told() {
    let folder = Folder::new();
    folder.ok(&format!("{SCRIPTED} --steps 60 --name a"));
    folder.ok(&format!("{SCRIPTED} --steps 60 --name again"));
    folder.ok(&format!("{CART_POLE} --steps 200 --name pole"));
    assert_eq!(folder.cartwheel(&format!("{SCRIPTED} --steps 99 --env-arg panic_at=70 --name bad")).code, 1);
    folder.refused(
        "compare runs/a runs/pole --json",
        2,
        &["different environments", "CartPole-v1: runs/pole", "runs/a"],
    );
    folder.ok(&format!("{SCRIPTED} --steps 60 --env-arg length=5 --name short"));
    folder.refused("compare runs/a runs/short --json", 2, &["Scripted-v0: runs/a", "Scripted-v0 length=5: runs/short"]);
    folder.refused("compare runs/bad --json", 2, &["no finished run", "runs/bad: it failed"]);
    folder.refused("compare runs/none --json", 2, &["runs/none"]);
    folder.refused("compare --json", 2, &["RUN"]);
    folder.refused("compare runs/a --out a.svg --metric train/lost --json", 2, &["train/lost"]);
    // The same run twice would count as two seeds.
    let output = folder.ok("compare runs/a runs/again runs/a --json");
    assert_eq!(output.json["groups"][0]["runs"].as_array().unwrap().len(), 1);
    assert_eq!(output.json["left_out"].as_array().unwrap().len(), 1);
    assert!(output.stderr.contains("left out: runs/again: runs/a has the same settings"), "{}", output.stderr);
}
