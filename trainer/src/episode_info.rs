//! What environments tell of an episode beside its return: numbers of its last `info`.

use std::collections::BTreeMap;

use cartwheel_envs::Info;
use serde_json::Value;

/// Numbers of an episode's last info, by their keys: `is_success` where there is one, and those that were asked for
/// (`env.info_keywords`).
pub type EpisodeInfo = BTreeMap<String, f64>;

/// Whether the task was achieved, as Gymnasium-Robotics calls it and Stable-Baselines3 looks for it.
pub const IS_SUCCESS: &str = "is_success";

/// Reads `is_success`, if it is a number there, and all of `keywords`. True is 1 and false 0.
///
/// # Errors
/// The first keyword that is no number there, and what there is.
pub(crate) fn read(info: &Info, keywords: &[String]) -> Result<EpisodeInfo, String> {
    let mut own = EpisodeInfo::new();
    if let Some(value) = info.get(IS_SUCCESS).and_then(number) {
        own.insert(IS_SUCCESS.to_owned(), value);
    }
    for key in keywords {
        own.insert(key.clone(), info.get(key).and_then(number).ok_or_else(|| missing(info, key))?);
    }
    Ok(own)
}

/// The means over the episodes that tell of something, by the names of metrics: Stable-Baselines3's `success_rate`, and
/// `info/<key>` of all else.
pub(crate) fn means<'a>(episodes: impl Iterator<Item = &'a EpisodeInfo>) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::<&str, (f64, u32)>::new();
    for (key, value) in episodes.flatten() {
        let (sum, count) = sums.entry(key).or_default();
        (*sum, *count) = (*sum + value, *count + 1);
    }
    let name = |key: &str| if key == IS_SUCCESS { "success_rate".to_owned() } else { format!("info/{key}") };
    sums.into_iter().map(|(key, (sum, count))| (name(key), sum / f64::from(count))).collect()
}

/// The share of episodes in which the task was achieved, of those that tell; nothing if none does.
pub(crate) fn success_rate<'a>(episodes: impl Iterator<Item = &'a EpisodeInfo>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_u32);
    for value in episodes.filter_map(|info| info.get(IS_SUCCESS)) {
        (sum, count) = (sum + value, count + 1);
    }
    (count > 0).then(|| sum / f64::from(count))
}

/// Refuses what cannot be in the name of a metric: tables of metrics are lines of names between commas.
pub(crate) fn check_keyword(key: &str) -> Result<(), String> {
    let fits = !key.is_empty() && !key.chars().any(|c| c.is_control() || ",\"".contains(c));
    if fits { Ok(()) } else { Err("a name without commas, quotes and line breaks".to_owned()) }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(yes) => Some(f64::from(u8::from(*yes))),
        value => value.as_f64(),
    }
}

fn missing(info: &Info, key: &str) -> String {
    let numbers: Vec<_> =
        info.iter().filter(|(_, value)| number(value).is_some()).map(|(key, _)| key.as_str()).collect();
    let there = match (info.get(key), numbers.is_empty()) {
        (Some(value), _) => format!("what is there is {value}"),
        (None, true) => "there is none".to_owned(),
        (None, false) => format!("there are {}", numbers.join(", ")),
    };
    format!("the last info of the episode has no finite number \"{key}\" (env.info_keywords): {there}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn info(value: Value) -> Info {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn numbers_that_were_asked_for_are_read() {
        let last = info(json!({"is_success": true, "score": 7, "lives": 0.5, "frame": [1, 2]}));
        let read = |keywords: &[&str]| read(&last, &keywords.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>());
        assert_eq!(read(&[]).unwrap(), EpisodeInfo::from([("is_success".into(), 1.0)]));
        let both = [("is_success".into(), 1.0), ("lives".into(), 0.5)];
        assert_eq!(read(&["lives", "is_success"]).unwrap(), EpisodeInfo::from(both));
        let error = read(&["scor"]).unwrap_err();
        assert!(
            error.ends_with("no finite number \"scor\" (env.info_keywords): there are is_success, score, lives"),
            "{error}"
        );
        let error = read(&["frame"]).unwrap_err();
        assert!(error.ends_with("\"frame\" (env.info_keywords): what is there is [1,2]"), "{error}");
    }

    #[test]
    fn what_is_no_number_is_no_success() {
        assert_eq!(read(&info(json!({"is_success": [true]})), &[]).unwrap(), EpisodeInfo::new());
        assert_eq!(read(&info(json!({"is_success": 0.0})), &[]).unwrap()["is_success"].to_bits(), 0);
        let error = read(&Info::new(), &["a".to_owned()]).unwrap_err();
        assert!(error.ends_with("there is none"), "{error}");
    }

    #[test]
    fn means_are_over_the_episodes_that_tell() {
        let episode = |pairs: &[(&str, f64)]| pairs.iter().map(|(key, value)| ((*key).into(), *value)).collect();
        let episodes: [EpisodeInfo; 3] = [
            episode(&[("is_success", 1.0), ("score", 3.0)]),
            episode(&[]),
            episode(&[("is_success", 0.0), ("score", 4.0)]),
        ];
        assert_eq!((success_rate(episodes.iter()), success_rate([].iter())), (Some(0.5), None));
        let means = means(episodes.iter());
        assert_eq!(means, BTreeMap::from([("info/score".into(), 3.5), ("success_rate".into(), 0.5)]));
    }

    #[test]
    fn keywords_fit_into_tables() {
        assert!(check_keyword("reward_ctrl").is_ok());
        for bad in ["", "a,b", "a\nb", "\"a\""] {
            assert!(check_keyword(bad).is_err(), "{bad}");
        }
    }
}
