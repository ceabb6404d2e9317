//! Against PyTorch's fbgemm: tests/data/quantization/quantization.py.

use serde_json::Value;

use super::*;
use crate::models::resnet::tests::uniform;
use crate::models::{Op, Weighted};
use crate::nn::ops::Window;

fn recorded() -> Value {
    serde_json::from_str(include_str!("../../../tests/data/quantization/quantization.json")).expect("JSON")
}

fn integers(value: &Value) -> Vec<i32> {
    value.as_array().expect("a list").iter().map(|x| x.as_i64().expect("whole") as i32).collect()
}

fn uniform_f32(seed: u64, count: usize, factor: f32) -> Vec<f32> {
    uniform(seed, count).into_iter().map(|x| x as f32 * factor).collect()
}

/// A batch of one of the script's streams.
fn stream(kind: usize, batch: usize) -> Vec<f32> {
    let grown = 1.0 + 0.3 * batch as f64;
    let number = |(at, x): (usize, f64)| match kind {
        0 => x * grown,
        1 => x.max(0.0).powi(3) * grown,
        2 => x.powi(9) * 10.0,
        3 => x + 5.0,
        4 if batch == 0 => 0.5,
        4 => 0.25 * batch as f64,
        5 if at == 7 => 100.0,
        5 => x,
        6 => 0.0,
        _ => -3.0,
    };
    uniform((1000 * kind + batch) as u64, 4000).into_iter().enumerate().map(|of| number(of) as f32).collect()
}

#[test]
fn ranges_are_those_of_pytorchs_histograms() {
    for (kind, expected) in recorded()["observers"].as_array().expect("a list").iter().enumerate() {
        let mut observer = HistogramObserver::default();
        (0..5).for_each(|batch| observer.see(&stream(kind, batch)).expect("finite"));
        let found = Affine::covering(observer.range().expect("seen"), Scheme::Affine);
        let scale = expected["scale"].as_f64().expect("a number");
        let off = (f64::from(found.scale) / scale - 1.0).abs();
        assert!(off <= 1e-6, "stream {kind}: {} for {scale}", found.scale);
        assert_eq!(i64::from(found.zero_point), expected["zero_point"].as_i64().expect("whole"), "stream {kind}");
    }
}

#[test]
fn halves_go_to_the_even_one_and_bounds_hold() {
    let affine = Affine { scale: 0.5, zero_point: 10, bounds: [0, 255] };
    let found: Vec<i32> =
        [0.25, 0.75, -0.25, 1.25, -0.75, 1e9, -1e9, f32::MAX, 122.4].map(|x| affine.quantize(x)).into();
    assert_eq!(found, [10, 12, 10, 12, 8, 255, 0, 255, 255]);
    let mut values = [0.25, 0.8, -9.0, f32::NAN];
    affine.round_trip(&mut values);
    assert!(values[..3] == [0.0, 1.0, -5.0] && values[3].is_nan(), "{values:?}");
    // Each integer stands for a number that becomes it again.
    for scheme in [Scheme::Affine, Scheme::Symmetric] {
        let affine = Affine::covering([-0.7, 3.1], scheme);
        for q in affine.bounds[0]..=affine.bounds[1] {
            assert_eq!(affine.quantize(affine.dequantize(q)), q, "{scheme:?}");
        }
    }
    // After a rectifier both schemes are the same.
    let [affine, symmetric] = [Scheme::Affine, Scheme::Symmetric].map(|scheme| Affine::covering([0.0, 3.1], scheme));
    assert_eq!((affine.scale, affine.zero_point), (symmetric.scale, symmetric.zero_point));
    let weights = ChannelWise::new(&[127.5, -127.5, 2.5, 0.0, 0.0, 0.0], [0.0, 0.0].into_iter());
    // 127.5 goes to 128, which is no int8.
    assert_eq!(weights.values, [127, -128, 2, 0, 0, 0]);
    assert_eq!(weights.scales, [1.0, f32::EPSILON]);
}

