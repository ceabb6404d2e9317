//! `cartwheel record`

use std::fs;

use crate::support::{CART_POLE, Folder};

#[test]
fn an_episode_of_a_random_policy_is_recorded() {
    let folder = Folder::new();
    let json = folder.ok("record CartPole-v1 --out a.gif --width 60 --episodes 2 --seed 3 --json").json;
    assert_eq!((&json["env"], json["returns"].as_array().unwrap().len()), (&"CartPole-v1".into(), 2));
    let gif = fs::read(folder.path("a.gif")).unwrap();
    assert!(gif.starts_with(b"GIF89a") && gif.ends_with(b";"));
    // Each frame has a control block: one for the reset and one a step.
    let steps: f64 = json["returns"].as_array().unwrap().iter().map(|r| r.as_f64().unwrap()).sum();
    let frames = gif.windows(4).filter(|bytes| *bytes == [0x21, 0xf9, 4, 4]).count();
    assert_eq!(frames as f64, steps + 2.0);
    folder.ok("record CartPole-v1 --out b.gif --width 60 --episodes 2 --seed 3 --json");
    assert_eq!(gif, fs::read(folder.path("b.gif")).unwrap(), "the same seed, the same picture");
}

/// With ffmpeg on PATH it is H.264, without it Motion JPEG: either way there is a frame for the reset and one a step.
#[test]
fn an_episode_is_recorded_as_an_mp4() {
    let folder = Folder::new();
    let json = folder.ok("record CartPole-v1 --out a.mp4 --width 60 --seed 3 --json").json;
    let mp4 = fs::read(folder.path("a.mp4")).unwrap();
    assert_eq!(&mp4[4..8], b"ftyp");
    let sizes = mp4.windows(4).position(|bytes| bytes == b"stsz").unwrap();
    let frames = u32::from_be_bytes(mp4[sizes + 12..sizes + 16].try_into().unwrap());
    assert_eq!(f64::from(frames), json["returns"][0].as_f64().unwrap() + 1.0);
    let left: Vec<_> = fs::read_dir(folder.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains(".tmp")), "{left:?}");
}

#[test]
fn a_run_is_recorded_with_its_best_policy() {
    let folder = Folder::new();
    folder.ok(&format!("{CART_POLE} --steps 1500 --name a"));
    let of_run = folder.ok("record runs/a --out a.gif --width 60 --json").json;
    let of_env = folder.ok("record CartPole-v1 --policy runs/a --out b.gif --width 60 --json").json;
    assert_eq!(of_run["returns"], of_env["returns"]);
    assert_eq!(fs::read(folder.path("a.gif")).unwrap(), fs::read(folder.path("b.gif")).unwrap());
}

/// The hundredths of a second for which the first frame is shown.
fn delay(folder: &Folder, line: &str) -> u16 {
    folder.ok(&format!("record {line} --out a.gif --width 60"));
    let gif = fs::read(folder.path("a.gif")).unwrap();
    let frame = gif.windows(4).position(|bytes| bytes == [0x21, 0xf9, 4, 4]).unwrap();
    u16::from_le_bytes([gif[frame + 4], gif[frame + 5]])
}

#[test]
fn games_of_turns_are_recorded_slowly_enough_to_follow() {
    let folder = Folder::new();
    assert_eq!(delay(&folder, "FrozenLake-v1"), 25);
    assert_eq!(delay(&folder, "FrozenLake-v1 --fps 50"), 2);
    assert_eq!(delay(&folder, "CartPole-v1"), 2);
}

#[test]
fn arguments_reach_the_environment_that_is_recorded() {
    let json = Folder::new().ok("record BitFlip-v0 --env-arg max_steps=3 --out a.gif --width 60 --json").json;
    assert_eq!(json["returns"], serde_json::json!([-3.0]));
}

#[test]
fn what_cannot_be_recorded_is_told() {
    let folder = Folder::new();
    folder.refused("record CartPole-v1 --out a.avi --json", 2, &["a.avi", ".gif", ".mp4"]);
    folder.refused("record CartPole-v9 --out a.gif --json", 2, &["CartPole-v9", "CartPole-v1"]);
    folder.refused("record runs/a --out a.gif --json", 2, &["runs/a is no folder of a run", "no environment"]);
    folder.refused("record Bandit-v0 --out a.gif --json", 2, &["Bandit-v0", "draws nothing"]);
    folder.refused("record CartPole-v1 --policy none --out a.gif --json", 2, &["none", "is not a run"]);
    folder.refused("record CartPole-v1 --out none/a.gif --json", 2, &["--out none/a.gif", "no such folder, make it"]);
    folder.ok(&format!("{CART_POLE} --steps 200 --name a"));
    folder.refused(
        "record Scripted-v0 --policy runs/a --out a.gif --json",
        2,
        &["runs/a", "other spaces", "Scripted-v0"],
    );
    assert!(!folder.path("a.gif").exists());
}
