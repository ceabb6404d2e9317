//! The types that a key may have.

use cartwheel_envs::WrapperSpec;

use super::serde_json::{self, Map};
use super::toml_edit;

/// A type that a key of a section may have.
///
/// Cartwheel reads `bool`, `u32`, `u64`, `usize`, `i64`, `f64`, `String`, `Option` (`None` is the text `"none"`), `Vec`
/// and free tables; [`config_enum!`](crate::config_enum!) adds a choice of words. Any other type implements it itself:
///
/// ```
/// use cartwheel_agents::config::{Value, toml_edit};
///
/// /// As many as the machine has cores, or a number.
/// #[derive(Clone, Debug, PartialEq)]
/// enum Threads {
///     Auto,
///     Exactly(usize),
/// }
///
/// impl Value for Threads {
///     fn from_toml(value: &toml_edit::Value) -> Result<Self, String> {
///         if value.as_str() == Some("auto") {
///             return Ok(Self::Auto);
///         }
///         usize::from_toml(value).map(Self::Exactly).map_err(|expected| format!("\"auto\" or {expected}"))
///     }
///
///     fn to_toml(&self) -> toml_edit::Value {
///         match self {
///             Self::Auto => "auto".into(),
///             Self::Exactly(threads) => threads.to_toml(),
///         }
///     }
/// }
///
/// assert_eq!(Threads::from_toml(&8.into()), Ok(Threads::Exactly(8)));
/// ```
pub trait Value: Sized {
    /// Reads a value.
    ///
    /// # Errors
    /// What was expected, in words that follow "expected": `a number`.
    fn from_toml(value: &toml_edit::Value) -> Result<Self, String>;

    /// Writes a value; [`from_toml`](Self::from_toml) reads it back.
    fn to_toml(&self) -> toml_edit::Value;

    /// The words the type takes, where it takes only these.
    fn choices() -> Vec<&'static str> {
        Vec::new()
    }
}

/// A value as people write it: text without quotes, anything else as in TOML.
pub fn plain(value: &toml_edit::Value) -> String {
    value.as_str().map_or_else(|| value.to_string().trim().to_owned(), str::to_owned)
}

impl Value for bool {
    fn from_toml(value: &toml_edit::Value) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| "true or false".to_owned())
    }

    fn to_toml(&self) -> toml_edit::Value {
        (*self).into()
    }
}

impl Value for f64 {
    fn from_toml(value: &toml_edit::Value) -> Result<Self, String> {
        // Integers count: nobody should have to write `gamma = 1.0`.
        let number = value.as_float().or_else(|| value.as_integer().map(|integer| integer as f64));
        match number {
            Some(number) if number.is_finite() => Ok(number),
            Some(_) => Err("a finite number".to_owned()),
            None => Err("a number".to_owned()),
        }
    }

    fn to_toml(&self) -> toml_edit::Value {
        // Rust's debug form is the shortest that reads back the same, and it is TOML: 0.001, 1e-8.
        format!("{self:?}").parse().unwrap_or_else(|_| (*self).into())
    }
}

/// A whole number, however it is written: `100000`, `100_000`, `1e5`, and in quotes where it is past TOML's integers.
fn whole(value: &toml_edit::Value) -> Option<i128> {
    /// Floats up to here hold every whole number, so reading one as an integer loses nothing.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        toml_edit::Value::Integer(integer) => Some((*integer.value()).into()),
        toml_edit::Value::Float(float) => {
            let float = *float.value();
            (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i128)
        }
        toml_edit::Value::String(text) => text.value().parse().ok().filter(|number| *number > i64::MAX.into()),
        _ => None,
    }
}

macro_rules! integers {
    ($($type:ty: $expected:expr;)*) => {$(
        impl Value for $type {
            fn from_toml(value: &toml_edit::Value) -> Result<Self, String> {
                whole(value).and_then(|number| number.try_into().ok()).ok_or_else(|| $expected.to_string())
            }

            fn to_toml(&self) -> toml_edit::Value {
                i64::try_from(*self).map_or_else(|_| self.to_string().into(), toml_edit::Value::from)
            }
        }
    )*};
}

