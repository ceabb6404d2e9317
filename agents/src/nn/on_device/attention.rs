//! T5's attention.

use std::sync::Arc;

use dfdx::prelude::{
    Axes3, Axis, BroadcastTo as _, GatherTo as _, HasShape as _, PermuteTo as _, PutTape as _, ReshapeTo as _,
    SplitTape as _, SumTo as _, Tape, Tensor, TryAdd as _, TryMatMul as _, TryMul as _, TrySub as _,
};
use dfdx::tensor_ops::Device;

use super::padded::{Cube, Padded, Scores};
use super::{Compute, Mirror, Rows, give, take};
use crate::nn::ops::AttentionDropout;
use crate::nn::{ParameterId, Real};

/// What is added to scores: queries × keys × heads.
pub(crate) type Bias<E, D> = Cube<E, D>;

/// What each query's score of each key is moved by, of texts of up to `longest` tokens; `buckets` are those of
/// [`RelativeBias`](crate::nn::ops::RelativeBias). All layers of a stack share it.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the buckets are not of distances up to `longest`, or the table has not as many.
pub(crate) fn relative_bias<E: Real, D: Compute<E>, T: Tape<E, D>>(
    mirror: &Mirror<'_, E, D>,
    table: ParameterId,
    buckets: &[u32],
    longest: usize,
    tape: &mut T,
) -> Result<Bias<E, D>, D::Err> {
    let table = mirror.matrix(table)?;
    let bucket = |at: usize| buckets[buckets.len() / 2 + at % longest - at / longest] as usize;
    let places = (0..longest * longest).map(bucket).collect();
    let places = mirror.places(places, (longest, longest), table.shape().0)?;
    let bias: Tensor<_, E, D, T> = table.put_tape(std::mem::take(tape)).try_gather(places)?;
    let (bias, left) = bias.split_tape();
    *tape = left;
    Ok(bias)
}

/// [`ops::attention`](crate::nn::ops::attention). Of what is on the way only the shares are kept for the way back.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the sizes do not fit.
pub(crate) fn attention<E: Real, D: Device<E>, T: Tape<E, D>>(
    q: &Rows<E, D>,
    [k, v]: [&Rows<E, D>; 2],
    spans: &Arc<Padded<E, D>>,
    bias: Option<&Bias<E, D>>,
    dropout: Option<&AttentionDropout>,
    tape: &mut T,
) -> Result<Rows<E, D>, D::Err> {
    let shape = spans.shape();
    let matrices = (shape.0 * shape.1, shape.2, shape.3);
    let [keys, values] = [spans.keys.split(k)?, spans.keys.split(v)?];
    let scores = spans.queries.split(q)?.try_matmul(turned(keys)?)?.try_reshape_like(&shape)?;
    let mut scores = scores.try_add(spans.mask.clone().try_broadcast_like::<_, Axis<1>>(&shape)?)?;
    if let Some(bias) = bias {
        let bias = bias.clone().try_permute::<_, Axes3<2, 0, 1>>()?;
        scores = scores.try_add(bias.try_broadcast_like::<_, Axis<0>>(&shape)?)?;
    }
    let shares = scores.try_softmax::<Axis<3>>()?;
    let factors = dropout.map(|dropout| spans.factors(dropout)).transpose()?;
    let kept = dropped(shares.clone(), factors.as_ref())?.try_reshape_like(&matrices)?;
    let y = spans.queries.join(kept.try_matmul(values)?)?;
    if T::OWNS_TAPE {
        let (q, k, v, out) = (q.clone(), k.clone(), v.clone(), y.clone());
        let (spans, bias) = (spans.clone(), bias.cloned());
        tape.add_backward_op(move |slopes| {
            let slope = spans.queries.split(&take(slopes, &out)?)?;
            let kept = dropped(shares.clone(), factors.as_ref())?.try_reshape_like(&matrices)?;
            give(slopes, &v, spans.keys.join(turned(kept)?.try_matmul(slope.clone())?)?)?;
            let by_kept = slope.try_matmul(turned(spans.keys.split(&v)?)?)?.try_reshape_like(&shape)?;
            let by_share = dropped(by_kept, factors.as_ref())?;
            let mean: Cube<E, D> = shares.clone().try_mul(by_share.clone())?.try_sum::<_, Axis<3>>()?;
            let by_score = shares.try_mul(by_share.try_sub(mean.try_broadcast_like::<_, Axis<3>>(&shape)?)?)?;
            if let Some(bias) = &bias {
                let by_bias: Cube<E, D> = by_score.clone().try_sum::<_, Axis<0>>()?;
                give(slopes, bias, by_bias.try_permute::<_, Axes3<1, 2, 0>>()?)?;
            }
            let by_score = by_score.try_reshape_like(&matrices)?;
            give(slopes, &q, spans.queries.join(by_score.clone().try_matmul(spans.keys.split(&k)?)?)?)?;
            give(slopes, &k, spans.keys.join(turned(by_score)?.try_matmul(spans.queries.split(&q)?)?)?)
        });
    }
    Ok(y)
}

/// Each matrix with rows for columns.
fn turned<E: Real, D: Device<E>>(matrices: Cube<E, D>) -> Result<Cube<E, D>, D::Err> {
    matrices.try_permute::<_, Axes3<0, 2, 1>>()
}

fn dropped<E: Real, D: Device<E>>(
    shares: Scores<E, D>,
    factors: Option<&Scores<E, D>>,
) -> Result<Scores<E, D>, D::Err> {
    match factors {
        Some(factors) => shares.try_mul(factors.clone()),
        None => Ok(shares),
    }
}
