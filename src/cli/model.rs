//! `cartwheel model`

use std::path::Path;
use std::process::ExitCode;

use crate::agents::config::nearest;
use crate::agents::models::mlp::{Init, MlpClassifier};
use crate::agents::models::recommender::Shape;
use crate::agents::models::resnet::{ResNet, ResNetConfig, Stem};
use crate::agents::models::t5::T5Config;
use crate::agents::models::{Classifier as _, Cost, Ranks};
use crate::envs::Generator;
use crate::trainer::Provenance;
use crate::trainer::supervised::{RecommenderConfig, SavedModel, SavedRecommender, T5FitConfig, t5_folder};
use serde_json::json;

use super::Result;
use super::output::{Failure, Output, table};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Layers, parameters, bytes, operations and the memory that training takes, before anything runs.
    Summary(Summary),
}

#[derive(clap::Args)]
pub(crate) struct Summary {
    /// The model's name, a run of `cartwheel fit`, a safetensors file that it wrote or torchvision's of a resnet, or the folder
    /// of a T5.
    #[arg(value_name = "MODEL")]
    model: String,
    /// Samples of a batch.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    batch_size: u32,
    /// Of a residual network by its name: rows and columns of an image; 224, or 32 for resnet8 and resnet20, unless told.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=16384))]
    image_size: Option<u32>,
    /// Of models of texts: tokens that are read, and as many that are written; 512, or 128 for t5, unless told.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    sequence_length: Option<u32>,
}

/// Works out what a model costs. Needs no files.
type Costing = fn(&Summary) -> Cost;

/// The models by name.
const MODELS: &[(&str, Costing)] = &[
    ("mlp", mlp),
    ("resnet8", resnet),
    ("resnet20", resnet),
    ("resnet18", resnet),
    ("resnet34", resnet),
    ("resnet50", resnet),
    ("resnet101", resnet),
    ("recommender", recommender),
    ("t5", new_t5),
    ("t5-small", t5),
    ("t5-base", t5),
    ("t5-large", t5),
    ("t5-3b", t5),
    ("t5-11b", t5),
];

/// The network of 784-512-256-10.
fn mlp(_: &Summary) -> Cost {
    MlpClassifier::new(784, &[512, 256], 10, &Ranks::new(), Init::Torch, &mut Generator::new(0)).cost()
}

/// The residual network of this name: of 1000 classes, or of 10 for small images.
fn resnet(args: &Summary) -> Cost {
    let Some(config) = ResNetConfig::named(&args.model, 3, 1000) else { return mlp(args) };
    let (side, classes) = if config.stem == Stem::Cifar { (32, 10) } else { (224, 1000) };
    let side = args.image_size.map_or(side, |side| side as usize);
    ResNet::<f32>::zeros(ResNetConfig { classes, ..config }, [side, side]).cost()
}

/// Tokens that are read and written, `otherwise` unless it is told.
fn tokens(args: &Summary, otherwise: usize) -> usize {
    args.sequence_length.map_or(otherwise, |tokens| tokens as usize)
}

/// What `cartwheel fit t5` begins with unless told otherwise, with a tokenizer as large as it may become.
fn new_t5(args: &Summary) -> Cost {
    let t5 = T5FitConfig::default();
    let tokens = tokens(args, t5.max_source_tokens);
    t5.new_model(t5.vocab_size).cost(&args.model, tokens, tokens)
}

/// The published size of this name.
fn t5(args: &Summary) -> Cost {
    let tokens = tokens(args, 512);
    T5Config::named(&args.model).unwrap_or_default().cost(&args.model, tokens, tokens)
}

/// Matrix factorization of MovieLens 1M.
fn recommender(_: &Summary) -> Cost {
    let RecommenderConfig { architecture, embedding_dim, layers, .. } = RecommenderConfig::default();
    Shape { users: 6040, items: 3706, architecture, embedding_dim, layers }.cost()
}

