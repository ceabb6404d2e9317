//! `scipy.ndimage.affine_transform` of orders 0 and 1 on an image: each pixel of the result is looked up at a place of the
//! image. Places are 64-bit, and sums are taken in scipy's order (`NI_GeometricTransform` of scipy 1.17).

#[cfg(target_arch = "x86_64")]
mod avx2;

use super::super::CHANNELS;

cartwheel_agents::config_enum! {
    /// What lies beyond the edge of an image, by scipy's names.
    pub enum FillMode {
        /// aaa|abcd|ddd
        Nearest = "nearest",
        /// kkk|abcd|kkk, where k is `cval`; a place beyond the middle of the last pixel is outside.
        Constant = "constant",
        /// cba|abcd|dcb
        Reflect = "reflect",
        /// bcd|abcd|abc, but scipy's repeats after one pixel less than there are.
        Wrap = "wrap",
    }
}

/// An affine map and what is beyond the edges.
pub(super) struct Affine {
    /// From (row, column, 1) of the result to the row and the column of the image.
    pub(super) matrix: [[f64; 3]; 2],
    pub(super) fill: FillMode,
    pub(super) cval: f64,
    /// Order 0 instead of 1.
    pub(super) nearest: bool,
}

/// Along one axis: two pixels and their weights.
#[derive(Clone, Copy)]
struct Taps {
    at: [usize; 2],
    weights: [f64; 2],
}

impl Affine {
    /// Maps an image of 8-bit values.
    pub(super) fn apply(&self, from: &[u8], width: usize, height: usize, to: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        if avx2::is_available() {
            return avx2::apply(self, from, width, height, to);
        }
        self.apply_plain(from, width, height, to);
    }

    fn apply_plain(&self, from: &[u8], width: usize, height: usize, to: &mut [f32]) {
        let from = from.as_chunks::<CHANNELS>().0;
        self.each(width, height, to, |down, across, pixel| *pixel = blend(from, width, down, across));
    }

    /// Goes through the pixels of the result: `blend` makes one from what is around its place in the image.
    #[inline(always)]
    fn each(&self, width: usize, height: usize, to: &mut [f32], blend: impl Fn(Taps, Taps, &mut [f32; CHANNELS])) {
        let [rows, columns] = self.matrix;
        for (y, line) in to.chunks_exact_mut((width * CHANNELS).max(1)).enumerate() {
            let (row, column) = (y as f64 * rows[0], y as f64 * columns[0]);
            for (x, pixel) in line.as_chunks_mut::<CHANNELS>().0.iter_mut().enumerate() {
                let x = x as f64;
                let (row, column) = (row + x * rows[1] + rows[2], column + x * columns[1] + columns[2]);
                match self.taps(row, height).zip(self.taps(column, width)) {
                    Some((down, across)) => blend(down, across, pixel),
                    None => *pixel = [self.cval as f32; CHANNELS],
                }
            }
        }
    }

    /// The pixels around a place along an axis; nothing where it is outside and a constant.
    #[inline(always)]
    fn taps(&self, place: f64, length: usize) -> Option<Taps> {
        let last = length as f64 - 1.0;
        // Most places, for which nothing has to be mapped.
        if place >= 0.0 && place < last && !self.nearest {
            let first = place as usize;
            return Some(Taps { at: [first, first + 1], weights: weights(place - first as f64) });
        }
        self.taps_at_edge(place, length)
    }

    #[inline(never)]
    fn taps_at_edge(&self, place: f64, length: usize) -> Option<Taps> {
        let place = self.mapped(place, length)?;
        if self.nearest {
            let at = self.mapped_index((place + 0.5).floor() as isize, length);
            return Some(Taps { at: [at, at], weights: [1.0, 0.0] });
        }
        let first = place.floor();
        let at = [0, 1].map(|i| self.mapped_index(first as isize + i, length));
        Some(Taps { at, weights: weights(place - first) })
    }

    /// A place brought to where the image is.
    fn mapped(&self, place: f64, length: usize) -> Option<f64> {
        let last = length as f64 - 1.0;
        if (0.0..=last).contains(&place) {
            return Some(place);
        }
        match self.fill {
            FillMode::Constant => None,
            _ if length <= 1 => Some(0.0),
            FillMode::Nearest => Some(place.clamp(0.0, last)),
            FillMode::Wrap if place < 0.0 => Some(place + last * ((-place / last).trunc() + 1.0)),
            FillMode::Wrap => Some(place - last * (place / last).trunc()),
            FillMode::Reflect => {
                let (side, period) = (length as f64, 2.0 * length as f64);
                if place >= 0.0 {
                    let place = place - period * (place / period).trunc();
                    return Some(if place >= side { period - place - 1.0 } else { place });
                }
                let place = if place < -period { period * (-place / period).trunc() + place } else { place };
                Some(match place {
                    _ if place < -side => place + period,
                    // Just before the edge, where the difference to -1 would be lost.
                    _ if place > -1e-15 => 1e-15 - 1.0,
                    _ => -place - 1.0,
                })
            }
        }
    }

    /// A pixel's number brought to where the image is. Places are there already, so it is off by one at most, and counts
    /// in reflections alone: elsewhere its weight is 0.
    fn mapped_index(&self, index: isize, length: usize) -> usize {
        index.clamp(0, length as isize - 1) as usize
    }
}

/// The second weight is what is left of 1, as in scipy.
#[inline]
fn weights(fraction: f64) -> [f64; 2] {
    let first = 1.0 - fraction;
    [first, 1.0 - first]
}

#[inline]
fn blend(from: &[[u8; CHANNELS]], width: usize, down: Taps, across: Taps) -> [f32; CHANNELS] {
    let mut sums = [0.0; CHANNELS];
    for (y, weight_down) in down.at.iter().zip(down.weights) {
        for (x, weight_across) in across.at.iter().zip(across.weights) {
            let pixel = &from[y * width + x];
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += f64::from(*value) * weight_down * weight_across;
            }
        }
    }
    sums.map(|sum| sum as f32)
}
