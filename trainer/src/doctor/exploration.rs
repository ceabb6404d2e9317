//! A chance of random actions that has not fallen when training is nearly over.

use super::{Complaint, Facts, Sign};
use crate::run::MetricsRow;

/// The share of the run that must be over, and the chance that is then too much.
const OVER: f64 = 0.95;
const CHANCE: f64 = 0.2;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct LateExploration;

impl Sign for LateExploration {
    fn complaint(&self) -> Complaint {
        Complaint::LateExploration
    }

    fn look(&mut self, row: &MetricsRow, facts: &Facts) -> Option<String> {
        let chance = *row.metrics.get("rollout/exploration_rate")?;
        // Before the first update all is random by learning_starts, which is another complaint's, also of algorithms without ε.
        let late = row.updates > 0 && row.step as f64 >= OVER * facts.total_timesteps as f64;
        let words = || {
            let (step, total) = (row.step, facts.total_timesteps);
            format!("{:.0} % of actions are drawn at random at step {step} of {total}", 100.0 * chance)
        };
        (late && chance > CHANCE).then(words)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{facts, row};
    use super::*;

    #[test]
    fn only_what_is_left_at_the_end_counts() {
        for (step, chance, found) in [(949, 1.0, false), (950, 0.2, false), (950, 0.21, true), (1000, 0.05, false)] {
            let row = row(step, 1, &[("rollout/exploration_rate", chance)]);
            assert_eq!(LateExploration.look(&row, &facts()).is_some(), found, "{step} {chance}");
        }
        let idle = row(1000, 0, &[("rollout/exploration_rate", 1.0)]);
        assert_eq!(LateExploration.look(&idle, &facts()), None);
    }
}
