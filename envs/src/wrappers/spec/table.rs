//! Every wrapper by name: what reads configurations, names mistakes, and is listed by `cartwheel env wrappers`.

use std::sync::{PoisonError, RwLock};

use super::WrapperSpec;
use super::expression::Expression;
use super::kind::Kind;
use super::literal::{FilterKeys, Pair};
use crate::{
    Action, ActionMaskObservation, AtariPreprocessing, AtariPreprocessingConfig, Bins, Bounds, ClipAction, ClipReward,
    DelayObservation, DiscretizeAction, DiscretizeObservation, Dtype, DtypeObservation, Env, EnvError,
    FilterObservation, FlattenObservation, FrameStackObservation, GrayscaleObservation, MaxAndSkipObservation,
    NormalizeObservation, NormalizeReward, OwnedAction, RecordEpisodeStatistics, RecordVideo, RecordVideoConfig,
    RepeatAction, RescaleAction, RescaleObservation, ReshapeObservation, ResizeObservation, Result, Row, RowMut, Space,
    StickyAction, TimeAwareObservation, TimeLimit, TransformAction, TransformObservation, TransformReward, Trigger,
};

/// A wrapper, as it is listed.
#[derive(Debug)]
pub struct WrapperInfo {
    /// Gymnasium's name of it.
    pub name: &'static str,
    /// What it does, in a line.
    pub description: &'static str,
    /// What it takes beside the environment, in order.
    pub params: &'static [WrapperParam],
    pub(super) build: Build,
}

/// What constructs a wrapper around an environment, by the arguments of a spec.
type Build = fn(Box<dyn Env>, &WrapperSpec) -> Result<Box<dyn Env>>;

/// A parameter of a wrapper.
#[derive(Clone, Debug)]
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
    /// A wrapper of one's own, to be [registered](register_wrapper): `build` puts it around an environment.
    pub const fn new(name: &'static str, description: &'static str, build: Build) -> Self {
        Self { name, description, params: &[], build }
    }

    /// It takes a number, too, which [`WrapperSpec::number`] gives to `build`; one without a `default`, such as `"0.5"`, must be given.
    #[must_use]
    pub fn number(self, name: &'static str, default: Option<&'static str>, description: &'static str) -> Self {
        let own = WrapperParam { name, default, description, kind: Kind::NUMBER };
        let params: Vec<_> = self.params.iter().cloned().chain([own]).collect();
        // As long as the process, as what is registered.
        Self { params: Box::leak(params.into_boxed_slice()), ..self }
    }

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

const fn param(name: &'static str, kind: Kind, default: &'static str, description: &'static str) -> WrapperParam {
    WrapperParam { name, default: Some(default), description, kind }
}

const fn required(name: &'static str, kind: Kind, description: &'static str) -> WrapperParam {
    WrapperParam { name, default: None, description, kind }
}

fn boxed<E: Env + 'static>(env: E) -> Result<Box<dyn Env>> {
    Ok(Box::new(env))
}

/// A trigger for every so many-th.
fn every(args: &WrapperSpec, name: &str) -> Result<Option<Trigger>> {
    let Some(n) = args.get::<Option<u32>>(name)? else { return Ok(None) };
    if n == 0 {
        return Err(EnvError::bad_argument("RecordVideo", name, 0, "at least 1, or None"));
    }
    Ok(Some(Box::new(move |i| i.is_multiple_of(n.into()))))
}

/// Writes `func` of each number of `action`.
fn transform_action(func: &Expression, action: Action<'_>, made: &mut OwnedAction) {
    made.copy_from(action);
    match made {
        OwnedAction::Discrete(x) => *x = func.eval((*x).into()) as i32,
        OwnedAction::Multi(values) => values.iter_mut().for_each(|x| *x = func.eval((*x).into()) as i32),
        OwnedAction::Continuous(values) => values.iter_mut().for_each(|x| *x = func.eval((*x).into()) as f32),
    }
}

/// All wrappers, sorted by name; those that were registered are among them.
pub fn wrappers() -> Vec<&'static WrapperInfo> {
    let own = OWN.read().unwrap_or_else(PoisonError::into_inner);
    let mut all: Vec<_> = WRAPPERS.iter().chain(own.iter().copied()).collect();
    all.sort_by_key(|info| info.name);
    all
}

/// Those that were registered.
static OWN: RwLock<Vec<&'static WrapperInfo>> = RwLock::new(Vec::new());

