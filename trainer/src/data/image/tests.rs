//! Images against what Pillow 13, torchvision 0.29 and Keras 3 make of them (tests/data/images, beside its scripts).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::*;
use cartwheel_envs::Generator;

pub(super) fn recorded<T: DeserializeOwned>(file: &str) -> T {
    let path = format!("{}/../tests/data/images/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub(super) fn base64(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits: Vec<u32> = text
        .bytes()
        .filter(|byte| *byte != b'=')
        .map(|byte| LETTERS.iter().position(|letter| *letter == byte).unwrap() as u32)
        .collect();
    let group = |digits: &[u32]| {
        let word = (0..4).fold(0, |word, i| word << 6 | digits.get(i).copied().unwrap_or(0));
        word.to_be_bytes()[1..digits.len()].to_vec()
    };
    digits.chunks(4).flat_map(group).collect()
}

/// The image that `noise` of resize.py makes.
pub(super) fn noise(width: usize, height: usize, seed: u64) -> Image {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let value = |i: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let (x, y) = (i / 3 % width, i / 3 / width);
        ((x * 3 + y * 5 + 40 * (i % 3)) % 256 / 2) as u8 + (state >> 57) as u8
    };
    Image { width, height, rgb: (0..width * height * 3).map(value).collect() }
}

#[derive(Deserialize)]
struct Recorded {
    resize: Vec<Resized>,
    shorter_side: Vec<Shape>,
    presets: Vec<Preset>,
    random_resized_crop: Vec<Crops>,
}

#[derive(Deserialize)]
struct Resized {
    seed: u64,
    from: (usize, usize),
    to: (usize, usize),
    filter: String,
    crc32: u32,
    rgb: Option<String>,
}

#[derive(Deserialize)]
struct Shape {
    from: (usize, usize),
    size: usize,
    to: (usize, usize),
}

#[derive(Deserialize)]
struct Preset {
    seed: u64,
    from: (usize, usize),
    size: usize,
    crop: usize,
    crc32: u32,
    first: Vec<f32>,
}

#[derive(Deserialize)]
struct Crops {
    from: (usize, usize),
    mean: [f64; 4],
    std: [f64; 4],
}

#[test]
fn resizing_is_pillows_to_the_last_bit() {
    for case in recorded::<Recorded>("resize.json").resize {
        let image = noise(case.from.0, case.from.1, case.seed);
        let filter: Filter = case.filter.parse().unwrap();
        let resized = resize(&image, case.to.0, case.to.1, filter);
        let what = format!("{:?} to {:?} with {filter}", case.from, case.to);
        assert_eq!((resized.width, resized.height), case.to);
        if let Some(rgb) = &case.rgb {
            let off = resized.rgb.iter().zip(base64(rgb)).filter(|(ours, theirs)| *ours != theirs).count();
            assert_eq!(off, 0, "values of {} that differ, {what}", resized.rgb.len());
        }
        assert_eq!(crc32fast::hash(&resized.rgb), case.crc32, "{what}");
    }
}

#[test]
fn a_window_of_a_resize_is_what_a_crop_of_it_gives() {
    let image = noise(61, 47, 3);
    let from = Rectangle { left: 5, top: 9, width: 50, height: 31 };
    for filter in Filter::ALL {
        for size in [(33, 21), (70, 80), (50, 31), (50, 12)] {
            let whole = resize(&image.crop(from), size.0, size.1, *filter);
            let window = Rectangle { left: 4, top: 3, width: 20, height: 8 };
            assert_eq!(resize_part(&image, from, size, window, *filter), whole.crop(window), "{filter} {size:?}");
        }
    }
}

/// An image of one column: its shorter side made 256 long, the other one would be 1.28 billion.
#[test]
fn long_pictures_take_no_more_than_their_window() {
    let image = Image::filled(1, 5_000_000, [9, 8, 7]);
    for filter in [Filter::Bilinear, Filter::Nearest] {
        let cropped = torchvision::resize_and_crop(&image, 256, 224, 224, filter);
        assert!(cropped == Image::filled(224, 224, [9, 8, 7]), "{filter}");
    }
    let padded = torchvision::resize_and_crop(&image, 2, 4, 6, Filter::Bilinear);
    let row = [[0; 3], [9, 8, 7], [9, 8, 7], [0; 3]].concat();
    assert_eq!(padded, Image { width: 4, height: 6, rgb: row.repeat(6) });
    assert!(resize(&image, 224, 224, Filter::Bilinear) == Image::filled(224, 224, [9, 8, 7]));
}

