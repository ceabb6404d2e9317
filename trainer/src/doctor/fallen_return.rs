//! A return that rose and then fell again: what had been learnt is forgotten.

use std::collections::VecDeque;

use super::{Complaint, Facts, Sign, Streak};
use crate::run::MetricsRow;

/// Rows that are looked at together.
const WINDOW: usize = 5;
/// The share of what had been gained that must be lost.
const LOST: f64 = 0.5;
/// What must have been gained, as a share of the return: less may be chance.
const GAINED: f64 = 0.5;

/// The least, the mean and the greatest return of some rows.
#[derive(Clone, Copy, Debug)]
struct Spread {
    least: f64,
    mean: f64,
    greatest: f64,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct FallenReturn {
    newest: VecDeque<f64>,
    first: Option<Spread>,
    best: Option<Spread>,
    streak: Streak,
}

impl Sign for FallenReturn {
    fn complaint(&self) -> Complaint {
        Complaint::FallenReturn
    }

    fn look(&mut self, row: &MetricsRow, facts: &Facts) -> Option<String> {
        self.newest.push_back(*row.metrics.get("rollout/ep_rew_mean")?);
        if self.newest.len() > WINDOW {
            self.newest.pop_front();
        }
        if self.newest.len() < WINDOW {
            return None;
        }
        let now = Spread {
            least: self.newest.iter().copied().fold(f64::INFINITY, f64::min),
            mean: self.newest.iter().sum::<f64>() / WINDOW as f64,
            greatest: self.newest.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        };
        let first = *self.first.get_or_insert(now);
        let best = *self.best.get_or_insert(now);
        if now.mean > best.mean {
            self.best = Some(now);
        }
        let gained = best.mean - first.mean;
        let rose = gained >= GAINED * best.mean.abs().max(first.mean.abs()) && first.greatest < best.least;
        let fell = best.mean - now.mean >= LOST * gained && now.greatest < best.least;
        let solved = facts.solved_at.is_some_and(|threshold| now.mean >= threshold);
        let words = || {
            format!("the mean return rose from {:.2} to {:.2} and has fallen to {:.2}", first.mean, best.mean, now.mean)
        };
        self.streak.goes_on(rose && fell && !solved).then(words)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{facts, row};
    use super::*;

    /// The row at which returns like these are found to have fallen.
    fn found(facts: &Facts, returns: impl IntoIterator<Item = f64>) -> Option<usize> {
        let mut sign = FallenReturn::default();
        let mut rows = returns.into_iter().zip(1..);
        rows.find(|(return_, i)| sign.look(&row(10 * i, 1, &[("rollout/ep_rew_mean", *return_)]), facts).is_some())
            .map(|(_, i)| i as usize)
    }

    #[test]
    fn what_was_gained_must_be_lost_again() {
        let rise = || (0..10).map(|i| 20.0 + 40.0 * f64::from(i));
        let fall = || (0..10).map(|i| 380.0 - 40.0 * f64::from(i));
        let at = found(&facts(), rise().chain(fall()).chain([20.0; 5]));
        assert!(at.is_some_and(|at| (16..=22).contains(&at)), "{at:?}");
        assert_eq!(found(&facts(), rise().chain([300.0; 9])), None, "most of it is still there");
        assert_eq!(found(&facts(), fall()), None, "nothing had been gained");
        let noise = [10.0, 30.0].into_iter().cycle().take(40);
        assert_eq!(found(&facts(), noise), None, "rows of one height");
        let costs = || rise().chain(fall()).chain([20.0; 5]).map(|return_| return_ - 1000.0);
        assert_eq!(found(&facts(), costs()), None, "a third of the cost is within what may be chance");
        let deep = rise().chain(fall()).chain([20.0; 5]).map(|return_| return_ - 500.0);
        assert!(found(&facts(), deep).is_some(), "returns may be below 0");
        let solved = Facts { solved_at: Some(0.0), ..facts() };
        assert_eq!(found(&solved, rise().chain(fall()).chain([20.0; 5])), None, "it is still good enough");
    }
}
