//! The cross entropy of rows of logits that are too many to be taken to the host.

use dfdx::prelude::{
    Axis, BroadcastTo as _, ChooseFrom as _, GatherTo as _, HasShape as _, MaxTo as _, ReshapeTo as _, Tensor,
    TryAdd as _, TryDiv as _, TryEq as _, TryMatMul as _, TryMul as _, TrySub as _,
};

use super::{Compute, Rows, Vector};
use crate::nn::Real;
use crate::nn::ops::IGNORED;

/// How rows of logits came out.
pub(crate) struct Judged<E: Real, D: Compute<E>> {
    /// The cross entropy of each row with its class, 0 where there is none.
    pub(crate) losses: Vec<E>,
    /// Whether no class of a row has a higher logit than its own, or it has none.
    pub(crate) likeliest: Vec<bool>,
    /// What its gradient is made of.
    parts: Parts<E, D>,
}

struct Parts<E: Real, D: Compute<E>> {
    /// The exponentials of the logits less the highest of their row, and the sum of each row.
    exponentials: Rows<E, D>,
    totals: Vector<E, D>,
    /// The class of each row, in numbers of the logits' type; none is beyond all.
    classes: Vector<E, D>,
    /// 1 for a row that counts.
    counts: Vector<E, D>,
    smoothing: E,
}

/// [`ops::softmax_cross_entropy`](crate::nn::ops::softmax_cross_entropy) of each row with one class, or [`IGNORED`].
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If there is not a class a row that has a logit.
pub(crate) fn cross_entropy<E: Real, D: Compute<E>>(
    logits: &Rows<E, D>,
    classes: &[u32],
    label_smoothing: f64,
) -> Result<Judged<E, D>, D::Err> {
    let (device, (rows, columns)) = (logits.device(), *logits.shape());
    let known = |class: &u32| (*class as usize) < columns || *class == IGNORED;
    assert!(classes.len() == rows && classes.iter().all(known), "a class a row");
    let numbers = |of: &dyn Fn(u32) -> E| -> Result<Vector<E, D>, D::Err> {
        device.try_tensor_from_vec(classes.iter().map(|class| of(*class)).collect(), (rows,))
    };
    let smoothing = E::of(label_smoothing);
    let highest: Vector<E, D> = logits.clone().try_max::<_, Axis<1>>()?;
    let each = |vector: Vector<E, D>| vector.try_broadcast_like::<_, Axis<1>>(&(rows, columns));
    let exponentials = logits.clone().try_sub(each(highest.clone())?)?.try_exp()?;
    let totals = row_sums(exponentials.clone())?;
    let log_totals = totals.clone().try_ln()?.try_add(highest.clone())?;
    let places =
        (0..rows).zip(classes).map(|(row, class)| row * columns + if *class == IGNORED { 0 } else { *class as usize });
    let places: Tensor<(usize,), usize, D> = device.try_tensor_from_vec(places.collect(), (rows,))?;
    let own: Vector<E, D> = logits.clone().try_reshape_like(&(rows * columns,))?.try_gather(places)?;
    let (own, highest, log_totals) = (own.as_vec(), highest.as_vec(), log_totals.as_vec());
    let means = if smoothing.is_zero() {
        vec![E::zero(); rows]
    } else {
        row_sums(logits.clone())?.try_div(E::of(columns as f64))?.as_vec()
    };
    let loss = |row: usize| match classes[row] {
        IGNORED => E::zero(),
        // A class that nobody expects may well have a logit of -∞.
        _ if smoothing.is_zero() => log_totals[row] - own[row],
        _ => log_totals[row] - (E::one() - smoothing) * own[row] - smoothing * means[row],
    };
    let parts = Parts {
        exponentials,
        totals,
        classes: numbers(&|class| if class == IGNORED { E::of(-1.0) } else { E::of(f64::from(class)) })?,
        counts: numbers(&|class| if class == IGNORED { E::zero() } else { E::one() })?,
        smoothing,
    };
    Ok(Judged {
        losses: (0..rows).map(loss).collect(),
        likeliest: (0..rows).map(|row| classes[row] == IGNORED || own[row] >= highest[row]).collect(),
        parts,
    })
}

