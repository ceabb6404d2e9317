//! What parameters begin as.

use cartwheel_envs::Generator;

use super::Mlp;
use super::layer::Layer;
use super::orthogonal::orthogonal;

impl Mlp {
    /// Fresh parameters, uniform in ±1/√inputs for weights and biases: `torch.nn.Linear`'s default.
    pub fn init(&self, rng: &mut Generator) -> Vec<f32> {
        let mut flat = vec![0.0; self.flat_len()];
        let lstm = self.lstm().map_or(0, |lstm| 2 * lstm.layers.len());
        for layer in self.all_layers().take(self.all_layers().count() - lstm) {
            begin(layer, None, rng, &mut flat);
        }
        self.begin_norms(&mut flat);
        self.begin_memory(rng, &mut flat);
        flat
    }

    /// What remembers begins as `torch.nn.LSTM`: uniform in ±1/√units, also where other weights begin orthogonal.
    fn begin_memory(&self, rng: &mut Generator, flat: &mut [f32]) {
        for (lstm, layer) in
            self.lstm().iter().flat_map(|lstm| lstm.layers.iter().flatten().map(move |own| (lstm, own)))
        {
            begin(layer, Some(lstm.hidden_size), rng, flat);
        }
    }

    /// What is normalized begins unscaled.
    fn begin_norms(&self, flat: &mut [f32]) {
        for layer in self.layers().0.iter().filter(|layer| layer.norm) {
            flat[layer.gain()][..layer.used].fill(1.0);
        }
    }

    /// Fresh parameters as Stable-Baselines3's actor-critic policies have them (`ortho_init`): orthogonal weights, scaled
    /// by √2 in hidden layers, by `output_gain` in the last and by 1 in that of values, and biases of 0 (Saxe et al. 2014). What remembers or only projects begins as in [`init`](Self::init).
    pub fn init_orthogonal(&self, output_gain: f64, rng: &mut Generator) -> Vec<f32> {
        let mut flat = vec![0.0; self.flat_len()];
        let last = self.layers().0.len() - 1;
        for (l, layer) in self.passes().enumerate() {
            if self.projection() == Some(l) {
                begin(layer, None, rng, &mut flat);
                continue;
            }
            let gain = match self.is_answer(l) {
                true if l == last => output_gain,
                true => 1.0,
                false => std::f64::consts::SQRT_2,
            };
            for linear in &layer.linears {
                let weights = orthogonal(linear.outputs.len(), linear.inputs.len(), rng);
                for (at, weight) in layer.weights(linear).zip(weights) {
                    flat[at] = (gain * weight) as f32;
                }
            }
        }
        self.begin_norms(&mut flat);
        self.begin_memory(rng, &mut flat);
        flat
    }
}

/// Draws what a layer begins as: uniform in ±1/√inputs, or by another number in their place.
fn begin(layer: &Layer, inputs: Option<usize>, rng: &mut Generator, flat: &mut [f32]) {
    for linear in &layer.linears {
        // What depends on no input begins at 0.
        let inputs = inputs.unwrap_or(linear.inputs.len());
        let bound = if linear.inputs.is_empty() { 0.0 } else { 1.0 / (inputs as f64).sqrt() };
        for at in layer.weights(linear).chain(layer.biases(linear)) {
            flat[at] = rng.uniform(-bound, bound) as f32;
        }
    }
}
