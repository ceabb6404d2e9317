//! Residual networks: `fit`, `predict` and `model summary` of pictures.

use std::fs;
use std::path::Path;

use cartwheel::trainer::supervised::{Given, Samples};
use safetensors::SafeTensors;
use serde_json::Value;

use crate::support::Folder;

const DIGITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/digits");
/// Pictures of 16 × 16 for the smallest network.
const SMALL: &str = "--set images.width=16 --set images.height=16 --set images.shorter_side=16";

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// `count` pictures of each of three classes that differ in colour and pattern, as PNG and JPEG.
fn pictures(folder: &Path, count: u32) {
    for (class, name) in ["ants", "bees", "cats"].iter().enumerate() {
        fs::create_dir_all(folder.join(name)).unwrap();
        for number in 0..count {
            let shade = |x: u32, y: u32| ((x * 7 + y * 5 * (class as u32 + 1) + number * 13) % 80) as u8;
            let image = image::RgbImage::from_fn(20 + number % 3, 18, |x, y| {
                let mut pixel = [shade(x, y); 3];
                pixel[class] += 120;
                image::Rgb(pixel)
            });
            image.save(folder.join(name).join(format!("{number}.png"))).unwrap();
        }
    }
}

#[test]
fn a_small_residual_network_learns_the_digits() {
    let folder = Folder::new();
    // What the recipe has for photographs is not done to them, and said so.
    for (set, flips) in [("", "false"), ("--set augment.horizontal_flip=true", "true")] {
        let config = folder.ok(&format!("fit resnet8 --data {DIGITS} {set} --print-config")).stdout;
        assert!(config.contains(&format!("\nhorizontal_flip = {flips}\n")), "{config}");
    }
    let line = format!("fit resnet8 --data {DIGITS} --epochs 6 --batch-size 32 --name digits --json");
    let summary = json(&folder.ok(&line).stdout);
    let accuracy = summary["report"]["accuracy"].as_f64().unwrap();
    assert!(accuracy >= 0.97, "{accuracy}");
    assert_eq!((&summary["model"], &summary["report"]["part"]), (&"resnet8".into(), &"test".into()));
    assert!(summary["report"]["top5_accuracy"].as_f64().unwrap() > accuracy);
    assert_eq!(summary["report"]["confusion"].as_array().unwrap().len(), 10);
    let images = format!("{DIGITS}/t10k-images-idx3-ubyte.gz");
    let predictions = json(&folder.ok(&format!("predict runs/digits {images} --top 1 --json")).stdout);
    let predictions = predictions["predictions"].as_array().unwrap();
    let taken = |class: u64| predictions.iter().filter(|one| one["top"][0]["class"] == class).count() as u64;
    for class in 0..10 {
        let cell = |row: usize| summary["report"]["confusion"][row][class as usize].as_u64().unwrap();
        assert_eq!(taken(class), (0..10).map(cell).sum::<u64>(), "{class}");
    }
}

