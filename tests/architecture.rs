//! Which crate may know which, and where the two dangerous things, dfdx and `unsafe`, may be.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Each crate of the workspace and those of the workspace that it may depend on.
const ARROWS: [(&str, &[&str]); 5] = [
    ("cartwheel-envs", &[]),
    ("cartwheel-agents", &["cartwheel-envs"]),
    ("cartwheel-trainer", &["cartwheel-envs", "cartwheel-agents"]),
    ("cartwheel-viewer", &["cartwheel-envs", "cartwheel-agents", "cartwheel-trainer"]),
    ("cartwheel", &["cartwheel-envs", "cartwheel-agents", "cartwheel-trainer", "cartwheel-viewer"]),
];

/// Where `dfdx` may be named.
const NETWORKS: &[&str] = &["agents/src/nn/", "agents/src/models/"];

/// Where `unsafe` may be: SIMD kernels, where functions of C are called, and where OpenGL is asked its renderer's name.
const UNSAFE: &[&str] = &[
    "agents/src/nn/",
    "envs/src/classic/sine.rs",
    "envs/src/shared_library/abi.rs",
    "envs/src/vector/native.rs",
    "trainer/src/data/image/augment/affine/avx2.rs",
    "trainer/src/data/image/jpeg/colour/avx2.rs",
    "trainer/src/data/image/jpeg/idct/avx2.rs",
    "trainer/src/data/image/resize/avx2.rs",
    "trainer/src/replay/sum_tree/avx512.rs",
    "viewer/src/window.rs",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn packages() -> Vec<Value> {
    let metadata = ["metadata", "--no-deps", "--format-version", "1", "--offline"];
    let output = Command::new(env!("CARGO")).args(metadata).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// What a package depends on, development and build dependencies included.
fn dependencies(package: &Value) -> BTreeSet<String> {
    let dependencies = package["dependencies"].as_array().unwrap();
    dependencies.iter().map(|dependency| dependency["name"].as_str().unwrap().to_string()).collect()
}

#[test]
fn arrows_point_one_way() {
    let packages = packages();
    let names: BTreeSet<_> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    for package in &packages {
        let name = package["name"].as_str().unwrap();
        // What only measures may know everything; nothing may know it.
        let allowed = ARROWS.iter().find(|(from, _)| *from == name).map(|(_, to)| *to);
        for dependency in dependencies(package).iter().filter(|dependency| names.contains(dependency.as_str())) {
            let known = ARROWS.iter().any(|(from, _)| from == dependency);
            let fits = allowed.is_none_or(|allowed| allowed.contains(&dependency.as_str()));
            assert!(known && fits, "{name} must not depend on {dependency}");
        }
    }
    for (name, _) in ARROWS {
        assert!(names.contains(name), "{name} is gone: mend this test");
    }
}

#[test]
fn one_crate_knows_dfdx() {
    for package in packages() {
        let knows = dependencies(&package).iter().any(|name| name == "dfdx" || name.starts_with("dfdx-"));
        assert_eq!(knows, package["name"] == "cartwheel-agents", "{}", package["name"]);
    }
}

#[test]
fn one_crate_knows_egui() {
    for package in packages() {
        let knows = dependencies(&package).iter().any(|name| name == "eframe" || name.starts_with("egui"));
        assert_eq!(knows, package["name"] == "cartwheel-viewer", "{}", package["name"]);
    }
}

#[test]
fn dfdx_is_named_only_beside_the_networks() {
    let found = outside(NETWORKS, |code| words(code).any(|word| word == "dfdx"));
    assert!(found.is_empty(), "dfdx is named outside {NETWORKS:?}:\n{}", found.join("\n"));
}

#[test]
fn unsafe_code_is_only_where_it_must_be() {
    let found = outside(UNSAFE, |code| words(code).any(|word| word == "unsafe"));
    assert!(found.is_empty(), "unsafe code outside {UNSAFE:?}:\n{}", found.join("\n"));
}

/// Lines of shipped code outside `places` for which `holds`, as `file:line: text`.
fn outside(places: &[&str], holds: impl Fn(&str) -> bool) -> Vec<String> {
    let mut files = Vec::new();
    for folder in ["src", "envs/src", "agents/src", "trainer/src"] {
        sources(&root().join(folder), &mut files);
    }
    assert!(files.len() > 50, "only {} sources found", files.len());
    let mut found = Vec::new();
    for file in files {
        let name = file.strip_prefix(root()).unwrap().display().to_string();
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            if holds(code(line)) && !places.iter().any(|place| name.starts_with(place)) {
                found.push(format!("{name}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    for place in places {
        assert!(root().join(place).exists(), "{place} is gone: mend this test");
    }
    found
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// A line without its comment; a `//` within text cuts off that text's end, which is no code either.
fn code(line: &str) -> &str {
    line.split_once("//").map_or(line, |(code, _)| code)
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_'))
}
