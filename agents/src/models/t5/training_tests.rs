//! Losses and gradients against those that transformers recorded: tests/data/t5/train.py.

use std::path::{Path, PathBuf};

use cartwheel_envs::Generator;
use serde_json::Value;

use super::*;
use crate::nn::ops::IGNORED;
use crate::nn::{Gradients, Parameters, Real};

fn folder(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/t5").join(kind)
}

pub(super) fn recorded(kind: &str) -> Value {
    let text = std::fs::read_to_string(folder(kind).join("training.json")).expect("a recording");
    serde_json::from_str(&text).expect("JSON")
}

/// The recorded model in numbers of type `E`.
pub(super) fn network<E: Real>(kind: &str) -> T5Network<E> {
    let network = T5Network::load(&folder(kind)).expect("a model");
    let mut parameters = Parameters::<E>::default();
    for parameter in network.parameters().iter() {
        let values = parameter.values().iter().map(|x| E::of(f64::from(*x))).collect();
        parameters.add(parameter.name(), parameter.shape(), values);
    }
    T5Network::of(network.config().clone(), parameters).expect("the same parameters")
}

pub(super) fn pairs(recorded: &Value) -> Vec<TokenPair> {
    let rows = |name: &str| serde_json::from_value::<Vec<Vec<i64>>>(recorded[name].clone()).expect("tokens");
    let token = |token: &i64| u32::try_from(*token).unwrap_or(IGNORED);
    let of = |(source, target): (Vec<i64>, Vec<i64>)| TokenPair {
        source: source.iter().map(token).collect(),
        target: target.iter().map(token).collect(),
    };
    rows("sources").into_iter().zip(rows("labels")).map(of).collect()
}

/// How far loss and gradients are off, relative to the largest number of each tensor.
fn furthest<E: Real>(kind: &str) -> f64 {
    let (network, recorded) = (network::<E>(kind), recorded(kind));
    let pairs = pairs(&recorded);
    let pairs: Vec<&TokenPair> = pairs.iter().collect();
    let counted = pairs.iter().map(|pair| pair.counted()).sum::<usize>();
    let mut worst = 0.0_f64;
    for case in recorded["cases"].as_array().expect("cases") {
        let label_smoothing = case["label_smoothing"].as_f64().expect("a number");
        let lesson = Lesson { label_smoothing, divisor: counted as f64, dropout: None };
        let mut gradients = Gradients::new(network.parameters());
        let learnt = network.learn(&pairs, &lesson, &mut gradients).expect("the processor works");
        let judged = network.judge(&pairs).expect("the processor works");
        let plain = judged.iter().map(|judged| judged.loss).sum::<f64>();
        let exact = judged.iter().filter(|judged| judged.exact).count();
        assert_eq!((learnt.tokens, learnt.exact), (counted, exact));
        let expected = recorded["loss"].as_f64().expect("a number");
        worst = worst.max((plain / counted as f64 - expected).abs() / expected);
        if label_smoothing == 0.0 {
            worst = worst.max((learnt.loss / plain - 1.0).abs());
        }
        let expected = case["gradients"].as_object().expect("gradients by name");
        assert_eq!(expected.len(), network.parameters().iter().count(), "{kind}");
        for parameter in network.parameters().iter() {
            let expected: Vec<f64> = serde_json::from_value(expected[parameter.name()].clone()).expect("numbers");
            let got = gradients.of(parameter).expect("memory");
            assert_eq!(got.len().div_ceil(EVERY), expected.len(), "{}", parameter.name());
            let got: Vec<f64> = got.iter().step_by(EVERY).map(|x| x.wide()).collect();
            worst = worst.max(furthest_apart(&got, &expected));
        }
    }
    worst
}

/// How far two tensors are apart, relative to the largest number of the second; infinitely where a number is none.
pub(super) fn furthest_apart<E: Real>(got: &[E], expected: &[E]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let largest = expected.iter().fold(1e-300_f64, |largest, x| largest.max(x.wide().abs()));
    let apart = got.iter().zip(expected).map(|(got, expected)| (got.wide() - expected.wide()).abs());
    apart.fold(0.0_f64, |worst, apart| if apart.is_nan() { f64::INFINITY } else { worst.max(apart) }) / largest
}

/// Every how many numbers of a gradient are recorded.
const EVERY: usize = 3;

