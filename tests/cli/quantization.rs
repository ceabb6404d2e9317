//! Classifiers as files of ONNX in f16 and int8: `export --precision`.

use std::fs;
use std::path::Path;

use cartwheel::agents::models::mlp::{Init, MlpClassifier};
use cartwheel::agents::models::resnet::{ResNet, ResNetConfig};
use cartwheel::agents::models::{Classifier, Plan, Ranks};
use cartwheel::agents::quantization::{Calibration, Scheme};
use cartwheel::envs::Generator;
use cartwheel::trainer::data::mnist::{LabelledImages, Mnist};
use serde_json::{Map, Value, json};

use crate::export::{answers, numbers};
use crate::support::Folder;

const DIGITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/digits");

/// Fits both kinds of models to the digits.
fn fitted() -> Folder {
    let folder = Folder::new();
    folder.ok(&format!(
        "fit mlp --data {DIGITS} --epochs 12 --set mlp.net_arch=[64,32] --set fit.learning_rate=0.1 --name mlp"
    ));
    folder.ok(&format!("fit resnet8 --data {DIGITS} --epochs 4 --batch-size 32 --name resnet8"));
    folder
}

/// The layers of one of them.
fn plan(folder: &Folder, name: &str) -> Plan {
    let weights = folder.run(name).file("checkpoints/best.safetensors");
    let mut model: Box<dyn Classifier> = if name == "mlp" {
        Box::new(MlpClassifier::new(64, &[64, 32], 10, &Ranks::new(), Init::Torch, &mut Generator::new(0)))
    } else {
        Box::new(ResNet::zeros(ResNetConfig::named(name, 1, 10).unwrap(), [8, 8]))
    };
    model.parameters_mut().load_safetensors(&weights).unwrap();
    model.plan()
}

fn test_images() -> LabelledImages {
    Mnist::read(Path::new(DIGITS)).unwrap().test.unwrap()
}

/// The pictures `x` as a file of the model `name` takes them.
fn given(name: &str, x: &[f32]) -> Map<String, Value> {
    let count = x.len() / 64;
    let shape = if name == "mlp" { json!([count, 64]) } else { json!([count, 1, 8, 8]) };
    Map::from_iter([("input".into(), json!([shape, x]))])
}

fn likeliest(logits: &[f64]) -> usize {
    (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b])).unwrap()
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    product(a, b) / (product(a, a) * product(b, b)).sqrt()
}

