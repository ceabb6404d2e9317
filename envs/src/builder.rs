//! Making environments: what `gymnasium.make` and `make_vec` take.

use std::path::Path;

use crate::bridge::{Recipe, is_python};
use crate::registry::registered;
use crate::{
    AutoresetMode, BridgeOptions, Env, EnvError, EnvSpec, Environment, Kwargs, Monitor, Result, SyncVectorEnv,
    VectorEnv, WrapperSpec, shared_library,
};

/// The time limit among keyword arguments.
const TIME_LIMIT: &str = "max_episode_steps";

/// An environment to be made, once or many times over.
///
/// ```
/// use cartwheel_envs::EnvBuilder;
///
/// let builder = EnvBuilder::new("CartPole-v1").kwarg("sutton_barto_reward", true);
/// let mut env = builder.make()?;
/// env.reset(Some(0))?;
/// assert_eq!(env.step(1)?.reward, 0.0);
/// assert_eq!(builder.make_vec(8)?.num_envs(), 8);
///
/// let stacked = builder.wrapper("FrameStackObservation(4)")?.make()?;
/// assert_eq!(stacked.observation_space().shape(), [4, 4]);
/// # Ok::<(), cartwheel_envs::EnvError>(())
/// ```
#[derive(Clone, Debug)]
pub struct EnvBuilder {
    id: String,
    kwargs: Kwargs,
    wrappers: Vec<WrapperSpec>,
    bridge: BridgeOptions,
    drawable: bool,
    /// In place of the registered one, if it is given.
    max_episode_steps: Option<Option<u32>>,
    autoreset_mode: AutoresetMode,
}