/// Ranges of all kinds, those that no histogram of f32 has room for included.
#[test]
fn scales_are_positive_and_zero_points_within_bounds() {
    let mut rng = cartwheel_envs::Generator::new(3);
    let special = [0.0, -0.0, f32::MAX, f32::MIN, f32::MIN_POSITIVE, 1e-45, -1e-45, 1.0, -3.0];
    for round in 0..400 {
        let mut observer = HistogramObserver::default();
        for _ in 0..1 + rng.below(3) {
            let exponent = rng.uniform(-38.0, 38.0);
            let count = [0, 1, 2, 100][rng.below(4) as usize];
            let draw = |_| match rng.below(8) {
                0 => special[rng.below(special.len() as u64) as usize],
                _ => (rng.uniform(-1.0, 1.0) * 10.0_f64.powf(exponent)) as f32,
            };
            let values: Vec<f32> = (0..count).map(draw).collect();
            observer.see(&values).expect("finite");
        }
        let Some(range) = observer.range() else {
            assert_eq!(observer, HistogramObserver::default());
            continue;
        };
        assert!(range[0] <= range[1] && range.iter().all(|x| x.is_finite()), "{round}: {range:?}");
        for scheme in [Scheme::Affine, Scheme::Symmetric] {
            let Affine { scale, zero_point, bounds } = Affine::covering(range, scheme);
            assert!(scale > 0.0 && scale.is_finite(), "{round}: {scale} for {range:?}");
            assert!((bounds[0]..=bounds[1]).contains(&zero_point), "{round}: {zero_point} for {range:?}");
        }
    }
    for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(HistogramObserver::default().see(&[1.0, broken, 2.0]), Err(NotFinite));
    }
}

/// The script's network: a convolution, a rectifier, a linear layer.
fn network() -> Plan {
    let mut weights = uniform_f32(1, 8 * 27, 0.3);
    weights[5 * 27..6 * 27].fill(0.0);
    let mut plan = Plan::new(&[8, 8, 3]);
    let conv = Weighted { shape: vec![8, 3, 3, 3], weights, bias: uniform_f32(2, 8, 0.2) };
    let y = plan.push("conv", &[0], Op::Conv(conv, Window { stride: 1, padding: 0 }), true);
    let pooled = plan.push("pool", &[y], Op::AveragePool, false);
    let fc = Weighted { shape: vec![10, 8], weights: uniform_f32(3, 80, 0.1), bias: uniform_f32(4, 10, 1.0) };
    plan.push("fc", &[pooled], Op::Linear(fc), false);
    plan
}

/// Images of the script, which has them channel by channel, pixel by pixel.
fn pictures(seed: u64, count: usize) -> Vec<f32> {
    let x = uniform_f32(seed, count * 3 * 64, 2.0);
    by_pixel(&x, 3, 64)
}

fn by_pixel<T: Copy>(x: &[T], channels: usize, pixels: usize) -> Vec<T> {
    let of_picture = |picture: &[T]| {
        let pixel = |at: usize| picture.iter().skip(at).step_by(pixels).copied().collect::<Vec<T>>();
        (0..pixels).flat_map(pixel).collect::<Vec<T>>()
    };
    x.chunks_exact(channels * pixels).flat_map(of_picture).collect()
}

#[test]
fn a_convolution_of_integers_is_fbgemms() {
    let mut calibration = Calibration::new(network());
    (0..4).for_each(|batch| calibration.see(pictures(10 + batch, 16)).expect("finite"));
    let quantized = calibration.quantize(Scheme::Affine).expect("measured");
    let of = &recorded()["network"];
    let same_scale = |found: f32, expected: &Value, what: &str| {
        let expected = expected.as_f64().expect("a number");
        assert!((f64::from(found) / expected - 1.0).abs() <= 1e-6, "{what}: {found} for {expected}");
    };
    for (value, what) in [(0, "input"), (1, "output")] {
        let affine = quantized.activation(value).expect("rounded");
        same_scale(affine.scale, &of[what]["scale"], what);
        assert_eq!(i64::from(affine.zero_point), of[what]["zero_point"].as_i64().expect("whole"), "{what}");
    }
    let weights = &quantized.integers(0).expect("weights").weights;
    let expected = of["weight"]["scales"].as_array().expect("a list");
    weights.scales.iter().zip(expected).for_each(|(found, expected)| same_scale(*found, expected, "weights"));
    let whole: Vec<i32> = weights.values.iter().map(|value| i32::from(*value)).collect();
    assert_eq!(whole, integers(&of["weight"]["integers"]));
    // What our simulation rounds to.
    let mut found = [Vec::new(), Vec::new()];
    quantized.plan().run(pictures(20, 4), &mut |value, numbers| {
        let affine = quantized.activation(value).expect("rounded");
        affine.round_trip(numbers);
        if let Some(found) = found.get_mut(value) {
            *found = numbers.iter().map(|x| affine.quantize(*x)).collect();
        }
    });
    let [input, output] = found;
    assert_eq!(input, by_pixel(&integers(&of["input"]["integers"]), 3, 64));
    let expected = by_pixel(&integers(&of["output"]["integers"]), 8, 36);
    assert_eq!(output.len(), expected.len());
    let off: Vec<i32> = output.iter().zip(&expected).map(|(a, b)| (a - b).abs()).filter(|off| *off > 0).collect();
    assert!(off.iter().all(|off| *off == 1) && off.len() * 1000 <= expected.len(), "{} are off", off.len());
    assert!(expected.iter().any(|q| *q > 20));
}

