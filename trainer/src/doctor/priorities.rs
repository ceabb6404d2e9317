//! Priorities that no longer tell transitions apart.
//!
//! A new transition has the highest priority until it is learnt from. Where more arrive than are drawn, nearly all have it.

use super::{Complaint, Facts, Sign, Streak};
use crate::run::MetricsRow;

/// The share of a batch with the highest priority that is too much.
const SHARE: f64 = 0.9;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct SaturatedPriorities(Streak);

impl Sign for SaturatedPriorities {
    fn complaint(&self) -> Complaint {
        Complaint::SaturatedPriorities
    }

    fn look(&mut self, row: &MetricsRow, _: &Facts) -> Option<String> {
        let share = *row.metrics.get("replay/highest_priority")?;
        let words =
            || format!("{:.0} % of the transitions drawn had the highest priority that there is", 100.0 * share);
        self.0.goes_on(share > SHARE).then(words)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::found_at;
    use super::*;

    #[test]
    fn nine_in_ten_for_three_rows() {
        let rows = |shares: [f64; 4]| shares.map(|share| [("replay/highest_priority", share)]);
        assert_eq!(found_at(SaturatedPriorities::default(), &rows([0.95, 0.95, 0.9, 0.95])), None);
        assert_eq!(found_at(SaturatedPriorities::default(), &rows([0.95, 1.0, 0.91, 0.0])), Some(3));
    }
}
