//! The command line: parses, calls the library, and prints. One file a subcommand.
//!
//! A program that registers environments and then calls [`run`] is a `cartwheel` command that knows them:
//! `examples/custom_env.rs`.

mod accuracy;
mod algos;
mod compare;
mod compress;
mod data;
mod doctor;
mod env;
mod env_args;
mod eval;
mod export;
mod film;
mod fit;
mod fit_progress;
mod fit_report;
mod model;
mod output;
mod play;
mod predict;
mod progress_line;
mod quantization;
mod record;
mod reproduce;
mod runs;
mod samples_progress;
mod signals;
mod sweep;
mod train;
mod train_progress;
mod translate;
mod view;
mod watch;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use crate::envs::{note_panics, panic_message};
use clap::{Parser, Subcommand};
use tracing::Level;
use tracing_subscriber::EnvFilter;

use output::{Failure, Output};

/// Reinforcement learning in Rust: environments, agents, a trainer and a live viewer.
#[derive(Parser)]
#[command(version, arg_required_else_help = true, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Print one JSON document on stdout; progress and logs stay on stderr.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Train an agent on an environment.
    Train(Box<train::Args>),
    /// Watch runs in a window or in the terminal: live ones as they train, others as they were.
    Watch(watch::Args),
    /// Play greedy episodes with a trained policy, or judge a fitted model on other samples.
    Eval(eval::Args),
    /// Play an environment yourself, in a window or in the terminal.
    Play(play::Args),
    /// Record episodes: as a film, or as data to learn from.
    Record(record::Args),
    /// Run a table of algorithms on environments with many seeds, and write what they came to.
    Reproduce(reproduce::Args),
    /// Say what is wrong with a run, by its metrics.
    Doctor(doctor::Args),
    /// Compare runs over seeds: interquartile means with intervals, and learning curves.
    Compare(compare::Args),
    /// Search over settings: grid, random or TPE, in several processes.
    Sweep(sweep::Args),
    /// Translate texts, or whatever else a T5 was trained to write.
    Translate(translate::Args),
    /// Fit a model to samples: supervised training.
    Fit(fit::Args),
    /// Ask a fitted model what images show, or what a user may like.
    Predict(predict::Args),
    /// Write a trained policy or a fitted model as a file of ONNX.
    Export(export::Args),
    /// Make a fitted classifier smaller: weights of 0, layers of a low rank.
    Compress(compress::Args),
    /// What models are made of and what they cost.
    #[command(subcommand)]
    Model(model::Command),
    /// List the runs in a folder.
    Runs(runs::Args),
    /// List, check and verify environments.
    #[command(subcommand)]
    Env(env::Command),
    /// Look at the data of supervised training.
    #[command(subcommand)]
    Data(data::Command),
    /// List the algorithms.
    Algos,
}

/// Runs the command line of this process, and answers its exit code: 0, 1 for what failed, 2 for what was asked wrongly.
pub fn run() -> ExitCode {
    // A panic in an environment is caught where it is run and told as one message. One that nothing caught is told here.
    note_panics();
    std::panic::catch_unwind(dispatch).unwrap_or_else(|panic| {
        let advice =
            "if that is not in code of yours, it is a bug in Cartwheel: please report it with the command line";
        let message = format!("panicked: {}; {advice}", panic_message(&*panic));
        Output { json: json_wanted() }.fail(&Failure::failed(message))
    })
}

/// Whether --json is among the arguments, for where they could not be parsed.
fn json_wanted() -> bool {
    std::env::args_os().any(|arg| arg == "--json")
}

fn dispatch() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::builder()
                .with_default_directive(Level::WARN.into())
                .with_env_var("CARTWHEEL_LOG")
                .from_env_lossy()
                // What a display lacks is no news to somebody who trains.
                .add_directive("winit=error".parse().unwrap_or_else(|_| Level::WARN.into())),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .without_time()
        .with_target(false)
        .init();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return output::usage(&error, json_wanted()),
    };
    let output = Output { json: cli.json };
    let result = match cli.command {
        Command::Train(args) => train::run(*args, output),
        Command::Watch(args) => watch::run(args),
        Command::Eval(args) => eval::run(&args, output),
        Command::Play(args) => play::run(&args, output),
        Command::Record(args) => record::run(&args, output),
        Command::Reproduce(args) => reproduce::run(&args, output),
        Command::Doctor(args) => doctor::run(&args, output),
        Command::Compare(args) => compare::run(&args, output),
        Command::Sweep(args) => sweep::run(&args, output),
        Command::Translate(args) => translate::run(&args, output),
        Command::Fit(args) => fit::run(args, output),
        Command::Predict(args) => predict::run(&args, output),
        Command::Export(args) => export::run(&args, output),
        Command::Compress(args) => compress::run(&args, output),
        Command::Model(command) => model::run(&command, output),
        Command::Runs(args) => runs::run(&args, output),
        Command::Env(command) => env::run(&command, output),
        Command::Data(command) => data::run(&command, output),
        Command::Algos => algos::run(output),
    };
    match result.and_then(|code| output::untold().map_or(Ok(code), Err)) {
        Ok(code) => code,
        Err(failure) => output.fail(&failure),
    }
}

/// What a subcommand answers.
type Result = std::result::Result<ExitCode, Failure>;
