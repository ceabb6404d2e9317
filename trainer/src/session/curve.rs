//! The picture that a run leaves of itself.

use std::io::Write as _;
use std::path::Path;

use crate::plot::{Series, learning_curve_svg};
use crate::run::{MetricsLog, RunDir, RunError, write_atomic};

/// Draws `learning_curve.svg` from the run's metrics, by its `steps`, as they are called.
///
/// # Errors
/// If the metrics cannot be read or the picture not written.
pub(crate) fn draw(run: &RunDir, title: &str, steps: &str, threshold: Option<f64>) -> Result<(), RunError> {
    let rows = MetricsLog::read(&run.metrics())?;
    let points = |metric: &str| -> Vec<(f64, f64)> {
        rows.iter()
            .filter_map(|row| Some((row.step as f64, *row.metrics.get(metric)?)))
            .filter(|(_, y)| y.is_finite())
            .collect()
    };
    let series: Vec<Series> =
        [("training, exploring", "rollout/ep_rew_mean"), ("evaluation, greedy", "eval/mean_reward")]
            .into_iter()
            .map(|(name, metric)| Series { name: name.into(), points: points(metric), ..Series::default() })
            .filter(|series| !series.points.is_empty())
            .collect();
    write_curve(&run.path().join("learning_curve.svg"), &series, [title, steps, "return"], threshold)
}

/// Writes the picture of `series` with its title and axes; none where there is nothing to draw yet.
pub(crate) fn write_curve(
    file: &Path,
    series: &[Series],
    [title, x_label, y_label]: [&str; 3],
    threshold: Option<f64>,
) -> Result<(), RunError> {
    if series.is_empty() {
        return Ok(());
    }
    let svg = learning_curve_svg(series, title, x_label, y_label, threshold)
        .map_err(|error| RunError::io("draw", file)(std::io::Error::other(error)))?;
    write_atomic(file, |out| out.write_all(svg.as_bytes())).map(drop).map_err(RunError::io("write", file))
}
