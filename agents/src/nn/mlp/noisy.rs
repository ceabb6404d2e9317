//! Noisy layers (Fortunato et al. 2018, *Noisy networks for exploration*): a parameter is μ + σ ε, where μ and σ are learnt
//! and ε is drawn anew again and again, so that a network explores by what it is unsure of.
//!
//! Noise is factorised, as the paper has it for DQN: ε of the weight from input i to output j is f(xᵢ) f(yⱼ) and ε of the
//! bias of j is f(yⱼ), with f(x) = sign(x) √|x| and all x and y standard normal. μ begins uniform in ±1/√inputs, which is how
//! all parameters here begin, and σ at σ₀/√inputs. The last two layers are noisy: of a dueling network these are its
//! streams, as in Rainbow.
//!
//! In a flat buffer the σ of all parameters come after the μ of all, in the same order; what is not noisy has a σ of 0
//! and no ε, and keeps them. So all that knows nothing of noise reads the first half: the network that acts without.

use std::sync::Arc;

use cartwheel_envs::Generator;
use rand_distr::{Distribution as _, StandardNormal};

use super::Mlp;
use super::layer::{Layer, Linear};
use crate::nn::kernels::matmul::vectorized;
use crate::nn::kernels::simd::Isa;

/// Noisy layers of a network, from the last.
const NOISY_LAYERS: usize = 2;

impl Mlp {
    /// The linear maps that are noisy.
    fn noisy_linears(&self) -> impl Iterator<Item = (&Layer, &Linear)> {
        let (layers, _) = self.layers();
        let first =
            if self.noisy_std_init().is_some() { layers.len().saturating_sub(NOISY_LAYERS) } else { layers.len() };
        layers[first..].iter().flat_map(|layer| layer.linears.iter().map(move |linear| (layer, linear)))
    }

    /// Length of the flat buffer with the σ that are learnt: [`flat_len`](Self::flat_len), or twice that of a noisy one.
    pub fn trained_len(&self) -> usize {
        if self.noisy_std_init().is_some() { 2 * self.flat_len() } else { self.flat_len() }
    }

    /// `parameters`, whose μ are there, with their σ as they begin.
    pub fn with_fresh_noise(&self, mut parameters: Vec<f32>) -> Vec<f32> {
        let n = self.flat_len();
        if parameters.len() != n {
            // Those of another network, which who is given them refuses.
            return parameters;
        }
        parameters.resize(self.trained_len(), 0.0);
        let std_init = self.noisy_std_init().unwrap_or(0.0);
        for (layer, linear) in self.noisy_linears() {
            let sigma = (std_init / (linear.inputs.len().max(1) as f64).sqrt()) as f32;
            layer.weights(linear).chain(layer.biases(linear)).for_each(|at| parameters[n + at] = sigma);
        }
        parameters
    }

    /// Draws what ε is made of: of each noisy linear map an x for each input and then a y for each output. Nothing of a
    /// network without noise.
    pub fn draw_noise(&self, rng: &mut Generator, to: &mut Vec<f32>) {
        to.clear();
        let count: usize = self.noisy_linears().map(|(_, linear)| linear.inputs.len() + linear.outputs.len()).sum();
        to.extend((0..count).map(|_| -> f32 { StandardNormal.sample(rng) }));
    }

    /// Writes ε of each parameter, as `drawn` makes it.
    fn epsilon(&self, drawn: &[f32], to: &mut Vec<f32>) {
        fn f(x: &f32) -> f32 {
            x.signum() * x.abs().sqrt()
        }
        to.resize(self.flat_len(), 0.0);
        let mut rest = drawn;
        for (layer, linear) in self.noisy_linears() {
            let (inputs, after) = rest.split_at(linear.inputs.len());
            let (outputs, after) = after.split_at(linear.outputs.len());
            rest = after;
            let biases = layer.biases(linear);
            to[biases].iter_mut().zip(outputs).for_each(|(to, y)| *to = f(y));
            let (matrix, behind) = to[layer.weight..].split_at_mut(layer.bias - layer.weight);
            let noise = &behind[linear.outputs.clone()];
            for (row, x) in linear.weight_rows().zip(inputs) {
                let row = &mut matrix[row * layer.columns..(row + 1) * layer.columns];
                multiple(self.isa(), noise, f(x), &mut row[linear.outputs.clone()]);
            }
        }
    }
}

