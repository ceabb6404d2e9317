//! MP4s without a program beside: each frame is a JPEG (Motion JPEG, object type 0x6C of ISO/IEC 14496-1).
//!
//! What a player needs of ISO/IEC 14496-12: `ftyp`, the frames one after the other in `mdat`, and behind them `moov`, which
//! says where each begins, how long it is and how long it is shown.

use std::io::{self, Seek, SeekFrom, Write};

use cartwheel_envs::Frame;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder as _};

/// Quality of the pictures, of 100: lines and letters stay sharp.
const QUALITY: u8 = 92;
/// Lengths of up to 4 GiB come before each box; `mdat` has 8 bytes for a longer one.
const MDAT_HEADER: u64 = 16;
/// No rotation, as every box with a matrix has it.
const UPRIGHT: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

/// A film under way.
pub(super) struct Mp4Writer<W> {
    to: W,
    size: [u16; 2],
    fps: u32,
    /// Where `mdat` begins.
    begin: u64,
    /// Bytes of each frame.
    frames: Vec<u32>,
}

impl<W: Write + Seek> Mp4Writer<W> {
    /// A film of frames of this size, `fps` a second.
    pub(super) fn new(mut to: W, width: u32, height: u32, fps: u32) -> io::Result<Self> {
        let size = [side(width)?, side(height)?];
        let brands = [*b"isom", 512_u32.to_be_bytes(), *b"isom", *b"iso2", *b"mp41"].concat();
        to.write_all(&named(b"ftyp", &brands))?;
        let begin = to.stream_position()?;
        // The length is written over this at the end.
        to.write_all(&[0; MDAT_HEADER as usize])?;
        Ok(Self { to, size, fps: fps.max(1), begin, frames: Vec::new() })
    }

    /// Adds a frame.
    pub(super) fn add(&mut self, frame: &Frame) -> io::Result<()> {
        let mut jpeg = Vec::new();
        let encoder = JpegEncoder::new_with_quality(&mut jpeg, QUALITY);
        encoder
            .write_image(&frame.rgb, frame.width, frame.height, ExtendedColorType::Rgb8)
            .map_err(io::Error::other)?;
        self.to.write_all(&jpeg)?;
        self.frames.push(u32::try_from(jpeg.len()).map_err(io::Error::other)?);
        Ok(())
    }

    /// Writes what is behind the frames.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let end = self.to.stream_position()?;
        let index = self.index();
        self.to.write_all(&index)?;
        self.to.seek(SeekFrom::Start(self.begin))?;
        let header = [&1_u32.to_be_bytes()[..], b"mdat", &(end - self.begin).to_be_bytes()].concat();
        self.to.write_all(&header)?;
        self.to.seek(SeekFrom::End(0))?;
        self.to.flush()
    }

    fn index(&self) -> Vec<u8> {
        let count = self.frames.len() as u32;
        let [width, height] = self.size.map(|side| u32::from(side) << 16);
        // Times are in frames: a unit is shown for one.
        let movie = [
            words(&[0, 0, 0, self.fps, count, 0x1_0000, 0x100_0000, 0, 0]),
            words(&UPRIGHT),
            words(&[0, 0, 0, 0, 0, 0, 2]),
        ];
        let track = [words(&[7, 0, 0, 1, 0, count, 0, 0, 0, 0]), words(&UPRIGHT), words(&[width, height])];
        // The language is not told ("und").
        let media = words(&[0, 0, 0, self.fps, count, 0x55c4_0000]);
        let handler = [&words(&[0, 0])[..], b"vide", &[0; 12], b"video\0"].concat();
        let data = named(b"dinf", &named(b"dref", &[words(&[0, 1]), named(b"url ", &words(&[1]))].concat()));
        let sizes = [words(&[0, 0, count]), words(&self.frames)].concat();
        let first = self.begin + MDAT_HEADER;
        let table = [
            named(b"stsd", &[words(&[0, 1]), named(b"mp4v", &self.entry())].concat()),
            named(b"stts", &words(&[0, 1, count, 1])),
            // All frames are in one chunk.
            named(b"stsc", &words(&[0, 1, 1, count, 1])),
            named(b"stsz", &sizes),
            named(b"co64", &[&words(&[0, 1])[..], &first.to_be_bytes()].concat()),
        ];
        let information = [named(b"vmhd", &words(&[1, 0, 0])), data, named(b"stbl", &table.concat())];
        let media = [named(b"mdhd", &media), named(b"hdlr", &handler), named(b"minf", &information.concat())];
        let track = [named(b"tkhd", &track.concat()), named(b"mdia", &media.concat())];
        named(b"moov", &[named(b"mvhd", &movie.concat()), named(b"trak", &track.concat())].concat())
    }

    /// What the frames are: JPEGs of this size.
    fn entry(&self) -> Vec<u8> {
        let [width, height] = self.size.map(u16::to_be_bytes);
        let largest = self.frames.iter().max().copied().unwrap_or_default();
        // Descriptors of ISO/IEC 14496-1: tag and length, then what they hold.
        let decoder = [&[0x04, 13, 0x6c, 0x11][..], &largest.to_be_bytes()[1..], &[0; 8]].concat();
        let stream = [&[0x03, 3 + 15 + 3, 0, 1, 0][..], &decoder, &[0x06, 1, 2]].concat();
        let mut entry = words(&[0, 1, 0, 0, 0, 0]);
        entry.extend([width, height].concat());
        // 72 dots an inch, a frame a sample, no name of a compressor, 24 bits.
        entry.extend(words(&[0x48_0000, 0x48_0000, 0]));
        entry.extend([0, 1]);
        entry.extend([0; 32]);
        entry.extend([0, 24, 0xff, 0xff]);
        entry.extend(named(b"esds", &[&[0; 4], &stream[..]].concat()));
        entry
    }
}