#[test]
fn folders_of_pictures_are_learnt_and_asked_by_name() {
    let folder = Folder::new();
    pictures(&folder.path("pets/train"), 12);
    pictures(&folder.path("pets/val"), 3);
    let line = format!(
        "fit resnet8 --data pets {SMALL} --epochs 8 --batch-size 6 --set augment.width_shift_range=0 --set augment.height_shift_range=0 --name pets --json"
    );
    let summary = json(&folder.ok(&line).stdout);
    assert_eq!(summary["report"]["part"], "validation");
    assert!(summary["report"]["accuracy"].as_f64().unwrap() > 0.9, "{summary}");
    let names: Vec<&str> =
        summary["report"]["classes"].as_array().unwrap().iter().map(|class| class["label"].as_str().unwrap()).collect();
    assert_eq!(names, ["ants", "bees", "cats"]);
    // People are shown some of each class, as they are seen.
    let samples = Samples::read(&folder.run("pets").file("samples.bin")).unwrap().unwrap();
    let expected: Vec<&str> = samples.samples.iter().map(|sample| sample.expected.as_str()).collect();
    assert_eq!(expected, [["ants"; 3], ["bees"; 3], ["cats"; 3]].concat());
    for (class, sample) in samples.samples.iter().enumerate().map(|(i, sample)| (i / 3, sample)) {
        let Given::Picture(picture) = &sample.given else { panic!("a picture") };
        assert_eq!((picture.width, picture.channels, picture.pixels.len()), (16, 3, 16 * 16 * 3));
        let strongest = (0..3)
            .max_by_key(|channel| picture.pixels[*channel..].iter().step_by(3).map(|x| u64::from(*x)).sum::<u64>());
        assert_eq!(strongest, Some(class), "a class has the colour of its number");
    }
    image::open(folder.path("pets/val/bees/1.png")).unwrap().save(folder.path("bee.bmp")).unwrap();
    let text = folder.ok("predict runs/pets bee.bmp --top 2").stdout;
    assert!(text.starts_with("bee.bmp: bees ") && text.matches(" %").count() == 2, "{text}");

    // Files that give no picture.
    let whole = fs::read(folder.path("pets/val/ants/0.png")).unwrap();
    fs::write(folder.path("cut.png"), &whole[..whole.len() / 2]).unwrap();
    folder.write("text.png", "no picture");
    folder.write("empty.png", "");
    folder.refused("predict runs/pets cut.png", 1, &["cut.png", "truncated"]);
    folder.refused("predict runs/pets text.png", 1, &["text.png"]);
    folder.refused("predict runs/pets empty.png", 1, &["empty.png"]);
    folder.refused("predict runs/pets none.png", 2, &["none.png"]);
    let grey16 = image::ImageBuffer::<image::Luma<u16>, _>::from_fn(30, 20, |x, y| image::Luma([(x * y * 90) as u16]));
    grey16.save(folder.path("grey16.png")).unwrap();
    folder.ok("predict runs/pets grey16.png");

    // Labels of another number.
    folder.write("labels.txt", "ants\nbees\n");
    folder.refused(
        "predict runs/pets bee.bmp --labels labels.txt",
        2,
        &["error: labels.txt has 2 labels", "3 classes"],
    );
    folder.write("labels.txt", "\u{feff}Biene\r\nBiene\r\nBiene\r\n\r\n\n");
    let text = folder.ok("predict runs/pets bee.bmp --labels labels.txt --top 1").stdout;
    assert!(text.contains(": Biene "), "{text}");
    folder.write("labels.txt", "Ameise\nBiene\nKatze\n");
    let text = folder.ok("predict runs/pets bee.bmp --labels labels.txt --top 1").stdout;
    assert!(text.contains("Biene"), "{text}");

    // What it costs is told of it as it is.
    let cost = json(&folder.ok("model summary runs/pets --json").stdout);
    assert_eq!((&cost["model"], &cost["parameters"]), (&"resnet8".into(), &summary["parameters"]));
    assert_eq!(cost["input"], serde_json::json!([3, 16, 16]));
    folder.refused("model summary runs/pets --image-size 32", 2, &["--image-size"]);
    folder.refused("model summary runs/pet", 2, &["runs/pet", "resnet8"]);
}