#[test]
fn layers_are_told_of_one_by_one() {
    let mut calibration = Calibration::new(network());
    assert_eq!(calibration.clone().quantize(Scheme::Affine).err(), Some(QuantizationError::NoSamples));
    calibration.see(Vec::new()).expect("nothing is not finite");
    assert_eq!(calibration.clone().quantize(Scheme::Affine).err(), Some(QuantizationError::NoSamples));
    calibration.see(pictures(10, 16)).expect("finite");
    let quantized = calibration.quantize(Scheme::Symmetric).expect("measured");
    let told: Vec<_> =
        quantized.layers().iter().map(|layer| (layer.name.as_str(), layer.weight_bits.is_some())).collect();
    assert_eq!(told, [("input", false), ("conv", true), ("pool", false), ("fc", true)]);
    let [_, conv, _, fc] = quantized.layers() else { panic!("four") };
    // About 6 decibels a bit, less than 2 lost to weights that are no sines.
    assert!(conv.weight_snr_db.is_some_and(|decibels| (38.0..50.0).contains(&decibels)), "{conv:?}");
    assert!(conv.activation.is_some_and(|of| of.zero_point == 0 && of.lowest == 0.0) && fc.activation.is_none());
    // Close to what it was.
    let x = pictures(20, 4);
    let (exact, rounded) = (network().run(x.clone(), &mut |_, _| {}), quantized.logits(x));
    let worst = exact.iter().zip(&rounded).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst > 0.0 && worst < 0.02, "{worst}");
}

#[test]
fn what_is_not_finite_is_named() {
    for (at, name) in [(0, "conv"), (2, "fc")] {
        let mut plan = network();
        plan.layers[at].op.weighted_mut().expect("weights").weights[3] = f32::INFINITY;
        let told = Calibration::new(plan).see(pictures(10, 2)).expect_err("refused");
        assert_eq!(told, QuantizationError::NotFinite { layer: name.into() });
    }
    let mut x = pictures(10, 2);
    x[5] = f32::NAN;
    let told = Calibration::new(network()).see(x).expect_err("refused");
    assert_eq!(told, QuantizationError::NotFinite { layer: "input".into() });
}

/// A channel whose weights are 0 has the smallest scale, by which its bias would be larger than int32 holds.
#[test]
fn the_bias_of_a_channel_without_weights_fits() {
    let mut plan = Plan::new(&[2]);
    let of = Weighted { shape: vec![2, 2], weights: vec![0.0, 0.0, 1.0, -1.0], bias: vec![5e3, 1.0] };
    plan.push("0", &[0], Op::Linear(of), false);
    let mut calibration = Calibration::new(plan);
    calibration.see(vec![1e-3, 2e-3]).expect("finite");
    let quantized = calibration.quantize(Scheme::Affine).expect("measured");
    let Integers { weights, of_input } = quantized.integers(0).expect("weights");
    assert!(5e3 / (weights.scales[0] * of_input.scale) <= 1.1 * LARGEST_BIAS);
    assert_eq!((weights.scales[1], weights.values[2]), (1.0 / 127.5, 127));
}

#[test]
fn f16_has_no_room_for_some_numbers() {
    let mut plan = network();
    assert!(plan.to_onnx_f16(&[]).expect("fits").len() < plan.to_onnx(&[]).len());
    plan.layers[2].op.weighted_mut().expect("weights").bias[1] = -70_000.0;
    let told = plan.to_onnx_f16(&[]).expect_err("refused").to_string();
    assert!(told.contains("fc.bias") && told.contains("-70000"), "{told}");
}
