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
use super::matmul::pad;

/// What turns a value and advantages into action values: the last layer has an output for each advantage, and after
/// them one for the value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dueling {
    actions: usize,
    /// Numbers that tell of an action: each has an advantage, and a value over all actions.
    atoms: usize,
}

/// The layers of a dueling network, and how its last outputs are put together.
pub(super) fn layers(inputs: Inputs, hidden: &[usize], actions: usize, atoms: usize) -> (Vec<Layer>, Dueling) {
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
    pub(super) fn combine(&self, rows: &mut [f32], stride: usize) {
        let n = self.atoms;
        for row in rows.chunks_exact_mut(stride) {
            let (advantages, values) = row.split_at_mut(self.actions * n);
            for (k, value) in values[..n].iter_mut().enumerate() {
                let of_atom = || (k..self.actions * n).step_by(n);
                let mean = of_atom().map(|at| advantages[at]).sum::<f32>() / self.actions as f32;
                of_atom().for_each(|at| advantages[at] += *value - mean);
                *value = 0.0;
            }
        }
    }

    /// Turns the gradients by the action values into those by the last layer's outputs.
    pub(super) fn spread(&self, gradients: &[f32], stride: usize, outputs: &mut [f32]) {
        let n = self.atoms;
        for (gradient, output) in gradients.chunks_exact(stride).zip(outputs.chunks_exact_mut(stride)) {
            output.fill(0.0);
            for k in 0..n {
                let of_atom = || (k..self.actions * n).step_by(n);
                let sum = of_atom().map(|at| gradient[at]).sum::<f32>();
                let mean = sum / self.actions as f32;
                of_atom().for_each(|at| output[at] = gradient[at] - mean);
                output[self.actions * n + k] = sum;
            }
        }
    }

    /// [`combine`](Self::combine) as a matrix, `[stride, stride]`, that output rows are multiplied by.
    pub(super) fn matrix(&self, stride: usize) -> Vec<f32> {
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
