//! Frames as an animated GIF.

use std::io::Write;
use std::ops::Range;

use gif::{Encoder, Repeat};

use crate::{EnvError, Frame, Result};

/// Writes frames as they come, so that an episode of any length takes the memory of two frames. Of each frame only the
/// rectangle that has changed is written.
///
/// ```
/// use cartwheel_envs::{GifWriter, Rasterizer, make};
///
/// let mut env = make("CartPole-v1")?;
/// env.reset(Some(0))?;
/// let mut rasterizer = Rasterizer::new(60, 40)?;
/// let mut gif = Vec::new();
/// let mut writer = GifWriter::new(&mut gif, 60, 40, 50)?;
/// writer.add(&rasterizer.draw(&env.draw()))?;
/// writer.finish()?;
/// assert!(gif.starts_with(b"GIF89a"));
/// # Ok::<(), cartwheel_envs::EnvError>(())
/// ```
pub struct GifWriter<W: Write> {
    encoder: Encoder<W>,
    /// Hundredths of a second.
    delay: u16,
    last: Option<Frame>,
}

impl<W: Write> GifWriter<W> {
    /// A looping picture of `width` by `height` pixels to `out`, at `fps` frames a second: GIF counts in
    /// hundredths of a second, and viewers slow down below two of them, so 50 is the most.
    ///
    /// # Errors
    /// [`EnvError::Failed`] for sizes of 65,536 and more, or if `out` fails.
    pub fn new(out: W, width: u32, height: u32, fps: u32) -> Result<Self> {
        let side =
            |side: u32| u16::try_from(side).map_err(|_| EnvError::failed("a GIF has at most 65535 pixels a side"));
        let mut encoder = Encoder::new(out, side(width)?, side(height)?, &[]).map_err(EnvError::failed)?;
        encoder.set_repeat(Repeat::Infinite).map_err(EnvError::failed)?;
        Ok(Self { encoder, delay: (100 / fps.max(1)).clamp(2, 100) as u16, last: None })
    }

    /// Adds a frame of the size that was given.
    ///
    /// # Errors
    /// [`EnvError::Failed`] if the output fails.
    pub fn add(&mut self, frame: &Frame) -> Result<()> {
        let [columns, rows] = changed(self.last.as_ref(), frame);
        let row_of = |y| {
            let start = (y * frame.width as usize + columns.start) * 3;
            &frame.rgb[start..start + 3 * columns.len()]
        };
        let rgb: Vec<u8> = rows.clone().flat_map(row_of).copied().collect();
        // Speed 10 of 30 is the encoder's own choice; drawings have few colors, which it finds at any speed.
        let mut encoded = gif::Frame::from_rgb_speed(columns.len() as u16, rows.len() as u16, &rgb, 10);
        (encoded.left, encoded.top) = (columns.start as u16, rows.start as u16);
        encoded.delay = self.delay;
        self.encoder.write_frame(&encoded).map_err(EnvError::failed)?;
        self.last = Some(frame.clone());
        Ok(())
    }

    /// Writes what is left, and flushes the output.
    ///
    /// # Errors
    /// [`EnvError::Failed`] if the output fails.
    pub fn finish(self) -> Result<()> {
        self.encoder.into_inner().map_err(EnvError::failed)?.flush().map_err(EnvError::failed)
    }
}

/// Columns and rows of the least rectangle that holds every pixel in which two frames differ: one pixel if there is none,
/// since a GIF has no empty frames, and the whole frame if there is nothing of its size to compare it with.
fn changed(last: Option<&Frame>, frame: &Frame) -> [Range<usize>; 2] {
    let (width, height) = (frame.width as usize, frame.height as usize);
    let Some(last) = last.filter(|last| (last.width, last.height) == (frame.width, frame.height)) else {
        return [0..width, 0..height];
    };
    let (before, now) = (last.rgb.as_chunks::<3>().0, frame.rgb.as_chunks::<3>().0);
    let different = (0..width * height).filter(|&i| before[i] != now[i]).map(|i| (i % width, i / width));
    let hull = different.fold(None, |hull: Option<[Range<usize>; 2]>, (x, y)| {
        let [columns, rows] = hull.unwrap_or([x..x, y..y]);
        Some([columns.start.min(x)..columns.end.max(x + 1), rows.start.min(y)..rows.end.max(y + 1)])
    });
    hull.unwrap_or([0..1, 0..1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(dots: &[(usize, usize)]) -> Frame {
        let mut rgb = vec![20; 3 * 12 * 8];
        for (x, y) in dots {
            rgb[3 * (12 * y + x)..][..3].copy_from_slice(&[250, 40, 0]);
        }
        Frame { width: 12, height: 8, rgb }
    }

    #[test]
    fn what_is_shown_is_each_frame() {
        let frames = [frame(&[]), frame(&[(3, 2), (5, 6)]), frame(&[(3, 2), (11, 7)]), frame(&[(3, 2), (11, 7)])];
        let mut bytes = Vec::new();
        let mut writer = GifWriter::new(&mut bytes, 12, 8, 10).unwrap();
        frames.iter().for_each(|frame| writer.add(frame).unwrap());
        writer.finish().unwrap();

        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::RGBA);
        let mut decoder = options.read_info(&bytes[..]).unwrap();
        let mut canvas = vec![0; 3 * 12 * 8];
        let mut areas = Vec::new();
        for expected in &frames {
            let part = decoder.read_next_frame().unwrap().unwrap();
            let [left, top, width, height] = [part.left, part.top, part.width, part.height].map(usize::from);
            for (i, pixel) in part.buffer.as_chunks::<4>().0.iter().enumerate() {
                canvas[3 * (12 * (top + i / width) + left + i % width)..][..3].copy_from_slice(&pixel[..3]);
            }
            assert_eq!(canvas, expected.rgb);
            areas.push((left, top, width, height));
        }
        assert_eq!(areas, [(0, 0, 12, 8), (3, 2, 3, 5), (5, 6, 7, 2), (0, 0, 1, 1)]);
        assert!(decoder.read_next_frame().unwrap().is_none());
    }
}