#[test]
fn shorter_sides_are_torchvisions() {
    for Shape { from, size, to } in recorded::<Recorded>("resize.json").shorter_side {
        assert_eq!(shorter_side(from.0, from.1, size), to, "{from:?} at {size}");
    }
}

#[test]
fn presets_are_torchvisions_to_the_last_bit() {
    for case in recorded::<Recorded>("resize.json").presets {
        let image = noise(case.from.0, case.from.1, case.seed);
        let cropped = center_crop(&resize_shorter(&image, case.size, Filter::Bilinear), case.crop, case.crop);
        let at_once = torchvision::resize_and_crop(&image, case.size, case.crop, case.crop, Filter::Bilinear);
        assert_eq!(at_once, cropped);
        let mut tensor = vec![0.0_f32; cropped.rgb.len()];
        Normalize::IMAGENET.apply(&cropped, &mut tensor);
        assert_eq!(&tensor[..30], case.first);
        let bytes: Vec<u8> = tensor.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(crc32fast::hash(&bytes), case.crc32, "{:?}", case.from);
        let mut floats: Vec<f32> = cropped.rgb.iter().map(|value| f32::from(*value)).collect();
        Normalize::IMAGENET.apply_in_place(&mut floats);
        assert_eq!(floats, tensor);
    }
}

#[test]
fn random_crops_are_spread_as_torchvisions() {
    const DRAWS: u64 = 20_000;
    for Crops { from: (width, height), mean, std } in recorded::<Recorded>("resize.json").random_resized_crop {
        let mut sums = [[0.0; 2]; 4];
        for index in 0..DRAWS {
            let mut random = Generator::from_entropy(&[1, 2, index]);
            let part = RandomResizedCrop::default().draw(width, height, &mut random);
            assert!(
                part.left + part.width <= width && part.top + part.height <= height && part.width * part.height > 0
            );
            let numbers = [
                (part.width * part.height) as f64 / (width * height) as f64,
                (part.width as f64 / part.height as f64).ln(),
                part.left as f64 + part.width as f64 / 2.0,
                part.top as f64 + part.height as f64 / 2.0,
            ];
            for (sums, number) in sums.iter_mut().zip(numbers) {
                sums[0] += number;
                sums[1] += number * number;
            }
        }
        for (i, [sum, squares]) in sums.iter().enumerate() {
            let ours = sum / DRAWS as f64;
            let spread = (squares / DRAWS as f64 - ours * ours).sqrt();
            // Five standard errors of the difference of two means of 20 000 draws.
            let error = 5.0 * std[i] * (2.0 / DRAWS as f64).sqrt();
            assert!((ours - mean[i]).abs() < error, "number {i}: mean {ours}, torchvision {}", mean[i]);
            assert!((spread / std[i] - 1.0).abs() < 0.03, "number {i}: std {spread}, torchvision {}", std[i]);
        }
    }
}

#[test]
fn flipping_mirrors_each_row() {
    let mut image = noise(5, 3, 1);
    let before = image.clone();
    image.flip_horizontal();
    assert_eq!(image.row(1)[..3], before.row(1)[12..]);
    image.flip_horizontal();
    assert_eq!(image, before);
}

/// Files of all kinds, as bytes, with what Pillow makes of them.
fn files() -> BTreeMap<String, (Vec<u8>, Value)> {
    let files: BTreeMap<String, Value> = recorded("decode.json");
    files.into_iter().map(|(name, entry)| (name, (base64(entry["file"].as_str().unwrap()), entry))).collect()
}

#[test]
fn files_of_all_kinds_decode_as_pillow_decodes_them() {
    for (name, (file, entry)) in files() {
        let Some(theirs) = entry["rgb"].as_str().filter(|_| name != "float.tiff") else { continue };
        let decoded = decode(&file, MAX_PIXELS).unwrap_or_else(|problem| panic!("{name} {problem}"));
        let size = [decoded.image.width as u64, decoded.image.height as u64];
        assert_eq!(size.map(Value::from), entry["size"].as_array().unwrap()[..], "{name}");
        assert_eq!(decoded.animated, name.starts_with("animated"), "{name}");
        assert_eq!(decoded.turned, name.starts_with("turned"), "{name}");
        if entry["mode"] == "I;16" {
            // Pillow 13 clips 16 bits of gray to 255 instead of taking the upper eight, which loses the image.
            assert_eq!(decoded.image.rgb, noise(17, 13, 7).rgb.chunks(3).flat_map(|p| [p[0]; 3]).collect::<Vec<_>>());
            continue;
        }
        let off = decoded.image.rgb.iter().zip(base64(theirs)).map(|(ours, theirs)| ours.abs_diff(theirs)).max();
        // Decoders of lossy files may round differently; that of plain JPEGs does not.
        let allowed = match name.rsplit_once('.').unwrap().1 {
            "jpg" if jpeg::Headers::read(&file).is_none() => 6,
            "webp" if name.starts_with("lossy") => 6,
            _ => 0,
        };
        assert!(off.unwrap() <= allowed, "{name} is off by {off:?}");
    }
}

