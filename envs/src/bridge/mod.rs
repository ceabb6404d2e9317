//! Environments of Python: any of Gymnasium's API, in processes of their own.
//!
//! An id that begins with `py:` names an environment as `gymnasium.make` does, with the module that registers it in
//! front if there is one: `py:CartPole-v1`, `py:ale_py:ALE/Pong-v5`. Its environments live in worker processes that
//! run the user's Python, several in each. A worker is told to step by a message on a socket and answers with rewards
//! and flags; observations it writes into shared memory, from where they are read straight into the caller's rows.
//!
//! Nothing links to libpython, and what user code does (print, exit, crash, hang) happens in another process:
//! [`Worker`](worker::Worker) is all that talks to it.

mod bounds;
mod env;
mod seeds;
mod spaces;
mod vector;
mod worker;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Env, EnvError, EnvSpec, Kwargs, Result, Scene, Space, VectorEnv, WrapperSpec};
use env::BridgeEnv;
use vector::BridgeVectorEnv;
use worker::{Hello, Worker, body};

/// How environments of Python are run: see [`EnvBuilder::bridge`](crate::EnvBuilder::bridge).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeOptions {
    /// The Python that has Gymnasium and the environment: a path, or a name that is looked up.
    pub python: PathBuf,
    /// Worker processes of a batch, over which its environments are spread; at most one an environment. `None`: as
    /// many as there are cores.
    pub workers: Option<usize>,
    /// How long a worker may take for a step of all its environments before it counts as hung and is killed.
    pub timeout: Duration,
    /// What follows when a worker dies or hangs.
    pub on_worker_death: OnWorkerDeath,
}

impl Default for BridgeOptions {
    /// `python3`, a worker a core, a minute, and stopping.
    fn default() -> Self {
        Self {
            python: "python3".into(),
            workers: None,
            timeout: Duration::from_secs(60),
            on_worker_death: OnWorkerDeath::default(),
        }
    }
}

/// What follows when a worker process dies, or hangs and is killed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnWorkerDeath {
    /// The step fails, naming the worker and how it ended.
    #[default]
    Stop,
    /// A fresh worker takes its place and its environments begin new episodes. The interrupted ones are truncated at
    /// the last observation known. A worker that dies again and again fails the step all the same.
    Restart,
}

/// How to make an environment of Python, as often as wanted.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    /// The id with `py:` in front.
    pub(crate) id: String,
    pub(crate) kwargs: Kwargs,
    /// Applied in Python, with Gymnasium's own classes of these names; the innermost first.
    pub(crate) wrappers: Vec<WrapperSpec>,
    pub(crate) options: BridgeOptions,
    /// Whether it is going to be drawn, which environments must know when they are made.
    pub(crate) draw: bool,
}

/// Whether `id` is of an environment of Python.
pub(crate) fn is_python(id: &str) -> bool {
    id.starts_with("py:")
}

impl Recipe {
    /// The module to import first, if any, and Gymnasium's id.
    fn module_and_id(&self) -> (Option<&str>, &str) {
        let id = self.id.strip_prefix("py:").unwrap_or(&self.id);
        id.split_once(':').map_or((None, id), |(module, id)| (Some(module), id))
    }

    /// What Python says of it.
    pub(crate) fn spec(&self) -> Result<EnvSpec> {
        let mut worker = Worker::spawn(Arc::new(self.clone()), 0..1)?;
        Ok(self.spec_from(&worker.hello()?))
    }

    /// One environment.
    pub(crate) fn build(&self) -> Result<(EnvSpec, Box<dyn Env>)> {
        let mut worker = Worker::spawn(Arc::new(self.clone()), 0..1)?;
        let hello = worker.hello()?;
        Ok((self.spec_from(&hello), Box::new(BridgeEnv::new(worker, &hello)?)))
    }

    /// A batch.
    pub(crate) fn build_batch(&self, num_envs: usize) -> Result<Box<dyn VectorEnv>> {
        Ok(Box::new(BridgeVectorEnv::new(self.clone(), num_envs)?))
    }

    fn spec_from(&self, hello: &Hello) -> EnvSpec {
        let description = format!("{} of Python", hello.entry_point);
        let recipe = self.clone();
        let build = move |kwargs: &Kwargs| Ok(Self { kwargs: kwargs.clone(), ..recipe.clone() }.build()?.1);
        let mut spec = EnvSpec::elsewhere(&self.id, &description, build);
        spec.max_episode_steps = hello.max_episode_steps;
        spec.reward_threshold = hello.reward_threshold;
        spec
    }
}

/// The spaces of observations and actions, as ours.
fn spaces_of(recipe: &Recipe, hello: &Hello) -> Result<(Space, Space)> {
    let unsupported = |what: &str, problem: String, advice: &str| EnvError::PythonStart {
        env: recipe.id.clone(),
        problem: format!("its {what} space is not supported: {problem}"),
        advice: advice.to_owned(),
        trace: String::new(),
    };
    let (observation, left_out) = spaces::observation(&hello.observation_space).map_err(|problem| {
        unsupported(
            "observation",
            problem,
            "a wrapper that leaves that part out or turns it into numbers makes it one that is",
        )
    })?;
    let action = spaces::action(&hello.action_space).map_err(|problem| {
        unsupported("action", problem, "wrap it so that actions are Discrete, MultiDiscrete, MultiBinary or a Box")
    })?;
    if !left_out.is_empty() {
        notice(format!(
            "{}: text is left out of observations: `{}`; FilterObservation with the other parts says so explicitly",
            recipe.id,
            left_out.join("`, `")
        ));
    }
    Ok((observation, action))
}

/// Warns, once in the life of this process.
fn notice(message: String) {
    static GIVEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    // Every change is one insertion, so the set is whole even if another thread panicked meanwhile.
    if GIVEN.lock().unwrap_or_else(PoisonError::into_inner).insert(message.clone()) {
        tracing::warn!("{message}");
    }
}

/// Fills `scene` with what environment `i` renders. What goes wrong is warned of: a drawing is not worth a run.
fn picture(worker: &Worker, i: usize, answer: &mut Vec<u8>, scene: &mut Scene) {
    if let Err(trouble) = worker.ask(b'd', i, answer) {
        notice(worker.complaint(trouble));
        return;
    }
    let number = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes);
    if let Some((width, rest)) = body(answer).split_first_chunk()
        && let Some((height, rgb)) = rest.split_first_chunk()
    {
        let corner = [number(width) as f32, number(height) as f32];
        scene.bounds([0.0; 2], corner).image([0.0; 2], corner, number(width), rgb.to_vec());
    }
}