#[test]
fn folders_of_pictures_are_asked_about_and_broken_ones_do_not_stop_it() {
    let folder = Folder::new();
    pictures(&folder.path("pets"), 40);
    folder.ok(&format!("fit resnet8 --data pets {SMALL} --epochs 1 --name a"));
    // More than a batch of them, in the order of their names, as if each had been asked about alone.
    let all = folder.ok("predict runs/a pets pets/bees/0.png --top 1 --json").json["predictions"].clone();
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), 121);
    let mut named: Vec<&str> = all.iter().take(120).map(|one| one["input"].as_str().unwrap()).collect();
    assert!(named.is_sorted() && named.contains(&"pets/cats/39.png"), "{named:?}");
    named.dedup();
    assert_eq!((named.len(), &all[120]["input"]), (120, &"pets/bees/0.png".into()));
    for name in ["pets/ants/0.png", "pets/bees/0.png", "pets/cats/39.png"] {
        let alone = folder.ok(&format!("predict runs/a {name} --top 1 --json")).json["predictions"][0].clone();
        for one in all.iter().filter(|one| one["input"] == name) {
            let probability = |one: &Value| one["top"][0]["probability"].as_f64().unwrap();
            assert!((probability(one) - probability(&alone)).abs() < 1e-4, "{one} {alone}");
        }
    }
    let text = folder.ok("predict runs/a pets").stdout;
    // One that is broken among them is told, and the others are answered.
    fs::write(folder.path("pets/bees/0a.png"), "no picture").unwrap();
    let output = folder.refused("predict runs/a pets", 1, &["error: pets/bees/0a.png: is no PNG"]);
    let names = |text: &str| text.lines().map(|line| line.split(':').next().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!((names(&output.stdout), names(&text)), (names(&text), named.iter().map(ToString::to_string).collect()));
    let output = folder.cartwheel("predict runs/a pets --json");
    assert_eq!((output.code, output.json["predictions"].as_array().unwrap().len()), (1, 120));
    assert_eq!(output.json["broken"][0]["input"], "pets/bees/0a.png");
    // Nothing is answered where a name is wrong.
    fs::create_dir(folder.path("empty")).unwrap();
    for (inputs, words) in [("pets/ants none.png", "none.png"), ("pets/ants empty", "empty is a folder without images")]
    {
        assert_eq!(folder.refused(&format!("predict runs/a {inputs}"), 2, &[words]).stdout, "");
    }
}

/// A folder with parts has its own samples to validate, whatever share is kept of one without.
#[test]
fn a_folder_to_validate_is_enough_to_stop_early() {
    let folder = Folder::new();
    pictures(&folder.path("pets/train"), 2);
    pictures(&folder.path("pets/val"), 1);
    let fit = format!("fit resnet8 {SMALL} --epochs 1 --set data.validation_split=0 --set fit.early_stopping=2");
    folder.ok(&format!("{fit} --data pets --name a"));
    let words = ["fit.early_stopping", "pets/train has none", "data.validation_split"];
    folder.refused(&format!("{fit} --data pets/train --name b"), 2, &words);
    assert!(!folder.run("b").path.exists(), "it began");
}

#[cfg(unix)]
#[test]
fn links_are_followed_in_judging_as_in_learning() {
    let folder = Folder::new();
    pictures(&folder.path("pets"), 2);
    pictures(&folder.path("elsewhere"), 3);
    let fit = format!("fit resnet8 --data pets {SMALL} --epochs 1 --set data.validation_split=0");
    folder.ok(&format!("{fit} --name a"));
    folder.ok(&format!("{fit} --set images.follow_links=true --name b"));
    std::os::unix::fs::symlink(folder.path("elsewhere/ants"), folder.path("pets/ants/more")).unwrap();
    for (run, count) in [("a", 2), ("b", 5)] {
        let report = folder.ok(&format!("eval runs/{run} --data pets --json")).json;
        assert_eq!(report["report"]["classes"][0]["support"], count, "{run}");
    }
}

