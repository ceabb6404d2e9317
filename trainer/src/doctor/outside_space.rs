//! Observations that the environment's own observation space says are impossible.

use super::{Complaint, Facts, Sign};
use crate::run::MetricsRow;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct OutsideSpace;

impl Sign for OutsideSpace {
    fn complaint(&self) -> Complaint {
        Complaint::OutsideSpace
    }

    fn look(&mut self, row: &MetricsRow, _: &Facts) -> Option<String> {
        let share = *row.metrics.get("rollout/outside_space")?;
        let words =
            || format!("{} % of the observations looked at were not elements of it", significant(100.0 * share));
        (share > 0.0).then(words)
    }
}

/// With as many decimals as tell it from 0.
fn significant(value: f64) -> String {
    let decimals = (1.0 - value.log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{facts, found_at, row};
    use super::*;

    #[test]
    fn one_is_enough() {
        let rows = [0.0, 0.0001].map(|share| [("rollout/outside_space", share)]);
        assert_eq!(found_at(OutsideSpace, &rows), Some(2));
        let words = OutsideSpace.look(&row(1, 1, &rows[1]), &facts()).expect("outside");
        assert!(words.starts_with("0.010 % of"), "{words}");
    }
}
