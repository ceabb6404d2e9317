//! Coefficients to samples: libjpeg's `jidctint.c` in whole numbers, whose constants have 13 fractional bits. Two passes, along
//! columns and then rows, of the factorization by Loeffler, Ligtenberg and Moschytz (1989).

#[cfg(target_arch = "x86_64")]
mod avx2;

use super::{BLOCK, SIDE};

/// Fractional bits of the constants.
const BITS: i32 = 13;
/// Bits that are kept between the passes.
const KEPT: i32 = 2;

/// The samples of two blocks.
type Samples = [[[u8; SIDE]; SIDE]; 2];

/// Turns two blocks into samples.
pub(super) fn two(blocks: &[[i16; BLOCK]; 2]) -> Samples {
    #[cfg(target_arch = "x86_64")]
    if avx2::is_available() {
        return avx2::two(blocks);
    }
    blocks.each_ref().map(one)
}

fn one(block: &[i16; BLOCK]) -> [[u8; SIDE]; SIDE] {
    let column = |x: usize| along(std::array::from_fn(|y| block[y * SIDE + x].into()), BITS - KEPT);
    // As in libjpeg-turbo's vectors, which keep them in 16 bits.
    let columns: [[i32; SIDE]; SIDE] = std::array::from_fn(|x| column(x).map(|value| value.clamp(-0x8000, 0x7fff)));
    std::array::from_fn(|y| {
        let row = along(std::array::from_fn(|x| columns[x][y]), BITS + KEPT + 3);
        row.map(|value| (value.clamp(-128, 127) + 128) as u8)
    })
}

/// One pass along eight values, of which `bits` fractional ones are rounded off.
fn along(x: [i32; SIDE], bits: i32) -> [i32; SIDE] {
    let both = (x[2] + x[6]) * 4433;
    let (even2, even3) = (both - x[6] * 15137, both + x[2] * 6270);
    let (even0, even1) = ((x[0] + x[4]) << BITS, (x[0] - x[4]) << BITS);
    let even = [even0 + even3, even1 + even2, even1 - even2, even0 - even3];
    let (z3, z4) = (x[7] + x[3], x[5] + x[1]);
    let z5 = (z3 + z4) * 9633;
    let (z3, z4) = (z5 - z3 * 16069, z5 - z4 * 3196);
    let (z1, z2) = ((x[7] + x[1]) * -7373, (x[5] + x[3]) * -20995);
    let odd = [x[1] * 12299 + z1 + z4, x[3] * 25172 + z2 + z3, x[5] * 16819 + z2 + z4, x[7] * 2446 + z1 + z3];
    let rounded = |value: i32| (value + (1 << (bits - 1))) >> bits;
    std::array::from_fn(|i| match i {
        0..4 => rounded(even[i] + odd[i]),
        _ => rounded(even[7 - i] - odd[7 - i]),
    })
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn vectors_give_the_samples_of_the_plain_way() {
        if !avx2::is_available() {
            return;
        }
        let mut state = 1_u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for round in 0..2000 {
            let mut blocks = [[0; BLOCK]; 2];
            for block in &mut blocks {
                block[0] = random(2048) as i16 - 1024;
                for _ in 0..round % 64 {
                    block[random(64) as usize] = random(600) as i16 - 300;
                }
            }
            assert_eq!(avx2::two(&blocks), blocks.each_ref().map(one), "{blocks:?}");
        }
    }
}
