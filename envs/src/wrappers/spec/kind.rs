//! What values parameters take.

use super::expression::Expression;
use super::literal::{FilterKeys, FromLiteral, Literal, Pair, unquoted};
use crate::{Bins, Bounds, Dtype, Padding, Space};

/// What values a parameter takes.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    pub(super) expects: &'static str,
    /// The value that a text is; `None` if it is one of another kind, and an error if it is no value.
    pub(super) read: fn(&str) -> Result<Option<Literal>, String>,
}

impl Kind {
    /// The literals that `T` is made of.
    const fn of<T: FromLiteral>(expects: &'static str) -> Self {
        let read = |text: &str| Ok(Literal::read(text).filter(|literal| T::from_literal(literal).is_some()));
        Self { expects, read }
    }
}

impl Kind {
    pub(super) const INTEGER: Self = Self::of::<u32>("an integer of 0 or more");
    pub(super) const INTEGER_OR_NONE: Self = Self::of::<Option<u32>>("an integer of 0 or more, or None");
    pub(super) const NUMBER: Self = Self::of::<f64>("a number");
    pub(super) const NUMBER_OR_NONE: Self = Self::of::<Option<f64>>("a number or None");
    pub(super) const NUMBERS: Self = Self::of::<Bounds>("a number, or a list of one for each element");
    pub(super) const BINS: Self = Self::of::<Bins>("an integer, or a list of one for each element");
    pub(super) const PAIR: Self = Self::of::<Pair>("an integer, or two as in (1, 4)");
    pub(super) const SIZE: Self = Self::of::<(usize, usize)>("two integers, as in (84, 84)");
    pub(super) const SHAPE: Self = Self::of::<Vec<usize>>("integers, as in (84, 84, 1) or (7,)");
    pub(super) const BOOL: Self = Self::of::<bool>("True or False");
    pub(super) const TEXT: Self = Self::of::<String>("a string in quotes");
    pub(super) const KEYS: Self = Self::of::<FilterKeys>("a list of names in quotes, or of places in a Tuple");
    pub(super) const DTYPE: Self = Self::of::<Dtype>("'float32', 'int32' or 'uint8'");
    pub(super) const PADDING: Self = Self::of::<Padding>("'reset', 'zero' or the numbers of an observation");
    pub(super) const SPACE_OR_NONE: Self = Self {
        expects: "None, or a space such as Discrete(4) or Box(-1, 1, (3,), 'float32')",
        read: |text| match text {
            "None" => Ok(Some(Literal::None)),
            text => Ok(read_space(text).map(Literal::Space)),
        },
    };
    pub(super) const FUNCTION: Self = Self {
        expects: "an expression of one variable, such as 0.01 * x",
        read: |text| Expression::read(unquoted(text).unwrap_or(text)).map(|f| Some(Literal::Function(Box::new(f)))),
    };
}

/// The space that `text` constructs in Python.
fn read_space(text: &str) -> Option<Space> {
    let (name, args) = super::literal::call(text).ok()?;
    let args: Vec<_> =
        args.iter().map(|(keyword, value)| keyword.is_none().then_some(*value)).collect::<Option<_>>()?;
    match (name, &args[..]) {
        ("Discrete", [n]) => i32::from_literal(&Literal::read(n)?).filter(|n| *n > 0).map(Space::discrete),
        ("Box", [low, high, shape, rest @ ..]) => {
            let shape: Vec<usize> = Vec::from_literal(&Literal::read(shape)?)?;
            let width = shape.iter().product();
            let bounds = |text| match Bounds::from_literal(&Literal::read(text)?)? {
                Bounds::All(bound) => Some(vec![bound; width]),
                Bounds::Each(bounds) => (bounds.len() == width).then_some(bounds),
            };
            let dtype = match rest {
                [] => Dtype::F32,
                [dtype] => Dtype::from_literal(&Literal::Text(unquoted(dtype).unwrap_or(dtype).to_owned()))?,
                _ => return None,
            };
            Some(Space::Box { low: bounds(low)?, high: bounds(high)?, shape, dtype }).filter(|_| width > 0)
        }
        _ => None,
    }
}
