//! `cartwheel sweep`

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::trainer::run::RunDir;
use crate::trainer::sweep::{Jobs, Spec, State, Sweep, Told, Trial, draw};
use serde_json::{Value, json};

use super::Result;
use super::output::{Failure, Output, table, utf8, write};
use super::signals::Signals;

/// Trials that are shown: all are in sweep.json.
const SHOWN: usize = 20;

#[derive(clap::Args)]
#[command(
    after_help = "The file has a section [sweep] (env, algo, config, method = \"grid\", \"random\" or \"tpe\", n_trials, seeds, \
    seed, metric, goal) and one [parameters], with settings such as dqn.learning_rate = { min = 1e-4, max = 1e-2, \
    distribution = \"log_uniform\" } or dqn.batch_size = { values = [32, 64] }. A sweep that was stopped or killed goes on \
    when it is started again."
)]
pub(crate) struct Args {
    /// A TOML file that says what is searched.
    #[arg(value_name = "SPEC.toml")]
    spec: PathBuf,
    /// Processes that train at a time; as many as there are cores without it.
    #[arg(long, value_name = "N")]
    jobs: Option<NonZero<usize>>,
    /// Folder of the sweep and of its runs; sweeps/ and the file's name without it.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, output: Output) -> Result {
    let spec = Spec::load(&args.spec)?;
    let folder = args
        .out
        .clone()
        .unwrap_or_else(|| Path::new("sweeps").join(args.spec.file_stem().unwrap_or_else(|| "sweep".as_ref())));
    utf8("--out", &folder)?;
    let signals = Signals::listen().map_err(Failure::failed)?;
    let mut sweep = Sweep::open(spec, &folder)?;
    let program = std::env::current_exe()
        .map_err(|error| Failure::failed(format!("cannot find this program to start it again: {error}")))?;
    let cores = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    let jobs = Jobs { program: &program, at_once: args.jobs.unwrap_or(cores).get(), stop: &signals.stop };
    let total = sweep.spec().n_trials();
    let mut done = sweep.trials().iter().filter(|trial| trial.state != State::Running).count();
    jobs.run(&mut sweep, &mut |told| match told {
        Told::Trial(trial) => {
            done += 1;
            eprintln!("[{done}/{total}] {}", headline(trial));
        }
        Told::Waiting(run) => {
            eprintln!("waiting for {}, which a process of an earlier start still trains", run.display());
        }
    })?;
    let picture = picture(&sweep)?;
    let best = sweep.ranking().first().map(|trial| (*trial).clone());
    let value = json!({
        "folder": folder, "best": best, "trials": sweep.trials(), "picture": picture,
    });
    output.print(&value, || describe(&sweep, best.as_ref(), picture.as_deref()));
    let failed = if best.is_none() && sweep.trials().iter().any(|trial| trial.state == State::Failed) { 1 } else { 0 };
    Ok(ExitCode::from(signals.exit_code().unwrap_or(failed)))
}

/// One line on a trial that is done.
fn headline(trial: &Trial) -> String {
    let came_to = match (&trial.problem, trial.value) {
        (Some(problem), _) => format!("failed: {problem}"),
        (None, value) => format!("{:.3}", value.unwrap_or(f64::NAN)),
    };
    let settings: Vec<_> = trial.params.iter().map(|(key, value)| format!("{key}={}", short(value))).collect();
    format!("trial {} ({}): {came_to}", trial.number, settings.join(" "))
}

/// A value with four digits, for people.
fn short(value: &Value) -> String {
    match value.as_f64().filter(|number| value.is_f64() && *number != 0.0) {
        None => value.to_string(),
        Some(number) => {
            let unit = 10_f64.powi(3 - number.abs().log10().floor() as i32);
            format!("{}", (number * unit).round() / unit)
        }
    }
}

/// Draws what there is to draw.
fn picture(sweep: &Sweep) -> std::result::Result<Option<PathBuf>, Failure> {
    if sweep.ranking().is_empty() {
        return Ok(None);
    }
    let path = sweep.folder().join("sweep.svg");
    let svg = draw(sweep).map_err(Failure::failed)?;
    write(&path, svg.as_bytes())?;
    Ok(Some(path))
}

/// The trials, the best first, for people.
fn describe(sweep: &Sweep, best: Option<&Trial>, picture: Option<&Path>) -> String {
    let ranking = sweep.ranking();
    let failed = sweep.trials().iter().filter(|trial| trial.state == State::Failed);
    let order: Vec<&Trial> = ranking.iter().copied().chain(failed).collect();
    let keys: Vec<&str> = sweep.spec().parameters.iter().map(|parameter| parameter.key.as_str()).collect();
    let metric = &sweep.spec().sweep.metric;
    let head: Vec<&str> = ["TRIAL", metric.as_str()].into_iter().chain(keys.iter().copied()).collect();
    let rows = order.iter().take(SHOWN).map(|trial| {
        let value = trial.value.map_or_else(|| "failed".into(), |value| format!("{value:.3}"));
        let params = keys.iter().map(|key| trial.params.get(*key).map(short).unwrap_or_default());
        [trial.number.to_string(), value].into_iter().chain(params).collect()
    });
    let mut text = table(&head, rows);
    if order.len() > SHOWN {
        text += &format!("\n... and {} more in {}", order.len() - SHOWN, sweep.folder().join("sweep.json").display());
    }
    let undone = sweep.spec().n_trials() - order.len().min(sweep.spec().n_trials());
    if undone > 0 {
        text += &format!("\n\n{undone} trials are not done: start the same command again to go on");
    }
    let folder = sweep.folder().display();
    text += "\n";
    if let Some(best) = best {
        text += &format!("\n  train the best    {}", sweep.spec().command(best));
    }
    if let Some(picture) = picture {
        text += &format!("\n  how it went       {}", picture.display());
    }
    if let Some(Trial { number, .. }) = sweep.trials().iter().find(|trial| trial.state == State::Failed) {
        text += &format!("\n  {:<16}  {folder}/trial-{number:04}-s*.log", format!("trial {number} said"));
    }
    // A run that fails before anything came of it leaves none.
    if RunDir::list(sweep.folder()).is_ok_and(|runs| !runs.is_empty()) {
        text += &format!("\n  its runs          cartwheel runs --runs-dir {folder}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits() {
        for (value, text) in [
            (json!(0.021080643961150964), "0.02108"),
            (json!(-12345.678), "-12350"),
            (json!(0.0), "0.0"),
            (json!(0.5), "0.5"),
            (json!(123456), "123456"),
            (json!([64, 64]), "[64,64]"),
        ] {
            assert_eq!(short(&value), text);
        }
    }
}
