//! Gymnasium's spaces in our terms.

use serde::Deserialize;

use crate::{Dtype, Space};

/// A space as the worker describes it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "type")]
pub(super) enum Description {
    Box {
        /// One number if all are equal; none for infinity.
        low: Vec<Option<f64>>,
        high: Vec<Option<f64>>,
        shape: Vec<usize>,
        /// NumPy's name.
        dtype: String,
    },
    Discrete {
        n: i64,
        start: i64,
    },
    MultiDiscrete {
        nvec: Vec<i64>,
        start: Vec<i64>,
    },
    MultiBinary {
        n: usize,
    },
    Dict {
        parts: Vec<(String, Description)>,
    },
    Tuple {
        parts: Vec<Description>,
    },
    Text,
    /// Any other.
    Other {
        name: String,
    },
}

/// Up to where `f32` holds every integer.
const EXACT: f64 = (1 << 24) as f64;

/// What observations of it look like, and the names of its parts that are left out, as they are text. Fails with what
/// is not supported.
pub(super) fn observation(description: &Description) -> Result<(Space, Vec<String>), String> {
    let mut left_out = Vec::new();
    match part(description, "", &mut left_out)? {
        Some(space) => Ok((space, left_out)),
        None => Err("observations of text alone".to_owned()),
    }
}

/// One part of an observation; `None` for text.
fn part(description: &Description, name: &str, left_out: &mut Vec<String>) -> Result<Option<Space>, String> {
    let within = |part: &str| if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") };
    let place = || if name.is_empty() { String::new() } else { format!(" in `{name}`") };
    let space = match description {
        Description::Box { low, high, shape, dtype } => {
            float_box(low, high, shape, dtype).map_err(|problem| format!("{problem}{}", place()))?
        }
        Description::Dict { parts } => {
            let mut spaces = Vec::new();
            for (key, inner) in parts {
                spaces.extend(part(inner, &within(key), left_out)?.map(|space| (key.clone(), space)));
            }
            if spaces.is_empty() {
                return if parts.is_empty() { Err(format!("a Dict without parts{}", place())) } else { Ok(None) };
            }
            Space::Dict(spaces)
        }
        Description::Tuple { parts } => {
            let mut spaces = Vec::new();
            for (i, inner) in parts.iter().enumerate() {
                spaces.extend(part(inner, &within(&i.to_string()), left_out)?);
            }
            if spaces.is_empty() {
                return if parts.is_empty() { Err(format!("a Tuple without parts{}", place())) } else { Ok(None) };
            }
            Space::Tuple(spaces)
        }
        Description::Text => {
            left_out.push(if name.is_empty() { "Text".to_owned() } else { name.to_owned() });
            return Ok(None);
        }
        Description::Other { name: kind } => return Err(format!("the space {kind}{}", place())),
        integers => integer(integers).map_err(|problem| format!("{problem}{}", place()))?,
    };
    Ok(Some(space))
}

/// What actions of it look like; fails with what is not supported.
pub(super) fn action(description: &Description) -> Result<Space, String> {
    match description {
        Description::Box { low, high, shape, dtype } if dtype.starts_with("float") => {
            float_box(low, high, shape, dtype)
        }
        // Each integer is a choice.
        Description::Box { low, high, shape, .. } => {
            let width = shape.iter().product();
            let start: Option<Vec<_>> = spread(low, width).map(|x| x.map(|x| x as i64)).collect();
            let end: Option<Vec<_>> = spread(high, width).map(|x| x.map(|x| x as i64)).collect();
            let (Some(start), Some(end)) = (start, end) else {
                return Err("integers without bounds as actions".to_owned());
            };
            let nvec = start.iter().zip(&end).map(|(start, end)| end - start + 1).collect();
            integer(&Description::MultiDiscrete { nvec, start })
        }
        Description::Dict { .. } => Err("a Dict of actions".to_owned()),
        Description::Tuple { .. } => Err("a Tuple of actions".to_owned()),
        Description::Text => Err("actions of text".to_owned()),
        Description::Other { name } => Err(format!("the space {name}")),
        integers => integer(integers),
    }
}

fn float_box(low: &[Option<f64>], high: &[Option<f64>], shape: &[usize], dtype: &str) -> Result<Space, String> {
    let width = shape.iter().product();
    if width == 0 {
        return Err(format!("a Box of shape {shape:?}, which has no element"));
    }
    let integers = !dtype.starts_with("float");
    let bytes = dtype == "uint8";
    if integers && !bytes && low.iter().chain(high).any(|x| x.is_none_or(|x| x.abs() > EXACT)) {
        return Err(format!("a Box of {dtype} with bounds beyond 2^24, which float32 cannot tell apart"));
    }
    let of = |bounds: &[Option<f64>], infinite: f32| {
        spread(bounds, width).map(|x| x.map_or(infinite, |x| x as f32)).collect::<Vec<_>>()
    };
    Ok(Space::Box {
        low: of(low, f32::NEG_INFINITY),
        high: of(high, f32::INFINITY),
        shape: shape.to_vec(),
        dtype: if bytes { Dtype::U8 } else { Dtype::F32 },
    })
}

