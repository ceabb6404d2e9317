//! `fit` in mixed precision: `fit.precision = "f16-o2"`.

use serde_json::Value;

use crate::support::{Folder, Run};

const DIGITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/digits");
const F16: &str = "--set fit.precision=f16-o2";

/// Of the rows that have it, what a metric is.
fn metric(run: &Run, name: &str) -> Vec<f64> {
    run.rows().iter().filter_map(|row| row["metrics"].get(name).and_then(Value::as_f64)).collect()
}

#[test]
fn digits_are_learnt_in_half() {
    let folder = Folder::new();
    let mlp =
        "fit mlp --epochs 40 --set fit.learning_rate=0.002 --set fit.lr_schedule=cosine --set fit.log_interval=10";
    for (name, line) in [("mlp", mlp), ("resnet8", "fit resnet8 --epochs 6 --set fit.log_interval=10")] {
        let summary = folder.ok(&format!("{line} --data {DIGITS} --batch-size 32 {F16} --name {name} --json")).json;
        let accuracy = summary["report"]["accuracy"].as_f64().unwrap();
        assert!(accuracy >= 0.97, "{name}: {accuracy}");
        let run = folder.run(name);
        let (scales, skipped) = (metric(&run, "train/loss_scale"), metric(&run, "train/skipped_steps"));
        assert!(scales.len() > 10 && skipped.len() == scales.len());
        // So many doublings and halvings, each of the latter for a step.
        let doublings = (scales[scales.len() - 1] / 65_536.0).log2() + skipped[skipped.len() - 1];
        let steps = summary["steps"].as_f64().unwrap();
        assert!((0.0..=steps / 2000.0).contains(&doublings), "{name}: {scales:?} {skipped:?}");
        // What is saved is f32, and is asked as any other.
        let images = format!("{DIGITS}/t10k-images-idx3-ubyte.gz");
        let predictions = folder.ok(&format!("predict runs/{name} {images} --top 1 --json")).json;
        let zeros = predictions["predictions"].as_array().unwrap().iter().filter(|one| one["top"][0]["class"] == 0);
        let counted: u64 = (0..10).map(|row| summary["report"]["confusion"][row][0].as_u64().unwrap()).sum();
        assert_eq!(zeros.count() as u64, counted);
    }
}

#[test]
fn a_step_that_overflows_is_skipped_and_a_stopped_run_goes_on_bit_for_bit() {
    let folder = Folder::new();
    let settings = format!(
        "fit mlp --data {DIGITS} --set mlp.net_arch=[16] --epochs 60 --batch-size 8 {F16} --set fit.learning_rate=0.003 --set fit.label_smoothing=0.1 --set fit.max_grad_norm=1 --set fit.ema_decay=0.99 --set fit.log_interval=7"
    );
    let (whole, run) = folder.whole_and_resumed(&format!("{settings} --set fit.threads=1"), &settings);
    for file in ["checkpoints/latest.safetensors", "checkpoints/best.safetensors"] {
        assert!(run.bytes(file) == whole.bytes(file), "{file} differs");
    }
    // 2000 steps after another the scale grew until gradients did not fit any more.
    let skipped = metric(&run, "train/skipped_steps");
    assert!(skipped.last().is_some_and(|count| *count > 0.0), "{skipped:?}");
    assert!(metric(&run, "train/grad_norm").iter().all(|norm| norm.is_finite()));
}

#[test]
fn what_does_not_fit_into_f16_is_named() {
    let folder = Folder::new();
    let fit = |rest: &str| format!("fit mlp --data {DIGITS} --set mlp.net_arch=[24] --epochs 3 {F16} {rest}");
    folder.refused(&fit("--set fit.optimizer=sgd --set fit.learning_rate=1e6"), 1, &["layer `", "fit.learning_rate"]);
    for (model, words) in [("t5", "65504"), ("recommender", "tables")] {
        folder.refused(&format!("fit {model} --data x {F16}"), 2, &["fit.precision", words, "\"f32\""]);
    }
}
