//! Dueling networks (Wang et al. 2016, *Dueling network architectures for deep reinforcement learning*): how good a
//! state is and how much better each action is are learnt apart, and put together as
//!
//! Q(s, a) = V(s) + A(s, a) − mean over a' of A(s, a')
//!
//! Value and advantage each have the last hidden layer for themselves, as in the paper and in the reference
//! implementations, `baselines/deepq/models.py` and `cleanrl/rainbow_atari.py`, whose modules' names these are.
//!
//! Both streams are computed by one product a layer: their hidden units lie side by side, and the last layer's matrix
//! is zero where a stream would read the other's.

use super::inputs::Inputs;
use super::layer::{Layer, Linear, add_layer};
use crate::nn::kernels::matmul::{pad, vectorized};
use crate::nn::kernels::simd::Isa;

/// What turns a value and advantages into action values: the last layer has an output for each advantage, and after
/// them one for the value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dueling {
    actions: usize,
    /// Numbers that tell of an action: each has an advantage, and a value over all actions.
    atoms: usize,
}

/// The layers of a dueling network, and how its last outputs are put together.
pub(crate) fn layers(inputs: &Inputs, hidden: &[usize], actions: usize, atoms: usize) -> (Vec<Layer>, Dueling) {
    let ((mut layers, mut width), inputs) = (inputs.layers(), inputs.width());
    let (streams, trunk) = hidden.split_last().map_or((None, hidden), |(last, trunk)| (Some(*last), trunk));
    for (l, &units) in trunk.iter().enumerate() {
        let linear = Linear::new(format!("network.{}", 2 * l), 0..width, 0..units);
        add_layer(&mut layers, inputs, vec![linear]);
        width = units;
    }
    let both = |number, of_value, to_value, of_advantage, to_advantage| {
        let linear = |head, inputs, outputs| Linear::new(format!("{head}_head.{number}"), inputs, outputs);
        vec![linear("value", of_value, to_value), linear("advantage", of_advantage, to_advantage)]
    };
    let (to_value, to_advantage) = (actions * atoms..(actions + 1) * atoms, 0..actions * atoms);
    match streams {
        None => add_layer(&mut layers, inputs, both(0, 0..width, to_value, 0..width, to_advantage)),
        Some(units) => {
            let (value, advantage) = (0..units, pad(units)..pad(units) + units);
            add_layer(&mut layers, inputs, both(0, 0..width, value.clone(), 0..width, advantage.clone()));
            add_layer(&mut layers, inputs, both(2, value, to_value, advantage, to_advantage));
        }
    }
    (layers, Dueling { actions, atoms })
}

impl Dueling {
    /// Turns output rows, `stride` apart, into action values and zeros.
    pub(crate) fn combine(&self, isa: Isa, rows: &mut [f32], stride: usize) {
        combine(isa, self.actions, self.atoms, stride, rows);
    }

    /// Turns the gradients by the action values into those by the last layer's outputs.
    pub(crate) fn spread(&self, isa: Isa, gradients: &[f32], stride: usize, outputs: &mut [f32]) {
        spread(isa, self.actions, self.atoms, stride, gradients, outputs);
    }

    /// [`combine`](Self::combine) as a matrix, `[stride, stride]`, that output rows are multiplied by.
    pub(crate) fn matrix(&self, stride: usize) -> Vec<f32> {
        let (mut matrix, n) = (vec![0.0; stride * stride], self.atoms);
        let mean = 1.0 / self.actions as f32;
        for (action, k) in (0..self.actions).flat_map(|action| (0..n).map(move |k| (action, k))) {
            for other in 0..self.actions {
                matrix[(other * n + k) * stride + action * n + k] = f32::from(u8::from(action == other)) - mean;
            }
            matrix[(self.actions * n + k) * stride + action * n + k] = 1.0;
        }
        matrix
    }
}
vectorized! {
    /// See [`Dueling::combine`].
    fn combine(actions: usize, atoms: usize, stride: usize, rows: &mut [f32]) {
        let share = 1.0 / actions as f32;
        for row in rows.chunks_exact_mut(stride) {
            let (advantages, values) = row.split_at_mut(actions * atoms);
            let values = &mut values[..atoms];
            // What is added to the advantages of each atom: V − mean A.
            for of_action in advantages.chunks_exact(atoms) {
                values.iter_mut().zip(of_action).for_each(|(value, advantage)| *value -= share * advantage);
            }
            for of_action in advantages.chunks_exact_mut(atoms) {
                of_action.iter_mut().zip(&*values).for_each(|(advantage, value)| *advantage += value);
            }
            values.fill(0.0);
        }
    }
}

vectorized! {
    /// See [`Dueling::spread`].
    fn spread(actions: usize, atoms: usize, stride: usize, gradients: &[f32], outputs: &mut [f32]) {
        let share = 1.0 / actions as f32;
        for (gradient, output) in gradients.chunks_exact(stride).zip(outputs.chunks_exact_mut(stride)) {
            output.fill(0.0);
            let (by_advantages, by_values) = output.split_at_mut(actions * atoms);
            let by_values = &mut by_values[..atoms];
            for of_action in gradient[..actions * atoms].chunks_exact(atoms) {
                by_values.iter_mut().zip(of_action).for_each(|(sum, grad)| *sum += grad);
            }
            for (to, of_action) in by_advantages.chunks_exact_mut(atoms).zip(gradient.chunks_exact(atoms)) {
                let terms = of_action.iter().zip(&*by_values);
                to.iter_mut().zip(terms).for_each(|(to, (grad, sum))| *to = grad - share * sum);
            }
        }
    }
}
