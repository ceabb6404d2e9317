//! Pillow's `Image.resize`, to the last bit.
//!
//! Two passes, along the rows first, each of which rounds to 8 bits. The weights of a pixel are a filter's values around
//! its centre, stretched when the image shrinks (so that it does not alias), and rounded to 22 fractional bits: the sums
//! are whole numbers, and all ways of taking them agree. See `Resample.c` and `Geometry.c` in Pillow 13.

#[cfg(target_arch = "x86_64")]
mod avx2;

use std::f64::consts::PI;
use std::ops::Range;

use super::{CHANNELS, Image, MAX_PIXELS, Rectangle};

/// Fractional bits of a weight.
const PRECISION: u32 = 22;

cartwheel_agents::config_enum! {
    /// How pixels between pixels are made up.
    pub enum Filter {
        /// The pixel that the centre falls on.
        Nearest = "nearest",
        /// A triangle over two pixels.
        Bilinear = "bilinear",
        /// A cubic over four, with a = -1/2.
        Bicubic = "bicubic",
        /// A windowed sinc over six.
        Lanczos = "lanczos",
    }
}

impl Filter {
    /// How far it reaches, in pixels, and its value at a distance.
    fn kernel(self) -> (f64, fn(f64) -> f64) {
        match self {
            Filter::Nearest | Filter::Bilinear => (1.0, |x| (1.0 - x.abs()).max(0.0)),
            Filter::Bicubic => (2.0, bicubic),
            Filter::Lanczos => (3.0, |x| if (-3.0..3.0).contains(&x) { sinc(x) * sinc(x / 3.0) } else { 0.0 }),
        }
    }
}

fn bicubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    match x {
        _ if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
        _ if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
        _ => 0.0,
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (x * PI).sin() / (x * PI) }
}

/// The image at another size; the aspect is not kept.
pub fn resize(image: &Image, width: usize, height: usize, filter: Filter) -> Image {
    let all = Rectangle::all(image.width, image.height);
    resize_part(image, all, (width, height), Rectangle::all(width, height), filter)
}

/// The part `window` of what comes out when the part `from` of an image is resized to `size` (width, height): a crop,
/// a resize and a crop, without the pixels that the last one would throw away.
pub fn resize_part(image: &Image, from: Rectangle, size: (usize, usize), window: Rectangle, filter: Filter) -> Image {
    in_parts(image, from, size, window, filter, MAX_PIXELS as usize)
}

/// The same with at most about `most` pixels and weights at a time: an image of one column made wide would be larger between the
/// passes than any that is let in.
fn in_parts(
    image: &Image,
    from: Rectangle,
    size: (usize, usize),
    window: Rectangle,
    filter: Filter,
    most: usize,
) -> Image {
    let Rectangle { left, top, width, height } = window;
    let reach = |from: usize, to: usize, part: usize| (from as f64 / to as f64 * part as f64) as usize;
    let [wide, high] = [reach(from.width, size.0, width), reach(from.height, size.1, height)];
    // With up to eight weights for a pixel that is looked at.
    if filter == Filter::Nearest || width * high + 8 * (wide + high) <= most || width * height <= 1 {
        return at_once(image, from, size, window, filter);
    }
    // Halves whose values come one after the other: rows, or pixels of one row.
    let (first, second) = match height > 1 {
        true => (
            Rectangle { height: height / 2, ..window },
            Rectangle { top: top + height / 2, height: height - height / 2, ..window },
        ),
        false => (
            Rectangle { width: width / 2, ..window },
            Rectangle { left: left + width / 2, width: width - width / 2, ..window },
        ),
    };
    let mut rgb = in_parts(image, from, size, first, filter, most).rgb;
    rgb.extend(in_parts(image, from, size, second, filter, most).rgb);
    Image { width, height, rgb }
}

