//! T5's attention.

#![allow(clippy::too_many_arguments, reason = "a kernel's slices and sizes")]

use std::sync::Arc;

use dfdx::prelude::{Cpu, HasShape as _, PutTape as _, SplitTape as _, Tape, Tensor, TensorFromVec as _};

use super::cross_entropy::softmax;
use super::dropout::{Dropout, key};
use super::rms_norm::dot;
use super::{Rows, take_gradient, values};
use crate::nn::kernels::matmul::vectorized;
use crate::nn::parameters::gradients::buffer;
use crate::nn::{DeviceError, Isa, Parameter, Real};

/// What attends to what. Texts lie one after the other, each as long as it is: there is no padding to be masked.
#[derive(Clone, Debug, PartialEq)]
pub struct Spans {
    /// Rows of queries of each text.
    pub queries: Vec<usize>,
    /// Rows of keys and values of each text.
    pub keys: Vec<usize>,
    /// Whether a row attends only to itself and what is before it.
    pub causal: bool,
}

/// What is added to scores by the distance of key and query.
#[derive(Clone, Debug)]
pub struct RelativeBias<'a, E: Real> {
    /// `[buckets, heads]`
    pub table: &'a Parameter<E>,
    /// The bucket of each distance from 1 - n to n - 1, the key's place less the query's; n is that of the longest text.
    pub buckets: Arc<Vec<u32>>,
}

/// Which shares of attention are dropped; see [`Dropout`].
#[derive(Clone, Debug)]
pub struct AttentionDropout {
    /// How many.
    pub dropout: Dropout,
    /// A key for each text.
    pub keys: Arc<Vec<u64>>,
}

/// softmax(q·kᵀ + bias)·v within each text, head by head: `heads` of them beside each other in the rows of all three. Scores are
/// not scaled by 1/√d: T5's weights are begun so that they need not be.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the sizes do not fit.
pub fn attention<E: Real, T: Tape<E, Cpu>>(
    q: Rows<E, T>,
    [k, v]: [Tensor<(usize, usize), E, Cpu>; 2],
    heads: usize,
    spans: Arc<Spans>,
    bias: Option<RelativeBias<'_, E>>,
    dropout: Option<AttentionDropout>,
) -> Result<Rows<E, T>, DeviceError> {
    let (q, mut tape) = q.split_tape();
    let (rows, inner) = *q.shape();
    let sum = |lengths: &[usize]| lengths.iter().sum::<usize>();
    assert!(k.shape() == v.shape() && k.shape().1 == inner && inner.is_multiple_of(heads), "an attention's shapes");
    assert!(sum(&spans.queries) == rows && sum(&spans.keys) == k.shape().0, "texts are as long as their rows");
    let table = bias.as_ref().map(|bias| (bias.table.values(), bias.buckets.as_slice()));
    let shape = Shape { heads, width: inner / heads };
    let data = [values(&q), values(&k), values(&v)];
    let mut shares = vec![E::zero(); spans.queries.iter().zip(&spans.keys).map(|(q, k)| heads * q * k).sum()];
    let mut y = vec![E::zero(); rows * inner];
    let [dq, dk, dv] = [&data[0], &data[1], &data[2]].map(Vec::as_slice);
    forward(Isa::detect(), dq, dk, dv, shape, &spans, table, dropout.as_ref(), &mut shares, &mut y);
    let y = q.device().tensor_from_vec(y, *q.shape());
    if T::OWNS_TAPE {
        let out = y.clone();
        let bias = bias.map(|bias| (bias.table.clone(), bias.buckets));
        tape.add_backward_op(move |gradients| {
            let grad = take_gradient(gradients, &out)?;
            let [dq, dk, dv] = [&data[0], &data[1], &data[2]].map(Vec::as_slice);
            let mut by = [&q, &k, &v].map(|x| vec![E::zero(); x.shape().0 * inner]);
            let (mut by_table, buckets) = match &bias {
                Some((table, buckets)) => (std::mem::take(buffer(gradients, table)?), buckets.as_slice()),
                None => (Vec::new(), &[][..]),
            };
            let table = bias.is_some().then_some((by_table.as_mut_slice(), buckets));
            backward(Isa::detect(), dq, dk, dv, shape, &spans, dropout.as_ref(), &shares, &grad, &mut by, table);
            if let Some((table, _)) = &bias {
                *buffer(gradients, table)? = by_table;
            }
            for (x, by) in [&q, &k, &v].into_iter().zip(&by) {
                super::relu::add(Isa::detect(), gradients.get_or_alloc_mut(x)?, by);
            }
            Ok(())
        });
    }
    Ok(y.put_tape(tape))
}

