//! Against PyTorch: tests/data/recommender/recommender.py.

use cartwheel_envs::Generator;
use serde_json::Value;

use super::*;
use crate::nn::on_device::Accelerator;
use crate::nn::optim::{Decay, Eps, Rule, Solver};

const WHO: [u32; 4] = [4, 0, 4, 2];
const CHOSEN: [u32; 12] = [1, 5, 6, 0, 3, 5, 6, 0, 2, 1, 2, 2];
const FIRST: [u32; 4] = [1, 0, 6, 1];

fn recorded() -> Value {
    serde_json::from_str(include_str!("../../../../tests/data/recommender/recommender.json")).expect("JSON")
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().filter_map(Value::as_f64).collect()
}

fn model(architecture: Architecture) -> Recommender<f64> {
    let shape = Shape { users: 5, items: 7, architecture, embedding_dim: 3, layers: vec![4, 2] };
    let mut model = Recommender::new(shape, 3.25, &mut Generator::new(0));
    for parameter in model.parameters.iter_mut().filter(|parameter| parameter.is_trained()) {
        let (length, first) = (parameter.name().len() as f64, f64::from(parameter.name().as_bytes()[0]));
        for (i, value) in parameter.values_mut().iter_mut().enumerate() {
            *value = 0.5 * (12.9898 * i as f64 + length * 78.233 + first * 3.7).sin();
        }
    }
    model
}

/// A goal by its recorded name, and the items that it is about.
fn goal<'a>(name: &str, log_q: &'a [f64]) -> (&'static [u32], Goal<'a, f64>) {
    match name {
        "ratings" => (&FIRST, Goal::Ratings(&[5.0, 1.5, 3.0, 4.5])),
        "bpr" => (&CHOSEN, Goal::Ranking(Against::Bpr)),
        "bce" => (&CHOSEN, Goal::Ranking(Against::Bce)),
        "softmax" => (&CHOSEN, Goal::Ranking(Against::Softmax)),
        _ => (&FIRST, Goal::InBatch(log_q)),
    }
}

const SHARES: [f64; 7] = [0.3, 0.3, 0.1, 0.1, 0.05, 0.05, 0.1];

#[test]
fn losses_and_gradients_are_pytorchs() {
    let log_q = SHARES.map(f64::ln);
    for case in recorded()["cases"].as_array().expect("a list") {
        let (name, goal) = (case["model"].as_str().expect("a name"), case["goal"].as_str().expect("a name"));
        let model = model(if name == "Mf" { Architecture::Mf } else { Architecture::TwoTower });
        let (items, kind) = self::goal(goal, &log_q);
        let mut gradients = Gradients::new(model.parameters());
        let pass = model.learn(&WHO, items, kind, 4.0, &mut gradients).expect("the processor works");
        let expected = case["loss"].as_f64().expect("a number");
        assert!((pass.loss - expected).abs() < 1e-12, "{name} {goal}: {} {expected}", pass.loss);
        for parameter in model.parameters().iter().filter(|parameter| parameter.is_trained()) {
            let expected = numbers(&case["gradients"][parameter.name()]);
            let got = gradients.of(parameter).expect("memory");
            assert_eq!(got.len(), expected.len(), "{}", parameter.name());
            for (got, expected) in got.iter().zip(expected) {
                assert!((got - expected).abs() < 1e-12, "{name} {goal} {}: {got} {expected}", parameter.name());
            }
        }
    }
}

#[test]
fn rows_that_are_not_read_stay_as_pytorchs_sparse_adam_leaves_them() {
    let mut model = model(Architecture::Mf);
    // SparseAdam, unlike PyTorch's Adam, adds ε before it makes up for that the moments began at 0.
    let rule = Rule::Adam { betas: [0.9, 0.999], eps: 1e-8, convention: Eps::Keras };
    let mut solver = Solver::new(rule, Decay::L2, 0.0, false, model.parameters());
    let mut gradients = Gradients::new(model.parameters());
    for step in 0..10_u32 {
        gradients.zero(model.parameters()).expect("memory");
        let users = [step % 5, step * step % 5];
        let items = [step % 7, (3 * step + 1) % 7, 2 * step % 7, (step + 4) % 7];
        model.learn(&users, &items, Goal::Ranking(Against::Bpr), 2.0, &mut gradients).expect("works");
        solver.step(model.parameters_mut(), &mut gradients, 0.05).expect("memory");
    }
    let recorded = recorded();
    for parameter in model.parameters().iter().filter(|parameter| parameter.is_trained()) {
        let expected = numbers(&recorded["sparse_adam"][parameter.name()]);
        for (got, expected) in parameter.values().iter().zip(expected) {
            assert!((got - expected).abs() < 1e-12, "{}: {got} {expected}", parameter.name());
        }
    }
}

