//! The two passes of a resize with AVX2, which give the same bytes as the plain ones: all sums are of whole numbers.
//!
//! A weight of 22 fractional bits does not fit the 16-bit products that the machine is quick at, so it is split into
//! `high` × 2^11 + `low`, and both parts are summed by themselves.

#![allow(unsafe_code, reason = "intrinsics of an instruction set that is looked for at run time")]

use std::arch::x86_64::*;

use super::{CHANNELS, Image, PRECISION, Taps, to_byte};

/// Bits of the low part of a weight.
const LOW: i32 = 11;
/// Pixels that are summed at a time.
const GROUP: usize = 4;
/// Bytes that a load may read behind the pixels it is about.
const SLACK: usize = 16;

/// Whether this machine has it.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx2")
}

/// The parts of two weights beside each other, as a multiplication of pairs takes them.
fn pair(first: i32, second: i32, part: fn(i32) -> i32) -> i32 {
    (part(first) & 0xffff) | part(second) << 16
}

fn high(weight: i32) -> i32 {
    weight >> LOW
}

fn low(weight: i32) -> i32 {
    weight & ((1 << LOW) - 1)
}

/// The weights of a first pass, ordered for its kernel.
pub(super) struct Across {
    spans: Vec<usize>,
    /// For each pixel and each four of its taps: the high parts of two pairs, then the low ones, a pair for each channel.
    weights: Vec<[i32; 16]>,
    groups: usize,
}

impl Across {
    pub(super) fn new(taps: &Taps) -> Self {
        let groups = taps.iter().map(|(_, weights)| weights.len().div_ceil(GROUP)).max().unwrap_or(0);
        let mut ordered = Vec::with_capacity(taps.spans.len() * groups);
        for (_, weights) in taps.iter() {
            for group in 0..groups {
                let weight = |i: usize| weights.get(group * GROUP + i).copied().unwrap_or(0);
                let four = |part| {
                    let (left, right) = (pair(weight(0), weight(1), part), pair(weight(2), weight(3), part));
                    [left, left, left, 0, right, right, right, 0]
                };
                let mut both = [0; 16];
                both[..8].copy_from_slice(&four(high));
                both[8..].copy_from_slice(&four(low));
                ordered.push(both);
            }
        }
        Self { spans: taps.spans.iter().map(|span| span.0).collect(), weights: ordered, groups }
    }

    /// The first pass over some rows: `from` holds the bytes of each row and `to` gets them, one row after the other.
    pub(super) fn rows(&self, from: &[&[u8]], to: &mut [u8]) {
        let length = self.spans.len() * CHANNELS;
        // Groups at the right end go beyond the row: every load must stay inside of the slice.
        let last = self.spans.iter().max().map_or(0, |first| first * CHANNELS + self.groups * GROUP * CHANNELS);
        let padded: Vec<Vec<u8>> = from
            .iter()
            .map(|row| match row.len() < last + SLACK {
                true => [row, vec![0; last + SLACK - row.len()].as_slice()].concat(),
                false => Vec::new(),
            })
            .collect();
        let row = |y: usize| if padded[y].is_empty() { from[y] } else { padded[y].as_slice() };
        let mut rows = to.chunks_exact_mut(length.max(1));
        for y in (0..from.len()).step_by(2) {
            let second = (y + 1).min(from.len() - 1);
            let (Some(first_to), second_to) = (rows.next(), rows.next()) else { return };
            // Where there is no second row, the first is done twice.
            let mut again = Vec::new();
            let second_to = second_to.unwrap_or_else(|| {
                again.resize(length, 0);
                &mut again
            });
            // SAFETY: AVX2 is there, as `resize_part` has asked; both rows hold `last + SLACK` bytes, beyond which no
            // load goes, and both results a pixel for each span.
            unsafe { self.two_rows([row(y), row(second)], [first_to, second_to]) };
        }
    }

