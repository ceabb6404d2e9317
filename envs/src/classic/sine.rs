//! Sines and cosines: the platform's, which NumPy has too, and on some platforms the same bits faster, for several
//! angles at once.
//!
//! The GNU library's sines are not the true values rounded to f64, but near: where they differ, the true value is close
//! to the middle between two floats. How close follows from how they are computed: as an entry of a table and a
//! correction below 2^-8, whose two or three roundings are off by 2^-62 each; measured in 4 × 10^7 angles of each of
//! seven ranges, together they are off by at most 1.13 × 2^-61 (1.5 × 2^-61 without fused multiplications), and by
//! at most 0.01 units in the last place where the value is below 1/8. So [`sines`] computes the true values, by a
//! vectorised polynomial that is off by at most 0.33 × 2^-61, and rounds. Where they are farther from the middle than
//! 2^-60, or 1/32 of a unit, that must be what the library says. For the others, some 2 to 6 in a hundred, it is asked.

#![allow(clippy::needless_range_loop, reason = "lanes of several arrays at once: loops over their index vectorise")]

use std::f64::consts::FRAC_2_PI;

/// Whether the platform's sine is known to be as close as that.
const IS_KNOWN: bool = cfg!(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"));
/// The least value that the reasoning holds for: nearer to zero, the library's π/2 is short of digits.
const SMALLEST: f64 = 1e-9;
/// The largest angle that is reduced exactly enough.
const LARGEST: f64 = 1e5;
/// How much nearer than half a unit the library may need the true value to be: in parts of it, and at most.
const DOUBT: [f64; 2] = [1.0 / (1_u64 << 57) as f64, 1.0 / (1_u64 << 60) as f64];

/// Sine and cosine of each angle of `both`, and the cosines of `single`, in the bits of `f64::sin` and `f64::cos`.
///
/// Faster if `FMA`, where the caller is compiled with it, and the faster the more is asked for at once.
#[inline(always)]
pub(super) fn sines<const N: usize, const FMA: bool, const B: usize, const S: usize>(
    both: [&[f64; N]; B],
    single: [&[f64; N]; S],
) -> ([[[f64; N]; 2]; B], [[f64; N]; S]) {
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
    let mut pair_doubts = [[[0; N]; 2]; B];
    let mut doubts = [[0; N]; S];
    for k in 0..B {
        for i in 0..N {
            let [sine, cosine] = close_sin_cos(both[k][i]);
            (pairs[k][0][i], pair_doubts[k][0][i]) = sine.rounded(both[k][i]);
            (pairs[k][1][i], pair_doubts[k][1][i]) = cosine.rounded(both[k][i]);
        }
    }
    for k in 0..S {
        for i in 0..N {
            let [_, cosine] = close_sin_cos(single[k][i]);
            (cosines[k][i], doubts[k][i]) = cosine.rounded(single[k][i]);
        }
    }
    // All that is doubtful in one loop: one for each array would often be guessed wrong. A byte has a lane's bits.
    for eight in 0..N / 8 {
        let mut doubtful = 0;
        for k in 0..B {
            doubtful |= bits(&pair_doubts[k][0], eight) << (2 * k) | bits(&pair_doubts[k][1], eight) << (2 * k + 1);
        }
        for k in 0..S {
            doubtful |= bits(&doubts[k], eight) << (2 * B + k);
        }
        while doubtful != 0 {
            let bit = doubtful.trailing_zeros() as usize;
            let (i, k) = (8 * eight + bit / 8, bit % 8);
            if k >= 2 * B {
                cosines[k - 2 * B][i] = single[k - 2 * B][i].cos();
            } else if k % 2 == 0 {
                pairs[k / 2][0][i] = both[k / 2][i].sin();
            } else {
                pairs[k / 2][1][i] = both[k / 2][i].cos();
            }
            doubtful &= doubtful - 1;
        }
    }
    (pairs, cosines)
}

/// Eight flags as the lowest bits of the bytes of a word.
#[inline(always)]
fn bits<const N: usize>(flags: &[u8; N], eight: usize) -> u64 {
    u64::from_le_bytes(flags.as_chunks().0[eight])
}

/// A number as a sum, the second part being small beside the first.
#[derive(Clone, Copy)]
struct Sum(f64, f64);

impl Sum {
    /// The number as f64, and 1 if the library may round it otherwise: or it is not known.
    #[inline(always)]
    fn rounded(self, angle: f64) -> (f64, u8) {
        let value = self.0 + self.1;
        let rest = (self.0 - value) + self.1;
        let relative = value.abs() * DOUBT[0];
        let doubt = if relative < DOUBT[1] { relative } else { DOUBT[1] };
        let is_known = (value.abs() >= SMALLEST) & (angle.abs() <= LARGEST);
        (value, u8::from((value + (rest + doubt.copysign(rest)) != value) | !is_known))
    }

    #[inline(always)]
    fn flipped(self, sign: u64) -> Self {
        Self(f64::from_bits(self.0.to_bits() ^ sign), f64::from_bits(self.1.to_bits() ^ sign))
    }
}

/// Sine and cosine to about 2^-61, by Taylor's polynomials within π/4 of a multiple of π/2.
///
/// The first terms are carried as sums of two floats, with `mul_add` for what a product loses to rounding.
#[inline(always)]
fn close_sin_cos(angle: f64) -> [Sum; 2] {
    /// π/2 in parts, the first two so short that a multiple of them is exact.
    const HALF_PI: [f64; 3] = [1.570_796_326_734_125_6, 6.077_100_506_303_966e-11, 2.022_266_248_795_950_6e-21];
    /// Adding it rounds to an integer, which then is in the low bits.
    const ROUNDER: f64 = 1.5 * (1_u64 << 52) as f64;
    /// 1/k!, with signs, from 1/3! to 1/17!; but 1/5! less 1/128, by which multiplication is exact. What -1/3! lost to
    /// rounding is after it.
    const S: [f64; 8] = [-1.0 / 6.0, 1.0 / 1920.0, S7, -S7 / 72.0, S11, -S11 / 156.0, S15, -S15 / 272.0];
    const S7: f64 = -1.0 / 5040.0;
    const S11: f64 = -1.0 / 39_916_800.0;
    const S15: f64 = -1.0 / 1_307_674_368_000.0;
    const S3_REST: f64 = -9.251_858_538_542_97e-18;
    /// The same, from 1/4! to 1/18!.
    const C: [f64; 8] = [1.0 / 24.0, -1.0 / 720.0, C8, -C8 / 90.0, C12, -C12 / 182.0, C16, -C16 / 306.0];
    const C8: f64 = 1.0 / 40_320.0;
    const C12: f64 = 1.0 / 479_001_600.0;
    const C16: f64 = 1.0 / 20_922_789_888_000.0;
    const C4_REST: f64 = 2.312_964_634_635_743e-18;

    let rounded = angle.mul_add(FRAC_2_PI, ROUNDER);
    let quadrant = rounded.to_bits();
    let n = rounded - ROUNDER;
    // The angle less n π/2, as x + tail.
    let near = (-n).mul_add(HALF_PI[0], angle);
    let x = near - n * HALF_PI[1];
    let tail = (-n).mul_add(HALF_PI[2], (near - x) - n * HALF_PI[1]);
    let z = x * x;
    let z_rest = x.mul_add(x, -z);

    // sin x = x + x z (S0 + z (S1 + ...))
    let p = polynomial(z, &S);
    let inner = add(S[0], z / 128.0);
    let inner_rest = z.mul_add(p, z_rest.mul_add(1.0 / 128.0, inner.1 + S3_REST));
    let Sum(outer, outer_rest) = multiply(z, z_rest, Sum(inner.0, inner_rest));
    let product = x * outer;
    let product_rest = x.mul_add(outer, -product) + x * outer_rest;
    let sine = add(x, product);
    let sine = Sum(sine.0, sine.1 + product_rest);

    // cos x = 1 + z (-1/2 + z (C0 + z (C1 + ...)))
    let p = polynomial(z, &C);
    let inner = add(C[0], z * p);
    let middle = multiply(z, z_rest, Sum(inner.0, inner.1 + C4_REST));
    let half = add(-0.5, middle.0);
    let Sum(outer, outer_rest) = multiply(z, z_rest, Sum(half.0, half.1 + middle.1));
    let cosine = add(1.0, outer);
    let cosine = Sum(cosine.0, cosine.1 + outer_rest);

    // The tail turns both by as much.
    let sine = Sum(sine.0, tail.mul_add(cosine.0, sine.1));
    let cosine = Sum(cosine.0, (-tail).mul_add(sine.0, cosine.1));
    let [first, second] = if quadrant & 1 == 0 { [sine, cosine] } else { [cosine, sine] };
    [first.flipped((quadrant & 2) << 62), second.flipped(((quadrant + 1) & 2) << 62)]
}

/// `c[1] + c[2] z + ...`
#[inline(always)]
fn polynomial(z: f64, c: &[f64; 8]) -> f64 {
    let mut sum = c[7];
    for i in 1..7 {
        sum = sum.mul_add(z, c[7 - i]);
    }
    sum
}

/// `a + b`, `a` being the larger.
#[inline(always)]
fn add(a: f64, b: f64) -> Sum {
    let sum = a + b;
    Sum(sum, (a - sum) + b)
}

/// `(a + a_rest) * b`.
#[inline(always)]
fn multiply(a: f64, a_rest: f64, b: Sum) -> Sum {
    let product = a * b.0;
    Sum(product, a.mul_add(b.0, -product) + a.mul_add(b.1, a_rest * b.0))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::Generator;

    /// Eight angles at a time, compiled as batches are.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
    fn sines_of_eight(angles: &[f64; 8]) -> [[f64; 8]; 3] {
        let ([[sines, cosines]], [again]) = sines::<8, true, _, _>([angles], [angles]);
        [sines, cosines, again]
    }

    /// Compares `count` random angles of each range, which span what occurs in a step of any environment.
    #[allow(unsafe_code, reason = "code for instructions found at run time needs it")]
    fn compare(count: usize, seed: u64) {
        let mut rng = Generator::new(seed);
        let is_fast = is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512dq");
        for limit in [1e-3, 0.2, 1.0, 4.0, 12.0, 100.0, 2e5] {
            for _ in 0..count / 8 {
                let angles: [f64; 8] = std::array::from_fn(|_| rng.uniform(-limit, limit));
                let found = if is_fast {
                    // SAFETY: these instructions were just found, and the others of the list come with them.
                    unsafe { sines_of_eight(&angles) }
                } else {
                    let ([[sines, cosines]], [again]) = sines::<8, true, _, _>([&angles], [&angles]);
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
        }
    }
}
