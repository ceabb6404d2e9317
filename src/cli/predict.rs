//! `cartwheel predict`

use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::agents::nn::{prepare_thread, set_threads};
use crate::trainer::supervised::{Prediction, SavedModel, SavedRecommender, check_there};
use serde_json::json;

use super::Result;
use super::output::{self, FAILURE, Failure, Output, table};

#[derive(clap::Args)]
#[command(
    after_help = "A file that gives no image is told on stderr, the others are answered, and the exit code is 1."
)]
pub(crate) struct Args {
    /// A run of `cartwheel fit` (its best weights are taken), a safetensors file that it wrote, or torchvision's of a resnet.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Images, or folders of them; a model of grey images takes those of its size, or IDX files of any number (plain or .gz).
    #[arg(value_name = "INPUT", required_unless_present = "user")]
    inputs: Vec<PathBuf>,
    /// Of a recommender: the user, as the file of ratings calls them, for whom items they have not seen are wanted; repeatable.
    #[arg(long, value_name = "ID", conflicts_with = "inputs")]
    user: Vec<String>,
    /// How many classes or items are shown, the likeliest first: 5 classes, or 10 items, unless told.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    top: Option<u64>,
    /// Names of the classes, one a line, instead of those that the model has.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, output: Output) -> Result {
    let top = |usual| usize::try_from(args.top.unwrap_or(usual)).unwrap_or(usize::MAX);
    if !args.user.is_empty() {
        return recommend(args, top(10), output);
    }
    if SavedRecommender::is_one(&args.model) {
        let model = args.model.display();
        return Err(Failure::usage(format!("{model} is a recommender: ask it by `predict {model} --user ID`")));
    }
    let (model, top) = (SavedModel::open(&args.model, args.labels.as_deref())?, top(5));
    model.check_finite()?;
    // A wrong name among many is told before anything is answered.
    let files = SavedModel::files(&args.inputs)?;
    all_cores();
    let (mut predictions, mut broken) = (Vec::new(), Vec::new());
    model.ask(files, top, &mut |file, answers| {
        let input = file.display().to_string();
        let answers = match answers {
            Ok(answers) => answers,
            // The others are answered still.
            Err(error) => {
                let _ = writeln!(io::stderr(), "error: {error}");
                broken.push(json!({"input": input, "reason": error.to_string()}));
                return ControlFlow::Continue(());
            }
        };
        if output.json {
            let values = answers.iter().enumerate();
            predictions.extend(values.map(|(index, top)| json!({"input": input, "index": index, "top": top})));
            return ControlFlow::Continue(());
        }
        for (index, top) in answers.iter().enumerate() {
            let name = if answers.len() > 1 { format!("{input}[{index}]") } else { input.clone() };
            let line = format!("{name}: {}", top.iter().map(one).collect::<Vec<_>>().join(", "));
            output::line(&line)?;
        }
        ControlFlow::Continue(())
    })?;
    if output.json {
        output.print(
            &json!({"model": model.file().display().to_string(), "predictions": predictions, "broken": broken}),
            String::new,
        );
    }
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILURE) })
}

/// Lets models use the whole processor.
pub(super) fn all_cores() {
    prepare_thread();
    set_threads(std::thread::available_parallelism().map_or(1, usize::from));
}

/// What each user would like.
fn recommend(args: &Args, top: usize, output: Output) -> Result {
    check_there(&args.model)?;
    let model = SavedRecommender::open(&args.model)?;
    let mut found = Vec::new();
    for user in &args.user {
        found.push((user, model.recommend(user, top)?));
    }
    let values: Vec<_> = found.iter().map(|(user, items)| json!({"user": user, "top": items})).collect();
    output.print(&json!({"model": model.file().display().to_string(), "predictions": values}), || {
        let lines = found.iter().map(|(user, items)| {
            let rows = items.iter().map(|item| {
                let title = item.title.clone().unwrap_or_default();
                vec![item.item.clone(), format!("{:.4}", item.score), title]
            });
            let table = table(&["ITEM", "SCORE", "TITLE"], rows);
            format!("user {user}\n{table}")
        });
        lines.collect::<Vec<_>>().join("\n\n")
    });
    Ok(ExitCode::SUCCESS)
}

fn one(prediction: &Prediction) -> String {
    // A line is an image's, and stays one.
    let label = prediction.label.replace(char::is_control, "\u{fffd}");
    format!("{label} {:.2} %", 100.0 * prediction.probability)
}
