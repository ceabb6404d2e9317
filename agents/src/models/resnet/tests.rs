//! Against torchvision: tests/data/resnet/resnet.py.

use std::collections::HashMap;

use cartwheel_envs::Generator;
use serde_json::Value;

use super::*;
use crate::models::{Classifier as _, Pass, Ranks};
use crate::nn::Gradients;
use crate::nn::ops::Targets;
use crate::nn::optim::{Decay, Rule, Solver};

fn recorded() -> Value {
    serde_json::from_str(include_str!("../../../../tests/data/resnet/resnet.json")).expect("JSON")
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().filter_map(Value::as_f64).collect()
}

/// SplitMix64, from -1 to 1.
pub(crate) fn uniform(seed: u64, count: usize) -> Vec<f64> {
    let draw = |k: u64| {
        let z = seed.wrapping_add((k + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        2.0 * ((z ^ (z >> 31)) >> 11) as f64 * 2.0_f64.powi(-53) - 1.0
    };
    (0..count as u64).map(draw).collect()
}

/// The network of a case with weights of `seed`, and its images: images × channels × rows × columns in the file.
pub(crate) fn case<E: Real>(case: &Value, classes: usize, seed: u64) -> (ResNet<E>, Vec<E>) {
    let name = case["model"].as_str().expect("a name");
    let shape: Vec<usize> = numbers(&case["shape"]).iter().map(|x| *x as usize).collect();
    let config = ResNetConfig::named(name, shape[1], classes).expect("a network");
    let mut model = ResNet::<E>::new(config, [shape[2], shape[3]], &mut Generator::new(0));
    fill(model.parameters_mut(), seed);
    let pictures = uniform(seed + 1, shape.iter().product()).into_iter().map(E::of).collect();
    (model, pictures)
}

/// Draws all that is no count.
pub(crate) fn fill<E: Real>(parameters: &mut Parameters<E>, seed: u64) {
    let drawn = |name: &str| !name.ends_with("num_batches_tracked");
    let own = |parameter: &&mut crate::nn::Parameter<E>| drawn(parameter.name());
    let all = uniform(seed, parameters.iter().filter(|p| drawn(p.name())).map(|p| p.values().len()).sum());
    let mut rest = all.as_slice();
    for parameter in parameters.iter_mut().filter(own) {
        let (name, shape) = (parameter.name().to_owned(), parameter.shape().to_vec());
        let (numbers, after) = rest.split_at(parameter.values().len());
        rest = after;
        let bound = (6.0 / shape[1..].iter().product::<usize>() as f64).sqrt();
        for (value, u) in parameter.values_mut().iter_mut().zip(numbers) {
            *value = E::of(match &name {
                name if name.ends_with("running_var") => 1.0 + 0.5 * u,
                _ if shape.len() > 1 => u * bound,
                name if name.ends_with("weight") => 0.5 + 0.1 * u,
                _ => 0.1 * u,
            });
        }
    }
}

/// Layers of each kind that are products of two.
pub(super) fn low_ranks() -> Ranks {
    let ranks = [("conv1", 3), ("layer1.0.conv2", 2), ("layer2.0.downsample.0", 2), ("fc", 4)];
    ranks.map(|(name, rank)| (name.to_owned(), rank)).into()
}

/// What it is in use and learns is what the network is and learns whose layers are the products, multiplied out.
#[test]
fn a_product_of_two_is_the_layer_that_it_multiplies_to() {
    for name in ["resnet8", "resnet50"] {
        let mut config = ResNetConfig::named(name, 3, 5).expect("a network");
        config.width = 4;
        config.layers.iter_mut().for_each(|blocks| *blocks = (*blocks).min(2));
        let ranks = low_ranks();
        let mut dense = ResNet::<f64>::new(config.clone(), [33, 35], &mut Generator::new(0));
        config.ranks.clone_from(&ranks);
        let mut low = ResNet::<f64>::new(config, [33, 35], &mut Generator::new(1));
        fill(low.parameters_mut(), 3);
        for parameter in dense.parameters_mut().iter_mut() {
            let (layer, what) = parameter.name().rsplit_once('.').expect("a layer");
            let of = |name: String| low.parameters().named(&name).expect("it is there").values().to_vec();
            let values = match (ranks.get(layer), what) {
                (None, _) => of(parameter.name().to_owned()),
                (Some(_), "bias") => of(format!("{layer}.1.bias")),
                (Some(rank), _) => {
                    let [first, second] = [0, 1].map(|part| of(format!("{layer}.{part}.weight")));
                    let (rows, columns) = (parameter.shape()[0], parameter.len() / parameter.shape()[0]);
                    let mut whole = vec![0.0; rows * columns];
                    let second = crate::nn::Matrix::new(&second, rows, *rank);
                    crate::nn::product(second, crate::nn::Matrix::new(&first, *rank, columns), &mut whole, false);
                    whole
                }
            };
            parameter.values_mut().copy_from_slice(&values);
        }
        let x = uniform(7, 3 * 33 * 35 * 3);
        let close = |what: &str, got: &[f64], expected: &[f64]| {
            let worst = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(got.len() == expected.len() && worst < 1e-9, "{name}: {what} is {worst} off");
        };
        close("use", &low.logits_of(x.clone()), &dense.logits_of(x.clone()));
        let learn = |model: &mut ResNet<f64>| {
            let mut gradients = Gradients::new(model.parameters());
            let pass = model.forward_here(x.clone()).expect("works").learn(
                &mut gradients,
                Targets::Classes(&[1, 4, 0]),
                0.1,
                3.0,
            );
            let norms: Vec<f64> = ["bn1.weight", "layer1.0.bn2.bias", "layer2.0.conv1.weight"]
                .iter()
                .flat_map(|name| gradients.of(model.parameters().named(name).expect("there")).expect("memory").to_vec())
                .collect();
            (pass.expect("works"), norms)
        };
        let ((got, grads), (expected, expected_grads)) = (learn(&mut low), learn(&mut dense));
        close("learning", &got.logits, &expected.logits);
        close("a gradient", &grads, &expected_grads);
    }
}

#[test]
fn parameters_are_as_many_as_torchvisions_and_have_its_names() {
    let known =
        [("resnet18", 11_689_512), ("resnet34", 21_797_672), ("resnet50", 25_557_032), ("resnet101", 44_549_160)];
    for (name, count) in known {
        let config = ResNetConfig::named(name, 3, 1000).expect("a network");
        let model = ResNet::<f32>::new(config.clone(), [224, 224], &mut Generator::new(0));
        let cost = model.layers_cost();
        assert_eq!((model.parameters().count(), cost.parameters, cost.bytes), (count, count as u64, 4 * count as u64));
        let shapes: HashMap<String, Vec<usize>> =
            model.parameters().iter().map(|p| (p.name().to_owned(), p.shape().to_vec())).collect();
        assert_eq!(ResNetConfig::of_tensors(&shapes), Some(config));
    }
    // torchvision says 4.089 G multiplications of ResNet-50 (`_ops`).
    let config = ResNetConfig::named("resnet50", 3, 1000).expect("a network");
    let model = ResNet::<f32>::new(config, [224, 224], &mut Generator::new(0));
    let products: u64 = model
        .layers_cost()
        .layers
        .iter()
        .filter(|layer| layer.kind != "BatchNorm2d")
        .map(|layer| layer.flops / 2)
        .sum();
    assert_eq!(products / 1_000_000, 4089);
    let names: Vec<_> = model.parameters().iter().take(7).map(|p| p.name().to_owned()).collect();
    assert_eq!(names[1..5], ["bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"]);
    assert_eq!((names[0].as_str(), names[5].as_str()), ("conv1.weight", "bn1.num_batches_tracked"));
    assert!(model.parameters().named("layer4.2.conv3.weight").is_some());
    assert!(model.parameters().named("layer1.0.downsample.1.running_var").is_some());
    assert_eq!(ResNetConfig::named("resnet9", 3, 10), None);
}

#[test]
fn weights_begin_as_kaimings() {
    let config = ResNetConfig::named("resnet8", 1, 10).expect("a network");
    let model = ResNet::<f64>::new(config, [8, 8], &mut Generator::new(1));
    let of = |name: &str| model.parameters().named(name).expect("it is there").values();
    let weights = of("layer3.0.conv2.weight");
    let square = weights.iter().map(|x| x * x).sum::<f64>() / weights.len() as f64;
    assert!((square - 2.0 / (64.0 * 9.0)).abs() < 1e-4, "{square}");
    assert!(of("bn1.weight").iter().all(|x| *x == 1.0) && of("bn1.bias").iter().all(|x| *x == 0.0));
    assert!(of("fc.weight").iter().all(|x| x.abs() <= 0.125));
}

#[test]
fn logits_are_torchvisions() {
    for case in recorded()["logits"].as_array().expect("a list") {
        let (model, pictures) = self::case::<f32>(case, 1000, 1);
        let expected = numbers(&case["logits"]);
        let got = model.logits(pictures).expect("the processor works");
        let worst = got.iter().zip(&expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
        assert!(got.len() == expected.len() && worst < 1e-4, "{}: {worst}", case["model"]);
    }
}

/// Holds a tensor to its norm and eight of its numbers.
#[track_caller]
pub(crate) fn is_sample(name: &str, values: &[f64], expected: &Value, within: f64) {
    let norm = expected["norm"].as_f64().expect("a number");
    let own = values.iter().map(|x| x * x).sum::<f64>().sqrt();
    assert!((own - norm).abs() <= within * norm, "{name}: the norm is {own}, {norm} expected");
    for (i, expected) in numbers(&expected["values"]).into_iter().enumerate() {
        let got = values[values.len() * i / 8];
        assert!((got - expected).abs() <= within * norm, "{name}: {got} is not {expected}");
    }
}

#[test]
fn gradients_of_all_layers_are_torchs_in_64_bits() {
    for case in recorded()["gradients"].as_array().expect("a list") {
        let classes = case["classes"].as_u64().expect("a number") as usize;
        let (mut model, pictures) = self::case::<f64>(case, classes, 3);
        let labels: Vec<u32> = numbers(&case["labels"]).iter().map(|x| *x as u32).collect();
        let mut gradients = Gradients::new(model.parameters());
        let targets = Targets::Classes(&labels);
        let Pass { loss, .. } = model
            .forward_here(pictures)
            .expect("works")
            .learn(&mut gradients, targets, 0.1, labels.len() as f64)
            .expect("the processor works");
        let expected = case["loss"].as_f64().expect("a number");
        assert!((loss - expected).abs() < 1e-12 * expected.abs().max(1.0), "{loss} is not {expected}");
        for (name, expected) in case["gradients"].as_object().expect("an object") {
            let parameter = model.parameters().named(name).expect("the same names");
            is_sample(name, gradients.of(parameter).expect("memory"), expected, 1e-9);
        }
        for (name, expected) in case["running"].as_object().expect("an object") {
            is_sample(name, model.parameters().named(name).expect("the same names").values(), expected, 1e-12);
        }
    }
}

#[test]
fn five_steps_are_torchs() {
    for case in recorded()["steps"].as_array().expect("a list") {
        match case["bits"].as_u64() {
            Some(32) => five_steps::<f32>(case, 1e-3, 2e-2),
            _ => five_steps::<f64>(case, 1e-3, 1e-2),
        }
    }
}

fn five_steps<E: Real>(case: &Value, within: f64, statistics_within: f64) {
    let (mut model, pictures) = self::case::<E>(case, 10, 5);
    let labels: Vec<u32> = numbers(&case["labels"]).iter().map(|x| *x as u32).collect();
    let rule = Rule::Sgd { momentum: 0.9, nesterov: false };
    let mut solver = Solver::new(rule, Decay::L2, 1e-4, true, model.parameters());
    let mut gradients = Gradients::new(model.parameters());
    for (step, expected) in numbers(&case["losses"]).into_iter().enumerate() {
        gradients.zero(model.parameters()).expect("memory");
        let (targets, count) = (Targets::Classes(&labels), labels.len() as f64);
        let learnt = model.forward_here(pictures.clone()).expect("works").learn(&mut gradients, targets, 0.0, count);
        let loss = learnt.expect("the processor works").loss.wide();
        let rate = case["learning_rate"].as_f64().expect("a number");
        solver.step(model.parameters_mut(), &mut gradients, rate).expect("memory");
        assert!((loss - expected).abs() < within * expected, "{}, {step}: {loss} {expected}", case["model"]);
    }
    for (name, expected) in case["after"].as_object().expect("an object") {
        let values = model.parameters().named(name).expect("the same names").values();
        let values: Vec<f64> = values.iter().map(|x| x.wide()).collect();
        if name.ends_with("num_batches_tracked") {
            assert_eq!(values, [5.0]);
        } else {
            is_sample(name, &values, expected, statistics_within);
        }
    }
}

/// Frozen layers are the same to the last bit, running statistics too, and do in training what they do in use; the others learn.
#[test]
fn frozen_layers_stay_as_they_are() {
    let config = ResNetConfig::named("resnet8", 3, 3).expect("a network");
    let mut first = ResNet::<f64>::new(config, [9, 7], &mut Generator::new(1));
    fill(first.parameters_mut(), 3);
    let (x, targets) = (uniform(7, 2 * 9 * 7 * 3), Targets::Classes(&[0, 2]));
    let body = ["conv1", "bn1", "layer1", "layer2", "layer3"];
    for layers in [&body[..3], &body[3..], &body[..], &["layer2.0.bn1"]] {
        let mut model = first.clone();
        assert!(layers.iter().all(|layer| model.parameters_mut().freeze(layer) > 0));
        let rule = Rule::Sgd { momentum: 0.9, nesterov: false };
        let mut solver = Solver::new(rule, Decay::L2, 1e-4, true, model.parameters());
        let mut gradients = Gradients::new(model.parameters());
        let learnt =
            model.forward_here(x.clone()).expect("works").learn(&mut gradients, targets, 0.0, 2.0).expect("works");
        if layers.len() == body.len() {
            let worst =
                learnt.logits.iter().zip(first.logits_of(x.clone())).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(worst < 1e-12, "{worst}");
        }
        solver.step(model.parameters_mut(), &mut gradients, 0.1).expect("memory");
        for (before, after) in first.parameters().iter().zip(model.parameters().iter()) {
            let is_frozen = layers.iter().any(|layer| after.name().starts_with(&format!("{layer}.")));
            assert_eq!(before.values() == after.values(), is_frozen, "{} beside frozen {layers:?}", after.name());
        }
    }
}

/// What lies before frozen layers learns through them.
#[test]
fn gradients_pass_through_frozen_layers() {
    let config = ResNetConfig::named("resnet8", 3, 3).expect("a network");
    let mut model = ResNet::<f64>::new(config, [9, 7], &mut Generator::new(1));
    fill(model.parameters_mut(), 3);
    let (x, targets) = (uniform(7, 2 * 9 * 7 * 3), Targets::Classes(&[0, 2]));
    for layer in ["layer1", "layer2", "layer3"] {
        model.parameters_mut().freeze(layer);
    }
    let mut gradients = Gradients::new(model.parameters());
    let loss = |moved: f64, gradients: &mut Gradients<f64>| {
        let mut model = model.clone();
        let stem = model.layout.stem.convs[0].weight;
        model.parameters_mut().get_mut(stem).values_mut()[5] += moved;
        model.forward_here(x.clone()).expect("works").learn(gradients, targets, 0.0, 2.0).expect("works").loss
    };
    loss(0.0, &mut gradients);
    let got = gradients.of(model.parameters().get(model.layout.stem.convs[0].weight)).expect("memory")[5];
    let mut others = Gradients::new(model.parameters());
    let expected = (loss(1e-6, &mut others) - loss(-1e-6, &mut others)) / 2e-6;
    assert!(expected != 0.0 && (got - expected).abs() < 1e-5 * expected.abs(), "{got} {expected}");
}

#[test]
fn the_layer_that_is_not_finite_is_named() {
    let config = ResNetConfig::named("resnet8", 1, 3).expect("a network");
    let mut model = ResNet::<f32>::new(config, [8, 8], &mut Generator::new(2));
    let x: Vec<f32> = uniform(1, 128).iter().map(|x| *x as f32).collect();
    assert_eq!(model.not_finite(x.clone()).expect("works").1, None);
    assert_eq!(model.not_finite(vec![f32::NAN; 64]).expect("works").1.as_deref(), Some("the input"));
    let weight = model.layout.blocks[1].units[1].convs[0].weight;
    model.parameters_mut().get_mut(weight).values_mut()[0] = f32::NAN;
    assert_eq!(model.not_finite(x).expect("works").1.as_deref(), Some("layer2.0.conv2"));
}

/// A file is torchvision's, tensor for tensor, and reads back; the weights for use are made anew when others are loaded.
#[test]
fn files_hold_counts_as_whole_numbers_and_read_back() {
    let config = ResNetConfig::named("resnet8", 1, 3).expect("a network");
    let [mut first, mut second] =
        [1, 2].map(|seed| ResNet::<f32>::new(config.clone(), [8, 8], &mut Generator::new(seed)));
    let x: Vec<f32> = uniform(1, 128).iter().map(|x| *x as f32).collect();
    let mut gradients = Gradients::new(first.parameters());
    first.forward(x.clone()).expect("works").learn(&mut gradients, Targets::Classes(&[0, 2]), 0.0, 2.0).expect("works");
    let bytes = first.parameters().to_safetensors(HashMap::new());
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("a file");
    let count = file.tensor("layer1.0.bn2.num_batches_tracked").expect("it is there");
    assert_eq!(
        (count.dtype(), count.shape(), count.data()),
        (safetensors::Dtype::I64, &[][..], &1_i64.to_le_bytes()[..])
    );
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.safetensors");
    std::fs::write(&path, &bytes).expect("a file");
    let before = second.logits(x.clone()).expect("works");
    second.parameters_mut().load_safetensors(&path).expect("the same network");
    let after = second.logits(x.clone()).expect("works");
    assert!(before != after && after == first.logits(x).expect("works"));
    assert_eq!(second.parameters().named("bn1.num_batches_tracked").expect("it is there").values(), [1.0]);
}
