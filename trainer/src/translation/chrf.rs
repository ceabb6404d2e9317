//! chrF.

use super::{matches, runs};

/// The longest runs of characters that are compared.
const ORDERS: usize = 6;
/// Finding counts so many times as much as being right.
const BETA: f64 = 2.0;

/// chrF2 of `translations` against one reference each, from 0 to 100, with sacreBLEU's defaults: runs of up to 6 characters
/// without white space, precision and recall averaged over the lengths that are met.
///
/// Reference: Popović 2015, "chrF: character n-gram F-score for automatic MT evaluation".
pub fn chrf(translations: &[impl AsRef<str>], references: &[impl AsRef<str>]) -> f64 {
    // For each length: runs of translations and of references, and what they share.
    let mut counts = [[0usize; 3]; ORDERS];
    let characters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<Vec<char>>();
    for (translation, reference) in translations.iter().zip(references) {
        let (found, expected) = (characters(translation.as_ref()), characters(reference.as_ref()));
        for (n, [of_found, of_expected, of_both]) in (1..).zip(&mut counts) {
            let of = |text: &[char]| (text.len() + 1).saturating_sub(n);
            // What no run of the reference could match is no miss.
            *of_found += if of(&expected) > 0 { of(&found) } else { 0 };
            *of_expected += of(&expected);
            *of_both += matches(&runs(&found, n), &runs(&expected, n));
        }
    }
    let (mut precision, mut recall, mut orders) = (0.0, 0.0, 0.0);
    for [of_found, of_expected, of_both] in counts {
        if of_found > 0 && of_expected > 0 {
            precision += of_both as f64 / of_found as f64;
            recall += of_both as f64 / of_expected as f64;
            orders += 1.0;
        }
    }
    if precision + recall == 0.0 {
        return 0.0;
    }
    let (precision, recall, factor) = (precision / orders, recall / orders, BETA * BETA);
    100.0 * (1.0 + factor) * precision * recall / (factor * precision + recall)
}