/// Adds a wrapper of one's own, to be named in configurations and on the command line like any other.
///
/// ```
/// use cartwheel_envs::*;
///
/// /// Punishes every step.
/// struct Hurry(f64);
///
/// impl Memory for Hurry {}
///
/// impl RewardMap for Hurry {
///     fn reward(&mut self, step: &Step) -> f64 {
///         step.reward - self.0
///     }
/// }
///
/// let hurry = WrapperInfo::new("Hurry", "punishes every step", |env, args| {
///     Ok(Box::new(RewardWrapper::around(env, Hurry(args.number("punishment").unwrap_or_default()))))
/// });
/// register_wrapper(hurry.number("punishment", Some("0.01"), "what a step costs"))?;
///
/// let mut env = EnvBuilder::new("CartPole-v1").wrapper("Hurry(punishment=0.25)")?.make()?;
/// env.reset(Some(0))?;
/// assert_eq!(env.step(&OwnedAction::Discrete(0))?.reward, 0.75);
/// assert!("Hurry(1, 2)".parse::<WrapperSpec>().is_err());
/// assert!(register_wrapper(WrapperInfo::new("ClipReward", "another", |env, _| Ok(env))).is_err());
/// # Ok::<(), EnvError>(())
/// ```
///
/// # Errors
/// [`EnvError::WrapperRegistered`] if there is one of its name.
pub fn register_wrapper(info: WrapperInfo) -> Result<()> {
    let mut own = OWN.write().unwrap_or_else(PoisonError::into_inner);
    if WRAPPERS.iter().chain(own.iter().copied()).any(|other| other.name == info.name) {
        return Err(EnvError::WrapperRegistered { name: info.name });
    }
    own.push(Box::leak(Box::new(info)));
    Ok(())
}

