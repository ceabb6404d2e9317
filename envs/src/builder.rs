//! Making environments: what `gymnasium.make` and `make_vec` take.

use crate::registry::spec;
use crate::{Env, EnvSpec, Environment, Kwargs, Monitor, Result, SyncVectorEnv, VectorEnv, WrapperSpec};

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
}

impl EnvBuilder {
    /// The environment registered under `id`, with its default arguments.
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), kwargs: Kwargs::new(), wrappers: Vec::new() }
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

    /// What is registered of it.
    ///
    /// # Errors
    /// [`EnvError::UnknownEnv`](crate::EnvError::UnknownEnv).
    pub fn spec(&self) -> Result<EnvSpec> {
        spec(&self.id)
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

    /// A batch (`gym.make_vec(id, num_envs)`): the native one if there is one and no wrapper, else a
    /// [`SyncVectorEnv`].
    ///
    /// # Errors
    /// As [`Self::build`], and [`EnvError::Failed`](crate::EnvError::Failed) for a batch of none.
    pub fn make_vec(&self, num_envs: usize) -> Result<Box<dyn VectorEnv>> {
        if self.wrappers.is_empty()
            && let Some(native) = self.spec()?.build_batch(&self.kwargs, num_envs)
        {
            return native;
        }
        let envs = (0..num_envs).map(|_| self.build()).collect::<Result<_>>()?;
        Ok(Box::new(SyncVectorEnv::new(envs)?))
    }
}
