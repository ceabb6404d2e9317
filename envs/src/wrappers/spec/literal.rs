//! Python's literals and calls, as far as wrappers are written in them.

use super::expression::Expression;
use crate::{Bins, Bounds, Dtype, Padding, Space};

/// The value of an argument.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// A list or a tuple.
    List(Vec<Literal>),
    /// A space: no literal of Python's, as the next.
    Space(Space),
    /// A function: no literal of Python's, but an argument.
    Function(Expression),
}

/// Splits `Name(a, b=c)` into the name and the arguments' texts with their keywords; an error is what is wrong.
pub(super) fn call(text: &str) -> Result<(&str, Vec<(Option<&str>, &str)>), String> {
    let Some((name, rest)) = text.split_once('(') else { return Ok((text, Vec::new())) };
    let inside = rest.strip_suffix(')').ok_or("it must end with `)`")?;
    let args = split(inside)?.into_iter().map(|arg| match keyword(arg) {
        Some((name, value)) => (Some(name), value),
        None => (None, arg),
    });
    let args: Vec<_> = args.collect();
    let first_keyword = args.iter().position(|(keyword, _)| keyword.is_some()).unwrap_or(args.len());
    match args[first_keyword..].iter().find(|(keyword, _)| keyword.is_none()) {
        Some((_, value)) => Err(format!("`{value}` follows arguments by name; move it before them, or name it")),
        None => Ok((name.trim(), args)),
    }
}

/// `name=value`, if it is one.
fn keyword(arg: &str) -> Option<(&str, &str)> {
    let (name, value) = arg.split_once('=')?;
    let name = name.trim();
    let identifier = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.is_empty();
    (identifier && !value.starts_with('=')).then(|| (name, value.trim()))
}

/// The parts between commas that are in no brackets and no string.
fn split(text: &str) -> Result<Vec<&str>, String> {
    let (mut parts, mut depth, mut quote, mut start) = (Vec::new(), 0, None, 0);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth -= 1,
            (None, ',') if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
        if depth < 0 {
            return Err("a bracket is closed that was not opened; remove it".to_owned());
        }
    }
    match (quote, depth) {
        (Some(quote), _) => return Err(format!("a string is not closed; end it with {quote}")),
        (None, 1..) => return Err("a bracket is not closed; close it".to_owned()),
        _ => {}
    }
    // A comma may follow the last part, as of a tuple of one.
    if !text[start..].trim().is_empty() {
        parts.push(text[start..].trim());
    }
    match parts.iter().any(|part| part.is_empty()) {
        true => Err("there is nothing between two commas; remove one".to_owned()),
        false => Ok(parts),
    }
}

/// What is between `open` and `close` at the two ends.
fn within(text: &str, open: char, close: char) -> Option<&str> {
    text.strip_prefix(open)?.strip_suffix(close)
}

/// What is in quotes, if `text` is a string.
pub(super) fn unquoted(text: &str) -> Option<&str> {
    ['\'', '"'].into_iter().find_map(|quote| within(text, quote, quote).filter(|inside| !inside.contains(quote)))
}

impl Literal {
    /// The literal that `text` is, if it is one.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(string) = unquoted(text) {
            return Some(Self::Text(string.to_owned()));
        }
        if let Some(inside) = within(text, '[', ']').or_else(|| within(text, '(', ')')) {
            let parts = split(inside).ok()?;
            // Without a comma, round brackets only hold together.
            if let ([one], true) = (&parts[..], text.starts_with('(') && !inside.trim_end().ends_with(',')) {
                return Self::read(one);
            }
            return parts.into_iter().map(Self::read).collect::<Option<_>>().map(Self::List);
        }
        let number = text.replace('_', "");
        let number = number.trim_start_matches("np.").trim_start_matches("-np.");
        match text {
            "None" => Some(Self::None),
            "True" => Some(Self::Bool(true)),
            "False" => Some(Self::Bool(false)),
            "-np.inf" => Some(Self::Float(f64::NEG_INFINITY)),
            _ => number.parse().map(Self::Int).or_else(|_| number.parse().map(Self::Float)).ok(),
        }
    }
}

/// A type that arguments are taken as.
pub(super) trait FromLiteral: Sized {
    /// `None` for a literal of another type.
    fn from_literal(literal: &Literal) -> Option<Self>;
}

