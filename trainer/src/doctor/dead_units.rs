//! Hidden units that are 0 whatever the network sees: nothing flows back through them, so they stay so.
//!
//! Sokar et al. 2023, *The dormant neuron phenomenon in deep reinforcement learning*, with a threshold of 0.

use super::{Complaint, Facts, Sign, Streak};
use crate::run::MetricsRow;

/// The share of dead units that is too much. Networks that do well at a high learning rate come to a half.
const SHARE: f64 = 0.75;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct DeadUnits(Streak);

impl Sign for DeadUnits {
    fn complaint(&self) -> Complaint {
        Complaint::DeadUnits
    }

    fn look(&mut self, row: &MetricsRow, _: &Facts) -> Option<String> {
        let share = *row.metrics.get("train/dead_units")?;
        let words = || format!("{:.0} % of the hidden units were 0 for every observation of a batch", 100.0 * share);
        self.0.goes_on(share > SHARE).then(words)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::found_at;
    use super::*;

    #[test]
    fn more_than_three_quarters_dead_for_three_rows() {
        let rows = |shares: [f64; 5]| shares.map(|share| [("train/dead_units", share)]);
        assert_eq!(found_at(DeadUnits::default(), &rows([0.8, 0.8, 0.75, 0.8, 0.8])), None);
        assert_eq!(found_at(DeadUnits::default(), &rows([0.75, 0.8, 0.9, 1.0, 0.8])), Some(4));
    }
}
