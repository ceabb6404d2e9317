//! Pictures for a model to be asked about.

use std::path::Path;

use image::DynamicImage;

use crate::TrainError;
use crate::data::idx::IdxArray;
use crate::data::image::{MAX_PIXELS, decode};

/// The grey pictures of a file, numbers from 0 to 1 one after the other: an image of the size, or IDX's.
pub(in crate::supervised) fn grey(file: &Path, [rows, columns]: [usize; 2]) -> Result<Vec<f32>, TrainError> {
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
        let image = image::RgbImage::from_raw(columns as u32, rows as u32, image.rgb);
        return Ok(image.map_or_else(Vec::new, |image| numbers(DynamicImage::from(image).to_luma8().as_raw())));
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

/// The bytes of a file that was named.
pub(in crate::supervised) fn read(file: &Path) -> Result<Vec<u8>, TrainError> {
    std::fs::read(file).map_err(|error| TrainError::Unfit(format!("cannot read {}: {error}", file.display())))
}
