//! `cartwheel export`

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::agents::Policy;
use crate::agents::nn::read_header;
use crate::trainer::TrainError;
use crate::trainer::run::{RunDir, write_atomic};
use crate::trainer::supervised::{SavedModel, SavedRecommender, model_folder};
use serde_json::json;

use super::Result;
use super::output::{Failure, Output};

#[derive(clap::Args)]
#[command(
    after_help = "ONNX Runtime, TensorRT and others run the file: docs/export.md says what goes in and comes out."
)]
pub(crate) struct Args {
    /// A run of `train` or `fit` (its best weights are taken), or a safetensors file that one wrote, or torchvision's of a resnet.
    #[arg(value_name = "RUN")]
    model: PathBuf,
    /// The file to write: an .onnx file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(crate) fn run(args: &Args, output: Output) -> Result {
    let out = args.out.display();
    if args.out.extension().is_none_or(|extension| extension != "onnx") {
        return Err(Failure::usage(format!("--out {out} is no .onnx file: give one")));
    }
    let (file, bytes, statistics) = exported(&args.model)?;
    write_atomic(&args.out, |to| to.write_all(&bytes)).map_err(|error| {
        let problem = format!("could not write {out}: {error}");
        if error.kind() == std::io::ErrorKind::NotFound { Failure::usage(problem) } else { Failure::failed(problem) }
    })?;
    let value = json!({"model": file, "out": args.out, "bytes": bytes.len(), "statistics": statistics});
    output.print(&value, || {
        let mut text = format!("{} as ONNX in {out}, {} bytes", file.display(), bytes.len());
        if statistics {
            text += "\nIt takes observations that were normalized as in training: mean and variance are in its metadata, `statistics`";
        }
        text
    });
    Ok(ExitCode::SUCCESS)
}

/// The weights that `model` stands for, the file of ONNX, and whether observations have to be normalized before it.
fn exported(model: &Path) -> std::result::Result<(PathBuf, Vec<u8>, bool), Failure> {
    let called = model.display();
    if model.is_dir() && model_folder(model).is_dir() || model.join("spiece.model").exists() {
        return Err(Failure::usage(format!(
            "{called} is a T5, which writes one token after the other and is no single graph: its folder is Hugging Face's, \
             which Optimum exports (`optimum-cli export onnx`)"
        )));
    }
    if SavedRecommender::is_one(model) {
        return Err(Failure::usage(format!(
            "{called} is a recommender, whose answers are products of rows of its tables: read these from its safetensors file"
        )));
    }
    let file =
        if model.is_dir() { RunDir::open(model).map_err(TrainError::Run)?.best_weights() } else { model.to_owned() };
    let header = read_header(&file).map_err(TrainError::from)?;
    if !header.metadata.contains_key("policy") {
        let model = SavedModel::open(&file, None)?;
        return Ok((file, model.to_onnx(), false));
    }
    let policy = Policy::load(&file).map_err(Failure::failed)?;
    Ok((file, policy.to_onnx(), !policy.statistics().is_empty()))
}