macro_rules! integer {
    ($($integer:ty),*) => {$(
        impl FromLiteral for $integer {
            fn from_literal(literal: &Literal) -> Option<Self> {
                if let Literal::Int(x) = literal { Self::try_from(*x).ok() } else { None }
            }
        }
    )*};
}
integer!(u32, u64, usize, i32);

impl FromLiteral for f64 {
    fn from_literal(literal: &Literal) -> Option<Self> {
        match literal {
            Literal::Int(x) => Some(*x as f64),
            Literal::Float(x) => Some(*x),
            _ => None,
        }
    }
}

impl FromLiteral for f32 {
    fn from_literal(literal: &Literal) -> Option<Self> {
        f64::from_literal(literal).map(|x| x as f32)
    }
}

impl FromLiteral for bool {
    fn from_literal(literal: &Literal) -> Option<Self> {
        if let Literal::Bool(x) = literal { Some(*x) } else { None }
    }
}

impl FromLiteral for String {
    fn from_literal(literal: &Literal) -> Option<Self> {
        if let Literal::Text(x) = literal { Some(x.clone()) } else { None }
    }
}

impl FromLiteral for Expression {
    fn from_literal(literal: &Literal) -> Option<Self> {
        if let Literal::Function(x) = literal { Some(x.clone()) } else { None }
    }
}

impl<T: FromLiteral> FromLiteral for Option<T> {
    fn from_literal(literal: &Literal) -> Option<Self> {
        if *literal == Literal::None { Some(None) } else { T::from_literal(literal).map(Some) }
    }
}

impl<T: FromLiteral> FromLiteral for Vec<T> {
    fn from_literal(literal: &Literal) -> Option<Self> {
        if let Literal::List(list) = literal { list.iter().map(T::from_literal).collect() } else { None }
    }
}

impl<T: FromLiteral> FromLiteral for (T, T) {
    fn from_literal(literal: &Literal) -> Option<Self> {
        let Literal::List(list) = literal else { return None };
        if let [a, b] = &list[..] { Some((T::from_literal(a)?, T::from_literal(b)?)) } else { None }
    }
}

/// Two integers, or one for both.
pub(super) struct Pair(pub(super) [u32; 2]);

impl FromLiteral for Pair {
    fn from_literal(literal: &Literal) -> Option<Self> {
        let both = u32::from_literal(literal).map(|one| (one, one));
        both.or_else(|| FromLiteral::from_literal(literal)).map(|(a, b)| Self([a, b]))
    }
}

/// Names, or places as text.
pub(super) struct FilterKeys(pub(super) Vec<String>);

impl FromLiteral for FilterKeys {
    fn from_literal(literal: &Literal) -> Option<Self> {
        let Literal::List(list) = literal else { return None };
        let key = |key: &Literal| usize::from_literal(key).map(|i| i.to_string()).or_else(|| String::from_literal(key));
        list.iter().map(key).collect::<Option<_>>().map(Self)
    }
}

impl FromLiteral for Dtype {
    fn from_literal(literal: &Literal) -> Option<Self> {
        let Literal::Text(name) = literal else { return None };
        [Self::F32, Self::U8, Self::I32].into_iter().find(|dtype| dtype.to_string() == *name)
    }
}

impl FromLiteral for Space {
    fn from_literal(literal: &Literal) -> Option<Self> {
        if let Literal::Space(space) = literal { Some(space.clone()) } else { None }
    }
}

impl FromLiteral for Bins {
    fn from_literal(literal: &Literal) -> Option<Self> {
        u32::from_literal(literal).map(Self::All).or_else(|| Vec::from_literal(literal).map(Self::Each))
    }
}

impl FromLiteral for Bounds {
    fn from_literal(literal: &Literal) -> Option<Self> {
        f32::from_literal(literal).map(Self::All).or_else(|| numbers(literal).map(Self::Each))
    }
}

impl FromLiteral for Padding {
    fn from_literal(literal: &Literal) -> Option<Self> {
        match literal {
            Literal::Text(name) if name == "reset" => Some(Self::Reset),
            Literal::Text(name) if name == "zero" => Some(Self::Zero),
            _ => numbers(literal).map(Self::Custom),
        }
    }
}

/// The numbers of a number or of a nested list, in order.
fn numbers(literal: &Literal) -> Option<Vec<f32>> {
    match literal {
        Literal::List(list) => Some(list.iter().map(numbers).collect::<Option<Vec<_>>>()?.concat()),
        one => Some(vec![f32::from_literal(one)?]),
    }
}
