//! Image files to pixels: PNG, JPEG, BMP, PNM, TIFF, GIF and WebP, told apart by their contents as Pillow does.
//!
//! All become 8 bits a channel of red, green and blue: grayscale is spread, alpha dropped, palettes looked up, CMYK
//! converted (as Pillow's `convert("RGB")`); of 16 bits the upper eight are kept. An orientation in the EXIF data is not
//! applied, as torchvision and Keras do not apply it. Of animations the first frame is taken.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::{fs, io};

use ::image::codecs::gif::GifDecoder;
use ::image::error::ImageError as Refusal;
use ::image::metadata::Orientation;
use ::image::{AnimationDecoder as _, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::{CHANNELS, Image, jpeg};

/// Pixels above which a file is taken for a decompression bomb: Pillow's `MAX_IMAGE_PIXELS`, an RGB image of 256 MiB.
pub const MAX_PIXELS: u64 = 89_478_485;

const KNOWN: [ImageFormat; 7] = [
    ImageFormat::Png,
    ImageFormat::Jpeg,
    ImageFormat::Bmp,
    ImageFormat::Pnm,
    ImageFormat::Tiff,
    ImageFormat::Gif,
    ImageFormat::WebP,
];

/// An image, and what of the file is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The pixels.
    pub image: Image,
    /// Whether there are more frames than this first one.
    pub animated: bool,
    /// Whether the file asks for being turned or mirrored (EXIF), which was not done.
    pub turned: bool,
}

/// A file that gives no image.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct ImageError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: ImageProblem,
}

/// What can be wrong with an image file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageProblem {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// The contents are of no format that is known.
    #[error("is no PNG, JPEG, BMP, PNM, TIFF, GIF or WebP image: {0}")]
    NotAnImage(String),
    /// No columns or no rows.
    #[error("has no pixels: it is {width} × {height}")]
    Empty {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// More pixels than allowed; nothing was allocated for them.
    #[error(
        "claims {width} × {height} pixels, more than the {limit} that images.max_pixels allows: raise it if the file can be trusted"
    )]
    TooLarge {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
        /// Pixels allowed.
        limit: u64,
    },
    /// The file ends before the image does.
    #[error("is truncated: the file ends before the image does")]
    Truncated,
    /// The decoder gave up.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// A kind of image that cannot be used.
    #[error("is not supported: {0}")]
    Unsupported(String),
}

/// Reads an image file of at most `max_pixels` pixels.
///
/// # Errors
/// [`ImageError`], which names the path.
pub fn read(path: &Path, max_pixels: u64) -> Result<Decoded, ImageError> {
    let file = fs::read(path).map_err(ImageProblem::Unreadable);
    file.and_then(|file| decode(&file, max_pixels)).map_err(|problem| ImageError { path: path.to_owned(), problem })
}

/// Decodes the contents of an image file of at most `max_pixels` pixels.
///
/// # Errors
/// What is wrong with it.
pub fn decode(file: &[u8], max_pixels: u64) -> Result<Decoded, ImageProblem> {
    // Decoders meet files that nobody has thought of; one must not take the whole run with it.
    catch_unwind(AssertUnwindSafe(|| decode_any(file, max_pixels)))
        .unwrap_or_else(|_| Err(ImageProblem::Damaged("its decoder broke down".to_owned())))
}

fn decode_any(file: &[u8], max_pixels: u64) -> Result<Decoded, ImageProblem> {
    let format = format_of(file)?;
    if format == ImageFormat::Jpeg
        && let Some(decoded) = decode_plain_jpeg(file, max_pixels)
    {
        return Ok(decoded);
    }
    let mut reader = ImageReader::with_format(Cursor::new(file), format);
    let mut limits = Limits::default();
    // For the image itself in the widest form there is, and what a decoder needs beside it.
    limits.max_alloc = Some(max_pixels.saturating_mul(16).saturating_add(64 << 20));
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(refused)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(ImageProblem::Empty { width, height });
    }
    if u64::from(width) * u64::from(height) > max_pixels {
        return Err(ImageProblem::TooLarge { width, height, limit: max_pixels });
    }
    if format == ImageFormat::Jpeg && !jpeg::is_whole(file) {
        return Err(ImageProblem::Truncated);
    }
    let turned = decoder.orientation().is_ok_and(|orientation| orientation != Orientation::NoTransforms);
    let rgb = to_rgb(DynamicImage::from_decoder(decoder).map_err(refused)?)?;
    let image = Image { width: width as usize, height: height as usize, rgb };
    Ok(Decoded { image, animated: is_animated(file, format), turned })
}

