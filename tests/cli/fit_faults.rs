//! What goes wrong while a model is fitted or asked, and what is left then.

use std::fs;

use crate::support::{Folder, Run};

const DIGITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/digits");

/// `cartwheel fit mlp` on the digits, with a small network.
fn fit(rest: &str) -> String {
    format!("fit mlp --data {DIGITS} --set mlp.net_arch=[24] {rest}")
}

/// Changes a setting of a run, as a person would who resumes it.
fn edit(run: &Run, from: &str, to: &str) {
    let text = String::from_utf8(run.bytes("config.toml")).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    fs::write(run.file("config.toml"), text.replace(from, to)).unwrap();
}

/// No step follows the last one of an epoch that would find out what it has done.
#[test]
fn a_model_that_the_last_step_broke_is_no_model() {
    let folder = Folder::new();
    for split in ["0.1", "0"] {
        let line = fit(&format!(
            "--epochs 1 --batch-size 5000 --set fit.learning_rate=1e30 --set data.validation_split={split} --name off"
        ));
        folder.refused(&line, 1, &["loss", "in epoch 1", "output of layer `2`", "fit.learning_rate"]);
        assert!(!folder.run("off").file("checkpoints/best.safetensors").exists(), "it was kept as the best");
        let _ = fs::remove_dir_all(folder.run("off").path);
    }
}

#[test]
fn a_run_that_diverged_goes_on_from_before_with_a_lower_rate() {
    let folder = Folder::new();
    let run = folder.stopped(&fit(""));
    let good = (run.states(), run.latest(), run.best());
    edit(&run, "learning_rate = 0.001", "learning_rate = 1e38");
    folder.refused("fit --resume runs/stopped", 1, &["learning diverged", "layer `"]);
    assert!((run.states(), run.latest(), run.best()) == good, "what was sound is not as it was");
    edit(&run, "learning_rate = 1e38", "learning_rate = 0.0001");
    edit(&run, "epochs = 100000", "epochs = 1");
    folder.ok("fit --resume runs/stopped");
}

#[test]
fn data_that_moved_are_told_of_when_a_run_goes_on() {
    let folder = Folder::new();
    fs::create_dir(folder.path("digits")).unwrap();
    for name in ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"] {
        fs::copy(format!("{DIGITS}/{name}"), folder.path("digits").join(name)).unwrap();
    }
    folder.stopped("fit mlp --data digits --set mlp.net_arch=[24]");
    fs::rename(folder.path("digits"), folder.path("elsewhere")).unwrap();
    let words = ["data.dir = \"digits\" is not there, seen from /", "config.toml"];
    folder.refused("fit --resume runs/stopped", 2, &words);
}

/// Adam's first moments are signed, and RMSprop would take the root of them.
#[test]
fn moments_of_another_optimizer_are_not_gone_on_with() {
    let folder = Folder::new();
    let run = folder.stopped(&fit(""));
    edit(&run, "optimizer = \"adam\"", "optimizer = \"rmsprop\"");
    folder.refused("fit --resume runs/stopped", 1, &["its optimizer keeps the moments of \"adam\"", "\"rmsprop\""]);
}

#[test]
fn pictures_that_changed_are_not_gone_on_with() {
    let folder = Folder::new();
    for (class, red) in [("ants", 200), ("bees", 20)] {
        fs::create_dir_all(folder.path("pets").join(class)).unwrap();
        for number in 0..3 {
            let picture = image::RgbImage::from_pixel(8, 8, image::Rgb([red, 9 * number, 100]));
            picture.save(folder.path("pets").join(class).join(format!("{number}.png"))).unwrap();
        }
    }
    let small = "--set images.width=8 --set images.height=8 --set images.shorter_side=8";
    let run = folder.stopped(&format!("fit resnet8 --data pets --set data.validation_split=0.4 {small}"));
    edit(&run, "epochs = 100000", "epochs = 1");
    let refused = || folder.refused("fit --resume runs/stopped", 2, &["pets is not what it was", "runs/stopped"]);
    // As many classes as before, but not the same ones.
    fs::rename(folder.path("pets/bees"), folder.path("pets/cats")).unwrap();
    refused();
    fs::rename(folder.path("pets/cats"), folder.path("pets/bees")).unwrap();
    fs::copy(folder.path("pets/ants/1.png"), folder.path("pets/ants/3.png")).unwrap();
    refused();
    fs::remove_file(folder.path("pets/ants/3.png")).unwrap();
    folder.ok("fit --resume runs/stopped");
    // What is finished stays so where it cannot be extended.
    fs::rename(folder.path("pets/bees"), folder.path("pets/cats")).unwrap();
    let says = || ["run.json", "config.toml", "labels.txt"].map(|file| fs::read(run.file(file)).ok());
    let before = says();
    folder.refused("fit --resume runs/stopped --epochs 200000", 2, &["pets is not what it was"]);
    assert!(says() == before, "it was changed");
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_no_disk_takes_is_a_failure() {
    let folder = Folder::new();
    folder.ok(&fit("--epochs 1 --name small"));
    let ask = format!("predict runs/small {DIGITS}/t10k-images-idx3-ubyte.gz");
    for line in [ask.as_str(), "model summary mlp", "fit --resume runs/small"] {
        folder.with_full_stdout(line).failed(line, 1, &["could not write the answer to stdout", "No space left"]);
    }
}
