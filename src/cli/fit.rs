//! `cartwheel fit`

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::agents::nn::Device;
use crate::trainer::TrainError;
use crate::trainer::supervised::{Fit, FitSettings, ModelName, ParallelError, World};
use serde_json::json;

use super::Result;
use super::fit_progress::Display;
use super::fit_report::describe;
use super::output::{Failure, Output, utf8};
use super::signals::Signals;
use super::train::{REVISION, put};

#[derive(clap::Args)]
#[command(
    after_help = "Settings come from, each over the one before: defaults, the TOML file, --set, and the other flags. \
    --print-config shows the result; docs/supervised.md explains them."
)]
pub(crate) struct Args {
    /// A model (mlp, recommender, t5, or resnet8, 18, 20, 34, 50 or 101), or a TOML file of settings.
    #[arg(value_name = "MODEL|CONFIG.toml")]
    what: Option<String>,
    /// The samples: a folder, or of t5 a file of pairs of texts (.tsv, .jsonl), of a recommender a file of ratings.
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Times that every sample is learnt from; with --resume in all, also of a finished run.
    #[arg(long, value_name = "N")]
    epochs: Option<u64>,
    /// Samples of a batch.
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Everything random in the run follows from it.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Where the model is trained: auto, cpu, cuda or cuda:N.
    #[arg(long, value_name = "DEVICE")]
    device: Option<Device>,
    /// Processes of this machine that train the model together.
    ///
    /// torchrun's --nproc-per-node, on one machine: each process learns from batches of fit.batch_size of its own, and their
    /// gradients are summed. For several machines start the command once for each process, with torchrun's variables RANK,
    /// WORLD_SIZE, MASTER_ADDR and MASTER_PORT (docs/parallel.md).
    #[arg(long, value_name = "N", value_parser = processes, allow_negative_numbers = true)]
    nproc: Option<usize>,
    /// Stages that the model is cut into, each of which one of the processes has: pipeline parallelism.
    ///
    /// A step's fit.gradient_accumulation batches go through the stages one after the other. With --nproc a multiple of it, or so many
    /// processes by torchrun, there are several models in stages; alone it starts that many processes (docs/parallel.md).
    #[arg(long, value_name = "N", value_parser = stages, allow_negative_numbers = true)]
    pp: Option<usize>,
    /// Any setting, such as fit.learning_rate=1e-3; repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Folder of all runs.
    #[arg(long, value_name = "DIR")]
    runs_dir: Option<PathBuf>,
    /// Name of the run's folder in it.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Go on with a run from its last checkpoint.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["what", "data", "batch_size", "seed", "set", "runs_dir", "name", "print_config"])]
    resume: Option<PathBuf>,
    /// Let no viewer watch the run from elsewhere.
    #[arg(long)]
    no_watch: bool,
    /// Print the resolved settings with a comment on each key, and stop.
    #[arg(long)]
    print_config: bool,
}

pub(crate) fn run(args: Args, output: Output) -> Result {
    let signals = Signals::listen().map_err(Failure::failed)?;
    let mut fit = match &args.resume {
        Some(run) => {
            let mut fit = match args.epochs {
                Some(epochs) => Fit::extend(run, epochs)?,
                None => Fit::resume(run)?,
            };
            put(&mut fit.settings_mut().fit.device, args.device);
            fit.settings_mut().run.watch &= !args.no_watch;
            fit
        }
        None => {
            let settings = args.settings()?;
            if args.print_config {
                let toml = settings.to_toml(true);
                output.print(&json!({"config": toml}), || toml.clone());
                return Ok(ExitCode::SUCCESS);
            }
            Fit::new(settings)
        }
    };
    fit = fit.stop_when(signals.stop.clone()).git_revision(REVISION).stages(args.pp.unwrap_or(1));
    let world = World::from_env().map_err(TrainError::from)?;
    // Without a word on processes a stage is one.
    let nproc = args.nproc.or(args.pp.filter(|_| world.is_none()));
    match (world, nproc) {
        (Some(_), Some(_)) => {
            return Err(Failure::usage(
                "--nproc starts processes, and RANK and WORLD_SIZE say that this is one of several: leave one of them out",
            ));
        }
        (Some(world), None) if world.rank > 0 => {
            fit.at(world).help().map_err(|error| told(error, &signals))?;
            return Ok(ExitCode::from(signals.exit_code().unwrap_or_default()));
        }
        (Some(world), None) => fit = fit.at(world),
        (None, Some(size)) if size > 1 => {
            let program = std::env::current_exe()
                .map_err(|error| Failure::failed(format!("cannot find this program to start it again: {error}")))?;
            fit = fit.in_processes(size, program, without_nproc(std::env::args_os().skip(1)));
        }
        (None, _) => {}
    }
    let mut display = Display::new();
    let fit = fit.listener(move |event| display.show(event));
    let summary = fit.run().map_err(|error| told(error, &signals))?;
    output.print(&summary, || describe(&summary));
    Ok(signals.exit_code().filter(|_| summary.interrupted).map_or(ExitCode::SUCCESS, ExitCode::from))
}

