//! `cartwheel record`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::agents::Policy;
use crate::envs::{Action, EnvError, Environment, Generator, Rows, Statistics};
use crate::trainer::run::RunDir;
use crate::trainer::{EnvConfig, Settings, TrainError};
use serde_json::json;

use super::Result;
use super::env_args::EnvArgs;
use super::film::{self, Film};
use super::output::{Failure, Output};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A run's folder, whose best policy acts, or an environment's id.
    what: String,
    #[command(flatten)]
    env_args: EnvArgs,
    /// Who acts: "random", or a run's folder.
    #[arg(long, value_name = "random|RUN")]
    policy: Option<String>,
    /// The film to write: a .gif or an .mp4 file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Episodes to record.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    episodes: u64,
    /// Episode i is reset with seed + i.
    #[arg(long, default_value_t = 0, value_name = "S")]
    seed: u64,
    /// Width of the picture in pixels; it is two thirds as high.
    #[arg(long, default_value_t = 480, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(30..=4096))]
    width: u32,
    /// Frames a second, one for each step: at most 50, as GIFs go.
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=50))]
    fps: u32,
    /// Steps after which an episode is given up.
    #[arg(long, default_value_t = 2000, value_name = "N")]
    max_steps: u64,
}

/// Who chooses the actions.
enum Actor {
    Random(Generator),
    Greedy(Box<Policy>),
}

pub(crate) fn run(args: &Args, output: Output) -> Result {
    let (mut env, mut actor) = players(args)?;
    env.reset(Some(args.seed)).map_err(Failure::failed)?;
    film::check("--out", &args.out, &env)?;
    let returns = film::write(&args.out, args.width, args.fps, |film| {
        let seeds = (0..args.episodes).map(|episode| args.seed.wrapping_add(episode));
        seeds
            .map(|seed| record(&mut env, &mut actor, seed, args.max_steps, film))
            .collect::<std::result::Result<Vec<_>, _>>()
    })?;
    let value = json!({"out": args.out, "env": env.spec().id, "returns": returns});
    output.print(&value, || {
        let list: Vec<_> = returns.iter().map(|r| format!("{r:.1}")).collect();
        format!("{}: return {}, in {}", env.spec().id, list.join(", "), args.out.display())
    });
    Ok(ExitCode::SUCCESS)
}

/// The environment and who acts in it.
fn players(args: &Args) -> std::result::Result<(Environment, Actor), Failure> {
    let of_run = Path::new(&args.what).is_dir();
    let policy = args.policy.as_deref().unwrap_or(if of_run { &args.what } else { "random" });
    let mut config = EnvConfig { id: args.what.clone(), ..EnvConfig::default() };
    if of_run {
        let run = RunDir::open(&args.what).map_err(TrainError::Run)?;
        config = Settings::from_file(&run.config())?.env;
    }
    args.env_args.apply(&mut config)?;
    let mut env = config.builder().drawable().make().map_err(Failure::usage)?;
    if policy == "random" {
        return Ok((env, Actor::Random(Generator::from_entropy(&[args.seed, 1]))));
    }
    let run = RunDir::open(policy).map_err(TrainError::Run)?;
    let policy = Policy::load(&run.best_weights()).map_err(Failure::failed)?;
    if (policy.observation_space(), policy.action_space()) != (env.observation_space(), env.action_space()) {
        return Err(Failure::usage(format!(
            "the policy of {} is for other spaces than {}'s",
            run.path().display(),
            config.id
        )));
    }
    env.statistics_mut(&mut Statistics::put(policy.statistics()));
    Ok((env, Actor::Greedy(Box::new(policy))))
}

/// Plays an episode, adds a frame for each step, and answers the return.
fn record(
    env: &mut Environment,
    actor: &mut Actor,
    seed: u64,
    max_steps: u64,
    film: &mut Film,
) -> std::result::Result<f64, EnvError> {
    let mut sampled = Rows::for_space(env.action_space(), 1);
    let mut episode_return = 0.0;
    env.reset(Some(seed))?;
    film.add(env);
    for _ in 0..max_steps {
        let action = match actor {
            Actor::Greedy(policy) => policy.act(env.observation()),
            Actor::Random(rng) => {
                env.action_space().sample(rng, sampled.row_mut(0));
                let action = env.action_space().action(sampled.row(0)).map(Action::to_owned);
                action.ok_or_else(|| EnvError::failed(format!("no random actions of {}", env.action_space())))?
            }
        };
        let step = env.step(&action)?;
        episode_return += step.reward;
        film.add(env);
        if step.terminated || step.truncated {
            break;
        }
    }
    Ok(episode_return)
}
