//! A curve's mean in each column of a view.

use super::point::Point;
use super::pyramid::Series;
use super::view::{Columns, Piece, View};

/// What is known of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Column {
    /// How many points are in it.
    pub count: usize,
    /// Their mean; between points, the value on the line from one to the next.
    pub mean: f64,
}

impl View {
    /// The mean of each column, by all of its points. Columns between points are on the line between their neighbours,
    /// those before the first point and after the last are none. Values that a logarithmic axis cannot show count: they
    /// are a part of the mean.
    pub fn columns(&self, series: &Series) -> Vec<Option<Column>> {
        let points = series.points();
        let mut sums = vec![(0, 0.0); self.pixels];
        let mut outside = [None, None];
        let scale = Columns::of(self);
        self.visit(series, false, &mut |piece| {
            match piece {
                Piece::Inside { column, bucket, count } => {
                    sums[column].0 += count;
                    sums[column].1 += bucket.sum;
                }
                Piece::Point { column, at } => {
                    sums[column].0 += 1;
                    sums[column].1 += points[at as usize].value;
                }
                Piece::Leaf { points, .. } => {
                    for point in points {
                        let column = scale.of_x(point.x(self.axis));
                        sums[column].0 += 1;
                        sums[column].1 += point.value;
                    }
                }
                // The last before and the first behind.
                Piece::Outside { behind: false, last, .. } => outside[0] = Some(last),
                Piece::Outside { behind: true, first, .. } => outside[1] = outside[1].or(Some(first)),
            }
            true
        });
        self.fill(&sums, outside.map(|at| at.map(|at| &points[at as usize])))
    }

    fn fill(&self, sums: &[(usize, f64)], outside: [Option<&Point>; 2]) -> Vec<Option<Column>> {
        let scale = Columns::of(self);
        let neighbour = |point: &Point| (scale.place(point.x(self.axis)), point.value);
        let [mut before, last] = outside.map(|point| point.filter(|point| self.shows_x(point)).map(neighbour));
        let known = |column: usize| (center(column), sums[column].1 / sums[column].0 as f64);
        let mut columns = vec![None; sums.len()];
        let mut filled = 0;
        for column in 0..=sums.len() {
            let here = if column == sums.len() {
                last
            } else if sums[column].0 > 0 {
                Some(known(column))
            } else {
                continue;
            };
            if let (Some((a, from)), Some((b, to))) = (before, here) {
                for (between, number) in columns[filled..column].iter_mut().zip(filled..) {
                    let share = (center(number) - a) / (b - a);
                    *between = Some(Column { count: 0, mean: from + (to - from) * share.clamp(0.0, 1.0) });
                }
            }
            if column < sums.len() {
                columns[column] = Some(Column { count: sums[column].0, mean: known(column).1 });
                (before, filled) = (here, column + 1);
            }
        }
        columns
    }
}

fn center(column: usize) -> f64 {
    column as f64 + 0.5
}