#[test]
fn a_model_is_judged_on_other_pictures() {
    let folder = Folder::new();
    pictures(&folder.path("pets/train"), 12);
    pictures(&folder.path("pets/test"), 4);
    let fit = format!("fit resnet8 --data pets {SMALL} --epochs 3 --batch-size 6 --name a --json");
    let report = folder.ok(&fit).json["report"].clone();
    let judge = |rest: &str| folder.ok(&format!("eval {rest} --json")).json["report"].clone();
    // On the same ones it comes to the same.
    let again = judge("runs/a --data pets");
    for key in ["accuracy", "confusion", "classes", "kind"] {
        assert_eq!(again[key], report[key], "{key}");
    }
    assert!((again["loss"].as_f64().unwrap() - report["loss"].as_f64().unwrap()).abs() < 1e-4);
    assert_eq!((&report["part"], &again["part"]), (&"test".into(), &"pets/test".into()));
    // A folder of its own, with fewer classes, which are known by their names.
    fs::create_dir(folder.path("some")).unwrap();
    fs::rename(folder.path("pets/test/cats"), folder.path("some/cats")).unwrap();
    let cats = judge("runs/a --data some");
    assert_eq!(cats["confusion"], serde_json::json!([[0, 0, 0], [0, 0, 0], report["confusion"][2]]));
    assert_eq!(judge("runs/a/checkpoints/best.safetensors --data some"), cats);
    // The last weights instead of the best.
    let latest = folder.ok("eval runs/a --checkpoint latest --data some --json").json;
    assert_eq!(latest["report"], judge("runs/a/checkpoints/latest.safetensors --data some"));
    assert_eq!(latest["checkpoint"], "runs/a/checkpoints/latest.safetensors");
    // Names for classes that are numbers in the file; torchvision's are known by their places.
    let bytes = folder.run("a").bytes("checkpoints/best.safetensors");
    let plain = safetensors::serialize(SafeTensors::deserialize(&bytes).unwrap().tensors(), None).unwrap();
    fs::write(folder.path("plain.safetensors"), plain).unwrap();
    let words = ["cats, which the model does not know", "its 3 classes are 0, 1, 2"];
    folder.refused("eval plain.safetensors --data some", 2, &words);
    let whole = "--data pets/train";
    assert_eq!(judge(&format!("plain.safetensors {whole}"))["classes"][2]["label"], "2");
    folder.write("labels.txt", "ants\nbees\ncats\n");
    assert_eq!(judge(&format!("plain.safetensors --labels labels.txt {whole}"))["classes"][2]["label"], "cats");
    // Broken files are told and gone on without.
    fs::write(folder.path("some/cats/9.png"), "no picture").unwrap();
    let output = folder.cartwheel("eval runs/a --data some --json");
    assert_eq!((output.code, &output.json["report"]), (1, &cats));
    assert!(output.json["broken"][0].as_str().unwrap().contains("some/cats/9.png: is no PNG"), "{}", output.stdout);
    let output = folder.cartwheel("eval runs/a --data some");
    assert!(output.stdout.contains("some: accuracy") && output.stdout.contains("9.png"), "{}", output.stdout);

    folder.refused("eval runs/a", 2, &["--data PATH"]);
    folder.refused("eval runs/a --data some --episodes 3", 2, &["--episodes"]);
    folder.refused("eval runs/a --data none", 2, &["none"]);
    folder.refused(&format!("eval runs/a --data {DIGITS}"), 2, &["no folders for classes"]);
    fs::rename(folder.path("some/cats"), folder.path("some/eels")).unwrap();
    folder.refused("eval runs/a --data some", 2, &["folders of eels", "its 3 classes are ants, bees, cats"]);
}

