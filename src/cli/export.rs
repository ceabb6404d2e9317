//! `cartwheel export`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::agents::Policy;
use crate::agents::nn::read_header;
use crate::agents::quantization::Scheme;
use crate::trainer::run::RunDir;
use crate::trainer::supervised::{
    HalfReport, QuantizationOptions, QuantizationReport, SavedModel, SavedRecommender, check_there, t5_folder,
};
use crate::trainer::{ExportedPolicy, Provenance, Settings, TrainError, export_policy, export_policy_alone};
use serde_json::json;

use super::output::{self, Failure, Output};
use super::predict::all_cores;
use super::samples_progress::Display;
use super::{Result, accuracy, quantization};

/// Samples that int8 is calibrated on, unless told.
const CALIBRATION_SAMPLES: u32 = 512;

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
    /// The numbers in the file: of a classifier also f16, which is half as large, or int8, a quarter, calibrated on samples.
    #[arg(long, value_enum, default_value_t = Precision::F32)]
    precision: Precision,
    /// For int8: the samples to calibrate and judge on, as `fit --data` takes them, or any folder of images. Those that the run
    /// was trained on and left out, unless told; a file of weights needs some. For f16: those to look for numbers that it has no
    /// room for.
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// For int8: on how many samples it is calibrated, at most [default: 512].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    calibration_samples: Option<u32>,
    /// For int8: activations without a zero point, which is all that TensorRT takes. ONNX Runtime is slow with them.
    #[arg(long)]
    symmetric: bool,
    /// For int8: exit with 1, and write no file, if accuracy falls by more than this share of the samples.
    #[arg(long, value_name = "SHARE", value_parser = accuracy::share, allow_hyphen_values = true)]
    max_drop: Option<f64>,
}

/// The numbers in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Precision {
    F32,
    F16,
    Int8,
}

impl Precision {
    fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Int8 => "int8",
        }
    }
}

/// What is written, and what of.
struct Exported {
    weights: PathBuf,
    bytes: Vec<u8>,
    /// What has to stand before it, of a policy.
    before: Before,
    provenance: Provenance,
    cost: Option<Cost>,
}

/// What is known of a classifier in fewer bits.
enum Cost {
    Half(HalfReport),
    Int8(Box<QuantizationReport>),
}

/// What a policy needs that is not part of its file.
enum Before {
    Nothing,
    /// These wrappers.
    Wrappers(Vec<String>),
    /// Observations that are normalized by the statistics in its metadata: its wrappers are not known.
    Statistics,
}

