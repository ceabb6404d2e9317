//! The plots that a fit leaves of itself.

use crate::plot::Series;
use crate::run::{MetricsLog, RunDir, RunError};
use crate::session::write_curve;

/// Draws `learning_curve.svg` (losses) and `accuracy_curve.svg`, or whatever the score is called, over epochs, from the run's
/// metrics.
///
/// # Errors
/// If the metrics cannot be read or a plot not written.
pub(super) fn draw(run: &RunDir, title: &str, score: &str) -> Result<(), RunError> {
    let rows = MetricsLog::read(&run.metrics())?;
    let scores = format!("{}_curve.svg", score.replace('@', "_at_"));
    for (file, quantity) in [("learning_curve.svg", "loss"), (scores.as_str(), score)] {
        let series: Vec<Series> = [("training", "epoch"), ("validation", "val")]
            .into_iter()
            .map(|(name, group)| {
                let metric = format!("{group}/{quantity}");
                let points = rows.iter().filter_map(|row| Some((row.episodes as f64, *row.metrics.get(&metric)?)));
                Series { name: name.into(), points: points.collect(), ..Series::default() }
            })
            .filter(|series| series.points.iter().any(|(_, y)| y.is_finite()))
            .collect();
        write_curve(&run.path().join(file), &series, [title, "epochs", quantity], None)?;
    }
    Ok(())
}