impl EnvBuilder {
    /// The environment registered under `id`, or one of Python if it begins with `py:`, with its default arguments.
    ///
    /// Behind `py:` stands an id of Gymnasium's, with a module to import first if the environment is not Gymnasium's
    /// own: `py:ale_py:ALE/Pong-v5`. See [`Self::bridge`]. Behind `c:` stands the path of a shared library that has an
    /// environment in C, or another language that compiles to the same: `c:./libsquared.so` (`envs/c/cartwheel.h`).
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            kwargs: Kwargs::new(),
            wrappers: Vec::new(),
            bridge: BridgeOptions::default(),
            drawable: false,
            max_episode_steps: None,
            autoreset_mode: AutoresetMode::default(),
        }
    }

    /// A keyword argument; `max_episode_steps` is the time limit, as `gymnasium.make`'s, of which -1 is none.
    #[must_use]
    pub fn kwarg(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.kwargs.insert(name.to_owned(), value.into());
        self
    }

    /// Keyword arguments.
    #[must_use]
    pub fn kwargs(mut self, kwargs: Kwargs) -> Self {
        self.kwargs.extend(kwargs);
        self
    }

    /// A wrapper around it and its time limit, and around the wrappers before: see [`WrapperSpec`].
    ///
    /// # Errors
    /// [`EnvError::UnknownWrapper`](crate::EnvError::UnknownWrapper), [`EnvError::BadWrapper`](crate::EnvError::BadWrapper)
    /// and [`EnvError::BadArgument`](crate::EnvError::BadArgument).
    pub fn wrapper(mut self, wrapper: &str) -> Result<Self> {
        self.wrappers.push(wrapper.parse()?);
        Ok(self)
    }

    /// Wrappers, the innermost first.
    #[must_use]
    pub fn wrappers(mut self, wrappers: Vec<WrapperSpec>) -> Self {
        self.wrappers.extend(wrappers);
        self
    }

    /// How it is run if it is one of Python.
    #[must_use]
    pub fn bridge(mut self, options: BridgeOptions) -> Self {
        self.bridge = options;
        self
    }

    /// Asks for an environment that can be drawn. One of Python must know when it is made: it then has
    /// `render_mode="rgb_array"`, if it knows that mode. Others can always be drawn.
    #[must_use]
    pub fn drawable(mut self) -> Self {
        self.drawable = true;
        self
    }

    /// Another time limit than the registered one and than one among keyword arguments, or none. An environment of Python keeps its
    /// own.
    #[must_use]
    pub fn max_episode_steps(mut self, steps: Option<u32>) -> Self {
        self.max_episode_steps = Some(steps);
        self
    }

    /// When a batch resets environments whose episodes ended.
    #[must_use]
    pub fn autoreset_mode(mut self, mode: AutoresetMode) -> Self {
        self.autoreset_mode = mode;
        self
    }

    /// What is registered of it, with the time limit that it gets, and its own keyword arguments: `max_episode_steps` is
    /// `gymnasium.make`'s.
    fn registered(&self) -> Result<(EnvSpec, Kwargs)> {
        let (mut spec, mut kwargs) = (registered(&self.id)?, self.kwargs.clone());
        let is_own = spec.kwargs.iter().any(|kwarg| kwarg.name == TIME_LIMIT);
        if let Some(value) = (!is_own).then(|| kwargs.remove(TIME_LIMIT)).flatten() {
            let steps = value.as_i64().filter(|steps| *steps == -1 || (1..=i64::from(u32::MAX)).contains(steps));
            let expected = "a whole number of at least 1, or -1 for no limit";
            let steps = steps.ok_or_else(|| EnvError::bad_argument(&self.id, TIME_LIMIT, &value, expected))?;
            spec.max_episode_steps = u32::try_from(steps).ok();
        }
        if let Some(steps) = self.max_episode_steps {
            spec.max_episode_steps = steps;
        }
        Ok((spec, kwargs))
    }

    /// Whether it lives in Python, in worker processes of its own.
    pub fn is_python(&self) -> bool {
        is_python(&self.id)
    }

    /// The shared library that it is in, if it is in one.
    pub fn library(&self) -> Option<&Path> {
        shared_library::path_of(&self.id)
    }

    /// How to make it in Python, if it is an environment of Python.
    fn recipe(&self) -> Option<Recipe> {
        self.is_python().then(|| Recipe {
            id: self.id.clone(),
            kwargs: self.kwargs.clone(),
            wrappers: self.wrappers.clone(),
            options: self.bridge.clone(),
            draw: self.drawable,
        })
    }

    /// What is registered of it, or what Python says of it, for which it is made once.
    ///
    /// # Errors
    /// [`EnvError::UnknownEnv`](crate::EnvError::UnknownEnv), [`EnvError::PythonStart`](crate::EnvError::PythonStart).
    pub fn spec(&self) -> Result<EnvSpec> {
        match self.recipe() {
            Some(python) => python.spec(),
            None => Ok(self.registered()?.0),
        }
    }

    /// One environment with its time limit and wrappers, to be given a generator and rows.
    ///
    /// # Errors
    /// [`EnvError::UnknownEnv`](crate::EnvError::UnknownEnv), [`EnvError::UnknownArgument`](crate::EnvError::UnknownArgument),
    /// [`EnvError::BadArgument`](crate::EnvError::BadArgument), [`EnvError::UnfitWrapper`](crate::EnvError::UnfitWrapper),
    /// and the constructor's own; as all that follow.
    pub fn build(&self) -> Result<Box<dyn Env>> {
        Ok(self.parts()?.1)
    }

    fn parts(&self) -> Result<(EnvSpec, Box<dyn Env>)> {
        if let Some(python) = self.recipe() {
            return python.build();
        }
        let (spec, kwargs) = self.registered()?;
        let env = spec.build(&kwargs)?;
        if self.wrappers.is_empty() {
            return Ok((spec, env));
        }
        // Whatever wrappers make of rewards, returns are told in the environment's own.
        let env: Box<dyn Env> = Box::new(Monitor::new(env));
        Ok((spec, self.wrappers.iter().try_fold(env, |env, wrapper| wrapper.wrap(env))?))
    }

    /// One environment, to be stepped by hand (`gym.make(id, **kwargs)`).
    ///
    /// # Errors
    /// As [`Self::build`].
    pub fn make(&self) -> Result<Environment> {
        let (spec, env) = self.parts()?;
        Ok(Environment::new(spec, env))
    }

    /// A batch (`gym.make_vec(id, num_envs)`): worker processes for an environment of Python; the native one if there
    /// is one that knows the autoreset mode, and no wrapper; else a [`SyncVectorEnv`].
    ///
    /// # Errors
    /// As [`Self::build`], and [`EnvError::Failed`] for a batch of none and for one of Python in an autoreset mode that
    /// it does not know.
    pub fn make_vec(&self, num_envs: usize) -> Result<Box<dyn VectorEnv>> {
        if let Some(python) = self.recipe() {
            let mut batch = python.build_batch(num_envs)?;
            if !batch.set_autoreset_mode(self.autoreset_mode) {
                return Err(EnvError::failed("a batch of environments of Python knows same-step autoreset only"));
            }
            return Ok(batch);
        }
        if self.wrappers.is_empty()
            && let (spec, kwargs) = self.registered()?
            && let Some(native) = spec.build_batch(&kwargs, num_envs)
        {
            let mut native = native?;
            if native.set_autoreset_mode(self.autoreset_mode) {
                return Ok(native);
            }
        }
        let envs = (0..num_envs).map(|_| self.build()).collect::<Result<_>>()?;
        let mut envs = SyncVectorEnv::new(envs)?;
        envs.set_autoreset_mode(self.autoreset_mode);
        Ok(Box::new(envs))
    }
}
