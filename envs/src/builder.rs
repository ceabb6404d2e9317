//! Making environments: what `gymnasium.make` and `make_vec` take.

use crate::bridge::{Recipe, is_python};
use crate::registry::registered;
use crate::{BridgeOptions, Env, EnvSpec, Environment, Kwargs, Result, SyncVectorEnv, VectorEnv};

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
    bridge: BridgeOptions,
    drawable: bool,
}

impl EnvBuilder {
    /// The environment registered under `id`, or one of Python if it begins with `py:`, with its default arguments.
    ///
    /// Behind `py:` stands an id of Gymnasium's, with a module to import first if the environment is not Gymnasium's
    /// own: `py:ale_py:ALE/Pong-v5`. See [`Self::bridge`].
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), kwargs: Kwargs::new(), bridge: BridgeOptions::default(), drawable: false }
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

    /// How to make it in Python, if it is an environment of Python.
    fn recipe(&self) -> Option<Recipe> {
        is_python(&self.id).then(|| Recipe {
            id: self.id.clone(),
            kwargs: self.kwargs.clone(),
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
            None => registered(&self.id),
        }
    }

    /// One environment, to be given a generator and rows (`gym.make(id).unwrapped`, with its time limit).
    ///
    /// # Errors
    /// [`EnvError::UnknownEnv`](crate::EnvError::UnknownEnv), [`EnvError::UnknownArgument`](crate::EnvError::UnknownArgument),
    /// [`EnvError::BadArgument`](crate::EnvError::BadArgument), and the constructor's own; as all that follow.
    pub fn build(&self) -> Result<Box<dyn Env>> {
        Ok(self.parts()?.1)
    }

    fn parts(&self) -> Result<(EnvSpec, Box<dyn Env>)> {
        if let Some(python) = self.recipe() {
            return python.build();
        }
        let spec = registered(&self.id)?;
        let env = spec.build(&self.kwargs)?;
        Ok((spec, env))
    }

    /// One environment, to be stepped by hand (`gym.make(id, **kwargs)`).
    ///
    /// # Errors
    /// As [`Self::build`].
    pub fn make(&self) -> Result<Environment> {
        let (spec, env) = self.parts()?;
        Ok(Environment::new(spec, env))
    }

    /// A batch (`gym.make_vec(id, num_envs)`): the native one if there is one, worker processes
    /// for an environment of Python, else a [`SyncVectorEnv`].
    ///
    /// # Errors
    /// As [`Self::build`], and [`EnvError::Failed`](crate::EnvError::Failed) for a batch of none.
    pub fn make_vec(&self, num_envs: usize) -> Result<Box<dyn VectorEnv>> {
        if let Some(python) = self.recipe() {
            return python.build_batch(num_envs);
        }
        let spec = registered(&self.id)?;
        if let Some(native) = spec.build_batch(&self.kwargs, num_envs) {
            return native;
        }
        let envs = (0..num_envs).map(|_| spec.build(&self.kwargs)).collect::<Result<_>>()?;
        Ok(Box::new(SyncVectorEnv::new(envs)?))
    }
}
