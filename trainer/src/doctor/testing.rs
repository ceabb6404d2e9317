//! Runs of made-up rows for the tests of signs.

use cartwheel_agents::{ReplayUse, Returns};

use super::{Facts, Sign};
use crate::run::MetricsRow;

/// Of a run of 1000 steps with a discount of 0.9 that draws batches of 4 from replay.
pub(super) fn facts() -> Facts {
    let returns = Returns { n_steps: 1, gamma: 0.9, reward_scale: 1.0 };
    Facts {
        total_timesteps: 1000,
        solved_at: None,
        returns,
        replay: Some(ReplayUse {
            buffer_size: 1000,
            learning_starts: 0,
            batch_size: 4,
            train_freq: 1,
            gradient_steps: 1,
            returns,
            prioritization: None,
        }),
    }
}

/// A row of these metrics.
pub(super) fn row(step: u64, updates: u64, metrics: &[(&str, f64)]) -> MetricsRow {
    let metrics = metrics.iter().map(|(name, value)| (name.to_string(), *value)).collect();
    MetricsRow { step, updates, metrics, ..MetricsRow::default() }
}

/// The number of the row, from 1, at which `sign` finds something in these metrics.
pub(super) fn found_at<const N: usize>(mut sign: impl Sign, rows: &[[(&str, f64); N]]) -> Option<usize> {
    let facts = facts();
    let found = |(i, metrics): (usize, &[_; N])| sign.look(&row(i as u64, i as u64, metrics), &facts).map(|_| i + 1);
    rows.iter().enumerate().find_map(found)
}