#[test]
fn losses_and_gradients_are_those_of_transformers() {
    for kind in ["relu", "gated"] {
        let (double, single) = (furthest::<f64>(kind), furthest::<f32>(kind));
        println!("{kind}: {double:e} off in f64, {single:e} in f32");
        assert!(double < 1e-9, "{kind}: {double:e} off in f64");
        assert!(single < 3e-4, "{kind}: {single:e} off in f32");
    }
}

/// What is beside a pair, and where, changes nothing of what is dropped and learnt of it.
#[test]
fn a_pair_is_learnt_the_same_whatever_is_beside_it() {
    let (network, recorded) = (network::<f64>("gated"), recorded("gated"));
    let pairs = pairs(&recorded);
    let gradient = |order: &[usize], rate: f64| {
        let mut gradients = Gradients::new(network.parameters());
        let chosen: Vec<&TokenPair> = order.iter().map(|at| &pairs[*at]).collect();
        let keys = order.iter().map(|at| 100 + *at as u64).collect();
        let lesson = Lesson { label_smoothing: 0.0, divisor: 1.0, dropout: Some((rate, keys)) };
        network.learn(&chosen, &lesson, &mut gradients).expect("the processor works");
        let all: Vec<f64> =
            network.parameters().iter().flat_map(|p| gradients.of(p).expect("memory").to_vec()).collect();
        all
    };
    let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9 * b.abs().max(1.0));
    let [first, second, both] = [&[0][..], &[1], &[1, 0]].map(|order| gradient(order, 0.2));
    let sum: Vec<f64> = first.iter().zip(&second).map(|(a, b)| a + b).collect();
    assert!(close(&sum, &both));
    assert!(!close(&gradient(&[0], 0.0), &first));
}

#[test]
fn whether_a_pair_comes_out_is_what_greedy_decoding_writes() {
    let network = network::<f32>("relu");
    let model = T5::new(network.config().clone(), network.parameters().clone()).expect("a model");
    let source = vec![9, 20, 33, 1];
    let settings = Generation { max_new_tokens: 24, ..Generation::default() };
    let written = model.generate(&[&source], &settings, &mut |_, _| {}).expect("known tokens").remove(0).tokens;
    let mut pair = TokenPair { source, target: written };
    assert!(network.judge(&[&pair]).expect("works")[0].exact);
    pair.target[1] = (pair.target[1] + 1) % 100;
    assert!(!network.judge(&[&pair]).expect("works")[0].exact);
}

#[test]
fn the_layer_that_is_not_finite_is_named() {
    let mut network = network::<f32>("relu");
    let pair = TokenPair { source: vec![5, 1], target: vec![6, 1] };
    assert_eq!(network.not_finite(&[&pair]).expect("works"), None);
    let broken = "decoder.block.1.layer.1.EncDecAttention.v.weight";
    let parameter = network.parameters_mut().iter_mut().find(|p| p.name() == broken).expect("it is there");
    parameter.values_mut().fill(f32::INFINITY);
    let named = network.not_finite(&[&pair]).expect("works");
    assert_eq!(named.as_deref(), Some("decoder.block.1.layer.1.EncDecAttention"));
}

#[test]
fn a_new_model_begins_as_one_of_transformers() {
    let config = T5Config {
        vocab_size: 300,
        d_model: 64,
        d_kv: 16,
        d_ff: 128,
        num_heads: 4,
        num_layers: 2,
        ..T5Config::default()
    };
    let network = T5Network::<f32>::new(config.clone(), &mut Generator::new(1)).expect("a configuration");
    assert_eq!(network.parameters().count(), config.parameters());
    let spread = |name: &str| {
        let values = network.parameters().named(name).expect("it is there").values();
        (values.iter().map(|x| x * x).sum::<f32>() / values.len() as f32).sqrt()
    };
    for (name, expected) in [
        ("shared.weight", 1.0),
        ("encoder.block.0.layer.0.SelfAttention.q.weight", 1.0 / 32.0),
        ("decoder.block.1.layer.1.EncDecAttention.k.weight", 1.0 / 8.0),
        ("decoder.block.1.layer.1.EncDecAttention.o.weight", 1.0 / 8.0),
        ("decoder.block.1.layer.2.DenseReluDense.wo.weight", 128.0_f32.sqrt().recip()),
        ("decoder.final_layer_norm.weight", 1.0),
    ] {
        let found = spread(name);
        assert!((found / expected - 1.0).abs() < 0.05, "{name}: {found} for {expected}");
    }
    let read = T5Config::parse(&config.to_json()).expect("it reads");
    assert_eq!(T5Config { decoder_start_token_id: None, ..read }, config);
}
