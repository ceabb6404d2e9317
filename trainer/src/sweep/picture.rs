//! How a sweep went, as a picture.

use super::{Goal, Sweep};
use crate::plot::{PlotError, Series, learning_curve_svg};

/// The trials' values over their numbers, and the best so far.
///
/// # Errors
/// If no trial is complete.
pub fn draw(sweep: &Sweep) -> Result<String, PlotError> {
    let config = &sweep.spec().sweep;
    let points: Vec<(f64, f64)> =
        sweep.trials().iter().filter_map(|trial| Some((trial.number as f64, trial.value?))).collect();
    let mut best = points.clone();
    for i in 1..best.len() {
        best[i].1 = match config.goal {
            Goal::Maximize => best[i].1.max(best[i - 1].1),
            Goal::Minimize => best[i].1.min(best[i - 1].1),
        };
    }
    let series = [
        Series { name: "best so far".into(), points: best, ..Series::default() },
        Series { name: "trials".into(), points, dots: true, ..Series::default() },
    ];
    let title = format!("{} · {} · {}", config.env, config.algo, config.method);
    learning_curve_svg(&series, &title, "trial", &config.metric, None)
}
