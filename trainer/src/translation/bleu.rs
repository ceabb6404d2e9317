//! BLEU.

use super::{matches, runs};

/// The longest runs of words that are compared.
const ORDERS: usize = 4;

/// BLEU of a corpus with what it is made of, all but the penalty in percent.
#[derive(Clone, Debug, PartialEq)]
pub struct Bleu {
    /// From 0 to 100.
    pub score: f64,
    /// The share of runs of one, two, three and four words that the reference has too.
    pub precisions: [f64; ORDERS],
    /// From 0 to 1: less than 1 if the translations are shorter than the references.
    pub brevity_penalty: f64,
}

/// BLEU of `translations` against one reference each, with sacreBLEU's defaults: words by 13a, up to 4 in a row, exponential
/// smoothing of runs that are never met.
///
/// References: Papineni et al. 2002, "BLEU: a Method for Automatic Evaluation of Machine Translation"; Post 2018, "A Call for
/// Clarity in Reporting BLEU Scores".
pub fn bleu(translations: &[impl AsRef<str>], references: &[impl AsRef<str>]) -> Bleu {
    let (mut length, mut reference_length) = (0, 0);
    let (mut correct, mut total) = ([0; ORDERS], [0; ORDERS]);
    for (translation, reference) in translations.iter().zip(references) {
        let (found, expected) = (words(translation.as_ref()), words(reference.as_ref()));
        length += found.len();
        reference_length += expected.len();
        for n in 1..=ORDERS {
            correct[n - 1] += matches(&runs(&found, n), &runs(&expected, n));
            total[n - 1] += (found.len() + 1).saturating_sub(n);
        }
    }
    let brevity_penalty = match length {
        0 => 0.0,
        _ if length >= reference_length => 1.0,
        _ => (1.0 - reference_length as f64 / length as f64).exp(),
    };
    let mut precisions = [0.0; ORDERS];
    if correct == [0; ORDERS] {
        return Bleu { score: 0.0, precisions, brevity_penalty };
    }
    let mut smoothing = 1.0;
    for (precision, (correct, total)) in precisions.iter_mut().zip(correct.into_iter().zip(total)) {
        if total == 0 {
            break;
        }
        let mut hits = f64::from(correct as u32);
        if correct == 0 {
            smoothing *= 2.0;
            hits = 1.0 / smoothing;
        }
        *precision = 100.0 * hits / total as f64;
    }
    let score = match precisions.contains(&0.0) {
        true => 0.0,
        false => brevity_penalty * (precisions.iter().map(|p| p.ln()).sum::<f64>() / ORDERS as f64).exp(),
    };
    Bleu { score, precisions, brevity_penalty }
}

/// The words of a text by the rules of mteval-v13a, which sacreBLEU calls 13a.
pub(super) fn words(text: &str) -> Vec<String> {
    let text = text.replace("<skipped>", "").replace("-\n", "").replace('\n', " ");
    let text = text.replace("&quot;", "\"").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">");
    // White space at both ends, so that there is something before and behind each character.
    let text: Vec<char> = format!(" {text} ").chars().collect();
    // Signs stand alone, but for those that can be within a number.
    let mut spaced = Vec::new();
    for c in text {
        match c {
            '{'..='~' | '['..='`' | ' '..='&' | '('..='+' | ':'..='@' | '/' => spaced.extend([' ', c, ' ']),
            _ => spaced.push(c),
        }
    }
    let point = |c: char| c == '.' || c == ',';
    let digit = |c: char| c.is_ascii_digit();
    // A point or comma stands alone unless digits are on both sides, and so does a hyphen behind a digit.
    let spaced = pairs(&spaced, |a, b| (!digit(a) && point(b)).then_some([a, ' ', b, ' ']));
    let spaced = pairs(&spaced, |a, b| (point(a) && !digit(b)).then_some([' ', a, ' ', b]));
    let spaced = pairs(&spaced, |a, b| (digit(a) && b == '-').then_some([a, ' ', b, ' ']));
    spaced.iter().collect::<String>().split_whitespace().map(str::to_string).collect()
}

/// Replaces pairs of characters from left to right; a character that was replaced is in no other pair.
fn pairs(text: &[char], replace: impl Fn(char, char) -> Option<[char; 4]>) -> Vec<char> {
    let (mut replaced, mut at) = (Vec::with_capacity(text.len()), 0);
    while at < text.len() {
        match text.get(at + 1).and_then(|next| replace(text[at], *next)) {
            Some(pair) => {
                replaced.extend(pair);
                at += 2;
            }
            None => {
                replaced.push(text[at]);
                at += 1;
            }
        }
    }
    replaced
}
