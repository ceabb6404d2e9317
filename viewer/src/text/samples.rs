//! What is said of a fitted model's answers for samples.

pub(crate) fn after_epoch(epoch: u64) -> String {
    format!("After epoch {epoch}")
}

/// How many samples of a part came out right.
pub(crate) fn right(right: usize, all: usize, part: &str, users: bool) -> String {
    match users {
        true => format!("{part}: what {right} of {all} users chose then is in their list"),
        false => format!("{part}: {right} of {all} right"),
    }
}

pub(crate) fn percent(share: f32) -> String {
    format!("{:.0} %", 100.0 * share)
}

pub(crate) fn is_class(class: &str) -> String {
    format!("is {class}")
}

/// A class that a picture was taken for, and its own where that is another.
pub(crate) fn taken_for(taken: &str, expected: &str) -> String {
    if taken == expected { taken.to_owned() } else { format!("{taken}, is {expected}") }
}
