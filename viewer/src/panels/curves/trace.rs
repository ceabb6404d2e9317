//! What one plot paints of each run, kept from one frame to the next: a frame in which nothing has changed computes
//! nothing, and one in which something has costs the plot's pixels.

use std::collections::BTreeMap;

use egui_plot::PlotPoint;

use super::band::Band;
use super::scales::Scales;
use crate::model::RunId;
use crate::series::{Series, Smoothed, View};

/// One plot's curves.
#[derive(Debug, Default)]
pub(super) struct Traces {
    /// A run's curve, by the run.
    pub(super) runs: BTreeMap<RunId, Trace>,
    /// A group's mean and band, by its first run.
    pub(super) groups: BTreeMap<RunId, Band>,
}

/// A run's curve.
#[derive(Debug, Default)]
pub(super) struct Trace {
    smoothed: Smoothed,
    /// The curve as it is.
    pub(super) raw: Picture,
    /// The smoothed curve; empty where nothing is smoothed.
    pub(super) smooth: Picture,
}

/// The part of a series that a view shows.
#[derive(Debug, Default)]
pub(super) struct Picture {
    of: Option<((u64, usize), View)>,
    /// The points' places in the series.
    pub(super) places: Vec<u32>,
    /// The same points in the plot's units.
    pub(super) points: Vec<PlotPoint>,
}

impl Traces {
    /// A point at the value that all of it has, if it is one value throughout: a plot would have no height.
    pub(super) fn level(&self) -> Option<PlotPoint> {
        let runs = self.runs.values().flat_map(|trace| &trace.raw.points);
        let groups = self.groups.values().flat_map(|band| &band.pieces).flat_map(|piece| &piece.mean);
        let mut points = runs.chain(groups);
        let first = *points.next()?;
        points.all(|point| point.y == first.y).then_some(first)
    }
}

impl Trace {
    /// Takes in what has changed. Smooths by `scale`, 0 for not at all, at most `limit` points, which are taken from it.
    /// Answers whether the smoothing has come to the series' end.
    pub(super) fn update(&mut self, series: &Series, view: View, scale: f64, limit: &mut usize) -> bool {
        self.raw.update(series, view);
        if scale <= 0.0 {
            (self.smoothed, self.smooth) = Default::default();
            return true;
        }
        let done = self.smoothed.follow(series, view.axis, scale, limit);
        self.smooth.update(self.smoothed.curve(), view);
        done
    }
}

impl Picture {
    fn update(&mut self, series: &Series, view: View) {
        let of = Some((series.version(), view));
        if self.of != of {
            let scales = Scales { axis: view.axis, log_x: view.log_x, log_y: view.log_y };
            self.places = view.points(series);
            self.points = self.places.iter().map(|at| scales.place(&series.points()[*at as usize]).into()).collect();
            self.of = of;
        }
    }
}

impl Traces {
    /// The average over a group's series, by their runs, of all of which there are `runs`; smoothed as by
    /// [`Trace::update`].
    pub(super) fn update_group(
        &mut self,
        group: &[(RunId, &Series)],
        runs: usize,
        view: View,
        scale: f64,
        limit: &mut usize,
    ) -> bool {
        let Some((first, _)) = group.first() else { return true };
        let mut done = true;
        for (run, series) in group {
            let trace = self.runs.entry(*run).or_default();
            (trace.raw, trace.smooth) = Default::default();
            if scale > 0.0 {
                done &= trace.smoothed.follow(series, view.axis, scale, limit);
            } else {
                trace.smoothed = Smoothed::default();
            }
        }
        let curves =
            group.iter().map(|(run, series)| if scale > 0.0 { self.runs[run].smoothed.curve() } else { series });
        let band = self.groups.entry(*first).or_default();
        band.update(&curves.collect::<Vec<_>>(), runs, view);
        done
    }

    /// Forgets runs and groups that are no longer shown.
    pub(super) fn keep(&mut self, runs: &[RunId], grouped: bool) {
        self.runs.retain(|run, _| runs.contains(run));
        self.groups.retain(|run, _| grouped && runs.contains(run));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_is_spread_over_frames() {
        let series = Series::of((0..1000).map(f64::from));
        let view = View::new((0.0, 1000.0), 100);
        let mut trace = Trace::default();
        let mut frames = 0;
        loop {
            let mut limit = 300;
            frames += 1;
            let done = trace.update(&series, view, 5.0, &mut limit);
            assert_eq!(limit == 0, !done);
            if done {
                break;
            }
        }
        assert_eq!(frames, 4);
        assert!(trace.smooth.points.len() > 100 && trace.smooth.points.len() < 210);
        // Once done, it costs nothing more.
        let mut limit = 300;
        assert!(trace.update(&series, view, 5.0, &mut limit));
        assert_eq!(limit, 300);
        assert!(trace.update(&series, view, 0.0, &mut limit));
        assert!(trace.smooth.points.is_empty() && !trace.raw.points.is_empty());
    }

    #[test]
    fn curves_of_one_value_are_known() {
        let view = View::new((0.0, 10.0), 100);
        let mut traces = Traces::default();
        assert_eq!(traces.level(), None);
        for (run, value, level) in [(0, 3.0, Some(3.0)), (1, 3.0, Some(3.0)), (2, 4.0, None)] {
            let series = Series::of((0..5).map(|_| value));
            traces.runs.entry(run).or_default().update(&series, view, 0.0, &mut 10);
            assert_eq!(traces.level().map(|point| point.y), level, "{run}");
        }
    }

    #[test]
    fn groups_that_are_no_longer_shown_are_forgotten() {
        let (a, b) = (Series::of((0..100).map(f64::from)), Series::of((0..100).map(f64::from)));
        let mut traces = Traces::default();
        assert!(traces.update_group(&[(3, &a), (5, &b)], 2, View::new((0.0, 99.0), 10), 0.0, &mut 0));
        assert!(traces.groups.contains_key(&3));
        traces.keep(&[5], true);
        assert!(traces.groups.is_empty() && traces.runs.contains_key(&5));
    }
}
