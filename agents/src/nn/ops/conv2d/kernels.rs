//! Convolution as products of matrices: tiles of rows that the pixels of the output look at, times the weights.
//!
//! Weights are kernel rows × kernel columns × inputs × outputs here, so that a row of the weights is long where channels are many
//! and none of the products has to transpose them. Tiles do not depend on the number of threads, nor do results.

use super::geometry::Geometry;
use crate::nn::kernels::matmul::vectorized;
use crate::nn::kernels::product::{Matrix, product, product_over, threads};
use crate::nn::kernels::spread::spread;
use crate::nn::ops::relu::rectify;
use crate::nn::{Isa, Real};

/// Numbers of a tile of which each thread has one: they stay in its cache.
const TILE: usize = 1 << 17;
/// Numbers of a tile that all threads share.
const SHARED_TILE: usize = 1 << 20;

/// Rows of a tile of about so many numbers.
fn tile_rows(numbers: usize, taps: usize) -> usize {
    (numbers / taps.max(1)).next_multiple_of(16).clamp(64, 4096)
}

/// Adds the convolution of `x` with `weights` to `y`, which holds what is added to it (biases, for example), and rectifies it if
/// told to.
pub(super) fn forward<E: Real>(geometry: &Geometry, x: &[E], weights: &[E], y: &mut [E], rectifies: bool) {
    let (taps, rows) = (geometry.taps(), geometry.rows());
    let outputs = weights.len() / taps.max(1);
    let weights = Matrix::new(weights, taps, outputs);
    let tile = tile_rows(TILE, taps);
    // Few tiles would leave threads without work; those share each product instead.
    let few = rows.div_ceil(tile) < 2 * threads();
    let over = if few { threads() } else { 1 };
    let part = |columns: &mut Vec<E>, (number, y): (usize, &mut [E])| {
        let (from, count) = (number * tile, y.len() / outputs.max(1));
        let seen = if geometry.is_pointwise() {
            &x[from * taps..(from + count) * taps]
        } else {
            columns.resize(count * taps, E::zero());
            geometry.gather(x, from..from + count, columns);
            columns.as_slice()
        };
        product_over(Matrix::new(seen, count, taps), weights, y, true, over);
        if rectifies {
            rectify(Isa::detect(), y);
        }
    };
    let tiles = y.chunks_mut(tile * outputs.max(1)).enumerate();
    if few {
        let mut columns = Vec::new();
        tiles.for_each(|tile| part(&mut columns, tile));
    } else {
        spread(tiles, Vec::new, part);
    }
}

/// The gradient by the weights, given `grad`, that by the output.
pub(super) fn by_weights<E: Real>(geometry: &Geometry, x: &[E], grad: &[E]) -> Vec<E> {
    let (taps, rows) = (geometry.taps(), geometry.rows());
    let outputs = grad.len() / rows.max(1);
    let mut sums = vec![E::zero(); taps * outputs];
    if geometry.is_pointwise() {
        product(Matrix::new(x, rows, taps).transposed(), Matrix::new(grad, rows, outputs), &mut sums, true);
        return sums;
    }
    let tile = tile_rows(SHARED_TILE, taps);
    let mut columns = vec![E::zero(); tile.min(rows) * taps];
    for from in (0..rows).step_by(tile) {
        let count = tile.min(rows - from);
        let columns = &mut columns[..count * taps];
        let parts = columns.chunks_mut(64 * taps).enumerate();
        spread(
            parts,
            || (),
            |(), (number, to)| {
                let first = from + number * 64;
                geometry.gather(x, first..first + to.len() / taps, to);
            },
        );
        let grad = &grad[from * outputs..(from + count) * outputs];
        product(Matrix::new(columns, count, taps).transposed(), Matrix::new(grad, count, outputs), &mut sums, true);
    }
    sums
}

/// The gradient by the input, given `grad`, that by the output.
pub(super) fn by_input<E: Real>(geometry: &Geometry, weights: &[E], grad: &[E]) -> Vec<E> {
    let (taps, rows, pixels) = (geometry.taps(), geometry.rows(), geometry.pixels());
    let outputs = grad.len() / rows.max(1);
    let weights = Matrix::new(weights, taps, outputs).transposed();
    let mut by_input = vec![E::zero(); geometry.input.iter().product()];
    if geometry.is_pointwise() {
        product(Matrix::new(grad, rows, outputs), weights, &mut by_input, false);
        return by_input;
    }
    let image = by_input.len() / geometry.input[0].max(1);
    let tile = tile_rows(TILE, taps).min(pixels);
    let one = Geometry { input: [1, geometry.input[1], geometry.input[2], geometry.input[3]], ..*geometry };
    let images = by_input.chunks_mut(image.max(1)).zip(grad.chunks(pixels * outputs));
    spread(images, Vec::new, |columns: &mut Vec<E>, (by_input, grad)| {
        for from in (0..pixels).step_by(tile) {
            let count = tile.min(pixels - from);
            columns.resize(count * taps, E::zero());
            let grad = &grad[from * outputs..(from + count) * outputs];
            product_over(Matrix::new(grad, count, outputs), weights, columns, false, 1);
            one.scatter(columns, from..from + count, by_input);
        }
    });
    by_input
}

/// PyTorch's weights, outputs × inputs × rows × columns, as rows × columns × inputs × outputs.
pub(super) fn outputs_last<E: Real>(weights: &[E], [outputs, inputs, kernel]: [usize; 3]) -> Vec<E> {
    let mut to = vec![E::zero(); weights.len()];
    spread(
        to.chunks_mut((inputs * outputs).max(1)).enumerate(),
        || (),
        |(), (tap, to)| {
            turn(Isa::detect(), to, weights, outputs, inputs, kernel, tap);
        },
    );
    to
}

/// Adds a gradient by such weights to one of PyTorch's layout.
pub(super) fn add_outputs_first<E: Real>(from: &[E], [outputs, inputs, kernel]: [usize; 3], to: &mut [E]) {
    let parts = to.chunks_mut((16 * inputs * kernel).max(1)).enumerate();
    spread(
        parts,
        || (),
        |(), (part, to)| {
            turn_back(Isa::detect(), to, from, 16 * part, outputs, inputs, kernel);
        },
    );
}

vectorized! {
    /// Writes the inputs × outputs of one place of the kernel.
    fn turn<E: Real>(to: &mut [E], weights: &[E], outputs: usize, inputs: usize, kernel: usize, tap: usize) {
        for o0 in (0..outputs).step_by(16) {
            for i in 0..inputs {
                let to = &mut to[i * outputs + o0..i * outputs + (o0 + 16).min(outputs)];
                for (o, to) in to.iter_mut().enumerate() {
                    *to = weights[((o0 + o) * inputs + i) * kernel + tap];
                }
            }
        }
    }
}

vectorized! {
    /// Adds the weights of the outputs from `first` on.
    fn turn_back<E: Real>(to: &mut [E], from: &[E], first: usize, outputs: usize, inputs: usize, kernel: usize) {
        let count = to.len() / (inputs * kernel);
        for tap in 0..kernel {
            for i in 0..inputs {
                let from = &from[(tap * inputs + i) * outputs + first..][..count];
                for (o, from) in from.iter().enumerate() {
                    to[(o * inputs + i) * kernel + tap] += *from;
                }
            }
        }
    }
}
