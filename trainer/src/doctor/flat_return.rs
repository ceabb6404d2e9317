//! A loss that falls while the return stays what it was when learning began.

use std::collections::VecDeque;

use super::{Complaint, Facts, Sign};
use crate::run::MetricsRow;

/// Rows that are averaged at the beginning and at the end.
const WINDOW: usize = 5;
/// The share of the run that must be over before it is judged.
const OVER: f64 = 0.5;
/// What the loss must have fallen to, and by what share of itself the return may have changed.
const LOSS: f64 = 0.5;
const CHANGE: f64 = 0.02;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct FlatReturn {
    /// Loss and return of the first rows that had both.
    first: Vec<[f64; 2]>,
    /// Of the newest.
    last: VecDeque<[f64; 2]>,
    /// Whether the return was ever another than at first: then it is not flat, whatever it is now.
    moved: bool,
}

impl Sign for FlatReturn {
    fn complaint(&self) -> Complaint {
        Complaint::FlatReturn
    }

    fn look(&mut self, row: &MetricsRow, facts: &Facts) -> Option<String> {
        let metric = |name: &&str| row.metrics.get(*name).copied();
        // What is learnt of values, where an algorithm tells it apart from what is learnt of actions.
        let loss = ["train/critic_loss", "train/value_loss", "train/loss"].iter().find_map(metric)?;
        let return_ = metric(&"rollout/ep_rew_mean")?;
        if self.first.len() < WINDOW {
            self.first.push([loss, return_]);
            return None;
        }
        self.last.push_back([loss, return_]);
        if self.last.len() > WINDOW {
            self.last.pop_front();
        }
        if self.last.len() < WINDOW {
            return None;
        }
        let [loss_before, return_before] = mean(self.first.iter());
        let [loss_now, return_now] = mean(self.last.iter());
        self.moved |= (return_now - return_before).abs() > CHANGE * return_before.abs().max(1.0);
        let solved = facts.solved_at.is_some_and(|threshold| return_now >= threshold);
        let over = row.step as f64 >= OVER * facts.total_timesteps as f64;
        let words = || {
            format!(
                "the loss went from {loss_before:.4} to {loss_now:.4}, the mean return from {return_before:.2} to {return_now:.2}"
            )
        };
        (over && !self.moved && !solved && loss_now < LOSS * loss_before).then(words)
    }
}

fn mean<'a>(rows: impl ExactSizeIterator<Item = &'a [f64; 2]>) -> [f64; 2] {
    let n = rows.len() as f64;
    let sums = rows.fold([0.0; 2], |sums, row| [sums[0] + row[0], sums[1] + row[1]]);
    sums.map(|sum| sum / n)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{facts, row};
    use super::*;

    /// The step at which a run of twenty rows, fifty steps apart, is found flat.
    fn flat(facts: &Facts, at: impl Fn(u64) -> (f64, f64)) -> Option<u64> {
        let mut sign = FlatReturn::default();
        (1..=20).map(|i| 50 * i).find(|step| {
            let (loss, return_) = at(*step);
            sign.look(&row(*step, 1, &[("train/loss", loss), ("rollout/ep_rew_mean", return_)]), facts).is_some()
        })
    }

    #[test]
    fn both_halves_are_needed() {
        let falling = |step: u64| 10.0 / step as f64;
        assert_eq!(flat(&facts(), |step| (falling(step), -200.0)), Some(500));
        assert_eq!(flat(&facts(), |_| (1.0, -200.0)), None, "the loss did not fall");
        assert_eq!(flat(&facts(), |step| (falling(step), -200.0 + step as f64 / 20.0)), None, "the return rose");
        let back = |step: u64| if (300..450).contains(&step) { -150.0 } else { -200.0 };
        assert_eq!(flat(&facts(), |step| (falling(step), back(step))), None, "it rose and fell");
        let solved = Facts { solved_at: Some(-200.0), ..facts() };
        assert_eq!(flat(&solved, |step| (falling(step), -200.0)), None, "there is no better");
    }
}