/// Transfer learning.
#[test]
fn a_network_begins_with_the_weights_of_another() {
    let folder = Folder::new();
    pictures(&folder.path("pets"), 6);
    pictures(&folder.path("others"), 6);
    fs::remove_dir_all(folder.path("others/cats")).unwrap();
    let fit = |rest: &str| format!("fit resnet8 {SMALL} --batch-size 6 --set data.validation_split=0 {rest}");
    folder.ok(&fit("--data pets --epochs 3 --name a"));
    let a = folder.run("a").bytes("checkpoints/best.safetensors");
    let a = SafeTensors::deserialize(&a).unwrap();
    // Steps so small that they change no number.
    let still = "--set fit.learning_rate=1e-30 --set fit.warmup=0 --epochs 1";
    let begun = |name: &str, rest: &str, told: &str| {
        let output = folder.ok(&fit(&format!("{still} --name {name} {rest}")));
        assert!(
            output.stderr.contains("begins with the weights of") && output.stderr.contains(told),
            "{}",
            output.stderr
        );
        folder.run(name).bytes("checkpoints/best.safetensors")
    };
    let same = |bytes: &[u8], name: &str| {
        let of = SafeTensors::deserialize(bytes).unwrap();
        of.tensor(name).unwrap().data() == a.tensor(name).unwrap().data()
    };
    let inner = ["conv1.weight", "layer2.0.bn1.weight", "layer3.0.conv2.weight"];
    // Of other classes the last layer is new.
    let b = begun("b", "--data others --set resnet.init=runs/a", "new: 3 classes there, 2 here");
    assert!(inner.iter().all(|name| same(&b, name)));
    assert_eq!(SafeTensors::deserialize(&b).unwrap().tensor("fc.weight").unwrap().shape(), [2, 64]);
    // As many, but others.
    fs::rename(folder.path("pets/cats"), folder.path("pets/eels")).unwrap();
    let c = begun("c", "--data pets --set resnet.init=runs/a", "new: 3 classes there, 3 here");
    assert!(inner.iter().all(|name| same(&c, name)) && !same(&c, "fc.weight"));
    fs::rename(folder.path("pets/eels"), folder.path("pets/cats")).unwrap();
    let d = begun("d", "--data pets --set resnet.init=runs/a/checkpoints/best.safetensors", "for the same classes");
    assert!(inner.iter().chain(&["fc.weight", "fc.bias"]).all(|name| same(&d, name)));

    // A body that is frozen, with its running statistics, under a last layer that learns.
    let frozen = "--data others --epochs 2 --set resnet.init=runs/a --set fit.freeze=[\"conv1\",\"bn1\",\"layer1\",\"layer2\",\"layer3\"]";
    let output = folder.ok(&fit(&format!("{frozen} --name frozen --json")));
    assert!(output.stderr.contains("130 of "), "{}", output.stderr);
    assert_eq!(output.json["parameters"], 130, "{}", output.stdout);
    let frozen = folder.run("frozen").best();
    for (name, tensor) in SafeTensors::deserialize(&frozen).unwrap().tensors() {
        assert!(tensor.data() == a.tensor(&name).unwrap().data() || name.starts_with("fc."), "{name} was not frozen");
    }
    let wrong = fit("--data others --set fit.freeze=[\"layer4\"]");
    folder.refused(&wrong, 2, &["fit.freeze", "no layer \"layer4\"", "conv1, bn1, layer1, layer2, layer3, fc"]);

    // What cannot be begun with.
    let broken = a.tensors().into_iter().map(|(name, tensor)| {
        let mut bytes = tensor.data().to_vec();
        if name == "layer2.0.conv1.weight" {
            bytes[..4].copy_from_slice(&f32::NAN.to_le_bytes());
        }
        (name, tensor.dtype(), tensor.shape().to_vec(), bytes)
    });
    let broken: Vec<_> = broken.collect();
    let views = broken.iter().map(|(name, dtype, shape, bytes)| {
        (name.as_str(), safetensors::tensor::TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    fs::write(folder.path("nan.safetensors"), safetensors::serialize(views, None).unwrap()).unwrap();
    let line = fit("--data pets --set resnet.init=nan.safetensors");
    folder.refused(&line, 1, &["nan.safetensors: `layer2.0.conv1.weight` has numbers that are not finite"]);
    fs::write(folder.path("pickle.pt"), b"PK\x03\x04\0\0\x08\x08\0\0").unwrap();
    for line in
        [fit("--data pets --set resnet.init=pickle.pt").as_str(), "model summary pickle.pt", "predict pickle.pt pets"]
    {
        folder.refused(
            line,
            1,
            &["pickle.pt is a pickle of PyTorch's", "torch.load(sys.argv[1]", "\"pickle.pt\" \"pickle.safetensors\""],
        );
    }
    folder.refused(&fit("--data pets --set resnet.init=runs/none"), 2, &["resnet.init", "runs/none is not there"]);
    let line = fit("--data pets --set resnet.init=runs/a").replace("resnet8", "resnet20");
    folder.refused(&line, 2, &["is of resnet8, and the model is resnet20", "cartwheel fit resnet8"]);
    let grey = format!("fit resnet8 --data {DIGITS} --epochs 1 --set resnet.init=runs/a");
    folder.refused(&grey, 1, &["`conv1.weight` is [16, 3, 3, 3] of F32 and should be [16, 1, 3, 3]"]);
    folder.ok(&format!("fit mlp --data {DIGITS} --epochs 1 --set mlp.net_arch=[8] --name mlp"));
    folder.refused(&fit("--data pets --set resnet.init=runs/mlp"), 2, &["is of mlp, and the model is resnet8"]);

    // A run that is gone on with has weights of its own.
    fs::copy(folder.path("runs/a/checkpoints/best.safetensors"), folder.path("init.safetensors")).unwrap();
    let mut part = folder.spawn(&fit("--data others --epochs 1000000 --set resnet.init=init.safetensors --name e"));
    let run = folder.run("e");
    assert!(part.until(|| !run.states().is_empty()), "no checkpoint");
    part.signal("INT");
    let output = part.wait();
    assert!(output.code == 130 && output.stderr.contains("begins with"), "{}", output.stderr);
    fs::remove_file(folder.path("init.safetensors")).unwrap();
    let before = run.states();
    let mut part = folder.spawn("fit --resume runs/e");
    assert!(part.until(|| run.states() != before), "no checkpoint");
    part.signal("INT");
    let output = part.wait();
    assert!(output.code == 130 && !output.stderr.contains("begins with"), "{}", output.stderr);
}

#[test]
fn a_stopped_run_goes_on_bit_for_bit_whatever_the_threads() {
    let folder = Folder::new();
    pictures(&folder.path("pets"), 20);
    let settings = format!(
        "fit resnet8 --data pets {SMALL} --epochs 30 --batch-size 8 --set data.validation_split=0.2 --set augment.rotation_range=20 --set mix.mixup_alpha=0.2 --set mix.cutmix_alpha=1 --set fit.log_interval=3"
    );
    let one_thread = format!("{settings} --set fit.threads=1 --set images.num_workers=1");
    let (whole, run) = folder.whole_and_resumed(&one_thread, &format!("{settings} --set images.num_workers=3"));
    // Running statistics are among the weights.
    for file in ["checkpoints/latest.safetensors", "checkpoints/best.safetensors"] {
        let (a, b) = (run.bytes(file), whole.bytes(file));
        let (a, b) = (SafeTensors::deserialize(&a).unwrap(), SafeTensors::deserialize(&b).unwrap());
        assert!(a.names().contains(&"layer3.0.bn2.running_var"));
        for (name, tensor) in a.tensors() {
            assert!(tensor.data() == b.tensor(&name).unwrap().data(), "{file}: {name} differs");
        }
    }
}

#[test]
fn folders_that_cannot_be_learnt_from_are_told() {
    let folder = Folder::new();
    pictures(&folder.path("pets"), 4);
    let fit = |rest: &str| format!("fit resnet8 --data pets {SMALL} --epochs 1 --set data.validation_split=0 {rest}");
    fs::create_dir(folder.path("pets/dogs")).unwrap();
    folder.refused(&fit(""), 2, &["dogs", "no images"]);
    fs::remove_dir(folder.path("pets/dogs")).unwrap();
    fs::write(folder.path("pets/bees/9.png"), "no picture").unwrap();
    folder.refused(&fit("--name a"), 1, &["bees/9.png", "images.on_broken"]);
    let output = folder.ok(&fit("--set images.on_broken=skip --name b"));
    assert!(output.stderr.contains("bees/9.png"), "{}", output.stderr);
    assert!(!output.stderr.contains('\u{1b}'), "no colours but on a terminal: {:?}", output.stderr);
    fs::remove_file(folder.path("pets/bees/9.png")).unwrap();
    fs::create_dir(folder.path("empty")).unwrap();
    folder.refused("fit resnet8 --data nowhere", 2, &["nowhere"]);
    folder.refused("fit resnet8 --data empty", 2, &["empty", "no folders for classes"]);
    folder.refused("fit resnet8 --data none", 2, &["none"]);
    folder.refused("fit resnet8 --data pets/bees/1.png", 2, &["1.png is a file", "a folder"]);
    folder.refused(&fit("--set images.validation_split=0.1"), 2, &["data.validation_split"]);
    folder.refused(&fit("--set augment.zoom_rang=0.1"), 2, &["augment.zoom_range", "--print-config"]);
    folder.refused("fit mlp --data pets", 2, &["train-images-idx3-ubyte"]);
    // ImageNet's layout with other classes beside it.
    pictures(&folder.path("parts/train"), 2);
    pictures(&folder.path("parts/val"), 2);
    fs::rename(folder.path("parts/val/cats"), folder.path("parts/val/dogs")).unwrap();
    folder.refused("fit resnet8 --data parts", 2, &["dogs", "cats", "the same"]);
}

/// A file without a word of ours in its header, as torchvision's are.
#[test]
fn torchvisions_files_are_asked_as_they_are() {
    let folder = Folder::new();
    pictures(&folder.path("pets"), 2);
    folder.ok("fit resnet18 --data pets --set images.width=32 --set images.height=32 --set images.shorter_side=32 --set data.validation_split=0 --epochs 1 --name a");
    let bytes = folder.run("a").bytes("checkpoints/best.safetensors");
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let strip = |rename: &dyn Fn(&str) -> String| {
        safetensors::serialize(file.tensors().into_iter().map(|(name, view)| (rename(&name), view)), None).unwrap()
    };
    let asked = |name: &str| folder.ok(&format!("predict {name} pets/ants/0.png --json")).json["predictions"].clone();
    fs::write(folder.path("resnet18.safetensors"), strip(&str::to_owned)).unwrap();
    // The oldest ones count no batches.
    let old = file.tensors().into_iter().filter(|(name, _)| !name.ends_with("num_batches_tracked"));
    fs::write(folder.path("old.safetensors"), safetensors::serialize(old, None).unwrap()).unwrap();
    assert_eq!(asked("resnet18.safetensors"), asked("old.safetensors"));
    folder.write("labels.txt", "ants\nbees\ncats\n");
    let text = folder.ok("predict resnet18.safetensors pets/ants/0.png --labels labels.txt").stdout;
    assert!(text.contains("ants") && text.contains("cats"), "{text}");
    let json = folder.ok("predict resnet18.safetensors pets/ants/0.png --json").json;
    assert_eq!(json["predictions"][0]["top"].as_array().unwrap().len(), 3);
    folder.write("labels.txt", "ants\nbees\n");
    folder.refused("predict resnet18.safetensors pets/ants/0.png --labels labels.txt", 2, &["2 labels", "3 classes"]);
    let renamed = strip(&|name| name.replace("layer4.1.bn2.weight", "layer4.1.bn2.wait"));
    fs::write(folder.path("renamed.safetensors"), renamed).unwrap();
    let words = ["missing: `layer4.1.bn2.weight` [512]", "the file has `layer4.1.bn2.wait`"];
    folder.refused("predict renamed.safetensors pets/ants/0.png", 1, &words);
    fs::write(folder.path("cut.safetensors"), &bytes[..bytes.len() / 2]).unwrap();
    folder.refused("predict cut.safetensors pets/ants/0.png", 1, &["cut.safetensors", "cut off"]);
}

#[test]
fn residual_networks_are_summed_up_without_files() {
    let folder = Folder::new();
    let summary = |rest: &str| json(&folder.ok(&format!("model summary {rest} --json")).stdout);
    let value = summary("resnet50");
    assert_eq!((&value["parameters"], &value["bytes"]), (&25_557_032.into(), &102_228_128.into()));
    assert_eq!(value["input"], serde_json::json!([3, 224, 224]));
    // Twice the 4.089 G multiplications that torchvision tells, and batch norms.
    let flops = value["flops"].as_u64().unwrap() as f64;
    assert!((8.17e9..8.25e9).contains(&flops), "{flops}");
    for (name, parameters) in [("resnet18", 11_689_512), ("resnet34", 21_797_672), ("resnet101", 44_549_160)] {
        assert_eq!(summary(name)["parameters"], parameters);
    }
    let (small, large) = (summary("resnet50 --image-size 112"), summary("resnet50 --batch-size 128"));
    assert!(small["flops"].as_u64().unwrap() * 3 < value["flops"].as_u64().unwrap());
    assert!(large["training_bytes"].as_u64() > value["training_bytes"].as_u64());
}
