//! Masks against PyTorch's categorical distribution, and against what must never be chosen.

use cartwheel_envs::{Action, ActionRows, Generator, Space};
use serde_json::Value;

use super::*;
use crate::head::{ActionHead, Chances, Head};
use crate::judgement::Judgement;
use crate::support::Support;

fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

fn close(found: f32, expected: f32, what: &str) {
    assert!((found - expected).abs() <= 2e-6 + 1e-5 * expected.abs(), "{what}: {found} and not {expected}");
}

#[test]
fn distributions_are_pytorchs() {
    let recorded = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/masks/categorical.json");
    let cases: Value = serde_json::from_str(&std::fs::read_to_string(recorded).unwrap()).unwrap();
    for case in cases.as_array().unwrap() {
        let n = case["actions"].as_u64().unwrap() as usize;
        let head = ActionHead::new(Head::Categorical, &Space::discrete(n as i32)).unwrap();
        let valid: Vec<bool> = case["valid"].as_array().unwrap().iter().map(|x| x.as_bool().unwrap()).collect();
        let (logits, mut buffer) = (floats(&case["logits"]), Vec::new());
        let outputs = masked(&valid, head.shape(n), &logits, &mut buffer);
        let mut chances = Chances::default();
        head.weigh(outputs, n, &mut chances);
        for (row, outputs) in outputs.chunks_exact(n).enumerate() {
            let action = Action::Discrete(case["chosen"][row].as_i64().unwrap() as i32);
            let of = |key: &str| floats(&case[key])[row];
            close(head.log_prob(outputs, action), of("log_prob"), "log_prob");
            close(head.log_prob_of(&chances, row, outputs, action), of("log_prob"), "log_prob of all rows");
            let mut grad = vec![0.0; n];
            let entropy = head.add_grads((&chances, row), outputs, action, [0.7, -0.3], &mut grad);
            close(entropy, of("entropy"), "entropy");
            let expected = floats(&case["grad"]);
            for (i, grad) in grad.iter().enumerate() {
                close(*grad, expected[row * n + i], "grad");
                assert!(valid[row * n + i] || *grad == 0.0, "an action that is not valid is not learnt of");
            }
            let mut judgement = Judgement::None;
            head.judge(outputs, &mut judgement);
            let Judgement::Probabilities(told) = judgement else { panic!("{judgement:?}") };
            let probs = floats(&case["probs"]);
            told.iter().enumerate().for_each(|(i, p)| close(*p, probs[row * n + i], "probability"));
        }
    }
}

/// Whatever the outputs are, also where a distribution's mean is as low as it can be.
#[test]
fn what_is_not_valid_is_never_chosen() {
    let support = Support { n_atoms: 3, v_min: -10.0, v_max: 10.0 };
    let mut rng = Generator::new(5);
    for kind in [Head::QValues, Head::Categorical, Head::Distribution(support), Head::Quantiles(2)] {
        let head = ActionHead::new(kind, &Space::Discrete { n: 5, start: 3 }).unwrap();
        let (width, mut rows) = (head.outputs(), head.rows(1));
        for round in 0..400 {
            let mut outputs: Vec<f32> = (0..width + 3).map(|_| rng.uniform(-50.0, 50.0) as f32).collect();
            if round % 4 == 0 {
                // All returns are the least: -10 for sure.
                outputs.iter_mut().enumerate().for_each(|(i, x)| *x = if i % kind.atoms() == 0 { 1e4 } else { -1e4 });
            }
            let mut valid: Vec<bool> = (0..5).map(|_| rng.random() < 0.4).collect();
            valid[rng.below(5) as usize] = true;
            let mut buffer = Vec::new();
            let outputs = masked(&valid, head.shape(width + 3), &outputs, &mut buffer);
            let check = |rows: &ActionRows| {
                let Action::Discrete(action) = rows.get(0) else { panic!("{rows:?}") };
                assert!(valid[action as usize], "{kind:?}: {action} of {valid:?}");
                action
            };
            head.greedy(outputs, 0, &mut rows);
            let best = check(&rows);
            let mut judgement = Judgement::None;
            head.judge(outputs, &mut judgement);
            if let Some(values) = judgement.values() {
                assert_eq!(crate::argmax(values) as i32, best);
                values.iter().zip(&valid).for_each(|(value, valid)| assert_eq!(value.is_nan(), !valid));
            }
            if let Judgement::Returns { chances, .. } = &judgement {
                let sums = chances.chunks_exact(3).map(|chances| chances.iter().sum::<f32>());
                sums.zip(&valid).for_each(|(sum, valid)| assert!((sum - f32::from(*valid)).abs() < 1e-5));
            }
            assert!(head.is_best(outputs, Action::Discrete(best)));
            head.sample(outputs, &mut rng, 0, &mut rows);
            check(&rows);
            head.random_valid(&valid, &mut rng, 0, &mut rows);
            check(&rows);
        }
    }
}

#[test]
fn chance_is_even_among_what_is_valid() {
    let head = ActionHead::new(Head::QValues, &Space::discrete(4)).unwrap();
    let (mut rng, mut rows, mut counts) = (Generator::new(2), head.rows(1), [0; 4]);
    for _ in 0..9000 {
        head.random_valid(&[true, false, true, true], &mut rng, 0, &mut rows);
        let Action::Discrete(action) = rows.get(0) else { panic!("{rows:?}") };
        counts[action as usize] += 1;
    }
    assert_eq!(counts[1], 0);
    assert!(counts.iter().all(|n| *n == 0 || (2800..3200).contains(n)), "{counts:?}");
    // Without flags it is as it always was.
    let (mut one, mut other) = (Generator::new(3), Generator::new(3));
    let mut more = head.rows(1);
    for _ in 0..50 {
        head.random_valid(&[], &mut one, 0, &mut rows);
        head.random(&mut other, 0, &mut more);
        assert_eq!(rows, more);
    }
}

#[test]
fn nothing_is_marked_without_flags_and_rows_are_chosen_with_theirs() {
    let mut buffer = vec![9.0];
    assert_eq!(masked(&[], [2, 1, 3], &[1.0, 2.0, 0.0], &mut buffer), [1.0, 2.0, 0.0]);
    let outputs = [1.0, 2.0, 7.0, 3.0, 4.0, 8.0];
    let marked = masked(&[true, false, false, true], [2, 1, 3], &outputs, &mut buffer);
    assert_eq!(marked, [1.0, INVALID, 7.0, INVALID, 4.0, 8.0]);
    let mut chosen = Vec::new();
    select(&[true, false, false, true, true, true], 3, &[2, 0], &mut chosen);
    assert_eq!(chosen, [true, true, true, false]);
    select(&[], 3, &[2, 0], &mut chosen);
    assert!(chosen.is_empty());
}
