//! Smaller networks: pruned while they learn or at once, and layers of a low rank.

use std::collections::HashMap;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::support::Folder;

const DIGITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/digits");

/// The share of the weights in a file that are 0; biases are none.
fn sparsity(file: &[u8]) -> f64 {
    let tensors = SafeTensors::deserialize(file).unwrap();
    let (mut zeros, mut all) = (0, 0);
    for (_, tensor) in tensors.tensors().iter().filter(|(_, tensor)| tensor.shape().len() > 1) {
        zeros += tensor.data().chunks_exact(4).filter(|number| number.iter().all(|byte| *byte == 0)).count();
        all += tensor.data().len() / 4;
    }
    zeros as f64 / f64::from(all as u32)
}

/// A network of 64-48-24-10 whose weights go on the way to `final_sparsity`.
fn pruned(rest: &str) -> String {
    format!(
        "fit mlp --data {DIGITS} --epochs 30 --batch-size 32 --set mlp.net_arch=[48,24] --set fit.learning_rate=0.003 --set fit.momentum=0 \
         --set prune.final_sparsity=0.8 --set prune.frequency=10 {rest}"
    )
}

#[test]
fn weights_go_little_by_little_and_the_best_have_few() {
    let folder = Folder::new();
    let summary = folder.ok(&pruned("--set fit.log_interval=20 --name a --json")).json;
    let accuracy = summary["report"]["accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.93, "{accuracy}");
    let run = folder.run("a");
    let share = sparsity(&run.best());
    assert!((share - 0.8).abs() < 1e-3, "{share}");
    // Half of the steps is the last on which weights go.
    let (best, epochs) = (summary["best_epoch"].as_u64().unwrap(), summary["epochs"].as_u64().unwrap());
    assert!(best > epochs / 2, "epoch {best} had weights that were still to go");
    let rows = run.rows();
    let shares: Vec<f64> = rows.iter().filter_map(|row| row["metrics"]["train/sparsity"].as_f64()).collect();
    assert!(shares.len() > 20 && shares.is_sorted() && shares[0] < 0.4, "{shares:?}");
    assert!((shares.last().unwrap() - share).abs() < 1e-9, "{shares:?}");
}

#[test]
fn a_run_that_prunes_goes_on_bit_for_bit() {
    let folder = Folder::new();
    let settings = pruned("--epochs 60 --set fit.optimizer=sgd --set fit.ema_decay=0.99 --set prune.scope=layer")
        .replace("--epochs 30 ", "")
        + " --set fit.max_grad_norm=1 --set fit.weight_decay=0.001";
    let settings = settings.replace("fit.momentum=0 ", "fit.momentum=0.9 ");
    let (whole, run) = folder.whole_and_resumed(&settings, &settings);
    for file in ["checkpoints/latest.safetensors", "checkpoints/best.safetensors"] {
        assert!(run.bytes(file) == whole.bytes(file), "{file} differs");
    }
    // Averages, too, know nothing any more of what is gone.
    assert!((sparsity(&whole.best()) - 0.8).abs() < 2e-3, "{}", sparsity(&whole.best()));
}

#[test]
fn a_model_is_made_smaller_and_learns_again() {
    let folder = Folder::new();
    let fit = format!("fit mlp --data {DIGITS} --batch-size 32 --set mlp.net_arch=[64,48]");
    folder.ok(&format!("{fit} --epochs 20 --name large"));
    let line =
        format!("compress runs/large --low-rank 0.2 --sparsity 0.5 --data {DIGITS} --out small.safetensors --json");
    let report = folder.ok(&line).json;
    assert_eq!(report["parameters"][0], 64 * 64 + 64 + 64 * 48 + 48 + 480 + 10);
    // Ranks of a fifth of 64 and 48; the last layer keeps its own.
    assert_eq!(report["parameters"][1], 12 * 128 + 64 + 9 * 112 + 48 + 480 + 10);
    let file = std::fs::read(folder.path("small.safetensors")).unwrap();
    assert!((sparsity(&file) - 0.5).abs() < 1e-3);
    assert!(report["gzip_bytes"][1].as_u64() < report["gzip_bytes"][0].as_u64());
    let layers = report["layers"].as_array().unwrap();
    assert_eq!(layers.iter().map(|layer| layer["rank"].as_u64()).collect::<Vec<_>>(), [Some(12), Some(9), None]);
    assert!(layers.iter().all(|layer| layer["error"].as_f64().unwrap() > 0.1), "{layers:?}");

    // What takes a fitted model takes it, and finds what the report says.
    let judged = folder.ok(&format!("eval small.safetensors --data {DIGITS} --json")).json;
    assert_eq!(judged["report"]["accuracy"], report["accuracy"][1]);
    let predicted = folder.ok(&format!("predict small.safetensors {DIGITS}/t10k-images-idx3-ubyte.gz --json")).json;
    assert_eq!(predicted["predictions"].as_array().unwrap().len(), 360);
    let cost = folder.ok("model summary small.safetensors --json").json;
    assert_eq!(cost["parameters"], report["parameters"][1]);
    assert_eq!(cost["layers"][0]["name"], "0.0");
    folder.ok("export small.safetensors --out small.onnx");

    // It learns again, and what is 0 stays it, over an interruption, too.
    let [before, after] = [&report["accuracy"][0], &report["accuracy"][1]].map(|share| share.as_f64().unwrap());
    assert!(before > 0.93 && after < 0.9, "{before} {after}");
    let again = format!("{fit} --set mlp.init=small.safetensors --set prune.keep_zeros=true --epochs 60");
    let (whole, resumed) = folder.whole_and_resumed(&again, &again);
    assert!(whole.best() == resumed.best());
    assert!((sparsity(&whole.best()) - sparsity(&file)).abs() < 1e-9);
    let judged = folder.ok(&format!("eval {} --data {DIGITS} --json", whole.path.display())).json;
    assert!(judged["report"]["accuracy"].as_f64().unwrap() > after + 0.02, "{judged}");
}

/// Where `compress` changes one layer alone, the scan says of it what `compress` does.
#[test]
fn what_each_layer_loses_is_told_and_nothing_is_written() {
    let folder = Folder::new();
    for (name, layers) in [("one", "[]"), ("two", "[48]")] {
        let fit = format!("fit mlp --data {DIGITS} --batch-size 32 --epochs 8 --set mlp.net_arch={layers}");
        folder.ok(&format!("{fit} --name {name}"));
    }
    let scan = |model: &str, how: &str| {
        folder.ok(&format!("compress runs/{model} --sensitivity --data {DIGITS} {how} --json")).json
    };
    let compressed = |model: &str, how: &str| {
        let line = format!("compress runs/{model} --data {DIGITS} {how} --out {model}.safetensors --json");
        folder.ok(&line).json["accuracy"].clone()
    };
    let report = scan("one", "--sparsity 0.8");
    let accuracy = compressed("one", "--sparsity 0.8");
    assert_eq!([&report["accuracy"], &report["layers"][0]["pruned"][0]], [&accuracy[0], &accuracy[1]]);
    assert!(accuracy[1].as_f64() < accuracy[0].as_f64(), "{accuracy}");

    // The last layer keeps its rank.
    let report = scan("two", "--low-rank 0.1");
    let accuracy = compressed("two", "--low-rank 0.1");
    let factorized = report["layers"][0]["factorized"][0].as_f64().unwrap();
    assert!((factorized - accuracy[1].as_f64().unwrap()).abs() < 1.5 / 360.0, "{factorized} {accuracy}");
    assert!(report["layers"][1]["factorized"][0].is_null() && factorized < accuracy[0].as_f64().unwrap());

    // What one layer lost, it has again when it is the next one's turn.
    let report = scan("two", "--sparsity 1e-9");
    let layers = report["layers"].as_array().unwrap();
    assert!(layers.len() == 2 && layers.iter().all(|layer| layer["pruned"][0] == report["accuracy"]), "{report}");
    let report = scan("two", "");
    assert_eq!([&report["sparsities"], &report["low_ranks"]].map(|shares| shares.as_array().unwrap().len()), [3, 3]);

    folder.refused("compress runs/two --sensitivity", 2, &["--data"]);
    let both = format!("compress runs/two --sensitivity --data {DIGITS} --out a.safetensors");
    folder.refused(&both, 2, &["--sensitivity", "--out"]);
    assert!(!folder.path("a.safetensors").exists());
}

#[test]
fn a_residual_network_of_a_low_rank_learns() {
    let folder = Folder::new();
    let fit = format!("fit resnet8 --data {DIGITS} --batch-size 64 --set fit.learning_rate=0.05");
    folder.ok(&format!("{fit} --epochs 3 --name large"));
    folder.ok("compress runs/large --low-rank 0.4 --out small.safetensors");
    let run = format!("{fit} --epochs 3 --set resnet.init=small.safetensors --name small --json");
    let summary = folder.ok(&run).json;
    assert!(summary["report"]["accuracy"].as_f64().unwrap() > 0.9, "{summary}");
    let best = folder.run("small").best();
    let tensors = SafeTensors::deserialize(&best).unwrap();
    assert_eq!(tensors.tensor("layer2.0.conv2.0.weight").unwrap().shape(), [12, 32, 3, 3]);
    assert_eq!(tensors.tensor("layer2.0.conv2.1.weight").unwrap().shape(), [32, 12, 1, 1]);
    folder.refused("compress runs/small --low-rank 0.2 --out x.safetensors", 2, &["has layers of a low rank already"]);
}

#[test]
fn what_cannot_be_made_smaller_is_told() {
    let folder = Folder::new();
    folder.ok(&format!("fit mlp --data {DIGITS} --epochs 15 --set mlp.net_arch=[16] --name a"));
    let refused = |line: &str, code, words: &[&str]| folder.refused(line, code, words);
    refused("compress runs/a --out a.safetensors", 2, &["--low-rank", "--sparsity"]);
    for share in ["0", "1", "-0.5", "nan", "half"] {
        let line = format!("compress runs/a --out a.safetensors --sparsity={share}");
        refused(&line, 2, &["above 0 and below 1"]);
    }
    refused("compress runs/a --out a.onnx --sparsity 0.5", 2, &["a.onnx is no .safetensors file"]);
    refused("compress runs/b --out a.safetensors --sparsity 0.5", 2, &["runs/b is not there"]);
    refused("compress runs/a --out a.safetensors --low-rank 0.99", 2, &["has no layer", "0.99"]);
    refused(
        "compress runs/a --out none/a.safetensors --sparsity 0.5",
        2,
        &["--out none/a.safetensors", "no such folder"],
    );
    // Before anything is worked out, or looked for.
    refused("compress runs/b --out /proc/a.safetensors --sparsity 0.5", 1, &["cannot write /proc/a.safetensors"]);
    let drops = format!("compress runs/a --out a.safetensors --sparsity 0.98 --data {DIGITS} --max-drop 0.01");
    refused(&drops, 1, &["accuracy falls from", "--max-drop 0.01", "a.safetensors was not written"]);
    assert!(!folder.path("a.safetensors").exists());
    folder.ok("compress runs/a --out a.safetensors --sparsity 0.5");
    refused("compress runs/a --out a.safetensors --sparsity 0.5", 2, &["a.safetensors is there already"]);
    // Weights that are no numbers, and headers that say what is not so, by `compress` and as a beginning.
    let file = std::fs::read(folder.path("a.safetensors")).unwrap();
    let changed = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut file = file.clone();
        change(&mut file);
        std::fs::write(folder.path(name), file).unwrap();
    };
    changed("nan.safetensors", &|file| {
        // In the largest tensor.
        let at = file.len() / 2 / 4 * 4;
        file[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    refused("compress nan.safetensors --out b.safetensors --sparsity 0.5", 1, &["`0.weight`", "not finite"]);
    let small = folder.ok("compress runs/a --out low.safetensors --low-rank 0.2 --json").json;
    assert_eq!(small["layers"][0]["rank"], 3);
    let low = std::fs::read(folder.path("low.safetensors")).unwrap();
    for rank in ["0", "4", "8"] {
        let text = String::from_utf8_lossy(&low[8..600]).into_owned();
        let at = text.find("\\\"0\\\":3").unwrap() + 8 + 6;
        let mut file = low.clone();
        file[at] = rank.as_bytes()[0];
        std::fs::write(folder.path("wrong.safetensors"), file).unwrap();
        let words = ["wrong.safetensors", &format!("layer `0` that it is of rank {rank}")];
        refused("compress wrong.safetensors --out b.safetensors --sparsity 0.5", 2, &words);
        let fit = format!("fit mlp --data {DIGITS} --set mlp.net_arch=[16] --set mlp.init=wrong.safetensors");
        refused(&fit, 2, &["mlp.init", words[0], words[1]]);
    }
    // A file of torchvision's kind with a last layer of no classes has no answers, and no rows to make smaller.
    folder.ok(&format!("fit resnet8 --data {DIGITS} --epochs 1 --name res"));
    let best = folder.run("res").best();
    let tensors = SafeTensors::deserialize(&best).unwrap();
    let empty = |name: &str| TensorView::new(Dtype::F32, if name == "fc.bias" { vec![0] } else { vec![0, 64] }, &[]);
    let tensors = tensors.tensors().into_iter().map(|(name, tensor)| {
        let tensor = if name.starts_with("fc.") { empty(&name).unwrap() } else { tensor };
        (name, tensor)
    });
    let labels =
        HashMap::from([("cartwheel".to_owned(), r#"{"model": "resnet8", "size": [8, 8], "labels": []}"#.to_owned())]);
    std::fs::write(folder.path("none.safetensors"), safetensors::serialize(tensors, Some(labels)).unwrap()).unwrap();
    let ask = format!("predict none.safetensors {DIGITS}/t10k-images-idx3-ubyte.gz");
    for line in ["compress none.safetensors --out b.safetensors --sparsity 0.5", ask.as_str()] {
        refused(line, 2, &["none.safetensors", "a model without classes"]);
    }
    let full = folder.with_full_disk("compress runs/a --out b.safetensors --sparsity 0.5", 1);
    assert_eq!(full.code, 1, "{}", full.stderr);
    assert!(full.stderr.contains("cannot write b.safetensors") && !folder.path("b.safetensors").exists());

    let fit = |rest: &str| format!("fit mlp --data {DIGITS} --epochs 2 {rest}");
    refused(&fit("--set mlp.init=a.safetensors"), 2, &["mlp.init", "hidden layers of [16]", "mlp.net_arch=[16]"]);
    refused(&fit("--set mlp.init=kaimin"), 2, &["mlp.init", "kaimin", "\"kaiming\""]);
    refused(&fit("--set prune.final_sparsity=1"), 2, &["prune.final_sparsity", "from 0 to below 1"]);
    let falls = "--set prune.final_sparsity=0.2 --set prune.initial_sparsity=0.5";
    refused(&fit(falls), 2, &["prune.initial_sparsity = 0.5", "it can only rise"]);
    let late = "--set prune.final_sparsity=0.2 --set prune.end_step=100000";
    refused(&fit(late), 2, &["prune.end_step = 100000", "has 42 steps", "fit.epochs"]);
    refused(&fit("--set prune.scope=layer"), 2, &["[prune]", "prune.final_sparsity"]);
    let deep = fit("--set mlp.net_arch=[512,256] --set prune.final_sparsity=0.98 --set prune.end_step=0");
    let output = folder.ok(&deep);
    assert!(output.stderr.contains("all weights of 2.weight"), "{}", output.stderr);
    refused("fit t5 --data a.tsv --set prune.final_sparsity=0.5", 2, &["prune"]);
}
