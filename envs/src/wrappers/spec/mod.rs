//! Wrappers by name, as configurations give them: `"FrameStackObservation(4)"`.

mod expression;
mod kind;
mod literal;
mod table;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use table::{WrapperInfo, WrapperParam, register_wrapper, wrappers};

use crate::error::nearest;
use crate::{Env, EnvError, Result};
use literal::{FromLiteral, Literal};

/// A wrapper and its arguments, read from what would construct it in Python: arguments by position or by name, numbers,
/// strings, tuples, lists, `True`, `False` and `None`. Functions are expressions of one variable.
///
/// ```
/// use cartwheel_envs::{EnvBuilder, WrapperSpec};
///
/// let stack: WrapperSpec = "FrameStackObservation(stack_size=4, padding_type='zero')".parse()?;
/// let scaled: WrapperSpec = "TransformReward(0.01 * r)".parse()?;
/// let env = EnvBuilder::new("CartPole-v1").wrappers(vec![stack, scaled]).make()?;
/// assert_eq!(env.observation_space().shape(), [4, 4]);
/// # Ok::<(), cartwheel_envs::EnvError>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WrapperSpec {
    text: String,
    info: &'static WrapperInfo,
    /// One for each parameter, in order.
    args: Vec<Literal>,
}

impl WrapperSpec {
    /// The wrapper's entry in the list of all.
    pub fn info(&self) -> &'static WrapperInfo {
        self.info
    }

    /// `env` with this wrapper around it.
    ///
    /// # Errors
    /// The wrapper's own: [`EnvError::UnfitWrapper`] and [`EnvError::BadArgument`].
    pub fn wrap(&self, env: Box<dyn Env>) -> Result<Box<dyn Env>> {
        (self.info.build)(env, self)
    }

    /// The argument called `name`, if it is a number.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.get(name).ok()
    }

    /// The argument called `name`.
    fn get<T: FromLiteral>(&self, name: &str) -> Result<T> {
        let params = self.info.params.iter().zip(&self.args);
        let found = params.filter(|(param, _)| param.name == name).find_map(|(_, value)| T::from_literal(value));
        found.ok_or_else(|| EnvError::bad_argument(self.info.name, name, "of another type", "as its entry says"))
    }
}

impl FromStr for WrapperSpec {
    type Err = EnvError;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let bad = |problem: String| EnvError::BadWrapper { text: text.to_owned(), problem };
        let (name, given) = literal::call(text).map_err(bad)?;
        let info = wrappers().into_iter().find(|info| info.name == name).ok_or_else(|| EnvError::UnknownWrapper {
            name: name.to_owned(),
            nearest: nearest(name, wrappers().iter().map(|info| info.name)),
        })?;
        let mut args: Vec<Option<Literal>> = vec![None; info.params.len()];
        for (position, (keyword, value)) in given.into_iter().enumerate() {
            let index = match keyword {
                None => position,
                Some(keyword) => info
                    .params
                    .iter()
                    .position(|param| param.name == keyword)
                    .ok_or_else(|| bad(format!("it has no argument `{keyword}`; it takes {}", info.signature())))?,
            };
            let Some(param) = info.params.get(index) else {
                return Err(bad(format!("it takes {}; leave out `{value}`", info.signature())));
            };
            if args[index].is_some() {
                return Err(bad(format!("`{}` is given twice; leave one out", param.name)));
            }
            let read = (param.kind.read)(value).map_err(bad)?;
            args[index] =
                Some(read.ok_or_else(|| EnvError::bad_argument(name, param.name, value, param.kind.expects))?);
        }
        let args = args.into_iter().zip(info.params).map(|(arg, param)| match (arg, param.default) {
            (Some(arg), _) => Ok(arg),
            (None, Some(default)) => (param.kind.read)(default)
                .map_err(bad)?
                .ok_or_else(|| EnvError::bad_argument(name, param.name, default, param.kind.expects)),
            (None, None) => Err(bad(format!(
                "`{}` is missing; it must be {}: {}",
                param.name,
                param.kind.expects,
                info.signature()
            ))),
        });
        Ok(Self { text: text.to_owned(), info, args: args.collect::<Result<_>>()? })
    }
}

impl PartialEq for WrapperSpec {
    /// Whether they are the same wrapper with the same arguments, however written.
    fn eq(&self, other: &Self) -> bool {
        self.info.name == other.info.name && self.args == other.args
    }
}

impl fmt::Display for WrapperSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for WrapperSpec {
    type Error = EnvError;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<WrapperSpec> for String {
    fn from(spec: WrapperSpec) -> Self {
        spec.text
    }
}

#[cfg(test)]
mod tests;
