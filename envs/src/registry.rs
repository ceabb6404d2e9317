//! Environments by name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::check::refuse_bad_spaces;
use crate::error::nearest;
use crate::{
    Env, EnvBuilder, EnvError, Environment, Result, TimeLimit, VectorEnv, classic, debug, goal, minatar,
    shared_library, toy_text,
};

/// Keyword arguments of an environment, as in `gym.make(id, **kwargs)`.
pub type Kwargs = serde_json::Map<String, Value>;

type Construct = dyn Fn(&EnvSpec, &Kwargs) -> Result<Box<dyn Env>> + Send + Sync;
type ConstructBatch = dyn Fn(&EnvSpec, &Kwargs, usize) -> Result<Box<dyn VectorEnv>> + Send + Sync;

/// A keyword argument that an environment takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Kwarg {
    /// Its name.
    pub name: String,
    /// Its value when not given.
    pub default: Value,
    /// What it does, in a line.
    pub description: String,
}

/// An environment as it is registered: its name, how to make it, and what its makers say of it.
///
/// ```
/// use cartwheel_envs::{EnvSpec, IdentityEnv, make, register};
///
/// register(
///     EnvSpec::new("Copycat-v0", "Repeat the number shown", |config| Ok(IdentityEnv::new(config)))
///         .max_episode_steps(5)
///         .kwarg("n", 4, "how many numbers there are"),
/// )?;
/// assert_eq!(make("Copycat-v0")?.spec().max_episode_steps, Some(5));
/// # Ok::<(), cartwheel_envs::EnvError>(())
/// ```
#[derive(Clone)]
pub struct EnvSpec {
    /// Name and version, as `CartPole-v1`.
    pub id: String,
    /// What it is, in a line.
    pub description: String,
    /// The time limit, if there is one.
    pub max_episode_steps: Option<u32>,
    /// The mean undiscounted return at which the task counts as solved, if that is agreed on.
    pub reward_threshold: Option<f64>,
    /// The keyword arguments it takes.
    pub kwargs: Vec<Kwarg>,
    construct: Arc<Construct>,
    construct_batch: Option<Arc<ConstructBatch>>,
}

