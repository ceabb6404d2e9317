//! `cartwheel eval`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::agents::Policy;
use crate::trainer::run::RunDir;
use crate::trainer::supervised::{Evaluation, check_there, evaluate, is_fit, weights_of};
use crate::trainer::{Evaluator, Settings, TrainError};
use serde_json::json;

use super::output::{FAILURE, Failure, Output, digits, mean_and_std, percent};
use super::predict::all_cores;
use super::signals::Signals;
use super::{Result, fit_report};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The run's folder; of a fit, or torchvision's of a resnet, a file of weights will do.
    run: PathBuf,
    /// Of a fit: the samples to judge it on, as `fit` takes them: all, or of a folder with parts those to test.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["episodes", "seed", "python", "stochastic"])]
    data: Option<PathBuf>,
    /// Of a classifier: names of its classes, one a line, instead of those that the model has.
    #[arg(long, value_name = "FILE", requires = "data")]
    labels: Option<PathBuf>,
    /// Episodes to play.
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    episodes: u32,
    /// Episode i is reset with seed + i.
    #[arg(long, default_value_t = 1_000_000, value_name = "S")]
    seed: u64,
    /// Which weights: best, latest, or a safetensors file.
    #[arg(long, default_value = "best", value_name = "best|latest|PATH")]
    checkpoint: String,
    /// Draw actions from the policy's distribution in the place of the best: of PPO, A2C, SAC and others that have one.
    #[arg(long)]
    stochastic: bool,
    /// The Python that has an environment behind py:, if it is not the one that trained.
    #[arg(long, value_name = "PATH")]
    python: Option<String>,
}

pub(crate) fn run(args: &Args, output: Output) -> Result {
    if args.run.is_file() && Policy::load(&args.run).is_ok() {
        let weights = args.run.display();
        return Err(Failure::usage(format!(
            "{weights} holds a policy, which does not say where it plays: give its run's folder, and --checkpoint {weights}"
        )));
    }
    if args.run.extension().is_some_and(|extension| extension == "safetensors") {
        check_there(&args.run)?;
    }
    if args.run.is_file() || is_fit(&args.run.join("config.toml")) {
        return fitted(args, output);
    }
    let signals = Signals::listen().map_err(Failure::failed)?;
    let run = RunDir::open(&args.run).map_err(TrainError::Run)?;
    if args.data.is_some() {
        return Err(Failure::usage(
            "--data is for models that `cartwheel fit` trains: an agent plays in its environment",
        ));
    }
    let mut settings = Settings::from_file(&run.config())?;
    if let Some(python) = &args.python {
        settings.env.python.clone_from(python);
    }
    let weights = match args.checkpoint.as_str() {
        "best" => run.best_weights(),
        "latest" => run.latest_weights(),
        path => PathBuf::from(path),
    };
    let mut policy = Policy::load(&weights).map_err(|error| {
        let told = format!("{error}{}", another(&run, &weights));
        let is_named = !["best", "latest"].contains(&args.checkpoint.as_str());
        if is_named && !weights.exists() { Failure::usage(told) } else { Failure::failed(told) }
    })?;
    let env = &settings.env;
    let world = env.builder().make().map_err(Failure::usage)?;
    if (policy.observation_space(), policy.action_space()) != (world.observation_space(), world.action_space()) {
        return Err(Failure::usage(format!(
            "the weights {} take {} and answer {}; {} has {} and {}: give weights that were trained on it",
            weights.display(),
            policy.observation_space(),
            policy.action_space(),
            env.id,
            world.observation_space(),
            world.action_space()
        )));
    }
    if args.stochastic {
        check_chances(&policy, &settings.train.algo.to_string())?;
    }
    let episodes = args.episodes as usize;
    let mut evaluator =
        Evaluator::new(&env.builder(), episodes, env.evaluation_envs(episodes), settings.eval.max_episode_steps)
            .map_err(TrainError::Env)?
            .stochastic(args.stochastic)
            .info_keywords(&env.info_keywords);
    let stop = || signals.exit_code().is_some();
    let Some(evaluation) = evaluator
        .evaluate(&mut policy, args.seed, &stop)
        .map_err(|error| Failure::failed(format!("{}: {error}", env.id)))?
    else {
        return Err(Failure { code: signals.exit_code().unwrap_or(130), message: "stopped".into() });
    };
    let (mean, std) = (evaluation.mean(), evaluation.std());
    let value = json!({
        "run": run.path().display().to_string(), "checkpoint": weights.display().to_string(), "env": env.id, "seed": args.seed, "episodes": args.episodes,
        "stochastic": args.stochastic,
        "mean": mean, "std": std, "returns": evaluation.returns, "lengths": evaluation.lengths,
        "success_rate": evaluation.success_rate(), "infos": evaluation.infos,
    });
    output.print(&value, || {
        let least = evaluation.returns.iter().copied().fold(f64::INFINITY, f64::min);
        let most = evaluation.returns.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let kind = if args.stochastic { "stochastic" } else { "greedy" };
        let (returns, digits) = (mean_and_std(mean, std), digits(mean));
        let success = evaluation.success_rate().map(|share| format!(", {} of them successful", percent(share)));
        let text = format!(
            "{}: {kind} return {returns} over {} episodes (from {least:.digits$} to {most:.digits$}){}",
            env.id,
            args.episodes,
            success.unwrap_or_default()
        );
        let means = evaluation.info_means().into_iter();
        let infos = means.filter_map(|(name, mean)| {
            let mean = format!("{mean:.*}", super::output::digits(mean));
            Some(format!("\n  mean {}  {mean}", name.strip_prefix("info/")?))
        });
        text + &infos.collect::<String>()
    });
    Ok(ExitCode::SUCCESS)
}

/// Refuses to draw where there is nothing to draw from.
pub(super) fn check_chances(policy: &Policy, algorithm: &str) -> std::result::Result<(), Failure> {
    if policy.has_chances() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "--stochastic draws actions from a policy's distribution, and {algorithm} learns none, only which action is best: leave it out"
    )))
}

/// A model that was fitted.
fn fitted(args: &Args, output: Output) -> Result {
    let Some(data) = &args.data else {
        return Err(Failure::usage(format!(
            "{} was fitted to data: say by --data PATH which samples it is to be judged on",
            args.run.display()
        )));
    };
    all_cores();
    let weights = weights_of(&args.run, &args.checkpoint)?;
    let Evaluation { report, broken } = evaluate(&args.run, &weights, args.labels.as_deref(), data)?;
    let (model, checkpoint) = (args.run.display().to_string(), weights.display().to_string());
    let value = json!({"model": model, "checkpoint": checkpoint, "report": report, "broken": broken});
    output.print(&value, || fit_report::of(&report, "") + &fit_report::skipped(&broken));
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILURE) })
}

/// Names weights of the run that can be used instead.
fn another(run: &RunDir, broken: &Path) -> String {
    let names = [("best", run.best_weights()), ("latest", run.latest_weights())];
    let good = names.into_iter().find(|(_, file)| file != broken && Policy::load(file).is_ok());
    match good {
        Some((name, file)) => format!("; {} is whole: use --checkpoint {name}", file.display()),
        None => "; the run has no other weights: train it again, or go on with it (cartwheel train --resume)".into(),
    }
}
