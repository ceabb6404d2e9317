//! Every wrapper by name: what reads configurations, names mistakes, and is listed by `cartwheel env wrappers`.

use super::WrapperSpec;
use super::expression::Expression;
use super::literal::{FromLiteral, Literal, unquoted};
use crate::wrappers::{
    ClipAction, ClipReward, FlattenObservation, FrameStackObservation, NormalizeObservation, NormalizeReward,
    RecordEpisodeStatistics, RescaleAction, RescaleObservation, TimeLimit, TransformReward,
};
use crate::{Bounds, Env, Padding, Result};

/// A wrapper, as it is listed.
#[derive(Debug)]
pub struct WrapperInfo {
    /// Gymnasium's name of it.
    pub name: &'static str,
    /// What it does, in a line.
    pub description: &'static str,
    /// What it takes beside the environment, in order.
    pub params: &'static [WrapperParam],
    pub(super) build: fn(Box<dyn Env>, &WrapperSpec) -> Result<Box<dyn Env>>,
}

/// A parameter of a wrapper.
#[derive(Debug)]
pub struct WrapperParam {
    /// Gymnasium's name of it.
    pub name: &'static str,
    /// Its value when not given, as a Python literal; `None` if it must be given.
    pub default: Option<&'static str>,
    /// What it means, in a few words.
    pub description: &'static str,
    pub(super) kind: Kind,
}

impl WrapperInfo {
    /// Its name and parameters, as in Python: `FrameStackObservation(stack_size, padding_type='reset')`.
    pub fn signature(&self) -> String {
        let params = self.params.iter().map(|param| match param.default {
            Some(default) => format!("{}={default}", param.name),
            None => param.name.to_owned(),
        });
        format!("{}({})", self.name, params.collect::<Vec<_>>().join(", "))
    }
}

impl WrapperParam {
    /// What values it takes, in words: `a number`.
    pub fn expects(&self) -> &'static str {
        self.kind.expects
    }
}

/// What values a parameter takes.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) expects: &'static str,
    /// The value that a text is; `None` if it is one of another kind, and an error if it is no value.
    pub(super) read: fn(&str) -> Result<Option<Literal>, String>,
}

impl Kind {
    /// The literals that `T` is made of.
    const fn of<T: FromLiteral>(expects: &'static str) -> Self {
        let read = |text: &str| Ok(Literal::read(text).filter(|literal| T::from_literal(literal).is_some()));
        Self { expects, read }
    }
}

const fn param(name: &'static str, kind: Kind, default: &'static str, description: &'static str) -> WrapperParam {
    WrapperParam { name, default: Some(default), description, kind }
}

const fn required(name: &'static str, kind: Kind, description: &'static str) -> WrapperParam {
    WrapperParam { name, default: None, description, kind }
}

const INTEGER: Kind = Kind::of::<u32>("an integer of 0 or more");
const NUMBER: Kind = Kind::of::<f64>("a number");
const NUMBER_OR_NONE: Kind = Kind::of::<Option<f64>>("a number or None");
const NUMBERS: Kind = Kind::of::<Bounds>("a number, or a list of one for each element");
const TEXT: Kind = Kind::of::<String>("a string in quotes");
const PADDING: Kind = Kind::of::<Padding>("'reset', 'zero' or the numbers of an observation");

const FUNCTION: Kind = Kind {
    expects: "an expression of one variable, such as 0.01 * x",
    read: |text| Expression::read(unquoted(text).unwrap_or(text)).map(|function| Some(Literal::Function(function))),
};

fn boxed<E: Env + 'static>(env: E) -> Result<Box<dyn Env>> {
    Ok(Box::new(env))
}

/// All wrappers, sorted by name.
pub fn wrappers() -> &'static [WrapperInfo] {
    WRAPPERS
}

