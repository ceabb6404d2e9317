//! `cartwheel runs`

use std::path::PathBuf;
use std::process::ExitCode;

use crate::trainer::TrainError;
use crate::trainer::run::{RunDir, RunSummary};
use serde_json::{Value, json};

use super::Result;
use super::output::{Output, digits, table};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder of all runs.
    #[arg(long, default_value = "runs", value_name = "DIR")]
    runs_dir: PathBuf,
}

pub(crate) fn run(args: &Args, output: Output) -> Result {
    let runs = RunDir::list(&args.runs_dir).map_err(TrainError::Run)?;
    let values: Vec<Value> = runs.iter().map(value).collect();
    output.print(&values, || {
        if runs.is_empty() {
            return format!("no runs in {}: `cartwheel train CartPole-v1` makes one", args.runs_dir.display());
        }
        let rows = values.iter().map(|run| {
            ["name", "env", "algo", "seed", "status", "return", "steps", "started"].map(|column| match &run[column] {
                Value::Null => "–".to_string(),
                Value::String(text) => text.clone(),
                Value::Number(number) if number.is_f64() => {
                    let value = number.as_f64().unwrap_or_default();
                    format!("{value:.*}", digits(value))
                }
                other => other.to_string(),
            })
        });
        table(&["RUN", "ENVIRONMENT", "ALGO", "SEED", "STATUS", "RETURN", "STEPS", "STARTED"], rows.map(Vec::from))
    });
    Ok(ExitCode::SUCCESS)
}

fn value(run: &RunSummary) -> Value {
    let manifest = match &run.manifest {
        Ok(manifest) => manifest,
        Err(error) => {
            return json!({"name": run.name, "path": run.path.display().to_string(), "status": "broken", "problem": error.to_string()});
        }
    };
    let locked = RunDir::open(&run.path).is_ok_and(|dir| dir.is_locked());
    let result = manifest.result.as_ref();
    json!({
        "name": run.name, "path": run.path.display().to_string(), "env": manifest.env, "algo": manifest.algo, "seed": manifest.seed,
        "status": manifest.status(locked), "solved": result.and_then(|r| r["solved"].as_bool()),
        "return": result.and_then(|r| r["greedy_return"]["mean"].as_f64()),
        "steps": result.and_then(|r| r["steps"].as_u64()),
        "started": manifest.started, "ended": manifest.ended,
    })
}
