//! What is to be run, from TOML.

use std::path::Path;

use serde::Deserialize;

use crate::{Algo, TrainError};

/// An algorithm on an environment, and what is known of it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The algorithm.
    #[serde(deserialize_with = "algo")]
    pub algo: Algo,
    /// The environment's id.
    pub env: String,
    /// The mean greedy return that a seed must reach, if there is one to reach.
    pub goal: Option<f64>,
    /// What the RL Zoo says.
    pub zoo: Option<String>,
    /// What CleanRL says.
    pub cleanrl: Option<String>,
}

/// Rows in their order.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// They.
    #[serde(rename = "row")]
    pub rows: Vec<Row>,
}

/// The tables that are shipped.
const SHIPPED: &[(&str, &str)] = &[("zoo", include_str!("../../configs/tables/zoo.toml"))];

fn algo<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Algo, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

impl Table {
    /// The shipped table of this name, or the one in this file.
    ///
    /// # Errors
    /// If there is neither, or the file is not such a table: what is wrong in which line.
    pub fn load(name: &str) -> Result<Self, TrainError> {
        if let Some((_, text)) = SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
            return Self::parse(text, name);
        }
        let path = Path::new(name);
        let text = std::fs::read_to_string(path).map_err(|error| {
            let names: Vec<_> = SHIPPED.iter().map(|(name, _)| *name).collect();
            TrainError::Unfit(format!("no table {name}: {error}; shipped are: {}", names.join(", ")))
        })?;
        Self::parse(&text, name)
    }

    fn parse(text: &str, name: &str) -> Result<Self, TrainError> {
        toml::from_str(text).map_err(|error| TrainError::Unfit(format!("the table {name}: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_a_shipped_table_can_be_run() {
        for (name, _) in SHIPPED {
            for row in Table::load(name).unwrap().rows {
                let settings = row.settings(3, Path::new("runs")).unwrap();
                settings.check().unwrap();
                let tuned = Settings::tuned(row.algo).any(|env| env == row.env);
                assert!(tuned && settings.train.seed == 3, "{row:?} has no settings of its own");
            }
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let problem = |text: &str| Table::parse(text, "mine.toml").unwrap_err().to_string();
        assert!(problem("[[row]]\nalgo = \"sarsa\"\nenv = \"a\"").contains("sarsa"));
        let unknown = problem("[[row]]\nalgo = \"dqn\"\nenv = \"a\"\ngaol = 1");
        assert!(unknown.contains("mine.toml") && unknown.contains("gaol"), "{unknown}");
        let missing = Table::load("nowhere.toml").unwrap_err().to_string();
        assert!(missing.contains("nowhere.toml") && missing.contains("zoo"), "{missing}");
    }

    use crate::Settings;
}
