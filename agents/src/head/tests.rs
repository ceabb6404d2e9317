//! Choices among actions.

use super::*;
use cartwheel_envs::Generator;

fn head(head: Head, space: &Space) -> ActionHead {
    ActionHead::new(head, space).expect("a space that it takes")
}

/// Draws come as often as their probabilities say, and those are what is told of them.
#[test]
fn drawn_actions_are_as_likely_as_they_are_told_to_be() {
    let space = Space::MultiDiscrete { nvec: vec![3, 2], start: vec![0, 5] };
    let (head, outputs) = (head(Head::Categorical, &space), [0.0, 1.0, -1.0, 2.0, 0.0]);
    let mut judgement = Judgement::None;
    head.judge(&outputs, &mut judgement);
    let Judgement::Probabilities(told) = &judgement else { panic!("{judgement:?}") };
    let (mut rng, mut rows, mut counts) = (Generator::new(1), head.rows(1), [0u32; 5]);
    for _ in 0..20_000 {
        head.sample(&outputs, &mut rng, 0, &mut rows);
        let Action::Multi(action) = rows.get(0) else { panic!("{rows:?}") };
        counts[action[0] as usize] += 1;
        counts[3 + action[1] as usize] += 1;
        let chance = told[action[0] as usize] * told[3 + action[1] as usize];
        assert!((head.log_prob(&outputs, rows.get(0)) - chance.ln()).abs() < 1e-5);
    }
    for (count, chance) in counts.iter().zip(told) {
        assert!((*count as f32 / 20_000.0 - chance).abs() < 0.015, "{counts:?} {told:?}");
    }
    head.greedy(&outputs, 0, &mut rows);
    assert_eq!(rows.get(0), Action::Multi(&[1, 0]));
    assert!(head.is_best(&outputs, rows.get(0)) && !head.is_best(&outputs, Action::Multi(&[1, 1])));
    let mut env = head.rows(1);
    head.to_env(&rows, &mut env);
    assert_eq!(env.get(0), Action::Multi(&[1, 5]));
    let mut back = head.rows(1);
    head.from_env(env.get(0), 0, &mut back);
    assert_eq!(back, rows);
}

#[test]
fn a_gaussian_is_clipped_for_the_environment_alone() {
    let space = Space::box_f32(vec![-1.0, 0.0], vec![1.0, f32::INFINITY]);
    let (head, outputs) = (head(Head::Gaussian, &space), [3.0, -2.0, 0.5_f32.ln(), 2.0_f32.ln()]);
    let (mut rng, mut rows, n) = (Generator::new(1), head.rows(1), 20_000);
    let (mut sums, mut squares) = ([0.0; 2], [0.0; 2]);
    for _ in 0..n {
        head.sample(&outputs, &mut rng, 0, &mut rows);
        let Action::Continuous(values) = rows.get(0) else { panic!("{rows:?}") };
        for d in 0..2 {
            sums[d] += f64::from(values[d]) / f64::from(n);
            squares[d] += f64::from(values[d] * values[d]) / f64::from(n);
        }
    }
    for (d, (mean, std)) in [(3.0, 0.5), (-2.0, 2.0)].into_iter().enumerate() {
        let variance = squares[d] - sums[d] * sums[d];
        assert!((sums[d] - mean).abs() < 0.05 && (variance.sqrt() - std).abs() < 0.05, "{sums:?} {variance}");
    }
    // At the mean the density is 1 / (2π σ₁ σ₂).
    let at_mean = head.log_prob(&outputs, Action::Continuous(&[3.0, -2.0]));
    assert!((at_mean + std::f32::consts::TAU.ln()).abs() < 1e-6, "{at_mean}");
    head.greedy(&outputs, 0, &mut rows);
    let mut env = head.rows(1);
    head.to_env(&rows, &mut env);
    assert_eq!(env.get(0), Action::Continuous(&[1.0, 0.0]));
    assert_eq!(rows.get(0), Action::Continuous(&[3.0, -2.0]));
    for _ in 0..100 {
        head.random(&mut rng, 0, &mut rows);
        head.to_env(&rows, &mut env);
        assert_eq!(rows, env, "any action is within the space");
    }
}

#[test]
fn squashed_actions_fill_the_bounds() {
    let space = Space::box_f32(vec![-2.0, 10.0], vec![2.0, 20.0]);
    let (mut rng, outputs) = (Generator::new(2), [0.3, -40.0, -1.0, 5.0]);
    for kind in [Head::SquashedGaussian, Head::Tanh] {
        let head = head(kind, &space);
        let (mut own, mut env) = (head.rows(1), head.rows(1));
        head.greedy(&outputs, 0, &mut own);
        head.to_env(&own, &mut env);
        let Action::Continuous(values) = env.get(0) else { panic!("{env:?}") };
        assert!((values[0] - 2.0 * 0.3_f32.tanh()).abs() < 1e-6 && values[1] == 10.0, "{values:?}");
        let mut judgement = Judgement::None;
        head.judge(&outputs, &mut judgement);
        let Judgement::Gaussian { mean, std } = judgement else { panic!("{judgement:?}") };
        assert!((mean[0] - values[0]).abs() < 1e-6 && std.len() == 2);
        let mut back = head.rows(1);
        head.from_env(env.get(0), 0, &mut back);
        let (Action::Continuous(a), Action::Continuous(b)) = (back.get(0), own.get(0)) else { panic!() };
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6), "{a:?} {b:?}");
        for _ in 0..100 {
            head.random(&mut rng, 0, &mut own);
            head.to_env(&own, &mut env);
            let Action::Continuous(values) = env.get(0) else { panic!("{env:?}") };
            assert!((-2.0..=2.0).contains(&values[0]) && (10.0..=20.0).contains(&values[1]), "{values:?}");
        }
        assert!(ActionHead::new(kind, &Space::box_f32(vec![0.0], vec![f32::INFINITY])).is_err(), "no bounds");
    }
}

