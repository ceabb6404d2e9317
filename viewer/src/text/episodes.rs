//! What is said of an episode.

use cartwheel_trainer::{EpisodeInfo, IS_SUCCESS};

use super::{ENVIRONMENT, RETURN, STEP, STEPS};
use crate::number::short;

/// An episode in a list, where there is little room.
pub(crate) fn episode(number: usize, return_: f64, length: u32, info: Option<&EpisodeInfo>) -> String {
    format!("{number}: return {} in {length}{}", short(return_), behind(info))
}

/// The same where there is room for all words.
pub(crate) fn episode_of(env: u32, return_: f64, length: u32, info: Option<&EpisodeInfo>) -> String {
    let steps = if length == 1 { STEP } else { STEPS };
    format!("{ENVIRONMENT} {env}: {RETURN} {} in {length} {steps}{}", short(return_), behind(info))
}

/// What the environment told of an episode, behind the rest.
fn behind(info: Option<&EpisodeInfo>) -> String {
    info.map(told).filter(|told| !told.is_empty()).map_or(String::new(), |told| format!(", {told}"))
}

/// What the environment told of it: whether the task was achieved, and other numbers by their names.
fn told(info: &EpisodeInfo) -> String {
    let success = info.get(IS_SUCCESS).map(|success| match success {
        1.0 => "success".to_owned(),
        0.0 => "failure".to_owned(),
        other => format!("success {}", short(*other)),
    });
    let others =
        info.iter().filter(|(key, _)| *key != IS_SUCCESS).map(|(key, value)| format!("{key} {}", short(*value)));
    success.into_iter().chain(others).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_environment_told_comes_last() {
        let info = |pairs: &[(&str, f64)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect();
        let line = |pairs| episode(7, 12.0, 30, Some(&info(pairs)));
        assert_eq!(episode(7, 12.0, 30, None), "7: return 12 in 30");
        assert_eq!(line(&[]), "7: return 12 in 30");
        assert_eq!(line(&[("is_success", 1.0)]), "7: return 12 in 30, success");
        assert_eq!(
            episode_of(2, 12.0, 1, Some(&info(&[("score", 3.0)]))),
            "Environment 2: return 12 in 1 step, score 3"
        );
        assert_eq!(line(&[("score", 3.5), ("is_success", 0.0)]), "7: return 12 in 30, failure, score 3.500");
    }
}