impl EnvSpec {
    /// An environment made by `construct` from its keyword arguments, which `C` reads: a struct with
    /// `#[serde(default, deny_unknown_fields)]`. Each is also to be named with [`Self::kwarg`], whose
    /// default is what `C` reads when it is not given.
    pub fn new<C, E>(id: &str, description: &str, construct: impl Fn(C) -> Result<E> + Send + Sync + 'static) -> Self
    where
        C: DeserializeOwned,
        E: Env + 'static,
    {
        let construct = move |spec: &EnvSpec, kwargs: &Kwargs| -> Result<Box<dyn Env>> {
            let env = construct(spec.config(kwargs)?)?;
            Ok(match spec.max_episode_steps {
                Some(limit) => Box::new(TimeLimit::new(env, limit)),
                None => Box::new(env),
            })
        };
        Self::made_by(id, description, Arc::new(construct))
    }

    fn made_by(id: &str, description: &str, construct: Arc<Construct>) -> Self {
        Self {
            id: id.to_owned(),
            description: description.to_owned(),
            max_episode_steps: None,
            reward_threshold: None,
            kwargs: Vec::new(),
            construct,
            construct_batch: None,
        }
    }

    /// Truncates episodes with this step. See [`TimeLimit`].
    #[must_use]
    pub fn max_episode_steps(mut self, steps: u32) -> Self {
        self.max_episode_steps = Some(steps);
        self
    }

    /// The mean return at which the task counts as solved.
    #[must_use]
    pub fn reward_threshold(mut self, threshold: f64) -> Self {
        self.reward_threshold = Some(threshold);
        self
    }

    /// A keyword argument that it takes.
    #[must_use]
    pub fn kwarg(mut self, name: &str, default: impl Into<Value>, description: &str) -> Self {
        self.kwargs.push(Kwarg { name: name.to_owned(), default: default.into(), description: description.to_owned() });
        self
    }

    /// A batched form that agrees with the single one bit for bit: made from the keyword arguments, the
    /// number of environments and the time limit.
    #[must_use]
    pub fn batch<C, V>(mut self, construct: impl Fn(C, usize, Option<u32>) -> Result<V> + Send + Sync + 'static) -> Self
    where
        C: DeserializeOwned,
        V: VectorEnv + 'static,
    {
        self.construct_batch = Some(Arc::new(move |spec, kwargs, num_envs| {
            Ok(Box::new(construct(spec.config(kwargs)?, num_envs, spec.max_episode_steps)?))
        }));
        self
    }

    /// An environment that is made elsewhere, from whatever keyword arguments.
    pub(crate) fn elsewhere(
        id: &str,
        description: &str,
        construct: impl Fn(&Kwargs) -> Result<Box<dyn Env>> + Send + Sync + 'static,
    ) -> Self {
        Self::made_by(id, description, Arc::new(move |_, kwargs| construct(kwargs)))
    }

    /// The environment by itself, with its time limit.
    ///
    /// # Errors
    /// [`EnvError::UnknownArgument`], [`EnvError::BadArgument`], [`EnvError::BadSpace`], and the constructor's own.
    pub fn build(&self, kwargs: &Kwargs) -> Result<Box<dyn Env>> {
        let env = (self.construct)(self, kwargs)?;
        refuse_bad_spaces(&self.id, &env.observation_space(), &env.action_space())?;
        Ok(env)
    }

    /// The native batch, if there is one.
    pub(crate) fn build_batch(&self, kwargs: &Kwargs, num_envs: usize) -> Option<Result<Box<dyn VectorEnv>>> {
        self.construct_batch.as_ref().map(|construct| construct(self, kwargs, num_envs))
    }

    /// Parses the keyword arguments, naming the one that is wrong.
    fn config<C: DeserializeOwned>(&self, kwargs: &Kwargs) -> Result<C> {
        let parse = |kwargs: Kwargs| serde_json::from_value::<C>(Value::Object(kwargs));
        for (name, value) in kwargs {
            if !self.kwargs.iter().any(|kwarg| kwarg.name == *name) {
                return Err(EnvError::UnknownArgument {
                    env: self.id.clone(),
                    argument: name.clone(),
                    nearest: nearest(name, self.kwargs.iter().map(|kwarg| kwarg.name.as_str())),
                });
            }
            // Alone, so that an error is this argument's: the others have defaults.
            if let Err(error) = parse(Kwargs::from_iter([(name.clone(), value.clone())])) {
                let message = error.to_string();
                let expected = message.split_once("expected ").map_or(message.as_str(), |(_, expected)| expected);
                return Err(EnvError::BadArgument {
                    env: self.id.clone(),
                    argument: name.clone(),
                    found: value.to_string(),
                    expected: in_words(expected).to_owned(),
                });
            }
        }
        let defaults = self.kwargs.iter().map(|kwarg| (kwarg.name.clone(), kwarg.default.clone()));
        parse(defaults.chain(kwargs.clone()).collect())
            .map_err(|error| EnvError::failed(format!("{}: its arguments: {error}", self.id)))
    }
}

/// A type of Rust's, as serde names what it expected, for those who know none.
fn in_words(expected: &str) -> &str {
    match expected {
        "u8" => "an integer from 0 to 255",
        "u16" => "an integer from 0 to 65535",
        "a nonzero u16" => "an integer from 1 to 65535",
        "u32" | "u64" | "usize" => "an integer, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "an integer",
        "f32" | "f64" => "a number",
        other => other,
    }
}

impl fmt::Debug for EnvSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvSpec")
            .field("id", &self.id)
            .field("max_episode_steps", &self.max_episode_steps)
            .field("reward_threshold", &self.reward_threshold)
            .field("kwargs", &self.kwargs)
            .finish_non_exhaustive()
    }
}

static REGISTRY: LazyLock<RwLock<BTreeMap<String, EnvSpec>>> = LazyLock::new(|| {
    let specs = classic::specs().into_iter().chain(toy_text::specs()).chain(minatar::specs()).chain(goal::specs());
    let specs = specs.chain(debug::specs());
    RwLock::new(specs.map(|spec| (spec.id.clone(), spec)).collect())
});

/// Adds an environment of one's own, to be made by its id like any other.
///
/// # Errors
/// [`EnvError::AlreadyRegistered`].
pub fn register(spec: EnvSpec) -> Result<()> {
    // Every change is one insertion, so the map is whole even if another thread panicked meanwhile.
    let mut registry = REGISTRY.write().unwrap_or_else(PoisonError::into_inner);
    if registry.contains_key(&spec.id) {
        return Err(EnvError::AlreadyRegistered { id: spec.id });
    }
    registry.insert(spec.id.clone(), spec);
    Ok(())
}

