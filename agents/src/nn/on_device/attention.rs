//! T5's attention.

use std::sync::Arc;

use dfdx::prelude::{
    Axes3, Axis, BroadcastTo as _, GatherTo as _, HasShape as _, PermuteTo as _, ReshapeTo as _, SumTo as _,
    TryAdd as _, TryMatMul as _, TryMul as _, TrySub as _,
};
use dfdx::tensor_ops::Device;

use super::padded::{Cube, Padded, Scores};
use super::tape::through;
use super::{Compute, Mirror, Rows, Tape};
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
pub(crate) fn relative_bias<E: Real, D: Compute<E>>(
    mirror: &Mirror<E, D>,
    table: ParameterId,
    buckets: &[u32],
    longest: usize,
    tape: &mut Tape<E, D>,
) -> Result<Bias<E, D>, D::Err> {
    let table = mirror.matrix(table)?;
    let bucket = |at: usize| buckets[buckets.len() / 2 + at % longest - at / longest] as usize;
    let places = (0..longest * longest).map(bucket).collect();
    let places = mirror.places(places, (longest, longest), table.shape().0)?;
    let bias = table.clone().try_gather(places.clone())?;
    tape.note(&bias, move |grads, grad| {
        let by_table = through(&table, grad, |table| table.try_gather(places))?;
        grads.give(&table, by_table)
    });
    Ok(bias)
}

/// [`ops::attention`](crate::nn::ops::attention). Of what is on the way only the shares are kept for the way back.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the sizes do not fit.
pub(crate) fn attention<E: Real, D: Compute<E>>(
    q: &Rows<E, D>,
    [k, v]: [&Rows<E, D>; 2],
    spans: &Arc<Padded<E, D>>,
    bias: Option<&Bias<E, D>>,
    dropout: Option<&AttentionDropout>,
    tape: &mut Tape<E, D>,
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
    let (q, k, v) = (q.clone(), k.clone(), v.clone());
    let (spans, bias) = (spans.clone(), bias.cloned());
    tape.note(&y, move |grads, grad| {
        let grad = spans.queries.split(&grad)?;
        let kept = dropped(shares.clone(), factors.as_ref())?.try_reshape_like(&matrices)?;
        grads.give(&v, spans.keys.join(turned(kept)?.try_matmul(grad.clone())?)?)?;
        let by_kept = grad.try_matmul(turned(spans.keys.split(&v)?)?)?.try_reshape_like(&shape)?;
        let by_share = dropped(by_kept, factors.as_ref())?;
        let mean: Cube<E, D> = shares.clone().try_mul(by_share.clone())?.try_sum::<_, Axis<3>>()?;
        let by_score = shares.try_mul(by_share.try_sub(mean.try_broadcast_like::<_, Axis<3>>(&shape)?)?)?;
        if let Some(bias) = &bias {
            let by_bias: Cube<E, D> = by_score.clone().try_sum::<_, Axis<0>>()?;
            grads.give(bias, by_bias.try_permute::<_, Axes3<1, 2, 0>>()?)?;
        }
        let by_score = by_score.try_reshape_like(&matrices)?;
        grads.give(&q, spans.queries.join(by_score.clone().try_matmul(spans.keys.split(&k)?)?)?)?;
        grads.give(&k, spans.keys.join(turned(by_score)?.try_matmul(spans.queries.split(&q)?)?)?)
    });
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
