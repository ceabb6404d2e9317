//! JPEG files as most are: baseline, grey or YCbCr, in one scan. They become what libjpeg-turbo, and so Pillow, makes of them, to
//! the last bit. Anything else, and whatever is damaged, is left to the crate `image`, which is slower.
//!
//! | module | holds |
//! |---|---|
//! | `headers` | everything before the pixels |
//! | `scan` | compressed bytes without what the format puts between them |
//! | `huffman` | bits to coefficients |
//! | `idct` | coefficients to samples |
//! | `colour` | samples to red, green and blue |
//! | `whole` | whether any JPEG file has its end |

mod colour;
mod headers;
mod huffman;
mod idct;
mod scan;
mod whole;

pub(super) use headers::Headers;
pub(super) use whole::is_whole;

use std::cell::RefCell;

use super::{CHANNELS, Image};
use headers::Component;
use huffman::Bits;
use scan::Scan;

/// Values of a block.
const BLOCK: usize = 64;
/// Columns and rows of a block.
const SIDE: usize = 8;

/// Bytes of which the memory is kept for the next image of a thread.
const KEPT: usize = 16 << 20;

/// The samples of a component: whole blocks, row-major.
#[derive(Default)]
struct Plane {
    stride: usize,
    samples: Vec<u8>,
}

/// The pixels of the file; nothing if it is damaged.
pub(crate) fn decode(headers: &Headers<'_>) -> Option<Image> {
    // Memory that is asked for anew for each image is given by the system page by page, which takes as long as to fill it.
    thread_local!(static SCRATCH: RefCell<Scratch> = RefCell::default());
    SCRATCH.with_borrow_mut(|scratch| {
        let image = scratch.decode(headers);
        let samples: usize = scratch.planes.iter().map(|plane| plane.samples.len()).sum();
        if samples + scratch.scan.bytes.len() > KEPT {
            *scratch = Scratch::default();
        }
        image
    })
}

/// What is needed for a time only.
#[derive(Default)]
struct Scratch {
    scan: Scan,
    planes: Vec<Plane>,
}

impl Scratch {
    fn decode(&mut self, headers: &Headers<'_>) -> Option<Image> {
        self.fill_planes(headers)?;
        let (width, height) = (headers.width, headers.height);
        let mut rgb = vec![0; width * height * CHANNELS];
        match self.planes.as_slice() {
            [grey] => {
                let rows = rgb.chunks_exact_mut(width * CHANNELS).zip(grey.samples.chunks_exact(grey.stride));
                for (row, samples) in rows {
                    for (pixel, sample) in row.as_chunks_mut::<CHANNELS>().0.iter_mut().zip(samples) {
                        *pixel = [*sample; CHANNELS];
                    }
                }
            }
            [y, cb, cr] => colour::to_rgb([y, cb, cr], headers, &mut rgb),
            _ => return None,
        }
        Some(Image { width, height, rgb })
    }

    /// Decodes the scan.
    fn fill_planes(&mut self, headers: &Headers<'_>) -> Option<()> {
        let (across, down) = headers.units();
        let units = across * down;
        let every = if headers.restart_interval == 0 { units } else { headers.restart_interval };
        self.scan.split(headers.scan, units.div_ceil(every))?;
        self.planes.resize_with(headers.components.len(), Plane::default);
        let mut tables = Vec::new();
        // The blocks of a unit: their planes, and where in these they are.
        let mut places = Vec::new();
        for ((number, component), plane) in headers.components.iter().enumerate().zip(&mut self.planes) {
            plane.stride = across * component.across * SIDE;
            // All of it is written, or the image is damaged.
            plane.samples.resize(plane.stride * down * component.down * SIDE, 0);
            tables.push((headers.dc[component.dc].as_ref()?, headers.ac[component.ac].as_ref()?));
            let blocks = (0..component.down).flat_map(|y| (0..component.across).map(move |x| (number, x, y)));
            places.extend(blocks);
        }
        // Two blocks become samples at a time; there may be one too many.
        let mut coefficients = vec![[[0_i16; BLOCK]; 2]; places.len().div_ceil(2)];
        for (part, bytes) in self.scan.parts.iter().enumerate() {
            let mut bits = Bits::new(&self.scan.bytes[bytes.clone()]);
            let mut predictions = [0_i16; 3];
            for unit in part * every..((part + 1) * every).min(units) {
                coefficients.fill([[0; BLOCK]; 2]);
                for (block, (component, ..)) in coefficients.as_flattened_mut().iter_mut().zip(&places) {
                    let quantization = &headers.components[*component].quantization;
                    bits.block(tables[*component], quantization, &mut predictions[*component], block)?;
                }
                for (two, places) in coefficients.iter().zip(places.chunks(2)) {
                    for (samples, (component, x, y)) in idct::two(two).iter().zip(places) {
                        let Component { across: wide, down: high, .. } = headers.components[*component];
                        let (x, y) = (unit % across * wide + x, unit / across * high + y);
                        self.planes[*component].put(x, y, samples);
                    }
                }
            }
            if bits.overrun() {
                return None;
            }
        }
        Some(())
    }
}

impl Plane {
    /// Writes the block in column `x` and row `y` of blocks.
    fn put(&mut self, x: usize, y: usize, block: &[[u8; SIDE]; SIDE]) {
        let rows = self.samples[y * SIDE * self.stride..].chunks_exact_mut(self.stride);
        for (row, samples) in rows.zip(block) {
            row[x * SIDE..(x + 1) * SIDE].copy_from_slice(samples);
        }
    }
}
