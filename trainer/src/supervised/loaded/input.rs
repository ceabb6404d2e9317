//! Images for a model to be asked about.

use std::path::Path;

use crate::TrainError;
use crate::data::idx::IdxArray;
use crate::data::image::{CHANNELS, MAX_PIXELS, decode};

/// The grey images of a file, numbers from 0 to 1 one after the other: an image of the size, or IDX's.
pub(crate) fn grey(file: &Path, [rows, columns]: [usize; 2]) -> Result<Vec<f32>, TrainError> {
    let name = file.display();
    let bytes = read(file)?;
    let numbers = |bytes: &[u8]| bytes.iter().map(|byte| f32::from(*byte) / 255.0).collect();
    if image::guess_format(&bytes).is_ok() {
        let image = decode(&bytes, MAX_PIXELS).map_err(|error| TrainError::Input(format!("{name}: {error}")))?.image;
        let found = [image.height, image.width];
        if found != [rows, columns] {
            return Err(TrainError::Input(format!(
                "{name} has {} × {} pixels, and the model takes {columns} × {rows}: resize it",
                found[1], found[0]
            )));
        }
        let grey: Vec<u8> = image.rgb.as_chunks::<CHANNELS>().0.iter().map(luma).collect();
        return Ok(numbers(&grey));
    }
    let array = IdxArray::read(file)
        .map_err(|error| TrainError::Input(format!("{error} (nor is it a PNG or another image)")))?;
    match array.shape.as_slice() {
        [_, r, c] | [r, c] if [*r, *c] == [rows, columns] => Ok(numbers(&array.values)),
        other => Err(TrainError::Input(format!(
            "{name} holds an array of shape {other:?}, and the model takes images of {rows} × {columns}"
        ))),
    }
}

/// How bright a colour is, by ITU-R 601 as Pillow's `convert("L")` rounds it; grey stays what it is.
fn luma([red, green, blue]: &[u8; CHANNELS]) -> u8 {
    ((19_595 * u32::from(*red) + 38_470 * u32::from(*green) + 7_471 * u32::from(*blue) + 0x8000) >> 16) as u8
}

/// The bytes of a file that was named.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>, TrainError> {
    std::fs::read(file).map_err(|error| TrainError::Unfit(format!("cannot read {}: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `Image.new("RGB", (1, 1), colour).convert("L")` of Pillow 13 holds.
    #[test]
    fn colour_becomes_grey_as_in_pillow() {
        let golden =
            [([255, 0, 0], 76), ([0, 255, 0], 150), ([0, 0, 255], 29), ([200, 100, 50], 124), ([10, 20, 30], 18)];
        for (colour, grey) in golden {
            assert_eq!(luma(&colour), grey, "{colour:?}");
        }
        assert!((0..=255).all(|value| luma(&[value; 3]) == value));
    }
}
