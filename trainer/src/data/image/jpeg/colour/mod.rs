//! Samples to red, green and blue: libjpeg's "fancy" upsampling (`jdsample.c`), for which a sample weighs three times as much as the
//! next one of its neighbours, and `jdcolor.c`'s conversion with 16 fractional bits.

#[cfg(target_arch = "x86_64")]
mod avx2;

use super::super::CHANNELS;
use super::{Headers, Plane};

/// Writes the pixels of an image of three components.
pub(super) fn to_rgb(planes: [&Plane; 3], headers: &Headers<'_>, rgb: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if avx2::is_available() {
        return avx2::to_rgb(planes, headers, rgb);
    }
    each_row(planes, headers, rgb, convert);
}

/// Goes through the rows of the result, of which `convert` makes one.
#[inline(always)]
fn each_row(planes: [&Plane; 3], headers: &Headers<'_>, rgb: &mut [u8], convert: impl Fn([&[u8]; 3], &mut [u8])) {
    let [y_plane, cb, cr] = planes;
    let (across, down) = (headers.components[0].across, headers.components[0].down);
    let columns = headers.width.div_ceil(across);
    let rows = headers.height.div_ceil(down);
    // Rows that Cb and Cr are made up in.
    let (mut wide, mut sums) = ([vec![0; columns * 2], vec![0; columns * 2]], vec![0; columns]);
    for (y, to) in rgb.chunks_exact_mut(headers.width * CHANNELS).enumerate() {
        let luma = &y_plane.samples[y * y_plane.stride..][..headers.width];
        if across == 1 {
            let row = |plane: &Plane| y * plane.stride..y * plane.stride + columns;
            convert([luma, &cb.samples[row(cb)], &cr.samples[row(cr)]], to);
            continue;
        }
        for (plane, wide) in [cb, cr].into_iter().zip(&mut wide) {
            let row = |y: usize| &plane.samples[y * plane.stride..][..columns];
            if down == 1 {
                widen(row(y), wide);
                continue;
            }
            // Odd rows are nearer to the next one, even ones to the one before.
            let near = y / 2;
            let far = if y % 2 == 0 { near.saturating_sub(1) } else { (near + 1).min(rows - 1) };
            for ((sum, near), far) in sums.iter_mut().zip(row(near)).zip(row(far)) {
                *sum = 3 * u16::from(*near) + u16::from(*far);
            }
            widen_sums(&sums, wide);
        }
        let [cb, cr] = &wide;
        convert([luma, &cb[..headers.width], &cr[..headers.width]], to);
    }
}

/// Twice as many samples, in a row of which none is left out.
#[inline(always)]
fn widen(from: &[u8], to: &mut [u8]) {
    let last = from.len() - 1;
    let to = to.as_chunks_mut::<2>().0;
    let three = |at: usize| 3 * u16::from(from[at]);
    to[0][0] = from[0];
    to[last][1] = from[last];
    for (at, pair) in to[..last].iter_mut().enumerate() {
        pair[1] = ((three(at) + u16::from(from[at + 1]) + 2) >> 2) as u8;
    }
    for (at, pair) in to[1..].iter_mut().enumerate() {
        pair[0] = ((three(at + 1) + u16::from(from[at]) + 1) >> 2) as u8;
    }
}

/// The same from sums of two rows, of which four are one sample.
#[inline(always)]
fn widen_sums(from: &[u16], to: &mut [u8]) {
    let last = from.len() - 1;
    let to = to.as_chunks_mut::<2>().0;
    for (pair, [left, middle, right]) in to[1..last].iter_mut().zip(from.array_windows()) {
        *pair = [((middle * 3 + left + 8) >> 4) as u8, ((middle * 3 + right + 7) >> 4) as u8];
    }
    to[0] = [((from[0] * 4 + 8) >> 4) as u8, ((from[0] * 3 + from[1] + 7) >> 4) as u8];
    to[last] = [((from[last] * 3 + from[last - 1] + 8) >> 4) as u8, ((from[last] * 4 + 7) >> 4) as u8];
}

/// A row of Y, Cb and Cr to one of red, green and blue.
fn convert([y, cb, cr]: [&[u8]; 3], to: &mut [u8]) {
    for (((to, y), cb), cr) in to.as_chunks_mut::<CHANNELS>().0.iter_mut().zip(y).zip(cb).zip(cr) {
        let (y, cb, cr) = (i32::from(*y), i32::from(*cb) - 128, i32::from(*cr) - 128);
        let part = |product: i32| (product + (1 << 15)) >> 16;
        let green = part(-22554 * cb - 46802 * cr);
        *to = [y + part(91881 * cr), y + green, y + part(116130 * cb)].map(|value| value.clamp(0, 255) as u8);
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn vectors_give_the_colours_of_the_plain_way() {
        if !avx2::is_available() {
            return;
        }
        for cb in 0..=255 {
            for luma in [0, 1, 77, 128, 254, 255] {
                let cr: Vec<u8> = (0..=255).chain(0..7).collect();
                let (luma, cb) = (vec![luma; cr.len()], vec![cb; cr.len()]);
                let (mut vectors, mut plain) = (vec![0; cr.len() * 3], vec![1; cr.len() * 3]);
                avx2::convert([&luma, &cb, &cr], &mut vectors);
                convert([&luma, &cb, &cr], &mut plain);
                assert!(vectors == plain, "Cb {} of Y {}", cb[0], luma[0]);
            }
        }
    }
}
