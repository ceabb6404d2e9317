//! The declarations: [`config!`](crate::config!) for sections and [`config_enum!`](crate::config_enum!) for choices.

/// Declares a section: a struct whose public fields are the keys, with their docs, defaults and checks.
///
/// ```text
/// config! {
///     /// Doc of the struct and of the TOML table.
///     pub struct Name in "table" {
///         /// Doc of the field and of the key.
///         key: Type = default;
///         /// The check is optional: a `fn(&Type) -> Result<(), String>` returning what it expected.
///         other_key: Type = default, check;
///     }
/// }
/// ```
///
/// The struct gets `Clone`, `Debug`, `PartialEq`, `Default` and [`Section`](crate::config::Section). A type is any
/// [`Value`](crate::config::Value) that has the first three too. A doc comment has as many lines as it needs; a file
/// shows them as they are wrapped here. The functions of [`checks`](crate::config::checks) are in scope for `check`:
///
/// ```
/// use cartwheel_agents::config::Section;
///
/// cartwheel_agents::config! {
///     /// Double-checked settings.
///     pub struct Example in "example" {
///         /// The discount of later rewards.
///         gamma: f64 = 0.99, within(0.0, 1.0);
///         /// Units of every hidden layer.
///         net_arch: Vec<usize> = vec![64, 64], each(positive);
///         /// Must be even.
///         envs: usize = 8, |envs| if envs % 2 == 0 { Ok(()) } else { Err("an even number".into()) };
///     }
/// }
///
/// let mut example = Example::default();
/// assert!(example.set("envs", &3.into()).is_err());
/// assert!(example.set("gamma", &1.into()).is_ok());
/// assert_eq!(example, Example { gamma: 1.0, ..Default::default() });
/// ```
#[macro_export]
macro_rules! config {
    (
        $(#[doc = $section_doc:expr])*
        $vis:vis struct $section:ident in $table:literal {
            $(
                $(#[doc = $doc:expr])*
                $key:ident: $type:ty = $default:expr $(, $check:expr)?;
            )*
        }
    ) => {
        $(#[doc = $section_doc])*
        #[derive(Clone, Debug, PartialEq)]
        $vis struct $section {
            $(
                $(#[doc = $doc])*
                pub $key: $type,
            )*
        }

        impl ::std::default::Default for $section {
            fn default() -> Self {
                Self { $($key: $default,)* }
            }
        }

        impl $crate::config::Section for $section {
            fn name(&self) -> &'static str {
                $table
            }

            fn doc(&self) -> &'static str {
                static DOC: ::std::sync::LazyLock<::std::string::String> =
                    ::std::sync::LazyLock::new(|| $crate::config::support::doc_text(&[$($section_doc),*]));
                &DOC
            }

            fn keys(&self) -> &'static [$crate::config::Key] {
                static KEYS: ::std::sync::LazyLock<::std::vec::Vec<$crate::config::Key>> =
                    ::std::sync::LazyLock::new(|| ::std::vec![
                        $($crate::config::Key::new::<$type>(stringify!($key), &[$($doc),*]),)*
                    ]);
                &KEYS
            }

            fn get(&self, key: &str) -> ::std::option::Option<$crate::config::toml_edit::Value> {
                match key {
                    $(stringify!($key) => ::std::option::Option::Some($crate::config::Value::to_toml(&self.$key)),)*
                    _ => ::std::option::Option::None,
                }
            }

            fn set(
                &mut self,
                key: &str,
                value: &$crate::config::toml_edit::Value,
            ) -> ::std::result::Result<(), $crate::config::SetError> {
                #[allow(unused_imports, reason = "a section need not use every check")]
                use $crate::config::checks::{
                    at_least, at_most, each, if_some, non_empty, non_negative, positive, share, within,
                };
                match key {
                    $(stringify!($key) => {
                        let new: $type = $crate::config::support::read(value)?;
                        $($crate::config::support::check(&new, $check)?;)?
                        self.$key = new;
                    })*
                    _ => return ::std::result::Result::Err($crate::config::SetError::UnknownKey),
                }
                ::std::result::Result::Ok(())
            }
        }
    };
}

/// Declares a choice of words: an enum that a key of a section may have.
///
/// The enum gets `Clone`, `Copy`, `Debug`, `PartialEq`, `Eq`, `Display`, `FromStr`, the list `ALL` and
/// [`Value`](crate::config::Value); what is none of the words is answered with all of them and the nearest.
///
/// ```
/// cartwheel_agents::config_enum! {
///     /// How the temporal-difference error is penalised.
///     pub enum Loss {
///         /// Quadratic near zero and linear further out.
///         Huber = "huber",
///         /// Mean squared error.
///         Mse = "mse",
///     }
/// }
///
/// assert_eq!("mse".parse(), Ok(Loss::Mse));
/// let error = "hubert".parse::<Loss>().unwrap_err();
/// assert_eq!(error.to_string(), r#"expected "huber" or "mse" (nearest: "huber"), found "hubert""#);
/// ```
#[macro_export]
macro_rules! config_enum {
    (
        $(#[doc = $enum_doc:expr])*
        $vis:vis enum $choice:ident {
            $(
                $(#[doc = $doc:expr])*
                $variant:ident = $word:literal
            ),+ $(,)?
        }
    ) => {
        $(#[doc = $enum_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $choice {
            $(
                $(#[doc = $doc])*
                $variant,
            )+
        }

        impl $choice {
            /// Every choice, in declaration order.
            #[allow(dead_code, unreachable_pub, reason = "the enum may be private to its crate, which may not list it")]
            pub const ALL: &[Self] = &[$(Self::$variant),+];
        }

        impl ::std::fmt::Display for $choice {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(match self {
                    $(Self::$variant => $word,)+
                })
            }
        }

        impl ::std::str::FromStr for $choice {
            type Err = $crate::config::UnknownChoice;

            fn from_str(word: &str) -> ::std::result::Result<Self, Self::Err> {
                match word {
                    $($word => ::std::result::Result::Ok(Self::$variant),)+
                    _ => ::std::result::Result::Err($crate::config::support::unknown_choice(word, &[$($word),+])),
                }
            }
        }

        impl $crate::config::Value for $choice {
            fn from_toml(
                value: &$crate::config::toml_edit::Value,
            ) -> ::std::result::Result<Self, ::std::string::String> {
                value.as_str().unwrap_or_default().parse().map_err(|error: $crate::config::UnknownChoice| error.expected)
            }

            fn to_toml(&self) -> $crate::config::toml_edit::Value {
                self.to_string().into()
            }

            fn choices() -> ::std::vec::Vec<&'static str> {
                ::std::vec![$($word),+]
            }
        }
    };
}

/// What the macros' expansions call; not for use by hand.
pub mod support {
    use super::super::{SetError, UnknownChoice, Value, section, suggest, toml_edit};

    /// The text of a doc comment.
    pub fn doc_text(lines: &[&str]) -> String {
        section::doc_text(lines)
    }

    /// Reads a value.
    pub fn read<T: Value>(value: &toml_edit::Value) -> Result<T, SetError> {
        T::from_toml(value).map_err(SetError::Expected)
    }

    /// Checks a value; being a function, it tells a closure the type of its argument.
    pub fn check<T>(value: &T, check: impl Fn(&T) -> Result<(), String>) -> Result<(), SetError> {
        check(value).map_err(SetError::Expected)
    }

    /// The error for a word that is none of `choices`.
    pub fn unknown_choice(word: &str, choices: &[&str]) -> UnknownChoice {
        suggest::unknown_choice(word, choices)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::fixture::{Agent, Loss};
    use crate::config::{Section as _, SetError, Value as _};

    #[test]
    fn a_refused_value_changes_nothing() {
        let mut agent = Agent::default();
        let error = agent.set("learning_rate", &0.into()).unwrap_err();
        assert_eq!(error, SetError::Expected("a number above 0".to_owned()));
        assert_eq!(agent.set("lr", &1.into()), Err(SetError::UnknownKey));
        assert_eq!(agent, Agent::default());
    }

    #[test]
    fn choices_know_their_words() {
        for loss in Loss::ALL {
            assert_eq!(loss.to_string().parse(), Ok(*loss));
            assert_eq!(Loss::from_toml(&loss.to_toml()), Ok(*loss));
        }
        assert_eq!(format!("{:>6}|", Loss::Mse), "   mse|");
        assert_eq!(Loss::from_toml(&1.into()), Err("\"huber\" or \"mse\"".to_owned()));
    }
}
