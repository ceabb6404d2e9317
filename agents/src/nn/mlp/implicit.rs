//! Implicit quantile networks (Dabney et al. 2018, *Implicit quantile networks for distributional reinforcement learning*): a
//! network that is asked for the quantile of any fraction τ of the returns of each action,
//!
//! Z_τ(s, a) = f(ψ(s) ⊙ φ(τ))ₐ with φ(τ) = ReLU(W · (cos(π i τ))ᵢ + b), i from 0 to below the number of cosines.
//!
//! f is the last hidden layer and the outputs (of a network with a single hidden layer and no image: the outputs alone), and
//! ψ what is before it: convolutions and first layers see a row once, however many fractions are asked of it.
//!
//! Fractions lie behind the input rows, as many of each row as of the others. Where there are none behind, those in the middle
//! of equal parts are meant, so that what acts is a function of the observation alone. Output rows are those of a network of
//! that many quantiles: action by action.

use std::borrow::Cow;

use super::layer::{Layer, Linear, add_layer};
use crate::nn::kernels::matmul::{Epilogue, Strided, matmul, pad, vectorized};
use crate::nn::kernels::simd::Isa;

/// Where a network takes fractions in, and how.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Implicit {
    /// The number of the layer that reads ψ(s) ⊙ φ(τ).
    pub(crate) at: usize,
    /// φ.
    pub(crate) embedding: Layer,
    /// Cosines that φ reads.
    pub(crate) cosines: usize,
    /// Fractions of a row that has none behind it.
    fractions: usize,
    actions: usize,
}

/// What a forward pass leaves for a backward pass.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    /// Fractions of each row.
    pub(crate) each: usize,
    /// `[rows · each, cosines]`, padded.
    pub(crate) cosines: Vec<f32>,
    /// φ(τ), and the gradient by what it is the ReLU of.
    embedded: Vec<f32>,
    pub(crate) by_embedded: Vec<f32>,
    /// ψ(s) ⊙ φ(τ), and the gradient by it.
    pub(crate) merged: Vec<f32>,
    pub(crate) by_merged: Vec<f32>,
    /// Outputs action by action, and the gradient by them fraction by fraction.
    pub(crate) ordered: Vec<f32>,
    pub(crate) by_outputs: Vec<f32>,
}

impl Implicit {
    /// One for a network of these layers.
    ///
    /// # Panics
    /// If that has no hidden layer.
    pub(crate) fn new(layers: &[Layer], actions: usize, cosines: usize, fractions: usize) -> Self {
        assert!(layers.len() > 1, "fractions are put to a hidden layer");
        let at = (layers.len() - 2).max(1);
        let width = layers[at - 1].width();
        // A layer of its own, behind all others in the flat buffer.
        let mut own = Vec::new();
        add_layer(&mut own, pad(cosines), vec![Linear::new("cosine_embedding.0".into(), 0..cosines, 0..width)]);
        let mut embedding = own.remove(0);
        let begin = layers[layers.len() - 1].end();
        (embedding.weight, embedding.bias) = (begin, begin + embedding.bias);
        debug_assert_eq!((layers[at - 1].conv.is_none(), embedding.columns), (true, layers[at].inputs));
        Self { at, embedding, cosines, fractions, actions }
    }

    /// Floats from one output row of so many fractions to the next.
    pub(crate) fn stride(&self, fractions: usize) -> usize {
        pad(self.actions * fractions)
    }

    /// Fractions that actors ask for.
    pub(crate) fn fractions(&self) -> usize {
        self.fractions
    }

