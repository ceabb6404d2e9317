//! Fits of a model in stages: what they come to, and how they end.

use std::fs;

use crate::parallel::{children, free_port, pets, rank};
use crate::support::{Folder, Run};

const DIGITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/digits");

/// `cartwheel fit` on the digits, in steps of several micro-batches.
fn fit(model: &str, rest: &str) -> String {
    format!(
        "fit {model} --data {DIGITS} --set data.validation_split=0.13 --set fit.gradient_accumulation=3 --set fit.max_grad_norm=1 \
        --set fit.ema_decay=0.9 --set fit.label_smoothing=0.1 --no-watch {rest}"
    )
}

/// Fails unless the weights, what a checkpoint keeps and all metrics of `b` are those of `a`.
#[track_caller]
fn are_the_same(a: &Run, b: &Run) {
    for file in ["checkpoints/latest.safetensors", "checkpoints/best.safetensors"] {
        assert!(a.bytes(file) == b.bytes(file), "{file} differs");
    }
    assert_eq!(a.timeless_rows(), b.timeless_rows());
}

#[test]
fn stages_learn_the_bits_of_one_process() {
    let folder = Folder::new();
    for (model, settings, stages) in [
        ("mlp", "--batch-size 16 --set mlp.net_arch=[24,20,16]", [2, 4]),
        ("mlp", "--batch-size 16 --set mlp.net_arch=[24] --set fit.class_weight={3=5.0}", [2, 2]),
        ("resnet8", "--batch-size 32 --set fit.precision=f16-o2 --set mix.mixup_alpha=0.4", [2, 5]),
    ] {
        let settings = format!("{settings} --epochs 2");
        let name = |stages: usize| format!("{model}-{}-{stages}", settings.len());
        let alone = folder.ok(&fit(model, &format!("{settings} --name {} --json", name(1))));
        for stages in stages {
            let line = format!("{settings} --name {} --pp {stages} --json", name(stages));
            let output = folder.ok(&fit(model, &line));
            are_the_same(&folder.run(&name(1)), &folder.run(&name(stages)));
            let (own, other) = (&output.json, &alone.json);
            assert_eq!(own["processes"], stages);
            for key in ["report", "parameters", "samples", "steps", "best_epoch"] {
                assert_eq!(own[key], other[key], "{model} in {stages}: {key}");
            }
            assert!(
                output.stderr.contains("stage 0: ") && output.stderr.contains("of the operations"),
                "{}",
                output.stderr
            );
            fs::remove_dir_all(folder.run(&name(stages)).file("")).unwrap();
        }
    }
}

/// Only the first stage reads them, in threads that work ahead; a micro-batch may come to nothing.
#[test]
fn pictures_go_through_stages_and_broken_ones_are_skipped() {
    let folder = Folder::new();
    pets(&folder);
    fs::write(folder.path("pets/ants/7.png"), "no picture").unwrap();
    let line = |rest: &str| {
        fit("resnet8", rest).replace(DIGITS, "pets")
            + " --epochs 2 --batch-size 1 --set images.width=16 --set images.height=16 --set images.shorter_side=16"
    };
    folder.refused(&line("--pp 3 --name none"), 1, &["7.png", "images.on_broken"]);
    let skip = "--set images.on_broken=skip --json --name";
    folder.ok(&line(&format!("{skip} whole")));
    let output = folder.ok(&line(&format!("{skip} staged --pp 3")));
    are_the_same(&folder.run("whole"), &folder.run("staged"));
    assert!(output.json["skipped"][0].as_str().unwrap().contains("7.png"), "{}", output.stdout);
    assert_eq!(output.json["skipped"].as_array().unwrap().len(), 1);
}

/// Whatever fails outside of steps, nobody waits for who has ended.
#[test]
fn a_picture_to_validate_that_cannot_be_read_ends_all_stages() {
    let folder = Folder::new();
    pets(&folder);
    for part in ["train", "val"] {
        fs::create_dir_all(folder.path("both").join(part)).unwrap();
    }
    for class in ["ants", "bees"] {
        fs::rename(folder.path("pets").join(class), folder.path("both/train").join(class)).unwrap();
    }
    for class in ["ants", "bees"] {
        let held = folder.path("both/val").join(class);
        fs::create_dir_all(&held).unwrap();
        fs::rename(folder.path("both/train").join(class).join("1.png"), held.join("1.png")).unwrap();
    }
    fs::write(folder.path("both/val/bees/7.png"), "no picture").unwrap();
    let size = "--set images.width=16 --set images.height=16 --set images.shorter_side=16";
    let line = format!("fit resnet8 --data both --epochs 1 --batch-size 4 --no-watch {size} --pp 3");
    folder.refused(&line, 1, &["val/bees/7.png", "images.on_broken"]);
    fs::remove_file(folder.path("both/val/ants/1.png")).unwrap();
    fs::remove_file(folder.path("both/val/bees/1.png")).unwrap();
    fs::write(folder.path("both/val/ants/7.png"), "no picture").unwrap();
    folder.refused(
        &format!("{line} --set images.on_broken=skip"),
        1,
        &["none of the 2 images to validate can be read"],
    );
}

