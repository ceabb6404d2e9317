//! Spaces in words.

use std::fmt;

use super::Space;
use crate::Dtype;

impl fmt::Display for Space {
    /// Gymnasium's `repr`, without NumPy's column padding.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Box { low, high, shape, dtype } => {
                f.write_str("Box(")?;
                write_bounds(f, low, *dtype)?;
                f.write_str(", ")?;
                write_bounds(f, high, *dtype)?;
                match shape.as_slice() {
                    [length] => write!(f, ", ({length},), {dtype})"),
                    shape => {
                        let lengths: Vec<_> = shape.iter().map(usize::to_string).collect();
                        write!(f, ", ({}), {dtype})", lengths.join(", "))
                    }
                }
            }
            Self::Discrete { n, start: 0 } => write!(f, "Discrete({n})"),
            Self::Discrete { n, start } => write!(f, "Discrete({n}, start={start})"),
            Self::MultiDiscrete { nvec, start } => {
                write!(f, "MultiDiscrete({}", list(nvec))?;
                if start.iter().any(|start| *start != 0) {
                    write!(f, ", start={}", list(start))?;
                }
                f.write_str(")")
            }
            Self::MultiBinary { n } => write!(f, "MultiBinary({n})"),
            Self::Tuple(parts) => {
                let parts: Vec<_> = parts.iter().map(Self::to_string).collect();
                write!(f, "Tuple({})", parts.join(", "))
            }
            Self::Dict(parts) => {
                let parts: Vec<_> = parts.iter().map(|(name, part)| format!("'{name}': {part}")).collect();
                write!(f, "Dict({})", parts.join(", "))
            }
        }
    }
}

/// One number if all bounds are the same, else the list.
fn write_bounds(f: &mut fmt::Formatter<'_>, bounds: &[f32], dtype: Dtype) -> fmt::Result {
    let text = |x: f32| match dtype {
        Dtype::F32 if x.is_finite() => format!("{x:?}"),
        _ => format!("{x}"),
    };
    match bounds {
        [first, rest @ ..] if rest.iter().all(|x| x == first) => f.write_str(&text(*first)),
        _ => write!(f, "[{}]", bounds.iter().map(|&x| text(x)).collect::<Vec<_>>().join(" ")),
    }
}

/// As NumPy writes integers: `[2 3]`.
fn list(numbers: &[i32]) -> String {
    format!("[{}]", numbers.iter().map(i32::to_string).collect::<Vec<_>>().join(" "))
}
