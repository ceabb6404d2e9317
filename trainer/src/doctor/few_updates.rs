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
        let replay = facts.replay?;
        let batch = replay.batch_size as u64;
        // Learning has still to begin, and will.
        if row.updates == 0 && (row.step..facts.total_timesteps).contains(&replay.learning_starts) {
            return None;
        }
        // What is stepped before learning begins is drawn later, if learning does begin.
        let idle = if row.updates > 0 { replay.learning_starts } else { 0 };
        let (made, drawn) = (row.step.saturating_sub(idle), row.updates * batch);
        let begun = row.step as f64 >= BEGUN * facts.total_timesteps as f64;
        let words = || {
            let (updates, step) = (row.updates, row.step);
            format!(
                "{updates} gradient steps of {batch} transitions in {step} environment steps: fewer are learnt from than are made"
            )
        };
        (begun && drawn < made).then(words)
    }
}

#[cfg(test)]
mod tests {
    use cartwheel_agents::ReplayUse;

    use super::super::testing::{facts, row};
    use super::*;

    #[test]
    fn each_transition_should_be_drawn_once() {
        for (step, updates, found) in [(249, 0, false), (250, 0, true), (400, 99, true), (400, 100, false)] {
            assert_eq!(FewUpdates.look(&row(step, updates, &[]), &facts()).is_some(), found, "{step} {updates}");
        }
        let late = ReplayUse { learning_starts: 300, ..facts().replay.expect("of a run with replay") };
        let late = Facts { replay: Some(late), ..facts() };
        for (step, updates, found) in
            [(260, 0, false), (301, 0, true), (304, 1, false), (400, 24, true), (400, 25, false)]
        {
            assert_eq!(FewUpdates.look(&row(step, updates, &[]), &late).is_some(), found, "{step} {updates}");
        }
        let on_policy = Facts { replay: None, ..facts() };
        assert_eq!(FewUpdates.look(&row(900, 0, &[]), &on_policy), None);
    }
}
