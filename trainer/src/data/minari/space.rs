//! Spaces as Minari writes them: JSON, with Python's names for what JSON has no numbers for.

use cartwheel_envs::{Dtype, Space};
use serde_json::{Map, Value, json};

/// A space as Minari's `serialize_space` writes it.
///
/// # Errors
/// The part that it knows no name for.
pub(super) fn to_json(space: &Space) -> Result<String, String> {
    // Bounds are quoted where they are not finite, as JSON has no such numbers; Python reads and writes them bare.
    let quoted = value(space)?.to_string();
    Ok(["Infinity", "-Infinity"].iter().fold(quoted, |text, word| text.replace(&format!("\"{word}\""), word)))
}

fn value(space: &Space) -> Result<Value, String> {
    Ok(match space {
        Space::Box { low, high, shape, dtype } => json!({
            "type": "Box", "dtype": dtype.to_string(), "shape": shape,
            "low": nested(low, shape), "high": nested(high, shape),
        }),
        Space::Discrete { n, start } => json!({"type": "Discrete", "dtype": "int64", "start": start, "n": n}),
        Space::MultiDiscrete { nvec, start } => {
            json!({"type": "MultiDiscrete", "dtype": "int64", "nvec": nvec, "start": start})
        }
        Space::MultiBinary { n } => json!({"type": "MultiBinary", "n": n}),
        Space::Tuple(parts) => {
            json!({"type": "Tuple", "subspaces": parts.iter().map(value).collect::<Result<Vec<_>, _>>()?})
        }
        Space::Dict(parts) => {
            let parts: Result<Map<_, _>, String> =
                parts.iter().map(|(name, part)| Ok((name.clone(), value(part)?))).collect();
            json!({"type": "Dict", "subspaces": parts?})
        }
        other => return Err(other.to_string()),
    })
}

/// Numbers as lists of lists, by their shape.
fn nested(numbers: &[f32], shape: &[usize]) -> Value {
    let [_, rest @ ..] = shape else { return number(numbers.first().copied().unwrap_or_default()) };
    if rest.is_empty() {
        return numbers.iter().map(|bound| number(*bound)).collect();
    }
    let width = rest.iter().product::<usize>().max(1);
    numbers.chunks_exact(width).map(|part| nested(part, rest)).collect()
}

fn number(bound: f32) -> Value {
    match bound {
        f32::INFINITY => "Infinity".into(),
        f32::NEG_INFINITY => "-Infinity".into(),
        bound => f64::from(bound).into(),
    }
}

/// The space that such JSON is of.
///
/// # Errors
/// What is not understood.
pub(super) fn from_json(text: &str) -> Result<Space, String> {
    let quoted = text.replace("-Infinity", "\"-inf\"").replace("Infinity", "\"inf\"");
    let value: Value = serde_json::from_str(&quoted).map_err(|error| format!("not a space: {error}"))?;
    space(&value)
}

