//! Images of bytes, and their resizing as OpenCV's `INTER_AREA` does it.

use crate::{Dtype, Space};

/// The shape of an image: rows of pixels, pixels of channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
}

impl Image {
    /// The shape of the images in `space`, if it is of images: bytes from 0 to 255, in rows, with or without channels.
    pub(super) fn of(space: &Space) -> Option<Self> {
        let Space::Box { low, high, shape, dtype: Dtype::U8 } = space else { return None };
        let full = low.iter().all(|x| *x == 0.0) && high.iter().all(|x| *x == 255.0);
        match (full, shape.as_slice()) {
            (true, &[height, width]) => Some(Self { height, width, channels: 1 }),
            (true, &[height, width, channels]) => Some(Self { height, width, channels }),
            _ => None,
        }
    }
}

/// Resizes images of one shape to one size: what `ResizeObservation` does.
///
/// Where both sides shrink, a pixel is the mean of the area it covers. Where one grows, it is between its neighbors,
/// with areas of equal pixels: OpenCV's `INTER_AREA` is bilinear then, in fixed point.
#[derive(Clone, Debug)]
pub struct Resizer {
    from: Image,
    method: Method,
    rows: Taps,
    columns: Taps,
    /// One row of the result, resized along the row only, and the sum over such rows.
    line: Vec<f32>,
    sum: Vec<f32>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Method {
    /// Means of whole blocks, in integers.
    Blocks,
    /// Means of areas with fractions of pixels at their edges, in f32.
    Areas,
    /// Between two neighbors along each side, with weights of 11 bits.
    Bilinear,
}

/// For each place along a side of the result, the places of the original that it is made of, and their weights.
type Taps = Vec<Vec<(usize, f32)>>;

impl Resizer {
    /// From images of shape `from` to `height` by `width`.
    pub(super) fn new(from: Image, height: usize, width: usize) -> Self {
        let method = if from.height < height || from.width < width {
            Method::Bilinear
        } else if from.height.is_multiple_of(height) && from.width.is_multiple_of(width) {
            Method::Blocks
        } else {
            Method::Areas
        };
        let taps = if method == Method::Bilinear { between } else { areas };
        let numbers = width * from.channels;
        Self {
            from,
            method,
            rows: taps(from.height, height),
            columns: taps(from.width, width),
            line: vec![0.0; numbers],
            sum: vec![0.0; numbers],
        }
    }

    /// Writes `image`, resized.
    pub(super) fn resize(&mut self, image: &[u8], resized: &mut [u8]) {
        match self.method {
            Method::Blocks => self.blocks(image, resized),
            Method::Areas => self.areas(image, resized),
            Method::Bilinear => self.bilinear(image, resized),
        }
    }

    fn blocks(&self, image: &[u8], resized: &mut [u8]) {
        let Image { width, channels, .. } = self.from;
        let mut pixels = resized.chunks_exact_mut(channels);
        for rows in &self.rows {
            for (columns, pixel) in self.columns.iter().zip(&mut pixels) {
                for (channel, number) in pixel.iter_mut().enumerate() {
                    let of_row = |row: usize| -> u32 {
                        columns.iter().map(|(x, _)| u32::from(image[(row * width + x) * channels + channel])).sum()
                    };
                    let sum: u32 = rows.iter().map(|(y, _)| of_row(*y)).sum();
                    *number = match (rows.len(), columns.len()) {
                        // OpenCV rounds halves up in blocks of four, and to even in all others.
                        (2, 2) => ((sum + 2) >> 2) as u8,
                        (rows, columns) => (sum as f32 * (1.0 / (rows * columns) as f32)).round_ties_even() as u8,
                    };
                }
            }
        }
    }

    fn areas(&mut self, image: &[u8], resized: &mut [u8]) {
        let Image { width, channels, .. } = self.from;
        for (rows, resized) in self.rows.iter().zip(resized.chunks_exact_mut(self.sum.len())) {
            self.sum.fill(0.0);
            for (y, weight_y) in rows {
                let row = &image[y * width * channels..(y + 1) * width * channels];
                self.line.fill(0.0);
                for (columns, pixel) in self.columns.iter().zip(self.line.chunks_exact_mut(channels)) {
                    for (x, weight_x) in columns {
                        let from = &row[x * channels..(x + 1) * channels];
                        pixel.iter_mut().zip(from).for_each(|(sum, number)| *sum += f32::from(*number) * weight_x);
                    }
                }
                self.sum.iter_mut().zip(&self.line).for_each(|(sum, number)| *sum += weight_y * number);
            }
            resized.iter_mut().zip(&self.sum).for_each(|(number, sum)| *number = sum.round_ties_even() as u8);
        }
    }

    fn bilinear(&self, image: &[u8], resized: &mut [u8]) {
        let Image { width, channels, .. } = self.from;
        let fixed = |weight: f32| (weight * 2048.0).round_ties_even() as i32;
        let mut pixels = resized.chunks_exact_mut(channels);
        for rows in &self.rows {
            for (columns, pixel) in self.columns.iter().zip(&mut pixels) {
                for (channel, number) in pixel.iter_mut().enumerate() {
                    let along = |y: usize| -> i32 {
                        let at = |x: usize| i32::from(image[(y * width + x) * channels + channel]);
                        columns.iter().map(|(x, weight)| at(*x) * fixed(*weight)).sum()
                    };
                    // In OpenCV's order of shifts: 11 bits of each weight, of which 22 go in three steps.
                    let sum: i32 = rows.iter().map(|(y, weight)| (fixed(*weight) * (along(*y) >> 4)) >> 16).sum();
                    *number = ((sum + 2) >> 2).clamp(0, 255) as u8;
                }
            }
        }
    }
}

/// Areas: a place of the result covers `from / to` places of the original.
fn areas(from: usize, to: usize) -> Taps {
    let scale = from as f64 / to as f64;
    (0..to)
        .map(|i| {
            let start = i as f64 * scale;
            let end = start + scale;
            let covered = scale.min(from as f64 - start);
            // OpenCV's tolerance, so that rounding makes no slivers.
            const SLIVER: f64 = 1e-3;
            let last = (end.floor() as usize).min(from - 1);
            let first = (start.ceil() as usize).min(last);
            let mut taps = Vec::new();
            if first as f64 - start > SLIVER {
                taps.push((first - 1, ((first as f64 - start) / covered) as f32));
            }
            taps.extend((first..last).map(|j| (j, (1.0 / covered) as f32)));
            if end - last as f64 > SLIVER {
                taps.push((last, ((end - last as f64).min(1.0).min(covered) / covered) as f32));
            }
            taps
        })
        .collect()
}

/// Neighbors: a place of the result lies between two places of the original.
fn between(from: usize, to: usize) -> Taps {
    let (scale, inverse) = (from as f64 / to as f64, to as f64 / from as f64);
    (0..to)
        .map(|i| {
            let place = (i as f64 * scale).floor();
            let share = ((i + 1) as f64 - (place + 1.0) * inverse) as f32;
            let share = if share <= 0.0 { 0.0 } else { share - share.floor() };
            let first = place as usize;
            if first + 1 >= from { vec![(from - 1, 1.0)] } else { vec![(first, 1.0 - share), (first + 1, share)] }
        })
        .collect()
}
