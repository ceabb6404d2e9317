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

    /// At most about so many points of all of it, by steps: least and greatest of each stretch, so that no spike is lost.
    pub fn overview(&self, points: usize) -> Vec<(f64, f64)> {
        let stretch = (2 * self.points.len()).div_ceil(points.max(2)).max(1);
        let ends = |chunk: &[Point]| {
            let by = |a: &&Point, b: &&Point| a.value.total_cmp(&b.value);
            let mut ends: Vec<_> = [chunk.iter().min_by(by), chunk.iter().max_by(by)].into_iter().flatten().collect();
            ends.sort_by_key(|point| point.step);
            ends.dedup();
            ends.into_iter().map(|point| (point.step as f64, point.value)).collect::<Vec<_>>()
        };
        let finite: Vec<_> = self.points.iter().copied().filter(|point| point.value.is_finite()).collect();
        finite.chunks(stretch).flat_map(ends).collect()
    }
}
