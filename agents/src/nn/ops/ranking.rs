//! Losses of scores: of what was chosen against what was not, and of ratings.

use dfdx::prelude::{
    Cpu, HasShape as _, NoneTape, PutTape as _, Rank0, SplitTape as _, Tape, Tensor, TensorFromVec as _,
};

use super::relu::add;
use super::{Rows, softmax, take_gradient, values};
use crate::nn::{DeviceError, Isa, Real};

/// How the first of a row of scores, which belongs to what was chosen, is held against the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// Bayesian personalized ranking (Rendle et al. 2009): the mean of -ln σ(first - other).
    Bpr,
    /// Binary cross entropy of logits, of which the first should be 1 and the others 0: the mean, as
    /// `torch.nn.functional.binary_cross_entropy_with_logits`.
    Bce,
    /// Cross entropy of the softmax: that the first is the one (sampled softmax).
    Softmax,
}

impl Against {
    /// The loss of a row of scores, which become its gradient by each.
    pub fn row<E: Real>(self, row: &mut [E]) -> E {
        let Some(others) = row.len().checked_sub(1) else { return E::zero() };
        match self {
            Self::Bpr => {
                let share = E::one() / E::of(others.max(1) as f64);
                let (first, mut loss, mut by_first) = (row[0], E::zero(), E::zero());
                for x in &mut row[1..] {
                    let (one, grad) = softplus(*x - first);
                    loss += one * share;
                    *x = grad * share;
                    by_first -= *x;
                }
                row[0] = by_first;
                loss
            }
            Self::Bce => {
                let share = E::one() / E::of(row.len() as f64);
                let (mut loss, mut sign) = (E::zero(), -E::one());
                for x in row {
                    let (one, grad) = softplus(sign * *x);
                    loss += one * share;
                    *x = sign * grad * share;
                    sign = E::one();
                }
                loss
            }
            Self::Softmax => {
                let first = row[0];
                let total = softmax(row);
                row[0] -= E::one();
                total - first
            }
        }
    }
}

/// ln(1 + eˣ) without overflow, and its gradient σ(x).
fn softplus<E: Real>(x: E) -> (E, E) {
    let small = (-x.abs()).exp();
    let grad = if x < E::zero() { small / (E::one() + small) } else { E::one() / (E::one() + small) };
    // What is no number stays one, which `max` would hide.
    let above = if x < E::zero() { E::zero() } else { x };
    (above + small.ln_1p(), grad)
}

/// The losses of the rows of `scores`, summed up and divided by `divisor`.
///
/// # Errors
/// If the device fails.
pub fn ranking<E: Real, T: Tape<E, Cpu>>(
    scores: Rows<E, T>,
    against: Against,
    divisor: f64,
) -> Result<Tensor<Rank0, E, Cpu, T>, DeviceError> {
    of_rows(scores, divisor, |_, row| against.row(row))
}

/// The squares of what `scores`, of one column, are off `targets`, summed up and divided by `divisor`.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If there are not as many targets.
pub fn squared_error<E: Real, T: Tape<E, Cpu>>(
    scores: Rows<E, T>,
    targets: &[E],
    divisor: f64,
) -> Result<Tensor<Rank0, E, Cpu, T>, DeviceError> {
    assert_eq!(*scores.shape(), (targets.len(), 1), "a target a score");
    of_rows(scores, divisor, |at, row| {
        let off = row[0] - targets[at];
        row[0] = off + off;
        off * off
    })
}

/// `scores` with other `values` of which each has the same gradient: what was added to it is a constant.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If there are not as many.
pub(crate) fn replaced<E: Real, T: Tape<E, Cpu>>(
    scores: Rows<E, NoneTape>,
    values: Vec<E>,
    mut tape: T,
) -> Result<Rows<E, T>, DeviceError> {
    let y = scores.device().tensor_from_vec(values, *scores.shape());
    if T::OWNS_TAPE {
        let out = y.clone();
        tape.add_backward_op(move |gradients| {
            let grad = take_gradient(gradients, &out)?;
            add(Isa::detect(), gradients.get_or_alloc_mut(&scores)?, &grad);
            Ok(())
        });
    }
    Ok(y.put_tape(tape))
}

/// `loss` is given each row with its number, and leaves the gradient in its place.
fn of_rows<E: Real, T: Tape<E, Cpu>>(
    scores: Rows<E, T>,
    divisor: f64,
    loss: impl Fn(usize, &mut [E]) -> E,
) -> Result<Tensor<Rank0, E, Cpu, T>, DeviceError> {
    let (scores, mut tape) = scores.split_tape();
    let mut grad = values(&scores);
    let rows = grad.chunks_exact_mut(scores.shape().1.max(1)).enumerate();
    let sum: E = rows.map(|(at, row)| loss(at, row)).sum();
    let divisor = E::of(divisor);
    let loss: Tensor<Rank0, E, Cpu> = scores.device().tensor_from_vec(vec![sum / divisor], ());
    if T::OWNS_TAPE {
        let out = loss.clone();
        tape.add_backward_op(move |gradients| {
            let scale = take_gradient(gradients, &out)?[0] / divisor;
            for (by_score, grad) in gradients.get_or_alloc_mut(&scores)?.iter_mut().zip(&grad) {
                *by_score += scale * *grad;
            }
            Ok(())
        });
    }
    Ok(loss.put_tape(tape))
}

#[cfg(test)]
mod tests {
    use cartwheel_envs::Generator;

    use super::*;
    use crate::nn::Parameters;
    use crate::nn::ops::testing;

    #[test]
    fn gradients_are_those_of_differences() {
        let mut rng = Generator::new(1);
        let x = testing::random(&mut rng, 12);
        for against in [Against::Bpr, Against::Bce, Against::Softmax] {
            testing::check_gradients(&mut Parameters::default(), &x, (3, 4), &|_, x| {
                ranking(x, against, 3.0).expect("works")
            });
        }
        testing::check_gradients(&mut Parameters::default(), &x[..3], (3, 1), &|_, x| {
            squared_error(x, &[0.5, -1.0, 3.0], 3.0).expect("works")
        });
    }

    #[test]
    fn large_scores_do_not_overflow_and_no_numbers_stay_seen() {
        for (x, loss) in [(1000.0, 0.0), (-1000.0, 1000.0)] {
            assert_eq!(Against::Bpr.row(&mut [x, 0.0_f32]), loss);
            assert_eq!(Against::Bce.row(&mut [x, -1000.0_f32]), loss / 2.0);
        }
        for against in [Against::Bpr, Against::Bce, Against::Softmax] {
            assert!(against.row(&mut [f32::NAN, 0.0]).is_nan());
            assert_eq!(against.row(&mut [0.0_f32; 0]), 0.0);
        }
    }
}
