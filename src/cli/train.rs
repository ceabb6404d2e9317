//! `cartwheel train`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::agents::config::{Value, toml_edit};
use crate::agents::nn::Device;
use crate::trainer::{
    ActorCount, Aggregate, Algo, Clock, Event, Experiment, OnWorkerDeath, Settings, Summary, TrainError, train_seeds,
};
use serde_json::json;

use super::Result;
use super::env_args::EnvArgs;
use super::output::{Failure, Output, digits, mean_and_std, percent, utf8};
use super::signals::Signals;
use super::train_progress::Display;
use super::view::{PATIENCE, View};

/// The git revision this was built from.
pub(super) const REVISION: Option<&str> = option_env!("CARTWHEEL_GIT_REVISION");

#[derive(clap::Args)]
#[command(after_help = "Settings come from, each over the one before: defaults, the tuned file shipped for the \
    algorithm and environment, --config, --set, and the other flags. --print-config shows the result.")]
pub(crate) struct Args {
    /// The environment's id, such as CartPole-v1 (`cartwheel env list`).
    env: Option<String>,
    /// The algorithm (`cartwheel algos`).
    #[arg(long, value_name = "NAME")]
    algo: Option<Algo>,
    /// Everything random in the run follows from it.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Train this many seeds, from --seed on, and aggregate them.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// Environment steps to train for; with --resume in all, also of a finished run.
    #[arg(long, alias = "total-timesteps", value_name = "N", value_parser = whole_number)]
    steps: Option<u64>,
    /// Copies of the environment that are stepped together.
    #[arg(long, alias = "num-envs", value_name = "N")]
    n_envs: Option<usize>,
    /// Threads that step environments, or "auto" to measure what pays.
    #[arg(long, value_name = "N|auto")]
    actors: Option<ActorCount>,
    /// In step with the learner (same seed, same bits) or running free.
    #[arg(long, value_name = "sync|async")]
    clock: Option<Clock>,
    #[command(flatten)]
    env_args: EnvArgs,
    /// What follows when a worker process of Python environments dies: stop or restart.
    #[arg(long, value_name = "stop|restart")]
    on_worker_death: Option<OnWorkerDeath>,
    /// Where the network is trained: auto, cpu, cuda or cuda:N.
    #[arg(long, value_name = "DEVICE")]
    device: Option<Device>,
    /// Folder of all runs.
    #[arg(long, value_name = "DIR")]
    runs_dir: Option<PathBuf>,
    /// Name of the run's folder in it.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Environment steps between checkpoints.
    #[arg(long, value_name = "STEPS", value_parser = whole_number)]
    checkpoint_every: Option<u64>,
    /// A TOML file of settings.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Any setting, such as dqn.learning_rate=1e-3; repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// A folder of recorded episodes to learn from, of algorithms that do; repeatable.
    #[arg(long, value_name = "DIR")]
    dataset: Vec<PathBuf>,
    /// Start from the best weights of another run.
    #[arg(long, value_name = "RUN")]
    init_from: Option<PathBuf>,
    /// Go on with a run from its last checkpoint.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["env", "algo", "seed", "seeds", "n_envs", "clock", "env_args", "wrappers", "on_worker_death",
        "runs_dir", "name", "checkpoint_every", "config", "set", "dataset", "init_from", "print_config"])]
    resume: Option<PathBuf>,
    /// Let no viewer watch the run.
    #[arg(long)]
    no_watch: bool,
    /// Open a window, and train in it at a pace at which a person sees it learn.
    #[arg(long, conflicts_with_all = ["no_watch", "print_config"])]
    view: bool,
    /// Print the resolved settings with a comment on each key, and stop.
    #[arg(long)]
    print_config: bool,
}

pub(crate) fn run(args: Args, output: Output) -> Result {
    let signals = Signals::listen().map_err(Failure::failed)?;
    if let Some(run) = &args.resume {
        let mut experiment = match args.steps {
            Some(steps) => Experiment::extend(run, steps)?,
            None => Experiment::resume(run)?,
        };
        if let Some(actors) = args.actors {
            experiment.settings_mut().train.actors = actors;
        }
        if let Some(python) = args.env_args.python {
            experiment.settings_mut().env.python = python;
        }
        if let Some(device) = args.device {
            experiment.settings_mut().train.device = device;
        }
        experiment.settings_mut().run.watch &= !args.no_watch;
        return one(experiment, args.view, &signals, output);
    }
    let settings = args.settings()?;
    if args.print_config {
        let toml = settings.to_toml(true);
        output.print(&json!({"config": toml}), || toml.clone());
        return Ok(ExitCode::SUCCESS);
    }
    match args.seeds {
        None => one(Experiment::new(settings), args.view, &signals, output),
        Some(count) if args.view => Err(Failure::usage(format!(
            "--view shows one run as it trains, and --seeds {count} trains several: leave one of them out. `cartwheel watch {}` in another terminal shows all seeds, while they train and after",
            quoted(Path::new(&settings.run.dir))
        ))),
        Some(count) => several(&settings, count, &signals, output),
    }
}

