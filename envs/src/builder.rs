//! Making environments: what `gymnasium.make` and `make_vec` take.

use crate::registry::spec;
use crate::{Env, EnvSpec, Environment, Kwargs, Result, SyncVectorEnv, VectorEnv};

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
/// # Ok::<(), cartwheel_envs::EnvError>(())
/// ```
#[derive(Clone, Debug)]
pub struct EnvBuilder {
    id: String,
    kwargs: Kwargs,
}

impl EnvBuilder {
    /// The environment registered under `id`, with its default arguments.
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), kwargs: Kwargs::new() }
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

    /// What is registered of it.
    ///
    /// # Errors
    /// [`EnvError::UnknownEnv`](crate::EnvError::UnknownEnv).
    pub fn spec(&self) -> Result<EnvSpec> {
        spec(&self.id)
    }

    /// One environment, to be given a generator and rows (`gym.make(id).unwrapped`, with its time limit).
    ///
    /// # Errors
    /// [`EnvError::UnknownEnv`](crate::EnvError::UnknownEnv), [`EnvError::UnknownArgument`](crate::EnvError::UnknownArgument),
    /// [`EnvError::BadArgument`](crate::EnvError::BadArgument), and the constructor's own; as all that follow.
    pub fn build(&self) -> Result<Box<dyn Env>> {
        self.spec()?.build(&self.kwargs)
    }

    /// One environment, to be stepped by hand (`gym.make(id, **kwargs)`).
    ///
    /// # Errors
    /// As [`Self::build`].
    pub fn make(&self) -> Result<Environment> {
        let spec = self.spec()?;
        let env = spec.build(&self.kwargs)?;
        Ok(Environment::new(spec, env))
    }

    /// A batch (`gym.make_vec(id, num_envs)`): the native one if there is one, else a [`SyncVectorEnv`].
    ///
    /// # Errors
    /// As [`Self::build`], and [`EnvError::Failed`](crate::EnvError::Failed) for a batch of none.
    pub fn make_vec(&self, num_envs: usize) -> Result<Box<dyn VectorEnv>> {
        let spec = self.spec()?;
        if let Some(native) = spec.build_batch(&self.kwargs, num_envs) {
            return native;
        }
        let envs = (0..num_envs).map(|_| spec.build(&self.kwargs)).collect::<Result<_>>()?;
        Ok(Box::new(SyncVectorEnv::new(envs)?))
    }
}
