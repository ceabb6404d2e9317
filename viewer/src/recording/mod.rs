//! Recording pictures: a PNG of one, a GIF or an MP4 of many. Files are written whole or not at all.
//!
//! Frames are encoded by a thread of their own, so that whoever paints is not held up. MP4s are left to the `ffmpeg` on
//! PATH, whose H.264 every player and browser shows; without one they are Motion JPEG.

mod mp4;

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufWriter, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use self::mp4::Mp4Writer;
use cartwheel_envs::{Frame, GifWriter};
use cartwheel_trainer::run::write_atomic;
use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder as _};

use crate::text;

/// Frames that may wait for the encoder.
const WAITING: usize = 16;
/// Seconds for which a picture stays in a film at most, however long nothing came after it.
const STANDSTILL: u64 = 5;
/// The most frames a second that a GIF can have.
const GIF_FPS: u32 = 50;
/// The program that writes MP4s.
const FFMPEG: &str = "ffmpeg";

/// A recording under way. Dropped without [`Self::finish`], it leaves no file.
#[derive(Debug)]
pub struct Recording {
    /// Each frame, and how often it is shown; `None` says that this is the end.
    frames: Sender<Option<Shown>>,
    encoder: JoinHandle<io::Result<()>>,
    path: PathBuf,
    fps: u32,
    note: Option<String>,
    /// Frames in the film.
    count: u64,
    /// Frames that a standstill is shorter by in the film than it was.
    cut: u64,
    dropped: u64,
}

/// A frame, and how often it is shown.
type Shown = (Frame, u64);

/// What a film is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Gif,
    /// An MP4 by ffmpeg.
    H264,
    /// An MP4 without it.
    MotionJpeg,
}

/// What was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The file.
    pub path: PathBuf,
    /// Frames in it.
    pub frames: u64,
    /// Pictures that are missing because the encoder was slower than they came. Those after them are shown for longer.
    pub dropped: u64,
    /// What there is to know about the file.
    pub note: Option<String>,
}

impl Recording {
    /// Begins a recording of `fps` frames a second. The file's extension says what it is: `gif` or `mp4`.
    ///
    /// # Errors
    /// In words for people: another extension, or no more threads.
    pub fn begin(path: &Path, fps: u32) -> Result<Self, String> {
        Self::begin_with(path, fps, FFMPEG)
    }

    fn begin_with(path: &Path, fps: u32, ffmpeg: &'static str) -> Result<Self, String> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let path = path.to_owned();
        let kind = match extension {
            "mp4" if runs(ffmpeg) => Kind::H264,
            "mp4" => Kind::MotionJpeg,
            "gif" => Kind::Gif,
            _ => return Err(text::unknown_film(&path)),
        };
        let note = (kind == Kind::MotionJpeg).then(|| text::no_ffmpeg(&path));
        let fps = if kind == Kind::Gif { fps.clamp(1, GIF_FPS) } else { fps.max(1) };
        let (frames, inbox) = bounded(WAITING);
        let target = path.clone();
        let encoder = thread::Builder::new()
            .name("recorder".into())
            .spawn(move || match kind {
                Kind::Gif => write_gif(&target, fps, &inbox),
                Kind::H264 => write_mp4(&target, fps, ffmpeg, &inbox),
                Kind::MotionJpeg => write_motion_jpeg(&target, fps, &inbox),
            })
            .map_err(|error| text::not_recorded(&path, &error))?;
        Ok(Self { frames, encoder, path, fps, note, count: 0, cut: 0, dropped: 0 })
    }

    /// Adds a frame; waits if the encoder is behind. The first frame gives the size, which later ones are cut or padded
    /// to.
    pub fn add(&mut self, frame: Frame) {
        self.count += 1;
        // An encoder that has ended says why in the end.
        let _ = self.frames.send(Some((frame, 1)));
    }

    /// Adds what is seen at a time since the beginning: as often as the pace needs, or not at all; of a standstill, as much as is
    /// worth seeing. Does not wait: what the encoder has no room for is dropped, and the next takes its place.
    pub fn add_at(&mut self, at: Duration, frame: Frame) {
        let due = (at.as_secs_f64() * f64::from(self.fps)) as u64 + 1;
        let behind = due.saturating_sub(self.count + self.cut);
        let times = behind.min(STANDSTILL * u64::from(self.fps));
        if times == 0 {
            return;
        }
        match self.frames.try_send(Some((frame, times))) {
            Err(TrySendError::Full(_)) => self.dropped += 1,
            // An encoder that has ended says why in the end.
            Ok(()) | Err(TrySendError::Disconnected(_)) => {
                (self.count, self.cut) = (self.count + times, self.cut + behind - times);
            }
        }
    }

    /// Gives it up: there is no file once this returns.
    pub fn give_up(self) {
        drop(self.frames);
        // Why it ended is known.
        let _ = self.encoder.join();
    }

    /// Waits until the file is there.
    ///
    /// # Errors
    /// In words for people, if it could not be written. There is no file then.
    pub fn finish(self) -> Result<Recorded, String> {
        let _ = self.frames.send(None);
        let encoded = self.encoder.join().unwrap_or_else(|_| Err(io::Error::other("the encoder panicked")));
        encoded.map_err(|error| text::not_recorded(&self.path, &error))?;
        Ok(Recorded { path: self.path, frames: self.count, dropped: self.dropped, note: self.note })
    }
}

/// Writes a picture as a PNG.
///
/// # Errors
/// In words for people. There is no file then, or the old one.
pub fn write_png(path: &Path, frame: &Frame) -> Result<(), String> {
    let written = write_atomic(path, |file| {
        let encoder = PngEncoder::new(file);
        encoder.write_image(&frame.rgb, frame.width, frame.height, ExtendedColorType::Rgb8).map_err(io::Error::other)
    });
    written.map(drop).map_err(|error| text::not_recorded(path, &error))
}