/// Settings of the run are those of who owns it.
#[test]
fn stages_save_when_the_first_does() {
    let folder = Folder::new();
    let port = free_port();
    let line = |every: usize| fit("mlp", &format!("--epochs 3 --pp 2 --name run --set run.checkpoint_every={every}"));
    let other = rank(&folder, 1, 2, port, &line(0));
    let first = rank(&folder, 0, 2, port, &line(1)).wait();
    assert_eq!((first.code, other.wait().code), (0, 0), "{}", first.stderr);
    // The last two are kept.
    assert_eq!(folder.run("run").states().len(), 2);
}

#[test]
fn models_in_stages_learn_together_as_models_in_one() {
    let folder = Folder::new();
    let line = "--batch-size 8 --epochs 2 --set mlp.net_arch=[24,16]";
    folder.ok(&fit("mlp", &format!("{line} --nproc 2 --name whole")));
    folder.ok(&fit("mlp", &format!("{line} --nproc 4 --pp 2 --set fit.profile_steps=5 --name staged")));
    let staged = folder.run("staged");
    are_the_same(&folder.run("whole"), &staged);
    // Where the time of five steps went, in each of the four.
    let trace: serde_json::Value = serde_json::from_slice(&staged.bytes("profile.json")).unwrap();
    let spans = trace["traceEvents"].as_array().unwrap();
    let count = |pid: u64, name: &str| spans.iter().filter(|span| span["pid"] == pid && span["name"] == name).count();
    for rank in 0..4 {
        let [forward, backward, optimizer, sum] =
            ["forward", "backward", "optimizer", "sum of gradients"].map(|name| count(rank, name));
        assert_eq!([forward, backward, optimizer, sum], [15, 15, 5, 5], "rank {rank}");
        assert_eq!(count(rank, "samples"), if rank < 2 { 15 } else { 0 }, "rank {rank}");
    }
}

#[test]
fn a_run_goes_on_in_another_number_of_stages() {
    let folder = Folder::new();
    let line = fit("resnet8", "--epochs 8 --batch-size 32 --set fit.lr_schedule=one_cycle");
    let (whole, run) = folder.whole_and_resumed_by(&line, &format!("{line} --pp 3"), "--pp 2");
    for file in ["checkpoints/latest.safetensors", "checkpoints/best.safetensors"] {
        assert!(run.bytes(file) == whole.bytes(file), "{file} differs");
    }
}

#[test]
fn a_stage_that_is_lost_ends_all_and_the_last_checkpoint_stays() {
    let folder = Folder::new();
    let line = fit(
        "mlp",
        "--epochs 100000000 --batch-size 4 --set mlp.net_arch=[24,16] --set fit.log_interval=1000000 --name lost --pp 3",
    );
    let mut running = folder.spawn(&line);
    let run = folder.run("lost");
    assert!(running.until(|| run.states().len() > 1), "no checkpoint");
    let others = children(running.pid());
    let lost = std::process::Command::new("kill").args(["-9", &others[1].to_string()]).status().unwrap();
    assert!(lost.success());
    let output = running.wait();
    assert_eq!(output.code, 1, "{}", output.stderr);
    assert!(output.stderr.contains("rank 2 is gone") && output.stderr.contains("signal 9"), "{}", output.stderr);
    // What it had learnt by then is not lost.
    let config = String::from_utf8(run.bytes("config.toml")).unwrap();
    let epochs = run.timeless_rows().iter().filter(|row| row["metrics"]["val/loss"].is_number()).count() + 1;
    fs::write(run.file("config.toml"), config.replace("epochs = 100000000", &format!("epochs = {epochs}"))).unwrap();
    let output = folder.ok("fit --resume runs/lost --json");
    assert_eq!((&output.json["epochs"], &output.json["processes"]), (&epochs.into(), &1.into()));
}

#[test]
fn what_cannot_be_cut_is_told() {
    let folder = Folder::new();
    for (line, words) in [
        (fit("mlp", "--set mlp.net_arch=[24] --pp 3"), ["mlp can be cut into at most 2 stages", "take 2 or fewer"]),
        (fit("mlp", "--nproc 3 --pp 2"), ["--nproc is 3", "multiple of 2"]),
        (fit("mlp", "--pp 2 --set prune.final_sparsity=0.5"), ["[prune]", "cartwheel compress"]),
        (fit("mlp", "--pp 0"), ["--pp", "number of stages, 1 or more"]),
    ] {
        folder.refused(&line, 2, &words);
    }
}
