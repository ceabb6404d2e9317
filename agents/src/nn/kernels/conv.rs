//! Two-dimensional convolutions as products of matrices: as many rows as there are places of the kernel on the images of a
//! batch, each with the numbers that it covers there (a patch), times the weights.
//!
//! Patches are not copied, as *im2col* would: the product reads each where it lies in the image ([`Gathered`]). Numbers of an
//! image lie plane by plane, each row by row, and in every pixel `depth` numbers side by side: one plane and all channels
//! in a pixel are channels-last (H, W, C), as many planes as channels and one number a pixel channels-first (C, H, W).
//! What comes out is channels-last, its channels padded with zeros to a multiple of 16.

use super::matmul::{Epilogue, Gathered, PAD, Places, Strided, matmul, pad, vectorized};
use super::simd::Isa;
use super::sums::{add_column_sums, products_of_rows};
use super::transpose::transpose;

/// The geometry of a convolution with square kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Conv2d {
    /// Planes of an input image, and numbers in each pixel of one: their product is its channels.
    pub(crate) planes: usize,
    pub(crate) depth: usize,
    /// Pixels of a plane.
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// Channels that come out.
    pub(crate) outputs: usize,
    /// Pixels of the kernel in each direction.
    pub(crate) kernel: usize,
    /// Pixels from one place of it to the next.
    pub(crate) stride: usize,
    /// Pixels of zeros around the image.
    pub(crate) padding: usize,
}

/// What passes of one convolution reuse from call to call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    /// Of which convolution and how far apart its images the places are.
    of: Option<(Conv2d, usize)>,
    /// Where each patch of a block of images begins, and where its numbers lie from there.
    patches: Places,
    numbers: Places,
    /// A block of images with their borders of zeros.
    bordered: Vec<f32>,
    /// The gradients by patches.
    gradients: Vec<f32>,
    transposed: Vec<f32>,
}

/// Images in a block: with eight the rows of a product are whole tiles, whatever comes out of an image.
const BLOCK: usize = 8;

impl Conv2d {
    /// Channels of an input image.
    pub(crate) fn inputs(&self) -> usize {
        self.planes * self.depth
    }

    /// Places of the kernel along a side of so many pixels.
    fn places(&self, pixels: usize) -> usize {
        (pixels + 2 * self.padding - self.kernel) / self.stride + 1
    }

    /// Pixels of what comes out: height and width.
    pub(crate) fn output_size(&self) -> (usize, usize) {
        (self.places(self.height), self.places(self.width))
    }

    /// Pixels of what comes out, in all.
    pub(crate) fn positions(&self) -> usize {
        self.places(self.height) * self.places(self.width)
    }

    /// Numbers of an input image.
    pub(crate) fn image_len(&self) -> usize {
        self.planes * self.height * self.width * self.depth
    }

    /// Numbers in a patch: rows of the matrix of weights.
    pub(crate) fn patch_len(&self) -> usize {
        self.planes * self.kernel * self.kernel * self.depth
    }

    /// Columns of the matrix of weights: channels that come out, padded.
    pub(crate) fn columns(&self) -> usize {
        pad(self.outputs)
    }

    /// Numbers that come out of an image, padding included.
    pub(crate) fn output_len(&self) -> usize {
        self.positions() * self.columns()
    }

    /// The row of the matrix of weights for each input channel and place in the kernel: in the order of PyTorch's weights.
    pub(crate) fn weight_rows(&self) -> impl Iterator<Item = usize> {
        let Self { depth, kernel, .. } = *self;
        let square = kernel * kernel;
        (0..self.inputs() * square)
            .map(move |at| (at / square / depth * square + at % square) * depth + at / square % depth)
    }

    /// Pixels of a plane with its border.
    fn bordered(&self) -> (usize, usize) {
        (self.height + 2 * self.padding, self.width + 2 * self.padding)
    }

    /// Numbers of an image with its border.
    fn bordered_len(&self) -> usize {
        self.planes * self.bordered().0 * self.bordered().1 * self.depth
    }

    /// Where each run of `kernel * depth` numbers of a patch lies from the patch's beginning, side by side there as here.
    fn runs(&self) -> impl Iterator<Item = usize> + use<> {
        let ((height, width), Self { depth, kernel, .. }) = (self.bordered(), *self);
        (0..self.planes).flat_map(move |plane| (0..kernel).map(move |y| (plane * height + y) * width * depth))
    }

    /// Where each patch of an image begins.
    fn patches(&self) -> impl Iterator<Item = usize> + use<> {
        let ((_, width), (rows, columns)) = (self.bordered(), self.output_size());
        let Self { depth, stride, .. } = *self;
        (0..rows).flat_map(move |y| (0..columns).map(move |x| (y * width + x) * stride * depth))
    }

    /// Where each number of each patch lies in an image that has no border.
    pub(crate) fn places_of_patches(&self) -> Vec<usize> {
        let run = self.kernel * self.depth;
        let numbers: Vec<usize> = self.runs().flat_map(|at| at..at + run).collect();
        self.patches().flat_map(|patch| numbers.iter().map(move |at| patch + at)).collect()
    }

    /// Writes what comes out of `batch` images, each `row` floats after the one before, to `y`, image after image.
    ///
    /// # Panics
    /// If a slice is too short.
    #[allow(clippy::too_many_arguments, reason = "three tensors, and where they lie")]
    pub(crate) fn forward(
        &self,
        isa: Isa,
        x: &[f32],
        row: usize,
        batch: usize,
        weights: &[f32],
        y: &mut [f32],
        epilogue: Epilogue<'_>,
        scratch: &mut Scratch,
    ) {
        let (n, k) = (self.columns(), self.patch_len());
        for first in (0..batch).step_by(BLOCK) {
            let count = BLOCK.min(batch - first);
            let y = &mut y[first * self.output_len()..(first + count) * self.output_len()];
            let patches = scratch.gathered(self, &x[first * row..], row, count);
            matmul(isa, count * self.positions(), n, k, patches, weights, y, epilogue);
        }
    }

