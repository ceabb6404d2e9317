//! Supervised training: `fit`, `predict`, `model`.

use std::collections::HashMap;
use std::fs;

use cartwheel::trainer::supervised::Samples;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde_json::Value;

use crate::support::Folder;

const DIGITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/digits");

/// `cartwheel fit mlp` on the digits, with a small network.
fn fit(rest: &str) -> String {
    format!("fit mlp --data {DIGITS} --set mlp.net_arch=[24] {rest}")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn digits_are_learnt_and_told_apart() {
    let folder = Folder::new();
    let line = format!(
        "fit mlp --data {DIGITS} --epochs 40 --batch-size 32 --set fit.learning_rate=0.002 --set fit.lr_schedule=cosine --set run.csv=true --name digits --json"
    );
    let output = folder.ok(&line);
    let summary = json(&output.stdout);
    let accuracy = summary["report"]["accuracy"].as_f64().unwrap();
    assert!(accuracy >= 0.97, "{accuracy}");
    assert_eq!(summary["report"]["part"], "test");
    assert_eq!(summary["parameters"], 64 * 512 + 512 + 512 * 256 + 256 + 256 * 10 + 10);
    assert_eq!(summary["report"]["confusion"].as_array().unwrap().len(), 10);
    assert!(output.stderr.contains("40/40") && output.stderr.contains("best"), "{}", output.stderr);

    let run = folder.run("digits");
    for file in ["config.toml", "run.json", "learning_curve.svg", "accuracy_curve.svg", "progress.csv"] {
        assert!(run.file(file).is_file(), "{file}");
    }
    let rows = run.rows();
    let epochs: Vec<&Value> = rows.iter().filter(|row| row["metrics"].get("val/loss").is_some()).collect();
    assert_eq!(epochs.len(), 40);
    assert!(epochs[39]["metrics"]["epoch/loss"].as_f64() < epochs[0]["metrics"]["epoch/loss"].as_f64());
    assert!(rows.iter().any(|row| row["metrics"]["train/learning_rate"].is_number()));
    let board = fs::read_dir(&run.path)
        .unwrap()
        .any(|entry| entry.unwrap().file_name().to_string_lossy().starts_with("events.out.tfevents"));
    assert!(board, "TensorBoard's file");

    // What people are shown.
    let samples = Samples::read(&run.file("samples.bin")).unwrap().unwrap();
    assert_eq!((samples.part.as_str(), samples.samples.len(), samples.looks.len()), ("validation", 16, 40));
    let right: Vec<usize> = samples.looks.iter().map(|look| look.right(&samples.samples)).collect();
    assert!(right[39] >= 14 && right[39] >= right[0], "{right:?}");

    let runs = json(&folder.ok("runs --json").stdout);
    assert_eq!(
        (&runs[0]["env"], &runs[0]["algo"], &runs[0]["status"]),
        (&"digits".into(), &"mlp".into(), &"finished".into())
    );

    let again = json(&folder.ok(&format!("eval runs/digits --data {DIGITS} --json")).stdout);
    assert_eq!(
        (&again["report"]["confusion"], &again["report"]["part"]),
        (&summary["report"]["confusion"], &DIGITS.into())
    );

    // What it says of the images to test is what the report counted.
    let images = format!("{DIGITS}/t10k-images-idx3-ubyte.gz");
    let predictions = json(&folder.ok(&format!("predict runs/digits {images} --top 3 --json")).stdout);
    let predictions = predictions["predictions"].as_array().unwrap();
    assert_eq!(predictions.len(), 360);
    assert!(predictions.iter().all(|one| one["top"].as_array().unwrap().len() == 3));
    let taken = |class: u64| predictions.iter().filter(|one| one["top"][0]["class"] == class).count() as u64;
    for class in 0..10 {
        let column: u64 =
            (0..10).map(|row| summary["report"]["confusion"][row][class as usize].as_u64().unwrap()).sum();
        assert_eq!(taken(class), column, "{class}");
    }
}

#[test]
fn classes_count_as_much_as_they_are_told_to() {
    let folder = Folder::new();
    let of = |weights: &str, name: &str| {
        let few = "--epochs 2 --batch-size 20 --set fit.gradient_accumulation=3";
        let told = folder.ok(&fit(&format!("{few} --set fit.class_weight={weights} --name {name}"))).stderr;
        (folder.run(name).best(), told)
    };
    let (plain, _) = of("none", "plain");
    assert!(of("{3=1.0}", "ones").0 == plain, "weights of 1 change something");
    let (three, told) = of("{3=50.0}", "three");
    assert!(three != plain && told.contains("classes count from 1.000 (0) to 50.000 (3) in training"), "{told}");
    assert!(of("balanced", "balanced").0 != plain);
    for (weights, words) in [
        ("{3=-1}", &["fit.class_weight", "above 0", "-1"][..]),
        ("balance", &["\"balanced\"", "\"balance\""]),
        ("{30=2.0}", &["there is no class \"30\"", "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"]),
    ] {
        folder.refused(&fit(&format!("--set fit.class_weight={weights}")), 2, words);
    }
    for model in ["t5", "recommender"] {
        let line = format!("fit {model} --data {DIGITS} --set fit.class_weight=balanced");
        folder.refused(&line, 2, &[&format!("{model} has no classes")]);
    }
}

#[test]
fn a_picture_is_classified_and_one_of_another_size_refused() {
    let folder = Folder::new();
    folder.ok(&fit("--epochs 1 --name small"));
    image::GrayImage::from_fn(8, 8, |x, y| image::Luma([(x * 30 + y) as u8])).save(folder.path("a.png")).unwrap();
    image::RgbImage::new(9, 8).save(folder.path("b.png")).unwrap();
    let text = folder.ok("predict runs/small a.png").stdout;
    assert!(text.starts_with("a.png: ") && text.matches(" %").count() == 5, "{text}");
    folder.refused("predict runs/small b.png", 1, &["b.png", "9 × 8", "8 × 8"]);
    folder.refused("predict runs/small c.png", 2, &["c.png"]);
    folder.write("d.txt", "no image");
    folder.refused("predict runs/small d.txt", 1, &["d.txt", "IDX", "PNG"]);
    folder.refused("predict runs/none a.png", 2, &["runs/none is not there"]);
    folder.refused("export runs/none --out a.onnx", 2, &["runs/none is not there"]);
    folder.refused("compress runs/none --out a.safetensors --sparsity 0.5", 2, &["runs/none is not there"]);
    folder.refused("predict runs/small /dev/zero", 2, &["/dev/zero is a device"]);
}

#[test]
fn an_interrupted_run_goes_on_bit_for_bit() {
    let folder = Folder::new();
    let settings = fit(
        "--epochs 60 --batch-size 8 --set fit.optimizer=sgd --set fit.momentum=0.9 --set fit.learning_rate=0.01 --set fit.ema_decay=0.99 --set fit.max_grad_norm=1 --set fit.lr_schedule=one_cycle --set fit.log_interval=7",
    );
    let (whole, run) = folder.whole_and_resumed(&format!("{settings} --set fit.threads=1"), &settings);
    for file in ["checkpoints/latest.safetensors", "checkpoints/best.safetensors"] {
        assert!(run.bytes(file) == whole.bytes(file), "{file} differs");
    }
    // A finished one is left as it is.
    let before = run.snapshot();
    let output = folder.ok("fit --resume runs/stopped");
    assert!(output.stderr.contains("finished"), "{}", output.stderr);
    run.is_untouched_since(&before);
}

#[test]
fn a_run_that_is_extended_comes_to_what_a_longer_one_does() {
    let folder = Folder::new();
    folder.ok(&fit("--epochs 5 --name whole"));
    folder.ok(&fit("--epochs 2 --name a"));
    folder.refused("fit --resume runs/a --epochs 2", 2, &["runs/a has done 2 epochs", "--epochs 2"]);
    folder.ok("fit --resume runs/a --epochs 5");
    for file in ["checkpoints/latest.safetensors", "checkpoints/best.safetensors"] {
        assert!(folder.run("a").bytes(file) == folder.run("whole").bytes(file), "{file} differs");
    }
}

/// As long as the average would still hold much of what training began with, and with statistics that are not those of the
/// average, batch norms let nothing through that is of use.
#[test]
fn averaged_weights_are_of_use_from_early_on() {
    let folder = Folder::new();
    folder
        .ok(&format!("fit resnet8 --data {DIGITS} --epochs 4 --batch-size 64 --set fit.ema_decay=0.98 --name average"));
    let accuracy = folder.run("average").rows().last().unwrap()["metrics"]["val/accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.9, "{accuracy}");
}

#[test]
fn batches_that_are_added_up_are_as_one() {
    let folder = Folder::new();
    for (name, sizes) in [("one", "--batch-size 40"), ("four", "--batch-size 10 --set fit.gradient_accumulation=4")] {
        folder
            .ok(&fit(&format!("--epochs 2 --set fit.optimizer=sgd --set fit.learning_rate=0.1 {sizes} --name {name}")));
    }
    let last = |name: &str| folder.run(name).rows().last().unwrap()["metrics"]["val/loss"].as_f64().unwrap();
    assert!((last("one") - last("four")).abs() < 1e-4, "{} {}", last("one"), last("four"));
}

#[test]
fn it_stops_early_where_validation_gets_no_better() {
    let folder = Folder::new();
    let line = fit(
        "--epochs 500 --set fit.learning_rate=0.05 --set fit.early_stopping=2 --set run.checkpoint_every=0 --name early --json",
    );
    let summary = json(&folder.ok(&line).stdout);
    let (epochs, best) = (summary["epochs"].as_u64().unwrap(), summary["best_epoch"].as_u64().unwrap());
    assert!(summary["early_stopped"] == true && epochs == best + 2, "{epochs} {best}");
    // Who asks for more epochs has the same patience again.
    let summary = json(&folder.ok(&format!("fit --resume runs/early --epochs {} --json", epochs + 1)).stdout);
    assert!(summary["epochs"] == epochs + 1 && summary["early_stopped"] == false, "{summary}");
    // Also where it is killed before its next checkpoint.
    let run = folder.run("early");
    let mut running = folder.spawn(&format!("fit --resume runs/early --epochs {}", epochs + 40));
    assert!(
        running.until(|| json(&String::from_utf8(run.bytes("run.json")).unwrap())["outcome"]["status"] == "running")
    );
    running.kill();
    let summary = json(&folder.ok("fit --resume runs/early --json").stdout);
    assert!(summary["epochs"].as_u64().unwrap() > epochs + 1, "{summary}");
}

#[test]
fn a_loss_that_is_no_number_names_where_it_came_from() {
    let folder = Folder::new();
    let line = fit("--epochs 2 --set fit.optimizer=sgd --set fit.learning_rate=1e38 --name off");
    folder.refused(&line, 1, &["layer `", "epoch 1", "fit.learning_rate"]);
    let manifest = json(&String::from_utf8(folder.run("off").bytes("run.json")).unwrap());
    assert_eq!(manifest["outcome"]["status"], "failed");
}

/// Layers that no machine has room for are told before any of them is made.
#[test]
fn a_model_that_is_too_large_is_refused_before_it_is_made() {
    let folder = Folder::new();
    let layers = vec!["16384"; 4000].join(",");
    let words = ["training mlp takes", "this machine has", "too large"];
    folder.refused(&format!("fit mlp --data {DIGITS} --set mlp.net_arch=[{layers}]"), 2, &words);
    let words = ["mlp.net_arch", "from 1 to 16384"];
    folder.refused(&format!("fit mlp --data {DIGITS} --set mlp.net_arch=[1000000000000]"), 2, &words);
}

#[cfg(unix)]
#[test]
fn it_may_be_called_by_any_name() {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::process::CommandExt as _;

    let folder = Folder::new();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cartwheel"));
    command.arg0(std::ffi::OsStr::from_bytes(b"my cart\xff")).current_dir(folder.path("."));
    let output = command.args(fit("--epochs 1 --name a").split_whitespace()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("'my cart\u{fffd}' predict runs/a"), "{text}{output:?}");
}

#[test]
fn settings_come_from_files_and_flags() {
    let folder = Folder::new();
    folder.write(
        "a.toml",
        &format!("[fit]\nepochs = 3\nbatch_size = 100\n[data]\ndir = \"{DIGITS}\"\n[mlp]\nnet_arch = [16]\n"),
    );
    let config = folder.ok("fit a.toml --epochs 2 --set fit.optimizer=adamw --print-config").stdout;
    for line in ["epochs = 2", "batch_size = 100", "optimizer = \"adamw\"", "net_arch = [16]"] {
        assert!(config.contains(line), "{line}\n{config}");
    }
    folder.ok("fit a.toml --name a");
    folder.write("b.toml", "[fit]\nepochs = 0\nlearning_rat = 1\n[flt]\n");
    folder.refused("fit b.toml", 2, &["b.toml", "fit.epochs", "fit.learning_rate", "flt: unknown section"]);
    folder.refused("fit c.toml", 2, &["c.toml"]);
    for command in ["train --resume", "doctor", "record --out a.gif"] {
        folder.refused(&format!("{command} runs/a"), 2, &["runs/a/config.toml", "cartwheel fit --resume"]);
    }
}

#[test]
fn what_was_asked_wrongly_is_told() {
    let folder = Folder::new();
    folder.refused("fit", 2, &["fit mlp --data DIR"]);
    folder.refused("fit mpl --data x", 2, &["mlp"]);
    folder.refused("fit mlp --data nowhere", 2, &["nowhere", "train-images-idx3-ubyte"]);
    let here = folder.path("").canonicalize().unwrap();
    let here = format!("data.dir = \"data\" is not there, seen from {}", here.display());
    folder.refused("fit resnet18", 2, &[&here, "give --data PATH"]);
    folder.refused("fit mlp --set fit.model=resnet8", 2, &["name the model first: `cartwheel fit resnet8`"]);
    folder.write("of_mlp.toml", "[fit]\nmodel = \"mlp\"\n");
    folder.refused(
        "fit of_mlp.toml --set fit.model=t5",
        2,
        &["of_mlp.toml has the settings of mlp", "`cartwheel fit t5`"],
    );
    folder.ok("fit of_mlp.toml --set fit.model=mlp --print-config");
    folder.write("settings.txt", "[fit]\n");
    folder.refused("fit settings.txt", 2, &["settings.txt is no model", "ends in .toml"]);
    if cfg!(not(feature = "cuda")) {
        folder.refused(&fit("--device cuda:0"), 2, &["cuda:0", "--features cuda", "docs/cuda.md", "--device cpu"]);
    }
    folder.refused("model summary mlp --batch-size 0", 2, &["--batch-size", "0"]);
    folder.refused(&fit("--set fit.precision=bf16"), 2, &["fit.precision", "f32", "f16-o2", "no bf16"]);
    folder.refused(&fit("--set fit.batch=3"), 2, &["fit.batch_size"]);
    folder.refused("model summary resnet", 2, &["resnet", "mlp"]);
    assert!(!folder.path("runs").exists(), "nothing was written");

    fs::create_dir(folder.path("data")).unwrap();
    for name in ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"] {
        fs::copy(format!("{DIGITS}/{name}"), folder.path("data").join(name)).unwrap();
    }
    let images = fs::read(folder.path("data/train-images-idx3-ubyte.gz")).unwrap();
    fs::write(folder.path("data/train-images-idx3-ubyte.gz"), &images[..images.len() / 2]).unwrap();
    folder.refused("fit mlp --data data", 1, &["train-images-idx3-ubyte.gz"]);
    fs::copy(format!("{DIGITS}/t10k-images-idx3-ubyte.gz"), folder.path("data/train-images-idx3-ubyte.gz")).unwrap();
    folder.refused("fit mlp --data data", 1, &["360 images", "1437 labels"]);
}

#[test]
fn a_model_file_that_is_not_whole_is_refused() {
    let folder = Folder::new();
    folder.ok(&fit("--epochs 1 --name small"));
    let bytes = folder.run("small").best();
    image::GrayImage::new(8, 8).save(folder.path("a.png")).unwrap();
    let ask = |name: &str, bytes: &[u8], words: &[&str]| {
        fs::write(folder.path(name), bytes).unwrap();
        folder.refused(
            &format!("predict {name} a.png"),
            if words[0] == "labels" || words[0] == "which model" { 2 } else { 1 },
            words,
        );
    };
    for cut in [4, 100, bytes.len() - 1] {
        ask("cut.safetensors", &bytes[..cut], &["cut.safetensors", "cut off"]);
    }
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = header.metadata().clone().unwrap();
    let write = |metadata: HashMap<String, String>, rename: &dyn Fn(&str) -> String| {
        let tensors = file.tensors();
        let views = tensors.iter().map(|(name, view)| {
            (rename(name), TensorView::new(view.dtype(), view.shape().to_vec(), view.data()).unwrap())
        });
        safetensors::serialize(views, Some(metadata)).unwrap()
    };
    let renamed = write(metadata.clone(), &|name| name.replace("0.weight", "0.weights"));
    ask("renamed.safetensors", &renamed, &["missing: `0.weight` [24, 64]", "the file has `0.weights`"]);
    let reshaped = |dtype, shape: &[usize], bytes: &[u8]| {
        let tensors = file.tensors();
        let views = tensors.iter().map(|(name, view)| match name.as_str() {
            "0.bias" => (name.clone(), TensorView::new(dtype, shape.to_vec(), bytes).unwrap()),
            _ => (name.clone(), TensorView::new(view.dtype(), view.shape().to_vec(), view.data()).unwrap()),
        });
        safetensors::serialize(views, Some(metadata.clone())).unwrap()
    };
    let other = reshaped(safetensors::Dtype::F32, &[25], &[0; 100]);
    ask("shape.safetensors", &other, &["`0.bias`", "[25] of F32", "[24] of F32"]);
    let other = reshaped(safetensors::Dtype::I32, &[24], &[0; 96]);
    ask("dtype.safetensors", &other, &["`0.bias`", "[24] of I32", "[24] of F32"]);
    let mut fewer = metadata.clone();
    let text = fewer.get_mut("cartwheel").unwrap();
    *text = text.replace("\"9\"", "\"nine\",\"ten\"");
    ask("labels.safetensors", &write(fewer, &str::to_owned), &["labels", "11 labels", "10 classes"]);
    ask("other.safetensors", &write(HashMap::new(), &str::to_owned), &["which model"]);
}

#[test]
fn names_of_classes_stay_within_their_line() {
    let folder = Folder::new();
    folder.ok(&fit("--epochs 1 --name small"));
    image::GrayImage::new(8, 8).save(folder.path("a.png")).unwrap();
    folder.write("names.txt", &"\u{1b}[2Jname\rof\tit\n".repeat(10));
    let text = folder.ok("predict runs/small a.png --labels names.txt").stdout;
    assert!(text.contains("name\u{fffd}of\u{fffd}it") && !text.trim_end().contains(char::is_control), "{text:?}");
}

#[test]
fn a_model_is_summed_up_without_files() {
    let folder = Folder::new();
    let value = json(&folder.ok("model summary mlp --json").stdout);
    assert_eq!((&value["parameters"], &value["bytes"]), (&535_818.into(), &(4 * 535_818).into()));
    assert_eq!(value["layers"].as_array().unwrap().len(), 3);
    assert!(value["flops"].as_u64().unwrap() > 2 * 535_000);
    let text = folder.ok("model summary mlp --batch-size 256").stdout;
    assert!(text.contains("535818 parameters") && text.contains("batches of 256"), "{text}");
    // Published counts; what is computed grows with the texts.
    let of = |line: &str| json(&folder.ok(&format!("model summary {line} --json")).stdout);
    for (name, parameters) in [("t5-small", 60_506_624_u64), ("t5-base", 222_903_552), ("t5-large", 737_668_096)] {
        let value = of(name);
        assert_eq!((&value["parameters"], &value["bytes"]), (&parameters.into(), &(4 * parameters).into()), "{name}");
    }
    // What `fit t5` begins with: 1000 tokens of 128 numbers, two blocks each way.
    let t5 = of("t5");
    assert_eq!((&t5["model"], &t5["parameters"], &t5["input"]), (&"t5".into(), &785_152.into(), &json("[256]")));
    let [short, long] = ["t5-small --sequence-length 32", "t5-small --sequence-length 64"].map(of);
    let flops = |value: &Value| value["flops"].as_u64().unwrap();
    assert!(flops(&long) > 2 * flops(&short) && flops(&long) < 3 * flops(&short));
    assert!(long["training_bytes"].as_u64() > short["training_bytes"].as_u64());
    folder.refused("model summary t5-bse", 2, &["t5-base"]);
}