/// A small JPEG, and what its pixels come to.
#[derive(Deserialize)]
struct Jpeg {
    file: String,
    crc32: u32,
}

#[test]
fn plain_jpegs_are_pillows_to_the_last_bit() {
    let files = recorded::<BTreeMap<String, Jpeg>>("jpeg.json");
    assert!(files.len() > 70);
    for (name, Jpeg { file, crc32 }) in files {
        let file = base64(&file);
        let headers = jpeg::Headers::read(&file).unwrap_or_else(|| panic!("{name} is plain"));
        let image = jpeg::decode(&headers).unwrap_or_else(|| panic!("{name} is whole"));
        assert_eq!(crc32fast::hash(&image.rgb), crc32, "{name}");
        // Nothing is left of it for the next one, whose planes are as large.
        assert_eq!(jpeg::decode(&headers), Some(image), "{name} again");
        // An end that comes too early is not taken for the image's.
        let cut = [&file[..file.len() - 8], &[0xff, 0xd9]].concat();
        let headers = jpeg::Headers::read(&cut).unwrap_or_else(|| panic!("{name} is plain"));
        assert_eq!(jpeg::decode(&headers), None, "{name} cut");
    }
}

#[track_caller]
fn refused(file: &[u8], words: &str) {
    let problem = decode(file, MAX_PIXELS).unwrap_err().to_string();
    assert!(problem.contains(words), "{problem}");
}

#[test]
fn what_is_no_image_is_refused_with_the_reason() {
    let files = files();
    let file = |name: &str| files[name].0.as_slice();
    refused(file("float.tiff"), "not supported");
    refused(file("bomb.png"), "60000 × 60000 pixels, more than the 89478485 that images.max_pixels allows");
    refused(file("bomb.bmp"), "30000 × 30000 pixels");
    refused(file("zero.ppm"), "no pixels");
    assert!(decode(file("zero.png"), MAX_PIXELS).is_err());
    refused(file("text.png"), "is no PNG, JPEG, BMP, PNM, TIFF, GIF or WebP image: it begins with the bytes 54 68");
    refused(file("empty.jpg"), "the file is empty");
    let error = read("no/such.png".as_ref(), MAX_PIXELS).unwrap_err().to_string();
    assert!(error.starts_with("no/such.png: cannot be read"), "{error}");
    assert!(decode(file("rgb.png"), 17 * 13).is_ok());
    assert!(matches!(decode(file("rgb.png"), 17 * 13 - 1), Err(ImageProblem::TooLarge { .. })));
}

#[test]
fn the_contents_say_what_a_file_is_and_not_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo.png");
    std::fs::write(&path, &files()["rgb.jpg"].0).unwrap();
    assert_eq!(read(&path, MAX_PIXELS).unwrap().image.width, 48);
    std::fs::write(&path, "GIF89a").unwrap();
    let error = read(&path, MAX_PIXELS).unwrap_err().to_string();
    assert!(error.contains("photo.png"), "{error}");
}

#[test]
fn truncated_files_are_refused() {
    for (name, (file, entry)) in files() {
        if entry["rgb"].is_null() || name == "float.tiff" {
            continue;
        }
        for share in [0.3, 0.6, 0.85] {
            let cut = &file[..(file.len() as f64 * share) as usize];
            // A second frame, or what stands behind the pixels, may be missing.
            if name.starts_with("animated") && share > 0.3 || name.ends_with("tiff") && share > 0.6 {
                continue;
            }
            assert!(decode(cut, MAX_PIXELS).is_err(), "{share} of {name} is taken for an image");
        }
    }
    // A JPEG whose thumbnail has an end of its own, which the image lacks.
    let whole = files()["rgb.jpg"].0.clone();
    let mut file = vec![0xff, 0xd8, 0xff, 0xe1, 0, 6, 0xff, 0xd8, 0xff, 0xd9];
    file.extend(&whole[2..whole.len() - 2]);
    refused(&file, "truncated");
    file.extend([0xff, 0xd9]);
    assert!(decode(&file, MAX_PIXELS).is_ok());
}

