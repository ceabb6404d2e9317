//! A series with a pyramid of its extremes.

use std::sync::atomic::{AtomicU64, Ordering};

use super::point::{Axis, Point};
use super::view::View;

/// Points in a bucket of the lowest level: few enough to look at each, enough to make the pyramid small.
pub(super) const LEAF: usize = 16;
/// Buckets in a bucket of the level above.
pub(super) const FANOUT: usize = 4;

/// A point that stands out: its value and its place.
pub(super) type Extreme = (f64, u32);

/// One metric of one run: its points, in the order in which they came, which is mostly that of their x, and over them a
/// pyramid of buckets with what is lowest and highest in each.
///
/// Values that are no numbers are left out and counted.
#[derive(Debug)]
pub struct Series {
    points: Vec<Point>,
    /// The lowest level first; each bucket sums up [`LEAF`] points or [`FANOUT`] buckets of the level below. There are
    /// whole buckets only: the newest points are under fewer levels, or none.
    levels: Vec<Vec<Bucket>>,
    /// Changes whenever points did otherwise than by being added.
    epoch: u64,
    not_finite: usize,
    /// Values that a logarithmic axis cannot show.
    not_positive: usize,
    /// Points that a logarithmic axis cannot show, by [`Axis`].
    x_not_positive: [usize; 3],
    /// The lowest positive x, by [`Axis`].
    x_positive: [f64; 3],
}

/// What is known of neighbouring points without a look at each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    /// The range of x, by [`Axis`].
    pub(super) x: [(f64, f64); 3],
    /// The lowest value.
    low: Extreme,
    /// The highest value.
    high: Extreme,
    /// The lowest positive value; infinity where there is none.
    low_positive: Extreme,
    /// The values' sum.
    pub(super) sum: f64,
}

/// A part of the pyramid: a bucket with what is under it, or one point under none.
#[derive(Clone, Copy)]
pub(super) enum Part<'a> {
    /// A bucket.
    Bucket {
        /// Its level.
        level: usize,
        /// Its place in the level.
        at: usize,
        /// What it says.
        bucket: &'a Bucket,
    },
    /// A point.
    Point {
        /// Its place.
        at: u32,
        /// The point.
        point: &'a Point,
    },
}

/// No two series, and no two states of one that differ by more than added points, have the same.
fn new_epoch() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Default for Series {
    fn default() -> Self {
        Self {
            points: Vec::new(),
            levels: Vec::new(),
            epoch: new_epoch(),
            not_finite: 0,
            not_positive: 0,
            x_not_positive: [0; 3],
            x_positive: [f64::INFINITY; 3],
        }
    }
}

impl Series {
    /// Adds a point at its end; in a constant time, taken over many.
    pub fn push(&mut self, point: Point) {
        if !point.value.is_finite() || !point.wall_s.is_finite() {
            self.not_finite += 1;
            return;
        }
        self.not_positive += usize::from(point.value <= 0.0);
        for (axis, (count, lowest)) in
            Axis::ALL.into_iter().zip(self.x_not_positive.iter_mut().zip(&mut self.x_positive))
        {
            let x = point.x(axis);
            if x > 0.0 { *lowest = lowest.min(x) } else { *count += 1 }
        }
        self.points.push(point);
        if self.points.len().is_multiple_of(LEAF) {
            let first = self.points.len() - LEAF;
            let leaf = self.points[first..].iter().zip(first as u32..).map(|(point, at)| Bucket::of(at, point));
            self.add_bucket(0, leaf.collect());
        }
    }

    /// Sums up buckets in one of a level, and whole buckets of that level in the next.
    fn add_bucket(&mut self, level: usize, parts: Vec<Bucket>) {
        let Some(bucket) = parts.into_iter().reduce(|sum, part| sum.with(&part)) else { return };
        if level == self.levels.len() {
            self.levels.push(Vec::new());
        }
        self.levels[level].push(bucket);
        let count = self.levels[level].len();
        if count.is_multiple_of(FANOUT) {
            self.add_bucket(level + 1, self.levels[level][count - FANOUT..].to_vec());
        }
    }

