//! The loss of classifiers.

use dfdx::prelude::{Cpu, HasShape as _, PutTape as _, Rank0, SplitTape as _, Tape, Tensor, TensorFromVec as _};

use super::{Rows, take_gradient, values};
use crate::nn::{DeviceError, Real};

/// A class that stands for none: its row counts for nothing, as -100 does in PyTorch.
pub const IGNORED: u32 = u32::MAX;

/// What should have come out.
#[derive(Clone, Copy, Debug)]
pub enum Targets<'a, E = f32> {
    /// The class of each row, or [`IGNORED`].
    Classes(&'a [u32]),
    /// How likely each class of each row is, row after row: of samples that were mixed. Those of a row add up to 1.
    Shares(&'a [E]),
    /// The same of classes that do not count alike: what each class's part of a row's loss is multiplied by.
    Weighted {
        /// As above.
        shares: &'a [E],
        /// The weight of each class.
        class_weight: &'a [E],
    },
}

/// Cross entropy of the softmax of `logits`, summed over the rows and divided by `divisor`: the number of rows for the mean.
/// With `label_smoothing` ε a target t of K classes counts as t(1 - ε) + ε/K, as in PyTorch and Keras, and where classes have
/// weights w as w(t(1 - ε) + ε/K), as in PyTorch; weights of 1 change no bit. Sums are 64-bit: of many classes ε/K is so little
/// that a sum in f32 would not notice it.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If there are not as many targets as rows or weights as columns, or a class is not below the number of columns.
pub fn softmax_cross_entropy<E: Real, T: Tape<E, Cpu>>(
    logits: Rows<E, T>,
    targets: Targets<'_, E>,
    label_smoothing: f64,
    divisor: f64,
) -> Result<Tensor<Rank0, E, Cpu, T>, DeviceError> {
    let (logits, mut tape) = logits.split_tape();
    let (rows, classes) = *logits.shape();
    match targets {
        Targets::Classes(of) => {
            let known = |class: &u32| (*class as usize) < classes || *class == IGNORED;
            assert!(of.len() == rows && of.iter().all(known), "a class a row");
        }
        Targets::Shares(of) | Targets::Weighted { shares: of, .. } => {
            assert_eq!(of.len(), rows * classes, "a share of each class a row");
        }
    }
    if let Targets::Weighted { class_weight, .. } = targets {
        assert_eq!(class_weight.len(), classes, "a weight a class");
    }
    let (smoothing, narrow_divisor) = (E::of(label_smoothing), E::of(divisor));
    let even = smoothing / E::of(classes.max(1) as f64);
    let x = values(&logits);
    let mut grad = x.clone();
    let mut sum = 0.0;
    for (row, (x, grad)) in x.chunks_exact(classes.max(1)).zip(grad.chunks_exact_mut(classes.max(1))).enumerate() {
        if matches!(targets, Targets::Classes(of) if of[row] == IGNORED) {
            grad.fill(E::zero());
            continue;
        }
        let log_total = softmax(grad);
        let target = |class: usize| {
            let target = match targets {
                Targets::Classes(of) if of[row] as usize == class => E::one(),
                Targets::Classes(_) => E::zero(),
                Targets::Shares(of) | Targets::Weighted { shares: of, .. } => of[row * classes + class],
            };
            target * (E::one() - smoothing) + even
        };
        if let Targets::Weighted { class_weight, .. } = targets {
            // Targets add up to 1; what weights make of that is counted from there, so that those of 1 add nothing.
            let total =
                (0..classes).fold(E::one(), |sum, class| sum + target(class) * (class_weight[class] - E::one()));
            grad.iter_mut().for_each(|grad| *grad *= total);
        }
        for (class, (x, grad)) in x.iter().zip(grad).enumerate() {
            let target = match targets {
                Targets::Weighted { class_weight, .. } => target(class) * class_weight[class],
                _ => target(class),
            };
            // A class that nobody expects may well have a logit of -∞.
            if target != E::zero() {
                sum += target.wide() * (log_total - *x).wide();
            }
            *grad = (*grad - target) / narrow_divisor;
        }
    }
    let loss: Tensor<Rank0, E, Cpu> = logits.device().tensor_from_vec(vec![E::of(sum / divisor)], ());
    if T::OWNS_TAPE {
        let out = loss.clone();
        tape.add_backward_op(move |gradients| {
            let scale = take_gradient(gradients, &out)?[0];
            for (by_logit, grad) in gradients.get_or_alloc_mut(&logits)?.iter_mut().zip(&grad) {
                *by_logit += scale * *grad;
            }
            Ok(())
        });
    }
    Ok(loss.put_tape(tape))
}

/// Turns a row of logits into probabilities, and answers the logarithm of the sum of their exponentials.
pub fn softmax<E: Real>(row: &mut [E]) -> E {
    let max = row.iter().copied().fold(E::neg_infinity(), |max, x| if x > max { x } else { max });
    let mut total = E::zero();
    for x in row.iter_mut() {
        *x = (*x - max).exp();
        total += *x;
    }
    row.iter_mut().for_each(|x| *x /= total);
    max + total.ln()
}

#[cfg(test)]
mod tests {
    use cartwheel_envs::Generator;
    use dfdx::prelude::AsArray as _;

    use super::*;
    use crate::nn::Parameters;
    use crate::nn::ops::testing;

    #[test]
    fn gradients_are_those_of_differences() {
        let mut rng = Generator::new(1);
        let x = testing::random(&mut rng, 12);
        let shares = [0.5, 0.5, 0.0, 0.0, 0.25, 0.0, 0.0, 0.75, 0.0, 1.0, 0.0, 0.0];
        for (targets, smoothing) in [
            (Targets::Classes(&[0, 3, 2]), 0.0),
            (Targets::Classes(&[1, IGNORED, 0]), 0.1),
            (Targets::Shares(&shares), 0.2),
            (Targets::Weighted { shares: &shares, class_weight: &[0.5, 2.0, 1.0, 3.0] }, 0.2),
        ] {
            testing::check_gradients(&mut Parameters::default(), &x, (3, 4), &|_, x| {
                softmax_cross_entropy(x, targets, smoothing, 3.0).expect("the processor works")
            });
        }
    }

    /// `torch.nn.functional.cross_entropy(logits, target, label_smoothing=0.1)` of PyTorch 2.15.
    #[test]
    fn the_loss_is_pytorchs() {
        let device = Cpu::default();
        let logits = || device.tensor_from_vec(vec![1.0_f64, 2.0, 0.5, -1.0, 0.0, 3.0], (2, 3));
        let loss = |smoothing| {
            softmax_cross_entropy(logits(), Targets::Classes(&[1, 0]), smoothing, 2.0).expect("works").array()
        };
        assert!((loss(0.0) - 2.265_126_343_932_687).abs() < 1e-12, "{}", loss(0.0));
        assert!((loss(0.1) - 2.223_459_677_266_020_7).abs() < 1e-12, "{}", loss(0.1));
    }

    /// `torch.nn.CrossEntropyLoss` with a `weight`, of classes and of shares: tests/data/class_weight/class_weight.py.
    #[test]
    fn weights_of_classes_are_pytorchs() {
        let text = include_str!("../../../../tests/data/class_weight/class_weight.json");
        let recorded: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let numbers = |value: &serde_json::Value| -> Vec<f64> {
            value.as_array().expect("a list").iter().filter_map(serde_json::Value::as_f64).collect()
        };
        let class_weight = numbers(&recorded["weight"]);
        let shape = (recorded["rows"].as_u64().expect("a count") as usize, class_weight.len());
        for case in recorded["cases"].as_array().expect("a list") {
            let number = |name: &str| case[name].as_f64().expect("a number");
            let targets = Targets::Weighted { shares: &numbers(&case["shares"]), class_weight: &class_weight };
            let loss = |logits| softmax_cross_entropy(logits, targets, number("smoothing"), number("divisor"));
            let (loss, grad) = crate::nn::ops::grad_of(numbers(&recorded["logits"]), shape, loss).expect("works");
            assert!((loss - number("loss")).abs() < 1e-12, "{loss} {case}");
            for (got, expected) in grad.iter().zip(numbers(&case["grad"])) {
                assert!((got - expected).abs() < 1e-12, "{got} {expected} {case}");
            }
        }
    }

    #[test]
    fn weights_of_one_change_no_bit() {
        let mut rng = Generator::new(3);
        let x: Vec<f32> = testing::random(&mut rng, 15).into_iter().map(|x| x as f32).collect();
        let mut shares = vec![0.0_f32; 15];
        (shares[2], shares[5], shares[14]) = (1.0, 1.0, 1.0);
        for smoothing in [0.0, 0.1, 0.3] {
            let of = |targets| {
                let loss = |logits| softmax_cross_entropy(logits, targets, smoothing, 3.0);
                crate::nn::ops::grad_of(x.clone(), (3, 5), loss).expect("works")
            };
            let plain = of(Targets::Classes(&[2, 0, 4]));
            assert_eq!(of(Targets::Weighted { shares: &shares, class_weight: &[1.0; 5] }), plain);
            assert_ne!(of(Targets::Weighted { shares: &shares, class_weight: &[1.0, 1.0, 1.5, 1.0, 1.0] }), plain);
        }
    }

    /// As of a T5's 32,128 tokens, of which each has 3e-6 of a row's target.
    #[test]
    fn what_smoothing_adds_is_not_lost_among_many_classes() {
        let (mut rng, rows, classes) = (Generator::new(5), 200, 32_128);
        let logits: Vec<f32> = (0..rows * classes).map(|_| rng.uniform(-3.0, 3.0) as f32).collect();
        let own: Vec<u32> = (0..rows as u32).collect();
        let exact = |(row, class): (&[f32], &u32)| {
            let mut row: Vec<f64> = row.iter().map(|x| f64::from(*x)).collect();
            let (own, mean) = (row[*class as usize], row.iter().sum::<f64>() / classes as f64);
            softmax(&mut row) - 0.9 * own - 0.1 * mean
        };
        let exact: f64 = logits.chunks_exact(classes).zip(&own).map(exact).sum();
        let logits = Cpu::default().tensor_from_vec(logits, (rows, classes));
        let loss = softmax_cross_entropy(logits, Targets::Classes(&own), 0.1, 1.0).expect("works").array();
        assert!((f64::from(loss) - exact).abs() < 1e-5 * exact, "{loss} {exact}");
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let logits = Cpu::default().tensor_from_vec(vec![1000.0_f32, f32::NEG_INFINITY], (1, 2));
        let loss = softmax_cross_entropy(logits, Targets::Classes(&[0]), 0.0, 1.0).expect("works");
        assert_eq!(loss.array(), 0.0);
    }
}