static WRAPPERS: &[WrapperInfo] = &[
    WrapperInfo {
        name: "ClipAction",
        description: "take any floats as actions, clipped to the bounds of the action space",
        params: &[],
        build: |env, _| boxed(ClipAction::new(env)?),
    },
    WrapperInfo {
        name: "ClipReward",
        description: "clip rewards to bounds",
        params: &[
            param("min_reward", NUMBER_OR_NONE, "None", "the least reward"),
            param("max_reward", NUMBER_OR_NONE, "None", "the greatest reward"),
        ],
        build: |env, args| {
            let (min, max): (Option<f64>, Option<f64>) = (args.get("min_reward")?, args.get("max_reward")?);
            boxed(ClipReward::new(env, min, max)?)
        },
    },
    WrapperInfo {
        name: "FlattenObservation",
        description: "observations as vectors, integers one-hot",
        params: &[],
        build: |env, _| boxed(FlattenObservation::new(env)),
    },
    WrapperInfo {
        name: "FrameStackObservation",
        description: "the last observations as one",
        params: &[
            required("stack_size", INTEGER, "how many"),
            param("padding_type", PADDING, "'reset'", "what stands before an episode's first"),
        ],
        build: |env, args| boxed(FrameStackObservation::new(env, args.get("stack_size")?, args.get("padding_type")?)?),
    },
    WrapperInfo {
        name: "NormalizeObservation",
        description: "observations less their running mean, by their running standard deviation",
        params: &[param("epsilon", NUMBER, "1e-8", "added to the variance")],
        build: |env, args| boxed(NormalizeObservation::new(env, args.get("epsilon")?)?),
    },
    WrapperInfo {
        name: "NormalizeReward",
        description: "rewards by the running standard deviation of the discounted return",
        params: &[
            param("gamma", NUMBER, "0.99", "the discount"),
            param("epsilon", NUMBER, "1e-8", "added to the variance"),
        ],
        build: |env, args| boxed(NormalizeReward::new(env, args.get("gamma")?, args.get("epsilon")?)?),
    },
    WrapperInfo {
        name: "RecordEpisodeStatistics",
        description: "return, length and time of each episode, in info and at hand",
        params: &[
            param("buffer_length", INTEGER, "100", "of how many episodes they stay at hand"),
            param("stats_key", TEXT, "'episode'", "their name in info"),
        ],
        build: |env, args| {
            let stats_key: String = args.get("stats_key")?;
            boxed(RecordEpisodeStatistics::new(env, args.get("buffer_length")?, &stats_key)?)
        },
    },
    WrapperInfo {
        name: "RescaleAction",
        description: "take actions between other bounds, mapped linearly to those of the action space",
        params: &[
            required("min_action", NUMBERS, "the new lower bound"),
            required("max_action", NUMBERS, "the new upper bound"),
        ],
        build: |env, args| {
            let (min, max): (Bounds, Bounds) = (args.get("min_action")?, args.get("max_action")?);
            boxed(RescaleAction::new(env, min, max)?)
        },
    },
    WrapperInfo {
        name: "RescaleObservation",
        description: "observations between other bounds, mapped linearly from those of their space",
        params: &[
            required("min_obs", NUMBERS, "the new lower bound"),
            required("max_obs", NUMBERS, "the new upper bound"),
        ],
        build: |env, args| {
            let (min, max): (Bounds, Bounds) = (args.get("min_obs")?, args.get("max_obs")?);
            boxed(RescaleObservation::new(env, min, max)?)
        },
    },
    WrapperInfo {
        name: "TimeLimit",
        description: "truncate episodes that go on for too long",
        params: &[required("max_episode_steps", INTEGER, "the step that is the last")],
        build: |env, args| boxed(TimeLimit::new(env, args.get("max_episode_steps")?)),
    },
    WrapperInfo {
        name: "TransformReward",
        description: "replace rewards by a function of them",
        params: &[required("func", FUNCTION, "the new reward for the old")],
        build: |env, args| {
            let func: Expression = args.get("func")?;
            boxed(TransformReward::new(env, move |reward| func.eval(reward)))
        },
    },
];
