//! Which points a picture needs.

use super::point::{Axis, Point};
use super::pyramid::{Bucket, Extreme, FANOUT, LEAF, Part, Series, higher, lower};

/// How wide a bucket may be, in columns, that is over the edge of one: it counts into that on its left. To look into it
/// would cost three times as much, for an eighth of a pixel.
const NARROW: f64 = 0.125;

/// A part of a curve as it is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// What goes to the right.
    pub axis: Axis,
    /// From where to where along it, both shown.
    pub range: (f64, f64),
    /// How many pixels, or other columns, the range is wide; at least 1.
    pub pixels: usize,
    /// Whether x is logarithmic.
    pub log_x: bool,
    /// Whether values are.
    pub log_y: bool,
}

/// Neighbouring points, one or many, as a view takes them.
pub(super) enum Piece<'a> {
    /// In the view, in one column or all but.
    Inside {
        /// Which column: that of the lowest x.
        column: usize,
        /// What they are.
        bucket: &'a Bucket,
        /// How many.
        count: usize,
    },
    /// One point that is in the view.
    Point {
        /// Its column.
        column: usize,
        /// Its place.
        at: u32,
    },
    /// Points of a bucket that is in the view and in more than one column: one by one, but without a call for each.
    Leaf {
        /// The place of the first.
        first: u32,
        /// The points.
        points: &'a [Point],
    },
    /// Before or behind the view: their first and last place.
    Outside {
        /// Whether they are behind.
        behind: bool,
        /// The place of the first.
        first: u32,
        /// The place of the last.
        last: u32,
    },
}

impl View {
    /// These steps, on linear axes.
    pub fn new(range: (f64, f64), pixels: usize) -> Self {
        Self { axis: Axis::Steps, range, pixels: pixels.max(1), log_x: false, log_y: false }
    }

    /// The places of the points that make the same picture as all: every one where they are few, or else the lowest and
    /// the highest of each column, two a pixel; beside them the neighbours outside, to which lines lead.
    ///
    /// A series whose x goes back is followed in its own order, and passes a column more than once.
    pub fn points(&self, series: &Series) -> Vec<u32> {
        if self.has_at_most(series, 2 * self.pixels) {
            self.every_point(series)
        } else {
            self.columns_of_extremes(series)
        }
    }

    pub(super) fn columns_of_extremes(&self, series: &Series) -> Vec<u32> {
        let (points, columns) = (series.points(), Columns::of(self));
        let mut line = Line::new(self, points);
        let mut open: Option<Open> = None;
        self.visit(series, false, &mut |piece| {
            let (column, low, high) = match piece {
                Piece::Leaf { first, points } => {
                    for (at, point) in (first..).zip(points).filter(|(_, point)| self.shows(point)) {
                        let (column, here) = (columns.of_x(point.x(self.axis)), (point.value, at));
                        match &mut open {
                            Some((same, lowest, highest)) if *same == column => {
                                (*lowest, *highest) = (lower(*lowest, here), higher(*highest, here));
                            }
                            _ => {
                                line.close(&mut open);
                                open = Some((column, here, here));
                            }
                        }
                    }
                    return true;
                }
                Piece::Inside { column, bucket, .. } => match bucket.extremes(self.log_y) {
                    Some((low, high)) => (column, low, high),
                    None => return true,
                },
                Piece::Point { column, at } => {
                    let point = &points[at as usize];
                    if !self.shows(point) {
                        return true;
                    }
                    (column, (point.value, at), (point.value, at))
                }
                Piece::Outside { behind, first, last } => {
                    line.close(&mut open);
                    line.outside(behind, first, last);
                    return true;
                }
            };
            open = match open {
                Some((same, lowest, highest)) if same == column => {
                    Some((column, lower(lowest, low), higher(highest, high)))
                }
                _ => {
                    line.close(&mut open);
                    Some((column, low, high))
                }
            };
            true
        });
        line.close(&mut open);
        line.places
    }

    fn every_point(&self, series: &Series) -> Vec<u32> {
        let mut line = Line::new(self, series.points());
        self.visit(series, true, &mut |piece| {
            match piece {
                Piece::Point { at, .. } => line.inside(at),
                Piece::Outside { behind, first, last } => line.outside(behind, first, last),
                Piece::Inside { .. } | Piece::Leaf { .. } => {}
            }
            true
        });
        line.places
    }

    /// Whether at most so many points are in the view. Only buckets over its edges are looked into.
    fn has_at_most(&self, series: &Series, limit: usize) -> bool {
        series.roots().map(|part| self.count(part, series)).sum::<usize>() <= limit
    }

    /// How many points of a part are in the view.
    fn count(&self, part: Part<'_>, series: &Series) -> usize {
        let (from, to) = self.range;
        match part {
            Part::Point { point, .. } => usize::from((from..=to).contains(&point.x(self.axis))),
            Part::Bucket { level, at, bucket } => {
                let (low, high) = bucket.x[self.axis as usize];
                if high < from || low > to {
                    0
                } else if low >= from && high <= to {
                    LEAF * FANOUT.pow(level as u32)
                } else {
                    series.under(level, at).map(|part| self.count(part, series)).sum()
                }
            }
        }
    }