/// The noise of a network's parameters, and their sum with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Noise {
    /// ε of each parameter; empty while there is none.
    epsilon: Vec<f32>,
    /// Shared with a tape for as long as that is there.
    sum: Arc<Vec<f32>>,
    /// Whether the sum is of other parameters or noise.
    stale: bool,
}

impl Noise {
    /// Other noise from now on.
    pub(crate) fn set(&mut self, mlp: &Mlp, drawn: &[f32]) {
        if mlp.noisy_std_init().is_some() {
            mlp.epsilon(drawn, &mut self.epsilon);
            self.stale = true;
        }
    }

    /// Says that the parameters are others now.
    pub(crate) fn parameters_changed(&mut self) {
        self.stale = true;
    }

    /// ε of each parameter; empty while there is none.
    pub(crate) fn epsilon(&self) -> &[f32] {
        &self.epsilon
    }

    /// The parameters with noise: μ + σ ε, or μ while there is none.
    pub(crate) fn with<'a>(&'a mut self, trained: &'a [f32]) -> &'a [f32] {
        if self.epsilon.is_empty() {
            return trained;
        }
        self.refresh(trained);
        &self.sum
    }

    /// The same, to keep.
    pub(crate) fn shared(&mut self, trained: &Arc<Vec<f32>>) -> Arc<Vec<f32>> {
        if self.epsilon.is_empty() {
            return trained.clone();
        }
        self.refresh(trained);
        self.sum.clone()
    }

    fn refresh(&mut self, trained: &[f32]) {
        if std::mem::take(&mut self.stale) {
            let mut sum = std::mem::take(Arc::make_mut(&mut self.sum));
            self.add(trained, &mut sum);
            self.sum = Arc::new(sum);
        }
    }

    /// Writes the parameters with noise, where there is some, to `to`.
    pub(crate) fn add(&self, trained: &[f32], to: &mut Vec<f32>) {
        if self.epsilon.is_empty() {
            to.clear();
            return to.extend_from_slice(trained);
        }
        let (mu, sigma) = trained.split_at(self.epsilon.len());
        to.resize(mu.len(), 0.0);
        sum(Isa::detect(), mu, sigma, &self.epsilon, to);
    }

    /// Makes the gradient by σ of that by μ, which is the one by the sum.
    pub(crate) fn spread_gradient(&self, gradient: &mut [f32]) {
        let (mu, sigma) = gradient.split_at_mut(self.epsilon.len());
        // Of a network without noise, `mu` is empty.
        product(Isa::detect(), mu, &self.epsilon, sigma);
    }
}

vectorized! {
    fn sum(mu: &[f32], sigma: &[f32], epsilon: &[f32], to: &mut [f32]) {
        let terms = mu.iter().zip(sigma).zip(epsilon);
        to.iter_mut().zip(terms).for_each(|(to, ((mu, sigma), epsilon))| *to = mu + sigma * epsilon);
    }
}

vectorized! {
    fn product(mu: &[f32], epsilon: &[f32], to: &mut [f32]) {
        to.iter_mut().zip(mu.iter().zip(epsilon)).for_each(|(to, (mu, epsilon))| *to = mu * epsilon);
    }
}

vectorized! {
    fn multiple(noise: &[f32], factor: f32, to: &mut [f32]) {
        to.iter_mut().zip(noise).for_each(|(to, y)| *to = factor * y);
    }
}
