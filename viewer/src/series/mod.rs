//! Curves: millions of points, thinned and smoothed honestly.
//!
//! A [`Series`] keeps a metric's points with a pyramid of their extremes over them, so that a picture costs its pixels
//! and not the points, and no spike is lost. [`Smoothed`] smooths points before they are thinned; [`average`] puts
//! several runs together. No egui here: the terminal's screen draws the same curves.

mod average;
mod clock;
mod columns;
mod point;
mod pyramid;
mod smooth;
mod view;

#[cfg(test)]
impl Series {
    /// These values at the steps from 0 on, an episode and a second each.
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut series = Self::default();
        for (step, value) in (0..).zip(values) {
            series.push(Point { step, episodes: step, wall_s: step as f64, value });
        }
        series
    }
}

#[cfg(test)]
mod tests;

pub use average::{Average, average};
pub use clock::Clock;
pub use columns::Column;
pub use point::{Axis, Point};
pub use pyramid::Series;
pub use smooth::Smoothed;
pub use view::View;

/// Bytes that the points of all runs may take: 1.7 million points. Past it the longest series are
/// [thinned](Series::thin). Smoothed curves are kept while they are painted, and take at most as much again.
pub const BUDGET: usize = 64 << 20;

/// The series of episodes' returns: a point for each episode, whose [`Point::episodes`] is how many had ended with it. Its
/// [place](Point::episode) among the run's is one less.
pub const EPISODE_RETURN: &str = "episode/return";
