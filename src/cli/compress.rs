//! `cartwheel compress`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::agents::compression::Scope;
use crate::trainer::supervised::{
    Compressed, CompressedLayer, Compression, CompressionReport, SavedRecommender, Scan, SensitivityReport, compress,
    sensitivity, t5_folder,
};
use serde_json::json;

use super::fit_report::skipped;
use super::model::{BYTES, scaled};
use super::output::{self, Failure, Output, table};
use super::predict::all_cores;
use super::samples_progress::Display;
use super::train::{called, quoted};
use super::{Result, accuracy};

#[derive(clap::Args)]
#[command(
    group(clap::ArgGroup::new("how").required(true).multiple(true)),
    override_usage = "cartwheel compress MODEL --out FILE [--low-rank SHARE] [--sparsity SHARE]\n       cartwheel compress MODEL --sensitivity --data PATH [--low-rank SHARE] [--sparsity SHARE]",
    after_help = "What is lost is learnt again by `cartwheel fit`, which begins with the file: docs/compression.md shows how."
)]
pub(crate) struct Args {
    /// A run of a fitted classifier (its best weights are taken), its safetensors file, or torchvision's of a resnet.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// The file to write: a .safetensors file that is not there yet.
    #[arg(long, value_name = "FILE", required_unless_present = "sensitivity", conflicts_with = "sensitivity")]
    out: Option<PathBuf>,
    /// Write nothing, but tell the accuracy with each layer alone compressed: at the share of --sparsity and of --low-rank, or at
    /// several.
    #[arg(long, group = "how", requires = "data", conflicts_with_all = ["max_drop", "scope"])]
    sensitivity: bool,
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
    let called = args.model.display();
    if t5_folder(&args.model).join("config.json").is_file() || SavedRecommender::is_one(&args.model) {
        return Err(Failure::usage(format!("{called} is no classifier, and only these are compressed")));
    }
    match (&args.out, &args.data) {
        (Some(out), _) => write(out, args, to),
        (None, Some(data)) => scan(data, args, to),
        (None, None) => Err(Failure::usage("give --out FILE, or --sensitivity and --data PATH".to_owned())),
    }
}

/// Tells what each layer loses by itself.
fn scan(data: &Path, args: &Args, to: Output) -> Result {
    all_cores();
    let scan = match (args.sparsity, args.low_rank) {
        (None, None) => Scan::default(),
        (sparsity, low_rank) => {
            Scan { sparsities: sparsity.into_iter().collect(), low_ranks: low_rank.into_iter().collect() }
        }
    };
    let mut display = Display::new();
    let report = sensitivity(&args.model, args.labels.as_deref(), scan, data, &mut |seen| display.show(seen))?;
    drop(display);
    to.print(&json!(report), || describe_scan(&report));
    Ok(ExitCode::SUCCESS)
}

fn describe_scan(report: &SensitivityReport) -> String {
    let percent = |share: f64| format!("{:.2} %", 100.0 * share);
    let Scan { sparsities, low_ranks } = &report.scan;
    let head: Vec<String> = ["LAYER".to_owned(), "WEIGHTS".to_owned()]
        .into_iter()
        .chain(sparsities.iter().map(|share| format!("ZEROS {share}")))
        .chain(low_ranks.iter().map(|share| format!("RANK {share}")))
        .collect();
    let rows = report.layers.iter().map(|layer| {
        let pruned = layer.pruned.iter().map(|accuracy| percent(*accuracy));
        let factorized = layer.factorized.iter().map(|accuracy| accuracy.map_or("-".to_owned(), percent));
        [layer.name.clone(), layer.weights.to_string()].into_iter().chain(pruned).chain(factorized).collect()
    });
    format!(
        "{}\n\naccuracy with that layer alone compressed; {} as it is, on {} samples of {}{}",
        table(&head.iter().map(String::as_str).collect::<Vec<_>>(), rows),
        percent(report.accuracy),
        report.samples,
        report.data,
        skipped(&report.broken)
    )
}

fn write(path: &Path, args: &Args, to: Output) -> Result {
    let out = path.display();
    if path.extension().is_none_or(|extension| extension != "safetensors") {
        return Err(Failure::usage(format!("--out {out} is no .safetensors file: give one")));
    }
    if path.exists() {
        return Err(Failure::usage(format!("--out {out} is there already: give another name, or remove it")));
    }
    output::check_out("--out", path)?;
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
    output::write(path, &file)?;
    let mut value = json!(report);
    value["out"] = json!(out.to_string());
    to.print(&value, || describe(&report, path, args));
    Ok(ExitCode::SUCCESS)
}

fn describe(report: &CompressionReport, out: &Path, args: &Args) -> String {
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
    let (cartwheel, out) = (called(), quoted(out));
    let data = args.data.as_deref().map_or("DIR".into(), quoted);
    let zeros = if args.sparsity.is_some() { " --set prune.keep_zeros=true" } else { "" };
    text + &format!("\n\n  learn on          {cartwheel} fit {model} --data {data} {init}{out}{zeros}")
}
