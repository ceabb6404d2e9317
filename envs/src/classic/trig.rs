//! Sine and cosine that give the same bits on every machine, and vectorise.
//!
//! The polynomials and the range reduction are those of fdlibm (`k_sin.c`, `k_cos.c` and `e_rem_pio2.c`, Sun
//! Microsystems 1993), without fused multiply-add and, within [`LIMIT`], without a branch.

/// The greatest angle that [`sin_cos_within`] takes: quarter turns up to it have 20 bits, which, times the 33
/// of each part of π/2, is exact.
pub(super) const LIMIT: f64 = 1e6;

const S1: f64 = -1.666_666_666_666_663_2e-1;
const S2: f64 = 8.333_333_333_322_49e-3;
const S3: f64 = -1.984_126_982_985_795e-4;
const S4: f64 = 2.755_731_370_707_006_8e-6;
const S5: f64 = -2.505_076_025_340_686_3e-8;
const S6: f64 = 1.589_690_995_211_55e-10;
const C1: f64 = 4.166_666_666_666_66e-2;
const C2: f64 = -1.388_888_888_887_411e-3;
const C3: f64 = 2.480_158_728_947_673e-5;
const C4: f64 = -2.755_731_435_139_066_3e-7;
const C5: f64 = 2.087_572_321_298_175e-9;
const C6: f64 = -1.135_964_755_778_819_5e-11;

/// Sine and cosine for |x| ≤ π/4, within one unit in the last place.
#[inline(always)]
pub(super) fn sin_cos_small(x: f64) -> (f64, f64) {
    let z = x * x;
    let w = z * z;
    let sin = x + z * x * (S1 + z * (S2 + z * (S3 + z * S4) + z * w * (S5 + z * S6)));
    let r = z * (C1 + z * (C2 + z * C3)) + w * w * (C4 + z * (C5 + z * C6));
    let half = 0.5 * z;
    let near = 1.0 - half;
    // What `near` lost to rounding is added back.
    let cos = near + (((1.0 - near) - half) + z * r);
    (sin, cos)
}

/// Sine and cosine of any angle; within one unit in the last place up to [`LIMIT`].
#[inline]
pub(super) fn sin_cos(x: f64) -> (f64, f64) {
    // Beyond, angles come from no environment within reasonable time, and any good sine will do.
    if x.abs() <= LIMIT { sin_cos_within(x) } else { x.sin_cos() }
}

/// Sine and cosine for |x| ≤ [`LIMIT`], without a branch.
#[inline(always)]
pub(super) fn sin_cos_within(x: f64) -> (f64, f64) {
    /// Added to a number, it leaves the nearest integer in the low bits.
    const TO_INTEGER: f64 = 6_755_399_441_055_744.0;
    // π/2 in parts: 33 bits, the next 33, and the rest.
    const HALF_PI_1: f64 = f64::from_bits(0x3FF9_21FB_5440_0000);
    const HALF_PI_2: f64 = f64::from_bits(0x3DD0_B461_1A60_0000);
    const HALF_PI_REST: f64 = f64::from_bits(0x3BA3_198A_2E03_7073);

    let shifted = x * std::f64::consts::FRAC_2_PI + TO_INTEGER;
    let quarter_turns = shifted - TO_INTEGER;
    let quadrant = shifted.to_bits();

    let first = x - quarter_turns * HALF_PI_1;
    let part = quarter_turns * HALF_PI_2;
    let second = first - part;
    let rest = quarter_turns * HALF_PI_REST - ((first - second) - part);
    let angle = second - rest;
    let tail = (second - angle) - rest;

    let (sin, cos) = sin_cos_with_tail(angle, tail);
    let odd = quadrant & 1 == 1;
    let (sin, cos) = if odd { (cos, sin) } else { (sin, cos) };
    let negated = |value: f64, bit: u64| f64::from_bits(value.to_bits() ^ (bit << 63));
    (negated(sin, (quadrant >> 1) & 1), negated(cos, ((quadrant + 1) >> 1) & 1))
}

/// Sine and cosine of x + tail for |x| ≤ π/4 and a tail of less than a unit in its last place.
#[inline(always)]
fn sin_cos_with_tail(x: f64, tail: f64) -> (f64, f64) {
    let z = x * x;
    let w = z * z;
    let cube = z * x;
    let r = S2 + z * (S3 + z * S4) + z * w * (S5 + z * S6);
    let sin = x - ((z * (0.5 * tail - cube * r) - tail) - cube * S1);
    let r = z * (C1 + z * (C2 + z * C3)) + w * w * (C4 + z * (C5 + z * C6));
    let half = 0.5 * z;
    let near = 1.0 - half;
    let cos = near + (((1.0 - near) - half) + (z * r - x * tail));
    (sin, cos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_within_one_ulp(x: f64, (sin, cos): (f64, f64)) {
        for (found, expected) in [(sin, x.sin()), (cos, x.cos())] {
            assert!(found.to_bits().abs_diff(expected.to_bits()) <= 1, "at {x}: {found}, {expected}");
        }
    }

    #[test]
    fn small_angles_are_within_one_ulp() {
        let steps = 200_000;
        for i in -steps..=steps {
            let x = std::f64::consts::FRAC_PI_4 * f64::from(i) / f64::from(steps);
            assert_within_one_ulp(x, sin_cos_small(x));
        }
    }

    #[test]
    fn all_angles_are_within_one_ulp() {
        let steps = 200_000;
        for range in [1.0, 10.0, 1e3, LIMIT] {
            for i in -steps..=steps {
                let x = range * f64::from(i) / f64::from(steps);
                assert_within_one_ulp(x, sin_cos(x));
            }
        }
        // Where almost all of the angle cancels.
        for i in -1000..=1000 {
            let x = f64::from(i) * std::f64::consts::FRAC_PI_2;
            assert_within_one_ulp(x, sin_cos(x));
        }
        assert_within_one_ulp(1e9, sin_cos(1e9));
        assert!(sin_cos(f64::NAN).0.is_nan());
    }
}