static WRAPPERS: &[WrapperInfo] = &[
    WrapperInfo {
        name: "ActionMaskObservation",
        description: "show which actions are valid beside each observation: what learns chooses among these only",
        params: &[],
        build: |env, _| boxed(ActionMaskObservation::new(env)?),
    },
    WrapperInfo {
        name: "AtariPreprocessing",
        description: "what is usually done to Atari's games, for any environment that shows images",
        params: &[
            param(
                "noop_max",
                Kind::INTEGER,
                "30",
                "an episode begins with 1 to this many steps of action 0; 0 for none",
            ),
            param("frame_skip", Kind::INTEGER, "4", "for how many steps an action is repeated"),
            param("screen_size", Kind::PAIR, "84", "the side of the images, or width and height"),
            param("terminal_on_life_loss", Kind::BOOL, "False", "whether losing a life terminates the episode"),
            param("grayscale_obs", Kind::BOOL, "True", "whether color images become gray"),
            param("grayscale_newaxis", Kind::BOOL, "False", "whether gray images keep an axis of one channel"),
            param("scale_obs", Kind::BOOL, "False", "whether bytes become floats from 0 to 1"),
        ],
        build: |env, args| {
            let Pair(screen_size) = args.get("screen_size")?;
            let config = AtariPreprocessingConfig {
                noop_max: args.get("noop_max")?,
                frame_skip: args.get("frame_skip")?,
                screen_size: screen_size.map(|side| side as usize),
                terminal_on_life_loss: args.get("terminal_on_life_loss")?,
                grayscale_obs: args.get("grayscale_obs")?,
                grayscale_newaxis: args.get("grayscale_newaxis")?,
                scale_obs: args.get("scale_obs")?,
            };
            boxed(AtariPreprocessing::new(env, config)?)
        },
    },
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
            param("min_reward", Kind::NUMBER_OR_NONE, "None", "the least reward"),
            param("max_reward", Kind::NUMBER_OR_NONE, "None", "the greatest reward"),
        ],
        build: |env, args| {
            let (min, max): (Option<f64>, Option<f64>) = (args.get("min_reward")?, args.get("max_reward")?);
            boxed(ClipReward::new(env, min, max)?)
        },
    },
    WrapperInfo {
        name: "DelayObservation",
        description: "show each observation some steps late",
        params: &[required("delay", Kind::INTEGER, "how many steps")],
        build: |env, args| boxed(DelayObservation::new(env, args.get("delay")?)?),
    },
    WrapperInfo {
        name: "DiscretizeAction",
        description: "take integers for the middles of bins of the actions",
        params: &[
            required("bins", Kind::BINS, "how many"),
            param("multidiscrete", Kind::BOOL, "False", "whether each element has an integer of its own"),
        ],
        build: |env, args| {
            let bins: Bins = args.get("bins")?;
            boxed(DiscretizeAction::new(env, bins, args.get("multidiscrete")?)?)
        },
    },
    WrapperInfo {
        name: "DiscretizeObservation",
        description: "tell of observations in which bins they lie",
        params: &[
            required("bins", Kind::BINS, "how many"),
            param("multidiscrete", Kind::BOOL, "False", "whether each element has an integer of its own"),
        ],
        build: |env, args| {
            let bins: Bins = args.get("bins")?;
            boxed(DiscretizeObservation::new(env, bins, args.get("multidiscrete")?)?)
        },
    },
    WrapperInfo {
        name: "DtypeObservation",
        description: "observations of another number type",
        params: &[required("dtype", Kind::DTYPE, "the type")],
        build: |env, args| {
            let dtype: Dtype = args.get("dtype")?;
            boxed(DtypeObservation::new(env, dtype)?)
        },
    },
    WrapperInfo {
        name: "FilterObservation",
        description: "some parts of a Dict or Tuple observation",
        params: &[required("filter_keys", Kind::KEYS, "which")],
        build: |env, args| {
            let FilterKeys(keys) = args.get("filter_keys")?;
            boxed(FilterObservation::new(env, &keys)?)
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
            required("stack_size", Kind::INTEGER, "how many"),
            param("padding_type", Kind::PADDING, "'reset'", "what stands before an episode's first"),
        ],
        build: |env, args| boxed(FrameStackObservation::new(env, args.get("stack_size")?, args.get("padding_type")?)?),
    },
    WrapperInfo {
        name: "GrayscaleObservation",
        description: "gray images of color images",
        params: &[param("keep_dim", Kind::BOOL, "False", "whether they keep an axis of one channel")],
        build: |env, args| boxed(GrayscaleObservation::new(env, args.get("keep_dim")?)?),
    },
    WrapperInfo {
        name: "MaxAndSkipObservation",
        description: "repeat actions, and show the greater of the last two observations",
        params: &[param("skip", Kind::INTEGER, "4", "for how many steps")],
        build: |env, args| boxed(MaxAndSkipObservation::new(env, args.get("skip")?)?),
    },
    WrapperInfo {
        name: "NormalizeObservation",
        description: "observations less their running mean, by their running standard deviation",
        params: &[param("epsilon", Kind::NUMBER, "1e-8", "added to the variance")],
        build: |env, args| boxed(NormalizeObservation::new(env, args.get("epsilon")?)?),
    },
    WrapperInfo {
        name: "NormalizeReward",
        description: "rewards by the running standard deviation of the discounted return",
        params: &[
            param("gamma", Kind::NUMBER, "0.99", "the discount"),
            param("epsilon", Kind::NUMBER, "1e-8", "added to the variance"),
        ],
        build: |env, args| boxed(NormalizeReward::new(env, args.get("gamma")?, args.get("epsilon")?)?),
    },
    WrapperInfo {
        name: "RecordEpisodeStatistics",
        description: "return, length and time of each episode, in info and at hand",
        params: &[
            param("buffer_length", Kind::INTEGER, "100", "of how many episodes they stay at hand"),
            param("stats_key", Kind::TEXT, "'episode'", "their name in info"),
        ],
        build: |env, args| {
            let stats_key: String = args.get("stats_key")?;
            boxed(RecordEpisodeStatistics::new(env, args.get("buffer_length")?, &stats_key)?)
        },
    },
    WrapperInfo {
        name: "RecordVideo",
        description: "write episodes as GIFs",
        params: &[
            required("video_folder", Kind::TEXT, "where to"),
            param(
                "episode_trigger",
                Kind::INTEGER_OR_NONE,
                "None",
                "begin with every so many-th episode; without any trigger, with those whose number is a cube",
            ),
            param("step_trigger", Kind::INTEGER_OR_NONE, "None", "begin with every so many-th step of all"),
            param(
                "video_length",
                Kind::INTEGER,
                "0",
                "after how many steps a video ends; 0 for the end of the episode",
            ),
            param("name_prefix", Kind::TEXT, "'rl-video'", "how the files' names begin"),
            param("fps", Kind::INTEGER_OR_NONE, "None", "frames a second, at most 50; else 30"),
        ],
        build: |env, args| {
            let video_length: u32 = args.get("video_length")?;
            let config = RecordVideoConfig {
                episode_trigger: every(args, "episode_trigger")?,
                step_trigger: every(args, "step_trigger")?,
                video_length: video_length.into(),
                name_prefix: args.get("name_prefix")?,
                fps: args.get("fps")?,
            };
            let folder: String = args.get("video_folder")?;
            boxed(RecordVideo::new(env, folder, config)?)
        },
    },
    WrapperInfo {
        name: "RepeatAction",
        description: "repeat actions, and add up the rewards",
        params: &[required("num_repeats", Kind::INTEGER, "for how many steps")],
        build: |env, args| boxed(RepeatAction::new(env, args.get("num_repeats")?)?),
    },
    WrapperInfo {
        name: "RescaleAction",
        description: "take actions between other bounds, mapped linearly to those of the action space",
        params: &[
            required("min_action", Kind::NUMBERS, "the new lower bound"),
            required("max_action", Kind::NUMBERS, "the new upper bound"),
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
            required("min_obs", Kind::NUMBERS, "the new lower bound"),
            required("max_obs", Kind::NUMBERS, "the new upper bound"),
        ],
        build: |env, args| {
            let (min, max): (Bounds, Bounds) = (args.get("min_obs")?, args.get("max_obs")?);
            boxed(RescaleObservation::new(env, min, max)?)
        },
    },
    WrapperInfo {
        name: "ReshapeObservation",
        description: "observations in another shape",
        params: &[required("shape", Kind::SHAPE, "the length of each axis")],
        build: |env, args| {
            let shape: Vec<usize> = args.get("shape")?;
            boxed(ReshapeObservation::new(env, &shape)?)
        },
    },
    WrapperInfo {
        name: "ResizeObservation",
        description: "images of another size, by averaging over areas",
        params: &[required("shape", Kind::SIZE, "height and width")],
        build: |env, args| {
            let (height, width) = args.get("shape")?;
            boxed(ResizeObservation::new(env, [height, width])?)
        },
    },
    WrapperInfo {
        name: "StickyAction",
        description: "with some probability take the last action instead",
        params: &[
            required("repeat_action_probability", Kind::NUMBER, "the probability"),
            param("repeat_action_duration", Kind::PAIR, "1", "for how many steps, or the fewest and the most"),
        ],
        build: |env, args| {
            let Pair(duration) = args.get("repeat_action_duration")?;
            boxed(StickyAction::new(env, args.get("repeat_action_probability")?, duration)?)
        },
    },
    WrapperInfo {
        name: "TimeAwareObservation",
        description: "tell how many steps of the episode are over",
        params: &[
            param("flatten", Kind::BOOL, "True", "whether all becomes one vector"),
            param("normalize_time", Kind::BOOL, "False", "whether the time goes from 0 to 1"),
            param("dict_time_key", Kind::TEXT, "'time'", "its name in a Dict"),
        ],
        build: |env, args| {
            let key: String = args.get("dict_time_key")?;
            boxed(TimeAwareObservation::new(env, args.get("flatten")?, args.get("normalize_time")?, &key)?)
        },
    },
    WrapperInfo {
        name: "TimeLimit",
        description: "truncate episodes that go on for too long",
        params: &[required("max_episode_steps", Kind::INTEGER, "the step that is the last")],
        build: |env, args| match args.get("max_episode_steps")? {
            0 => Err(EnvError::bad_argument("TimeLimit", "max_episode_steps", 0, "at least 1")),
            steps => boxed(TimeLimit::new(env, steps)),
        },
    },
    WrapperInfo {
        name: "TransformAction",
        description: "replace actions by a function of them, number by number",
        params: &[
            required("func", Kind::FUNCTION, "what the inner environment takes"),
            param("action_space", Kind::SPACE_OR_NONE, "None", "what is taken; None for the inner space"),
        ],
        build: |env, args| {
            let func: Expression = args.get("func")?;
            boxed(TransformAction::new(
                env,
                move |action, made| transform_action(&func, action, made),
                args.get("action_space")?,
            ))
        },
    },
    WrapperInfo {
        name: "TransformObservation",
        description: "replace observations by a function of them, number by number",
        params: &[
            required("func", Kind::FUNCTION, "what is shown"),
            param("observation_space", Kind::SPACE_OR_NONE, "None", "what that is in; None for the inner space"),
        ],
        build: |env, args| {
            let (func, space): (Expression, Option<Space>) = (args.get("func")?, args.get("observation_space")?);
            let inner = env.observation_space();
            if let Some(space) = space.as_ref().filter(|space| space.width() != inner.width()) {
                let expected = format!("of {} numbers, as {inner} is", inner.width());
                return Err(EnvError::bad_argument("TransformObservation", "observation_space", space, expected));
            }
            let each = move |inner: Row<'_>, mut observation: RowMut<'_>| {
                (0..inner.len()).for_each(|i| observation.set_number(i, func.eval(inner.number(i))));
            };
            boxed(TransformObservation::new(env, each, space))
        },
    },
    WrapperInfo {
        name: "TransformReward",
        description: "replace rewards by a function of them",
        params: &[required("func", Kind::FUNCTION, "the new reward for the old")],
        build: |env, args| {
            let func: Expression = args.get("func")?;
            boxed(TransformReward::new(env, move |reward| func.eval(reward)))
        },
    },
];
