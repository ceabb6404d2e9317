//! The same with AVX2: a register holds a row of one block in its lower half, and of the other in its upper one. Products of
//! pairs of 16 bits are summed in 32.

#![allow(unsafe_code, reason = "intrinsics of an instruction set that is looked for at run time")]

use std::arch::x86_64::*;

use super::{BITS, BLOCK, KEPT, SIDE, Samples};

/// Whether this machine has it.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx2")
}

pub(super) fn two(blocks: &[[i16; BLOCK]; 2]) -> Samples {
    // SAFETY: AVX2 is there, as the caller has asked.
    unsafe { two_avx2(blocks) }
}

type Rows = [__m256i; SIDE];

#[target_feature(enable = "avx2")]
fn two_avx2(blocks: &[[i16; BLOCK]; 2]) -> Samples {
    let half = |block: usize, y: usize| {
        // SAFETY: a block has eight rows of eight numbers.
        unsafe { _mm_loadu_si128(blocks[block].as_ptr().add(y * SIDE).cast()) }
    };
    let rows: Rows = std::array::from_fn(|y| _mm256_set_m128i(half(1, y), half(0, y)));
    let rows = transposed(pass::<{ BITS - KEPT }>(rows));
    let rows = transposed(pass::<{ BITS + KEPT + 3 }>(rows));
    let mut samples = Samples::default();
    let middle = _mm256_set1_epi8(-128);
    for y in (0..SIDE).step_by(2) {
        // Two rows of the first block, two of the second.
        let bytes = _mm256_xor_si256(_mm256_packs_epi16(rows[y], rows[y + 1]), middle);
        let [a, b, c, d] = [
            _mm256_extract_epi64::<0>(bytes),
            _mm256_extract_epi64::<1>(bytes),
            _mm256_extract_epi64::<2>(bytes),
            _mm256_extract_epi64::<3>(bytes),
        ];
        samples[0][y] = a.to_le_bytes();
        samples[0][y + 1] = b.to_le_bytes();
        samples[1][y] = c.to_le_bytes();
        samples[1][y + 1] = d.to_le_bytes();
    }
    samples
}

/// Two 16-bit factors beside each other, over and over.
#[inline]
#[target_feature(enable = "avx2")]
fn factors(first: i32, second: i32) -> __m256i {
    _mm256_set1_epi32((first & 0xffff) | second << 16)
}

/// One pass down the columns.
#[inline]
#[target_feature(enable = "avx2")]
fn pass<const SHIFT: i32>(x: Rows) -> Rows {
    let (z3, z4) = (_mm256_add_epi16(x[7], x[3]), _mm256_add_epi16(x[5], x[1]));
    let low = half_pass::<SHIFT>([
        _mm256_unpacklo_epi16(x[0], x[4]),
        _mm256_unpacklo_epi16(x[2], x[6]),
        _mm256_unpacklo_epi16(x[7], x[1]),
        _mm256_unpacklo_epi16(x[5], x[3]),
        _mm256_unpacklo_epi16(z3, z4),
    ]);
    let high = half_pass::<SHIFT>([
        _mm256_unpackhi_epi16(x[0], x[4]),
        _mm256_unpackhi_epi16(x[2], x[6]),
        _mm256_unpackhi_epi16(x[7], x[1]),
        _mm256_unpackhi_epi16(x[5], x[3]),
        _mm256_unpackhi_epi16(z3, z4),
    ]);
    std::array::from_fn(|y| _mm256_packs_epi32(low[y], high[y]))
}

/// One pass down four columns of each block, from pairs of rows: 0 and 4, 2 and 6, 7 and 1, 5 and 3, the sums.
#[inline]
#[target_feature(enable = "avx2")]
fn half_pass<const SHIFT: i32>([x04, x26, x71, x53, z34]: [__m256i; 5]) -> Rows {
    const ONE: i32 = 1 << BITS;
    let (even0, even1) = (_mm256_madd_epi16(x04, factors(ONE, ONE)), _mm256_madd_epi16(x04, factors(ONE, -ONE)));
    let even2 = _mm256_madd_epi16(x26, factors(4433, 4433 - 15137));
    let even3 = _mm256_madd_epi16(x26, factors(4433 + 6270, 4433));
    let z3 = _mm256_madd_epi16(z34, factors(9633 - 16069, 9633));
    let z4 = _mm256_madd_epi16(z34, factors(9633, 9633 - 3196));
    let odd = [
        _mm256_add_epi32(_mm256_madd_epi16(x71, factors(-7373, 12299 - 7373)), z4),
        _mm256_add_epi32(_mm256_madd_epi16(x53, factors(-20995, 25172 - 20995)), z3),
        _mm256_add_epi32(_mm256_madd_epi16(x53, factors(16819 - 20995, -20995)), z4),
        _mm256_add_epi32(_mm256_madd_epi16(x71, factors(2446 - 7373, -7373)), z3),
    ];
    let half = _mm256_set1_epi32(1 << (SHIFT - 1));
    let (even0, even1) = (_mm256_add_epi32(even0, half), _mm256_add_epi32(even1, half));
    let even = [
        _mm256_add_epi32(even0, even3),
        _mm256_add_epi32(even1, even2),
        _mm256_sub_epi32(even1, even2),
        _mm256_sub_epi32(even0, even3),
    ];
    let mut rows = [_mm256_setzero_si256(); SIDE];
    for i in 0..4 {
        rows[i] = _mm256_srai_epi32::<SHIFT>(_mm256_add_epi32(even[i], odd[i]));
        rows[7 - i] = _mm256_srai_epi32::<SHIFT>(_mm256_sub_epi32(even[i], odd[i]));
    }
    rows
}

/// Rows become columns, in each block.
#[inline]
#[target_feature(enable = "avx2")]
fn transposed(x: Rows) -> Rows {
    let pairs = |a: usize, b: usize| [_mm256_unpacklo_epi16(x[a], x[b]), _mm256_unpackhi_epi16(x[a], x[b])];
    let ([a0, a1], [b0, b1], [c0, c1], [d0, d1]) = (pairs(0, 1), pairs(2, 3), pairs(4, 5), pairs(6, 7));
    let fours = |a, b| [_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b)];
    let ([e0, e1], [e2, e3], [f0, f1], [f2, f3]) = (fours(a0, b0), fours(a1, b1), fours(c0, d0), fours(c1, d1));
    let eights = |a, b| [_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b)];
    let ([r0, r1], [r2, r3], [r4, r5], [r6, r7]) = (eights(e0, f0), eights(e1, f1), eights(e2, f2), eights(e3, f3));
    [r0, r1, r2, r3, r4, r5, r6, r7]
}