integers! {
    u32: format!("a whole number from 0 to {}", u32::MAX);
    u64: "a whole number of 0 or more";
    usize: "a whole number of 0 or more";
    i64: "a whole number";
}

impl Value for String {
    fn from_toml(value: &toml_edit::Value) -> Result<Self, String> {
        value.as_str().map(str::to_owned).ok_or_else(|| "text in quotes".to_owned())
    }

    fn to_toml(&self) -> toml_edit::Value {
        self.into()
    }
}

/// How `None` is written: TOML has no null, and a missing key means the default.
const NONE: &str = "none";

impl<T: Value> Value for Option<T> {
    fn from_toml(value: &toml_edit::Value) -> Result<Self, String> {
        if value.as_str() == Some(NONE) {
            return Ok(None);
        }
        T::from_toml(value).map(Some).map_err(|expected| format!("{NONE:?} or {expected}"))
    }

    fn to_toml(&self) -> toml_edit::Value {
        self.as_ref().map_or_else(|| NONE.into(), T::to_toml)
    }

    fn choices() -> Vec<&'static str> {
        let mut choices = T::choices();
        if !choices.is_empty() {
            choices.insert(0, NONE);
        }
        choices
    }
}

impl<T: Value> Value for Vec<T> {
    fn from_toml(value: &toml_edit::Value) -> Result<Self, String> {
        let items = value.as_array().ok_or("a list in square brackets")?;
        let items: Result<_, _> = items.iter().map(T::from_toml).collect();
        items.map_err(|expected| format!("a list in which every item is {expected}"))
    }

    fn to_toml(&self) -> toml_edit::Value {
        self.iter().map(T::to_toml).collect::<toml_edit::Array>().into()
    }
}

/// A wrapper, as text: `"FrameStackObservation(4)"`.
impl Value for WrapperSpec {
    fn from_toml(value: &toml_edit::Value) -> Result<Self, String> {
        let example = "a wrapper in quotes, such as \"FrameStackObservation(4)\"";
        let text = value.as_str().ok_or(example)?;
        text.parse().map_err(|error| format!("{example} ({error})"))
    }

    fn to_toml(&self) -> toml_edit::Value {
        self.to_string().into()
    }
}

/// A free table: any keys, any values but dates, which JSON lacks. TOML lacks null, so null entries are not written.
impl Value for Map<String, serde_json::Value> {
    fn from_toml(value: &toml_edit::Value) -> Result<Self, String> {
        let table = value.as_inline_table().ok_or("a table, as in { gravity = 9.8 }")?;
        table.iter().map(|(key, value)| Ok((key.to_owned(), to_json(value)?))).collect()
    }

    fn to_toml(&self) -> toml_edit::Value {
        let entries = self.iter().filter_map(|(key, value)| Some((key, from_json(value)?)));
        entries.collect::<toml_edit::InlineTable>().into()
    }
}

fn to_json(value: &toml_edit::Value) -> Result<serde_json::Value, String> {
    Ok(match value {
        toml_edit::Value::String(text) => text.value().as_str().into(),
        toml_edit::Value::Integer(integer) => (*integer.value()).into(),
        toml_edit::Value::Float(_) => {
            f64::from_toml(value).map_err(|expected| format!("{expected} in the table"))?.into()
        }
        toml_edit::Value::Boolean(flag) => (*flag.value()).into(),
        toml_edit::Value::Datetime(_) => return Err("a table without dates".to_owned()),
        toml_edit::Value::Array(items) => items.iter().map(to_json).collect::<Result<_, _>>()?,
        toml_edit::Value::InlineTable(_) => Map::from_toml(value)?.into(),
    })
}