    /// # Safety
    /// AVX2; rows that are long enough for every load, results of a pixel for each span.
    #[target_feature(enable = "avx2")]
    unsafe fn two_rows(&self, from: [&[u8]; 2], to: [&mut [u8]; 2]) {
        // From r g b r g b r g b r g b to pairs of two pixels' values of a channel: the first two in the lower half, the
        // others in the upper one.
        let spread = _mm256_setr_epi8(
            0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, //
            6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1,
        );
        let [first_to, second_to] = to;
        let results = first_to.as_chunks_mut::<CHANNELS>().0.iter_mut().zip(second_to.as_chunks_mut::<CHANNELS>().0);
        for ((first, weights), results) in self.spans.iter().zip(self.weights.chunks_exact(self.groups)).zip(results) {
            let mut sums = [[_mm256_setzero_si256(); 2]; 2];
            for (group, weights) in weights.iter().enumerate() {
                let at = (first + group * GROUP) * CHANNELS;
                // SAFETY: there are 16 numbers; loads of 16 bytes stay inside of the rows, says the caller.
                unsafe {
                    let high = _mm256_loadu_si256(weights.as_ptr().cast());
                    let low = _mm256_loadu_si256(weights.as_ptr().add(8).cast());
                    for (sums, from) in sums.iter_mut().zip(from) {
                        let bytes = _mm_loadu_si128(from.as_ptr().add(at).cast());
                        let pixels = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(bytes), spread);
                        sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(pixels, high));
                        sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(pixels, low));
                    }
                }
            }
            for (sums, result) in sums.iter().zip([results.0, results.1]) {
                let sum = _mm256_add_epi32(_mm256_slli_epi32::<LOW>(sums[0]), sums[1]);
                let sum = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
                let sum = _mm_add_epi32(sum, _mm_set1_epi32(1 << (PRECISION - 1)));
                let sum = _mm_srai_epi32::<{ PRECISION as i32 }>(sum);
                let words = _mm_packus_epi32(sum, sum);
                let bytes = _mm_cvtsi128_si32(_mm_packus_epi16(words, words)).to_le_bytes();
                result.copy_from_slice(&bytes[..CHANNELS]);
            }
        }
    }
}

/// One row of the second pass: the rows from `first` on, weighted.
pub(super) fn blend_rows(from: &Image, first: usize, weights: &[i32], to: &mut [u8]) {
    // SAFETY: AVX2 is there, as `resize_part` has asked.
    unsafe { blend_rows_avx2(from, first, weights, to) }
}

/// # Safety
/// AVX2.
#[target_feature(enable = "avx2")]
unsafe fn blend_rows_avx2(from: &Image, first: usize, weights: &[i32], to: &mut [u8]) {
    const STEP: usize = 16;
    let half = _mm256_set1_epi32(1 << (PRECISION - 1));
    let whole = to.len() / STEP * STEP;
    for at in (0..whole).step_by(STEP) {
        // The high and low sums of the first eight values, then those of the others.
        let mut sums = [[_mm256_setzero_si256(); 2]; 2];
        for (pair_number, two) in weights.chunks(2).enumerate() {
            let y = first + pair_number * 2;
            let (weight, next_weight) = (two[0], two.get(1).copied().unwrap_or(0));
            let next = if two.len() == 2 { y + 1 } else { y };
            let high = _mm256_set1_epi32(pair(weight, next_weight, high));
            let low = _mm256_set1_epi32(pair(weight, next_weight, low));
            let load = |y: usize| {
                let bytes = &from.row(y)[at..at + STEP];
                // SAFETY: the slice has 16 bytes.
                unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
            };
            let (a, b) = (load(y), load(next));
            for (sums, bytes) in sums.iter_mut().zip([_mm_unpacklo_epi8(a, b), _mm_unpackhi_epi8(a, b)]) {
                let pairs = _mm256_cvtepu8_epi16(bytes);
                sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(pairs, high));
                sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(pairs, low));
            }
        }
        let [left, right] = sums.map(|[high, low]| {
            let sum = _mm256_add_epi32(_mm256_add_epi32(_mm256_slli_epi32::<LOW>(high), low), half);
            _mm256_srai_epi32::<{ PRECISION as i32 }>(sum)
        });
        // Packing goes by halves of a register; the quarters are put in order afterwards.
        let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packus_epi32(left, right));
        let bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
        let to = &mut to[at..at + STEP];
        // SAFETY: the slice has 16 bytes.
        unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), bytes) };
    }
    for (i, byte) in to.iter_mut().enumerate().skip(whole) {
        let products = weights.iter().enumerate().map(|(y, weight)| weight * i32::from(from.row(first + y)[i]));
        *byte = to_byte(products.fold(1 << (PRECISION - 1), |sum, product| sum + product));
    }
}