mod any_bytes {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Files with bytes changed at random are decoded or refused, and nothing else.
        #[test]
        fn never_panic(which in any::<prop::sample::Index>(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
            let files = files();
            let mut file = which.get(&files.values().collect::<Vec<_>>()).0.clone();
            if !file.is_empty() {
                for (at, byte) in changes {
                    let at = at.index(file.len());
                    file[at] = byte;
                }
                let _ = decode(&file, 1_000_000);
            }
        }
    }
}

/// The pipeline that these settings make.
fn pipeline(settings: &str) -> Pipeline {
    let (mut images, mut augment) = (ImagesConfig::default(), AugmentConfig::default());
    cartwheel_agents::config::load(&mut [&mut images, &mut augment], settings, "test.toml").unwrap();
    Pipeline::new(images, augment, None).unwrap()
}

#[test]
fn a_pipeline_does_the_steps_in_order() {
    let image = noise(90, 70, 5);
    let size = "[images]\nwidth = 30\nheight = 20\nshorter_side = 32\n";
    let mut numbers = vec![0.0; 30 * 20 * 3];
    pipeline(size).evaluate(&image, &mut numbers);
    let cropped = center_crop(&resize_shorter(&image, 32, Filter::Bilinear), 30, 20);
    let mut expected = vec![0.0; numbers.len()];
    Normalize::IMAGENET.apply(&cropped, &mut expected);
    assert_eq!(numbers, expected);
    // Training without anything random is the same.
    pipeline(size).train(&image, [1, 2, 3], &mut numbers);
    assert_eq!(numbers, expected);
    // Keras' way: stretched, nearest, rescaled.
    let keras = "resize = \"stretch\"\ninterpolation = \"nearest\"\nnormalize = \"keras\"\n[augment]\nrescale = 0.5";
    let keras = pipeline(&format!("{size}{keras}"));
    keras.evaluate(&image, &mut numbers);
    let stretched = resize(&image, 30, 20, Filter::Nearest);
    let halves: Vec<f32> = stretched.rgb.iter().map(|value| f32::from(*value) * 0.5).collect();
    assert_eq!(numbers, halves);
    keras.train(&image, [1, 2, 3], &mut numbers);
    assert_eq!(numbers, halves);
}

#[test]
fn flips_of_bytes_are_flips_of_numbers() {
    let image = noise(50, 40, 6);
    let flips =
        "[images]\nwidth = 24\nheight = 20\nshorter_side = 24\n[augment]\nhorizontal_flip = true\nvertical_flip = true";
    // A shift of the channels by next to nothing goes the way of the floats.
    let (bytes, floats) = (pipeline(flips), pipeline(&format!("{flips}\nchannel_shift_range = 1e-30")));
    let (mut quick, mut slow) = (vec![0.0; 24 * 20 * 3], vec![0.0; 24 * 20 * 3]);
    let mut seen = Vec::new();
    for index in 0..20 {
        bytes.train(&image, [1, 0, index], &mut quick);
        floats.train(&image, [1, 0, index], &mut slow);
        assert_eq!(quick, slow);
        if !seen.contains(&quick) {
            seen.push(quick.clone());
        }
    }
    assert_eq!(seen.len(), 4);
}

#[test]
fn what_is_random_follows_from_seed_epoch_and_index() {
    let image = noise(60, 60, 7);
    let random = pipeline(
        "[images]\nwidth = 16\nheight = 16\nresize = \"random-resized-crop\"\n[augment]\nrotation_range = 20\nfill_mode = \"wrap\"",
    );
    let sample = |key| {
        let mut numbers = vec![0.0; 16 * 16 * 3];
        random.train(&image, key, &mut numbers);
        numbers
    };
    assert_eq!(sample([1, 2, 3]), sample([1, 2, 3]));
    for other in [[0, 2, 3], [1, 0, 3], [1, 2, 0], [3, 2, 1]] {
        assert_ne!(sample([1, 2, 3]), sample(other));
    }
    // A preview is the same change, before normalizing.
    let preview = random.preview(&image, [1, 2, 3]);
    let mut numbers = vec![0.0; 16 * 16 * 3];
    Normalize::IMAGENET.apply(&preview, &mut numbers);
    let most = numbers.iter().zip(sample([1, 2, 3])).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(most < 0.6 / 255.0 / 0.224, "{most}");
}

/// docs/data.md has tables that are made from the settings; `UPDATE_DOCS=1 cargo test` writes them anew.
#[test]
fn the_reference_in_the_docs_is_up_to_date() {
    let (images, augment) = (ImagesConfig::default(), AugmentConfig::default());
    let reference = cartwheel_agents::config::render_reference(&[&images, &augment]);
    crate::reference_tests::check_reference("data.md", &reference);
}
