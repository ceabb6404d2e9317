//! `cartwheel predict`

use std::path::PathBuf;
use std::process::ExitCode;

use crate::trainer::supervised::{Prediction, SavedModel};
use serde_json::json;

use super::Result;
use super::output::Output;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A run of `cartwheel fit` (its best weights are taken), a safetensors file that it wrote, or torchvision's of a resnet.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Images; a model of grey images takes those of its size, or IDX files of any number (plain or .gz).
    #[arg(value_name = "INPUT", required = true)]
    inputs: Vec<PathBuf>,
    /// How many classes are shown, the likeliest first.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    top: u64,
    /// Names of the classes, one a line, instead of those that the model has.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, output: Output) -> Result {
    let model = SavedModel::open(&args.model, args.labels.as_deref())?;
    let top = usize::try_from(args.top).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    // All are read before any is answered: a wrong name among many is told at once.
    for input in &args.inputs {
        let images = model.read(input)?;
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
