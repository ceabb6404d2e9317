//! Units of a network that never answer.

use super::Mlp;
use super::activation::Activation;
use super::passes::Activations;

impl Mlp {
    /// The share of hidden units, from 0 to 1, that are 0 for all of `batch` input rows `x`, `[batch, inputs]`; nothing
    /// where units cannot die: without hidden layers, or with another activation than a rectifier. Nor of a network that
    /// remembers: what it answers, rows do not say by themselves.
    ///
    /// # Panics
    /// If `params` or `x` is too short.
    pub fn dead_units(&self, params: &[f32], x: &[f32], batch: usize, scratch: &mut Activations) -> Option<f32> {
        if self.activation() != Activation::Relu || self.memory_len() > 0 || batch == 0 {
            return None;
        }
        // Not what may lie behind the rows.
        self.forward(params, &x[..batch * self.inputs()], batch, scratch);
        let (layers, _) = self.layers();
        let (mut dead, mut all) = (0, 0);
        for (number, (layer, outputs)) in layers.iter().zip(scratch.outputs()).take(layers.len() - 1).enumerate() {
            // A unit of a convolution is a channel, in all places of the kernel.
            let places = |row: usize| outputs[row * layer.outputs..][..layer.own_outputs()].chunks_exact(layer.columns);
            let is_dead =
                |unit: &usize| (0..scratch.rows(self, number, batch)).flat_map(places).all(|place| place[*unit] <= 0.0);
            // What depends on no input is no unit.
            for linear in layer.linears.iter().filter(|linear| !linear.inputs.is_empty()) {
                dead += linear.outputs.clone().filter(is_dead).count();
                all += linear.outputs.len();
            }
        }
        (all > 0).then(|| dead as f32 / all as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_dead_if_no_row_wakes_it() {
        let mlp = Mlp::new(1, &[3], 2, Activation::Relu);
        let mut params = vec![0.0; mlp.flat_len()];
        // relu(x), relu(-x) and relu(-1): on rows of both signs only the last is dead.
        let biases = mlp.biases("0").expect("a first layer");
        (params[0], params[1], params[biases.start + 2]) = (1.0, -1.0, -1.0);
        let share = |x: &[f32]| mlp.dead_units(&params, x, x.len(), &mut Activations::default());
        assert_eq!(share(&[2.0, -3.0]), Some(1.0 / 3.0));
        assert_eq!(share(&[2.0, 3.0]), Some(2.0 / 3.0));
        assert_eq!(share(&[]), None);
        // Of a network of fractions, these do not lie behind rows that are left out.
        let implicit = Mlp::implicit(1, &[3, 2], 2, [4, 8], Activation::Relu, false);
        let params = implicit.init(&mut cartwheel_envs::Generator::new(0));
        let share = |x: &[f32]| implicit.dead_units(&params, x, 2, &mut Activations::default());
        assert_eq!(share(&[2.0, -3.0, 1.0]), share(&[2.0, -3.0]));
        let tanh = Mlp::new(1, &[3], 2, Activation::Tanh);
        assert_eq!(tanh.dead_units(&params, &[1.0], 1, &mut Activations::default()), None);
    }
}
