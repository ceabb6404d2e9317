//! What curves are made of.

/// A point of a curve.
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

/// What goes to the right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Axis {
    /// Environment steps.
    #[default]
    Steps,
    /// Finished episodes.
    Episodes,
    /// Seconds trained.
    WallTime,
}

impl Axis {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Steps, Self::Episodes, Self::WallTime];
}

impl Point {
    /// The place among the run's, counted from 0, of the episode that ended there.
    pub fn episode(&self) -> usize {
        (self.episodes as usize).saturating_sub(1)
    }

    /// Where the point is along an axis.
    pub fn x(&self, axis: Axis) -> f64 {
        match axis {
            Axis::Steps => self.step as f64,
            Axis::Episodes => self.episodes as f64,
            Axis::WallTime => self.wall_s,
        }
    }
}
