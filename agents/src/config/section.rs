//! What the readers and writers of this module know of a section.

use super::{SetError, Value, toml_edit};

/// A group of settings: one TOML table. [`config!`](crate::config!) implements it.
pub trait Section {
    /// The name of the TOML table, such as `dqn`.
    fn name(&self) -> &'static str;

    /// The declaration's doc comment.
    fn doc(&self) -> &'static str;

    /// The keys, in declaration order.
    fn keys(&self) -> &'static [Key];

    /// The value of `key`; `None` where the section has no such key.
    fn get(&self, key: &str) -> Option<toml_edit::Value>;

    /// Changes `key`; the section stays as it was where this fails.
    ///
    /// # Errors
    /// Where the section has no such key, or the value has the wrong type or is out of range.
    fn set(&mut self, key: &str, value: &toml_edit::Value) -> Result<(), SetError>;
}

/// One setting of a [`Section`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name within the section.
    pub name: &'static str,
    /// Its doc comment, followed by a line with the choices where its type has a fixed set of them.
    pub doc: String,
}

impl Key {
    /// A key of type `T` whose doc comment has these lines.
    pub fn new<T: Value>(name: &'static str, doc: &[&str]) -> Self {
        let mut doc = doc_text(doc);
        let choices: Vec<_> = T::choices().iter().map(|choice| format!("{choice:?}")).collect();
        if !choices.is_empty() {
            if !doc.is_empty() {
                doc.push('\n');
            }
            doc.push_str(&format!("One of {}.", choices.join(", ")));
        }
        Self { name, doc }
    }
}

/// A doc comment as text: without the one space that `/// ` puts before every line.
pub(super) fn doc_text(lines: &[&str]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use crate::config::Section as _;
    use crate::config::fixture::{Agent, Run};

    #[test]
    fn doc_comments_are_kept_line_by_line() {
        assert_eq!(
            Agent::default().doc(),
            "An agent with one key of every kind.\n\n- the second paragraph\n  is a list"
        );
        let keys = Agent::default().keys();
        assert_eq!(keys[0].name, "learning_rate");
        assert_eq!(keys[0].doc, "Step size of the optimiser.\nHalve it if the loss rises.");
    }

    #[test]
    fn choices_end_the_doc_of_a_key() {
        let doc = |name| Agent::default().keys().iter().find(|key| key.name == name).unwrap().doc.as_str();
        assert_eq!(doc("loss"), "Loss of the network.\nOne of \"huber\", \"mse\".");
        assert_eq!(doc("other_loss"), "One of \"none\", \"huber\", \"mse\".");
    }

    #[test]
    fn values_are_read_by_key() {
        let run = Run::default();
        assert_eq!(run.get("seed").and_then(|seed| seed.as_integer()), Some(1));
        assert!(run.get("sead").is_none());
    }
}