    /// The parts that are under no bucket; together they are the whole series, in its order.
    pub(super) fn roots(&self) -> impl Iterator<Item = Part<'_>> {
        let above = |level: usize| self.levels.get(level + 1).map_or(0, Vec::len) * FANOUT;
        let buckets = (0..self.levels.len())
            .rev()
            .flat_map(move |level| (above(level)..self.levels[level].len()).map(move |at| self.bucket(level, at)));
        let free = self.levels.first().map_or(0, Vec::len) * LEAF;
        buckets.chain((free..self.points.len()).map(|at| self.point(at)))
    }

    /// The parts right under a bucket.
    pub(super) fn under(&self, level: usize, at: usize) -> impl Iterator<Item = Part<'_>> {
        let width = if level == 0 { LEAF } else { FANOUT };
        (at * width..(at + 1) * width).map(move |at| match level.checked_sub(1) {
            Some(below) => self.bucket(below, at),
            None => self.point(at),
        })
    }

    fn bucket(&self, level: usize, at: usize) -> Part<'_> {
        Part::Bucket { level, at, bucket: &self.levels[level][at] }
    }

    fn point(&self, at: usize) -> Part<'_> {
        Part::Point { at: at as u32, point: &self.points[at] }
    }

    fn total(&self) -> Option<Bucket> {
        let roots = self.roots().map(|part| match part {
            Part::Bucket { bucket, .. } => *bucket,
            Part::Point { at, point } => Bucket::of(at, point),
        });
        roots.reduce(|sum, part| sum.with(&part))
    }

    /// The points.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// What tells one state of a series from another: alike for the same points of the same series.
    pub fn version(&self) -> (u64, usize) {
        (self.epoch, self.points.len())
    }

    /// The last point.
    pub fn last(&self) -> Option<&Point> {
        self.points.last()
    }

    /// The lowest and the highest value.
    pub fn extremes(&self) -> Option<(f64, f64)> {
        let all = self.total()?;
        Some((all.low.0, all.high.0))
    }

    /// Where along an axis the points are; for a logarithmic axis, the positive ones.
    pub fn extent(&self, axis: Axis, log: bool) -> Option<(f64, f64)> {
        let (low, high) = self.total()?.x[axis as usize];
        let low = if log { self.x_positive[axis as usize] } else { low };
        (low <= high).then_some((low, high))
    }

    /// How many points cannot be shown: no numbers, and on logarithmic axes what is not positive.
    pub fn left_out(&self, axis: Axis, log_x: bool, log_y: bool) -> usize {
        let x = if log_x { self.x_not_positive[axis as usize] } else { 0 };
        self.not_finite + x + if log_y { self.not_positive } else { 0 }
    }

    /// The memory it takes, in bytes.
    pub fn bytes(&self) -> usize {
        let buckets: usize = self.levels.iter().map(Vec::capacity).sum();
        self.points.capacity() * size_of::<Point>() + buckets * size_of::<Bucket>()
    }

    /// Halves the points. The newest quarter stays as it is; of those before, the lowest and the highest stay in each
    /// of many stretches of equally many steps, so that every extreme stays where it was, and so does the first point.
    pub fn thin(&mut self) {
        let recent = self.points.len() - self.points.len() / 4;
        let (Some(first), Some(last)) = (self.points.first(), self.points.get(recent)) else { return };
        let view = View::new((first.step as f64, last.step as f64), self.points.len() / 8);
        let mut kept: Vec<_> =
            view.columns_of_extremes(self).into_iter().filter(|at| (*at as usize) < recent).collect();
        if kept.first() != Some(&0) {
            kept.insert(0, 0);
        }
        let mut thinned = Self { not_finite: self.not_finite, ..Self::default() };
        let old = kept.into_iter().map(|at| self.points[at as usize]);
        old.chain(self.points[recent..].iter().copied()).for_each(|point| thinned.push(point));
        *self = thinned;
    }
}

impl Bucket {
    fn of(at: u32, point: &Point) -> Self {
        Self {
            x: Axis::ALL.map(|axis| (point.x(axis), point.x(axis))),
            low: (point.value, at),
            high: (point.value, at),
            low_positive: (if point.value > 0.0 { point.value } else { f64::INFINITY }, at),
            sum: point.value,
        }
    }

    fn with(&self, other: &Self) -> Self {
        Self {
            x: std::array::from_fn(|axis| {
                let ((a, b), (c, d)) = (self.x[axis], other.x[axis]);
                (a.min(c), b.max(d))
            }),
            low: lower(self.low, other.low),
            high: higher(self.high, other.high),
            low_positive: lower(self.low_positive, other.low_positive),
            sum: self.sum + other.sum,
        }
    }

    /// The lowest and the highest value that an axis can show.
    pub(super) fn extremes(&self, log_y: bool) -> Option<(Extreme, Extreme)> {
        let low = if log_y { self.low_positive } else { self.low };
        (low.0 <= self.high.0).then_some((low, self.high))
    }
}

/// The lower of two; the first where they are alike.
pub(super) fn lower(a: Extreme, b: Extreme) -> Extreme {
    if b.0 < a.0 { b } else { a }
}

/// The higher of two; the first where they are alike.
pub(super) fn higher(a: Extreme, b: Extreme) -> Extreme {
    if b.0 > a.0 { b } else { a }
}