#[test]
fn onnx_runtime_answers_f16_and_int8_as_we_do() {
    let folder = fitted();
    let images = test_images();
    let (x, classes) = images.batch(&(0..images.len()).collect::<Vec<_>>());
    for name in ["mlp", "resnet8"] {
        let mut reports = Vec::new();
        for precision in ["f32", "f16", "int8"] {
            let line = format!("export runs/{name} --out {name}-{precision}.onnx --precision {precision} --json");
            reports.push(folder.ok(&line).json);
            assert_eq!(reports.last().unwrap()["precision"], precision);
        }
        let bytes = |at: usize| reports[at]["bytes"].as_u64().unwrap();
        assert!(bytes(1) < bytes(0) * 6 / 10 && bytes(2) < bytes(0) * 5 / 10, "{name}: {} of {}", bytes(2), bytes(0));
        // What our own simulation comes to, by the same samples.
        let mut calibration = Calibration::new(plan(&folder, name));
        for batch in x.chunks(64 * 32) {
            calibration.see(batch.to_vec()).unwrap();
        }
        let mut asked = Vec::new();
        for precision in ["f32", "f16", "int8"] {
            asked.push((format!("{name}-{precision}.onnx"), given(name, &x)));
        }
        let mut simulated = Vec::new();
        for (scheme, file) in [(Scheme::Affine, "affine.onnx"), (Scheme::Symmetric, "symmetric.onnx")] {
            let quantized = calibration.clone().quantize(scheme).unwrap();
            simulated.push(quantized.logits(x.clone()));
            fs::write(folder.path(file), quantized.to_onnx(&[])).unwrap();
            asked.push((file.into(), given(name, &x)));
        }
        let found: Vec<Vec<f64>> = answers(&folder, &asked).iter().map(|answer| numbers(answer, "logits")).collect();
        let [f32, f16, int8, rest @ ..] = found.as_slice() else { panic!("five files") };
        let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-2 * b.abs().max(1.0);
        assert!(f16.iter().zip(f32).all(close), "{name}");
        let samples = || f32.chunks(10).zip(int8.chunks(10));
        let same = samples().filter(|(a, b)| likeliest(a) == likeliest(b)).count();
        let cosines = samples().map(|(a, b)| cosine(a, b)).sum::<f64>() / images.len() as f64;
        assert!(same * 100 >= images.len() * 99 && cosines >= 0.999, "{name}: {same} the same, {cosines}");
        for (simulated, onnx_runtime) in simulated.iter().zip(rest) {
            let simulated: Vec<f64> = simulated.iter().map(|x| f64::from(*x)).collect();
            let pairs = || simulated.chunks(10).zip(onnx_runtime.chunks(10));
            let same = pairs().filter(|(a, b)| likeliest(a) == likeliest(b)).count();
            assert!(same * 100 >= images.len() * 99, "{name}: ONNX Runtime tells {same} as the simulation does");
            let cosines = pairs().map(|(a, b)| cosine(a, b)).sum::<f64>() / images.len() as f64;
            assert!(cosines > 0.9999, "{name}: {cosines}");
        }
        // The report says what ONNX Runtime comes to.
        let report = &reports[2]["quantization"];
        let right = |logits: &[f64]| {
            let right = logits.chunks(10).zip(&classes).filter(|(logits, class)| likeliest(logits) == **class as usize);
            right.count() as f64 / images.len() as f64
        };
        let told = |key: &str| report[key].as_f64().unwrap();
        assert!((told("accuracy_f32") - right(f32)).abs() < 1e-9, "{name}: {report}");
        assert!((told("accuracy_int8") - right(int8)).abs() <= 0.01 && right(int8) > 0.9, "{name}: {report}");
        assert!(told("agreement") >= 0.99 && told("cosine") >= 0.999, "{name}: {report}");
        assert_eq!((&report["f32_bytes"], &report["int8_bytes"]), (&reports[0]["bytes"], &reports[2]["bytes"]));
        assert_eq!((&report["judged_samples"], &report["calibration_samples"]), (&json!(360), &json!(512)));
        for layer in report["layers"].as_array().unwrap() {
            let has_weights = !layer["weight_bits"].is_null();
            assert!(!has_weights || layer["weight_snr_db"].as_f64().unwrap() > 30.0, "{layer}");
            assert!(has_weights || layer["activation"]["scale"].as_f64().unwrap() > 0.0, "{layer}");
        }
    }
}

/// What the digits' networks have not: pooling behind the first layer, bottlenecks, and pictures that are no squares.
#[test]
fn large_residual_networks_are_simulated_as_onnx_runtime_computes_them() {
    let folder = Folder::new();
    let (mut rng, [rows, columns]) = (Generator::new(5), [40, 48]);
    for name in ["resnet18", "resnet50"] {
        let model = ResNet::<f32>::new(ResNetConfig::named(name, 3, 10).unwrap(), [rows, columns], &mut rng);
        let x: Vec<f32> = (0..8 * rows * columns * 3).map(|_| rng.uniform(-2.0, 2.0) as f32).collect();
        let mut calibration = Calibration::new(model.plan());
        calibration.see(x.clone()).unwrap();
        let quantized = calibration.quantize(Scheme::Affine).unwrap();
        fs::write(folder.path("large.onnx"), quantized.to_onnx(&[])).unwrap();
        // Channel by channel.
        let picture =
            |picture: &[f32]| (0..3).flat_map(|c| picture.iter().skip(c).step_by(3).copied()).collect::<Vec<_>>();
        let planes: Vec<f32> = x.chunks(rows * columns * 3).flat_map(picture).collect();
        let given = Map::from_iter([("input".into(), json!([[8, 3, rows, columns], planes]))]);
        let answer = answers(&folder, &[("large.onnx".into(), given)]).remove(0);
        let simulated: Vec<f64> = quantized.logits(x).iter().map(|x| f64::from(*x)).collect();
        for (simulated, found) in simulated.chunks(10).zip(numbers(&answer, "logits").chunks(10)) {
            assert!(cosine(simulated, found) > 0.999, "{name}: {simulated:?}, {found:?}");
        }
    }
}