/// `width` bounds, of which there may be one for all.
fn spread(bounds: &[Option<f64>], width: usize) -> impl Iterator<Item = Option<f64>> + '_ {
    (0..width).map(move |i| *bounds.get(i).or(bounds.first()).unwrap_or(&None))
}

/// Spaces of integers, which must fit `i32`.
fn integer(description: &Description) -> Result<Space, String> {
    let narrow = |n: i64, start: i64| {
        let (n, start) = (i32::try_from(n).ok()?, i32::try_from(start).ok()?);
        start.checked_add(n.checked_sub(1)?)?;
        Some((n, start))
    };
    let problem = |n: i64, start: i64| format!("{n} integers from {start} on, which do not fit 32 bits");
    match description {
        Description::Discrete { n, start } => {
            let (n, start) = narrow(*n, *start).ok_or_else(|| problem(*n, *start))?;
            Ok(Space::Discrete { n, start })
        }
        Description::MultiDiscrete { nvec, start } if !nvec.is_empty() => {
            let both = nvec.iter().zip(start);
            let both = both.map(|(n, start)| narrow(*n, *start).ok_or_else(|| problem(*n, *start)));
            let (nvec, start) = both.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
            Ok(Space::MultiDiscrete { nvec, start })
        }
        Description::MultiBinary { n } if *n > 0 => Ok(Space::MultiBinary { n: *n }),
        other => Err(format!("an empty space, {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Description {
        serde_json::from_str(json).unwrap()
    }

    fn observed(json: &str) -> String {
        observation(&read(json)).map_or_else(|problem| problem, |(space, _)| space.to_string())
    }

    #[test]
    fn observations_of_every_kind() {
        let cases = [
            (
                r#"{"type":"Box","low":[null],"high":[2.5],"shape":[2],"dtype":"float64"}"#,
                "Box(-inf, 2.5, (2,), float32)",
            ),
            (
                r#"{"type":"Box","low":[0],"high":[255],"shape":[2,2,3],"dtype":"uint8"}"#,
                "Box(0, 255, (2, 2, 3), uint8)",
            ),
            (r#"{"type":"Box","low":[-3],"high":[9],"shape":[2],"dtype":"int64"}"#, "Box(-3.0, 9.0, (2,), float32)"),
            (r#"{"type":"Discrete","n":4,"start":-1}"#, "Discrete(4, start=-1)"),
            (r#"{"type":"MultiDiscrete","nvec":[2,3],"start":[0,0]}"#, "MultiDiscrete([2 3])"),
            (r#"{"type":"MultiBinary","n":3}"#, "MultiBinary(3)"),
            (r#"{"type":"Tuple","parts":[{"type":"Discrete","n":2,"start":0},{"type":"Text"}]}"#, "Tuple(Discrete(2))"),
        ];
        for (json, expected) in cases {
            assert_eq!(observed(json), expected, "{json}");
        }
    }

    #[test]
    fn text_is_left_out_by_name() {
        let json = r#"{"type":"Dict","parts":[["mission",{"type":"Text"}],["view",{"type":"Dict","parts":[
            ["caption",{"type":"Text"}],["facing",{"type":"Discrete","n":4,"start":0}]]}]]}"#;
        let (space, left_out) = observation(&read(json)).unwrap();
        assert_eq!(space.to_string(), "Dict('view': Dict('facing': Discrete(4)))");
        assert_eq!(left_out, ["mission", "view.caption"]);
    }

    #[test]
    fn what_cannot_be_held_is_named() {
        let cases = [
            (r#"{"type":"Dict","parts":[["bag",{"type":"Other","name":"Sequence"}]]}"#, "the space Sequence in `bag`"),
            (r#"{"type":"Discrete","n":5000000000,"start":0}"#, "do not fit 32 bits"),
            (r#"{"type":"Box","low":[0],"high":[99999999],"shape":[1],"dtype":"int64"}"#, "a Box of int64 with bounds"),
            (r#"{"type":"Box","low":[],"high":[],"shape":[0],"dtype":"float32"}"#, "has no element"),
            (r#"{"type":"Text"}"#, "text alone"),
            (r#"{"type":"Dict","parts":[]}"#, "a Dict without parts"),
        ];
        for (json, expected) in cases {
            assert!(observed(json).contains(expected), "{json}: {}", observed(json));
        }
    }

    #[test]
    fn integer_boxes_are_choices_as_actions() {
        let space = |json| action(&read(json)).map_or_else(|problem| problem, |space| space.to_string());
        assert_eq!(
            space(r#"{"type":"Box","low":[-1],"high":[1,2],"shape":[2],"dtype":"int8"}"#),
            "MultiDiscrete([3 4], start=[-1 -1])"
        );
        assert_eq!(
            space(r#"{"type":"Box","low":[-1],"high":[1],"shape":[2],"dtype":"float64"}"#),
            "Box(-1.0, 1.0, (2,), float32)"
        );
        assert!(space(r#"{"type":"Dict","parts":[]}"#).contains("a Dict of actions"));
    }
}
