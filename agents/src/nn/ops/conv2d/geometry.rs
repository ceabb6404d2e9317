//! Which pixels a convolution looks at, and copying them into rows of a matrix and back.

use std::ops::Range;

use crate::nn::ops::relu::add;
use crate::nn::{Isa, Real};

/// A convolution's sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    /// Images, rows, columns and channels of the input.
    pub(super) input: [usize; 4],
    /// Rows and columns of the kernel.
    pub(super) kernel: [usize; 2],
    pub(super) stride: usize,
    pub(super) padding: usize,
    /// Rows and columns of the output.
    pub(super) output: [usize; 2],
}

impl Geometry {
    /// # Panics
    /// If the kernel is larger than the padded image.
    pub(super) fn new(input: [usize; 4], kernel: [usize; 2], stride: usize, padding: usize) -> Self {
        let [_, height, width, _] = input;
        let side = |size: usize, kernel: usize| {
            let room = (size + 2 * padding).checked_sub(kernel);
            room.expect("images are at least as large as the kernel") / stride + 1
        };
        Self { input, kernel, stride, padding, output: [side(height, kernel[0]), side(width, kernel[1])] }
    }

    /// Pixels of the output of an image.
    pub(super) fn pixels(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Pixels of the output, of all images.
    pub(super) fn rows(&self) -> usize {
        self.input[0] * self.pixels()
    }

    /// Numbers that a pixel of the output looks at.
    pub(super) fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.input[3]
    }

    /// Whether a pixel of the output looks at the same pixel of the input alone: nothing need be copied.
    pub(super) fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.stride == 1 && self.padding == 0
    }

    /// Calls `run` for each run of numbers that a pixel of the output in `rows` looks at: the row from the first of `rows`, the
    /// run's place in that row, and its place in the input, or none where it lies in the padding.
    fn runs(&self, rows: Range<usize>, mut run: impl FnMut(usize, Range<usize>, Option<usize>)) {
        let [_, height, width, channels] = self.input;
        let [kernel_rows, kernel_columns] = self.kernel;
        let (pixels, begin) = (self.pixels(), rows.start);
        for row in rows {
            let (image, pixel) = (row / pixels, row % pixels);
            let top = (pixel / self.output[1] * self.stride) as isize - self.padding as isize;
            let left = (pixel % self.output[1] * self.stride) as isize - self.padding as isize;
            // The columns of the kernel that lie within the image.
            let first = (-left).clamp(0, kernel_columns as isize) as usize;
            let last = (width as isize - left).clamp(first as isize, kernel_columns as isize) as usize;
            for ky in 0..kernel_rows {
                let (y, at) = (top + ky as isize, ky * kernel_columns * channels);
                if y < 0 || y >= height as isize {
                    run(row - begin, at..at + kernel_columns * channels, None);
                    continue;
                }
                if first > 0 {
                    run(row - begin, at..at + first * channels, None);
                }
                if last > first {
                    let x = (left + first as isize) as usize;
                    let from = ((image * height + y as usize) * width + x) * channels;
                    run(row - begin, at + first * channels..at + last * channels, Some(from));
                }
                if last < kernel_columns {
                    run(row - begin, at + last * channels..at + kernel_columns * channels, None);
                }
            }
        }
    }

    /// Copies what the pixels `rows` of the output look at to `to`, a row of [`taps`](Self::taps) each: kernel rows × kernel
    /// columns × channels.
    pub(super) fn gather<E: Real>(&self, x: &[E], rows: Range<usize>, to: &mut [E]) {
        let taps = self.taps();
        self.runs(rows, |row, part, from| {
            let to = &mut to[row * taps + part.start..row * taps + part.end];
            match from {
                Some(from) => to.copy_from_slice(&x[from..from + part.len()]),
                None => to.fill(E::zero()),
            }
        });
    }

    /// The other way about: adds the rows of `from` to where they were looked at.
    pub(super) fn scatter<E: Real>(&self, from: &[E], rows: Range<usize>, x: &mut [E]) {
        let (taps, isa) = (self.taps(), Isa::detect());
        self.runs(rows, |row, part, at| {
            if let Some(at) = at {
                let length = part.len();
                add(isa, &mut x[at..at + length], &from[row * taps + part.start..row * taps + part.end]);
            }
        });
    }
}