#[derive(Clone, Copy)]
struct Shape {
    heads: usize,
    /// Of a head.
    width: usize,
}

/// The bucket of the key `j` for the query `i`.
#[inline(always)]
fn bucket(buckets: &[u32], i: usize, j: usize) -> usize {
    buckets[(buckets.len() / 2 + j) - i] as usize
}

vectorized! {
    fn forward<E: Real>(
        q: &[E],
        k: &[E],
        v: &[E],
        shape: Shape,
        spans: &Spans,
        table: Option<(&[E], &[u32])>,
        dropout: Option<&AttentionDropout>,
        shares: &mut [E],
        y: &mut [E],
    ) {
        let Shape { heads, width } = shape;
        let inner = heads * width;
        let (mut first_q, mut first_k, mut first_share) = (0, 0, 0);
        for (text, (queries, keys)) in spans.queries.iter().zip(&spans.keys).enumerate() {
            for head in 0..heads {
                let drop = dropout.map(|d| (d.dropout, key(&[d.keys[text], head as u64])));
                for i in 0..*queries {
                    let at = (first_q + i) * inner + head * width;
                    let query = &q[at..at + width];
                    let row = &mut shares[first_share..first_share + keys];
                    first_share += keys;
                    let seen = if spans.causal { i + 1 } else { *keys };
                    let row = &mut row[..seen];
                    for (j, score) in row.iter_mut().enumerate() {
                        let from = (first_k + j) * inner + head * width;
                        *score = dot(query, &k[from..from + width]);
                        if let Some((table, buckets)) = table {
                            *score += table[bucket(buckets, i, j) * heads + head];
                        }
                    }
                    softmax(row);
                    let to = &mut y[at..at + width];
                    for (j, share) in row.iter().enumerate() {
                        let share = match drop {
                            Some((dropout, key)) => *share * dropout.factor(key, (i * keys + j) as u64),
                            None => *share,
                        };
                        let from = (first_k + j) * inner + head * width;
                        for (to, v) in to.iter_mut().zip(&v[from..from + width]) {
                            *to += share * *v;
                        }
                    }
                }
            }
            first_q += queries;
            first_k += keys;
        }
    }
}

