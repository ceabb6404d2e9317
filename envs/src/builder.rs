//! Making environments: what `gymnasium.make` and `make_vec` take.

use crate::registry::spec;
use crate::{AutoresetMode, Env, EnvSpec, Environment, Kwargs, Monitor, Result, SyncVectorEnv, VectorEnv, WrapperSpec};

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
    /// In place of the registered one, if it is given.
    max_episode_steps: Option<Option<u32>>,
    autoreset_mode: AutoresetMode,
}

impl EnvBuilder {
    /// The environment registered under `id`, with its default arguments.
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            kwargs: Kwargs::new(),
            wrappers: Vec::new(),
            max_episode_steps: None,
            autoreset_mode: AutoresetMode::default(),
        }
    }

    /// A keyword argument.
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

    /// Another time limit than the registered one, or none.
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

    /// What is registered of it, with the time limit that it gets.
    ///
    /// # Errors
    /// [`EnvError::UnknownEnv`](crate::EnvError::UnknownEnv).
    pub fn spec(&self) -> Result<EnvSpec> {
        let mut spec = spec(&self.id)?;
        if let Some(steps) = self.max_episode_steps {
            spec.max_episode_steps = steps;
        }
        Ok(spec)
    }

    /// One environment with its time limit and wrappers, to be given a generator and rows.
    ///
    /// # Errors
    /// [`EnvError::UnknownEnv`](crate::EnvError::UnknownEnv), [`EnvError::UnknownArgument`](crate::EnvError::UnknownArgument),
    /// [`EnvError::BadArgument`](crate::EnvError::BadArgument), [`EnvError::UnfitWrapper`](crate::EnvError::UnfitWrapper),
    /// and the constructor's own; as all that follow.
    pub fn build(&self) -> Result<Box<dyn Env>> {
        let env = self.spec()?.build(&self.kwargs)?;
        if self.wrappers.is_empty() {
            return Ok(env);
        }
        // Whatever wrappers make of rewards, returns are told in the environment's own.
        let env: Box<dyn Env> = Box::new(Monitor::new(env));
        self.wrappers.iter().try_fold(env, |env, wrapper| wrapper.wrap(env))
    }

    /// One environment, to be stepped by hand (`gym.make(id, **kwargs)`).
    ///
    /// # Errors
    /// As [`Self::build`].
    pub fn make(&self) -> Result<Environment> {
        Ok(Environment::new(self.spec()?, self.build()?))
    }

    /// A batch (`gym.make_vec(id, num_envs)`): the native one if there is one that knows the autoreset mode, and no
    /// wrapper, else a [`SyncVectorEnv`].
    ///
    /// # Errors
    /// As [`Self::build`], and [`EnvError::Failed`](crate::EnvError::Failed) for a batch of none.
    pub fn make_vec(&self, num_envs: usize) -> Result<Box<dyn VectorEnv>> {
        if self.wrappers.is_empty()
            && let Some(native) = self.spec()?.build_batch(&self.kwargs, num_envs)
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
