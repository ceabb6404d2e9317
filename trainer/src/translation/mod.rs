//! How good translations are, against what people translated: BLEU and chrF, with the figures of sacreBLEU.
//!
//! Both look at a whole corpus: counts are summed over its texts, and averages of single texts mean something else.

mod bleu;
mod chrf;

pub use bleu::{Bleu, bleu};
pub use chrf::chrf;

use std::collections::HashMap;
use std::hash::Hash;

/// How often each run of `n` items is in `items`.
fn runs<T: Eq + Hash>(items: &[T], n: usize) -> HashMap<&[T], usize> {
    let mut counts = HashMap::new();
    for run in items.windows(n) {
        *counts.entry(run).or_insert(0) += 1;
    }
    counts
}

/// How many runs `found` has in common with `expected`, each at most as often as there.
fn matches<T: Eq + Hash>(found: &HashMap<&[T], usize>, expected: &HashMap<&[T], usize>) -> usize {
    let common = |(run, count): (&&[T], &usize)| (*count).min(expected.get(run).copied().unwrap_or(0));
    found.iter().map(common).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn recorded() -> Value {
        serde_json::from_str(include_str!("../../../tests/data/translation/scores.json")).expect("a recording")
    }

    fn strings(value: &Value) -> Vec<String> {
        serde_json::from_value(value.clone()).expect("texts")
    }

    #[test]
    fn scores_are_those_of_sacrebleu() {
        let recorded = recorded();
        let cases = recorded["cases"].as_array().expect("cases");
        assert!(cases.len() > 10);
        for case in cases {
            let (hypotheses, references) = (strings(&case["hypotheses"]), strings(&case["references"]));
            let close = |found: f64, expected: &Value| (found - expected.as_f64().expect("a number")).abs() < 1e-9;
            let found = bleu(&hypotheses, &references);
            assert!(close(found.score, &case["bleu"]), "{found:?} for {}", case["bleu"]);
            assert!(close(found.brevity_penalty, &case["brevity_penalty"]), "{found:?} for {case}");
            if found.score > 0.0 {
                for (found, expected) in found.precisions.iter().zip(case["precisions"].as_array().expect("four")) {
                    assert!(close(*found, expected), "{found} for {expected}");
                }
            }
            let found = chrf(&hypotheses, &references);
            assert!(close(found, &case["chrf"]), "{found} for {}", case["chrf"]);
        }
    }

    #[test]
    fn words_are_those_of_sacrebleus_13a() {
        for case in recorded()["words"].as_array().expect("cases") {
            let text = case["text"].as_str().expect("a text");
            assert_eq!(bleu::words(text), strings(&case["words"]), "{text:?}");
        }
    }
}