fn at_once(image: &Image, from: Rectangle, size: (usize, usize), window: Rectangle, filter: Filter) -> Image {
    let (columns, rows) = (window.left..window.left + window.width, window.top..window.top + window.height);
    if filter == Filter::Nearest {
        return nearest(
            image,
            from,
            (&nearest_of(from.width, size.0, columns), &nearest_of(from.height, size.1, rows)),
        );
    }
    let across = Taps::new(from.width, size.0, columns.clone(), filter);
    let down = Taps::new(from.height, size.1, rows.clone(), filter);
    // Pillow leaves out a pass that would change nothing.
    let needed = if from.height == size.1 { rows } else { down.reach() };
    let part = Rectangle { top: from.top + needed.start, height: needed.len(), ..from };
    let narrow = match from.width == size.0 {
        true => image.crop(Rectangle { left: from.left + columns.start, width: columns.len(), ..part }),
        false => first_pass(image, part, &across),
    };
    if from.height == size.1 { narrow } else { second_pass(&narrow, needed.start, &down) }
}

fn first_pass(image: &Image, from: Rectangle, across: &Taps) -> Image {
    let width = across.spans.len();
    let mut rgb = vec![0; width * from.height * CHANNELS];
    #[cfg(target_arch = "x86_64")]
    if avx2::is_available() {
        // Bytes of the rows after it may be read, with weights of 0.
        let start = |y: usize| ((from.top + y) * image.width + from.left) * CHANNELS;
        let rows: Vec<&[u8]> = (0..from.height).map(|y| &image.rgb[start(y)..]).collect();
        avx2::Across::new(across).rows(&rows, &mut rgb);
        return Image { width, height: from.height, rgb };
    }
    for (y, row) in rgb.chunks_exact_mut((width * CHANNELS).max(1)).enumerate() {
        across.along_row(&image.row(from.top + y)[from.left * CHANNELS..], row);
    }
    Image { width, height: from.height, rgb }
}

/// `skipped` rows are missing at the top of the image.
fn second_pass(image: &Image, skipped: usize, down: &Taps) -> Image {
    #[cfg(target_arch = "x86_64")]
    let blend_rows = if avx2::is_available() { avx2::blend_rows } else { blend_rows };
    let (width, height) = (image.width, down.spans.len());
    let mut rgb = vec![0; width * height * CHANNELS];
    for (row, (first, weights)) in rgb.chunks_exact_mut((width * CHANNELS).max(1)).zip(down.iter()) {
        blend_rows(image, first - skipped, weights, row);
    }
    Image { width, height, rgb }
}

/// Which pixel of `from` each of `part` of `to` is. Pillow adds the step up from pixel to pixel, and multiplying would round
/// differently.
fn nearest_of(from: usize, to: usize, part: Range<usize>) -> Vec<usize> {
    let step = from as f64 / to as f64;
    let positions = std::iter::successors(Some(step * 0.5), |position| Some(position + step));
    positions
        .skip(part.start)
        .take(part.len())
        .map(|position| (position as usize).min(from.saturating_sub(1)))
        .collect()
}

fn nearest(image: &Image, from: Rectangle, (columns, rows): (&[usize], &[usize])) -> Image {
    let mut rgb = Vec::with_capacity(columns.len() * rows.len() * CHANNELS);
    for y in rows {
        let row = image.row(from.top + y).as_chunks::<CHANNELS>().0;
        rgb.extend(columns.iter().flat_map(|x| row[from.left + x]));
    }
    Image { width: columns.len(), height: rows.len(), rgb }
}

/// For pixels along an axis, the pixels each is made of and their weights.
struct Taps {
    /// The first pixel of each, and how many there are.
    spans: Vec<(usize, usize)>,
    /// `stride` a pixel, zeros behind the last.
    weights: Vec<i32>,
    stride: usize,
}

impl Taps {
    /// Those of `part` of `to` pixels, made of `from`: a window of a long side takes no more memory than its own.
    fn new(from: usize, to: usize, part: Range<usize>, filter: Filter) -> Self {
        let (support, kernel) = filter.kernel();
        let scale = from as f64 / to as f64;
        let stretch = scale.max(1.0);
        let support = support * stretch;
        let stride = support.ceil() as usize * 2 + 1;
        let (mut spans, mut weights) = (Vec::with_capacity(part.len()), vec![0; part.len() * stride]);
        let mut values = Vec::with_capacity(stride);
        for (pixel, weights) in part.zip(weights.chunks_exact_mut(stride)) {
            let centre = (pixel as f64 + 0.5) * scale;
            let first = (centre - support + 0.5).max(0.0) as usize;
            let end = ((centre + support + 0.5) as usize).min(from);
            values.clear();
            values.extend((first..end).map(|x| kernel((x as f64 - centre + 0.5) * (1.0 / stretch))));
            let sum: f64 = values.iter().sum();
            for (weight, value) in weights.iter_mut().zip(&values) {
                let share = if sum == 0.0 { *value } else { value / sum };
                // Half away from zero.
                *weight = (share * f64::from(1 << PRECISION) + if share < 0.0 { -0.5 } else { 0.5 }) as i32;
            }
            spans.push((first, end.saturating_sub(first)));
        }
        Self { spans, weights, stride }
    }

