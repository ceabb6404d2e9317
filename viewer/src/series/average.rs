//! Several runs as one curve.

use super::columns::Column;
use super::pyramid::Series;
use super::view::View;

/// The mean of several runs and their band in a column of a view.
///
/// The band is from the lowest run to the highest: of the few seeds that people train, it says what happened, where a
/// standard deviation would suppose how they are distributed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Average {
    /// The middle of the column, along the view's axis.
    pub x: f64,
    /// The runs' mean.
    pub mean: f64,
    /// The lowest run.
    pub low: f64,
    /// The highest run.
    pub high: f64,
    /// How many runs there are here; some may have begun later or ended sooner.
    pub runs: usize,
}

/// The average over runs, in columns that they share. Each run counts once in a column, by the mean of its points
/// there; columns without any run are left out.
pub fn average(view: &View, runs: &[&Series]) -> Vec<Average> {
    let runs: Vec<Vec<Option<Column>>> = runs.iter().map(|series| view.columns(series)).collect();
    let columns = (0..view.pixels).map(|column| {
        let here = || runs.iter().filter_map(|run| run[column]).map(|column| column.mean);
        let count = here().count();
        (count > 0).then(|| Average {
            x: view.middle(column),
            mean: here().sum::<f64>() / count as f64,
            low: here().fold(f64::INFINITY, f64::min),
            high: here().fold(f64::NEG_INFINITY, f64::max),
            runs: count,
        })
    });
    columns.flatten().collect()
}