fn from_json(value: &serde_json::Value) -> Option<toml_edit::Value> {
    Some(match value {
        serde_json::Value::Null => return None,
        serde_json::Value::Bool(flag) => (*flag).into(),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(integer) => integer.into(),
            None => number.as_f64()?.to_toml(),
        },
        serde_json::Value::String(text) => text.into(),
        serde_json::Value::Array(items) => items.iter().filter_map(from_json).collect::<toml_edit::Array>().into(),
        serde_json::Value::Object(table) => table.to_toml(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Debug;

    fn read<T: Value>(toml: &str) -> Result<T, String> {
        T::from_toml(&toml.parse().unwrap())
    }

    #[track_caller]
    fn reads<T: Value + PartialEq + Debug>(toml: &str, expected: T) {
        let value = read::<T>(toml);
        assert_eq!(value.as_ref(), Ok(&expected));
        assert_eq!(read(&expected.to_toml().to_string()), Ok(expected), "what is written reads back");
    }

    #[test]
    fn whole_numbers_in_every_spelling() {
        reads("1_000_000", 1_000_000_usize);
        reads("1e5", 100_000_u32);
        reads("0xff", 255_u64);
        reads("-3.0", -3_i64);
        reads("\"18446744073709551615\"", u64::MAX);
        assert_eq!(read::<usize>("-1"), Err("a whole number of 0 or more".to_owned()));
        assert_eq!(read::<usize>("\"5\""), Err("a whole number of 0 or more".to_owned()));
        assert_eq!(read::<i64>("1.5"), Err("a whole number".to_owned()));
        assert_eq!(read::<i64>("1e300"), Err("a whole number".to_owned()));
        assert_eq!(read::<u32>("4294967296"), Err("a whole number from 0 to 4294967295".to_owned()));
    }

    #[test]
    fn numbers_are_written_as_short_as_they_read_back() {
        reads("1", 1.0);
        for (number, text) in [(1e-3, "0.001"), (1e-8, "1e-8"), (2.5e-4, "0.00025"), (1.0, "1.0"), (1e300, "1e300")] {
            reads(text, number);
            assert_eq!(number.to_toml().to_string(), text);
        }
        assert_eq!(read::<f64>("inf"), Err("a finite number".to_owned()));
        assert_eq!(read::<f64>("nan"), Err("a finite number".to_owned()));
        assert_eq!(read::<f64>("\"1\""), Err("a number".to_owned()));
    }

    #[test]
    fn words_and_none() {
        reads("true", true);
        assert_eq!(read::<bool>("1"), Err("true or false".to_owned()));
        reads("\"say \\\"hi\\\"\\n\\tthere\"", "say \"hi\"\n\tthere".to_owned());
        assert_eq!(read::<String>("1"), Err("text in quotes".to_owned()));
        reads("\"none\"", None::<f64>);
        reads("0.5", Some(0.5));
        assert_eq!(read::<Option<f64>>("\"nun\""), Err("\"none\" or a number".to_owned()));
    }

    #[test]
    fn lists() {
        reads("[64, 6_4]", vec![64_usize, 64]);
        reads("[]", Vec::<usize>::new());
        reads("[\"a\", \"b\"]", vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(read::<Vec<usize>>("64"), Err("a list in square brackets".to_owned()));
        let expected = "a list in which every item is a whole number of 0 or more";
        assert_eq!(read::<Vec<usize>>("[64, -1]"), Err(expected.to_owned()));
    }

    #[test]
    fn free_tables() {
        let table = serde_json::json!({ "g": 9.8, "n": 1, "on": true, "name": "x", "deep": { "list": [1, [2.0]] } });
        let serde_json::Value::Object(table) = table else { panic!("an object") };
        reads("{ g = 9.8, n = 1, on = true, name = \"x\", deep.list = [1, [2.0]] }", table);
        let read = read::<Map<String, serde_json::Value>>;
        assert_eq!(read("1"), Err("a table, as in { gravity = 9.8 }".to_owned()));
        assert_eq!(read("{ at = 2024-01-01 }"), Err("a table without dates".to_owned()));
        assert_eq!(read("{ g = inf }"), Err("a finite number in the table".to_owned()));
    }
}
