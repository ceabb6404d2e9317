//! Texts of different lengths beside each other, as batched products need them.

use dfdx::prelude::{GatherTo as _, HasShape as _, ReshapeTo as _, Storage, Tensor, TensorFromVec};
use dfdx::tensor_ops::Device;

use super::kernels::Launch;
use super::places::Places;
use super::product::gathered;
use super::{Accelerator, Rows};
use crate::nn::Real;
use crate::nn::kernels::spread::spread;
use crate::nn::ops::{AttentionDropout, Spans, key};

/// Matrices beside each other.
pub(super) type Cube<E, D> = Tensor<(usize, usize, usize), E, D>;
/// Texts × heads × queries × keys.
pub(super) type Scores<E, D> = Tensor<(usize, usize, usize, usize), E, D>;

/// Added to the scores of what is not seen: no share is left of them.
const UNSEEN: f64 = -1e9;

/// [`Spans`] on a device. Rows lie there as they do on the host, texts one after the other; only within attention each text, head
/// by head, is padded to the longest with rows of zeros, which nothing sees and which are left out of what comes out.
pub(crate) struct Padded<E: Real, D: Device<E>> {
    pub(super) queries: Side<D>,
    pub(super) keys: Side<D>,
    /// 0 where a query sees a key: texts × queries × keys.
    pub(super) mask: Cube<E, D>,
    pub(super) heads: usize,
    spans: Spans,
}

impl<E: Real, D: Device<E>> Padded<E, D> {
    /// `spans` of so many heads.
    ///
    /// # Errors
    /// If the device fails.
    pub(crate) fn new(spans: Spans, heads: usize, accelerator: &Accelerator<D>) -> Result<Self, D::Err> {
        let device = &accelerator.device;
        let [queries, keys] = [&spans.queries, &spans.keys].map(|lengths| Side::new(lengths, heads, device));
        let (queries, keys) = (queries?, keys?);
        let (unseen, mut mask) = (E::of(UNSEEN), Vec::new());
        for length in &spans.keys {
            for query in 0..queries.longest {
                let seen = if spans.causal { (query + 1).min(*length) } else { *length };
                mask.extend((0..keys.longest).map(|key| if key < seen { E::zero() } else { unseen }));
            }
        }
        let mask = device.try_tensor_from_vec(mask, (spans.keys.len(), queries.longest, keys.longest))?;
        Ok(Self { queries, keys, mask, heads, spans })
    }

    /// Rows of the longest text's queries, padding too: at least one.
    pub(crate) fn longest(&self) -> usize {
        self.queries.longest
    }

    /// The shape of all scores.
    pub(super) fn shape(&self) -> (usize, usize, usize, usize) {
        (self.spans.keys.len(), self.heads, self.queries.longest, self.keys.longest)
    }

    /// What shares are multiplied by: 0 where they are dropped.
    pub(super) fn factors(&self, dropped: &AttentionDropout) -> Result<Scores<E, D>, D::Err> {
        let (texts, heads, queries, keys) = self.shape();
        let mut factors = vec![E::zero(); texts * heads * queries * keys];
        let spans = &self.spans;
        let draw = |(): &mut (), (at, matrix): (usize, &mut [E])| {
            let (text, head) = (at / heads, at % heads);
            let (own, key) = (spans.keys[text], key(&[dropped.keys[text], head as u64]));
            for (i, row) in matrix.chunks_exact_mut(keys).take(spans.queries[text]).enumerate() {
                let factor = |j| dropped.dropout.factor(key, (i * own + j) as u64);
                row[..own].iter_mut().enumerate().for_each(|(j, to)| *to = factor(j));
            }
        };
        spread(factors.chunks_exact_mut(queries * keys).enumerate(), || (), draw);
        self.mask.device().try_tensor_from_vec(factors, self.shape())
    }
}

/// Where the rows of queries, or of keys, lie.
pub(super) struct Side<D: Storage<usize>> {
    /// For each of texts × heads × places the row of one head that is there; the one after the last where there is none.
    padded: Places<D>,
    /// And back.
    packed: Tensor<(usize,), usize, D>,
    heads: usize,
    longest: usize,
}

impl<D: Storage<usize> + TensorFromVec<usize>> Side<D> {
    fn new(lengths: &[usize], heads: usize, device: &D) -> Result<Self, D::Err> {
        // A place of padding at least: a softmax of nothing is none.
        let longest = lengths.iter().copied().max().unwrap_or(0).max(1);
        let none = lengths.iter().sum::<usize>() * heads;
        let (mut padded, mut packed, mut first) = (Vec::new(), Vec::new(), 0);
        for (text, length) in lengths.iter().enumerate() {
            for head in 0..heads {
                let row = |i| if i < *length { (first + i) * heads + head } else { none };
                padded.extend((0..longest).map(row));
            }
            for i in 0..*length {
                packed.extend((0..heads).map(|head| (text * heads + head) * longest + i));
            }
            first += length;
        }
        let (places, rows) = ((padded.len(),), (packed.len(),));
        Ok(Self {
            padded: Places { all: device.try_tensor_from_vec(padded, places)?, taps: 1 },
            packed: device.try_tensor_from_vec(packed, rows)?,
            heads,
            longest,
        })
    }

    /// Rows of all heads as a matrix for each text and head, padded.
    pub(super) fn split<E: Real>(&self, rows: &Rows<E, D>) -> Result<Cube<E, D>, D::Err>
    where
        D: Device<E> + Launch,
    {
        let (count, inner) = *rows.shape();
        let width = inner / self.heads;
        let single = rows.clone().try_reshape_like(&(count * self.heads, width))?;
        let padded = gathered(single, Some(&self.padded))?;
        padded.try_reshape_like(&(self.padded.all.shape().0 / self.longest, self.longest, width))
    }

    /// The rows that [`split`](Self::split) made such matrices of; what became of the padding is left out.
    pub(super) fn join<E: Real>(&self, matrices: Cube<E, D>) -> Result<Rows<E, D>, D::Err>
    where
        D: Device<E>,
    {
        let (count, longest, width) = *matrices.shape();
        let single: Rows<E, D> =
            matrices.try_reshape_like(&(count * longest, width))?.try_gather(self.packed.clone())?;
        single.try_reshape_like(&(self.packed.shape().0 / self.heads, self.heads * width))
    }
}
