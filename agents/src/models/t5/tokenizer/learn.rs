//! A new tokenizer for texts that no published one is for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

/// Tokens that belong to no text, by their ids: padding, the end of a text, what is unknown.
const SPECIAL: [&str; 3] = ["<pad>", "</s>", "<unk>"];
/// What white space before a word becomes.
const SPACE: char = '▁';

/// A `tokenizer.json` of at most `vocab_size` tokens for `texts`: all of their characters, even if those are more, and the pieces
/// of words that are found by joining the most frequent neighbours (Sennrich, Haddow & Birch 2016, "Neural Machine Translation of
/// Rare Words with Subword Units"). Pieces are scored by how often they are used, so that T5's Unigram model takes them.
///
/// The same texts give the same tokenizer. Characters are taken as they are, without a normalization.
pub fn learn_tokenizer<'t>(texts: impl IntoIterator<Item = &'t str>, vocab_size: usize) -> Vec<u8> {
    let mut words = BTreeMap::<&str, u64>::new();
    for text in texts {
        text.split_whitespace().for_each(|word| *words.entry(word).or_default() += 1);
    }
    let characters: BTreeSet<char> = words.keys().flat_map(|word| word.chars()).chain([SPACE]).collect();
    let mut pieces: Vec<String> = characters.iter().map(char::to_string).collect();
    let id: BTreeMap<char, u32> = characters.iter().copied().zip(0..).collect();
    let of = |word: &str| std::iter::once(SPACE).chain(word.chars()).filter_map(|c| id.get(&c).copied()).collect();
    let mut words: Vec<(Vec<u32>, u64)> = words.iter().map(|(word, count)| (of(word), *count)).collect();
    join(&mut words, &mut pieces, vocab_size.saturating_sub(SPECIAL.len()));
    let mut used = vec![0_u64; pieces.len()];
    for (word, count) in &words {
        word.iter().for_each(|piece| used[*piece as usize] += count);
    }
    let total = used.iter().sum::<u64>().max(1) as f64;
    // What is in use no more, being part of something longer, is half as likely as what was used once.
    let scored = pieces.into_iter().zip(used).map(|(piece, used)| (piece, ((used as f64).max(0.5) / total).ln()));
    let vocab: Vec<(String, f64)> = SPECIAL.iter().map(|name| ((*name).to_owned(), 0.0)).chain(scored).collect();
    let metaspace = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true});
    let special = SPECIAL.iter().enumerate().map(|(id, name)| {
        json!({"id": id, "content": name, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true})
    });
    let end = json!({"SpecialToken": {"id": "</s>", "type_id": 0}});
    let document = json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": special.collect::<Vec<_>>(),
        "normalizer": null,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace]},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A", "type_id": 0}}, end],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, end, {"Sequence": {"id": "B", "type_id": 0}}, end],
            "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}},
        },
        "decoder": metaspace,
        "model": {"type": "Unigram", "unk_id": 2, "vocab": vocab, "byte_fallback": false},
    });
    serde_json::to_vec_pretty(&document).unwrap_or_default()
}

/// Joins the most frequent neighbours, of equally frequent ones the first, until there are `most` pieces or none is met twice.
fn join(words: &mut [(Vec<u32>, u64)], pieces: &mut Vec<String>, most: usize) {
    // Of each pair how often it is met, and in which words.
    let mut pairs = BTreeMap::<(u32, u32), (u64, BTreeSet<usize>)>::new();
    for (at, (word, count)) in words.iter().enumerate() {
        for pair in word.windows(2) {
            let (sum, met) = pairs.entry((pair[0], pair[1])).or_default();
            *sum += count;
            met.insert(at);
        }
    }
    while pieces.len() < most {
        let best = pairs.iter().max_by(|(a, (x, _)), (b, (y, _))| x.cmp(y).then_with(|| b.cmp(a)));
        let Some((&pair, (2.., _))) = best else { break };
        let Some((_, met)) = pairs.remove(&pair) else { break };
        let new = pieces.len() as u32;
        pieces.push(format!("{}{}", pieces[pair.0 as usize], pieces[pair.1 as usize]));
        for at in met {
            let (word, count) = &mut words[at];
            for pair in word.windows(2) {
                if let Some((sum, _)) = pairs.get_mut(&(pair[0], pair[1])) {
                    *sum -= *count;
                }
            }
            let mut joined = Vec::with_capacity(word.len());
            for piece in word.iter().copied() {
                if piece == pair.1 && joined.last() == Some(&pair.0) {
                    joined.pop();
                    joined.push(new);
                } else {
                    joined.push(piece);
                }
            }
            *word = joined;
            for pair in word.windows(2) {
                let (sum, met) = pairs.entry((pair[0], pair[1])).or_default();
                *sum += *count;
                met.insert(at);
            }
        }
        pairs.retain(|_, (sum, _)| *sum > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::t5::{SpecialTokens, Tokenizer};

    const TEXTS: [&str; 3] = ["low lower lowest", "new newer  newest", "wide wider widest low low"];

    fn tokenizer(vocab_size: usize) -> Tokenizer {
        let bytes = learn_tokenizer(TEXTS, vocab_size);
        Tokenizer::from_json(&bytes, SpecialTokens::AsText).expect("a tokenizer")
    }

    #[test]
    fn texts_come_back_from_characters_and_from_pieces() {
        for vocab_size in [0, 20, 40] {
            let tokenizer = tokenizer(vocab_size);
            for text in ["low lower lowest", "widest new", "dinner"] {
                let tokens = tokenizer.encode(text).expect("tokens");
                assert_eq!(tokens.last(), Some(&1));
                // There is no "s" in "dinner" but an unknown letter in "dinnex".
                let known = text.chars().all(|c| TEXTS.concat().contains(c));
                if known {
                    assert_eq!(tokenizer.decode(&tokens).expect("a text"), text, "{vocab_size}");
                }
            }
            assert!(tokenizer.encode("x").expect("tokens").contains(&2), "what was never seen is unknown");
        }
        // Characters alone: one token each, and the space before each word.
        assert_eq!(tokenizer(0).encode("low new").expect("tokens").len(), 8 + 1);
        // With pieces, a frequent word is one.
        assert_eq!(tokenizer(40).encode("low").expect("tokens").len(), 1 + 1);
        assert!(tokenizer(40).vocab_size() <= 40);
    }

    #[test]
    fn the_most_frequent_neighbours_are_joined_first() {
        let mut pieces: Vec<String> = ["a", "b", "c"].map(String::from).to_vec();
        // "ab" five times, "bc" four times, "aaa" overlapping itself.
        let mut words = vec![(vec![0, 1], 5), (vec![1, 2], 4), (vec![0, 0, 0], 3)];
        join(&mut words, &mut pieces, 6);
        assert_eq!(pieces[3..], ["aa", "ab", "bc"]);
        assert_eq!(words[2].0, [3, 0]);
    }

    #[test]
    fn the_same_texts_give_the_same_bytes() {
        assert_eq!(learn_tokenizer(TEXTS, 30), learn_tokenizer(TEXTS, 30));
    }
}
