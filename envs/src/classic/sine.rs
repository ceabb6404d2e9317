//! Sines and cosines: the platform's, which NumPy has too, and on some platforms the same bits faster, for several
//! angles at once.
//!
//! The GNU library's sines are not the true values rounded to f64, but near: where they differ, the true value is close
//! to the middle between two floats. How close follows from how they are computed: as an entry of a table and a
//! correction below 2^-8, whose two or three roundings are off by 2^-62 each; measured in 4 × 10^7 angles of each of
//! seven ranges, together they are off by at most 1.13 × 2^-61 (1.5 × 2^-61 without fused multiplications), and by
//! at most 0.01 units in the last place where the value is below 1/8. So [`sines`] computes the true values, by tables
//! and polynomials that are off by at most 0.1 × 2^-61 and 0.0005 units, and rounds. Where they are farther from the
//! middle than 2^-60, or 1/64 of a unit, that must be what the library says. For the others, some 2 in a hundred, it is
//! asked.

#![allow(clippy::needless_range_loop, reason = "lanes of several arrays at once: loops over their index vectorise")]

use std::f64::consts::{FRAC_2_PI, PI};

/// Whether the platform's sine is known to be as close as that.
const IS_KNOWN: bool = cfg!(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"));
/// The largest angle that is reduced exactly enough.
const LARGEST: f64 = 1e5;

/// Sine and cosine of each angle of `both`, and the cosines of `single`, in the bits of `f64::sin` and `f64::cos`.
///
/// Faster if `FMA`, where the caller is compiled with it, and the faster the more is asked for at once: up to eight
/// values for each of eight angles, or four for each of sixteen.
#[inline(always)]
pub(super) fn sines<const N: usize, const FMA: bool, const B: usize, const S: usize>(
    both: [&[f64; N]; B],
    single: [&[f64; N]; S],
) -> ([[[f64; N]; 2]; B], [[f64; N]; S]) {
    const { assert!(N.div_ceil(8) * (2 * B + S) <= 8, "a byte holds the flags") };
    let mut pairs = [[[0.0; N]; 2]; B];
    let mut cosines = [[0.0; N]; S];
    if !(FMA && IS_KNOWN) {
        for k in 0..B {
            for i in 0..N {
                (pairs[k][0][i], pairs[k][1][i]) = (both[k][i].sin(), both[k][i].cos());
            }
        }
        for k in 0..S {
            for i in 0..N {
                cosines[k][i] = single[k][i].cos();
            }
        }
        return (pairs, cosines);
    }
    // All that is doubtful in one word, and one loop: one for each array would often be guessed wrong. A byte has the
    // flags of a lane, and of that eight lanes on.
    let values = 2 * B + S;
    let mut doubtful = 0;
    for k in 0..B {
        let nodes = nodes(both[k]);
        let mut doubts = [[0; N]; 2];
        for i in 0..N {
            let [sine, cosine] = close_sin_cos(both[k][i], lane(&nodes, i));
            (pairs[k][0][i], doubts[0][i]) = sine.rounded(both[k][i]);
            (pairs[k][1][i], doubts[1][i]) = cosine.rounded(both[k][i]);
        }
        doubtful |= bits(&doubts[0], values) << (2 * k) | bits(&doubts[1], values) << (2 * k + 1);
    }
    for k in 0..S {
        let nodes = nodes(single[k]);
        let mut doubts = [0; N];
        for i in 0..N {
            let [_, cosine] = close_sin_cos(single[k][i], lane(&nodes, i));
            (cosines[k][i], doubts[i]) = cosine.rounded(single[k][i]);
        }
        doubtful |= bits(&doubts, values) << (2 * B + k);
    }
    while doubtful != 0 {
        let bit = doubtful.trailing_zeros() as usize;
        let (byte, flag) = (bit / 8, bit % 8);
        let (i, k) = (byte + flag / values * 8, flag % values);
        if k >= 2 * B {
            cosines[k - 2 * B][i] = single[k - 2 * B][i].cos();
        } else if k.is_multiple_of(2) {
            pairs[k / 2][0][i] = both[k / 2][i].sin();
        } else {
            pairs[k / 2][1][i] = both[k / 2][i].cos();
        }
        doubtful &= doubtful - 1;
    }
    (pairs, cosines)
}

/// Flags of 0 and 1 as bits of the bytes of a word, those of the next eight lanes `stride` further.
#[inline(always)]
fn bits<const N: usize>(flags: &[u8; N], stride: usize) -> u64 {
    let mut word = 0;
    for (k, eight) in flags.as_chunks().0.iter().enumerate() {
        word |= u64::from_le_bytes(*eight) << (k * stride);
    }
    word
}

/// Sine and cosine of each angle, as `f64::sin` and `f64::cos` rounded to f32.
///
/// The library is hardly ever asked: only where its value is close to the middle between two f32.
#[inline(always)]
pub(super) fn narrow_sines<const N: usize, const FMA: bool, const B: usize>(
    angles: [&[f64; N]; B],
) -> [[[f32; N]; 2]; B] {
    let mut pairs = [[[0.0; N]; 2]; B];
    let mut is_doubtful = !(FMA && IS_KNOWN);
    if !is_doubtful {
        for k in 0..B {
            let nodes = nodes(angles[k]);
            for i in 0..N {
                let [sine, cosine] = close_sin_cos(angles[k][i], lane(&nodes, i));
                let (sine, sine_doubt) = sine.narrowed(angles[k][i]);
                let (cosine, cosine_doubt) = cosine.narrowed(angles[k][i]);
                [pairs[k][0][i], pairs[k][1][i]] = [sine, cosine];
                is_doubtful |= sine_doubt | cosine_doubt;
            }
        }
    }
    if is_doubtful {
        for k in 0..B {
            for i in 0..N {
                (pairs[k][0][i], pairs[k][1][i]) = (angles[k][i].sin() as f32, angles[k][i].cos() as f32);
            }
        }
    }
    pairs
}

/// A number as a sum, the second part being small beside the first.
#[derive(Clone, Copy)]
struct Sum(f64, f64);

impl Sum {
    /// The number as f64, and 1 if the library may round it otherwise: or it is not known.
    #[inline(always)]
    fn rounded(self, angle: f64) -> (f64, u8) {
        /// How near to the middle the library may be off, from 1/8 on, and in parts of a power of two below.
        const DOUBT: f64 = 1.0 / (1_u64 << 60) as f64;
        const RELATIVE: f64 = 1.0 / (1_u64 << 58) as f64;
        /// So much that all values below 2^-30 are doubtful: so near to zero, the library's π/2 is short of digits.
        const LEAST: f64 = 1.0 / (1_u128 << 82) as f64;

        let power = f64::from_bits(self.0.to_bits() & f64::INFINITY.to_bits());
        let relative = if power * RELATIVE > LEAST { power * RELATIVE } else { LEAST };
        let doubt = if power < 0.125 { relative } else { DOUBT };
        let value = self.0 + (self.1 + doubt);
        let is_sure = (value == self.0 + (self.1 - doubt)) & (angle.abs() <= LARGEST);
        (value, u8::from(!is_sure))
    }

    /// The number as f32, and whether the library's may be another.
    #[inline(always)]
    fn narrowed(self, angle: f64) -> (f32, bool) {
        // Much more than it is off by, and no less near zero.
        const DOUBT: f64 = 1.0 / (1_u64 << 48) as f64;
        let value = self.0 + self.1;
        let doubt = value.abs().mul_add(DOUBT, DOUBT * DOUBT);
        let narrow = (value + doubt) as f32;
        let is_sure = (narrow == (value - doubt) as f32) & (angle.abs() <= LARGEST);
        (narrow, !is_sure)
    }
}

/// Multiples of π/128 in a turn.
const NODES: usize = 256;
/// Their sines, what these lost to rounding, their cosines, and what those lost.
static TABLE: [[f64; NODES]; 4] = table();

/// By turning from each to the next.
const fn table() -> [[f64; NODES]; 4] {
    const SINE: Sum = Sum(0.024_541_228_522_912_288, -9.186_849_012_577_878e-20);
    const COSINE: Sum = Sum(0.999_698_818_696_204_2, -2.985_148_640_379_975e-17);
    let mut table = [[0.0; NODES]; 4];
    let (mut sine, mut cosine) = (Sum(0.0, 0.0), Sum(1.0, 0.0));
    let mut i = 0;
    while i < NODES {
        [table[0][i], table[1][i], table[2][i], table[3][i]] = [sine.0, sine.1, cosine.0, cosine.1];
        let minus_sine = Sum(-sine.0, -sine.1);
        (sine, cosine) =
            (plus(times(sine, COSINE), times(cosine, SINE)), plus(times(cosine, COSINE), times(minus_sine, SINE)));
        i += 1;
    }
    table
}

/// `a + b` to twice the digits.
const fn plus(a: Sum, b: Sum) -> Sum {
    let sum = a.0 + b.0;
    let of_b = sum - a.0;
    let rest = (a.0 - (sum - of_b)) + (b.0 - of_b);
    normal(sum, rest + (a.1 + b.1))
}

/// `a * b` to twice the digits.
const fn times(a: Sum, b: Sum) -> Sum {
    let product = a.0 * b.0;
    let ([a0, a1], [b0, b1]) = (halves(a.0), halves(b.0));
    let rest = (a0 * b0 - product) + a0 * b1 + a1 * b0 + a1 * b1;
    normal(product, rest + (a.0 * b.1 + a.1 * b.0))
}

const fn normal(large: f64, small: f64) -> Sum {
    let sum = large + small;
    Sum(sum, (large - sum) + small)
}

/// A number as two of half the digits, whose products are exact.
const fn halves(number: f64) -> [f64; 2] {
    let large = number * ((1_u64 << 27) + 1) as f64;
    let high = large - (large - number);
    [high, number - high]
}

/// Adding it to a number of less than 2^51 rounds that to an integer, which then is in the low bits.
const ROUNDER: f64 = 1.5 * (1_u64 << 52) as f64;
/// π/128, and what it lost to rounding.
const STEP: [f64; 2] = [PI / 128.0, 1.224_646_799_147_353_2e-16 / 128.0];

/// The columns of the table for the node next to each angle.
#[inline(always)]
fn nodes<const N: usize>(angles: &[f64; N]) -> [[f64; N]; 4] {
    let mut indices = [0; N];
    for i in 0..N {
        indices[i] = angles[i].mul_add(64.0 * FRAC_2_PI, ROUNDER).to_bits() as usize % NODES;
    }
    let mut columns = [[0.0; N]; 4];
    for column in 0..4 {
        for i in 0..N {
            columns[column][i] = TABLE[column][indices[i]];
        }
    }
    columns
}

#[inline(always)]
fn lane<const N: usize>(columns: &[[f64; N]; 4], i: usize) -> [f64; 4] {
    [columns[0][i], columns[1][i], columns[2][i], columns[3][i]]
}

/// Sine and cosine to about 2^-64, given the columns of the table for the node next to the angle.
#[inline(always)]
fn close_sin_cos(angle: f64, [sine, sine_rest, cosine, cosine_rest]: [f64; 4]) -> [Sum; 2] {
    let n = angle.mul_add(64.0 * FRAC_2_PI, ROUNDER) - ROUNDER;
    // The angle less n π/128, as x + tail: the first product and difference are exact.
    let near = (-n).mul_add(STEP[0], angle);
    let x = (-n).mul_add(STEP[1], near);
    let tail = (-n).mul_add(STEP[1], near - x);
    // Taylor's polynomials: sin (x + tail) - x and cos x - 1.
    let z = x * x;
    let p = z.mul_add(z.mul_add(-1.0 / 5040.0, 1.0 / 120.0), -1.0 / 6.0);
    let sine_more = (x * z).mul_add(p, tail);
    let cosine_more = z * z.mul_add(z.mul_add(-1.0 / 720.0, 1.0 / 24.0), -0.5);
    let turn = [x, sine_more, cosine_more];
    [turned([sine, sine_rest], [cosine, cosine_rest], turn), turned([cosine, cosine_rest], [-sine, -sine_rest], turn)]
}

/// `a cos x + b sin x`, given x, sin x - x and cos x - 1. `b x` is less than half of `a`, or `a` next to nothing.
#[inline(always)]
fn turned(a: [f64; 2], b: [f64; 2], [x, sine_more, cosine_more]: [f64; 3]) -> Sum {
    let sum = b[0].mul_add(x, a[0]);
    let rest = b[0].mul_add(x, a[0] - sum) + b[1].mul_add(x, a[1]);
    Sum(sum, a[0].mul_add(cosine_more, b[0].mul_add(sine_more, rest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Generator;

    /// Sixteen angles at a time, compiled as batches are.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
    fn sines_of_sixteen(angles: &[f64; 16]) -> [[f64; 16]; 3] {
        let ([[sines, cosines]], [again]) = sines::<16, true, _, _>([angles], [angles]);
        [sines, cosines, again]
    }

    /// Compares `count` random angles of each range, which span what occurs in a step of any environment.
    #[allow(unsafe_code, reason = "code for instructions found at run time needs it")]
    fn compare(count: usize, seed: u64) {
        let mut rng = Generator::new(seed);
        let is_fast = is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512dq");
        for limit in [1e-3, 0.2, 1.0, 4.0, 12.0, 100.0, 2e5] {
            for _ in 0..count / 16 {
                let angles: [f64; 16] = std::array::from_fn(|_| rng.uniform(-limit, limit));
                let found = if is_fast {
                    // SAFETY: these instructions were just found, and the others of the list come with them.
                    unsafe { sines_of_sixteen(&angles) }
                } else {
                    let ([[sines, cosines]], [again]) = sines::<16, true, _, _>([&angles], [&angles]);
                    [sines, cosines, again]
                };
                for (i, angle) in angles.into_iter().enumerate() {
                    let expected = [angle.sin(), angle.cos(), angle.cos()].map(f64::to_bits);
                    assert_eq!(found.map(|values| values[i].to_bits()), expected, "{angle:?}");
                }
            }
        }
    }

    #[test]
    fn they_are_the_librarys_bits() {
        compare(400_000, 0);
    }

    #[test]
    #[ignore = "takes minutes: 10^9 angles"]
    fn they_are_the_librarys_bits_in_a_billion_angles() {
        compare(1_000_000_000 / 7, 1);
    }

    #[test]
    fn odd_angles_are_the_librarys() {
        use std::f64::consts::{FRAC_PI_2, PI};
        let odd = [0.0, -0.0, f64::MIN_POSITIVE, 1e-300, 1e-9, -1e-8, PI, -PI, FRAC_PI_2, 1e5, 1e300, f64::INFINITY];
        let multiples = (1..2000).map(|n| f64::from(n) * FRAC_PI_2);
        let near = multiples.flat_map(|x| [x.next_down(), x, x.next_up()]);
        for angle in odd.into_iter().chain(near).chain([f64::NAN]) {
            let ([[sines, cosines]], []) = sines::<8, true, 1, 0>([&[angle; 8]], []);
            let expected = [angle.sin(), angle.cos()].map(f64::to_bits);
            assert_eq!([sines[3], cosines[7]].map(f64::to_bits), expected, "{angle:?}");
            assert_narrow(angle);
        }
    }

    fn assert_narrow(angle: f64) {
        let [[sines, cosines]] = narrow_sines::<8, true, 1>([&[angle; 8]]);
        let expected = [angle.sin() as f32, angle.cos() as f32].map(f32::to_bits);
        assert_eq!([sines[3], cosines[7]].map(f32::to_bits), expected, "{angle:?}");
    }

    #[test]
    fn narrow_ones_are_the_librarys_rounded() {
        let mut rng = Generator::new(2);
        for _ in 0..100_000 {
            let value = rng.uniform(-1.0, 1.0) as f32;
            let middle = f64::midpoint(f64::from(value), f64::from(value.next_up()));
            for angle in [middle.asin(), middle.acos(), rng.uniform(-10.0, 10.0)] {
                assert_narrow(angle);
            }
        }
    }
}