    /// All that are needed for any.
    fn reach(&self) -> Range<usize> {
        let first = self.spans.first().map_or(0, |span| span.0);
        first..self.spans.iter().map(|(first, count)| first + count).max().unwrap_or(first)
    }

    /// The first pixel and the weights of each.
    fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        let weights = self.weights.chunks_exact(self.stride);
        self.spans.iter().zip(weights).map(|((first, count), weights)| (*first, &weights[..*count]))
    }

    /// One row of the first pass.
    fn along_row(&self, from: &[u8], to: &mut [u8]) {
        let from = from.as_chunks::<CHANNELS>().0;
        for (pixel, (first, weights)) in to.as_chunks_mut::<CHANNELS>().0.iter_mut().zip(self.iter()) {
            let mut sums = [1 << (PRECISION - 1); CHANNELS];
            for (weight, source) in weights.iter().zip(&from[first..]) {
                for (sum, value) in sums.iter_mut().zip(source) {
                    *sum += weight * i32::from(*value);
                }
            }
            *pixel = sums.map(to_byte);
        }
    }
}

/// One row of the second pass: the rows from `first` on, weighted.
fn blend_rows(from: &Image, first: usize, weights: &[i32], to: &mut [u8]) {
    let mut sums = vec![1 << (PRECISION - 1); to.len()];
    for (y, weight) in weights.iter().enumerate() {
        for (sum, value) in sums.iter_mut().zip(from.row(first + y)) {
            *sum += weight * i32::from(*value);
        }
    }
    for (byte, sum) in to.iter_mut().zip(sums) {
        *byte = to_byte(sum);
    }
}

fn to_byte(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::super::tests::noise;
    use super::*;

    #[test]
    fn parts_of_a_picture_are_those_of_the_whole() {
        for (width, height) in [(61, 47), (1, 500), (500, 1)] {
            let image = noise(width, height, 5);
            let all = Rectangle::all(width, height);
            for filter in [Filter::Bilinear, Filter::Bicubic, Filter::Lanczos] {
                let whole = resize(&image, 33, 21, filter);
                for most in [0, 100, 3000] {
                    let parts = in_parts(&image, all, (33, 21), Rectangle::all(33, 21), filter, most);
                    assert!(parts == whole, "{filter}, {width} x {height}, {most} at a time");
                }
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn vectors_give_the_bytes_of_the_plain_passes() {
        if !avx2::is_available() {
            return;
        }
        for (seed, (from, to)) in [(40, 23), (23, 40), (7, 1), (1, 7), (300, 11), (64, 64)].into_iter().enumerate() {
            for filter in [Filter::Bilinear, Filter::Bicubic, Filter::Lanczos] {
                let taps = Taps::new(from, to, 0..to, filter);
                for other in [1, 2, 5, 38] {
                    let image = noise(from, other, seed as u64 + 1);
                    let rows: Vec<&[u8]> = (0..other).map(|y| image.row(y)).collect();
                    let (mut vectors, mut plain) = (vec![0; to * other * CHANNELS], vec![0; to * other * CHANNELS]);
                    avx2::Across::new(&taps).rows(&rows, &mut vectors);
                    for (y, row) in plain.chunks_exact_mut(to * CHANNELS).enumerate() {
                        taps.along_row(image.row(y), row);
                    }
                    assert!(vectors == plain, "{from} to {to} across, {filter}, {other} rows");
                    let image = noise(other, from, seed as u64 + 1);
                    for (first, weights) in taps.iter() {
                        let (mut vectors, mut plain) = (vec![0; other * CHANNELS], vec![0; other * CHANNELS]);
                        avx2::blend_rows(&image, first, weights, &mut vectors);
                        blend_rows(&image, first, weights, &mut plain);
                        assert!(vectors == plain, "{from} to {to} down, {filter}, {other} columns");
                    }
                }
            }
        }
    }
}
