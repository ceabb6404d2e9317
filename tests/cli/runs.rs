//! `cartwheel runs`, and what holds for the command as a whole.

use std::fs;

use serde_json::Value;

use crate::support::{Folder, SCRIPTED};

#[test]
fn runs_are_listed_with_how_they_ended() {
    let folder = Folder::new();
    assert_eq!(folder.ok("runs --json").json, Value::Array(Vec::new()));
    assert!(folder.ok("runs").stdout.contains("no runs in runs"));
    folder.ok(&format!("{SCRIPTED} --steps 60 --name ended --seed 4"));
    folder.ok(&format!("{SCRIPTED} --steps 60 --name good --set eval.solved_at=1 --set train.stop_when_solved=true"));
    folder.ok(&format!("{SCRIPTED} --steps 60 --name short --set eval.solved_at=1000"));
    assert_eq!(folder.cartwheel(&format!("{SCRIPTED} --steps 99 --env-arg panic_at=70 --name bad")).code, 1);
    fs::create_dir(folder.path("runs/empty")).unwrap();

    let json = folder.ok("runs --json").json;
    let mut status: Vec<_> = json.as_array().unwrap().iter().map(|run| [&run["name"], &run["status"]]).collect();
    status.sort_by_key(|[name, _]| name.as_str());
    let expected =
        [["bad", "failed"], ["empty", "broken"], ["ended", "finished"], ["good", "solved"], ["short", "not solved"]];
    assert_eq!(status, expected.map(|pair| pair.map(Value::from)).each_ref().map(|[name, status]| [name, status]));

    let ended = json.as_array().unwrap().iter().find(|run| run["name"] == "ended").unwrap();
    assert_eq!((&ended["seed"], &ended["steps"], &ended["return"]), (&4.into(), &60.into(), &55.0.into()));
    assert_eq!((&ended["env"], &ended["algo"]), (&"Scripted-v0".into(), &"dqn".into()));

    let text = folder.ok("runs").stdout;
    assert_eq!(text.lines().count(), 6, "{text}");
    assert!(text.starts_with("RUN") && text.contains("Scripted-v0"), "{text}");
    assert_eq!(folder.ok("runs --runs-dir elsewhere --json").json, Value::Array(Vec::new()));
}

/// Each of these is checked to print one JSON document by [`Folder::cartwheel`].
#[test]
fn json_is_one_document_whatever_happens() {
    let folder = Folder::new();
    for (line, code) in [
        ("--help --json", 0),
        ("--json --version", 0),
        ("train --help --json", 0),
        ("--json help train", 0),
        ("help train --json", 2),
        ("--json", 2),
        ("--json train", 2),
        ("train --json", 2),
        ("env --json", 2),
        ("env list --nonsense --json", 2),
        ("nonsense --json", 2),
        ("train Nope-v0 --json", 2),
        ("train CartPole-v1 --steps many --json", 2),
        ("train CartPole-v1 --config none.toml --json", 2),
        ("eval --json", 2),
        ("eval none --json", 2),
        ("env verify none --json", 1),
        ("train CartPole-v1 --print-config --json", 0),
        ("runs --json", 0),
        ("algos --json", 0),
    ] {
        let output = folder.cartwheel(line);
        assert_eq!(output.code, code, "cartwheel {line}\n{}", output.stderr);
        if code != 0 {
            assert_eq!(output.json["exit_code"], code, "cartwheel {line}");
            assert!(output.json["error"].is_string() && !output.stderr.is_empty(), "cartwheel {line}");
        }
    }
}

#[test]
fn help_is_on_stdout_and_complaints_on_stderr() {
    let folder = Folder::new();
    let help = folder.ok("train --help");
    for flag in ["--algo", "--seeds", "--actors", "--env-arg", "--print-config", "--init-from", "--resume", "--json"] {
        assert!(help.stdout.contains(flag), "{flag}");
    }
    assert_eq!(help.stderr, "");
    let complaint = folder.refused("train CartPole-v1 --sedes 3", 2, &["--sedes", "--seeds"]);
    assert_eq!(complaint.stdout, "");
    assert!(folder.ok("--version").stdout.starts_with("cartwheel "));
}
