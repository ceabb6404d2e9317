//! `fit.class_weight`: how much each class counts while a classifier learns.

use std::collections::BTreeMap;

use cartwheel_agents::config::{Value, nearest, toml_edit};

use crate::TrainError;
use crate::data::survey::balanced;

/// How much the classes of a classifier count in the loss that it learns from. Other losses, such as that of validation samples,
/// count each sample alike.
///
/// A sample's loss is multiplied by the weight of its class, and a step's sum is divided by the sum of its samples' weights: the
/// mean of PyTorch's `CrossEntropyLoss(weight=...)`. Keras divides by their number instead, which makes the learning rate another
/// one with each scale of the weights; this way twice the weights are the same step. Label smoothing and mixed images are
/// PyTorch's too: each class's part of a target has that class's weight, and of mixed images, which are of no one class, the
/// sum is divided by their number.
#[derive(Clone, Debug, PartialEq)]
pub enum ClassWeight {
    /// So much that all classes count alike: scikit-learn's samples / (classes × samples of the class), of the training part.
    Balanced,
    /// By the names of classes, above 0; those that are not among them count 1.
    Of(BTreeMap<String, f64>),
}

/// A weight as it is learnt with, if it is one.
fn weight(value: f64) -> Option<f32> {
    let weight = value as f32;
    (weight > 0.0 && weight.is_finite()).then_some(weight)
}

impl ClassWeight {
    /// The weight of each of the classes `labels`, of which there are `counts` samples to learn from.
    ///
    /// # Errors
    /// If a class that is named is none of them, or one has no samples to be balanced by.
    pub(crate) fn weights(&self, labels: &[String], counts: &[usize]) -> Result<Vec<f32>, TrainError> {
        let table = match self {
            Self::Balanced => {
                let weights = labels.iter().zip(balanced(counts)).map(|(label, found)| {
                    found.and_then(weight).ok_or_else(|| {
                        TrainError::Unfit(format!(
                            "fit.class_weight = \"balanced\" has no weight for class {label:?}, which has no training samples: \
                             add some, or give weights as in {{ {label} = 2.0 }}"
                        ))
                    })
                });
                return weights.collect();
            }
            Self::Of(table) => table,
        };
        if let Some(unknown) = table.keys().find(|name| !labels.contains(*name)) {
            let near = nearest(unknown, labels.iter().map(String::as_str));
            let near = near.map_or(String::new(), |near| format!(" (nearest: {near:?})"));
            let (named, more) = (labels.iter().take(20).cloned().collect::<Vec<_>>(), labels.len().saturating_sub(20));
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            return Err(TrainError::Unfit(format!(
                "fit.class_weight: there is no class {unknown:?}{near}: there are {}{more}",
                named.join(", ")
            )));
        }
        Ok(labels.iter().map(|label| table.get(label).copied().and_then(weight).unwrap_or(1.0)).collect())
    }
}

impl Value for ClassWeight {
    fn from_toml(value: &toml_edit::Value) -> Result<Self, String> {
        let expected = "\"balanced\" or a table of finite numbers above 0 by class, as in { cat = 2.0 }";
        if value.as_str() == Some("balanced") {
            return Ok(Self::Balanced);
        }
        let table = value.as_inline_table().ok_or(expected)?;
        let entry = |(name, value): (&str, &toml_edit::Value)| {
            f64::from_toml(value).ok().filter(|value| weight(*value).is_some()).map(|value| (name.to_owned(), value))
        };
        let table: Option<_> = table.iter().map(entry).collect();
        Ok(Self::Of(table.ok_or(expected)?))
    }

    fn to_toml(&self) -> toml_edit::Value {
        match self {
            Self::Balanced => "balanced".into(),
            Self::Of(table) => {
                let entries = table.iter().map(|(name, weight)| (name, weight.to_toml()));
                entries.collect::<toml_edit::InlineTable>().into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> [String; 3] {
        ["cat", "dog", "owl"].map(str::to_owned)
    }

    fn read(toml: &str) -> Result<Option<ClassWeight>, String> {
        Option::from_toml(&toml.parse().unwrap())
    }

    #[test]
    fn weights_are_read_and_written() {
        assert_eq!(read("\"none\""), Ok(None));
        for (toml, weights) in [("\"balanced\"", [2.0, 1.0, 2.0 / 3.0]), ("{ owl = 3, cat = 0.5 }", [0.5, 1.0, 3.0])] {
            let weight = read(toml).unwrap().unwrap();
            // scikit-learn 1.8: compute_class_weight("balanced", classes=[0, 1, 2], y=[0] + 2 * [1] + 3 * [2]).
            assert_eq!(weight.weights(&labels(), &[1, 2, 3]).unwrap(), weights);
            assert_eq!(read(&weight.to_toml().to_string()), Ok(Some(weight)), "what is written reads back");
        }
        for wrong in
            ["\"balance\"", "2", "{ cat = 0 }", "{ cat = -1 }", "{ cat = inf }", "{ cat = nan }", "{ cat = 1e-60 }"]
        {
            assert!(read(wrong).unwrap_err().contains("{ cat = 2.0 }"), "{wrong}");
        }
    }

    #[test]
    fn classes_that_have_no_weight_are_told() {
        let told = |toml: &str, counts: &[usize]| {
            let error = read(toml).unwrap().unwrap().weights(&labels(), counts).unwrap_err();
            assert!(error.is_usage());
            error.to_string()
        };
        let unknown = told("{ cats = 2 }", &[1, 1, 1]);
        assert!(unknown.contains("\"cats\" (nearest: \"cat\")") && unknown.ends_with("cat, dog, owl"), "{unknown}");
        let empty = told("\"balanced\"", &[1, 0, 1]);
        assert!(empty.contains("\"dog\"") && empty.contains("{ dog = 2.0 }"), "{empty}");
    }
}