/// The environment registered under `id`, or the one of Python or of a shared library that it names: see
/// [`EnvBuilder::spec`].
///
/// # Errors
/// [`EnvError::UnknownEnv`], [`EnvError::PythonStart`], [`EnvError::SharedLibrary`].
pub fn spec(id: &str) -> Result<EnvSpec> {
    EnvBuilder::new(id).spec()
}

pub(crate) fn registered(id: &str) -> Result<EnvSpec> {
    if let Some(path) = shared_library::path_of(id) {
        return shared_library::spec(id, path);
    }
    let registry = REGISTRY.read().unwrap_or_else(PoisonError::into_inner);
    registry.get(id).cloned().ok_or_else(|| EnvError::UnknownEnv {
        id: id.to_owned(),
        nearest: nearest(id, registry.keys().map(String::as_str)),
    })
}

/// Everything registered, sorted by id.
pub fn list() -> Vec<EnvSpec> {
    let registry = REGISTRY.read().unwrap_or_else(PoisonError::into_inner);
    registry.values().cloned().collect()
}

/// Makes an environment with its default arguments (`gym.make(id)`).
///
/// # Errors
/// [`EnvError::UnknownEnv`], and the constructor's own.
pub fn make(id: &str) -> Result<Environment> {
    make_with(id, &Kwargs::new())
}

/// Makes an environment (`gym.make(id, **kwargs)`).
///
/// # Errors
/// [`EnvError::UnknownEnv`], [`EnvError::UnknownArgument`], [`EnvError::BadArgument`], and the
/// constructor's own.
pub fn make_with(id: &str, kwargs: &Kwargs) -> Result<Environment> {
    EnvBuilder::new(id).kwargs(kwargs.clone()).make()
}

/// Makes a batch of environments (`gym.make_vec(id, num_envs)`): see [`EnvBuilder::make_vec`].
///
/// # Errors
/// As [`make_with`], and [`EnvError::Failed`] for a batch of none.
pub fn make_vec(id: &str, num_envs: usize, kwargs: &Kwargs) -> Result<Box<dyn VectorEnv>> {
    EnvBuilder::new(id).kwargs(kwargs.clone()).make_vec(num_envs)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kwargs(value: Value) -> Kwargs {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn mistakes_are_named() {
        let unknown = make("CartPol-v1").err();
        assert!(
            matches!(&unknown, Some(EnvError::UnknownEnv { nearest, .. }) if nearest.contains(&"CartPole-v1".into()))
        );
        assert_eq!(
            make_with("CartPole-v1", &kwargs(json!({"suton_barto_reward": true}))).err(),
            Some(EnvError::UnknownArgument {
                env: "CartPole-v1".into(),
                argument: "suton_barto_reward".into(),
                nearest: vec!["sutton_barto_reward".into()],
            })
        );
        assert_eq!(
            make_with("Identity-v0", &kwargs(json!({"length": 3, "n": 0}))).err().unwrap().to_string(),
            "Identity-v0: argument `n` is 0; it must be an integer from 1 to 65535"
        );
        assert!(matches!(make_vec("CartPole-v1", 0, &Kwargs::new()), Err(EnvError::Failed { .. })));
        assert!(matches!(make_vec("Bandit-v0", 0, &Kwargs::new()), Err(EnvError::Failed { .. })));
    }

    #[test]
    fn ids_are_taken_once() {
        let again = spec("CartPole-v1").unwrap();
        assert_eq!(register(again), Err(EnvError::AlreadyRegistered { id: "CartPole-v1".into() }));
    }

    #[test]
    fn listed_in_order_with_true_defaults() {
        let ids: Vec<_> = list().into_iter().map(|spec| spec.id).collect();
        assert!(ids.is_sorted() && ids.len() >= 5, "{ids:?}");
        for spec in list() {
            // The documented defaults must at least be values that the environment takes.
            let defaults = spec.kwargs.iter().map(|kwarg| (kwarg.name.clone(), kwarg.default.clone())).collect();
            assert!(spec.build(&defaults).is_ok(), "{spec:?}");
        }
    }
}
