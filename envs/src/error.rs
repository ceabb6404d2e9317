//! What can go wrong with an environment, and how names are suggested for mistyped ones.

use std::fmt;

/// The result of everything here that can fail.
pub type Result<T, E = EnvError> = std::result::Result<T, E>;

/// What went wrong, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvError {
    // === Registry ===
    /// No environment is registered under this id.
    #[error("there is no environment `{id}`; {}`cartwheel env list` names them all{}", DidYouMean(.nearest), Elsewhere(.id, .nearest))]
    UnknownEnv {
        /// The id asked for.
        id: String,
        /// Registered ids that look like it, best first.
        nearest: Vec<String>,
    },
    /// The id to be registered is taken.
    #[error("an environment `{id}` is already registered; choose another id or version")]
    AlreadyRegistered {
        /// The id asked for.
        id: String,
    },
    /// The name of the wrapper to be registered is taken.
    #[error("a wrapper `{name}` is there already; choose another name")]
    WrapperRegistered {
        /// The name asked for.
        name: &'static str,
    },
    /// The environment has no keyword argument of this name.
    #[error("{env} has no argument `{argument}`; {}`cartwheel env info {env}` names those it has", DidYouMean(.nearest))]
    UnknownArgument {
        /// Id of the environment.
        env: String,
        /// The argument's name as given.
        argument: String,
        /// Its arguments that look like it, best first.
        nearest: Vec<String>,
    },
    /// A keyword argument has a value of the wrong type or outside its range.
    #[error("{env}: argument `{argument}` is {found}; it must be {expected}")]
    BadArgument {
        /// Id of the environment, or name of the wrapper.
        env: String,
        /// The argument's name.
        argument: String,
        /// The value given, as JSON, or as a Python literal.
        found: String,
        /// What it should be.
        expected: String,
    },

    /// A space that has no elements, or of which no actions can be made.
    #[error("{env}: its {which}: {problem}")]
    BadSpace {
        /// Id of the environment.
        env: String,
        /// `observation space` or `action space`.
        which: &'static str,
        /// What is wrong with it, and how it would be right.
        problem: String,
    },

    // === Wrappers ===
    /// There is no wrapper of this name.
    #[error("there is no wrapper `{name}`; {}`cartwheel env wrappers` names them all", DidYouMean(.nearest))]
    UnknownWrapper {
        /// The name asked for.
        name: String,
        /// Wrappers that look like it, best first.
        nearest: Vec<String>,
    },
    /// A wrapper's text that cannot be read.
    #[error("the wrapper `{text}`: {problem}")]
    BadWrapper {
        /// The text.
        text: String,
        /// What is wrong with it, and how it would be right.
        problem: String,
    },
    /// A wrapper around an environment that it does not fit.
    #[error("{wrapper} needs {needs}, but the {which} space is {space}; {advice}")]
    UnfitWrapper {
        /// The wrapper.
        wrapper: &'static str,
        /// What it needs.
        needs: &'static str,
        /// `observation` or `action`.
        which: &'static str,
        /// The space found.
        space: String,
        /// What to do.
        advice: &'static str,
    },

    // === Stepping ===
    /// An action that is no element of the action space.
    #[error("the action is {found}; it must be {expected}")]
    InvalidAction {
        /// The action given.
        found: String,
        /// What the action space takes.
        expected: String,
    },
    /// A step before the first reset, or after the episode ended, or after an error.
    #[error("the environment has no episode to step: call reset first")]
    ResetNeeded,
    /// A failure of the environment itself.
    #[error("the environment failed: {message}")]
    Failed {
        /// The environment's own words.
        message: String,
    },
    /// The environment panicked; it must be reset or restored before it is stepped again.
    #[error("environment {index} panicked: {message}")]
    Panicked {
        /// Which environment of the batch.
        index: usize,
        /// The panic's message.
        message: String,
    },
    /// An error of one environment of a batch.
    #[error("environment {index}: {source}")]
    AtIndex {
        /// Which environment of the batch.
        index: usize,
        /// What went wrong there.
        source: Box<EnvError>,
    },

    // === Environments of shared libraries ===
    /// A shared library that has no environment, or none with these arguments.
    #[error("{env}: {problem}; {advice}")]
    SharedLibrary {
        /// Its id.
        env: String,
        /// What is wrong.
        problem: String,
        /// What to do about it.
        advice: String,
    },

    // === Environments of Python ===
    /// An environment of Python that cannot be made.
    #[error("{env}: {problem}; {advice}{trace}")]
    PythonStart {
        /// Its id.
        env: String,
        /// What is wrong.
        problem: String,
        /// What to do about it.
        advice: String,
        /// The traceback's last lines, each after a line break; empty if there was no exception.
        trace: String,
    },
    /// A failure of an environment of Python, or of its process.
    #[error("{env}: environment {index}, step {step} of its episode: {problem}; {advice}{trace}")]
    PythonEnv {
        /// Its id.
        env: String,
        /// Which environment of the batch.
        index: usize,
        /// The step of its episode in which it failed; 0 for its reset.
        step: u64,
        /// What is wrong.
        problem: String,
        /// What to do about it.
        advice: String,
        /// See [`Self::PythonStart`].
        trace: String,
    },

    // === Saving ===
    /// The environment does not implement `save` and `restore`.
    #[error("the environment cannot be saved; replay its episode from its generator and actions instead")]
    SaveUnsupported,
    /// The environment does not say what its state consists of.
    #[error("this environment declares no state variables, so its state cannot be set")]
    NoStateVariables,
    /// A state that cannot be taken up.
    #[error("this is no state of the environment: {message}")]
    BadState {
        /// What is wrong with it.
        message: String,
    },

    // === Files ===
    /// A recorded episode that is not in the format of `generate.py`.
    #[error("{place}: {problem}")]
    BadRecording {
        /// `file:line`.
        place: String,
        /// What was found and what was expected.
        problem: String,
    },
    /// A file that cannot be read or written.
    #[error("{path}: {message}")]
    File {
        /// The file.
        path: String,
        /// The system's words.
        message: String,
    },
}