    /// The fractions of each of `batch` rows, which lie behind the rows in `x`, or those that are meant.
    pub(crate) fn fractions_behind<'a>(&self, x: &'a [f32], batch: usize, inputs: usize) -> Cow<'a, [f32]> {
        let behind = &x[batch * inputs..];
        assert!(behind.len().is_multiple_of(batch.max(1)), "as many fractions of each row");
        if !behind.is_empty() {
            return Cow::Borrowed(behind);
        }
        let middle = |i: usize| ((i % self.fractions) as f32 + 0.5) / self.fractions as f32;
        Cow::Owned((0..batch * self.fractions).map(middle).collect())
    }

    /// Writes the cosines of each fraction, a padded row each.
    pub(crate) fn cosines(&self, fractions: &[f32], to: &mut Vec<f32>) {
        let width = self.embedding.inputs;
        to.clear();
        to.resize(fractions.len() * width, 0.0);
        for (row, fraction) in to.chunks_exact_mut(width).zip(fractions) {
            let first = (std::f64::consts::PI * f64::from(*fraction)).cos();
            cosines_of(first, &mut row[..self.cosines]);
        }
    }

    /// Puts ψ of each row, [`at`](Self::at)'s inputs, and φ of each of its fractions together, in `merged`.
    pub(crate) fn merge(&self, isa: Isa, params: &[f32], psi: &[f32], fractions: &[f32], samples: &mut Samples) {
        let (k, n, rows) = (self.embedding.inputs, self.embedding.columns, fractions.len());
        self.cosines(fractions, &mut samples.cosines);
        let Samples { each, cosines, embedded, merged, .. } = samples;
        embedded.resize(rows * n, 0.0);
        merged.resize(rows * n, 0.0);
        let (weights, bias) =
            (&params[self.embedding.weight..self.embedding.bias], &params[self.embedding.bias..self.embedding.end()]);
        matmul(isa, rows, n, k, Strided::rows(cosines, k), weights, embedded, Epilogue::BiasRelu(bias));
        for (row, (merged, embedded)) in merged.chunks_exact_mut(n).zip(embedded.chunks_exact(n)).enumerate() {
            let psi = &psi[row / *each * n..][..n];
            for (to, (psi, phi)) in merged.iter_mut().zip(psi.iter().zip(embedded)) {
                *to = psi * phi;
            }
        }
    }

    /// Takes the gradient by what was merged apart: into that by ψ of each row, and that by what φ is the ReLU of.
    pub(crate) fn take_apart(&self, isa: Isa, psi: &[f32], samples: &mut Samples, by_psi: &mut [f32]) {
        let n = self.embedding.columns;
        let Samples { each, embedded, by_embedded, by_merged, .. } = samples;
        by_psi.fill(0.0);
        by_embedded.resize(embedded.len(), 0.0);
        let rows = by_merged.chunks_exact(n).zip(embedded.chunks_exact(n)).zip(by_embedded.chunks_exact_mut(n));
        for (row, ((by_merged, embedded), by_embedded)) in rows.enumerate() {
            let of = row / *each * n..(row / *each + 1) * n;
            take_apart_row(isa, by_merged, embedded, &psi[of.clone()], &mut by_psi[of], by_embedded);
        }
    }

    /// The place among the outputs of one row, which are fraction by fraction and `stride` apart, of each number as it is told:
    /// action by action.
    pub(crate) fn places(&self, each: usize, stride: usize) -> impl Iterator<Item = usize> + Clone {
        (0..self.actions).flat_map(move |action| (0..each).map(move |sample| sample * stride + action))
    }

    /// Writes the outputs action by action.
    pub(crate) fn order(&self, rows: &[f32], stride: usize, samples: &mut Samples) {
        let (each, width) = (samples.each, self.stride(samples.each));
        samples.ordered.clear();
        samples.ordered.resize(rows.len() / (each * stride) * width, 0.0);
        for (row, to) in rows.chunks_exact(each * stride).zip(samples.ordered.chunks_exact_mut(width)) {
            to.iter_mut().zip(self.places(each, stride)).for_each(|(to, at)| *to = row[at]);
        }
    }

    /// Writes the gradient by the outputs, action by action, as it is fraction by fraction.
    pub(crate) fn spread(&self, gradient: &[f32], stride: usize, samples: &mut Samples) {
        let (each, width) = (samples.each, self.stride(samples.each));
        samples.by_outputs.clear();
        samples.by_outputs.resize(gradient.len() / width * each * stride, 0.0);
        for (row, to) in gradient.chunks_exact(width).zip(samples.by_outputs.chunks_exact_mut(each * stride)) {
            row.iter().zip(self.places(each, stride)).for_each(|(from, at)| to[at] = *from);
        }
    }
}

