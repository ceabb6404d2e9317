//! How a fitted model does, in detail.

use serde::{Deserialize, Serialize};

use super::recommendation::RecommendationReport;

/// What there is to say of a kind of model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Report {
    /// Of one that tells classes apart.
    Classification(ClassificationReport),
    /// Of one that recommends items.
    Recommendation(RecommendationReport),
    /// Of one that writes texts.
    Translation(TranslationReport),
}

/// How texts come out that were written token by token, the likeliest each time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TranslationReport {
    /// What was looked at: `test`, `validation` or `train`.
    pub part: String,
    /// Mean cross entropy of a token, over all texts of the part.
    pub loss: f64,
    /// How many were written: those of the part, or its first 1000.
    pub texts: u64,
    /// Share of them that are what was to be written, word for word.
    pub exact_match: f64,
    /// BLEU, from 0 to 100.
    pub bleu: f64,
    /// chrF2, from 0 to 100.
    pub chrf: f64,
    /// The first of them.
    pub samples: Vec<TranslationSample>,
}

/// A text that was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TranslationSample {
    /// For what.
    pub source: String,
    /// What was to be written.
    pub reference: String,
    /// What was written.
    pub translation: String,
}

/// Counts over all samples of a part, class by class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClassificationReport {
    /// What was looked at: `test`, `validation` or `train`.
    pub part: String,
    /// Mean cross entropy.
    pub loss: f64,
    /// Share of samples whose likeliest class is theirs.
    pub accuracy: f64,
    /// Share of samples whose class is among the five likeliest; none for five classes or fewer.
    pub top5_accuracy: Option<f64>,
    /// A line a class.
    pub classes: Vec<ClassReport>,
    /// Samples by their class (rows) and the likeliest one (columns).
    pub confusion: Vec<Vec<u64>>,
}

/// A class's line: scikit-learn's `classification_report`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassReport {
    /// Its name.
    pub label: String,
    /// Of those taken for it, the share that is; 0 if there were none.
    pub precision: f64,
    /// Of its samples, the share that was taken for it; 0 if there are none.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f1: f64,
    /// Its samples.
    pub support: u64,
}

impl ClassReport {
    /// The lines of a confusion matrix.
    pub fn of(confusion: &[Vec<u64>], labels: &[String]) -> Vec<Self> {
        let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        let lines = confusion.iter().enumerate().map(|(class, row)| {
            let (right, support) = (row[class], row.iter().sum());
            let taken = confusion.iter().map(|row| row[class]).sum();
            let (precision, recall) = (share(right, taken), share(right, support));
            let f1 = if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 };
            let label = labels.get(class).cloned().unwrap_or_else(|| class.to_string());
            Self { label, precision, recall, f1, support }
        });
        lines.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `sklearn.metrics.classification_report([0,0,0,1,1,2], [0,0,1,1,0,0], zero_division=0)`.
    #[test]
    fn lines_are_scikit_learns() {
        let confusion = [vec![2, 1, 0], vec![1, 1, 0], vec![1, 0, 0]];
        let classes = ClassReport::of(&confusion, &["a".into(), "b".into()]);
        let line = |class: &ClassReport| (class.precision, class.recall, class.support);
        assert_eq!(line(&classes[0]), (0.5, 2.0 / 3.0, 3));
        assert_eq!(line(&classes[1]), (0.5, 0.5, 2));
        assert_eq!(line(&classes[2]), (0.0, 0.0, 1));
        assert!((classes[0].f1 - 4.0 / 7.0).abs() < 1e-12);
        assert_eq!((classes[1].label.as_str(), classes[2].label.as_str()), ("b", "2"));
    }
}
