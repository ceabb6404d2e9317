//! Batch normalization against a plain loop and differences. PyTorch's output is in models/resnet.

use cartwheel_envs::Generator;
use dfdx::prelude::{NoneTape, SplitTape as _};

use super::*;
use crate::nn::Parameters;
use crate::nn::ops::{Targets, average_pool, max_pool, softmax_cross_entropy, testing};

fn model(rng: &mut Generator) -> Parameters<f64> {
    let mut parameters = Parameters::default();
    parameters.add("weight", &[3], testing::random(rng, 3));
    parameters.add("bias", &[3], testing::random(rng, 3));
    parameters
}

#[test]
fn channels_are_normalized_as_a_plain_loop_does() {
    let mut rng = Generator::new(1);
    let parameters = model(&mut rng);
    let of = |name: &str| parameters.named(name).expect("it is there");
    // More rows than one part has, and a mean that is large beside the deviation.
    let shape = [3, 20, 30, 3];
    let (count, x) = (1800, testing::random(&mut rng, 5400).iter().map(|x| 1000.0 + x).collect::<Vec<_>>());
    let residual = testing::random(&mut rng, x.len());
    let map = Map::data(x.clone(), shape);
    let beside = Map::data(residual.clone(), shape);
    let (y, moments) = batch_norm(&map, of("weight"), of("bias"), Some(&beside), Then::Relu, &mut NoneTape);
    let (plain_y, _) = batch_norm(&map, of("weight"), of("bias"), None, Then::Nothing, &mut NoneTape);
    for channel in 0..3 {
        let own: Vec<f64> = x.iter().skip(channel).step_by(3).copied().collect();
        let mean = own.iter().sum::<f64>() / f64::from(count);
        let variance = own.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(count);
        assert!((moments.mean[channel] - mean).abs() < 1e-10 && (moments.variance[channel] - variance).abs() < 1e-10);
        for (at, x) in own.iter().enumerate() {
            let (weight, bias) = (of("weight").values()[channel], of("bias").values()[channel]);
            let expected = (x - mean) / (variance + 1e-5).sqrt() * weight + bias;
            let at = 3 * at + channel;
            assert!((plain_y.values()[at] - expected).abs() < 1e-9, "{at}");
            assert!((y.values()[at] - (expected + residual[at]).max(0.0)).abs() < 1e-9, "{at}");
        }
    }
    assert_eq!(moments.count, 1800);
}

#[test]
fn running_statistics_move_a_tenth_to_the_unbiased_variance() {
    let moments = Moments { count: 5, mean: vec![2.0], variance: vec![4.0] };
    let (mut mean, mut variance) = ([1.0_f64], [3.0_f64]);
    moments.update(&mut mean, &mut variance);
    assert!((mean[0] - 1.1).abs() < 1e-12 && (variance[0] - (2.7 + 0.1 * 5.0)).abs() < 1e-12);
}

#[test]
fn gradients_are_those_of_differences() {
    let mut rng = Generator::new(2);
    let mut parameters = model(&mut rng);
    let x = testing::random(&mut rng, 2 * 4 * 4 * 3);
    for then in [Then::Nothing, Then::Relu] {
        testing::check_gradients(&mut parameters, &x, (32, 3), &|parameters, x| {
            let of = |name: &str| parameters.named(name).expect("it is there");
            let (x, mut tape) = x.split_tape();
            let map = testing::map(&x, [2, 4, 4, 3], &mut tape);
            // The map itself as the residual: two gradients by it add up.
            let (y, _) = batch_norm(&map, of("weight"), of("bias"), Some(&map), then, &mut tape);
            let y = max_pool(&y, &mut tape);
            softmax_cross_entropy(average_pool(&y, tape), Targets::Classes(&[2, 1]), 0.0, 2.0).expect("works")
        });
    }
}

#[test]
fn a_frozen_one_passes_gradients_by_its_scale() {
    let mut rng = Generator::new(3);
    let mut parameters = model(&mut rng);
    let x = testing::random(&mut rng, 2 * 4 * 4 * 3);
    for then in [Then::Nothing, Then::Relu] {
        testing::check_gradients(&mut parameters, &x, (32, 3), &|parameters, x| {
            let of = |name: &str| parameters.named(name).expect("it is there");
            let (x, mut tape) = x.split_tape();
            let map = testing::map(&x, [2, 4, 4, 3], &mut tape);
            let frozen = [vec![0.5, -2.0, 3.0], vec![0.1, 0.2, -0.3]];
            let y = scale_and_shift(&map, frozen, Some(&map), then, &mut tape);
            let (y, _) = batch_norm(&y, of("weight"), of("bias"), None, Then::Nothing, &mut tape);
            let y = max_pool(&y, &mut tape);
            softmax_cross_entropy(average_pool(&y, tape), Targets::Classes(&[2, 1]), 0.0, 2.0).expect("works")
        });
    }
}

#[test]
fn in_use_it_is_a_scale_and_a_shift() {
    let (scale, shift) = folded(&[2.0_f64], &[0.5], &[3.0], &[4.0 - 1e-5]);
    assert!((scale[0] - 1.0).abs() < 1e-12 && (shift[0] + 2.5).abs() < 1e-12);
}