/// Weights of int8, and layers that ONNX Runtime computes with integers: what it makes of the file says so.
#[test]
fn convolutions_and_products_are_of_integers() {
    let folder = fitted();
    for (name, layers) in [("mlp", json!({"QGemm": 3})), ("resnet8", json!({"QLinearConv": 9, "QGemm": 1}))] {
        folder.ok(&format!("export runs/{name} --out {name}.onnx --precision int8"));
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/onnx_operators.py");
        let output = std::process::Command::new(crate::support::python())
            .args([script, folder.path(&format!("{name}.onnx")).to_str().unwrap()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        for (operator, count) in layers.as_object().unwrap() {
            assert_eq!(&found[operator], count, "{name}: {found}");
        }
        assert!(found["Conv"].is_null() && found["Gemm"].is_null(), "{name}: {found}");
    }
}

#[test]
fn a_model_that_got_worse_is_not_written() {
    let folder = Folder::new();
    folder.ok(&format!("fit mlp --data {DIGITS} --epochs 6 --set fit.learning_rate=0.1 --name mlp"));
    let int8 = "export runs/mlp --out mlp.onnx --precision int8";
    folder.ok(&format!("{int8} --max-drop 0.01"));
    // Calibrated on what is nearly black, pictures are beyond all ranges.
    let idx = |name: &str, shape: &[u32], bytes: &[u8]| {
        let mut file = vec![0, 0, 8, shape.len() as u8];
        file.extend(shape.iter().flat_map(|side| side.to_be_bytes()));
        file.extend_from_slice(bytes);
        fs::write(folder.path("black").join(name), file).unwrap();
    };
    fs::create_dir(folder.path("black")).unwrap();
    let nearly: Vec<u8> = (0..640).map(|pixel| pixel as u8 % 2).collect();
    idx("train-images-idx3-ubyte", &[10, 8, 8], &nearly);
    idx("train-labels-idx1-ubyte", &[10], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let test = test_images();
    idx("t10k-images-idx3-ubyte", &[360, 8, 8], &test.images);
    idx("t10k-labels-idx1-ubyte", &[360], &test.labels);
    let before = fs::read(folder.path("mlp.onnx")).unwrap();
    folder.refused(
        &format!("{int8} --data black --max-drop 0.01"),
        1,
        &["accuracy falls", "--max-drop", "nothing is written"],
    );
    assert!(fs::read(folder.path("mlp.onnx")).unwrap() == before, "the file of before is gone");
    folder.refused("export runs/mlp --out new.onnx --precision int8 --data black --max-drop 0", 1, &["accuracy falls"]);
    assert!(!folder.path("new.onnx").exists());
    // Nothing is refused that was not asked for.
    let report = folder.ok("export runs/mlp --out new.onnx --precision int8 --data black --json").json;
    assert!(report["quantization"]["accuracy_int8"].as_f64().unwrap() < 0.5, "{report}");
    // Of nothing but black no range is known at all.
    idx("train-images-idx3-ubyte", &[10, 8, 8], &[0; 640]);
    folder.refused("export runs/mlp --out third.onnx --precision int8 --data black", 1, &["all of one number"]);
}

#[test]
fn pictures_of_ones_own_calibrate_and_broken_ones_are_named() {
    let folder = Folder::new();
    let pictures = |path: &str, classes: &[&str], count: u32| {
        for (class, name) in classes.iter().enumerate() {
            fs::create_dir_all(folder.path(path).join(name)).unwrap();
            for number in 0..count {
                let image = image::RgbImage::from_fn(16, 16, |x, y| {
                    let mut pixel = [((x * 7 + y * 5 + number * 13) % 80) as u8; 3];
                    pixel[class] += 120;
                    image::Rgb(pixel)
                });
                image.save(folder.path(path).join(name).join(format!("{number}.png"))).unwrap();
            }
        }
    };
    pictures("pets", &["ants", "bees"], 6);
    folder.ok(
        "fit resnet8 --data pets --set images.width=16 --set images.height=16 --set images.shorter_side=16 --set data.validation_split=0 --epochs 1 --name pets",
    );
    let int8 = "export runs/pets --out pets.onnx --precision int8";
    // Its own: without a split there is nothing held out but what it was not calibrated on.
    let report = folder.ok(&format!("{int8} --json")).json["quantization"].clone();
    assert_eq!(report["broken"], json!([]));
    // Classes that are known, and a file that is no picture.
    fs::write(folder.path("pets/ants/0.png"), "none").unwrap();
    let report = folder.ok(&format!("{int8} --data pets --json")).json["quantization"].clone();
    assert!(report["broken"][0].as_str().unwrap().contains("0.png"), "{report}");
    let counts = ["calibration_samples", "judged_samples"].map(|key| report[key].as_u64().unwrap());
    assert_eq!(counts.iter().sum::<u64>(), 11, "{report}");
    assert!(report["accuracy_int8"].is_number());
    // Pictures of anything.
    pictures("others/deep", &["foxes"], 4);
    let report = folder.ok(&format!("{int8} --data others --json")).json["quantization"].clone();
    assert!(report["accuracy_int8"].is_null() && report["without_classes"].is_string(), "{report}");
    assert_eq!((&report["calibration_samples"], &report["judged_samples"]), (&json!(2), &json!(2)));
    folder.refused(&format!("{int8} --data others --max-drop 0.1"), 2, &["--max-drop", "classes", "--data"]);
    let few = folder.ok(&format!("{int8} --data others --calibration-samples 1 --json")).json["quantization"].clone();
    assert_eq!((&few["calibration_samples"], &few["judged_samples"]), (&json!(1), &json!(3)));
    // Without folders of classes, too,
    fs::rename(folder.path("others/deep/foxes"), folder.path("flat")).unwrap();
    let report = folder.ok(&format!("{int8} --data flat --json")).json["quantization"].clone();
    assert!(report["without_classes"].as_str().unwrap().contains("no folders for classes"), "{report}");
    // and where there are parts, those to learn from calibrate.
    pictures("parts/train", &["foxes"], 3);
    pictures("parts/test", &["foxes"], 5);
    let report = folder.ok(&format!("{int8} --data parts --json")).json["quantization"].clone();
    assert_eq!((&report["calibration_samples"], &report["judged_samples"]), (&json!(3), &json!(5)));
    assert!(report["accuracy_int8"].is_null() && report["judged_on"].as_str().unwrap().ends_with("test (test)"));
    // A class that is spelt wrong is no picture of anything,
    pictures("typo", &["ants", "bess"], 2);
    folder.refused(&format!("{int8} --data typo"), 2, &["bess", "does not know", "ants, bees"]);
    // nor are parts of different classes, or a file.
    pictures("parts/val", &["wolves"], 1);
    folder.refused(&format!("{int8} --data parts"), 2, &["wolves", "foxes"]);
    folder.refused(&format!("{int8} --data flat/1.png"), 2, &["1.png is a file"]);
    // That classes are not known is told before any picture is read.
    fs::create_dir_all(folder.path("unread/foxes")).unwrap();
    fs::write(folder.path("unread/foxes/1.png"), "none").unwrap();
    folder.refused(&format!("{int8} --data unread --max-drop 0.1"), 2, &["--max-drop", "foxes", "--data"]);
    // None at all.
    fs::create_dir(folder.path("empty")).unwrap();
    folder.refused(&format!("{int8} --data empty"), 2, &["empty", "without images"]);
    folder.refused(&format!("{int8} --data nowhere"), 2, &["nowhere"]);
    fs::create_dir_all(folder.path("broken/ants")).unwrap();
    fs::write(folder.path("broken/ants/1.png"), "none").unwrap();
    folder.refused(&format!("{int8} --data broken"), 1, &["broken", "1.png"]);
    fs::rename(folder.path("pets"), folder.path("moved")).unwrap();
    folder.refused(int8, 2, &["pets", "--data"]);
}

/// Weights of f16 are looked at in the file, what layers make of samples where there are some.
#[test]
fn layers_that_outgrow_f16_are_named() {
    let folder = Folder::new();
    folder.ok(&format!("fit mlp --data {DIGITS} --epochs 1 --set mlp.net_arch=[16,8] --name mlp"));
    let f16 = |model: &str, more: &str| format!("export {model} --out a.onnx --precision f16 {more}");
    let told = folder.ok(&f16("runs/mlp", "--json")).json["f16"].clone();
    assert_eq!((&told["samples"], &told["not_looked_at"]), (&json!(128), &Value::Null));
    assert!(["input", "0", "2", "4"].contains(&told["layer"].as_str().unwrap()), "{told}");
    assert!((1.0..100.0).contains(&told["largest"].as_f64().unwrap()), "{told}");
    assert!(folder.ok(&f16("runs/mlp", "")).stdout.contains("of 128 samples of"));
    // The second layer makes of a few hundreds what f16 has no room for.
    let mut mlp = MlpClassifier::new(64, &[16, 8], 10, &Ranks::new(), Init::Torch, &mut Generator::new(0));
    let weights = folder.run("mlp").file("checkpoints/best.safetensors");
    let metadata = mlp.parameters_mut().load_safetensors(&weights).unwrap();
    for parameter in mlp.parameters_mut().iter_mut().filter(|p| ["0.weight", "2.weight"].contains(&p.name())) {
        parameter.values_mut().iter_mut().for_each(|weight| *weight *= 2000.0);
    }
    fs::write(folder.path("large.safetensors"), mlp.parameters().to_safetensors(metadata)).unwrap();
    let words = ["large.safetensors", "2 makes", "65504", "f32"];
    folder.refused(&f16("large.safetensors", &format!("--data {DIGITS}")), 2, &words);
    fs::remove_file(folder.path("a.onnx")).unwrap();
    folder.refused(&f16("large.safetensors", "--data nowhere"), 2, &["nowhere"]);
    assert!(!folder.path("a.onnx").exists());
    // Nobody looks where there is nothing to look at, which is told.
    let output = folder.ok(&f16("large.safetensors", ""));
    assert!(output.stdout.contains("was not looked at: large.safetensors"), "{}", output.stdout);
    assert!(output.stdout.contains("--data PATH"), "{}", output.stdout);
    fs::create_dir(folder.path("data")).unwrap();
    for file in fs::read_dir(DIGITS).unwrap().map(Result::unwrap) {
        let name = file.file_name().into_string().unwrap();
        fs::copy(file.path(), folder.path("data").join(name)).unwrap();
    }
    folder.ok("fit mlp --data data --epochs 1 --set mlp.net_arch=[8] --name moved");
    fs::remove_dir_all(folder.path("data")).unwrap();
    let told = folder.ok(&f16("runs/moved", "--json")).json["f16"].clone();
    assert!(told["not_looked_at"].as_str().unwrap().contains("data") && told["samples"] == 0, "{told}");
}

/// On a terminal a person sees how far it is; with --json nothing, nor in a file of a short call.
#[cfg(target_os = "linux")]
#[test]
fn a_terminal_sees_how_far_calibration_is() {
    let folder = Folder::new();
    folder.ok(&format!("fit mlp --data {DIGITS} --epochs 1 --set mlp.net_arch=[8] --name mlp"));
    let seen = |precision: &str, more: &str| {
        let line = format!("export runs/mlp --out a.onnx --precision {precision} {more}");
        let (terminal, seen) = crate::support::terminal();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cartwheel"));
        command.args(line.split_whitespace());
        let code = folder.start_on(&mut command, &line, std::process::Stdio::null(), terminal).wait().code;
        assert_eq!(code, 0, "{line}");
        // It has the terminal open.
        drop(command);
        seen.join().unwrap()
    };
    let told = seen("int8", "");
    for words in ["calibrating int8", "of 512 samples", "asking f32 and int8", "of 360 samples"] {
        assert!(told.contains(words), "{words}: {told:?}");
    }
    assert!(seen("f16", "").contains("of 128 samples"));
    assert_eq!(seen("int8", "--json"), "");
    assert_eq!(folder.ok("export runs/mlp --out a.onnx --precision int8").stderr, "");
}

#[test]
fn what_has_no_integers_is_refused() {
    let folder = Folder::new();
    folder.ok(&format!("fit mlp --data {DIGITS} --epochs 1 --set mlp.net_arch=[8] --name mlp"));
    let weights = folder.run("mlp").file("checkpoints/best.safetensors");
    fs::copy(&weights, folder.path("alone.safetensors")).unwrap();
    let int8 = "export alone.safetensors --out a.onnx --precision int8";
    folder.refused(int8, 2, &["alone.safetensors", "--data PATH"]);
    folder.ok(&format!("{int8} --data {DIGITS}"));
    folder.refused("export runs/mlp --out b.onnx --data x", 2, &["--data", "--precision int8"]);
    folder.refused(
        "export runs/mlp --out b.onnx --precision f16 --max-drop 0.1",
        2,
        &["--max-drop", "--precision int8"],
    );
    folder.refused("export runs/mlp --out b.onnx --precision int8 --max-drop 2", 2, &["--max-drop", "0.01"]);
    folder.refused(
        "export runs/mlp --out b.onnx --precision int8 --calibration-samples 0",
        2,
        &["--calibration-samples"],
    );
    folder.ok("train CartPole-v1 --steps 300 --set dqn.learning_starts=100 --set eval.n_eval_episodes=2 --name c");
    folder.refused("export runs/c --out b.onnx --precision f16", 2, &["runs/c is a policy", "classifiers"]);
    folder.refused("export runs/c --out b.onnx --precision int8", 2, &["runs/c is a policy", "classifiers"]);
    // A weight that is no number, and one that f16 has no room for.
    let bytes = fs::read(&weights).unwrap();
    for (value, precision, code, words) in [
        (f32::INFINITY, "int8", 1, ["wrong.safetensors", "`0.weight` has numbers that are not finite"]),
        (1e5, "f16", 2, [".weight has the number 100000", "65504"]),
    ] {
        let mut mlp = MlpClassifier::new(64, &[8], 10, &Ranks::new(), Init::Torch, &mut Generator::new(0));
        mlp.parameters_mut().load_safetensors(&weights).unwrap();
        let old = mlp.parameters().named("0.weight").unwrap().values()[3].to_le_bytes();
        let at = bytes.windows(4).rposition(|four| four == old).unwrap();
        let mut bytes = bytes.clone();
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        fs::write(folder.path("wrong.safetensors"), bytes).unwrap();
        let data = if precision == "int8" { format!("--data {DIGITS}") } else { String::new() };
        folder.refused(&format!("export wrong.safetensors --out b.onnx --precision {precision} {data}"), code, &words);
        if code == 1 {
            // Neither are there answers, whose chances would be no numbers.
            folder.refused(&format!("predict wrong.safetensors {DIGITS}/t10k-images-idx3-ubyte.gz --json"), 1, &words);
            folder.refused(&format!("eval wrong.safetensors --data {DIGITS}"), 1, &words);
        }
    }
    assert!(!folder.path("b.onnx").exists());
}
