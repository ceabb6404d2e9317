//! The same with AVX2, in 16 bits: what does not fit is split into a whole number and the rest.

#![allow(unsafe_code, reason = "intrinsics of an instruction set that is looked for at run time")]

use std::arch::x86_64::*;

use super::super::super::CHANNELS;
use super::super::{Headers, Plane};
use super::each_row;

/// Pixels at a time.
const STEP: usize = 16;

/// Whether this machine has it.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx2")
}

/// [`to_rgb`](super::to_rgb) on a machine that has AVX2.
pub(super) fn to_rgb(planes: [&Plane; 3], headers: &Headers<'_>, rgb: &mut [u8]) {
    // SAFETY: AVX2 is there, as the caller has asked.
    unsafe { to_rgb_avx2(planes, headers, rgb) }
}

#[target_feature(enable = "avx2")]
fn to_rgb_avx2(planes: [&Plane; 3], headers: &Headers<'_>, rgb: &mut [u8]) {
    each_row(planes, headers, rgb, |from, to| convert_avx2(from, to));
}

#[cfg(test)]
pub(super) fn convert(from: [&[u8]; 3], to: &mut [u8]) {
    // SAFETY: AVX2 is there, as the test has asked.
    unsafe { convert_avx2(from, to) }
}

#[target_feature(enable = "avx2")]
fn convert_avx2(from: [&[u8]; 3], to: &mut [u8]) {
    let [y, cb, cr] = from.map(|row| row.as_chunks::<STEP>());
    let (to, to_rest) = to.as_chunks_mut::<{ STEP * CHANNELS }>();
    for (((to, y), cb), cr) in to.iter_mut().zip(y.0).zip(cb.0).zip(cr.0) {
        sixteen([y, cb, cr], to);
    }
    super::convert([y.1, cb.1, cr.1], to_rest);
}

/// 16 pixels.
#[inline]
#[target_feature(enable = "avx2")]
fn sixteen(from: [&[u8; STEP]; 3], to: &mut [u8; STEP * CHANNELS]) {
    let [y, cb, cr] = from.map(|bytes| {
        // SAFETY: there are 16 bytes.
        _mm256_cvtepu8_epi16(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
    });
    let middle = _mm256_set1_epi16(128);
    let (cb, cr) = (_mm256_sub_epi16(cb, middle), _mm256_sub_epi16(cr, middle));
    // `share` / 2^16 of a number, rounded: the upper half of twice the product, one added, halved.
    let part = |number, share: i16| {
        let product = _mm256_mulhi_epi16(_mm256_add_epi16(number, number), _mm256_set1_epi16(share));
        _mm256_srai_epi16::<1>(_mm256_add_epi16(product, _mm256_set1_epi16(1)))
    };
    // 91881 = 65536 + 26345, 116130 = 2 * 65536 - 14942, -46802 = 18734 - 65536.
    let red = _mm256_add_epi16(_mm256_add_epi16(y, cr), part(cr, 26345));
    let blue = _mm256_add_epi16(_mm256_add_epi16(y, _mm256_add_epi16(cb, cb)), part(cb, -14942));
    let shares = _mm256_set1_epi32((-22554_i32 & 0xffff) | 18734 << 16);
    let sum = |pairs| {
        let sums = _mm256_add_epi32(_mm256_madd_epi16(pairs, shares), _mm256_set1_epi32(1 << 15));
        _mm256_srai_epi32::<16>(sums)
    };
    let green = _mm256_packs_epi32(sum(_mm256_unpacklo_epi16(cb, cr)), sum(_mm256_unpackhi_epi16(cb, cr)));
    let green = _mm256_add_epi16(_mm256_sub_epi16(y, cr), green);
    let [red, green, blue] = [red, green, blue]
        .map(|words| _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words)));
    for (third, to) in to.as_chunks_mut::<STEP>().0.iter_mut().enumerate() {
        let bytes = _mm_or_si128(
            _mm_or_si128(_mm_shuffle_epi8(red, place(third, 0)), _mm_shuffle_epi8(green, place(third, 1))),
            _mm_shuffle_epi8(blue, place(third, 2)),
        );
        // SAFETY: there are 16 bytes.
        unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), bytes) };
    }
}

/// Where the bytes of a channel go in one third of 16 pixels; -1 where another channel's are.
#[inline(always)]
fn place(third: usize, channel: usize) -> __m128i {
    const PLACES: [[[i8; STEP]; CHANNELS]; CHANNELS] = {
        let mut places = [[[-1; STEP]; CHANNELS]; CHANNELS];
        let mut at = 0;
        while at < STEP * CHANNELS {
            places[at / STEP][at % CHANNELS][at % STEP] = (at / CHANNELS) as i8;
            at += 1;
        }
        places
    };
    // SAFETY: both are 16 bytes.
    unsafe { std::mem::transmute(PLACES[third][channel]) }
}
