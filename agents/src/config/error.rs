//! What can be wrong with a configuration, told so that the reader can mend it.

use thiserror::Error;

/// Why a [`Section`](super::Section) refused a value. Where the value came from is the caller's to add.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SetError {
    /// The section has no such key.
    #[error("unknown key")]
    UnknownKey,
    /// The value has the wrong type or is out of range; this is what was expected.
    #[error("expected {0}")]
    Expected(String),
}

/// Text that names none of the choices of a [`config_enum!`](crate::config_enum!).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("expected {expected}, found {found:?}")]
pub struct UnknownChoice {
    /// The choices, with the nearest one where one is near.
    pub expected: String,
    /// The text.
    pub found: String,
}

/// Everything that is wrong with a configuration: never empty, one error a line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigErrors(pub Vec<ConfigError>);

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{at}: {problem}")]
pub struct ConfigError {
    /// Where: `file:line: section.key`, `file:line:column` or the `--set` argument.
    pub at: String,
    /// What.
    pub problem: Problem,
}

/// Where all keys are listed; ends the messages that doubt a name.
const SEE_ALL: &str = "to see all: --print-config";

/// The part of a [`ConfigError`] that says what is wrong and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// A value has the wrong type or is out of range.
    #[error("expected {expected}, found {found}")]
    Value {
        /// The values that the key takes.
        expected: String,
        /// The value, as written.
        found: String,
    },

    /// A section has no such key.
    #[error("unknown key; {}{SEE_ALL}", did_you_mean(.nearest))]
    UnknownKey {
        /// The key that was probably meant, with its section.
        nearest: Option<String>,
    },

    /// There is no such section.
    #[error("unknown section; {}{SEE_ALL}", did_you_mean(.nearest))]
    UnknownSection {
        /// The section that was probably meant.
        nearest: Option<String>,
    },

    /// A file gives a key before its first section.
    #[error("this key is outside any section; {}", match .section {
        Some(section) => format!("write it below [{section}]"),
        None => format!("write it below the [section] it belongs to; {SEE_ALL}"),
    })]
    OutsideSection {
        /// The section that has such a key.
        section: Option<String>,
    },

    /// A section is given as a value or as a list of tables.
    #[error("this is a section; write [{section}] on its own line and its keys below")]
    NotASection {
        /// The section.
        section: String,
    },

    /// A `--set` argument without `=`.
    #[error("expected section.key=value, for example --set {example}")]
    NoEquals {
        /// An argument that works.
        example: String,
    },

    /// A `--set` argument without a section.
    #[error("the key needs its section, for example --set {example}")]
    NoSection {
        /// An argument that works.
        example: String,
    },

    /// The file is not TOML.
    #[error("{message}\n  {line}\n  {}^", " ".repeat(*.indent))]
    Syntax {
        /// What the parser says.
        message: String,
        /// The line, as written.
        line: String,
        /// The characters of the line before the fault.
        indent: usize,
    },
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or(String::new(), |name| format!("did you mean {name}? "))
}