/// What the model costs that is in a file or a folder, and what that says that it was made from.
fn saved(path: &Path, args: &Summary) -> std::result::Result<(Cost, Provenance), Failure> {
    if args.image_size.is_some() {
        return Err(Failure::usage(
            "--image-size is for models by their names: one that is there has a size of its own",
        ));
    }
    if path.extension().is_some_and(|extension| extension == "onnx") {
        return Err(Failure::usage(format!(
            "{} is a file of ONNX, which tells ONNX Runtime what it was made from (docs/export.md): give the run or the weights",
            path.display()
        )));
    }
    let folder = t5_folder(path);
    if folder.join("config.json").is_file() {
        let tokens = tokens(args, 512);
        let name = path.file_name().map_or("t5".into(), |name| name.to_string_lossy());
        return Ok((T5Config::load(&folder)?.cost(&name, tokens, tokens), Provenance::default()));
    }
    if SavedRecommender::is_one(path) {
        return Ok((SavedRecommender::open(path)?.cost(), Provenance::default()));
    }
    let model = SavedModel::open(path, None)?;
    Ok((model.cost(), model.provenance().clone()))
}

pub(crate) fn run(command: &Command, output: Output) -> Result {
    let Command::Summary(args) = command;
    let names = || MODELS.iter().map(|(name, _)| *name);
    let path = Path::new(&args.model);
    let (cost, provenance) = match MODELS.iter().find(|(name, _)| *name == args.model) {
        Some((_, cost)) => (cost(args), Provenance::default()),
        None if path.exists() => saved(path, args)?,
        None => {
            let near = nearest(&args.model, names()).map_or(String::new(), |near| format!(" (nearest: {near:?})"));
            let all = names().collect::<Vec<_>>().join(", ");
            return Err(Failure::usage(format!(
                "there is no model and no file {:?}{near}: there are {all}, or give a run or a file of weights",
                args.model
            )));
        }
    };
    // With Adam's two moments.
    let memory = cost.training_bytes(args.batch_size as usize, 2);
    let value = json!({
        "model": cost.model, "input": cost.input, "layers": cost.layers, "parameters": cost.parameters,
        "bytes": cost.bytes, "flops": cost.flops, "batch_size": args.batch_size, "training_bytes": memory,
        "provenance": provenance,
    });
    output.print(&value, || {
        let rows = cost.layers.iter().map(|layer| {
            let shape = layer.output.iter().map(usize::to_string).collect::<Vec<_>>().join(" × ");
            vec![layer.name.clone(), layer.kind.clone(), shape, layer.parameters.to_string(), layer.flops.to_string()]
        });
        format!(
            "{}\n\n{} parameters, {} in f32, {} a sample forward\ntraining on batches of {} with Adam takes about {}\n{provenance}",
            table(&["LAYER", "KIND", "OUTPUT", "PARAMETERS", "FLOP"], rows),
            cost.parameters,
            scaled(cost.bytes, 1024, BYTES),
            scaled(cost.flops, 1000, FLOP),
            args.batch_size,
            scaled(memory, 1024, BYTES)
        )
    });
    Ok(ExitCode::SUCCESS)
}

/// Units, each `base` times the one before.
pub(super) const BYTES: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
const FLOP: [&str; 5] = ["FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP"];

/// `amount` in the largest of the units of which there is one.
pub(super) fn scaled(amount: u64, base: u64, units: [&str; 5]) -> String {
    let power = amount.checked_ilog(base).unwrap_or(0).min(4);
    match power {
        0 => format!("{amount} {}", units[0]),
        _ => format!("{:.2} {}", amount as f64 / base.pow(power) as f64, units[power as usize]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_told_in_units_that_fit_them() {
        assert_eq!([66, 8_200_597_480].map(|flops| scaled(flops, 1000, FLOP)), ["66 FLOP", "8.20 GFLOP"]);
        assert_eq!([0, 1536, 1 << 50].map(|bytes| scaled(bytes, 1024, BYTES)), ["0 B", "1.50 KiB", "1024.00 TiB"]);
    }
}
