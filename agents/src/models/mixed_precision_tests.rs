//! Mixed precision against PyTorch's: tests/data/amp/amp.py.

use cartwheel_envs::Generator;
use serde_json::Value;

use super::mlp::{Init, MlpClassifier};
use super::resnet::tests::{case, fill, numbers, uniform};
use super::{Classifier, Ranks};
use crate::nn::on_device::Accelerator;
use crate::nn::ops::Targets;
use crate::nn::optim::{Decay, LossScaler, Rule, Solver};
use crate::nn::{Cpu, Gradients, Parameter, Parameters, Place};

/// The classifier of a case, and its images.
fn recorded(recorded: &Value) -> (Box<dyn Classifier>, Vec<f32>) {
    if recorded["model"] == "resnet8" {
        let (model, pictures) = case::<f32>(recorded, 10, 5);
        return (Box::new(model), pictures);
    }
    let mut model = MlpClassifier::new(64, &[48, 32], 10, &Ranks::new(), Init::Torch, &mut Generator::new(0));
    fill(model.parameters_mut(), 5);
    let count = numbers(&recorded["shape"]).iter().product::<f64>() as usize;
    (Box::new(model), uniform(6, count).into_iter().map(|x| x as f32).collect())
}

/// The furthest that numbers of `tensors` are off what was recorded, relative to the norm of their tensor. Both are in the order of
/// the network; PyTorch counts its layers from another number.
fn furthest(tensors: impl Iterator<Item = Vec<f32>>, expected: &Value) -> f64 {
    let mut worst = 0.0_f64;
    for (values, (name, expected)) in tensors.zip(expected.as_object().expect("an object")) {
        let norm = expected["norm"].as_f64().expect("a number");
        for (i, expected) in numbers(&expected["values"]).into_iter().enumerate() {
            let off = (f64::from(values[values.len() * i / 8]) - expected).abs() / norm;
            assert!(off.is_finite(), "{name}");
            worst = worst.max(off);
        }
    }
    worst
}

fn learnt(parameters: &Parameters) -> impl Iterator<Item = &Parameter> {
    parameters.iter().filter(|parameter| parameter.is_trained())
}

/// How far five steps are off: losses (relatively), the scaled gradients of the first one, and the parameters after the last.
fn five_steps(recording: &Value, in_half: bool, place: Place) -> [f64; 3] {
    let (mut model, pictures) = recorded(recording);
    model.move_to(place);
    if in_half {
        model.learn_in_half();
    }
    let labels: Vec<u32> = numbers(&recording["labels"]).iter().map(|x| *x as u32).collect();
    let rule = Rule::Sgd { momentum: 0.9, nesterov: false };
    let mut solver = Solver::new(rule, Decay::L2, 1e-4, true, model.parameters());
    let mut gradients = Gradients::new(model.parameters());
    let (mut scaler, mut losses, mut by_gradients) = (LossScaler::default(), 0.0_f64, 0.0);
    let rate = recording["learning_rate"].as_f64().expect("a number");
    for (step, expected) in numbers(&recording["losses"]).into_iter().enumerate() {
        gradients.zero(model.parameters()).expect("memory");
        let (targets, divisor) = (Targets::Classes(&labels), labels.len() as f64 / scaler.scale());
        let pass = model
            .forward(pictures.clone())
            .expect("works")
            .learn(&mut gradients, targets, 0.0, divisor)
            .expect("the processor works");
        losses = losses.max((f64::from(pass.loss) / scaler.scale() - expected).abs() / expected);
        let parameters = model.parameters();
        if step == 0 {
            gradients.bring_here(parameters).expect("memory");
            let all: Vec<_> = learnt(parameters).map(|one| gradients.of(one).expect("memory").to_vec()).collect();
            by_gradients = furthest(all.into_iter(), &recording["scaled_gradients"]);
        }
        gradients.scale(parameters, scaler.scale().recip()).expect("memory");
        scaler.update(gradients.not_finite(parameters).expect("memory").is_some());
        solver.step(model.parameters_mut(), &mut gradients, rate).expect("memory");
    }
    [losses, by_gradients, furthest(learnt(model.parameters()).map(|one| one.values().to_vec()), &recording["masters"])]
}

#[test]
fn five_steps_are_torchs() {
    let text = include_str!("../../../tests/data/amp/amp.json");
    let recorded: Value = serde_json::from_str(text).expect("JSON");
    for recording in recorded["steps"].as_array().expect("a list") {
        for place in [Place::Processor, Place::Dfdx(Accelerator::new(Cpu::default()))] {
            five_steps_at(recording, &place);
        }
    }
}

fn five_steps_at(recording: &Value, place: &Place) {
    let (half, single) = (five_steps(recording, true, place.clone()), five_steps(recording, false, place.clone()));
    println!("{} {half:?} {single:?}", recording["model"]);
    // Batch norms' gradients are small differences: a number that is rounded the other way because sums have another order
    // is felt in layers before.
    let within = if recording["model"] == "mlp" { [1e-4, 2e-3, 1e-4] } else { [3e-4, 2e-2, 6e-3] };
    let near = half.iter().zip(within).all(|(off, within)| *off < within);
    assert!(near, "{} is off by {half:?}, allowed are {within:?}", recording["model"]);
    // That is not so in f32: losses and gradients would be further off.
    let further = half.iter().zip(single).take(2).all(|(half, single)| 2.0 * half < single);
    assert!(further, "{} in f32 is off by {single:?}, in f16 by {half:?}", recording["model"]);
}

#[test]
fn what_overflows_in_half_is_named() {
    let mut model = MlpClassifier::new(4, &[8], 3, &Ranks::new(), Init::Torch, &mut Generator::new(1));
    let large = |parameters: &mut Parameters, name: &str| {
        let parameter = parameters.iter_mut().find(|parameter| parameter.name() == name).expect("it is there");
        parameter.values_mut().fill(3e4);
    };
    large(model.parameters_mut(), "0.weight");
    assert_eq!(model.not_finite(vec![1.0; 8]).expect("works").1, None);
    model.learn_in_half();
    assert_eq!(model.not_finite(vec![1.0; 8]).expect("works").1.as_deref(), Some("0"));
    let logits = model.logits(vec![1.0; 8]).expect("works");
    assert!(logits.iter().all(|x| x.is_finite()), "what is asked is the f32 model");
}
