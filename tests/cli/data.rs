//! `cartwheel data`: what is in a folder of images, and what training makes of them.

use std::fs;

use crate::support::Folder;

/// Three images of cats and two of dogs, of different sizes and colours.
fn pets(folder: &Folder) {
    let images = [
        ("pets/cats/1.png", 40, 30, 200),
        ("pets/cats/2.png", 30, 40, 100),
        ("pets/cats/more/3.png", 40, 30, 0),
        ("pets/dogs/1.png", 64, 64, 50),
        ("pets/dogs/2.png", 40, 30, 150),
    ];
    for (path, width, height, red) in images {
        let path = folder.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::from_fn(width, height, |x, y| image::Rgb([red, x as u8, y as u8])).save(path).unwrap();
    }
}

const SMALL: &str = "--set images.width=24 --set images.height=24 --set images.shorter_side=24";

#[test]
fn stats_tell_classes_sizes_and_what_to_normalize_with() {
    let folder = Folder::new();
    pets(&folder);
    let json = folder.ok(&format!("data stats pets {SMALL} --set images.validation_split=0.4 --json")).json;
    assert_eq!(json["images"], 5);
    let cats = &json["classes"][0];
    assert_eq!((cats["name"].as_str(), cats["label"].as_u64()), (Some("cats"), Some(0)));
    let number = |key: &str| cats[key].as_u64().unwrap();
    assert_eq!([number("images"), number("training"), number("validation")], [3, 2, 1]);
    assert!((cats["class_weight"].as_f64().unwrap() - 5.0 / 6.0).abs() < 1e-9);
    assert!((json["mean"][0].as_f64().unwrap() - 100.0 / 255.0).abs() < 1e-6);
    let spread = ((100.0_f64.powi(2) + 100.0_f64.powi(2) + 2.0 * 50.0_f64.powi(2)) / 5.0).sqrt() / 255.0;
    assert!((json["std"][0].as_f64().unwrap() - spread).abs() < 1e-6);
    assert_eq!(json["sizes"].as_array().unwrap().len(), 3);
    let text = folder.ok(&format!("data stats pets {SMALL}")).stdout;
    for words in [
        "Found 5 images belonging to 2 classes.",
        "dogs",
        "most are 40 x 30 (3)",
        "mean = [0.3922, ",
        "class_weight=balanced",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let one = folder.ok(&format!("data stats pets {SMALL} --set images.num_workers=1 --json")).stdout;
    assert_eq!(one, folder.ok(&format!("data stats pets {SMALL} --set images.num_workers=4 --json")).stdout);
}

#[test]
fn parts_beside_each_other_are_told_apart() {
    let folder = Folder::new();
    pets(&folder);
    for part in ["train", "val", "test"] {
        fs::create_dir_all(folder.path("parts").join(part)).unwrap();
    }
    let tree = |from: &str, to: &str, images: &[&str]| {
        for image in images {
            let to = folder.path(to).join(image);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(folder.path(from).join(image), to).unwrap();
        }
    };
    tree("pets", "parts/train", &["cats/1.png", "cats/2.png", "dogs/1.png"]);
    tree("pets", "parts/val", &["cats/1.png", "dogs/2.png"]);
    tree("pets", "parts/test", &["cats/2.png", "dogs/1.png", "dogs/2.png"]);
    let json = folder.ok(&format!("data stats parts {SMALL} --json")).json;
    let of = |class: usize| {
        ["images", "training", "validation", "test"].map(|key| json["classes"][class][key].as_u64().unwrap())
    };
    assert_eq!((json["images"].as_u64(), of(0), of(1)), (Some(8), [4, 2, 1, 1], [4, 1, 1, 2]));
    // What to normalize with is of those that are learnt from.
    assert_eq!(json["mean"], folder.ok(&format!("data stats parts/train {SMALL} --json")).json["mean"]);
    let text = folder.ok(&format!("data stats parts {SMALL}")).stdout;
    assert!(text.contains("validation: Found 2 images") && text.contains("VALIDATION  TEST"), "{text}");
    folder.ok(&format!("data preview parts --out sheet.png {SMALL}"));
    // Broken ones are found in every part.
    fs::write(folder.path("parts/test/dogs/3.png"), "no picture").unwrap();
    let output = folder.cartwheel(&format!("data stats parts {SMALL}"));
    assert!(output.code == 1 && output.stdout.contains("broken: parts/test/dogs/3.png"), "{}", output.stdout);
    fs::remove_dir_all(folder.path("parts/val/dogs")).unwrap();
    folder.refused(&format!("data stats parts {SMALL}"), 2, &["parts/val has the classes cats", "the same"]);
    folder.write("pairs.tsv", "a\tb\n");
    folder.refused("data stats pairs.tsv", 2, &["pairs.tsv is a file"]);
    let digits = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/digits");
    folder.refused(&format!("data stats {digits}"), 2, &["MNIST's files", "cartwheel fit resnet8"]);
}

#[test]
fn broken_files_and_empty_classes_are_told_with_the_reason() {
    let folder = Folder::new();
    pets(&folder);
    fs::write(folder.path("pets/dogs/3.png"), "no picture").unwrap();
    let whole = fs::read(folder.path("pets/cats/1.png")).unwrap();
    fs::write(folder.path("pets/cats/4.jpg"), &whole[..whole.len() / 2]).unwrap();
    fs::create_dir(folder.path("pets/eels")).unwrap();
    let output = folder.cartwheel(&format!("data stats pets {SMALL} --json"));
    assert_eq!(output.code, 1);
    let broken = output.json["broken"].as_array().unwrap();
    let reason = |i: usize| broken[i]["reason"].as_str().unwrap();
    assert!(reason(0).contains("pets/cats/4.jpg: is truncated"), "{}", reason(0));
    assert!(reason(1).contains("pets/dogs/3.png: is no PNG"), "{}", reason(1));
    assert_eq!(output.json["empty_classes"][0], "eels");
    assert_eq!(output.json["classes"][1]["usable"], 2);
    let text = folder.cartwheel(&format!("data stats pets {SMALL}")).stdout;
    assert!(text.contains("no images of eels") && text.contains("broken: pets/cats/4.jpg"), "{text}");

    let preview = format!("data preview pets --out sheet.png --images 100 {SMALL}");
    folder.refused(&preview, 1, &["pets/", "images.on_broken=skip"]);
    assert!(!folder.path("sheet.png").exists());
    let json = folder.ok(&format!("{preview} --set images.on_broken=skip --json")).json;
    assert_eq!((json["rows"].as_array().unwrap().len(), json["skipped"].as_array().unwrap().len()), (5, 2));
}

#[test]
fn a_preview_shows_each_epoch_anew_and_always_the_same() {
    let folder = Folder::new();
    pets(&folder);
    folder.write(
        "augment.toml",
        "[images]\nwidth = 24\nheight = 24\nresize = \"random-resized-crop\"\n[augment]\nrotation_range = 40\nbrightness_range = [0.5, 1.5]\n",
    );
    let draw = |more: &str| {
        folder.ok(&format!("data preview pets --out sheet.png --images 2 --epochs 3 --config augment.toml {more}"));
        image::open(folder.path("sheet.png")).unwrap().to_rgb8()
    };
    let sheet = draw("");
    // Two rows of a title and a picture, four columns.
    assert_eq!(sheet.dimensions(), (10 + 4 * 154, 29 + 2 * (19 + 144 + 10)));
    assert_eq!(sheet, draw("--set images.num_workers=3"));
    assert_ne!(sheet, draw("--seed 7"));
    // A fit's settings are its model's over the defaults, and what else it has is left out.
    folder.write(
        "fit.toml",
        "[fit]\nmodel = \"resnet8\"\nepochs = 3\n[augment]\nrotation_range = 40\n[run]\nname = \"a\"\n",
    );
    let printed = folder.ok("data preview --print-config --config fit.toml --set augment.rotation_range=50").stdout;
    for line in ["width = 32", "horizontal_flip = true", "rotation_range = 50.0", "validation_split = 0.1"] {
        assert!(printed.contains(line), "{line}: {printed}");
    }
    let picture = |column: u32| image::imageops::crop_imm(&sheet, 10 + column * 154, 48, 144, 144).to_image();
    assert!(picture(1) != picture(2) && picture(2) != picture(3) && picture(0) != picture(1));
}

#[test]
fn what_is_asked_wrongly_is_told() {
    let folder = Folder::new();
    pets(&folder);
    folder.refused("data stats nowhere --json", 2, &["nowhere", "no such folder"]);
    folder.refused("data stats pets/dogs --json", 2, &["pets/dogs", "no folders for classes", "cats/1.jpg"]);
    folder.refused("data stats pets --set augment.rotation_rang=3", 2, &["did you mean augment.rotation_range"]);
    folder.refused("data stats pets --set images.std=[1,2]", 2, &["images.std", "three numbers"]);
    folder.refused("data stats pets --set augment.zoom_range=1.5", 2, &["augment.zoom_range", "below 1"]);
    folder.refused("data preview pets --out sheet.jpg", 2, &["sheet.jpg", "PNG"]);
    folder.refused("data preview pets", 2, &["--out"]);
    folder.refused("data stats pets --config none.toml", 2, &["none.toml"]);
    let printed = folder.ok("data stats --print-config").stdout;
    assert!(printed.contains("[images]") && printed.contains("zoom_range = [1.0, 1.0]"), "{printed}");
    folder.write("printed.toml", &printed);
    assert_eq!(folder.ok("data stats --print-config --config printed.toml").stdout, printed);
}
