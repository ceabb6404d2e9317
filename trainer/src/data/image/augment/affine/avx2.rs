//! The blend of four pixels with AVX2: the channels of a pixel beside each other, in the order and with the roundings of the
//! plain one.

#![allow(unsafe_code, reason = "intrinsics of an instruction set that is looked for at run time")]

use std::arch::x86_64::*;

use super::{Affine, CHANNELS};

/// Whether this machine has it.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx2")
}

/// [`Affine::apply`] on a machine that has AVX2.
pub(super) fn apply(affine: &Affine, from: &[u8], width: usize, height: usize, to: &mut [f32]) {
    // SAFETY: AVX2 is there, as the caller has asked.
    unsafe { apply_avx2(affine, from, width, height, to) }
}

/// # Safety
/// AVX2.
#[target_feature(enable = "avx2")]
unsafe fn apply_avx2(affine: &Affine, from: &[u8], width: usize, height: usize, to: &mut [f32]) {
    affine.each(width, height, to, |down, across, pixel| {
        let mut sums = _mm256_setzero_pd();
        for (y, weight_down) in down.at.iter().zip(down.weights) {
            let weight_down = _mm256_set1_pd(weight_down);
            for (x, weight_across) in across.at.iter().zip(across.weights) {
                let values = _mm256_cvtepi32_pd(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(channels(from, y * width + x))));
                let weighted = _mm256_mul_pd(_mm256_mul_pd(values, weight_down), _mm256_set1_pd(weight_across));
                sums = _mm256_add_pd(sums, weighted);
            }
        }
        let mut four = [0.0; 4];
        // SAFETY: there is room for four.
        unsafe { _mm_storeu_ps(four.as_mut_ptr(), _mm256_cvtpd_ps(sums)) };
        pixel.copy_from_slice(&four[..CHANNELS]);
    });
}

/// The bytes of a pixel, the lowest first.
#[inline(always)]
fn channels(from: &[u8], pixel: usize) -> i32 {
    let at = pixel * CHANNELS;
    match from.get(at..at + 4) {
        Some(&[red, green, blue, next]) => i32::from_le_bytes([red, green, blue, next]),
        // The last pixel of all, which nothing follows.
        _ => i32::from_le_bytes([from[at], from[at + 1], from[at + 2], 0]),
    }
}

#[cfg(test)]
mod tests {
    use super::super::FillMode;
    use super::*;
    use crate::data::image::tests::noise;

    #[test]
    fn vectors_give_the_numbers_of_the_plain_blend() {
        if !is_available() {
            return;
        }
        let image = noise(37, 21, 3);
        for fill in FillMode::ALL {
            let matrix = [[0.7, 0.4, -3.3], [-0.6, 0.9, 5.25]];
            let affine = Affine { matrix, fill: *fill, cval: 7.5, nearest: false };
            let (mut vectors, mut plain) = (vec![0.0; image.rgb.len()], vec![1.0; image.rgb.len()]);
            apply(&affine, &image.rgb, 37, 21, &mut vectors);
            affine.apply_plain(&image.rgb, 37, 21, &mut plain);
            assert!(vectors == plain, "{fill}");
        }
    }
}
