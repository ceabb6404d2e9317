//! `cartwheel export`

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::agents::Policy;
use crate::agents::nn::read_header;
use crate::trainer::run::{RunDir, write_atomic};
use crate::trainer::supervised::{SavedModel, SavedRecommender, model_folder};
use crate::trainer::{ExportedPolicy, Settings, TrainError, export_policy, export_policy_alone};
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

/// What is written, and what of.
struct Exported {
    weights: PathBuf,
    bytes: Vec<u8>,
    /// What has to stand before it, of a policy.
    before: Before,
}

/// What a policy needs that is not part of its file.
enum Before {
    Nothing,
    /// These wrappers.
    Wrappers(Vec<String>),
    /// Observations that are normalized by the statistics in its metadata: its wrappers are not known.
    Statistics,
}

pub(crate) fn run(args: &Args, output: Output) -> Result {
    let out = args.out.display();
    if args.out.extension().is_none_or(|extension| extension != "onnx") {
        return Err(Failure::usage(format!("--out {out} is no .onnx file: give one")));
    }
    let Exported { weights, bytes, before } = exported(&args.model)?;
    write_atomic(&args.out, |to| to.write_all(&bytes)).map_err(|error| {
        let problem = format!("could not write {out}: {error}");
        if error.kind() == std::io::ErrorKind::NotFound { Failure::usage(problem) } else { Failure::failed(problem) }
    })?;
    let wrappers = if let Before::Wrappers(wrappers) = &before { wrappers.as_slice() } else { &[] };
    let value = json!({"model": weights, "out": args.out, "bytes": bytes.len(), "wrappers": wrappers});
    output.print(&value, || {
        let written = format!("{} as ONNX in {out}, {} bytes", weights.display(), bytes.len());
        match before {
            Before::Nothing => written,
            Before::Wrappers(wrappers) => {
                let wrappers = wrappers.join(", ");
                format!("{written}\nWrappers that are not part of it, and belong between it and the environment: {wrappers}")
            }
            Before::Statistics => format!(
                "{written}\nIt takes observations that were normalized by the mean and variance in its metadata, `statistics`; \
                 given its run instead of its weights, that is part of the file"
            ),
        }
    });
    Ok(ExitCode::SUCCESS)
}

fn exported(model: &Path) -> std::result::Result<Exported, Failure> {
    let called = model.display();
    if model.is_dir() && (model_folder(model).is_dir() || model.join("spiece.model").exists()) {
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
    let run = if model.is_dir() { Some(RunDir::open(model).map_err(TrainError::Run)?) } else { None };
    let weights = run.as_ref().map_or(model.to_owned(), RunDir::best_weights);
    if !read_header(&weights).map_err(TrainError::from)?.metadata.contains_key("policy") {
        let bytes = SavedModel::open(&weights, None)?.to_onnx();
        return Ok(Exported { weights, bytes, before: Before::Nothing });
    }
    let policy = Policy::load(&weights).map_err(Failure::failed)?;
    let Some(run) = run else {
        let before = if policy.statistics().is_empty() { Before::Nothing } else { Before::Statistics };
        return Ok(Exported { weights, bytes: export_policy_alone(&policy), before });
    };
    let ExportedPolicy { bytes, wrappers } = export_policy(&policy, &Settings::from_file(&run.config())?.env.wrappers);
    let before = if wrappers.is_empty() { Before::Nothing } else { Before::Wrappers(wrappers) };
    Ok(Exported { weights, bytes, before })
}
