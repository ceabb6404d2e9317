//! How the tensors of a file differ from a model's, told so that a slip is seen at once.

use std::fmt;

use crate::config::nearest;

/// More of a kind than this are counted.
const SHOWN: usize = 8;

/// What a file of weights has too few, too many, or of another shape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TensorsDiffer {
    /// Names and shapes that the model has and the file has not.
    pub missing: Vec<(String, Vec<usize>)>,
    /// Names and shapes that the file has and the model has not.
    pub unexpected: Vec<(String, Vec<usize>)>,
    /// Name, the model's shape and type, and the file's.
    pub other: Vec<(String, String, String)>,
}

impl TensorsDiffer {
    /// Whether they are the same.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.other.is_empty()
    }
}

impl fmt::Display for TensorsDiffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds = Vec::new();
        if !self.missing.is_empty() {
            let names = self.missing.iter().map(|(name, shape)| {
                let near = nearest(name, self.unexpected.iter().map(|(name, _)| name.as_str()));
                let near = near.map_or(String::new(), |near| format!(", the file has `{near}`"));
                format!("`{name}` {shape:?}{near}")
            });
            kinds.push(format!("missing: {}", listed(names)));
        }
        if !self.unexpected.is_empty() {
            let names = self.unexpected.iter().map(|(name, shape)| {
                let near = nearest(name, self.missing.iter().map(|(name, _)| name.as_str()));
                let near = near.map_or(String::new(), |near| format!(", the model has `{near}`"));
                format!("`{name}` {shape:?}{near}")
            });
            kinds.push(format!("unexpected: {}", listed(names)));
        }
        if !self.other.is_empty() {
            let names =
                self.other.iter().map(|(name, wanted, found)| format!("`{name}` is {found} and should be {wanted}"));
            kinds.push(format!("of another shape or type: {}", listed(names)));
        }
        f.write_str(&kinds.join("; "))
    }
}

fn listed(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(SHOWN);
    let names: Vec<_> = names.take(SHOWN).collect();
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    format!("{}{more}", names.join(", "))
}
