//! Values beyond r/(1 − γ), the return of the best or the worst reward for ever.

use super::{Complaint, Facts, Sign, Streak};
use crate::run::MetricsRow;

/// By how much of the range of returns values may be off: learning overshoots a little before it settles.
const SLACK: f64 = 0.2;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Values {
    /// The lowest and the highest reward so far; an episode that ends earns 0 from then on.
    rewards: [f64; 2],
    streak: Streak,
}

impl Sign for Values {
    fn complaint(&self) -> Complaint {
        Complaint::ValuesBeyondReach
    }

    fn look(&mut self, row: &MetricsRow, facts: &Facts) -> Option<String> {
        let metric = |name| row.metrics.get(name).copied();
        if let (Some(low), Some(high)) = (metric("rollout/reward_min"), metric("rollout/reward_max")) {
            self.rewards = [self.rewards[0].min(low), self.rewards[1].max(high)];
        }
        // Values that count entropy have no such bound.
        if metric("train/ent_coef").is_some() || facts.returns.gamma >= 1.0 {
            return None;
        }
        let mean = metric("train/mean_q")?;
        let factor = f64::from(facts.returns.reward_scale) / (1.0 - f64::from(facts.returns.gamma));
        let [low, high] = self.rewards.map(|reward| reward * factor);
        let slack = SLACK * (high - low);
        let [above, below] = [mean > high + slack, mean < low - slack];
        if !self.streak.goes_on(high > low && (above || below)) {
            return None;
        }
        let (side, reward, bound) =
            if above { ("above", self.rewards[1], high) } else { ("below", self.rewards[0], low) };
        Some(format!(
            "the mean value is {mean:.4}, and with a reward of {reward} for ever and gamma = {} no return is {side} {bound:.4}",
            facts.returns.gamma
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{facts, found_at, row};
    use super::*;

    fn rows(low: f64, high: f64, mean: f64) -> Vec<[(&'static str, f64); 3]> {
        vec![[("rollout/reward_min", low), ("rollout/reward_max", high), ("train/mean_q", mean)]; 5]
    }

    #[test]
    fn values_that_no_rewards_can_give_are_found() {
        for (low, high, mean, found) in [
            (0.0, 1.0, 11.9, None),
            (0.0, 1.0, 12.1, Some(3)),
            // An end ends all rewards: with -1 a step a return of 0 is possible, more is not.
            (-1.0, -1.0, 1.9, None),
            (-1.0, -1.0, 2.1, Some(3)),
            (-1.0, -1.0, -12.1, Some(3)),
            (-1.0, 1.0, 13.9, None),
        ] {
            assert_eq!(found_at(Values::default(), &rows(low, high, mean)), found, "{low} {high} {mean}");
        }
        let soft: Vec<_> =
            rows(0.0, 1.0, 99.0).iter().map(|row| [row[0], row[1], row[2], ("train/ent_coef", 0.2)]).collect();
        assert_eq!(found_at(Values::default(), &soft), None);
    }

    #[test]
    fn the_evidence_has_the_numbers() {
        let mut sign = Values::default();
        let row = row(7, 7, &rows(0.0, 0.5, 31.0)[0]);
        let words = (0..3).find_map(|_| sign.look(&row, &facts())).expect("values beyond reach");
        assert_eq!(
            words,
            "the mean value is 31.0000, and with a reward of 0.5 for ever and gamma = 0.9 no return is above 5.0000"
        );
    }

    #[test]
    fn one_row_is_not_enough() {
        let mut rows = rows(0.0, 1.0, 20.0);
        rows[2][2].1 = 5.0;
        assert_eq!(found_at(Values::default(), &rows), None);
    }
}