    /// Whether the axes can show a point at all.
    fn shows(&self, point: &Point) -> bool {
        (!self.log_y || point.value > 0.0) && self.shows_x(point)
    }

    /// Whether the axis of x can.
    pub(super) fn shows_x(&self, point: &Point) -> bool {
        !self.log_x || point.x(self.axis) > 0.0
    }

    /// The middle of a column, along the axis.
    pub fn middle(&self, column: usize) -> f64 {
        let share = (column as f64 + 0.5) / self.pixels as f64;
        let (from, to) = self.range;
        if self.log_x { from * (to / from).powf(share) } else { from + (to - from) * share }
    }

    /// Goes through the series in its order, in pieces as large as columns allow, or point by point where `each`; until
    /// it is told to stop.
    pub(super) fn visit(&self, series: &Series, each: bool, see: &mut impl FnMut(Piece<'_>) -> bool) {
        let columns = Columns::of(self);
        series.roots().all(|part| self.look_at(part, series, &columns, each, see));
    }

    fn look_at(
        &self,
        part: Part<'_>,
        series: &Series,
        columns: &Columns,
        each: bool,
        see: &mut impl FnMut(Piece<'_>) -> bool,
    ) -> bool {
        let (from, to) = self.range;
        match part {
            Part::Point { at, point } => {
                let x = point.x(self.axis);
                see(if x < from || x > to {
                    Piece::Outside { behind: x > to, first: at, last: at }
                } else {
                    Piece::Point { column: columns.of_x(x), at }
                })
            }
            Part::Bucket { level, at, bucket } => {
                let (low, high) = bucket.x[self.axis as usize];
                let count = LEAF * FANOUT.pow(level as u32);
                if high < from || low > to {
                    let (first, last) = ((at * count) as u32, ((at + 1) * count - 1) as u32);
                    return see(Piece::Outside { behind: low > to, first, last });
                }
                if !each && low >= from && high <= to {
                    let column = columns.of_x(low);
                    if column == columns.of_x(high) || columns.place(high) - columns.place(low) <= NARROW {
                        return see(Piece::Inside { column, bucket, count });
                    }
                    if level == 0 {
                        let first = at * LEAF;
                        return see(Piece::Leaf { first: first as u32, points: &series.points()[first..first + LEAF] });
                    }
                }
                series.under(level, at).all(|part| self.look_at(part, series, columns, each, see))
            }
        }
    }
}

/// Where in the view's columns an x is.
pub(super) struct Columns {
    from: f64,
    per_x: f64,
    last: usize,
    log: bool,
}

impl Columns {
    pub(super) fn of(view: &View) -> Self {
        let scale = |x: f64| if view.log_x { x.log10() } else { x };
        let (from, to) = (scale(view.range.0), scale(view.range.1));
        Self { from, per_x: view.pixels as f64 / (to - from), last: view.pixels - 1, log: view.log_x }
    }

    /// The column as a fraction.
    pub(super) fn place(&self, x: f64) -> f64 {
        ((if self.log { x.log10() } else { x }) - self.from) * self.per_x
    }

    /// The column of an x in the range. A range of no width has one column.
    pub(super) fn of_x(&self, x: f64) -> usize {
        (self.place(x) as usize).min(self.last)
    }
}

/// A column that may get more points: its number, the lowest and the highest so far.
type Open = (usize, Extreme, Extreme);

/// The line through what is shown, and its neighbours outside.
struct Line<'a> {
    view: &'a View,
    points: &'a [Point],
    places: Vec<u32>,
    /// The last place outside, and whether it is behind, until the line comes in from there.
    left: Option<(bool, u32)>,
    /// Whether the last place is in the view.
    inside: bool,
}

impl<'a> Line<'a> {
    fn new(view: &'a View, points: &'a [Point]) -> Self {
        Self { view, points, places: Vec::new(), left: None, inside: false }
    }

    fn inside(&mut self, at: u32) {
        if let Some((_, left)) = self.left.take() {
            self.add(left);
        }
        self.add(at);
        self.inside = true;
    }

    /// A line leads out to the first place outside, and across the view from one side to the other.
    fn outside(&mut self, behind: bool, first: u32, last: u32) {
        let from = self.left.filter(|(side, _)| *side != behind);
        if let Some((_, left)) = from {
            self.add(left);
        }
        if self.inside || from.is_some() {
            self.add(first);
        }
        self.inside = false;
        self.left = Some((behind, last));
    }

    /// Ends a column: its extremes in their order.
    fn close(&mut self, column: &mut Option<Open>) {
        if let Some((_, (_, low), (_, high))) = column.take() {
            self.inside(low.min(high));
            if low != high {
                self.inside(low.max(high));
            }
        }
    }

    fn add(&mut self, at: u32) {
        if self.places.last() != Some(&at) && self.view.shows(&self.points[at as usize]) {
            self.places.push(at);
        }
    }
}
