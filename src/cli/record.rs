//! `cartwheel record`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::agents::Policy;
use crate::envs::{Action, EnvError, Environment, Generator, KeyBindings, OwnedAction, Pace, Rows, Statistics, Step};
use crate::trainer::data::minari::{About, Recording};
use crate::trainer::run::RunDir;
use crate::trainer::{EnvConfig, Settings, TrainError};
use serde_json::json;

use super::Result;
use super::env_args::EnvArgs;
use super::eval::check_chances;
use super::film;
use super::output::{Failure, Output, digits};

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("to").args(["out", "transitions"]).required(true))]
pub(crate) struct Args {
    /// A run's folder, whose best policy acts, or an environment's id.
    what: String,
    #[command(flatten)]
    env_args: EnvArgs,
    /// Who acts: "random", or a run's folder.
    #[arg(long, value_name = "random|RUN")]
    policy: Option<String>,
    /// Draw actions from the policy's distribution in the place of the best: of PPO, A2C, SAC and others that have one.
    #[arg(long)]
    stochastic: bool,
    /// The film to write: a .gif or an .mp4 file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The folder to write a dataset to, as Minari does: what was seen, done and earned (docs/offline.md).
    #[arg(long, value_name = "DIR")]
    transitions: Option<PathBuf>,
    /// Episodes to record.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    episodes: u64,
    /// Episode i is reset with seed + i.
    #[arg(long, default_value_t = 0, value_name = "S")]
    seed: u64,
    /// Width of the picture in pixels; it is two thirds as high.
    #[arg(long, default_value_t = 480, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(30..=4096))]
    width: u32,
    /// Frames a second, one for each step: at most 50, as GIFs go. Without it 50, and 4 where a game goes by turns.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=50))]
    fps: Option<u32>,
    /// Steps after which an episode is given up.
    #[arg(long, default_value_t = 2000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_steps: u64,
}

/// What is recorded from.
struct Players {
    config: EnvConfig,
    env: Environment,
    actor: Actor,
    /// What acts, in a word.
    name: String,
}

/// Who chooses the actions.
enum Actor {
    Random(Generator),
    Greedy(Box<Policy>),
    Stochastic(Box<Policy>, Generator),
}

/// Something that happened in an episode, after which the environment is as it is now.
enum Moment<'a> {
    /// It began, reset with this seed.
    Reset(u64),
    /// This was done, with this result.
    Step(&'a OwnedAction, Step),
    /// It was given up before it ended.
    GivenUp,
}

pub(crate) fn run(args: &Args, output: Output) -> Result {
    let mut players = players(args)?;
    let returns = match (&args.out, &args.transitions) {
        (Some(out), _) => film(args, out, &mut players)?,
        (None, Some(folder)) => transitions(args, folder, &mut players)?,
        (None, None) => Vec::new(),
    };
    let to = args.out.as_ref().or(args.transitions.as_ref()).map(|path| path.display().to_string());
    let id = &players.env.spec().id;
    let key = if args.out.is_some() { "out" } else { "transitions" };
    let value = json!({key: to, "env": id, "returns": returns});
    output.print(&value, || {
        let to = to.unwrap_or_default();
        if args.transitions.is_some() {
            let mean = returns.iter().sum::<f64>() / returns.len() as f64;
            return format!("{id}: {} episodes, mean return {mean:.*}, in {to}", returns.len(), digits(mean));
        }
        let list: Vec<_> = returns.iter().map(|r| format!("{r:.*}", digits(*r))).collect();
        format!("{id}: return {}, in {to}", list.join(", "))
    });
    Ok(ExitCode::SUCCESS)
}

/// Records a film, and answers the returns.
fn film(args: &Args, out: &Path, players: &mut Players) -> std::result::Result<Vec<f64>, Failure> {
    players.env.reset(Some(args.seed)).map_err(Failure::failed)?;
    film::check("--out", out, &players.env)?;
    let Players { env, actor, .. } = players;
    let fps = args.fps.unwrap_or(match env.key_bindings() {
        KeyBindings { pace: Pace::TurnBased, keys } if !keys.is_empty() => film::TURN_BASED_FPS,
        _ => film::MOST_FPS,
    });
    film::write(out, args.width, fps, |film| {
        let mut record = |moment: Moment<'_>, env: &Environment| {
            if !matches!(moment, Moment::GivenUp) {
                film.add(env);
            }
        };
        seeds(args).map(|seed| episode(env, actor, seed, args.max_steps, &mut record)).collect()
    })
}

