//! Replay of which most is never drawn: its transitions were stepped for nothing.

use super::{Complaint, Facts, Sign};
use crate::run::MetricsRow;

/// The share of the run after which updates should have begun.
const BEGUN: f64 = 0.25;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct FewUpdates;

impl Sign for FewUpdates {
    fn complaint(&self) -> Complaint {
        Complaint::FewUpdates
    }

    fn look(&mut self, row: &MetricsRow, facts: &Facts) -> Option<String> {
        let batch = facts.replay_batch? as u64;
        let drawn = row.updates * batch;
        let begun = row.step as f64 >= BEGUN * facts.total_timesteps as f64;
        let words = || {
            let (updates, step) = (row.updates, row.step);
            format!(
                "{updates} gradient steps of {batch} transitions in {step} environment steps: fewer are learnt from than are made"
            )
        };
        (begun && drawn < row.step).then(words)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{facts, row};
    use super::*;

    #[test]
    fn each_transition_should_be_drawn_once() {
        for (step, updates, found) in [(249, 0, false), (250, 0, true), (400, 99, true), (400, 100, false)] {
            assert_eq!(FewUpdates.look(&row(step, updates, &[]), &facts()).is_some(), found, "{step} {updates}");
        }
        let on_policy = Facts { replay_batch: None, ..facts() };
        assert_eq!(FewUpdates.look(&row(900, 0, &[]), &on_policy), None);
    }
}
