//! Which tokens may be drawn, and drawing one.

use cartwheel_envs::Generator;

use super::Sampling;
use crate::models::t5::layers::softmax;

/// Draws a token by its logits, which are used up.
pub(super) fn draw(logits: &mut [f32], sampling: &Sampling, stream: &mut Generator) -> usize {
    filter(logits, sampling);
    softmax(logits);
    let mut left = stream.random() as f32;
    for (token, probability) in logits.iter().enumerate() {
        left -= probability;
        if left < 0.0 {
            return token;
        }
    }
    // Rounding left a little more than there is.
    crate::argmax(logits)
}

/// Temperature, then the `top_k` largest, then the fewest that have `top_p` together; what is left out becomes -∞.
///
/// Reference: `TemperatureLogitsWarper`, `TopKLogitsWarper` and `TopPLogitsWarper` of transformers, in this order. Holtzman et al.
/// 2020, "The Curious Case of Neural Text Degeneration", is where top-p is from.
fn filter(logits: &mut [f32], sampling: &Sampling) {
    logits.iter_mut().for_each(|logit| *logit /= sampling.temperature);
    if sampling.top_k > 0 && sampling.top_k < logits.len() {
        let mut sorted = logits.to_vec();
        let (_, least, _) = sorted.select_nth_unstable_by(sampling.top_k - 1, |a, b| b.total_cmp(a));
        let least = *least;
        logits.iter_mut().filter(|logit| **logit < least).for_each(|logit| *logit = f32::NEG_INFINITY);
    }
    if sampling.top_p < 1.0 {
        let mut order: Vec<usize> = (0..logits.len()).filter(|token| logits[*token] > f32::NEG_INFINITY).collect();
        order.sort_by(|a, b| logits[*a].total_cmp(&logits[*b]));
        let mut probabilities: Vec<f32> = order.iter().map(|token| logits[*token]).collect();
        softmax(&mut probabilities);
        // From the least likely on, as long as they are dispensable; the most likely stays.
        let mut sum = 0.0;
        for (token, probability) in order.iter().zip(probabilities).rev().skip(1).rev() {
            sum += probability;
            if sum > 1.0 - sampling.top_p {
                break;
            }
            logits[*token] = f32::NEG_INFINITY;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn recorded() -> (Vec<f32>, Vec<(Sampling, Vec<f32>)>) {
        let recorded = include_str!("../../../../../tests/data/t5/sampling.json");
        let recorded: Value = serde_json::from_str(recorded).expect("a recording");
        let floats = |value: &Value| serde_json::from_value::<Vec<f32>>(value.clone()).expect("numbers");
        let case = |case: &Value| {
            let number = |name: &str| case[name].as_f64().expect("a number");
            let (temperature, top_p) = (number("temperature") as f32, number("top_p") as f32);
            let sampling = Sampling { temperature, top_k: number("top_k") as usize, top_p, seed: 0 };
            (sampling, floats(&case["probabilities"]))
        };
        (floats(&recorded["logits"]), recorded["cases"].as_array().expect("cases").iter().map(case).collect())
    }

    #[test]
    fn what_may_be_drawn_and_how_likely_is_as_in_transformers() {
        let (logits, cases) = recorded();
        for (sampling, expected) in cases {
            let mut found = logits.clone();
            filter(&mut found, &sampling);
            softmax(&mut found);
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-6, "{sampling:?}: {found} for {expected}");
                assert_eq!(*found == 0.0, *expected == 0.0, "{sampling:?}");
            }
        }
    }

    #[test]
    fn tokens_are_drawn_as_often_as_they_are_likely() {
        let (logits, cases) = recorded();
        const DRAWS: usize = 20_000;
        for (sampling, expected) in cases {
            let mut stream = Generator::new(4);
            let mut counts = vec![0usize; logits.len()];
            for _ in 0..DRAWS {
                counts[draw(&mut logits.clone(), &sampling, &mut stream)] += 1;
            }
            for (count, probability) in counts.iter().zip(expected) {
                let (expected, deviation) =
                    (probability * DRAWS as f32, (probability * (1.0 - probability) * DRAWS as f32).sqrt());
                assert!(
                    (*count as f32 - expected).abs() <= 4.5 * deviation + 3.0,
                    "{sampling:?}: {count} for {expected}"
                );
            }
        }
    }
}
