//! Augmentation against Keras 3.15 (tests/data/images/augment.json, made by augment.py), and the spread of its draws.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::*;
use crate::data::image::tests::{base64, noise, recorded};
use crate::data::image::{CutMix, MixUp, Rectangle, cut_mix, mix_up, one_hot};
use cartwheel_agents::config::Section;

#[derive(Deserialize)]
struct Recorded {
    transforms: Vec<Transformed>,
    standardized: Vec<Standardized>,
    mixes: Vec<Mixed>,
    moments: Vec<Moments>,
}

#[derive(Deserialize)]
struct Transformed {
    seed: u64,
    size: (usize, usize),
    transform: Value,
    results: Map<String, Value>,
}

#[derive(Deserialize)]
struct Standardized {
    options: Map<String, Value>,
    result: String,
    mean: Option<[f32; 3]>,
    std: Option<[f32; 3]>,
}

#[derive(Deserialize)]
struct Mixed {
    lambda: f64,
    #[serde(rename = "box")]
    pasted: Option<[usize; 4]>,
    inputs: String,
    shares: Vec<f32>,
}

#[derive(Deserialize)]
struct Moments {
    alpha: f64,
    mix_up: [f64; 2],
    cut_mix: [f64; 2],
}

fn floats(text: &str) -> Vec<f32> {
    base64(text).as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

fn augmenter(settings: &str) -> Augmenter {
    let mut config = AugmentConfig::default();
    cartwheel_agents::config::load(&mut [&mut config], &format!("[augment]\n{settings}"), "test.toml").unwrap();
    Augmenter::new(config, None).unwrap()
}

fn transform_of(value: &Value) -> Transform {
    let number = |key: &str| value[key].as_f64().unwrap();
    Transform {
        theta: number("theta"),
        tx: number("tx"),
        ty: number("ty"),
        shear: number("shear"),
        zx: number("zx"),
        zy: number("zy"),
        flip_horizontal: value["flip_horizontal"].as_bool().unwrap(),
        flip_vertical: value["flip_vertical"].as_bool().unwrap(),
        channel_shift_intensity: value["channel_shift_intensity"].as_f64(),
        brightness: value["brightness"].as_f64(),
    }
}

/// The values, and how many of them are off and by how much at most.
fn off(ours: &[f32], theirs: &[f32]) -> (usize, f32) {
    assert_eq!(ours.len(), theirs.len());
    let differences = ours.iter().zip(theirs).map(|(ours, theirs)| (ours - theirs).abs());
    let count = differences.clone().filter(|difference| *difference != 0.0).count();
    (count, differences.fold(0.0, f32::max))
}

#[test]
fn transforms_are_those_of_keras() {
    let (mut values, mut different) = (0, 0);
    for case in recorded::<Recorded>("augment.json").transforms {
        let (width, height) = case.size;
        let image = noise(width, height, case.seed);
        let transform = transform_of(&case.transform);
        for (way, theirs) in &case.results {
            let (fill, order) = way.split_once(' ').unwrap();
            let settings = format!("fill_mode = \"{fill}\"\ncval = 17.5\ninterpolation_order = {order}\ncompat = ");
            let theirs = floats(theirs.as_str().unwrap());
            for compat in ["\"fixed\"", "\"keras3\""] {
                if compat == "\"fixed\"" && width != height {
                    continue;
                }
                let mut ours = vec![f32::NAN; theirs.len()];
                augmenter(&format!("{settings}{compat}")).apply(&image, &transform, &mut ours);
                let (count, most) = off(&ours, &theirs);
                assert!(most <= 1e-4, "{way} of {:?}: off by {most}; {transform:?}", case.size);
                values += ours.len();
                different += count;
            }
        }
    }
    assert!(values > 60_000);
    assert_eq!(different, 0, "values of {values} that differ in a bit");
}

#[test]
fn an_image_that_is_not_square_turns_about_its_middle() {
    let mut image = Image::filled(41, 21, [0; 3]);
    image.rgb[(10 * 41 + 20) * 3..][..3].fill(255);
    let turned = |compat: &str| {
        let mut values = vec![0.0; image.rgb.len()];
        let transform = Transform { theta: 10.0, ..Transform::default() };
        augmenter(&format!("compat = \"{compat}\"")).apply(&image, &transform, &mut values);
        values[(10 * 41 + 20) * 3]
    };
    assert_eq!(turned("fixed"), 255.0);
    assert_eq!(turned("keras3"), 0.0);
}

#[test]
fn shifts_move_along_their_own_axis() {
    let image = noise(9, 6, 4);
    let still = |transform: Transform| {
        let mut values = vec![0.0; image.rgb.len()];
        augmenter("").apply(&image, &transform, &mut values);
        values
    };
    let moved = still(Transform { tx: 2.0, ..Transform::default() });
    assert_eq!(moved[..9], image.row(0)[6..15].iter().map(|value| f32::from(*value)).collect::<Vec<_>>());
    let moved = still(Transform { ty: 2.0, ..Transform::default() });
    assert_eq!(moved[..27], image.row(2).iter().map(|value| f32::from(*value)).collect::<Vec<_>>());
    let draw =
        |settings: &str| augmenter(settings).draw(1000, 10, &mut Generator::from_entropy(&[1])).tx.abs().max(1e-9);
    assert!(draw("width_shift_range = 0.5") > 5.0);
    assert!(draw("height_shift_range = 0.5") < 1e-6);
    assert!(draw("height_shift_range = 0.5\ncompat = \"keras3\"") > 1e-6);
}

#[test]
fn standardizing_is_that_of_keras() {
    for case in recorded::<Recorded>("augment.json").standardized {
        let mut config = AugmentConfig::default();
        for (key, value) in &case.options {
            let value = match value {
                Value::Bool(on) => (*on).into(),
                number => number.as_f64().unwrap().into(),
            };
            config.set(key, &value).unwrap();
        }
        let mut counted = StatisticsOf::default();
        for i in 0..5 {
            let mut one = StatisticsOf::default();
            one.add(noise(8, 6, 70 + i).rgb.as_chunks().0.iter().map(|pixel| pixel.map(f64::from)));
            counted.merge(&one);
        }
        let statistics = counted.finish(config.rescale.unwrap_or(1.0)).unwrap();
        for (ours, theirs) in [(statistics.mean, case.mean), (statistics.std, case.std)] {
            if let Some(theirs) = theirs {
                assert!(ours.iter().zip(theirs).all(|(ours, theirs)| (ours / theirs - 1.0).abs() < 2e-6));
            }
        }
        assert_eq!(Augmenter::new(config.clone(), None).is_err(), case.mean.is_some());
        let mut values: Vec<f32> = noise(8, 6, 72).rgb.iter().map(|value| f32::from(*value)).collect();
        let range = if config.rescale.is_some() { 1.0 } else { 255.0 };
        Augmenter::new(config, Some(statistics)).unwrap().standardize(&mut values);
        let (_, most) = off(&values, &floats(&case.result));
        assert!(most < 4e-6 * range, "{:?}: off by {most}", case.options);
    }
    assert_eq!(StatisticsOf::default().finish(1.0), None);
}

#[test]
fn mixing_is_that_of_torchvision() {
    for case in recorded::<Recorded>("augment.json").mixes {
        let mut inputs: Vec<f32> =
            (0..4).flat_map(|i| noise(7, 5, 80 + i).rgb).map(|value| f32::from(value) / 255.0).collect();
        let mut shares = one_hot(&[2, 0, 1, 1], 3);
        match case.pasted {
            None => mix_up(&mut inputs, &mut shares, 4, MixUp { lambda: case.lambda }),
            Some([left, top, right, bottom]) => {
                let part = Rectangle { left, top, width: right - left, height: bottom - top };
                cut_mix(&mut inputs, &mut shares, 4, [5, 7], &CutMix { part, lambda: case.lambda });
            }
        }
        let (_, most) = off(&inputs, &floats(&case.inputs));
        assert!(most <= 6e-8, "off by {most}");
        assert_eq!(shares, case.shares);
    }
}

#[test]
fn grey_pictures_are_pasted_in_their_place() {
    let mut inputs: Vec<f32> = (0..12_u8).map(f32::from).collect();
    let mut shares = one_hot(&[0, 1], 2);
    let part = Rectangle { left: 1, top: 0, width: 2, height: 1 };
    cut_mix(&mut inputs, &mut shares, 2, [2, 3], &CutMix { part, lambda: 0.75 });
    assert_eq!(inputs, [0.0, 7.0, 8.0, 3.0, 4.0, 5.0, 6.0, 1.0, 2.0, 9.0, 10.0, 11.0]);
    assert_eq!(shares, [0.75, 0.25, 0.25, 0.75]);
}

#[test]
fn mixing_is_spread_as_torchvisions() {
    const DRAWS: u64 = 20_000;
    for Moments { alpha, mix_up, cut_mix } in recorded::<Recorded>("augment.json").moments {
        let random = |index| Generator::from_entropy(&[3, index]);
        let shares = |draw: &dyn Fn(u64) -> f64| -> [f64; 2] {
            let all: Vec<f64> = (0..DRAWS).map(draw).collect();
            let (mean, std) = crate::statistics::mean_std(&all);
            [mean, std]
        };
        let ours = shares(&|index| MixUp::draw(alpha, &mut random(index)).lambda);
        let pasted = shares(&|index| CutMix::draw(alpha, 80, 50, &mut random(index)).lambda);
        for (ours, theirs) in [(ours, mix_up), (pasted, cut_mix)] {
            assert!((ours[0] - theirs[0]).abs() < 5.0 * theirs[1] * (2.0 / DRAWS as f64).sqrt(), "{ours:?} {theirs:?}");
            assert!((ours[1] / theirs[1] - 1.0).abs() < 0.03, "{ours:?} {theirs:?}");
        }
    }
}

/// Asserts that `numbers` are spread evenly from `low` to `high`: Kolmogorov and Smirnov's test at p = 0.001.
#[track_caller]
fn assert_even(mut numbers: Vec<f64>, low: f64, high: f64) {
    numbers.sort_by(f64::total_cmp);
    let count = numbers.len() as f64;
    let distance = numbers.iter().enumerate().fold(0.0_f64, |worst, (i, number)| {
        let share = (number - low) / (high - low);
        worst.max((share - i as f64 / count).abs()).max((share - (i as f64 + 1.0) / count).abs())
    });
    assert!(distance < 1.95 / count.sqrt(), "distance {distance} of {count} from {low} to {high}");
}

#[test]
fn draws_are_spread_as_those_of_keras() {
    let settings = "rotation_range = 30\nwidth_shift_range = 0.25\nheight_shift_range = 3.0\nshear_range = 5\n\
        zoom_range = [0.5, 1.25]\nhorizontal_flip = true\nchannel_shift_range = 20\nbrightness_range = [0.5, 2.0]";
    let augmenter = augmenter(settings);
    let draws: Vec<Transform> =
        (0..10_000).map(|index| augmenter.draw(200, 100, &mut Generator::from_entropy(&[7, 0, index]))).collect();
    let all = |number: fn(&Transform) -> f64| draws.iter().map(number).collect::<Vec<_>>();
    assert_even(all(|t| t.theta), -30.0, 30.0);
    assert_even(all(|t| t.tx), -50.0, 50.0);
    assert_even(all(|t| t.ty), -3.0, 3.0);
    assert_even(all(|t| t.shear), -5.0, 5.0);
    assert_even(all(|t| t.zx), 0.5, 1.25);
    assert_even(all(|t| t.zy), 0.5, 1.25);
    assert_even(all(|t| t.channel_shift_intensity.unwrap()), -20.0, 20.0);
    assert_even(all(|t| t.brightness.unwrap()), 0.5, 2.0);
    let flipped = draws.iter().filter(|t| t.flip_horizontal).count();
    assert!((4800..5200).contains(&flipped), "{flipped} of 10000");
    assert!(draws.iter().all(|t| !t.flip_vertical));
    // The axes are drawn by themselves.
    assert!(draws.iter().any(|t| (t.zx - t.zy).abs() > 0.5));
}

#[test]
fn shifts_have_the_forms_of_keras() {
    let draws = |settings: &str| -> Vec<f64> {
        let augmenter = augmenter(settings);
        let mut moves: Vec<f64> =
            (0..2000).map(|index| augmenter.draw(200, 100, &mut Generator::from_entropy(&[index])).tx).collect();
        moves.sort_by(f64::total_cmp);
        moves.dedup();
        moves
    };
    assert_eq!(draws("width_shift_range = 3"), [-2.0, -1.0, 0.0, 1.0, 2.0]);
    assert_eq!(draws("width_shift_range = [0.25, 0.5]"), [-100.0, -50.0, 50.0, 100.0]);
    assert_eq!(draws("width_shift_range = [0.5, 4]"), [-4.0, -0.5, 0.5, 4.0]);
    assert_eq!(draws("width_shift_range = 0"), [0.0]);
    assert!(draws("width_shift_range = 2.5").last().unwrap() > &2.0);
}

#[test]
fn settings_are_read_and_checked() {
    assert!(AugmentConfig::default().leaves_alone());
    let mut config = AugmentConfig::default();
    let mut set = |key: &str, value: &str| config.set(key, &value.parse().unwrap());
    for (key, value) in [
        ("width_shift_range", "-0.1"),
        ("width_shift_range", "[]"),
        ("width_shift_range", "\"far\""),
        ("zoom_range", "1.0"),
        ("zoom_range", "[2.0, 1.0]"),
        ("zoom_range", "[1.0]"),
        ("brightness_range", "[0.5]"),
        ("brightness_range", "[2.0, 0.5]"),
        ("fill_mode", "\"mirror\""),
        ("interpolation_order", "3"),
    ] {
        assert!(set(key, value).is_err(), "{key} = {value}");
    }
    for (key, value) in [("width_shift_range", "[1, 2]"), ("zoom_range", "0.2"), ("brightness_range", "[0.5, 1]")] {
        set(key, value).unwrap();
    }
    assert!(!config.leaves_alone());
    assert_eq!(config.zoom_range, ZoomRange([0.8, 1.2]));
    for key in ["width_shift_range", "zoom_range", "height_shift_range"] {
        let written = config.get(key).unwrap();
        let mut again = config.clone();
        again.set(key, &written).unwrap();
        assert_eq!(again, config, "{key}");
    }
}
