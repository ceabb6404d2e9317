//! Frames as an animated GIF.

use std::io::Write;

use gif::{Encoder, Repeat};

use crate::{EnvError, Frame, Result};

/// Writes frames as they come, so that an episode of any length takes the memory of one.
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
        Ok(Self { encoder, delay: (100 / fps.max(1)).clamp(2, 100) as u16 })
    }

    /// Adds a frame of the size that was given.
    ///
    /// # Errors
    /// [`EnvError::Failed`] if the output fails.
    pub fn add(&mut self, frame: &Frame) -> Result<()> {
        // Speed 10 of 30 is the encoder's own choice; drawings have few colors, which it finds at any speed.
        let mut encoded = gif::Frame::from_rgb_speed(frame.width as u16, frame.height as u16, &frame.rgb, 10);
        encoded.delay = self.delay;
        self.encoder.write_frame(&encoded).map_err(EnvError::failed)
    }

    /// Writes what is left, and returns what it was written to.
    ///
    /// # Errors
    /// [`EnvError::Failed`] if the output fails.
    pub fn finish(self) -> Result<W> {
        self.encoder.into_inner().map_err(EnvError::failed)
    }
}
