//! What remembers, of dfdx's own operations.

use dfdx::prelude::*;
use dfdx::tensor_ops::Device;

use super::{Flat, Matrix, Stock};
use crate::nn::kernels::matmul::pad;
use crate::nn::mlp::layer::Layer;
use crate::nn::mlp::lstm::{Lstm, Unrolled, memory_of};
use crate::nn::network::Net;

impl<D: Device<f32>> Stock<D> {
    /// h of the last layer that remembers, of rows in sequences; `memories` become what is remembered after each.
    pub(super) fn remembered<T: Tape<f32, D>>(
        &self,
        lstm: &Lstm,
        parameters: &Flat<D>,
        net: Net,
        x: Matrix<D, T>,
        behind: &[f32],
        memories: &mut Vec<f32>,
    ) -> Result<Matrix<D, T>, D::Err> {
        let (units, memory_len, (n, width)) = (lstm.hidden_size, self.mlp.memory_len(), *x.shape());
        let mut unrolled = Unrolled::default();
        unrolled.order(n, behind, memory_len);
        memories.clear();
        memories.resize(n * memory_len, 0.0);
        let places = unrolled.rows.iter().flat_map(|row| row * width..(row + 1) * width).collect();
        let mut x = self.gathered(x, places, (n, width))?;
        for (l, [of_input, of_own]) in lstm.layers.iter().enumerate() {
            let columns = of_input.columns;
            let bias = |layer: &Layer| {
                let bias = self.part::<T>(parameters, net, layer.bias..layer.bias + columns)?;
                bias.try_broadcast_like::<_, Axis<0>>(&(n, columns))
            };
            let weight = |layer: &Layer, inputs: usize| {
                let weight = self.part::<T>(parameters, net, layer.weight..layer.bias)?;
                weight.try_reshape_like(&(layer.inputs, columns))?.try_slice((0..inputs, 0..columns))
            };
            let inputs = x.shape().1;
            let products = x.try_matmul(weight(of_input, inputs)?)?.try_add(bias(of_input)?)?.try_add(bias(of_own)?)?;
            let (products, mut tape) = products.split_tape();
            let (of_own, own_tape) = weight(of_own, units)?.split_tape();
            tape = tape.merge(own_tape);
            let begin = |part: usize| {
                let of = |number| memory_of(behind, number, memory_len, l, units).chunks_exact(units).nth(part);
                let begin = unrolled.numbers().flat_map(|number| of(number).map_or(vec![0.0; units], <[f32]>::to_vec));
                let begin: Vec<f32> = begin.collect();
                let count = begin.len() / units;
                self.device.try_tensor_from_vec(begin, (count, units))
            };
            let (mut h, mut c, mut all): (_, _, Option<Matrix<D>>) = (begin(0)?, begin(1)?, None);
            for step in unrolled.steps.windows(2) {
                let (from, count) = (step[0], step[1] - step[0]);
                let so_long = |units_of: &Matrix<D>| units_of.retaped::<T>().try_slice((0..count, 0..units));
                let own = products.retaped::<T>().try_slice((from..from + count, 0..columns))?;
                let sums = own.try_add(so_long(&h)?.try_matmul(of_own.retaped::<T>())?)?;
                let (sums, of_sums) = sums.split_tape();
                let gate = |gate: usize| sums.retaped::<T>().try_slice((0..count, gate * units..(gate + 1) * units));
                let kept = gate(1)?.try_sigmoid()?.try_mul(so_long(&c)?)?;
                let added = gate(0)?.try_sigmoid()?.try_mul(gate(2)?.try_tanh()?)?;
                let (new_c, of_c) = kept.try_add(added)?.split_tape();
                let (new_h, of_h) = gate(3)?.try_sigmoid()?.try_mul(new_c.retaped::<T>().try_tanh()?)?.split_tape();
                (h, c) = (new_h, new_c);
                tape = tape.merge(of_sums).merge(of_c).merge(of_h);
                all = Some(match all {
                    // A copy: where a slice is taken, dfdx's way back leaves nothing of what came by others before it.
                    None => {
                        let (copy, of_copy) = h.retaped::<T>().try_mul(1.0)?.split_tape();
                        tape = tape.merge(of_copy);
                        copy
                    }
                    Some(before) => {
                        let both = (before.retaped::<T>(), h.retaped::<T>()).try_concat_along(Axis::<0>)?;
                        let (both, of_both) = both.split_tape();
                        tape = tape.merge(of_both);
                        both
                    }
                });
                for (part, numbers) in [h.as_vec(), c.as_vec()].into_iter().enumerate() {
                    for (row, numbers) in unrolled.rows[from..].iter().zip(numbers.chunks_exact(units)) {
                        memories[row * memory_len + (2 * l + part) * units..][..units].copy_from_slice(numbers);
                    }
                }
            }
            x = all.unwrap_or(h).put_tape(tape);
        }
        // Row by row, and padded.
        let stride = pad(units);
        let (mut places, mut mask) = (vec![0; n * stride], vec![0.0; n * stride]);
        for (place, row) in unrolled.rows.iter().enumerate() {
            for unit in 0..units {
                (places[row * stride + unit], mask[row * stride + unit]) = (place * units + unit, 1.0);
            }
        }
        let mask = self.device.try_tensor_from_vec(mask, (n, stride))?;
        self.gathered(x, places, (n, stride))?.try_mul(mask)
    }

    /// The numbers at these places of `x`, row after row.
    fn gathered<T: Tape<f32, D>>(
        &self,
        x: Matrix<D, T>,
        places: Vec<usize>,
        shape: (usize, usize),
    ) -> Result<Matrix<D, T>, D::Err> {
        let (all, count) = (x.shape().num_elements(), places.len());
        let places = self.device.try_tensor_from_vec(places, (count,))?;
        x.try_reshape_like(&(all,))?.try_gather(places)?.try_reshape_like(&shape)
    }
}
