//! A value function that sees images by the convolutions of the policy beside it, as Stable-Baselines3's
//! `share_features_extractor` and CleanRL's Atari agents have it: convolutions are most of the work, and are done once.
//!
//! In a flat buffer its layers come after all of the policy's, so that a policy without it is the beginning of the buffer. What
//! it answers lies behind the output rows, a row for each of them.

use super::Mlp;
use super::layer::{Layer, sequential};

/// See the module's documentation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Branch {
    /// Layers of the policy that it reads the last of.
    shared: usize,
    pub(crate) layers: Vec<Layer>,
}

impl Mlp {
    /// The same with a value function that has these `hidden` layers behind the policy's convolutions.
    ///
    /// # Panics
    /// If there are no convolutions, or something remembers.
    pub fn with_value_branch(self, hidden: &[usize]) -> Self {
        let shared = self.layers.len() - 1 - self.hidden.len();
        assert!(shared > 0 && self.lstm.is_none(), "convolutions are shared, and nothing else");
        let mut layers = sequential(&self.reads, hidden, 1).split_off(shared);
        let moved = self.flat_len() - self.extractor_len();
        for layer in &mut layers {
            (layer.weight, layer.bias) = (layer.weight + moved, layer.bias + moved);
            layer.linears.iter_mut().for_each(|linear| linear.name = format!("value_net.{}", linear.name));
        }
        Self { branch: Some(Branch { shared, layers }), ..self }
    }

    /// Whether a value function reads what its convolutions see.
    pub fn has_value_branch(&self) -> bool {
        self.branch.is_some()
    }

    /// Floats from one row of values to the next, behind the output rows; 0 without a value function.
    pub fn value_stride(&self) -> usize {
        self.branch.as_ref().and_then(|branch| branch.layers.last()).map_or(0, |last| last.outputs)
    }

    /// Parameters of what sees an image, with which the flat buffer begins.
    pub(crate) fn extractor_len(&self) -> usize {
        self.layers[..self.layers.len() - 1 - self.hidden.len()].last().map_or(0, Layer::end)
    }

    /// Of `flat`, the parameters of the value function as of a network of its own, which begins with the convolutions.
    pub(crate) fn value_parameters(&self, flat: &[f32]) -> Vec<f32> {
        let own =
            self.branch.as_ref().and_then(|branch| branch.layers.first()).map_or(flat.len(), |first| first.weight);
        [&flat[..self.extractor_len()], &flat[own..]].concat()
    }

    /// The flat buffer of a policy's parameters and of those of a value function as [`value_parameters`](Self::value_parameters)
    /// answers them; nothing if their convolutions differ.
    pub(crate) fn joined(&self, policy: &[f32], value: &[f32]) -> Option<Vec<f32>> {
        let seen = self.extractor_len();
        let alike = policy.len().min(value.len()) >= seen && policy[..seen] == value[..seen];
        alike.then(|| [policy, &value[seen..]].concat())
    }

    /// Layers that a pass goes through: those of the value function after all others.
    pub(crate) fn passes(&self) -> impl Iterator<Item = &Layer> {
        self.layers.iter().chain(self.branch.iter().flat_map(|branch| &branch.layers))
    }

    /// That of number `l`.
    pub(crate) fn pass(&self, l: usize) -> &Layer {
        let of_values = self.branch.as_ref().filter(|_| l >= self.layers.len());
        of_values.map_or_else(|| &self.layers[l], |branch| &branch.layers[l - self.layers.len()])
    }

    /// The number of the layer that number `l` of these reads; none where it reads the input.
    pub(crate) fn below(&self, l: usize) -> Option<usize> {
        let shared = self.branch.as_ref().filter(|_| l == self.layers.len()).map(|branch| branch.shared);
        shared.unwrap_or(l).checked_sub(1)
    }

    /// Whether layer number `l` is the first of the policy, or of the value function, behind what they share.
    pub(crate) fn parts_at(&self, l: usize) -> bool {
        self.branch.as_ref().is_some_and(|branch| l == branch.shared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Activation, Activations, Cnn, Image, Inputs};
    use cartwheel_envs::Generator;

    /// Two networks of the same convolutions are one with a branch, bit for bit, and their gradients by these add up.
    #[test]
    fn it_is_two_networks_that_begin_alike() {
        let image = Image { height: 6, width: 5, channels: 3, planes: 3 };
        let own = Cnn { conv_filters: vec![[9, 2, 2], [17, 2, 1]], features_dim: 21 };
        let reads = Inputs::picture(own, image).beside(2);
        for (hidden, of_value) in [(&[][..], &[][..]), (&[7], &[20, 5]), (&[18, 3], &[])] {
            let policy = Mlp::gaussian(&reads, hidden, 3, Activation::Tanh);
            let value = Mlp::new(&reads, of_value, 1, Activation::Tanh);
            let both = policy.clone().with_value_branch(of_value);
            let mut rng = Generator::new(3);
            let flat = both.init(&mut rng);
            let (of_policy, of_values) = (&flat[..policy.flat_len()], both.value_parameters(&flat));
            assert_eq!((of_values.len(), both.joined(of_policy, &of_values)), (value.flat_len(), Some(flat.clone())));
            let names = both.names().split_off(policy.names().len());
            assert_eq!(names.len(), 2 * of_value.len() + 2);
            assert!(names.iter().all(|name| name.starts_with("value_net.")), "{names:?}");
            let (batch, width) = (4, reads.width());
            let x: Vec<f32> = (0..batch * width).map(|_| rng.uniform(-1.0, 1.0) as f32).collect();
            let mut scratch = [(); 3].map(|()| Activations::default());
            let [a, b, c] = &mut scratch;
            let answers = both.forward(&flat, &x, batch, a).to_vec();
            let apart = [policy.forward(of_policy, &x, batch, b), value.forward(&of_values, &x, batch, c)].concat();
            assert_eq!(answers, apart);

            let grad: Vec<f32> = answers.iter().map(|y| if *y == 0.0 { 0.0 } else { y.sin() }).collect();
            let (by_policy, by_values) = grad.split_at(batch * policy.output_stride());
            let [mut together, mut first, mut second] = [&both, &policy, &value].map(|mlp| vec![0.0; mlp.flat_len()]);
            both.backward(&flat, &x, batch, a, &grad, &mut together);
            policy.backward(of_policy, &x, batch, b, by_policy, &mut first);
            value.backward(&of_values, &x, batch, c, by_values, &mut second);
            let seen = both.extractor_len();
            let close = |a: f32, b: f32| (a - b).abs() < 1e-5 * b.abs().max(1.0);
            assert!((0..seen).all(|at| close(together[at], first[at] + second[at])));
            assert!(second[..seen].iter().any(|grad| *grad != 0.0));
            assert_eq!(together[seen..], [&first[seen..], &second[seen..]].concat());
        }
    }
}
