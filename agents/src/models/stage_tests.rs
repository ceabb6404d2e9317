//! Models in stages against the same in one piece.

use std::collections::VecDeque;

use cartwheel_envs::Generator;

use super::mlp::{Init, MlpClassifier};
use super::resnet::{ResNet, ResNetConfig};
use super::{Classifier, Ranks};
use crate::nn::on_device::Accelerator;
use crate::nn::ops::Targets;
use crate::nn::{Cpu, Gradients, Place};

fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|at| ((at * 37 + seed * 101) % 97) as f32 / 97.0 - 0.4).collect()
}

fn models() -> Vec<(&'static str, Box<dyn Classifier>)> {
    let resnet = |name, size, ranks| -> Box<dyn Classifier> {
        let mut config = ResNetConfig::named(name, 3, 5).expect("a network");
        (config.width, config.ranks) = (4, ranks);
        Box::new(ResNet::new(config, size, &mut Generator::new(1)))
    };
    let low = Ranks::from([("layer2.0.conv1".into(), 3), ("fc".into(), 2)]);
    let narrow = Ranks::from([("2".into(), 4)]);
    vec![
        ("mlp", Box::new(MlpClassifier::new(12, &[9, 8, 7], 5, &narrow, Init::Torch, &mut Generator::new(3)))),
        ("resnet8", resnet("resnet8", [8, 9], low)),
        ("resnet50", resnet("resnet50", [33, 40], Ranks::new())),
    ]
}

/// The first `cut` pieces, and the others.
fn halves(model: &str, cut: usize, change: &dyn Fn(&mut dyn Classifier)) -> [Box<dyn Classifier>; 2] {
    [0, 1].map(|half| {
        let (_, mut model) = models().into_iter().find(|(name, _)| *name == model).expect("a model");
        change(model.as_mut());
        let pieces = model.pieces().len();
        model.keep(if half == 0 { 0..cut } else { cut..pieces });
        model
    })
}

/// Holds a model that is cut anywhere to one that is not: what it learns from two batches of which the second comes in before the
/// first goes back, and what it answers then.
fn check(change: &dyn Fn(&mut dyn Classifier)) {
    for (name, mut whole) in models() {
        change(whole.as_mut());
        let batches = [0, 1].map(|seed| numbers(3 * whole.inputs(), seed));
        let classes = [[1, 4, 0], [2, 2, 3]];
        let mut gradients = Gradients::new(whole.parameters());
        let learnt = batches.iter().zip(&classes).map(|(x, classes)| {
            let forward = whole.forward(x.clone()).expect("works");
            forward.learn(&mut gradients, Targets::Classes(classes), 0.1, 6.0).expect("works")
        });
        let learnt: Vec<_> = learnt.collect();
        gradients.bring_here(whole.parameters()).expect("memory");
        let answered = whole.logits(batches[0].clone()).expect("works");
        let pieces = whole.pieces();
        assert_eq!(pieces.iter().map(|piece| piece.parameters).sum::<u64>(), whole.cost().parameters, "{name}");
        assert_eq!(pieces.iter().map(|piece| piece.flops).sum::<u64>(), whole.cost().flops, "{name}");
        for (cut, piece) in pieces.iter().enumerate().skip(1) {
            let name = format!("{name} before {}", piece.name);
            let [mut first, mut second] = halves(name.split(' ').next().expect("a word"), cut, change);
            let mut grads = [&first, &second].map(|half| Gradients::new(half.parameters()));
            let (mut held, mut got) = (VecDeque::new(), Vec::new());
            for (x, classes) in batches.iter().zip(&classes) {
                let forward = first.forward(x.clone()).expect("works");
                let behind = second.forward(forward.outputs).expect("works");
                let (pass, grad) = behind.judge(Targets::Classes(classes), 0.1, 6.0).expect("works");
                got.push(pass);
                held.push_back((forward.way_back, behind.way_back, grad));
            }
            for (first, second, grad) in held {
                let [of_first, of_second] = &mut grads;
                let between = second(grad, of_second).expect("works");
                assert!(between.iter().any(|x| *x != 0.0), "{name}: nothing comes back");
                assert_eq!(first(between, of_first).expect("works"), [0.0_f32; 0], "{name}: a grad by samples");
            }
            assert_eq!(got, learnt, "{name}");
            let mut there = 0;
            for (half, grads) in [&first, &second].into_iter().zip(&mut grads) {
                grads.bring_here(half.parameters()).expect("memory");
                for (own, whole) in half.parameters().iter().zip(whole.parameters().iter()) {
                    if own.is_elsewhere() {
                        assert_eq!((own.values(), own.is_trained()), (&[][..], false), "{name}");
                        continue;
                    }
                    there += 1;
                    assert_eq!(own.values(), whole.values(), "{name}: {}", own.name());
                    if own.is_trained() {
                        let [own_grad, grad] = [grads.of(own), gradients.of(whole)].map(|of| of.expect("memory"));
                        assert_eq!(own_grad, grad, "{name}: {}", own.name());
                    }
                }
            }
            assert_eq!(there, whole.parameters().iter().len(), "{name}: each is in one of them");
            let between = first.logits(batches[0].clone()).expect("works");
            assert_eq!(second.logits(between.clone()).expect("works"), answered, "{name}");
            let (between, fault) = first.not_finite(batches[0].clone()).expect("works");
            assert_eq!((fault, second.not_finite(between).expect("works").1), (None, None), "{name}");
        }
    }
}

#[test]
fn stages_learn_and_answer_as_the_whole() {
    check(&|_| {});
}

#[test]
fn stages_in_half_precision_do() {
    check(&|model| model.learn_in_half());
}

#[test]
fn stages_on_a_device_do() {
    check(&|model| model.move_to(Place::Dfdx(Accelerator::new(Cpu::default()))));
}

#[test]
fn stages_come_together_as_the_whole() {
    let [first, second] = halves("resnet8", 2, &|_| {});
    let (_, whole) = models().swap_remove(1);
    let mut joined = first.parameters().clone();
    assert!(!joined.join(vec![vec![0.0]]), "of another model");
    assert!(joined.join(second.parameters().parts()));
    assert_eq!(joined.to_flat(), whole.parameters().to_flat());
    assert!(joined.iter().all(|parameter| !parameter.is_elsewhere()));
    assert_eq!(joined.count(), first.parameters().count());
    // Of what is set as a whole a stage takes its own.
    let [mut first, _] = halves("resnet8", 2, &|_| {});
    let doubled: Vec<f32> = joined.to_flat().iter().map(|x| 2.0 * x).collect();
    let own = first.parameters().to_flat();
    assert!(first.parameters_mut().set_flat(&doubled) && !first.parameters_mut().set_flat(&own));
    assert!(first.parameters().to_flat().iter().zip(own).all(|(doubled, own)| *doubled == 2.0 * own));
}
