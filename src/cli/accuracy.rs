//! Accuracies: shares of samples that come out right, and by how much they may fall.

/// A share of samples, as people write it.
pub(super) fn share(text: &str) -> std::result::Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "give a share of the samples, from 0 to 1, such as 0.01".to_owned())
}

/// Whether accuracy falls by more than `most`, which is allowed: what is asked for and what is there are both rounded.
pub(super) fn falls(before: f64, after: f64, most: f64) -> bool {
    before - after > most + 1e-12
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allowed_is_no_fall() {
        // 1 - 0.99 is more than 0.01 as numbers have it.
        assert!(1.0 - 0.99 > 0.01 && !falls(1.0, 0.99, 0.01));
        assert!(falls(1.0, 0.989, 0.01) && !falls(0.9, 1.0, 0.0) && falls(0.9, 0.8999, 0.0));
        assert_eq!((share("0"), share("1")), (Ok(0.0), Ok(1.0)));
        assert!(["-0.1", "1.1", "nan", "1%"].iter().all(|text| share(text).is_err()));
    }
}