/// A JPEG as most are, if it is as it should be: what is not is left to `image`, which says what is wrong.
fn decode_plain_jpeg(file: &[u8], max_pixels: u64) -> Option<Decoded> {
    let headers = jpeg::Headers::read(file).filter(|headers| (headers.width * headers.height) as u64 <= max_pixels)?;
    let turned = headers.exif.and_then(Orientation::from_exif_chunk);
    let turned = turned.is_some_and(|orientation| orientation != Orientation::NoTransforms);
    Some(Decoded { image: jpeg::decode(&headers)?, animated: false, turned })
}

fn format_of(file: &[u8]) -> Result<ImageFormat, ImageProblem> {
    if file.is_empty() {
        return Err(ImageProblem::NotAnImage("the file is empty".to_owned()));
    }
    let Ok(format) = ::image::guess_format(file) else {
        let start: Vec<String> = file.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        return Err(ImageProblem::NotAnImage(format!("it begins with the bytes {}", start.join(" "))));
    };
    match KNOWN.contains(&format) {
        true => Ok(format),
        false => Err(ImageProblem::NotAnImage(format!("it looks like {format:?}"))),
    }
}

/// The upper eight bits of each channel of red, green and blue.
fn to_rgb(image: DynamicImage) -> Result<Vec<u8>, ImageProblem> {
    fn spread<T: Copy>(from: &[T], step: usize, byte: impl Fn(T) -> u8) -> Vec<u8> {
        from.chunks_exact(step).flat_map(|pixel| [byte(pixel[0]); CHANNELS]).collect()
    }
    fn first_three<T: Copy>(from: &[T], step: usize, byte: impl Fn(T) -> u8) -> Vec<u8> {
        from.chunks_exact(step).flat_map(|pixel| [byte(pixel[0]), byte(pixel[1]), byte(pixel[2])]).collect()
    }
    let upper = |value: u16| (value >> 8) as u8;
    let same = |value: u8| value;
    Ok(match image {
        DynamicImage::ImageRgb8(image) => image.into_raw(),
        DynamicImage::ImageLuma8(image) => spread(&image, 1, same),
        DynamicImage::ImageLumaA8(image) => spread(&image, 2, same),
        DynamicImage::ImageRgba8(image) => first_three(&image, 4, same),
        DynamicImage::ImageLuma16(image) => spread(&image, 1, upper),
        DynamicImage::ImageLumaA16(image) => spread(&image, 2, upper),
        DynamicImage::ImageRgb16(image) => first_three(&image, 3, upper),
        DynamicImage::ImageRgba16(image) => first_three(&image, 4, upper),
        other => {
            let kind = format!("pixels of the kind {:?}; store it with 8 or 16 bits a channel", other.color());
            return Err(ImageProblem::Unsupported(kind));
        }
    })
}

fn refused(refusal: Refusal) -> ImageProblem {
    match refusal {
        Refusal::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => ImageProblem::Truncated,
        Refusal::IoError(error) => ImageProblem::Damaged(error.to_string()),
        Refusal::Unsupported(error) => ImageProblem::Unsupported(error.to_string()),
        Refusal::Limits(error) => ImageProblem::Damaged(format!("decoding it would take too much memory ({error})")),
        other => {
            // Some end in empty lines.
            let message = other.to_string().trim_end().to_owned();
            let lower = message.to_lowercase();
            let cut = ["unexpected end", "unexpectedeof", "failed to fill whole buffer", "eof"];
            match cut.iter().any(|words| lower.contains(words)) {
                true => ImageProblem::Truncated,
                false => ImageProblem::Damaged(message),
            }
        }
    }
}

/// Whether the file has more than one frame. TIFF's pages are no frames.
fn is_animated(file: &[u8], format: ImageFormat) -> bool {
    match format {
        ImageFormat::Gif => GifDecoder::new(Cursor::new(file))
            .is_ok_and(|gif| gif.into_frames().take(2).filter(Result::is_ok).count() > 1),
        // The flag of an extended file; see Google's "WebP Container Specification".
        ImageFormat::WebP => file.get(12..16) == Some(b"VP8X") && file.get(20).is_some_and(|flags| flags & 0b10 != 0),
        ImageFormat::Png => png_is_animated(file),
        _ => false,
    }
}

/// Whether an `acTL` chunk comes before the pixels.
fn png_is_animated(file: &[u8]) -> bool {
    let mut at = 8;
    while let Some(&[a, b, c, d, ref name @ ..]) = file.get(at..at + 8) {
        match name {
            b"acTL" => return true,
            b"IDAT" => return false,
            _ => at = at.saturating_add(u32::from_be_bytes([a, b, c, d]) as usize).saturating_add(12),
        }
    }
    false
}
