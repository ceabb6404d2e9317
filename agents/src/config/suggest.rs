//! Guesses at the name that was meant.

use super::{Problem, Section, SetError, UnknownChoice, toml_edit};

/// The Jaro-Winkler similarity from which a name counts as a slip of another: `learning_rat`, `lerning_rate` and
/// `learningrate` all pass for `learning_rate`, and unrelated names do not.
const NEAR: f64 = 0.8;

/// The longest value, in characters, that an error message quotes in full.
const LONGEST_QUOTE: usize = 60;

/// The most similar of `names`, where one is similar at all.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(word, name), name))
        .filter(|(similarity, _)| *similarity >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// What CleanRL, PyTorch and papers call keys that have another name here, by which they are looked for where they are not.
const OTHER_NAMES: [(&str, &str); 17] = [
    ("alpha", "ent_coef"),
    ("clip_coef", "clip_range"),
    ("clip_epsilon", "clip_range"),
    ("discount", "gamma"),
    ("end_e", "exploration_final_eps"),
    ("hidden_sizes", "net_arch"),
    ("lambda", "gae_lambda"),
    ("lr", "learning_rate"),
    ("minibatch_size", "batch_size"),
    ("noise_clip", "target_noise_clip"),
    ("num_envs", "n_envs"),
    ("num_steps", "n_steps"),
    ("policy_frequency", "policy_delay"),
    ("policy_noise", "target_policy_noise"),
    ("start_e", "exploration_initial_eps"),
    ("target_network_frequency", "target_update_interval"),
    ("update_epochs", "n_epochs"),
];

/// The error for a word that is none of `choices`.
pub(super) fn unknown_choice(word: &str, choices: &[&str]) -> UnknownChoice {
    let quoted: Vec<_> = choices.iter().map(|choice| format!("{choice:?}")).collect();
    let mut expected = match quoted.as_slice() {
        [rest @ .., last] if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        all => all.concat(),
    };
    if let Some(near) = nearest(word, choices.iter().copied()) {
        expected.push_str(&format!(" (nearest: {near:?})"));
    }
    UnknownChoice { expected, found: word.to_owned() }
}

/// The first section that has `key`.
pub(super) fn section_with(sections: &[&mut dyn Section], key: &str) -> Option<&'static str> {
    sections.iter().find(|section| has_key(**section, key)).map(|section| section.name())
}

/// Whether `section` has `key`.
pub(super) fn has_key(section: &dyn Section, key: &str) -> bool {
    section.keys().iter().any(|known| known.name == key)
}

/// The problem of a section that does not exist.
pub(super) fn unknown_section(sections: &[&mut dyn Section], name: &str) -> Problem {
    let near = nearest(name, sections.iter().map(|section| section.name()));
    Problem::UnknownSection { nearest: near.map(|section| format!("[{section}]")) }
}

/// Why the section at `index` refused `value` for `key`.
pub(super) fn refusal(
    sections: &[&mut dyn Section],
    index: usize,
    key: &str,
    value: &toml_edit::Value,
    error: SetError,
) -> Problem {
    match error {
        SetError::Expected(expected) => Problem::Value { expected, found: quote(value) },
        SetError::UnknownKey => {
            let section = &sections[index];
            // The same name elsewhere is a surer guess than a similar name here.
            let elsewhere = section_with(sections, key).map(|other| format!("{other}.{key}"));
            let known_as = OTHER_NAMES.iter().find(|(other, _)| *other == key).map(|(_, own)| *own);
            let known_as = known_as.filter(|own| has_key(&**section, own));
            let here = || known_as.or_else(|| nearest(key, section.keys().iter().map(|known| known.name)));
            let nearest = elsewhere.or_else(|| here().map(|near| format!("{}.{near}", section.name())));
            Problem::UnknownKey { nearest }
        }
    }
}

/// A value as written, on one line and not too long.
fn quote(value: &toml_edit::Value) -> String {
    let text = value.clone().decorated("", "").to_string();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(LONGEST_QUOTE) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_their_name_and_strangers_none() {
        let names = ["learning_rate", "learning_starts", "gamma", "net_arch"];
        for slip in ["learning_rat", "lerning_rate", "learningrate", "learning-rate"] {
            assert_eq!(nearest(slip, names), Some("learning_rate"), "{slip}");
        }
        assert_eq!(nearest("learning_start", names), Some("learning_starts"));
        assert_eq!(nearest("gama", names), Some("gamma"));
        assert_eq!(nearest("policy", names), None);
    }

    #[test]
    fn names_of_others_are_known_where_their_key_is() {
        use crate::config::set;
        let mut ppo = crate::ppo::PpoConfig::default();
        let mut told = |given: &str| set(&mut [&mut ppo], given).unwrap_err().to_string();
        assert!(told("ppo.clip_coef=0.1").contains("did you mean ppo.clip_range?"), "{}", told("ppo.clip_coef=0.1"));
        assert!(told("ppo.lr=0.1").contains("ppo.learning_rate"));
        assert!(!told("ppo.start_e=1").contains("exploration"), "there is no such key in [ppo]");
    }

    #[test]
    fn quotes_are_short_and_on_one_line() {
        let value: toml_edit::Value = "[1,\n  2]".parse().unwrap();
        assert_eq!(quote(&value), "[1, 2]");
        let long = quote(&"é".repeat(100).into());
        assert_eq!(long, format!("\"{}...", "é".repeat(59)));
    }
}
