//! Curves.

use cartwheel_trainer::run::MetricsRow;

/// One metric of one run.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// Where each point is.
    pub points: Vec<Point>,
}

/// A point of a [`Series`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Environment steps.
    pub step: u64,
    /// Finished episodes.
    pub episodes: u64,
    /// Seconds trained.
    pub wall_s: f64,
    /// The metric.
    pub value: f64,
}

impl Series {
    /// Adds a point at its end.
    pub fn push(&mut self, row: &MetricsRow, value: f64) {
        self.points.push(Point { step: row.step, episodes: row.episodes, wall_s: row.wall_s, value });
    }
}