vectorized! {
    fn backward<E: Real>(
        q: &[E],
        k: &[E],
        v: &[E],
        shape: Shape,
        spans: &Spans,
        dropout: Option<&AttentionDropout>,
        shares: &[E],
        grad: &[E],
        by: &mut [Vec<E>; 3],
        table: Option<(&mut [E], &[u32])>,
    ) {
        let Shape { heads, width } = shape;
        let inner = heads * width;
        let [by_q, by_k, by_v] = by;
        let mut table = table;
        let (mut first_q, mut first_k, mut first_share) = (0, 0, 0);
        let mut by_share = Vec::new();
        for (text, (queries, keys)) in spans.queries.iter().zip(&spans.keys).enumerate() {
            by_share.resize(*keys, E::zero());
            for head in 0..heads {
                let drop = dropout.map(|d| (d.dropout, key(&[d.keys[text], head as u64])));
                for i in 0..*queries {
                    let at = (first_q + i) * inner + head * width;
                    let (query, grad) = (&q[at..at + width], &grad[at..at + width]);
                    let row = &shares[first_share..first_share + keys];
                    first_share += keys;
                    let seen = if spans.causal { i + 1 } else { *keys };
                    let (row, by_share) = (&row[..seen], &mut by_share[..seen]);
                    let mut mean = E::zero();
                    for (j, (share, by_share)) in row.iter().zip(by_share.iter_mut()).enumerate() {
                        let from = (first_k + j) * inner + head * width;
                        let factor = match drop {
                            Some((dropout, key)) => dropout.factor(key, (i * keys + j) as u64),
                            None => E::one(),
                        };
                        *by_share = factor * dot(grad, &v[from..from + width]);
                        mean += *share * *by_share;
                        let kept = factor * *share;
                        for (to, grad) in by_v[from..from + width].iter_mut().zip(grad) {
                            *to += kept * *grad;
                        }
                    }
                    let by_query = &mut by_q[at..at + width];
                    for (j, (share, by_share)) in row.iter().zip(by_share.iter()).enumerate() {
                        let by_score = *share * (*by_share - mean);
                        let from = (first_k + j) * inner + head * width;
                        for (to, k) in by_query.iter_mut().zip(&k[from..from + width]) {
                            *to += by_score * *k;
                        }
                        for (to, q) in by_k[from..from + width].iter_mut().zip(query) {
                            *to += by_score * *q;
                        }
                        if let Some((table, buckets)) = &mut table {
                            table[bucket(buckets, i, j) * heads + head] += by_score;
                        }
                    }
                }
            }
            first_q += queries;
            first_k += keys;
        }
    }
}

#[cfg(test)]
mod tests {
    use cartwheel_envs::Generator;

    use super::*;
    use crate::nn::Parameters;
    use crate::nn::ops::{Targets, branches, softmax_cross_entropy, testing};

    /// Two texts of two and three tokens, two heads of three numbers.
    #[test]
    fn gradients_are_those_of_differences() {
        let mut rng = Generator::new(1);
        let mut parameters = Parameters::default();
        for name in ["q", "k", "v"] {
            parameters.add(name, &[6, 4], testing::random(&mut rng, 24));
        }
        parameters.add("bias", &[4, 2], testing::random(&mut rng, 8));
        let x = testing::random(&mut rng, 20);
        let buckets = Arc::new(vec![0, 1, 2, 3, 3]);
        for (causal, rate) in [(false, 0.0), (true, 0.0), (true, 0.3)] {
            testing::check_gradients(&mut parameters, &x, (5, 4), &|parameters, x| {
                let of = |name| parameters.named(name).expect("it is");
                let ([q, k, v], tape) = branches(x, ["q", "k", "v"].map(of)).expect("works");
                let spans = Arc::new(Spans { queries: vec![2, 3], keys: vec![2, 3], causal });
                let bias = RelativeBias { table: of("bias"), buckets: buckets.clone() };
                let dropout = AttentionDropout { dropout: Dropout::new(rate), keys: Arc::new(vec![5, 6]) };
                let y = attention(q.put_tape(tape), [k, v], 2, spans, Some(bias), Some(dropout)).expect("works");
                softmax_cross_entropy(y, Targets::Classes(&[0, 2, 3, 5, 1]), 0.0, 2.0).expect("works")
            });
        }
    }

    #[test]
    fn texts_beside_each_other_do_not_see_each_other() {
        let device = Cpu::default();
        let mut rng = Generator::new(2);
        let x = testing::random(&mut rng, 5 * 4);
        let of = |rows: &[f64], lengths: Vec<usize>| {
            let x = device.tensor_from_vec(rows.to_vec(), (rows.len() / 4, 4));
            let spans = Arc::new(Spans { queries: lengths.clone(), keys: lengths, causal: false });
            values(&attention(x.clone(), [x.clone(), x], 2, spans, None, None).expect("works"))
        };
        let both = of(&x, vec![2, 3]);
        assert_eq!(both[..8], of(&x[..8], vec![2]));
        assert_eq!(both[8..], of(&x[8..], vec![3]));
    }
}
