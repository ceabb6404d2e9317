//! Beam search, as transformers' `generate(num_beams=B, early_stopping=False)` does it.

use super::{Generated, Generation};
use crate::models::t5::error::T5Error;
use crate::models::t5::model::{Encoded, T5};

/// A text of which not all is written.
#[derive(Clone, Debug)]
struct Beam {
    tokens: Vec<u32>,
    /// The sum of its tokens' log-probabilities.
    score: f32,
}

/// One more token for a beam.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Candidate {
    score: f32,
    /// The number of its beam.
    beam: usize,
    token: u32,
}

/// The beams of one text.
struct Search {
    text: usize,
    running: Vec<Beam>,
    /// The best texts that have ended, the best first, with scores by their lengths; as many as there are beams at most.
    finished: Vec<Generated>,
}

pub(super) fn search(
    model: &T5,
    encoded: &Encoded,
    settings: &Generation,
    beams: usize,
) -> Result<Vec<Generated>, T5Error> {
    let count = encoded.lengths.len();
    let (vocab_size, ends) = (model.config().vocab_size, model.config().eos_tokens());
    // So many that enough are left to go on with when all beams end at once.
    let kept = (1 + ends.len()).max(2) * beams;
    // All beams would begin alike: each text begins with one, whose best tokens make the others.
    let begin = |text| Search { text, running: vec![Beam { tokens: Vec::new(), score: 0.0 }], finished: Vec::new() };
    let mut searches: Vec<Search> = (0..count).map(begin).collect();
    let mut written = vec![Generated { tokens: Vec::new(), score: None }; count];
    let mut decoding = model.decode(encoded, (0..count).collect());
    let mut tokens = vec![model.config().start_token(); count];
    for length in 1..=settings.max_new_tokens {
        let mut logits = &*model.step(&mut decoding, &tokens)?;
        let last = length == settings.max_new_tokens;
        let (mut rows, mut first) = (Vec::new(), 0);
        tokens.clear();
        let mut open = Vec::new();
        for mut search in searches {
            let rows_before = search.running.len();
            let (own, others) = logits.split_at(rows_before * vocab_size);
            logits = others;
            let candidates = search.candidates(own, vocab_size, kept);
            let of_length = (length as f32).powf(settings.length_penalty);
            let came_from = search.advance(&candidates, beams, of_length, |token| last || ends.contains(&token));
            if last || search.is_over(beams, of_length) {
                if let Some(best) = search.finished.into_iter().next() {
                    written[search.text] = best;
                }
            } else {
                rows.extend(came_from.iter().map(|beam| first + beam));
                tokens.extend(search.running.iter().filter_map(|beam| beam.tokens.last()));
                open.push(search);
            }
            first += rows_before;
        }
        if open.is_empty() {
            break;
        }
        searches = open;
        decoding.select(&rows);
    }
    Ok(written)
}

impl Search {
    /// The `kept` best tokens over all beams, the best first; of equal ones the first.
    fn candidates(&self, logits: &[f32], vocab_size: usize, kept: usize) -> Vec<Candidate> {
        let mut best: Vec<Candidate> = Vec::with_capacity(kept + 1);
        for (beam, logits) in logits.chunks_exact(vocab_size).enumerate() {
            let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f32 = logits.iter().map(|logit| (logit - largest).exp()).sum();
            let (before, log_sum) = (self.running[beam].score, sum.ln());
            for (token, logit) in logits.iter().enumerate() {
                let score = logit - largest - log_sum + before;
                if best.len() == kept && best.last().is_some_and(|worst| score <= worst.score) {
                    continue;
                }
                let at = best.partition_point(|other| other.score >= score);
                best.insert(at, Candidate { score, beam, token: token as u32 });
                best.truncate(kept);
            }
        }
        best
    }

    /// Goes on with the best candidates that do not end, and keeps of those that do the ones among the first `beams`. Answers
    /// which beam each that runs came from.
    fn advance(
        &mut self,
        candidates: &[Candidate],
        beams: usize,
        of_length: f32,
        ends: impl Fn(u32) -> bool,
    ) -> Vec<usize> {
        let (mut running, mut came_from) = (Vec::new(), Vec::new());
        for (rank, candidate) in candidates.iter().enumerate() {
            let with_token = || {
                let mut tokens = self.running[candidate.beam].tokens.clone();
                tokens.push(candidate.token);
                tokens
            };
            if !ends(candidate.token) {
                if running.len() < beams {
                    running.push(Beam { tokens: with_token(), score: candidate.score });
                    came_from.push(candidate.beam);
                }
            } else if rank < beams {
                self.finished.push(Generated { tokens: with_token(), score: Some(candidate.score / of_length) });
            }
        }
        self.running = running;
        // Stable: of equal ones the earlier stays before.
        self.finished.sort_by(|a, b| b.score.unwrap_or_default().total_cmp(&a.score.unwrap_or_default()));
        self.finished.truncate(beams);
        came_from
    }

    /// Whether no beam that runs, if it ended now, would be better than the worst of enough that have ended.
    fn is_over(&self, beams: usize, of_length: f32) -> bool {
        let Some(best) = self.running.first() else { return true };
        let worst = self.finished.get(beams - 1).and_then(|worst| worst.score);
        worst.is_some_and(|worst| best.score / of_length <= worst)
    }
}