/// The gradients of log-probability and entropy against finite differences.
#[test]
fn grads_agree_with_finite_differences() {
    let multi = Space::MultiDiscrete { nvec: vec![3, 2], start: vec![0, 5] };
    let reals = Space::box_f32(vec![-1.0; 2], vec![1.0; 2]);
    for (head, outputs, action) in [
        (head(Head::Categorical, &Space::discrete(3)), vec![0.3, -0.2, 1.0], Action::Discrete(1)),
        (head(Head::Categorical, &multi), vec![0.3, -0.2, 1.0, 0.5, -0.5], Action::Multi(&[2, 0])),
        (head(Head::Gaussian, &reals), vec![0.3, -0.2, -0.5, 0.4], Action::Continuous(&[0.9, -1.2])),
    ] {
        let weighed = |outputs: &[f32]| {
            // The second of two rows.
            let mut chances = Chances::default();
            head.weigh(&[&vec![0.7; outputs.len()], outputs].concat(), outputs.len(), &mut chances);
            chances
        };
        let add =
            |outputs: &[f32], by, grad: &mut [f32]| head.add_grads((&weighed(outputs), 1), outputs, action, by, grad);
        let entropy = |outputs: &[f32]| add(outputs, [0.0; 2], &mut [0.0; 8]);
        let mut grad = vec![0.0; outputs.len()];
        add(&outputs, [2.0, -3.0], &mut grad);
        let log_probs = [head.log_prob(&outputs, action), head.log_prob_of(&weighed(&outputs), 1, &outputs, action)];
        assert!((log_probs[0] - log_probs[1]).abs() < 1e-6, "{log_probs:?}");
        for (at, found) in grad.iter().enumerate() {
            let value = |by: f32| {
                let mut moved = outputs.clone();
                moved[at] += by;
                2.0 * head.log_prob(&moved, action) - 3.0 * entropy(&moved)
            };
            let expected = (value(1e-2) - value(-1e-2)) / 2e-2;
            assert!((found - expected).abs() < 2e-3 * expected.abs().max(1.0), "{at}: {found} {expected}");
        }
    }
}

/// By the means, and not by the greatest chance.
#[test]
fn the_best_distribution_has_the_greatest_mean() {
    let support = Support { n_atoms: 3, v_min: -1.0, v_max: 3.0 };
    let head = head(Head::Distribution(support), &Space::discrete(2));
    let chances = [0.1_f32, 0.7, 0.2, 0.5, 0.0, 0.5];
    let mut outputs = chances.map(f32::ln).to_vec();
    outputs.resize(16, 0.0);
    let mut rows = head.rows(1);
    head.greedy(&outputs, 0, &mut rows);
    assert_eq!(rows.get(0), Action::Discrete(0));
    assert!(head.is_best(&outputs, Action::Discrete(0)) && !head.is_best(&outputs, Action::Discrete(1)));
    let mut judgement = Judgement::QValues(vec![9.0]);
    head.judge(&outputs, &mut judgement);
    let Judgement::Returns { values, chances: told, support: over } = judgement else { panic!("{judgement:?}") };
    assert!(values.iter().zip([1.2, 1.0]).all(|(a, b)| (a - b).abs() < 1e-5), "{values:?}");
    assert!(told.len() == 6 && told.iter().zip(chances).all(|(a, b)| (a - b).abs() < 1e-6), "{told:?}");
    assert_eq!(over, support);
}

#[test]
fn the_best_quantiles_have_the_greatest_mean() {
    let head = head(Head::Quantiles(3), &Space::discrete(2));
    let mut outputs = vec![0.0, 1.0, 9.0, 2.0, 3.0, 4.0];
    outputs.resize(16, 0.0);
    let mut rows = head.rows(1);
    head.greedy(&outputs, 0, &mut rows);
    assert_eq!(rows.get(0), Action::Discrete(0));
    assert!(head.is_best(&outputs, Action::Discrete(0)) && !head.is_best(&outputs, Action::Discrete(1)));
    let mut judgement = Judgement::None;
    head.judge(&outputs, &mut judgement);
    let (values, quantiles) = (vec![10.0 / 3.0, 3.0], outputs[..6].to_vec());
    assert_eq!(judgement, Judgement::Quantiles { values, quantiles });
    let mut grad = [0.0; 6];
    head.grad(&outputs, 1, &mut grad);
    assert_eq!(grad, [0.0, 0.0, 0.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0]);
}

#[test]
fn spaces_that_do_not_fit_are_named() {
    let space = Space::box_f32(vec![0.0], vec![1.0]);
    assert_eq!(ActionHead::new(Head::QValues, &space), Err(space.to_string()));
    assert!(ActionHead::new(Head::Gaussian, &Space::discrete(2)).is_err());
    let q = head(Head::QValues, &Space::Discrete { n: 3, start: 4 });
    let mut rows = q.rows(1);
    q.greedy(&[0.0, 2.0, 1.0], 0, &mut rows);
    let mut env = q.rows(1);
    q.to_env(&rows, &mut env);
    assert_eq!((rows.get(0), env.get(0)), (Action::Discrete(1), Action::Discrete(5)));
}
