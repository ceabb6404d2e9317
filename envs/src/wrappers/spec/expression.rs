//! Functions of one variable, as text: `0.01 * r`.

use exmex::{Express as _, FlatEx};

/// A function that a configuration gives, in the language of the `exmex` crate: `+ - * / ^`, brackets, and functions
/// such as `abs`, `exp`, `ln`, `signum`, `sqrt` and `tanh`.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    text: String,
    tree: FlatEx<f64>,
}

impl Expression {
    /// Reads an expression of at most one variable, of whatever name; `lambda x:` may stand before it. An error is what
    /// is wrong.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let body = match text.strip_prefix("lambda ").and_then(|rest| rest.split_once(':')) {
            Some((_, body)) => body.trim(),
            None => text,
        };
        let tree: FlatEx<f64> =
            exmex::parse(body).map_err(|error| format!("`{text}` is no expression such as `0.01 * x`: {error}"))?;
        match tree.var_names() {
            [] | [_] => Ok(Self { text: text.to_owned(), tree }),
            names => Err(format!("`{text}` has the variables {}; a function here has one", names.join(" and "))),
        }
    }

    /// Its value at `x`.
    #[inline]
    pub(super) fn eval(&self, x: f64) -> f64 {
        // It fails only if the number of variables is another than was seen when it was read.
        self.tree.eval(&[x][..self.tree.var_names().len()]).unwrap_or(f64::NAN)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