/// Records a dataset, and answers the returns.
fn transitions(args: &Args, folder: &Path, players: &mut Players) -> std::result::Result<Vec<f64>, Failure> {
    let failed = |error| Failure::from(TrainError::Dataset(error));
    Recording::check(folder).map_err(failed)?;
    let mut normalizes = false;
    players.env.statistics_mut(&mut |_| normalizes = true);
    if normalizes {
        return Err(Failure::usage(
            "its wrappers normalize by what they have seen, and a dataset would hold what they made of observations and \
            rewards: record a run that was trained without NormalizeObservation and NormalizeReward",
        ));
    }
    let mut recording = Recording::new(players.env.observation_space(), players.env.action_space());
    let Players { env, actor, .. } = players;
    let mut returns = Vec::new();
    for seed in seeds(args) {
        let mut record = |moment: Moment<'_>, env: &Environment| match moment {
            Moment::Reset(seed) => recording.begin(seed, env.observation()),
            Moment::Step(action, step) => recording.step(action.as_action(), step, env.observation()),
            Moment::GivenUp => recording.give_up(),
        };
        returns.push(episode(env, actor, seed, args.max_steps, &mut record).map_err(Failure::failed)?);
        recording.check_room(args.episodes).map_err(failed)?;
    }
    let about = About {
        env: players.env.spec(),
        id: &players.config.id,
        kwargs: &players.config.args,
        wrapped: !players.config.wrappers.is_empty(),
        algorithm_name: &players.name,
    };
    recording.write(folder, &about).map_err(failed)?;
    Ok(returns)
}

/// The environment and who acts in it.
fn players(args: &Args) -> std::result::Result<Players, Failure> {
    let of_run = Path::new(&args.what).is_dir();
    let policy = args.policy.as_deref().unwrap_or(if of_run { &args.what } else { "random" });
    let mut config = EnvConfig { id: args.what.clone(), ..EnvConfig::default() };
    if of_run {
        let run = RunDir::open(&args.what).map_err(TrainError::Run)?;
        config = Settings::from_file(&run.config())?.env;
    }
    args.env_args.apply(&mut config)?;
    let builder = if args.out.is_some() { config.builder().drawable() } else { config.builder() };
    let mut env = builder.make().map_err(|error| match error {
        EnvError::UnknownEnv { .. } if !of_run => {
            Failure::usage(format!("{} is no folder of a run, and {error}", args.what))
        }
        error => Failure::usage(error),
    })?;
    // A stream that is not that of any episode.
    let rng = Generator::from_entropy(&[args.seed, 1]);
    if policy == "random" {
        if args.stochastic {
            return Err(Failure::usage(
                "--stochastic is for the policy of a run: a random one draws its actions anyway",
            ));
        }
        return Ok(Players { config, env, actor: Actor::Random(rng), name: "random".into() });
    }
    let run = RunDir::open(policy).map_err(TrainError::Run)?;
    let name = Settings::from_file(&run.config())?.train.algo.to_string();
    let policy = Policy::load(&run.best_weights()).map_err(Failure::failed)?;
    if (policy.observation_space(), policy.action_space()) != (env.observation_space(), env.action_space()) {
        return Err(Failure::usage(format!(
            "the policy of {} is for other spaces than {}'s",
            run.path().display(),
            config.id
        )));
    }
    env.statistics_mut(&mut Statistics::put(policy.statistics()));
    let actor = if args.stochastic {
        check_chances(&policy, &name)?;
        Actor::Stochastic(Box::new(policy), rng)
    } else {
        Actor::Greedy(Box::new(policy))
    };
    Ok(Players { config, env, actor, name })
}

/// What each episode is reset with.
fn seeds(args: &Args) -> impl Iterator<Item = u64> + use<> {
    let first = args.seed;
    (0..args.episodes).map(move |episode| first.wrapping_add(episode))
}

/// Plays an episode, tells `record` of each moment, and answers its return.
fn episode(
    env: &mut Environment,
    actor: &mut Actor,
    seed: u64,
    max_steps: u64,
    record: &mut dyn FnMut(Moment<'_>, &Environment),
) -> std::result::Result<f64, EnvError> {
    let mut sampled = Rows::for_space(env.action_space(), 1);
    let mut episode_return = 0.0;
    env.reset(Some(seed))?;
    // What was paid before does not belong to this episode.
    let _ = env.raw_reward();
    if let Actor::Greedy(policy) | Actor::Stochastic(policy, _) = actor {
        policy.reset();
    }
    record(Moment::Reset(seed), env);
    for _ in 0..max_steps {
        let action = match actor {
            Actor::Greedy(policy) => policy.act(env.observation()),
            Actor::Stochastic(policy, rng) => policy.sample(env.observation(), rng),
            Actor::Random(rng) => {
                env.action_space().sample(rng, sampled.row_mut(0));
                let action = env.action_space().action(sampled.row(0)).map(Action::to_owned);
                action.ok_or_else(|| EnvError::failed(format!("no random actions of {}", env.action_space())))?
            }
        };
        let step = env.step(&action)?;
        // What the environment paid, whatever a wrapper made of it.
        episode_return += env.raw_reward().unwrap_or(step.reward);
        record(Moment::Step(&action, step), env);
        if step.terminated || step.truncated {
            return Ok(episode_return);
        }
    }
    record(Moment::GivenUp, env);
    Ok(episode_return)
}
