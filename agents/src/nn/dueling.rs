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

use super::layer::{Layer, Linear, add_layer};
use super::matmul::pad;

/// What turns a value and advantages into action values: the last layer has an output for each advantage, and after
/// them one for the value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dueling {
    actions: usize,
}

/// The layers of a dueling network, and how its last outputs are put together.
pub(super) fn layers(inputs: usize, hidden: &[usize], actions: usize) -> (Vec<Layer>, Dueling) {
    let (mut layers, mut width) = (Vec::with_capacity(hidden.len() + 1), inputs);
    let (streams, trunk) = hidden.split_last().map_or((None, hidden), |(last, trunk)| (Some(*last), trunk));
    for (l, &units) in trunk.iter().enumerate() {
        let linear = Linear { name: format!("network.{}", 2 * l), inputs: 0..width, outputs: 0..units };
        add_layer(&mut layers, inputs, vec![linear]);
        width = units;
    }
    let both = |number, of_value, to_value, of_advantage, to_advantage| {
        let linear = |head, inputs, outputs| Linear { name: format!("{head}_head.{number}"), inputs, outputs };
        vec![linear("value", of_value, to_value), linear("advantage", of_advantage, to_advantage)]
    };
    let (to_value, to_advantage) = (actions..actions + 1, 0..actions);
    match streams {
        None => add_layer(&mut layers, inputs, both(0, 0..width, to_value, 0..width, to_advantage)),
        Some(units) => {
            let (value, advantage) = (0..units, pad(units)..pad(units) + units);
            add_layer(&mut layers, inputs, both(0, 0..width, value.clone(), 0..width, advantage.clone()));
            add_layer(&mut layers, inputs, both(2, value, to_value, advantage, to_advantage));
        }
    }
    (layers, Dueling { actions })
}

impl Dueling {
    /// Turns output rows, `stride` apart, into action values and zeros.
    pub(super) fn combine(&self, rows: &mut [f32], stride: usize) {
        for row in rows.chunks_exact_mut(stride) {
            let (advantages, rest) = row.split_at_mut(self.actions);
            let mean = advantages.iter().sum::<f32>() / self.actions as f32;
            advantages.iter_mut().for_each(|advantage| *advantage += rest[0] - mean);
            rest[0] = 0.0;
        }
    }

    /// Turns the gradients by the action values into those by the last layer's outputs.
    pub(super) fn spread(&self, gradients: &[f32], stride: usize, outputs: &mut [f32]) {
        for (gradient, output) in gradients.chunks_exact(stride).zip(outputs.chunks_exact_mut(stride)) {
            let sum = gradient[..self.actions].iter().sum::<f32>();
            let mean = sum / self.actions as f32;
            output.fill(0.0);
            output.iter_mut().zip(&gradient[..self.actions]).for_each(|(output, gradient)| *output = gradient - mean);
            output[self.actions] = sum;
        }
    }

    /// [`combine`](Self::combine) as a matrix, `[stride, stride]`, that output rows are multiplied by.
    pub(super) fn matrix(&self, stride: usize) -> Vec<f32> {
        let mut matrix = vec![0.0; stride * stride];
        let mean = 1.0 / self.actions as f32;
        for action in 0..self.actions {
            for other in 0..self.actions {
                matrix[other * stride + action] = f32::from(u8::from(action == other)) - mean;
            }
            matrix[self.actions * stride + action] = 1.0;
        }
        matrix
    }
}