#[test]
fn only_rows_that_were_read_have_a_norm_and_are_moved() {
    let mut model = model(Architecture::TwoTower);
    let before = model.clone();
    let mut gradients = Gradients::new(model.parameters());
    let rule = Rule::Sgd { momentum: 0.9, nesterov: false };
    // The decay would move every row.
    let mut solver = Solver::new(rule, Decay::Decoupled, 0.1, false, model.parameters());
    model.learn(&[1], &[2, 6], Goal::Ranking(Against::Bce), 1.0, &mut gradients).expect("works");
    let (norm, mut square) = (gradients.norm(model.parameters()).expect("memory"), 0.0);
    for parameter in model.parameters().iter().filter(|parameter| parameter.is_trained()) {
        square += gradients.of(parameter).expect("memory").iter().map(|g| g * g).sum::<f64>();
    }
    assert!((norm - square.sqrt()).abs() < 1e-12);
    solver.step(model.parameters_mut(), &mut gradients, 0.1).expect("memory");
    for (name, read) in [("user_tower.0.weight", vec![1]), ("item_tower.0.weight", vec![2, 6])] {
        let [now, then] = [&model, &before].map(|model| model.parameters().named(name).expect("it is").values());
        for (row, (now, then)) in now.chunks_exact(3).zip(then.chunks_exact(3)).enumerate() {
            assert_eq!(now != then, read.contains(&row), "{name} {row}");
        }
    }
    gradients.zero(model.parameters()).expect("memory");
    assert_eq!(gradients.norm(model.parameters()).expect("memory"), 0.0);
    let table = model.parameters().named("item_tower.0.weight").expect("it is");
    assert!(gradients.of(table).expect("memory").iter().all(|g| *g == 0.0));
}

#[test]
fn products_of_vectors_are_scores() {
    for architecture in [Architecture::Mf, Architecture::TwoTower] {
        let model = model(architecture);
        let mut gradients = Gradients::new(model.parameters());
        let pass = model.learn(&WHO, &FIRST, Goal::Ratings(&[0.0; 4]), 1.0, &mut gradients).expect("works");
        let (users, items) = (model.user_vectors(&WHO).expect("works"), model.item_vectors(&FIRST).expect("works"));
        let rows = users.chunks_exact(model.width()).zip(items.chunks_exact(model.width()));
        for ((user, item), score) in rows.zip(pass.logits) {
            let product: f64 = user.iter().zip(item).map(|(a, b)| a * b).sum();
            assert!((product - score).abs() < 1e-12, "{architecture}: {product} {score}");
        }
        assert_eq!(model.not_finite(&WHO, &FIRST).expect("works"), None);
    }
    let mut broken = model(Architecture::TwoTower);
    let weight = broken.item.layers[1][0];
    broken.parameters.get_mut(weight).values_mut()[0] = f64::NAN;
    assert_eq!(broken.not_finite(&WHO, &FIRST).expect("works").as_deref(), Some("item_tower.3"));
}

#[test]
fn costs_are_those_of_the_parameters() {
    for architecture in [Architecture::Mf, Architecture::TwoTower] {
        let model = model(architecture);
        assert_eq!(model.shape().cost().parameters, model.parameters().count() as u64);
    }
}

/// Scores, losses and gradients there are those of our kernels, rows that are read twice among them.
#[test]
fn what_it_learns_on_a_device_is_what_it_learns_here() {
    let log_q = SHARES.map(f64::ln);
    let accelerator = Accelerator::new(Cpu::default());
    for architecture in [Architecture::Mf, Architecture::TwoTower] {
        let mut model = model(architecture);
        for name in ["ratings", "bpr", "bce", "softmax", "in batch"] {
            let (items, goal) = goal(name, &log_q);
            let mut gradients = [Gradients::new(model.parameters()), Gradients::new(model.parameters())];
            let [own, other] = &mut gradients;
            // Twice, as gradients add up.
            for _ in 0..2 {
                let expected = model.learn(&WHO, items, goal, 3.0, own).expect("works");
                let got = model.learn_on(&accelerator, &WHO, items, goal, 3.0, other).expect("works");
                assert!((got.loss - expected.loss).abs() < 1e-12, "{architecture} {name}: {}", got.loss);
                is_close(name, "scores", &got.logits, &expected.logits);
            }
            // The layers step there, and the tables here.
            let mut gone_on = [model.clone(), model.clone()];
            for (model, gradients) in gone_on.iter_mut().zip([&mut *own, &mut *other]) {
                let rule = Rule::Adam { betas: [0.9, 0.999], eps: 1e-3, convention: Eps::Torch };
                let mut solver = Solver::new(rule, Decay::L2, 0.5, false, model.parameters());
                solver.step(model.parameters_mut(), gradients, 0.1).expect("works");
            }
            is_close(name, "a step", &gone_on[1].parameters().to_flat(), &gone_on[0].parameters().to_flat());
            other.bring_here(model.parameters()).expect("memory");
            for parameter in model.parameters().iter().filter(|parameter| parameter.is_trained()) {
                let (expected, got) = (own.of(parameter).expect("memory"), other.of(parameter).expect("memory"));
                is_close(name, parameter.name(), got, expected);
            }
            // It said which rows it read: the decay moves no others.
            let rule = Rule::Sgd { momentum: 0.0, nesterov: false };
            let mut solver = Solver::new(rule, Decay::L2, 0.5, false, model.parameters());
            let mut moved = model.clone();
            solver.step(moved.parameters_mut(), other, 0.1).expect("memory");
            let table = |model: &Recommender<f64>| model.parameters().get(model.user.table).values()[3..6].to_vec();
            assert_eq!(table(&moved), table(&model), "{architecture} {name}: nobody read of user 1");
        }
    }
}

#[track_caller]
fn is_close(goal: &str, what: &str, got: &[f64], expected: &[f64]) {
    assert_eq!(got.len(), expected.len(), "{goal} {what}");
    for (got, expected) in got.iter().zip(expected) {
        assert!((got - expected).abs() < 1e-12, "{goal} {what}: {got} {expected}");
    }
}
