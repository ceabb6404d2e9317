//! Pictures of every kind, and files that are none: `fit` and `predict` of image files.

use std::fs;

use serde_json::Value;

use crate::support::Folder;

const DIGITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/digits");
/// Pictures of 16 × 16 for the smallest network.
const SMALL: &str = "--set images.width=16 --set images.height=16 --set images.shorter_side=16";
/// Files that are pictures, of tests/data/images/decode.py.
const SOUND: [&str; 9] = [
    "cmyk.jpg",
    "cmyk.tiff",
    "gray16.png",
    "rgb16.png",
    "gray16.tiff",
    "animated.png",
    "palette_transparent.png",
    "one_bit.png",
    "rgb.ppm",
];
/// Files that are none, and what is said of each.
const BROKEN: [(&str, &str); 8] = [
    ("bomb.png", "60000 × 60000 pixels, more than the 89478485 that images.max_pixels allows"),
    ("bomb.bmp", "30000 × 30000 pixels"),
    ("zero.ppm", "no pixels"),
    ("zero.png", "is damaged"),
    ("float.tiff", "not supported"),
    ("text.png", "is no PNG"),
    ("empty.jpg", "the file is empty"),
    ("cut.png", "truncated"),
];

/// Writes recorded files to a folder of it.
fn write<'a>(folder: &Folder, to: &str, names: impl IntoIterator<Item = &'a str>) {
    let recorded: Value = serde_json::from_str(include_str!("../data/images/decode.json")).unwrap();
    let bytes = |name: &str| base64(recorded[name]["file"].as_str().unwrap());
    fs::create_dir_all(folder.path(to)).unwrap();
    for name in names {
        let bytes = if name == "cut.png" { bytes("rgb.png")[..300].to_vec() } else { bytes(name) };
        fs::write(folder.path(to).join(name), bytes).unwrap();
    }
}

fn base64(text: &str) -> Vec<u8> {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits: Vec<u32> = text.chars().filter_map(|c| LETTERS.find(c)).map(|digit| digit as u32).collect();
    let group = |digits: &[u32]| {
        let word = (0..4).fold(0, |word, i| word << 6 | digits.get(i).copied().unwrap_or(0));
        word.to_be_bytes()[1..digits.len()].to_vec()
    };
    digits.chunks(4).flat_map(group).collect()
}