/// A frame of an opaque picture of red, green, blue and opacity, row by row.
pub fn frame_of_rgba(width: u32, height: u32, rgba: &[u8]) -> Frame {
    let (pixels, _) = rgba.as_chunks::<4>();
    Frame { width, height, rgb: pixels.iter().flat_map(|[red, green, blue, _]| [*red, *green, *blue]).collect() }
}

/// The next frame; none at the end.
///
/// # Errors
/// If the recording is given up.
fn next(frames: &Receiver<Option<Shown>>) -> io::Result<Option<Shown>> {
    frames.recv().map_err(|_| io::Error::new(ErrorKind::Interrupted, "the recording was given up"))
}

fn first(frames: &Receiver<Option<Shown>>) -> io::Result<Shown> {
    next(frames)?.ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "there was no picture to record"))
}

fn write_gif(path: &Path, fps: u32, frames: &Receiver<Option<Shown>>) -> io::Result<()> {
    let first = first(frames)?;
    let written = write_atomic(path, |file| {
        let (width, height) = (first.0.width, first.0.height);
        let mut writer = GifWriter::new(file, width, height, fps).map_err(io::Error::other)?;
        let mut frame = Some(first);
        while let Some((picture, times)) = frame {
            let picture = fit(picture, width, height);
            (0..times).try_for_each(|_| writer.add(&picture)).map_err(io::Error::other)?;
            frame = next(frames)?;
        }
        writer.finish().map_err(io::Error::other)
    });
    written.map(drop)
}

fn write_motion_jpeg(path: &Path, fps: u32, frames: &Receiver<Option<Shown>>) -> io::Result<()> {
    let first = first(frames)?;
    let written = write_atomic(path, |file| {
        let (width, height) = (first.0.width, first.0.height);
        let mut writer = Mp4Writer::new(file, width, height, fps)?;
        let mut frame = Some(first);
        while let Some((picture, times)) = frame {
            let picture = fit(picture, width, height);
            (0..times).try_for_each(|_| writer.add(&picture))?;
            frame = next(frames)?;
        }
        writer.finish()
    });
    written.map(drop)
}

fn write_mp4(path: &Path, fps: u32, ffmpeg: &str, frames: &Receiver<Option<Shown>>) -> io::Result<()> {
    let first = first(frames)?;
    let hidden = hidden_beside(path)?;
    let mut encoder = start_ffmpeg(ffmpeg, &first.0, fps, &hidden)?;
    let written = pipe(&mut encoder, first, frames).and_then(|()| fs::rename(&hidden, path));
    if written.is_err() {
        // The first failure is the one to tell.
        let _ = encoder.kill();
        let _ = encoder.wait();
        let _ = fs::remove_file(&hidden);
    }
    written
}

fn start_ffmpeg(ffmpeg: &str, first: &Frame, fps: u32, to: &Path) -> io::Result<Child> {
    let size = format!("{}x{}", first.width, first.height);
    Command::new(ffmpeg)
        .args(["-loglevel", "error", "-nostdin", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", &size])
        .args(["-r", &fps.to_string(), "-i", "pipe:0"])
        // Every player knows this pixel format, which halves the colors' sides: they must be even.
        .args([
            "-vf",
            "pad=ceil(iw/2)*2:ceil(ih/2)*2",
            "-pix_fmt",
            "yuv420p",
            "-movflags",
            "+faststart",
            "-f",
            "mp4",
            "-y",
        ])
        .arg(to)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
}

/// Hands ffmpeg the frames, and waits for it.
fn pipe(encoder: &mut Child, first: Shown, frames: &Receiver<Option<Shown>>) -> io::Result<()> {
    let mut input = BufWriter::new(encoder.stdin.take().ok_or(ErrorKind::BrokenPipe)?);
    let (width, height) = (first.0.width, first.0.height);
    let mut frame = Some(first);
    let mut fed = Ok(());
    while let Some((picture, times)) = frame {
        let picture = fit(picture, width, height);
        fed = (0..times).try_for_each(|_| input.write_all(&picture.rgb));
        if fed.is_err() {
            break;
        }
        frame = next(frames)?;
    }
    let fed = fed.and_then(|()| input.flush());
    drop(input);
    let mut said = String::new();
    if let Some(stderr) = &mut encoder.stderr {
        stderr.read_to_string(&mut said)?;
    }
    let status = encoder.wait()?;
    if status.success() { fed } else { Err(io::Error::other(format!("ffmpeg: {}", said.trim()))) }
}

/// A frame of this size: cut off, or padded with black, at the right and at the bottom.
fn fit(frame: Frame, width: u32, height: u32) -> Frame {
    if (frame.width, frame.height) == (width, height) {
        return frame;
    }
    let mut rgb = vec![0; 3 * width as usize * height as usize];
    let bytes = 3 * frame.width.min(width) as usize;
    let rows = frame.rgb.chunks_exact(3 * frame.width.max(1) as usize);
    for (to, from) in rgb.chunks_exact_mut(3 * width as usize).zip(rows) {
        to[..bytes].copy_from_slice(&from[..bytes]);
    }
    Frame { width, height, rgb }
}

fn hidden_beside(path: &Path) -> io::Result<PathBuf> {
    let mut hidden = OsString::from(".");
    hidden.push(path.file_name().ok_or(ErrorKind::IsADirectory)?);
    hidden.push(".tmp");
    Ok(path.with_file_name(hidden))
}

fn runs(program: &str) -> bool {
    let output = (Stdio::null(), Stdio::null());
    Command::new(program)
        .arg("-version")
        .stdout(output.0)
        .stderr(output.1)
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests;
