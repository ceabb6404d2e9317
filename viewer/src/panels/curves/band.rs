//! The mean over a group's seeds, with a band from the lowest to the highest.

use egui_plot::PlotPoint;

use super::scales::Scales;
use crate::series::{Average, Series, View, average};

/// Each run's number and points, the points of the mean, and the part of the plot: what a band was made for.
type Shown = (Vec<(u64, usize)>, usize, View);

/// The mean of a group and its band, kept from one frame to the next.
#[derive(Debug, Default)]
pub(super) struct Band {
    of: Option<Shown>,
    /// What is shown, in the curves' units.
    pub(super) averages: Vec<Average>,
    /// The same as it is painted.
    pub(super) pieces: Vec<Piece>,
    /// How many runs the group has.
    pub(super) runs: usize,
}

/// A part of the mean to which the same number of runs contributes, in the plot's units. One is not joined to the next:
/// where a run ends the mean jumps, and that is no change of any run.
#[derive(Debug, Default)]
pub(super) struct Piece {
    /// Whether all of the group's runs contribute.
    pub(super) whole: bool,
    /// The mean.
    pub(super) mean: Vec<PlotPoint>,
    /// The x of the band.
    pub(super) x: Vec<f64>,
    /// Its lower edge.
    pub(super) low: Vec<f64>,
    /// Its upper edge.
    pub(super) high: Vec<f64>,
}

impl Band {
    /// Takes in what has changed of the `curves` of a group of `runs` runs, some of which may have no curve yet.
    pub(super) fn update(&mut self, curves: &[&Series], runs: usize, view: View) {
        let of = Some((curves.iter().map(|series| series.version()).collect(), runs, view));
        if self.of == of {
            return;
        }
        let scales = Scales { axis: view.axis, log_x: view.log_x, log_y: view.log_y };
        let mut averages = average(&view, curves);
        if view.log_y {
            averages.retain(|average| average.mean > 0.0);
        }
        // The lower edge may be where a logarithmic axis never gets: it ends at the lowest that is shown.
        let positive = averages.iter().flat_map(|average| [average.low, average.mean]).filter(|value| *value > 0.0);
        let floor = if view.log_y { positive.fold(f64::INFINITY, f64::min) } else { f64::NEG_INFINITY };
        let piece = |here: &[Average]| Piece {
            whole: here.iter().all(|average| average.runs == runs),
            mean: here.iter().map(|average| [scales.x(average.x), scales.y(average.mean)].into()).collect(),
            x: here.iter().map(|average| scales.x(average.x)).collect(),
            low: here.iter().map(|average| scales.y(average.low.max(floor))).collect(),
            high: here.iter().map(|average| scales.y(average.high)).collect(),
        };
        self.pieces = averages.chunk_by(|before, after| before.runs == after.runs).map(piece).collect();
        (self.averages, self.runs, self.of) = (averages, runs, of);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_on_a_logarithmic_axis_ends_where_values_are_not_positive() {
        let (a, b) = (Series::of((0..100).map(|_| -1.0)), Series::of((0..100).map(|i| f64::from(i) + 1.0)));
        let view = View { log_y: true, ..View::new((0.0, 99.0), 10) };
        let mut band = Band::default();
        band.update(&[&a, &b], 2, view);
        let [piece] = &band.pieces[..] else { panic!("{band:?}") };
        assert_eq!(piece.mean.len(), 10);
        assert!(piece.low.iter().chain(&piece.high).all(|value| value.is_finite()));
        assert!(piece.low.iter().zip(&piece.high).all(|(low, high)| low <= high));
    }

    #[test]
    fn where_a_seed_has_ended_the_mean_is_another_piece() {
        let (short, long) = (Series::of((0..50).map(|_| 10.0)), Series::of((0..100).map(|_| 2.0)));
        let mut band = Band::default();
        band.update(&[&short, &long], 2, View::new((0.0, 100.0), 10));
        let [both, one] = &band.pieces[..] else { panic!("{band:?}") };
        assert!(both.whole && !one.whole);
        assert!(both.mean.iter().all(|point| point.y == 6.0) && one.mean.iter().all(|point| point.y == 2.0));
        assert!(both.x.last() < one.x.first());
        // A third has no point of this metric yet: nothing is a mean of all.
        band.update(&[&short, &long], 3, View::new((0.0, 100.0), 10));
        assert!(band.pieces.iter().all(|piece| !piece.whole));
    }
}