pub(crate) fn run(args: &Args, to: Output) -> Result {
    let out = args.out.display();
    if args.out.extension().is_none_or(|extension| extension != "onnx") {
        return Err(Failure::usage(format!("--out {out} is no .onnx file: give one")));
    }
    output::check_out("--out", &args.out)?;
    if args.data.is_some() && args.precision == Precision::F32 {
        return Err(Failure::usage(
            "--data is for --precision int8, which is calibrated, and f16, which is looked at: add one, or leave it out",
        ));
    }
    let given = [
        ("--calibration-samples", args.calibration_samples.is_some()),
        ("--symmetric", args.symmetric),
        ("--max-drop", args.max_drop.is_some()),
    ];
    if let Some((flag, _)) = given.iter().find(|(_, given)| *given && args.precision != Precision::Int8) {
        return Err(Failure::usage(format!(
            "{flag} is for --precision int8, which is calibrated: add that, or leave it out"
        )));
    }
    let Exported { weights, bytes, before, provenance, cost } = exported(args, to)?;
    let (half, quantized) = match &cost {
        Some(Cost::Half(report)) => (Some(report), None),
        Some(Cost::Int8(report)) => (None, Some(report)),
        None => (None, None),
    };
    if let (Some(report), Some(most)) = (quantized, args.max_drop) {
        quantization::check_drop(report, most)?;
    }
    output::write(&args.out, &bytes)?;
    let wrappers = if let Before::Wrappers(wrappers) = &before { wrappers.as_slice() } else { &[] };
    let precision = args.precision.name();
    let value = json!({
        "model": weights.display().to_string(), "out": out.to_string(), "bytes": bytes.len(), "precision": precision,
        "wrappers": wrappers,
        "quantization": quantized, "f16": half, "provenance": provenance,
    });
    to.print(&value, || {
        let written = format!("{} as ONNX in {out}, {precision}, {} bytes", weights.display(), bytes.len());
        if let Some(report) = quantized {
            return format!("{written}\n{}", quantization::describe(report));
        }
        let written = format!("{written}\n{provenance}");
        if let Some(report) = half {
            return format!("{written}\n{}", quantization::describe_half(report));
        }
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

fn exported(args: &Args, to: Output) -> std::result::Result<Exported, Failure> {
    let model: &Path = &args.model;
    let called = model.display();
    if t5_folder(model).join("config.json").is_file() {
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
    check_there(model)?;
    let run = if model.is_dir() { Some(RunDir::open(model).map_err(TrainError::Run)?) } else { None };
    let weights = run.as_ref().map_or(model.to_owned(), RunDir::best_weights);
    if !read_header(&weights).map_err(TrainError::from)?.metadata.contains_key("policy") {
        let model = SavedModel::open(&weights, None)?;
        model.check_finite()?;
        let precision = args.precision.name();
        let provenance = || model.provenance_of("export", json!({"precision": precision}));
        let mut display = (!to.json).then(Display::new);
        let mut on_samples = |seen| display.iter_mut().for_each(|display| display.show(seen));
        let (bytes, provenance, cost) = match args.precision {
            Precision::F32 => {
                let provenance = provenance()?;
                (model.to_onnx(&provenance), provenance, None)
            }
            Precision::F16 => {
                all_cores();
                let report = model.check_half(run.as_ref(), args.data.as_deref(), &mut on_samples)?;
                let provenance = provenance()?;
                (model.to_onnx_f16(&provenance)?, provenance, Some(Cost::Half(report)))
            }
            Precision::Int8 => {
                all_cores();
                let scheme = if args.symmetric { Scheme::Symmetric } else { Scheme::Affine };
                let calibration_samples = args.calibration_samples.unwrap_or(CALIBRATION_SAMPLES) as usize;
                let (data, needs_classes) = (args.data.clone(), args.max_drop.is_some());
                let options = QuantizationOptions { data, calibration_samples, scheme, needs_classes };
                let (bytes, report) = model.quantize(run.as_ref(), &options, &mut on_samples)?;
                (bytes, report.provenance.clone(), Some(Cost::Int8(Box::new(report))))
            }
        };
        return Ok(Exported { weights, bytes, before: Before::Nothing, provenance, cost });
    }
    if args.precision != Precision::F32 {
        return Err(Failure::usage(format!(
            "{called} is a policy, and --precision f16 and int8 are for classifiers that `cartwheel fit` trains: what they cost is \
             measured on samples, and policies are small"
        )));
    }
    let policy = Policy::load(&weights).map_err(Failure::failed)?;
    let provenance = Provenance::default().then("export", &weights, json!({"precision": "f32"}))?;
    let Some(run) = run else {
        let before = if policy.statistics().is_empty() { Before::Nothing } else { Before::Statistics };
        let bytes = export_policy_alone(&policy, &provenance);
        return Ok(Exported { weights, bytes, before, provenance, cost: None });
    };
    let wrappers = Settings::from_file(&run.config())?.env.wrappers;
    let ExportedPolicy { bytes, wrappers } = export_policy(&policy, &wrappers, &provenance);
    let before = if wrappers.is_empty() { Before::Nothing } else { Before::Wrappers(wrappers) };
    Ok(Exported { weights, bytes, before, provenance, cost: None })
}
