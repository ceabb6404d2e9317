//! What files say that they were made from: those of `compress` and `export`.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Folder, python};

const DIGITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/digits");

/// What ONNX Runtime reads in the metadata of the file `onnx`, and the SHA-256 of the file `source`.
fn metadata(folder: &Folder, onnx: &str, source: &str) -> (Value, String) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/onnx_metadata.py");
    let output =
        Command::new(python()).arg(script).args([onnx, source].map(|name| folder.path(name))).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    (found["metadata"].clone(), found["sha256"].as_str().unwrap().to_owned())
}

/// The provenance in the metadata of the file `onnx`, and the SHA-256 of the file `source`.
fn provenance(folder: &Folder, onnx: &str, source: &str) -> (Value, String) {
    let (metadata, sha256) = metadata(folder, onnx, source);
    (serde_json::from_str(metadata["provenance"].as_str().unwrap()).unwrap(), sha256)
}

fn step(command: &str, source: &str, sha256: &str, done: Value) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    json!({"command": command, "source": source, "sha256": sha256, "cartwheel": version, "done": done})
}

#[test]
fn files_name_the_weights_that_they_were_made_from_and_what_was_done() {
    let folder = Folder::new();
    folder.ok(&format!("fit mlp --data {DIGITS} --epochs 2 --set mlp.net_arch=[24] --name digits"));
    let absolute = folder.path("runs/digits");
    let weights = "runs/digits/checkpoints/best.safetensors";
    let none = folder.ok("model summary runs/digits --json").json;
    assert_eq!(none["provenance"], json!([]));
    // By a path that says much of the machine.
    let compress = format!("compress {} --low-rank 0.25 --sparsity 0.5 --scope layer", absolute.display());
    let report = folder.ok(&format!("{compress} --out small.safetensors --json")).json;
    let name = "digits/checkpoints/best.safetensors";
    for (precision, done) in [
        ("f32", json!({"precision": "f32"})),
        ("f16", json!({"precision": "f16"})),
        ("int8", json!({"precision": "int8", "symmetric": false, "calibration_samples": 512})),
    ] {
        let line = format!("export {} --out {precision}.onnx --precision {precision}", absolute.display());
        let told = folder.ok(&format!("{line} --json")).json;
        let (found, sha256) = provenance(&folder, &format!("{precision}.onnx"), weights);
        assert_eq!(found, json!([step("export", name, &sha256, done)]), "{precision}");
        assert_eq!(told["provenance"], found, "{precision}");
        assert!(folder.ok(&line).stdout.contains(&sha256), "{precision}");
        let bytes = std::fs::read(folder.path(&format!("{precision}.onnx"))).unwrap();
        let own = folder.path("").display().to_string();
        assert!(!bytes.windows(own.len()).any(|text| text == own.as_bytes()), "{precision} names a folder");
    }
    // What is made of a file that was made says both.
    folder.ok("export small.safetensors --out small.onnx");
    let (found, sha256) = provenance(&folder, "small.onnx", "small.safetensors");
    let of_weights = metadata(&folder, "small.onnx", weights).1;
    let ranks = json!({"low_rank": 0.25, "ranks": {"0": 6}, "sparsity": 0.5, "scope": "layer"});
    let compressed = step("compress", name, &of_weights, ranks);
    let exported = step("export", "small.safetensors", &sha256, json!({"precision": "f32"}));
    assert_eq!(found, json!([compressed, exported]));
    assert_eq!(report["provenance"], json!([compressed]));
    let summary = folder.ok("model summary small.safetensors");
    for word in ["compress", name, &of_weights, "low_rank 0.25", "sparsity 0.5", "scope layer"] {
        assert!(summary.stdout.contains(word), "{word}: {}", summary.stdout);
    }
    assert_eq!(folder.ok("model summary small.safetensors --json").json["provenance"], json!([compressed]));
    folder.refused("model summary small.onnx", 2, &["small.onnx is a file of ONNX", "docs/export.md"]);
    // The same thing twice is the same file.
    folder.ok(&format!("{compress} --out again.safetensors"));
    let files = ["small.safetensors", "again.safetensors"].map(|name| std::fs::read(folder.path(name)).unwrap());
    assert!(files[0] == files[1], "a file differs from time to time");
    // Training leaves something of its own.
    folder.ok(&format!(
        "fit mlp --data {DIGITS} --epochs 1 --set mlp.net_arch=[24] --set mlp.init=small.safetensors --name b"
    ));
    assert_eq!(folder.ok("model summary runs/b --json").json["provenance"], json!([]));
}

#[test]
fn policies_name_their_weights() {
    let folder = Folder::new();
    folder.ok("train CartPole-v1 --steps 300 --set dqn.learning_starts=100 --set eval.n_eval_episodes=2 --name pole");
    let weights = "runs/pole/checkpoints/best.safetensors";
    for (model, name) in
        [("runs/pole", "pole/checkpoints/best.safetensors"), ("alone.safetensors", "alone.safetensors")]
    {
        std::fs::copy(folder.path(weights), folder.path("alone.safetensors")).unwrap();
        let told = folder.ok(&format!("export {model} --out pole.onnx --json")).json;
        let (found, sha256) = provenance(&folder, "pole.onnx", weights);
        assert_eq!(found, json!([step("export", name, &sha256, json!({"precision": "f32"}))]), "{model}");
        assert_eq!(told["provenance"], found);
    }
}
