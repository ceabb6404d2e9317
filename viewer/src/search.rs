//! What somebody looks for among many names.

use regex::{Regex, RegexBuilder, escape};

/// Words, of which each must be found, in any order. Each is a regular expression, or, where it is none, its letters;
/// capitals do not matter.
#[derive(Clone, Debug, Default)]
pub struct Search {
    text: String,
    words: Vec<Regex>,
}

impl Search {
    /// What was typed.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let pattern = |word: &str| RegexBuilder::new(word).case_insensitive(true).build();
        let word = |word| pattern(word).or_else(|_| pattern(&escape(word))).ok();
        Self { words: text.split_whitespace().filter_map(word).collect(), text }
    }

    /// What was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a name is among what is looked for.
    pub fn finds(&self, name: &str) -> bool {
        self.all(|_, pattern| pattern.is_match(name))
    }

    /// Whether something is true of all words, as they were typed and as the patterns that they are.
    pub fn all(&self, mut is: impl FnMut(&str, &Regex) -> bool) -> bool {
        self.text.split_whitespace().zip(&self.words).all(|(word, pattern)| is(word, pattern))
    }
}

impl PartialEq for Search {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_patterns_in_any_order() {
        let finds = |text: &str, name: &str| Search::new(text).finds(name);
        for text in ["", " ", "MEAN roll", "ep_.*mean", "^rollout", "mean$ rew", "(loss|rew)"] {
            assert!(finds(text, "rollout/ep_rew_mean"), "{text}");
        }
        for text in ["none", "^mean", "roll none"] {
            assert!(!finds(text, "rollout/ep_rew_mean"), "{text}");
        }
    }

    /// Also while one is being typed, and one that would take all memory.
    #[test]
    fn what_is_no_pattern_is_letters() {
        assert!(Search::new("a(").finds("A(b"));
        assert!(!Search::new("a(").finds("ab"));
        assert!(!Search::new("(((x{1000}){1000}){1000})").finds("x"));
    }
}
