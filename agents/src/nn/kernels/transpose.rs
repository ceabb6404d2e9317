//! Matrices turned, in blocks of eight by eight.

#![allow(unsafe_code, reason = "kernels built for an instruction set that is looked for at run time")]

use super::simd::Isa;

/// Rows and columns of a block.
const BLOCK: usize = 8;

/// `to[c, r] = from[r, c]`, both row-major without gaps.
///
/// # Panics
/// If a slice is too short.
pub(crate) fn transpose(isa: Isa, from: &[f32], rows: usize, columns: usize, to: &mut [f32]) {
    let fits = rows.checked_mul(columns).is_some_and(|size| from.len() >= size && to.len() >= size);
    assert!(fits, "a matrix that is turned is too small");
    let whole = |n: usize| n / BLOCK * BLOCK;
    let blocks = match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 => {
            // SAFETY: the sizes were checked above, and `Isa` values come from detection.
            unsafe { whole_blocks(from, rows, columns, to) };
            [whole(rows), whole(columns)]
        }
        _ => [0, 0],
    };
    for r in 0..rows {
        for c in if r < blocks[0] { blocks[1] } else { 0 }..columns {
            to[c * rows + r] = from[r * columns + c];
        }
    }
}

/// All of a matrix but what is left of rows and columns behind the last whole block.
///
/// # Safety
/// AVX2, and slices that hold the matrix.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn whole_blocks(from: &[f32], rows: usize, columns: usize, to: &mut [f32]) {
    for r in (0..rows / BLOCK).map(|r| r * BLOCK) {
        for c in (0..columns / BLOCK).map(|c| c * BLOCK) {
            let (from, to) = (&from[r * columns + c..], &mut to[c * rows + r..]);
            // SAFETY: a block's last float is within the matrix.
            unsafe { block(from.as_ptr(), columns, to.as_mut_ptr(), rows) };
        }
    }
}

/// Eight floats of each of eight rows `width` apart to as many rows `height` apart.
///
/// # Safety
/// AVX2, and all those floats at both pointers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn block(from: *const f32, width: usize, to: *mut f32, height: usize) {
    use std::arch::x86_64::*;
    for half in [0, 4] {
        // SAFETY: the caller's: four floats of each row from `half` on.
        let row = |r: usize| unsafe { _mm_loadu_ps(from.add(r * width + half)) };
        // Row r in the lower lanes and row r + 4 in the upper ones: lanes need not be crossed after this.
        let [a, b, c, d] = [0, 1, 2, 3].map(|r| _mm256_set_m128(row(r + 4), row(r)));
        let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
        let (upper_ab, upper_cd) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
        let columns = [
            _mm256_shuffle_ps::<0x44>(ab, cd),
            _mm256_shuffle_ps::<0xee>(ab, cd),
            _mm256_shuffle_ps::<0x44>(upper_ab, upper_cd),
            _mm256_shuffle_ps::<0xee>(upper_ab, upper_cd),
        ];
        for (c, column) in columns.into_iter().enumerate() {
            // SAFETY: the caller's: eight floats of each of these rows.
            unsafe { _mm256_storeu_ps(to.add((half + c) * height), column) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cartwheel_envs::Generator;

    #[test]
    fn every_number_goes_to_its_place_and_back() {
        let mut rng = Generator::new(3);
        for isa in Isa::available() {
            for (rows, columns) in [(1, 1), (8, 8), (16, 64), (19, 37), (7, 40), (24, 9)] {
                let matrix: Vec<f32> = (0..rows * columns).map(|_| rng.uniform(-1.0, 1.0) as f32).collect();
                let (mut there, mut back) = (vec![0.0; matrix.len()], vec![0.0; matrix.len()]);
                transpose(isa, &matrix, rows, columns, &mut there);
                for (r, row) in matrix.chunks_exact(columns).enumerate() {
                    for (c, x) in row.iter().enumerate() {
                        assert_eq!(there[c * rows + r].to_bits(), x.to_bits(), "{isa}, {rows} by {columns}: {r}, {c}");
                    }
                }
                transpose(isa, &there, columns, rows, &mut back);
                assert_eq!(back, matrix);
            }
        }
    }
}