impl<E: Real, D: Compute<E>> Judged<E, D> {
    /// The gradient of the sum of all losses, divided by `divisor`, by the logits.
    ///
    /// # Errors
    /// If the device fails.
    pub(crate) fn grad(self, divisor: f64) -> Result<Rows<E, D>, D::Err> {
        let Parts { exponentials, totals, classes, counts, smoothing } = self.parts;
        let shape = *exponentials.shape();
        let (device, columns) = (exponentials.device().clone(), shape.1);
        let each = |vector: Vector<E, D>| vector.try_broadcast_like::<_, Axis<1>>(&shape);
        let counts = counts.try_div(E::of(divisor))?;
        let mut grad = exponentials.try_mul(each(counts.clone().try_div(totals)?)?)?;
        if !smoothing.is_zero() {
            let even = counts.clone().try_mul(smoothing / E::of(columns as f64))?;
            grad = grad.try_sub(each(even)?)?;
        }
        let numbered = (0..columns).map(|column| E::of(column as f64)).collect();
        let numbered: Vector<E, D> = device.try_tensor_from_vec(numbered, (columns,))?;
        let own = numbered.try_broadcast_like::<_, Axis<0>>(&shape)?.try_eq(&each(classes)?)?;
        let expected = grad.clone().try_sub(each(counts.try_mul(E::one() - smoothing)?)?)?;
        own.try_choose(expected, grad)
    }
}

/// The sum of each row: as a product with ones, so that it is added up in the same order each time.
fn row_sums<E: Real, D: Compute<E>>(x: Rows<E, D>) -> Result<Vector<E, D>, D::Err> {
    let (rows, columns) = *x.shape();
    let ones: Rows<E, D> = x.device().try_ones_like(&(columns, 1))?;
    x.try_matmul(ones)?.try_reshape_like(&(rows,))
}

#[cfg(test)]
mod tests {
    use cartwheel_envs::Generator;
    use dfdx::prelude::TensorFromVec as _;

    use super::*;
    use crate::nn::Cpu;
    use crate::nn::ops::{self, Targets};

    #[test]
    fn losses_and_grads_are_those_of_the_host() {
        let (mut rng, device) = (Generator::new(4), Cpu::default());
        let classes = [2, 0, IGNORED, 6, 6];
        let values: Vec<f64> = (0..35).map(|_| rng.uniform(-4.0, 900.0)).collect();
        for smoothing in [0.0, 0.1] {
            let loss = |logits| ops::softmax_cross_entropy(logits, Targets::Classes(&classes), smoothing, 3.0);
            let (expected, grad) = ops::grad_of(values.clone(), (5, 7), loss).expect("works");
            let logits = device.tensor_from_vec(values.clone(), (5, 7));
            let judged = cross_entropy(&logits, &classes, smoothing).expect("works");
            let sum: f64 = judged.losses.iter().sum();
            assert!((sum / 3.0 - expected).abs() < 1e-12 * expected.abs(), "{sum} {expected}");
            let right =
                |(row, class): (&[f64], &u32)| *class == IGNORED || row.iter().all(|x| *x <= row[*class as usize]);
            assert_eq!(judged.likeliest, values.chunks_exact(7).zip(&classes).map(right).collect::<Vec<_>>());
            let got = judged.grad(3.0).expect("works").as_vec();
            let worst = got.iter().zip(&grad).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(worst < 1e-14, "{worst}");
        }
        // A class that nobody expects may be impossible.
        let logits = device.tensor_from_vec(vec![0.0, f64::NEG_INFINITY], (1, 2));
        let judged = cross_entropy(&logits, &[0], 0.0).expect("works");
        assert_eq!((judged.losses.clone(), judged.grad(1.0).expect("works").as_vec()), (vec![0.0], vec![0.0, 0.0]));
    }
}
