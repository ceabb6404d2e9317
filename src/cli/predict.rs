//! `cartwheel predict`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::trainer::data::idx::IdxArray;
use crate::trainer::supervised::{Prediction, SavedModel};
use serde_json::json;

use super::Result;
use super::output::{Failure, Output};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A run of `cartwheel fit` (its best weights are taken), or a safetensors file that it wrote.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// PNG images of the model's size, in grey or in colour, or IDX files of images (plain or .gz).
    #[arg(value_name = "INPUT", required = true)]
    inputs: Vec<PathBuf>,
    /// How many classes are shown, the likeliest first.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    top: u64,
}

pub(crate) fn run(args: &Args, output: Output) -> Result {
    let model = SavedModel::open(&args.model)?;
    let top = usize::try_from(args.top).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    // All are read before any is answered: a wrong name among many is told at once.
    for input in &args.inputs {
        let images = read(input, model.size())?;
        found.push((input.display().to_string(), model.predict(&images, top)?));
    }
    let values: Vec<_> = found
        .iter()
        .flat_map(|(input, answers)| {
            answers.iter().enumerate().map(move |(index, top)| json!({"input": input, "index": index, "top": top}))
        })
        .collect();
    output.print(&json!({"model": model.file(), "predictions": values}), || {
        let lines = found.iter().flat_map(|(input, answers)| {
            answers.iter().enumerate().map(move |(index, top)| {
                let name = if answers.len() > 1 { format!("{input}[{index}]") } else { input.clone() };
                format!("{name}: {}", top.iter().map(one).collect::<Vec<_>>().join(", "))
            })
        });
        lines.collect::<Vec<_>>().join("\n")
    });
    Ok(ExitCode::SUCCESS)
}

fn one(prediction: &Prediction) -> String {
    format!("{} {:.2} %", prediction.label, 100.0 * prediction.probability)
}

/// The images in a file, byte after byte.
fn read(file: &Path, [rows, columns]: [usize; 2]) -> std::result::Result<Vec<u8>, Failure> {
    let name = file.display();
    let begins = std::fs::read(file).map_err(|error| Failure::usage(format!("cannot read {name}: {error}")))?;
    if begins.starts_with(b"\x89PNG") {
        let image = image::load_from_memory_with_format(&begins, image::ImageFormat::Png)
            .map_err(|error| Failure::failed(format!("cannot read the image {name}: {error}")))?
            .to_luma8();
        let found = [image.height() as usize, image.width() as usize];
        if found != [rows, columns] {
            return Err(Failure::failed(format!(
                "{name} has {} × {} pixels, and the model takes {columns} × {rows}: resize it",
                found[1], found[0]
            )));
        }
        return Ok(image.into_raw());
    }
    let array = IdxArray::read(file).map_err(|error| Failure::failed(format!("{error} (nor is it a PNG)")))?;
    match array.shape.as_slice() {
        [_, r, c] if [*r, *c] == [rows, columns] => Ok(array.values),
        [r, c] if [*r, *c] == [rows, columns] => Ok(array.values),
        other => Err(Failure::failed(format!(
            "{name} holds an array of shape {other:?}, and the model takes images of {rows} × {columns}"
        ))),
    }
}