#[test]
fn pictures_of_all_kinds_are_learnt_and_broken_ones_skipped_and_named() {
    let folder = Folder::new();
    let (some, others) = SOUND.split_at(5);
    write(&folder, "pets/ants", some.iter().copied().chain(BROKEN.iter().map(|(name, _)| *name)));
    write(&folder, "pets/bees", others.iter().copied());
    let fit = format!("fit resnet8 --data pets {SMALL} --epochs 2 --batch-size 4 --set data.validation_split=0");
    folder.refused(&format!("{fit} --name none"), 1, &["pets/ants/", "images.on_broken = \"skip\""]);
    let skip = format!("{fit} --set images.on_broken=skip");
    let summary = folder.ok(&format!("{skip} --name a --json")).json;
    let skipped: Vec<&str> = summary["skipped"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert_eq!(skipped.len(), BROKEN.len(), "{skipped:?}");
    for (name, reason) in BROKEN {
        let told = |text: &&&str| text.contains(&format!("pets/ants/{name}")) && text.contains(reason);
        assert!(skipped.iter().any(|text| told(&text)), "{name}: {skipped:?}");
    }
    assert_eq!(summary["samples"], 2 * SOUND.len());
    assert_eq!(
        summary["report"]["confusion"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|row| row.as_array().unwrap())
            .map(|n| n.as_u64().unwrap())
            .sum::<u64>(),
        SOUND.len() as u64
    );
    let output = folder.ok(&format!("{skip} --name b"));
    assert!(
        output.stdout.contains("8 files were skipped:") && output.stdout.contains("--json names all"),
        "{}",
        output.stdout
    );
    // Once, and not in each epoch.
    assert_eq!(output.stderr.matches("zero.ppm").count(), 1, "{}", output.stderr);

    // The same when asked about.
    for name in SOUND {
        let folder_of = if some.contains(&name) { "ants" } else { "bees" };
        let text = folder.ok(&format!("predict runs/a pets/{folder_of}/{name} --top 1")).stdout;
        assert!(text.contains(name) && text.contains(" %"), "{text}");
    }
    for (name, reason) in BROKEN {
        folder.refused(&format!("predict runs/a pets/ants/{name}"), 1, &[name, reason]);
    }
}

/// Files that give no picture change neither how long a step is nor, where a step has nothing else, the weights.
#[test]
fn broken_files_leave_steps_as_they_are() {
    let folder = Folder::new();
    let still =
        "--set augment.horizontal_flip=false --set augment.width_shift_range=0 --set augment.height_shift_range=0";
    let fit = format!("fit resnet8 {SMALL} {still} --set data.validation_split=0 --set images.on_broken=skip");
    let broken: Vec<&str> = BROKEN.iter().map(|(name, _)| *name).collect();
    for (data, count) in [("pets", 1), ("more", 4)] {
        write(&folder, &format!("{data}/ants"), SOUND[..2].iter().chain(&broken[..count]).copied());
        write(&folder, &format!("{data}/bees"), SOUND[2..4].iter().copied());
    }
    let norm = |data: &str| {
        folder.ok(&format!("{fit} --data {data} --epochs 1 --batch-size 8 --set fit.log_interval=1 --name {data}"));
        let rows = folder.run(data).rows();
        rows.iter().find_map(|row| row["metrics"]["train/grad_norm"].as_f64()).unwrap()
    };
    let (one, four) = (norm("pets"), norm("more"));
    assert!(one > 0.1 && (one - four).abs() < 1e-3 * one, "{one} {four}");
    // Steps of one file each, most of them of none that is a picture.
    for (data, count) in [("few", 1), ("many", 4)] {
        write(&folder, &format!("{data}/ants"), [SOUND[0]]);
        write(&folder, &format!("{data}/bees"), broken[..count].iter().copied());
        let moving = "--set fit.ema_decay=0.5 --set fit.lr_schedule=constant --set fit.learning_rate=0.01";
        folder.ok(&format!("{fit} --data {data} --epochs 3 --batch-size 1 {moving} --name {data}"));
    }
    assert!(folder.run("few").latest() == folder.run("many").latest(), "steps of nothing moved something");
}

#[test]
fn where_no_picture_can_be_read_nothing_is_the_best() {
    let folder = Folder::new();
    for part in ["train", "val"] {
        write(&folder, &format!("pets/{part}/ants"), if part == "train" { [SOUND[0]] } else { [BROKEN[5].0] });
        write(&folder, &format!("pets/{part}/bees"), if part == "train" { [SOUND[1]] } else { [BROKEN[6].0] });
    }
    let fit = format!("fit resnet8 --data pets {SMALL} --epochs 2 --set images.on_broken=skip");
    folder.refused(&format!("{fit} --name a"), 1, &["none of the 2 images to validate", "pets/val/"]);
    let rows = folder.run("a").rows();
    assert!(rows.iter().all(|row| row["metrics"].get("val/loss").is_none()), "it was judged by nothing");
    fs::remove_dir_all(folder.path("pets/val")).unwrap();
    folder.ok(&format!("{} --data pets/train --set data.validation_split=0 --name b", fit.replace("--data pets ", "")));
    write(&folder, "bad/ants", [BROKEN[5].0]);
    folder.refused("eval runs/b --data bad", 1, &["none of 1 images that were tried can be read", "is no PNG"]);
}

#[test]
fn grey_models_are_asked_about_the_same_kinds() {
    let folder = Folder::new();
    folder.ok(&format!("fit mlp --data {DIGITS} --set mlp.net_arch=[8] --epochs 1 --name grey"));
    write(&folder, "files", SOUND.into_iter().chain(BROKEN.map(|(name, _)| name)));
    for (name, reason) in BROKEN.iter().filter(|(name, _)| !["text.png", "empty.jpg"].contains(name)) {
        folder.refused(&format!("predict runs/grey files/{name}"), 1, &[name, reason]);
    }
    for name in SOUND {
        folder.refused(&format!("predict runs/grey files/{name}"), 1, &[name, "pixels", "8 × 8"]);
    }
    let grey16 = image::ImageBuffer::<image::Luma<u16>, _>::from_fn(8, 8, |x, y| image::Luma([(x * y * 1000) as u16]));
    grey16.save(folder.path("grey16.png")).unwrap();
    let text = folder.ok("predict runs/grey grey16.png").stdout;
    assert!(text.starts_with("grey16.png: "), "{text}");
}

/// Paths need not be UTF-8, and what tells of them in JSON is.
#[cfg(target_os = "linux")]
#[test]
fn paths_that_are_not_utf_8_are_told_of() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::process::{Command, Stdio};
    let folder = Folder::new();
    write(&folder, "pets/a", ["rgb.ppm"]);
    write(&folder, "pets/b", ["rgb16.png"]);
    folder.ok(&format!("fit resnet8 --data pets {SMALL} --epochs 1 --set data.validation_split=0 --name a"));
    let odd = OsStr::from_bytes(b"odd-\xff");
    fs::rename(folder.path("pets"), folder.path("").join(odd)).unwrap();
    fs::rename(folder.run("a").path, folder.path("runs").join(odd)).unwrap();
    let (data, run) = (odd, folder.path("runs").join(odd));
    let picture = folder.path("").join(odd).join("a/rgb.ppm");
    let onnx = folder.path("").join(OsStr::from_bytes(b"\xff.onnx"));
    let smaller = folder.path("").join(OsStr::from_bytes(b"\xff.safetensors"));
    let sheet = folder.path("").join(OsStr::from_bytes(b"\xff.png"));
    let os = OsStr::new;
    let lines: [&[&OsStr]; 7] = [
        &[os("data"), os("stats"), data],
        &[os("data"), os("preview"), data, os("--out"), sheet.as_os_str()],
        &[os("predict"), run.as_os_str(), picture.as_os_str()],
        &[os("eval"), run.as_os_str(), os("--data"), data],
        &[os("export"), run.as_os_str(), os("--out"), onnx.as_os_str()],
        &[os("compress"), run.as_os_str(), os("--sparsity=0.5"), os("--out"), smaller.as_os_str()],
        &[os("runs")],
    ];
    for line in lines {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cartwheel"));
        let output = folder
            .start_on(command.args(line).arg("--json"), &format!("{line:?} --json"), Stdio::null(), Stdio::piped())
            .wait();
        assert!(output.code == 0 && output.json.to_string().contains('\u{fffd}'), "{line:?}: {}", output.stderr);
    }
}
