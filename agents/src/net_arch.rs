//! Hidden layers of a policy and of what is learnt beside it, as Stable-Baselines3's `net_arch` has them.

use crate::config::{Value, checks, toml_edit};

macro_rules! net_arch {
    ($(#[doc = $doc:literal])* $name:ident, $(#[doc = $of_values:literal])* $values:ident, example: $example:literal) => {
        $(#[doc = $doc])*
        ///
        /// In a configuration file a list, of both, or a table of two lists.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            /// Of the policy.
            pub pi: Vec<usize>,
            $(#[doc = $of_values])*
            pub $values: Vec<usize>,
        }

        /// The same layers for both.
        impl From<Vec<usize>> for $name {
            fn from(both: Vec<usize>) -> Self {
                Self { pi: both.clone(), $values: both }
            }
        }

        impl $name {
            /// The check of a key of this type: see [`checks::layers`].
            pub(crate) fn check(&self) -> Result<(), String> {
                checks::layers(&self.pi).and(checks::layers(&self.$values))
            }
        }

        impl Value for $name {
            fn from_toml(value: &toml_edit::Value) -> Result<Self, String> {
                let Some(table) = value.as_inline_table() else {
                    let both = Vec::<usize>::from_toml(value);
                    return both.map(Self::from).map_err(|expected| format!("{expected}, or a table as {}", $example));
                };
                let of = |key| table.get(key).map(Vec::<usize>::from_toml);
                match (of("pi"), of(stringify!($values)), table.len()) {
                    (Some(Ok(pi)), Some(Ok($values)), 2) => Ok(Self { pi, $values }),
                    _ => Err(format!("a list of whole numbers, or a table of two such lists, as {}", $example)),
                }
            }

            fn to_toml(&self) -> toml_edit::Value {
                if self.pi == self.$values {
                    return self.pi.to_toml();
                }
                let table = [("pi", self.pi.to_toml()), (stringify!($values), self.$values.to_toml())];
                table.into_iter().collect::<toml_edit::InlineTable>().into()
            }
        }
    };
}

net_arch! {
    /// Units of each hidden layer, of a policy and of a value function.
    NetArch,
    /// Of the value function.
    vf, example: "{ pi = [64, 64], vf = [64, 64] }"
}

net_arch! {
    /// Units of each hidden layer, of a policy and of what values its actions.
    QNetArch,
    /// Of each value function.
    qf, example: "{ pi = [256, 256], qf = [256, 256] }"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Value>(toml: &str) -> Result<T, String> {
        T::from_toml(&toml.parse().expect("TOML"))
    }

    #[test]
    fn both_are_told_at_once_or_each() {
        assert_eq!(read("[8, 4]"), Ok(NetArch { pi: vec![8, 4], vf: vec![8, 4] }));
        let each = NetArch { pi: vec![8], vf: vec![] };
        assert_eq!(read("{ vf = [], pi = [8] }"), Ok(each.clone()));
        assert_eq!(each.to_toml().to_string(), "{ pi = [8], vf = [] }");
        assert_eq!(NetArch::from(vec![8]).to_toml().to_string(), "[8]");
        assert_eq!(read("{ pi = [8], qf = [3] }"), Ok(QNetArch { pi: vec![8], qf: vec![3] }));
        for wrong in
            ["{ pi = [8] }", "{ pi = [8], qf = [3] }", "{ pi = 8, vf = [3] }", "{ pi = [8], vf = [3], qf = [] }", "8"]
        {
            let error = read::<NetArch>(wrong).expect_err(wrong);
            assert!(error.contains("a list") && error.contains("{ pi = [64, 64], vf = [64, 64] }"), "{wrong}: {error}");
        }
        assert!(QNetArch { pi: vec![8], qf: vec![0] }.check().is_err());
        assert!(NetArch { pi: vec![0], vf: vec![1] }.check().is_err());
        assert!(each.check().is_ok());
    }
}