impl Args {
    /// The settings that the flags and files come to.
    fn settings(&self) -> std::result::Result<Settings, Failure> {
        let mut named = Settings::default();
        if let Some(file) = &self.config {
            named.load_file(file)?;
        } else if self.env.is_none() {
            return Err(Failure::usage(
                "which environment? For example `cartwheel train CartPole-v1`, or --config FILE with env.id (`cartwheel env list` names them all)",
            ));
        }
        let errors = |error| Failure::from(TrainError::Config(error));
        for assignment in &self.set {
            named.set(assignment).map_err(errors)?;
        }
        let env = self.env.as_ref().unwrap_or(&named.env.id);
        let mut settings = Settings::shipped(self.algo.unwrap_or(named.train.algo), env).map_err(errors)?;
        if let Some(file) = &self.config {
            settings.load_file(file)?;
        }
        for assignment in &self.set {
            settings.set(assignment).map_err(errors)?;
        }
        self.env_args.apply(&mut settings.env)?;
        settings.env.id.clone_from(env);
        let text = |flag: &str, path: &Option<PathBuf>| path.as_deref().map(|path| utf8(flag, path)).transpose();
        put(&mut settings.env.on_worker_death, self.on_worker_death);
        put(&mut settings.train.algo, self.algo);
        put(&mut settings.train.seed, self.seed);
        put(&mut settings.train.total_timesteps, self.steps);
        put(&mut settings.env.n_envs, self.n_envs);
        put(&mut settings.train.actors, self.actors);
        put(&mut settings.train.clock, self.clock);
        put(&mut settings.train.device, self.device);
        put(&mut settings.run.dir, text("--runs-dir", &self.runs_dir)?);
        put(&mut settings.run.name, self.name.clone().map(Some));
        put(&mut settings.run.checkpoint_every, self.checkpoint_every);
        if !self.dataset.is_empty() {
            // The run can be resumed from any folder.
            let absolute =
                |path: &PathBuf| utf8("--dataset", &std::path::absolute(path).unwrap_or_else(|_| path.clone()));
            settings.offline.datasets = self.dataset.iter().map(absolute).collect::<std::result::Result<_, _>>()?;
        }
        put(&mut settings.train.init_from, text("--init-from", &self.init_from)?.map(Some));
        settings.run.watch &= !self.no_watch;
        settings.check()?;
        Ok(settings)
    }
}

/// A number of steps as configuration files and --set have it: `100000`, `100_000` or `1e5`.
fn whole_number(text: &str) -> std::result::Result<u64, String> {
    let expected = || "expected a whole number, such as 100000, 100_000 or 1e5".to_owned();
    let value = text.parse::<toml_edit::Value>().map_err(|_| expected())?;
    u64::from_toml(&value).map_err(|_| expected())
}

pub(super) fn put<T>(setting: &mut T, flag: Option<T>) {
    if let Some(value) = flag {
        *setting = value;
    }
}

/// Trains one run, in a window if it is to be seen, and prints its summary.
fn one(mut experiment: Experiment<'_>, seen: bool, signals: &Signals, output: Output) -> Result {
    let view = if seen { Some(View::new(experiment.settings_mut())?) } else { None };
    let mut experiment = experiment.callback(Display::new()).stop_when(signals.stop.clone()).git_revision(REVISION);
    if let Some(view) = &view {
        experiment = experiment.callback(view.callback()).wait_for_viewer(PATIENCE);
    }
    let summary = experiment.run()?;
    output.print(&summary, || describe(&summary));
    if let Some(view) = view {
        view.wait(&summary.run, signals);
    }
    Ok(signals.exit_code().filter(|_| summary.interrupted).map_or(ExitCode::SUCCESS, ExitCode::from))
}

