//! `cartwheel compress`

use std::path::PathBuf;
use std::process::ExitCode;

use crate::agents::compression::Scope;
use crate::trainer::supervised::{
    Compressed, CompressedLayer, Compression, CompressionReport, SavedRecommender, compress, t5_folder,
};
use serde_json::json;

use super::fit_report::skipped;
use super::model::{BYTES, scaled};
use super::output::{self, Failure, Output, table};
use super::predict::all_cores;
use super::train::{called, quoted};
use super::{Result, accuracy};

#[derive(clap::Args)]
#[command(
    group(clap::ArgGroup::new("how").required(true).multiple(true)),
    after_help = "What is lost is learnt again by `cartwheel fit`, which begins with the file: docs/compression.md shows how."
)]
pub(crate) struct Args {
    /// A run of a fitted classifier (its best weights are taken), its safetensors file, or torchvision's of a resnet.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// The file to write: a .safetensors file that is not there yet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Make layers, but for the last, products of two that have this share of a full rank.
    #[arg(long, value_name = "SHARE", value_parser = share, group = "how", allow_hyphen_values = true)]
    low_rank: Option<f64>,
    /// Make this share of all weights 0: the smallest.
    #[arg(long, value_name = "SHARE", value_parser = share, group = "how", allow_hyphen_values = true)]
    sparsity: Option<f64>,
    /// Among which weights the smallest are looked for: global, all of them, or those of each layer.
    #[arg(long, value_name = "layer|global", default_value = "global", requires = "sparsity")]
    scope: Scope,
    /// Samples to judge the model on, before and after, as `eval` takes them.
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Names of the classes, one a line, instead of those that the model has.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Write nothing if the share of samples that come out right falls by more than this.
    #[arg(long, value_name = "SHARE", value_parser = accuracy::share, requires = "data", allow_hyphen_values = true)]
    max_drop: Option<f64>,
}

/// A number above 0 and below 1.
fn share(text: &str) -> std::result::Result<f64, String> {
    match text.parse() {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        _ => Err("a number above 0 and below 1, such as 0.5".into()),
    }
}

pub(crate) fn run(args: &Args, to: Output) -> Result {
    let out = args.out.display();
    if args.out.extension().is_none_or(|extension| extension != "safetensors") {
        return Err(Failure::usage(format!("--out {out} is no .safetensors file: give one")));
    }
    if args.out.exists() {
        return Err(Failure::usage(format!("--out {out} is there already: give another name, or remove it")));
    }
    output::check_out("--out", &args.out)?;
    let called = args.model.display();
    if t5_folder(&args.model).join("config.json").is_file() || SavedRecommender::is_one(&args.model) {
        return Err(Failure::usage(format!("{called} is no classifier, and only these are compressed")));
    }
    all_cores();
    let compression = Compression { low_rank: args.low_rank, sparsity: args.sparsity, scope: args.scope };
    let Compressed { file, report } =
        compress(&args.model, args.labels.as_deref(), &compression, args.data.as_deref())?;
    if let (Some([before, after]), Some(most)) = (report.accuracy, args.max_drop)
        && accuracy::falls(before, after, most)
    {
        return Err(Failure::failed(format!(
            "accuracy falls from {:.2} % to {:.2} %, by more than --max-drop {most}: {out} was not written; compress less, or without \
             --max-drop and learn again by `cartwheel fit`",
            100.0 * before,
            100.0 * after
        )));
    }
    output::write(&args.out, &file)?;
    let mut value = json!(report);
    value["out"] = json!(out.to_string());
    to.print(&value, || describe(&report, args));
    Ok(ExitCode::SUCCESS)
}

fn describe(report: &CompressionReport, args: &Args) -> String {
    let percent = |part: u64, whole: u64| format!("{:.1} %", 100.0 * part as f64 / whole.max(1) as f64);
    let rows = report.layers.iter().map(|layer| {
        vec![
            layer.name.clone(),
            layer.weights.to_string(),
            layer.rank.map_or("full".into(), |rank| rank.to_string()),
            layer.left.to_string(),
            percent(layer.zeros, layer.left),
            format!("{:.4}", layer.error),
        ]
    });
    let table = table(&["LAYER", "WEIGHTS", "RANK", "LEFT", "ZEROS", "ERROR"], rows);
    let sums = |of: fn(&CompressedLayer) -> u64| report.layers.iter().map(of).sum::<u64>();
    let zeros = percent(sums(|layer| layer.zeros), sums(|layer| layer.left));
    let [bytes, packed] =
        [report.bytes, report.gzip_bytes].map(|both| both.map(|bytes| scaled(bytes, 1024, BYTES)).join(" → "));
    let [before, after] = report.parameters;
    let mut text =
        format!("{table}\n\n{before} → {after} parameters, {zeros} of the weights 0\n{bytes}, packed by gzip {packed}");
    if let Some([before, after]) = report.accuracy {
        text += &format!("\naccuracy {:.2} % → {:.2} %", 100.0 * before, 100.0 * after);
    }
    text += &format!("\n{}", report.provenance);
    text += &skipped(&report.broken);
    if let Some(layer) = report.layers.iter().find(|layer| layer.zeros == layer.left) {
        text +=
            &format!("\nall weights of `{}` are 0, so that nothing passes it: give less, or --scope layer", layer.name);
    }
    let model = &report.architecture;
    let init = match model.as_str() {
        "mlp" => format!("--set mlp.net_arch={} --set mlp.init=", format!("{:?}", report.net_arch).replace(' ', "")),
        _ => "--set resnet.init=".to_owned(),
    };
    let (cartwheel, out) = (called(), quoted(&args.out));
    let data = args.data.as_deref().map_or("DIR".into(), quoted);
    let zeros = if args.sparsity.is_some() { " --set prune.keep_zeros=true" } else { "" };
    text + &format!("\n\n  learn on          {cartwheel} fit {model} --data {data} {init}{out}{zeros}")
}
