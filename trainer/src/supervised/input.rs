//! Pictures for a model to be asked about.

use std::path::Path;

use crate::TrainError;
use crate::data::idx::IdxArray;

/// The grey pictures of a file, numbers from 0 to 1 one after the other: an image of the size, or IDX's.
pub(super) fn grey(file: &Path, [rows, columns]: [usize; 2]) -> Result<Vec<f32>, TrainError> {
    let name = file.display();
    let bytes = read(file)?;
    let numbers = |bytes: &[u8]| bytes.iter().map(|byte| f32::from(*byte) / 255.0).collect();
    if image::guess_format(&bytes).is_ok() {
        let image = image::load_from_memory(&bytes)
            .map_err(|error| TrainError::Input(format!("cannot read the image {name}: {error}")))?
            .to_luma8();
        let found = [image.height() as usize, image.width() as usize];
        if found != [rows, columns] {
            return Err(TrainError::Input(format!(
                "{name} has {} × {} pixels, and the model takes {columns} × {rows}: resize it",
                found[1], found[0]
            )));
        }
        return Ok(numbers(image.as_raw()));
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
pub(super) fn read(file: &Path) -> Result<Vec<u8>, TrainError> {
    std::fs::read(file).map_err(|error| TrainError::Unfit(format!("cannot read {}: {error}", file.display())))
}