/// A number of processes.
fn processes(text: &str) -> std::result::Result<usize, String> {
    number_of("processes", text)
}

/// A number of stages.
fn stages(text: &str) -> std::result::Result<usize, String> {
    number_of("stages", text)
}

fn number_of(what: &str, text: &str) -> std::result::Result<usize, String> {
    let number = text.parse().ok().filter(|count| *count > 0);
    number.ok_or_else(|| format!("give a whole number of {what}, 1 or more"))
}

/// A failure, which is none where somebody asked this process to end before it had begun.
fn told(error: TrainError, signals: &Signals) -> Failure {
    match (&error, signals.exit_code()) {
        (TrainError::Parallel(ParallelError::Stopped), Some(code)) => Failure { code, message: error.to_string() },
        _ => error.into(),
    }
}

/// The arguments of the processes that are started.
fn without_nproc(mut args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut kept = Vec::new();
    while let Some(arg) = args.next() {
        if arg == "--nproc" {
            args.next();
        } else if !arg.as_encoded_bytes().starts_with(b"--nproc=") {
            kept.push(arg);
        }
    }
    kept
}

impl Args {
    /// The settings that the file and the flags come to.
    fn settings(&self) -> std::result::Result<FitSettings, Failure> {
        let mut settings = match self.what.as_deref() {
            None => {
                return Err(Failure::usage(
                    "what is to be fitted? For example `cartwheel fit mlp --data DIR`, or `cartwheel fit CONFIG.toml`",
                ));
            }
            Some(file) if file.ends_with(".toml") => FitSettings::from_file(&PathBuf::from(file))?,
            Some(model) => FitSettings::of(model.parse::<ModelName>().map_err(|error| {
                Failure::usage(match PathBuf::from(model).is_file() {
                    true => format!("{model} is no model, and a file of settings ends in .toml: rename it"),
                    false => error.to_string(),
                })
            })?),
        };
        let model = settings.fit.model;
        for assignment in &self.set {
            settings.set(assignment).map_err(TrainError::Config)?;
        }
        // Each model has a recipe, which was taken before.
        let other = settings.fit.model;
        if other != model {
            return Err(Failure::usage(match self.what.as_deref() {
                Some(file) if file.ends_with(".toml") => format!(
                    "--set fit.model={other}: {file} has the settings of {model}; set fit.model in it, or name the model first: `cartwheel fit {other}`"
                ),
                _ => format!("--set fit.model={other} beside {model}: name the model first: `cartwheel fit {other}`"),
            }));
        }
        let text = |flag: &str, path: &Option<PathBuf>| path.as_deref().map(|path| utf8(flag, path)).transpose();
        put(settings.data_path_mut(), text("--data", &self.data)?);
        put(&mut settings.fit.epochs, self.epochs);
        put(&mut settings.fit.batch_size, self.batch_size);
        put(&mut settings.fit.seed, self.seed);
        put(&mut settings.fit.device, self.device);
        put(&mut settings.run.dir, text("--runs-dir", &self.runs_dir)?);
        put(&mut settings.run.name, self.name.clone().map(Some));
        settings.run.watch &= !self.no_watch;
        settings.settle();
        settings.check()?;
        Ok(settings)
    }
}