    /// Adds the gradient by the weights to `dw` and that by the biases to `db`, given `dy`, the gradient by what came out of
    /// the images `x`.
    ///
    /// # Panics
    /// If a slice is too short.
    #[allow(clippy::too_many_arguments, reason = "four tensors, and where they lie")]
    pub(crate) fn backward(
        &self,
        isa: Isa,
        x: &[f32],
        row: usize,
        batch: usize,
        dy: &[f32],
        dw: &mut [f32],
        db: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let (n, k, len) = (self.columns(), self.patch_len(), self.output_len());
        // Every few rows of weights go over all of a block's gradients, which should still be close by then.
        let block = (16_384 / len).clamp(1, BLOCK);
        for first in (0..batch).step_by(block) {
            let count = block.min(batch - first);
            let dy = &dy[first * len..(first + count) * len];
            let Gathered { data, rows, columns } = scratch.gathered(self, &x[first * row..], row, count);
            let transposed = Gathered { data, rows: columns, columns: rows };
            matmul(isa, k, n, count * self.positions(), transposed, dy, dw, Epilogue::Accumulate);
            add_column_sums(isa, dy, &mut db[..n]);
        }
    }

    /// Writes the gradient by `batch` images to `dx`, each image `row` floats after the one before, given `dy`, the gradient by
    /// what came out of them.
    ///
    /// # Panics
    /// If a slice is too short.
    #[allow(clippy::too_many_arguments, reason = "three tensors, and where they lie")]
    pub(crate) fn backward_to_input(
        &self,
        isa: Isa,
        dy: &[f32],
        batch: usize,
        weights: &[f32],
        dx: &mut [f32],
        row: usize,
        scratch: &mut Scratch,
    ) {
        let (n, k, positions) = (self.columns(), self.patch_len(), self.positions());
        let Scratch { bordered, gradients, transposed, .. } = scratch;
        let weights = &weights[..k * n];
        // Rows of the transposed matrix are as long as a patch, and products want them in whole vectors.
        let whole = k.is_multiple_of(PAD);
        if whole {
            transposed.resize(k * n, 0.0);
            transpose(isa, weights, k, n, transposed);
        }
        gradients.resize(positions * k, 0.0);
        let (patches, runs): (Vec<usize>, Vec<usize>) = (self.patches().collect(), self.runs().collect());
        for (dy, dx) in dy.chunks_exact(positions * n).take(batch).zip(dx.chunks_mut(row)) {
            if whole {
                matmul(isa, positions, k, n, Strided::rows(dy, n), transposed, gradients, Epilogue::Zero);
            } else {
                products_of_rows(isa, dy, weights, n, gradients);
            }
            let run = self.kernel * self.depth;
            if self.padding == 0 {
                dx[..self.image_len()].fill(0.0);
                add_patches(isa, gradients, run, &patches, &runs, dx);
            } else {
                bordered.clear();
                bordered.resize(self.bordered_len(), 0.0);
                add_patches(isa, gradients, run, &patches, &runs, bordered);
                self.each_row(|inside, with_border, len| {
                    dx[inside..inside + len].copy_from_slice(&bordered[with_border..with_border + len]);
                });
            }
        }
    }

    /// Calls `visit` with where each row of pixels begins in an image and in one with its border, and its length.
    fn each_row(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let ((height, width), len) = (self.bordered(), self.width * self.depth);
        for (plane, y) in (0..self.planes).flat_map(|plane| (0..self.height).map(move |y| (plane, y))) {
            let with_border = ((plane * height + y + self.padding) * width + self.padding) * self.depth;
            visit((plane * self.height + y) * len, with_border, len);
        }
    }
}

impl Scratch {
    /// The patches of `count` images, at most [`BLOCK`].
    fn gathered<'a>(&'a mut self, conv: &Conv2d, x: &'a [f32], row: usize, count: usize) -> Gathered<'a> {
        let padded = conv.padding > 0;
        let row_of_places = if padded { conv.bordered_len() } else { row };
        if self.of != Some((*conv, row_of_places)) {
            let of_block = (0..BLOCK).flat_map(|image| conv.patches().map(move |at| image * row_of_places + at));
            self.patches = Places::new(of_block);
            let run = conv.kernel * conv.depth;
            self.numbers = Places::new(conv.runs().flat_map(|at| at..at + run));
            self.of = Some((*conv, row_of_places));
        }
        let mut data = x;
        if padded {
            self.bordered.clear();
            self.bordered.resize(count * row_of_places, 0.0);
            for (image, to) in x.chunks(row).zip(self.bordered.chunks_exact_mut(row_of_places)) {
                conv.each_row(|inside, with_border, len| {
                    to[with_border..with_border + len].copy_from_slice(&image[inside..inside + len]);
                });
            }
            data = &self.bordered;
        }
        Gathered { data, rows: &self.patches, columns: &self.numbers }
    }
}

vectorized! {
    /// Adds the numbers of each patch, runs of `run`, to the image at the places that they were read from.
    fn add_patches(gradients: &[f32], run: usize, patches: &[usize], runs: &[usize], image: &mut [f32]) {
        for (patch, gradients) in patches.iter().zip(gradients.chunks_exact(run * runs.len())) {
            for (at, gradients) in runs.iter().zip(gradients.chunks_exact(run)) {
                for (x, g) in image[patch + at..patch + at + run].iter_mut().zip(gradients) {
                    *x += g;
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "conv_tests.rs"]
mod tests;