fn side(pixels: u32) -> io::Result<u16> {
    u16::try_from(pixels).map_err(|_| io::Error::other(format!("a film of {pixels} pixels is too large for an MP4")))
}

/// A box: its length, its name, and what it holds.
fn named(name: &[u8; 4], holds: &[u8]) -> Vec<u8> {
    [&(holds.len() as u32 + 8).to_be_bytes()[..], name, holds].concat()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// The boxes in `bytes`: their names and what they hold.
    fn boxes(bytes: &[u8]) -> Vec<([u8; 4], &[u8])> {
        let (mut rest, mut found) = (bytes, Vec::new());
        while !rest.is_empty() {
            let mut len = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
            let mut header = 8;
            if len == 1 {
                (len, header) = (u64::from_be_bytes(rest[8..16].try_into().unwrap()) as usize, 16);
            }
            found.push((rest[4..8].try_into().unwrap(), &rest[header..len]));
            rest = &rest[len..];
        }
        found
    }

    fn inside<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> &'a [u8] {
        path.iter().fold(bytes, |bytes, name| boxes(bytes).into_iter().find(|(is, _)| is == *name).unwrap().1)
    }

    #[test]
    fn every_frame_is_where_the_index_says() {
        let mut file = Cursor::new(Vec::new());
        let mut writer = Mp4Writer::new(&mut file, 32, 16, 25).unwrap();
        for shade in [0, 90, 180] {
            writer.add(&Frame { width: 32, height: 16, rgb: vec![shade; 3 * 32 * 16] }).unwrap();
        }
        writer.finish().unwrap();
        let bytes = file.into_inner();
        let names: Vec<_> = boxes(&bytes).iter().map(|(name, _)| *name).collect();
        assert_eq!(names, [*b"ftyp", *b"mdat", *b"moov"]);
        let table = inside(&bytes, &[b"moov", b"trak", b"mdia", b"minf", b"stbl"]);
        let sizes = inside(table, &[b"stsz"]);
        let word = |bytes: &[u8], i: usize| u32::from_be_bytes(bytes[4 * i..4 * i + 4].try_into().unwrap());
        assert_eq!((word(sizes, 1), word(sizes, 2)), (0, 3), "each has its own size");
        let mut at = word(inside(table, &[b"co64"]), 3) as usize;
        for (i, shade) in [0_u8, 90, 180].into_iter().enumerate() {
            let len = word(sizes, 3 + i) as usize;
            let picture = image::load_from_memory_with_format(&bytes[at..at + len], image::ImageFormat::Jpeg).unwrap();
            assert_eq!((picture.width(), picture.height()), (32, 16));
            assert!(picture.to_rgb8().pixels().all(|pixel| pixel.0[0].abs_diff(shade) < 4), "frame {i}");
            at += len;
        }
        // It lasts for three frames of a 25th of a second.
        let header = inside(&bytes, &[b"moov", b"mvhd"]);
        assert_eq!((word(header, 3), word(header, 4)), (25, 3));
        assert!(Mp4Writer::new(Cursor::new(Vec::new()), 70_000, 16, 25).is_err());
    }
}