impl EnvError {
    /// A failure of the environment itself, in its own words.
    pub fn failed(message: impl fmt::Display) -> Self {
        Self::Failed { message: message.to_string() }
    }

    /// An action that is not as `expected`: a phrase such as "0 (left) or 1 (right)".
    pub fn invalid_action(action: crate::Action<'_>, expected: impl fmt::Display) -> Self {
        Self::InvalidAction { found: action.to_string(), expected: expected.to_string() }
    }

    /// An argument of an environment or wrapper that it cannot be made with: `expected` is what it must be, such as "3 or more".
    pub fn bad_argument(env: &str, argument: &str, found: impl fmt::Display, expected: impl fmt::Display) -> Self {
        Self::BadArgument {
            env: env.to_owned(),
            argument: argument.to_owned(),
            found: found.to_string(),
            expected: expected.to_string(),
        }
    }

    /// A wrapper around an environment with observations that it cannot take.
    pub(crate) fn unfit_observation(
        wrapper: &'static str,
        needs: &'static str,
        space: &crate::Space,
        advice: &'static str,
    ) -> Self {
        Self::UnfitWrapper { wrapper, needs, which: "observation", space: space.to_string(), advice }
    }

    pub(crate) fn bad_state(message: impl fmt::Display) -> Self {
        Self::BadState { message: message.to_string() }
    }

    pub(crate) fn at(self, index: usize) -> Self {
        Self::AtIndex { index, source: Box::new(self) }
    }
}

/// `did you mean a or b? `, or nothing.
struct DidYouMean<'a>(&'a [String]);

impl fmt::Display for DidYouMean<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "did you mean {}? ", self.0.join(" or ")) }
    }
}

/// Where an id may be at home that is like none here.
struct Elsewhere<'a>(&'a str, &'a [String]);

impl fmt::Display for Elsewhere<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.1.is_empty() {
            if self.0.ends_with(".so") || self.0.ends_with(".dylib") {
                write!(f, "; one in a shared library is `c:{}`", self.0)?;
            }
            write!(f, "; one of Gymnasium in Python is `py:{}`", self.0)?;
        }
        f.write_str("; one of your own is known to the program that registers it")
    }
}

/// The (at most three) candidates that `name` could be a slip of, best first.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Vec<String> {
    let name = name.to_lowercase();
    let mut scored: Vec<_> = candidates
        .map(|candidate| (strsim::jaro_winkler(&name, &candidate.to_lowercase()), candidate))
        .filter(|(score, _)| *score > 0.75)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.truncate(3);
    scored.into_iter().map(|(_, candidate)| candidate.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["CartPole-v1", "Pendulum-v1", "Acrobot-v1"];
        assert_eq!(nearest("cartpol-v1", known.into_iter())[0], "CartPole-v1");
        assert!(nearest("quux", known.into_iter()).is_empty());
    }

    #[test]
    fn messages_say_what_to_do() {
        let error = EnvError::UnknownEnv { id: "X".into(), nearest: vec!["A".into(), "B".into()] };
        assert_eq!(
            error.to_string(),
            "there is no environment `X`; did you mean A or B? `cartwheel env list` names them all; one of your own is known \
             to the program that registers it"
        );
        let error = EnvError::UnknownEnv { id: "X".into(), nearest: Vec::new() };
        assert_eq!(
            error.to_string(),
            "there is no environment `X`; `cartwheel env list` names them all; one of Gymnasium in Python is `py:X`; one of \
             your own is known to the program that registers it"
        );
        let error = EnvError::UnknownArgument { env: "X".into(), argument: "size".into(), nearest: Vec::new() };
        assert_eq!(error.to_string(), "X has no argument `size`; `cartwheel env info X` names those it has");
        let error = EnvError::ResetNeeded.at(3);
        assert!(error.to_string().starts_with("environment 3: the environment has no episode"));
    }
}
