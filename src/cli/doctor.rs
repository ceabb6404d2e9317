//! `cartwheel doctor`

use std::path::PathBuf;
use std::process::ExitCode;

use crate::trainer::doctor::{Complaint, Doctor, Finding};
use crate::trainer::run::{MetricsLog, RunDir};
use crate::trainer::{Settings, TrainError};
use serde_json::json;

use super::Result;
use super::output::Output;

#[derive(clap::Args)]
#[command(after_help = "Training says the same while it trains, and the viewer's Doctor tab shows it.")]
pub(crate) struct Args {
    /// The run's folder.
    run: PathBuf,
}

pub(crate) fn run(args: &Args, output: Output) -> Result {
    let run = RunDir::open(&args.run).map_err(TrainError::Run)?;
    let mut doctor = Doctor::new(&Settings::from_file(&run.config())?);
    let rows = MetricsLog::read(&run.metrics()).map_err(TrainError::Run)?;
    let findings: Vec<Finding> = rows.iter().flat_map(|row| doctor.examine(row)).collect();
    let values: Vec<_> = findings
        .iter()
        .map(|Finding { complaint, step, evidence }| {
            json!({
                "name": complaint.name(), "complaint": complaint.to_string(), "step": step, "evidence": evidence,
                "advice": complaint.advice(),
            })
        })
        .collect();
    output.print(&json!({"run": run.path(), "rows": rows.len(), "findings": values}), || {
        if findings.is_empty() {
            let looked_for: Vec<_> = Complaint::ALL.iter().map(|complaint| format!("  {complaint}")).collect();
            return format!("nothing found in {} rows of metrics; looked for\n{}", rows.len(), looked_for.join("\n"));
        }
        findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    });
    Ok(ExitCode::SUCCESS)
}