/// Writes cos(i θ) of each place i, given cos θ.
fn cosines_of(first: f64, to: &mut [f32]) {
    // cos((i + s) θ) = 2 cos(s θ) cos(i θ) − cos((i − s) θ): of steps of s = 8 eight are worked out at once.
    const STEP: usize = 8;
    let mut begin = [1.0; 2 * STEP];
    begin[1] = first;
    for i in 2..2 * STEP {
        begin[i] = 2.0 * first * begin[i - 1] - begin[i - 2];
    }
    let (before, now) = begin.split_at(STEP);
    let (mut before, mut now) =
        (<[f64; STEP]>::try_from(before).unwrap_or_default(), <[f64; STEP]>::try_from(now).unwrap_or_default());
    let along = 2.0 * now[0];
    for chunk in to.chunks_mut(STEP) {
        chunk.iter_mut().zip(&before).for_each(|(to, cosine)| *to = *cosine as f32);
        let next = std::array::from_fn(|i| along * now[i] - before[i]);
        (before, now) = (now, next);
    }
}

vectorized! {
    /// [`Implicit::take_apart`] for one fraction.
    fn take_apart_row(by_merged: &[f32], embedded: &[f32], psi: &[f32], by_psi: &mut [f32], by_embedded: &mut [f32]) {
        let terms = by_merged.iter().zip(embedded).zip(psi.iter().zip(by_psi)).zip(by_embedded);
        for (((by_merged, embedded), (psi, by_psi)), by_embedded) in terms {
            *by_psi += by_merged * embedded;
            *by_embedded = if *embedded > 0.0 { by_merged * psi } else { 0.0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::nn::{Activation, Activations, Mlp};
    use cartwheel_envs::Generator;

    /// The formula written out, in f64, for a network of two hidden layers.
    #[test]
    fn quantiles_are_the_formulas() {
        let mut rng = Generator::new(3);
        let mlp = Mlp::implicit(3, &[5, 4], 2, [6, 7], Activation::Relu, false);
        let flat = mlp.init(&mut rng);
        let tensors = mlp.tensors(&flat);
        let tensor = |name: &str| tensors.iter().find(|t| t.name == name).expect("a parameter").values.clone();
        let linear = |name: &str, x: &[f64]| -> Vec<f64> {
            let (weight, bias) = (tensor(&format!("{name}.weight")), tensor(&format!("{name}.bias")));
            let rows = weight.chunks_exact(x.len()).zip(bias);
            rows.map(|(w, b)| w.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum::<f64>() + f64::from(b)).collect()
        };
        let relu = |x: Vec<f64>| x.into_iter().map(|x| x.max(0.0)).collect::<Vec<_>>();
        let rows: Vec<f32> = (0..6).map(|_| rng.uniform(-2.0, 2.0) as f32).collect();
        let drawn: Vec<f32> = (0..8).map(|_| rng.random() as f32).collect();
        let middles: Vec<f32> = (0..14).map(|i| ((i % 7) as f32 + 0.5) / 7.0).collect();
        for (fractions, behind) in [(drawn.clone(), [&*rows, &*drawn].concat()), (middles, rows.clone())] {
            let (each, mut scratch) = (fractions.len() / 2, Activations::default());
            let found = mlp.forward(&flat, &behind, 2, &mut scratch).to_vec();
            assert_eq!(found.len(), 2 * mlp.output_stride_of(each));
            for (row, x) in rows.chunks_exact(3).enumerate() {
                let psi = relu(linear("0", &x.iter().map(|x| f64::from(*x)).collect::<Vec<_>>()));
                for sample in 0..each {
                    let tau = f64::from(fractions[row * each + sample]);
                    let cosines: Vec<f64> = (0..6).map(|i| (std::f64::consts::PI * f64::from(i) * tau).cos()).collect();
                    let phi = relu(linear("cosine_embedding.0", &cosines));
                    let merged: Vec<f64> = psi.iter().zip(phi).map(|(psi, phi)| psi * phi).collect();
                    for (action, expected) in linear("4", &relu(linear("2", &merged))).iter().enumerate() {
                        let found = found[row * mlp.output_stride_of(each) + action * each + sample];
                        assert!((f64::from(found) - expected).abs() < 1e-5, "{found} for {expected}");
                    }
                }
            }
        }
        assert_eq!((mlp.outputs(), mlp.output_stride()), (14, 16));
    }
}
