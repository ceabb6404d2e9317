//! Running a plan on the processor, with a look at what layers make.

use dfdx::prelude::NoneTape;

use super::{Op, Plan};
use crate::nn::ops::{self, FoldedConv, Map};
use crate::nn::{Matrix, product};

impl Plan {
    /// Numbers of a sample.
    pub(crate) fn inputs(&self) -> usize {
        self.input.iter().product()
    }

    /// The logits of the samples `x`, one after the other; images are NHWC. Before a value that [`is_rounded`](Self::is_rounded) is
    /// read, `look` is shown its number and may change it.
    pub(crate) fn run(&self, x: Vec<f32>, look: &mut dyn FnMut(usize, &mut [f32])) -> Vec<f32> {
        let samples = x.len() / self.inputs().max(1);
        let shape = match *self.input.as_slice() {
            [rows, columns, channels] => [samples, rows, columns, channels],
            _ => [samples, 1, 1, self.inputs()],
        };
        let mut last_use = vec![0; self.layers.len() + 1];
        for (at, layer) in self.layers.iter().enumerate() {
            layer.inputs.iter().for_each(|input| last_use[*input] = at);
        }
        let mut looked_at = |value: usize, map: Map| {
            if !self.is_rounded(value) {
                return Some(map);
            }
            let shape = map.shape();
            let mut numbers = map.into_values();
            look(value, &mut numbers);
            Some(Map::data(numbers, shape))
        };
        let mut values = vec![looked_at(0, Map::data(x, shape))];
        for (at, layer) in self.layers.iter().enumerate() {
            let read =
                |input: usize| values[layer.inputs[input]].as_ref().unwrap_or_else(|| unreachable!("made before"));
            let y = match &layer.op {
                Op::Conv(of, window) => {
                    let conv = FoldedConv::of(&of.shape, &of.weights, *window, of.bias.clone());
                    conv.forward(read(0), None, layer.rectifies)
                }
                Op::Linear(of) => {
                    let (x, [outputs, inputs]) = (read(0), [of.shape[0], of.shape[1]]);
                    let mut y = of.bias.repeat(samples);
                    let weights = Matrix::new(&of.weights, outputs, inputs).transposed();
                    product(Matrix::new(x.values(), samples, inputs), weights, &mut y, true);
                    rectified(y, layer.rectifies, [samples, 1, 1, outputs])
                }
                Op::MaxPool => ops::max_pool(read(0), &mut NoneTape),
                Op::AveragePool => {
                    let x = read(0);
                    Map::data(ops::values(&ops::average_pool(x, NoneTape)), [samples, 1, 1, x.channels()])
                }
                Op::Add => {
                    let (a, b) = (read(0), read(1));
                    let sums = a.values().iter().zip(b.values()).map(|(a, b)| a + b).collect();
                    rectified(sums, layer.rectifies, a.shape())
                }
            };
            values.push(looked_at(at + 1, y));
            for input in &layer.inputs {
                if last_use[*input] == at {
                    values[*input] = None;
                }
            }
        }
        values.pop().flatten().map(Map::into_values).unwrap_or_default()
    }
}

fn rectified(mut values: Vec<f32>, rectifies: bool, shape: [usize; 4]) -> Map {
    if rectifies {
        // What is no number stays one, so that it is found.
        values.iter_mut().for_each(|x| *x = if *x < 0.0 { 0.0 } else { *x });
    }
    Map::data(values, shape)
}