/// Trains several seeds and prints what they came to together.
fn several(settings: &Settings, count: u64, signals: &Signals, output: Output) -> Result {
    if settings.train.seed.checked_add(count - 1).is_none() {
        return Err(Failure::usage(format!(
            "--seed {} has not {count} seeds after it: use a smaller one",
            settings.train.seed
        )));
    }
    let listen = |seed: u64, event: &Event<'_>| match event {
        Event::Warning(text) => eprintln!("seed {seed}: warning: {text}"),
        Event::Finding(finding) => eprintln!("seed {seed}: doctor: {finding}"),
        Event::Ended(summary) => eprintln!("seed {seed}: {}", headline(summary)),
        _ => {}
    };
    let results = train_seeds(settings, count, &signals.stop, REVISION, &listen);
    let (mut summaries, mut errors) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(summary) => summaries.push(summary),
            Err(error) => errors.push(Failure::from(error)),
        }
    }
    if let (Some(first), true) = (errors.first(), summaries.is_empty()) {
        let mut messages: Vec<_> = errors.iter().map(|failure| failure.message.as_str()).collect();
        messages.dedup();
        return Err(Failure { code: first.code, message: messages.join("\n") });
    }
    errors.iter().for_each(|failure| eprintln!("error: {}", failure.message));
    let aggregate = Aggregate::of(&summaries);
    let messages: Vec<_> = errors.iter().map(|failure| &failure.message).collect();
    output.print(&json!({"seeds": summaries, "aggregate": aggregate, "errors": messages}), || {
        let text = match aggregate {
            None => "stopped before any final evaluation".into(),
            Some(Aggregate { mean, median, iqm, ci95: (low, high), solved }) => {
                let seeds = summaries.iter().filter(|summary| summary.greedy_return.is_some()).count();
                let digits = digits(mean);
                let solved = match summaries.iter().find_map(|summary| summary.solved_at) {
                    Some(_) => format!(", solved {:.0} %", solved * 100.0),
                    None => String::new(),
                };
                format!(
                    "{seeds} seeds: mean {mean:.digits$}, median {median:.digits$}, IQM {iqm:.digits$} \
                    (95 % interval {low:.digits$} to {high:.digits$}){solved}"
                )
            }
        };
        text + &go_on(settings, &summaries) + &next_of_seeds(&summaries)
    });
    let failed = errors.first().map(|failure| failure.code);
    Ok(ExitCode::from(signals.exit_code().or(failed).unwrap_or(0)))
}

/// How seeds that were stopped are gone on with; nothing if none was.
fn go_on(settings: &Settings, summaries: &[Summary]) -> String {
    let mut stopped = summaries.iter().filter(|summary| summary.interrupted).peekable();
    if stopped.peek().is_some() && settings.run.name.is_some() {
        return "\n\nsome seeds are not done: start the same command again to go on".into();
    }
    let line = |(i, summary): (usize, &Summary)| {
        let gap = if i == 0 { "\n" } else { "" };
        format!("{gap}\n  go on with it     {} train --resume {}", called(), quoted(&summary.run))
    };
    stopped.enumerate().map(line).collect()
}

/// What to do next with seeds, which also says where they are; nothing if none got as far as an evaluation.
fn next_of_seeds(summaries: &[Summary]) -> String {
    let runs = summaries.iter().filter(|summary| summary.greedy_return.is_some());
    let folders: Vec<_> = runs.map(|summary| quoted(&summary.run)).collect();
    let Some(first) = summaries.first().filter(|_| !folders.is_empty()) else { return String::new() };
    format!("\n\n  compare them      {} compare {}\n{}", called(), folders.join(" "), all_runs(first))
}

/// The line on how all runs beside this one are listed.
fn all_runs(summary: &Summary) -> String {
    let folder = match summary.run.parent() {
        Some(folder) if folder != Path::new("runs") => format!(" --runs-dir {}", quoted(folder)),
        _ => String::new(),
    };
    format!("  all runs          {} runs{folder}", called())
}

/// This command as it was called, so that what is printed can be pasted.
pub(super) fn called() -> String {
    quoted(Path::new(&std::env::args_os().next().unwrap_or_else(|| "cartwheel".into())))
}

/// One line on how it went.
pub(super) fn headline(summary: &Summary) -> String {
    let verdict = if summary.interrupted && !summary.solved { "stopped" } else { summary.verdict() };
    let returns = summary.greedy_return.map_or("no final evaluation".into(), |r| {
        let success = r.success_rate.map_or(String::new(), |share| format!(", {} of them successful", percent(share)));
        format!("greedy return {} over {} episodes{success}", mean_and_std(r.mean, r.std), r.episodes)
    });
    format!("{verdict}, {returns}, {} steps, {} updates, {:.3} s", summary.steps, summary.updates, summary.wall_s)
}

/// The summary for people, and what to do next.
fn describe(summary: &Summary) -> String {
    let run = quoted(&summary.run);
    let cartwheel = called();
    let mut text = format!("{}\nsaved in {run}", headline(summary));
    let costs = summary.checkpoints;
    if costs.written > 0 {
        text += &format!(
            " ({} checkpoint{}, {:.1} MiB; writing {:.1} ms, fsync {:.1} ms)",
            costs.written,
            if costs.written == 1 { "" } else { "s" },
            costs.bytes as f64 / f64::from(1 << 20),
            costs.write_s * 1e3,
            costs.fsync_s * 1e3
        );
    }
    let mut further = String::new();
    if summary.interrupted {
        text += &format!("\n\n  go on with it     {cartwheel} train --resume {run}");
    } else {
        further = format!("  train it further  {cartwheel} train --resume {run} --steps {}\n", 2 * summary.steps);
    }
    text += &format!(
        "\n\n  watch it again    {cartwheel} watch {run}\n  evaluate it       {cartwheel} eval {run} --episodes 100\n  its curves        {run}/learning_curve.svg, or tensorboard --logdir {run}\n{further}{}",
        all_runs(summary)
    );
    text
}

/// A path as a shell takes it.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = text.chars().all(|c| c.is_alphanumeric() || "/-_.,:+@".contains(c));
    if plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