fn space(value: &Value) -> Result<Space, String> {
    let integer = |value: &Value| value.as_i64().and_then(|n| i32::try_from(n).ok());
    let field = |name: &str| value.get(name).ok_or_else(|| format!("a space without {name:?}: {value}"));
    let integers = |name: &str| {
        let mut numbers = Vec::new();
        flat(field(name)?, &mut |value| integer(value).map(|n| numbers.push(n)).is_some())
            .then_some(numbers)
            .ok_or_else(|| format!("{name:?} of a space is not made of whole numbers"))
    };
    let kind = field("type")?.as_str().unwrap_or_default();
    Ok(match kind {
        "Box" => {
            let bounds = |name: &str| {
                let mut numbers = Vec::new();
                flat(field(name)?, &mut |value| bound(value).map(|n| numbers.push(n)).is_some())
                    .then_some(numbers)
                    .ok_or_else(|| format!("{name:?} of a Box is not made of numbers"))
            };
            let shape: Vec<usize> = integers("shape")?.into_iter().map(|n| n.max(0) as usize).collect();
            let dtype = match field("dtype")?.as_str().unwrap_or_default() {
                "uint8" => Dtype::U8,
                "float16" | "float32" | "float64" => Dtype::F32,
                "int8" | "int16" | "uint16" | "int32" | "int64" => Dtype::I32,
                other => return Err(format!("a Box of {other}: numbers of that kind are not read")),
            };
            let (low, high) = (bounds("low")?, bounds("high")?);
            let width = shape.iter().product::<usize>();
            if low.len() != width || high.len() != width {
                return Err(format!("a Box of shape {shape:?} with {} low and {} high bounds", low.len(), high.len()));
            }
            Space::Box { low, high, shape, dtype }
        }
        "Discrete" => {
            let number = |name: &str| integer(field(name)?).ok_or_else(|| format!("{name:?} of a Discrete space"));
            Space::Discrete { n: number("n")?, start: value.get("start").and_then(integer).unwrap_or_default() }
        }
        "MultiDiscrete" => {
            let nvec = integers("nvec")?;
            let start = if value.get("start").is_some() { integers("start")? } else { vec![0; nvec.len()] };
            Space::MultiDiscrete { nvec, start }
        }
        "MultiBinary" => Space::MultiBinary { n: integers("n")?.into_iter().map(|n| n.max(0) as usize).product() },
        "Tuple" => {
            let parts = field("subspaces")?.as_array().ok_or("a Tuple without parts")?;
            Space::Tuple(parts.iter().map(space).collect::<Result<_, _>>()?)
        }
        "Dict" => {
            let parts = field("subspaces")?.as_object().ok_or("a Dict without parts")?;
            let parts: Result<Vec<_>, String> =
                parts.iter().map(|(name, part)| Ok((name.clone(), space(part)?))).collect();
            let mut parts = parts?;
            parts.sort_by(|(a, _), (b, _)| a.cmp(b));
            Space::Dict(parts)
        }
        other => return Err(format!("a space of type {other:?}, which is not known here")),
    })
}

fn bound(value: &Value) -> Option<f32> {
    match value.as_str() {
        Some("inf") => Some(f32::INFINITY),
        Some("-inf") => Some(f32::NEG_INFINITY),
        _ => value.as_f64().map(|number| number as f32),
    }
}

/// Shows each item of lists of any depth; false as soon as one is not taken.
fn flat(value: &Value, take: &mut dyn FnMut(&Value) -> bool) -> bool {
    match value {
        Value::Array(items) => items.iter().all(|item| flat(item, take)),
        item => take(item),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_are_read_as_they_are_written() {
        let inf = f32::INFINITY;
        let spaces = [
            Space::box_f32(vec![-4.8, -inf], vec![4.8, inf]),
            Space::image_u8(&[2, 3, 1]),
            Space::Box { low: vec![-1.0], high: vec![1.0], shape: vec![], dtype: Dtype::F32 },
            Space::Discrete { n: 3, start: -1 },
            Space::MultiDiscrete { nvec: vec![2, 3], start: vec![0, 1] },
            Space::multi_binary(4),
            Space::Tuple(vec![Space::discrete(2), Space::box_f32(vec![0.0], vec![inf])]),
            Space::dict([("b", Space::discrete(2)), ("a", Space::multi_binary(1))]),
        ];
        for space in spaces {
            assert_eq!(from_json(&to_json(&space).unwrap()), Ok(space));
        }
    }

    /// What Minari 0.5.4 writes for CartPole-v1.
    #[test]
    fn a_space_is_read_as_minari_writes_it() {
        let text = r#"{"type": "Box", "dtype": "float32", "shape": [4], "low": [-4.800000190734863, -Infinity, -0.41887903213500977, -Infinity], "high": [4.800000190734863, Infinity, 0.41887903213500977, Infinity]}"#;
        let cart_pole = cartwheel_envs::make("CartPole-v1").unwrap();
        assert_eq!(from_json(text).as_ref(), Ok(cart_pole.observation_space()));
        let written = to_json(cart_pole.observation_space()).unwrap();
        assert!(written.contains("-Infinity,") && !written.contains("\"-Infinity"), "{written}");
    }

    #[test]
    fn what_is_no_space_is_told() {
        for (text, part) in [
            ("{", "not a space"),
            (r#"{"type": "Graph"}"#, "Graph"),
            (r#"{"type": "Box", "dtype": "complex64", "shape": [1], "low": [0], "high": [1]}"#, "complex64"),
            (r#"{"type": "Box", "dtype": "float32", "shape": [2], "low": [0], "high": [1]}"#, "[2]"),
            (r#"{"type": "Discrete"}"#, "\"n\""),
        ] {
            let error = from_json(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
