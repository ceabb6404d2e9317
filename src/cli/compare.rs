//! `cartwheel compare`

use std::path::PathBuf;
use std::process::ExitCode;

use crate::trainer::TrainError;
use crate::trainer::compare::{Comparison, Group, curves};
use crate::trainer::plot::learning_curve_svg;
use serde_json::{Value, json};

use super::Result;
use super::output::{Failure, Output, digits, mean_and_std, table, write};

#[derive(clap::Args)]
#[command(
    after_help = "Runs that differ in their seeds only are one group. A run's return is the mean of its last evaluation. \
    Intervals are 95 % bootstrap intervals over seeds (Agarwal et al. 2021)."
)]
pub(crate) struct Args {
    /// Folders of runs of one environment, or a folder that holds them.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Draw the groups' learning curves, with bands, into this SVG file.
    #[arg(long, value_name = "FILE.svg")]
    out: Option<PathBuf>,
    /// What the curves are of.
    #[arg(long, value_name = "NAME", default_value = "eval/mean_reward", requires = "out")]
    metric: String,
}

pub(crate) fn run(args: &Args, output: Output) -> Result {
    let comparison = Comparison::of(&args.runs)?;
    for out in &comparison.left_out {
        eprintln!("left out: {}: {}", out.run.display(), out.why);
    }
    if args.out.is_some() {
        draw(args, &comparison)?;
    }
    let improvements = comparison.improvements();
    let value = json!({
        "env": comparison.env,
        "groups": comparison.groups.iter().map(group).collect::<Vec<_>>(),
        "improvement": improvements,
        "left_out": comparison.left_out,
        "picture": args.out,
    });
    output.print(&value, || {
        let groups = comparison.groups.iter().map(|group| {
            let (low, high) = group.ci95();
            let (mean, std) = group.mean_std();
            let (iqm, median, digits) = (group.iqm(), group.median(), digits(mean));
            vec![
                group.name.clone(),
                group.runs.len().to_string(),
                format!("{iqm:.digits$} [{low:.digits$}, {high:.digits$}]"),
                mean_and_std(mean, std),
                format!("{median:.digits$}"),
                group.runs.iter().map(|run| run.steps).max().unwrap_or(0).to_string(),
            ]
        });
        let first = format!("RETURN ON {}", comparison.env);
        let mut text = table(&[first.as_str(), "SEEDS", "IQM [95 %]", "MEAN ± STD", "MEDIAN", "STEPS"], groups);
        // Of many groups only the first beside each other one: JSON has all pairs.
        let best = improvements.iter().filter(|i| comparison.groups.len() <= 4 || i.x == comparison.groups[0].name);
        let pairs: Vec<_> = best
            .map(|i| vec![i.x.clone(), i.y.clone(), format!("{:.2} [{:.2}, {:.2}]", i.probability, i.ci95.0, i.ci95.1)])
            .collect();
        if !pairs.is_empty() {
            text += "\n\n";
            text += &table(&["A RUN OF", "BEATS ONE OF", "PROBABILITY [95 %]"], pairs.into_iter());
        }
        if let Some(out) = &args.out {
            text += &format!("\n\ncurves in {}", out.display());
        }
        text
    });
    Ok(ExitCode::SUCCESS)
}

fn group(group: &Group) -> Value {
    let (mean, std) = group.mean_std();
    json!({
        "name": group.name, "algo": group.algo, "settings": group.settings,
        "runs": group.runs.iter().map(|run| json!({
            "run": run.path, "seed": run.seed, "steps": run.steps, "return": run.return_,
        })).collect::<Vec<_>>(),
        "iqm": group.iqm(), "ci95": group.ci95(), "mean": mean, "std": std, "median": group.median(),
    })
}

fn draw(args: &Args, comparison: &Comparison) -> std::result::Result<(), Failure> {
    let Some(out) = &args.out else { return Ok(()) };
    let series = curves(comparison, &args.metric).map_err(TrainError::Run)?;
    if series.is_empty() {
        return Err(Failure::usage(format!("none of these runs has the metric {}", args.metric)));
    }
    let threshold = comparison.threshold.filter(|_| args.metric == "eval/mean_reward");
    let svg = learning_curve_svg(&series, &comparison.env, "environment steps", &args.metric, threshold)
        .map_err(Failure::failed)?;
    write(out, svg.as_bytes())
}
