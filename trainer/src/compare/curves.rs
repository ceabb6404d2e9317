//! Learning curves of groups, with bands over seeds.

use super::{Comparison, Group};
use crate::plot::Series;
use crate::run::{MetricsLog, RunDir, RunError};
use crate::statistics::{bootstrap_ci, iqm};

/// Points of a curve: more are not told apart in a picture.
const POINTS: usize = 200;
/// Resamples of each point's interval.
const RESAMPLES: usize = 1_000;

/// Of each group that has values of `metric`: its interquartile mean over seeds, with the 95 % bootstrap interval as band.
///
/// A curve goes as far as all of its group's runs do: where some had ended, such as those that solved the task early, the
/// others would bend it.
///
/// # Errors
/// If a run's metrics cannot be read.
pub fn curves(comparison: &Comparison, metric: &str) -> Result<Vec<Series>, RunError> {
    let mut all = Vec::new();
    for group in &comparison.groups {
        let lines = lines(group, metric)?;
        if !lines.is_empty() {
            all.push(series(&group.name, &lines));
        }
    }
    Ok(all)
}

/// The metric of each run that has it, over environment steps.
fn lines(group: &Group, metric: &str) -> Result<Vec<Vec<(f64, f64)>>, RunError> {
    let mut lines = Vec::new();
    for run in &group.runs {
        let mut line: Vec<(f64, f64)> = Vec::new();
        for row in MetricsLog::read(&RunDir::open(&run.path)?.metrics())? {
            let Some(value) = row.metrics.get(metric).filter(|value| value.is_finite()) else { continue };
            let point = (row.step as f64, *value);
            match line.last_mut() {
                // Evaluated twice at a step, as to confirm a solution: the newer one counts.
                Some(last) if last.0 == point.0 => *last = point,
                _ => line.push(point),
            }
        }
        if !line.is_empty() {
            lines.push(line);
        }
    }
    Ok(lines)
}

fn series(name: &str, lines: &[Vec<(f64, f64)>]) -> Series {
    let seeds = if lines.len() == 1 { "1 seed".to_owned() } else { format!("{} seeds", lines.len()) };
    let name = format!("{name} ({seeds})");
    let ends = |line: &Vec<(f64, f64)>| (line[0].0, line[line.len() - 1].0);
    let from = lines.iter().map(|line| ends(line).0).fold(f64::NEG_INFINITY, f64::max);
    let to = lines.iter().map(|line| ends(line).1).fold(f64::INFINITY, f64::min);
    let mut steps: Vec<f64> = lines.iter().flatten().map(|(x, _)| *x).filter(|x| (from..=to).contains(x)).collect();
    steps.sort_by(f64::total_cmp);
    steps.dedup();
    let every = steps.len().div_ceil(POINTS).max(1);
    let last = steps.len().saturating_sub(1);
    let steps = steps.iter().enumerate().filter(|(i, _)| i % every == 0 || *i == last).map(|(_, x)| *x);
    let (mut points, mut band) = (Vec::new(), Vec::new());
    for x in steps {
        let values: Vec<f64> = lines.iter().map(|line| at(line, x)).collect();
        points.push((x, iqm(&values)));
        let (low, high) = bootstrap_ci(&values, iqm, 0.95, RESAMPLES, 0);
        band.push((x, low, high));
    }
    Series { name, points, band: (lines.len() > 1).then_some(band), ..Series::default() }
}

/// The line at `x`, between its points; `x` is within it.
fn at(line: &[(f64, f64)], x: f64) -> f64 {
    let next = line.partition_point(|point| point.0 < x).min(line.len() - 1);
    let (x1, y1) = line[next];
    if next == 0 || x1 == x {
        return y1;
    }
    let (x0, y0) = line[next - 1];
    y0 + (y1 - y0) * (x - x0) / (x1 - x0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_end_with_the_shortest_and_pass_through_all() {
        let lines = [vec![(0.0, 0.0), (10.0, 10.0), (20.0, 20.0)], vec![(5.0, 1.0), (15.0, 3.0)]];
        let series = series("a", &lines);
        assert_eq!(series.name, "a (2 seeds)");
        // From 5 to 15, at every step that a run has there.
        assert_eq!(series.points, [(5.0, 3.0), (10.0, 6.0), (15.0, 9.0)]);
        let band = series.band.as_deref().unwrap_or_default();
        assert_eq!(band[0], (5.0, 1.0, 5.0));
    }

    #[test]
    fn one_seed_has_no_band_and_long_lines_are_thinned() {
        let line: Vec<(f64, f64)> = (0..=1000).map(|i| (f64::from(i), f64::from(i))).collect();
        let series = series("a", std::slice::from_ref(&line));
        assert!(series.band.is_none() && series.name == "a (1 seed)");
        assert!(series.points.len() <= POINTS + 2, "{}", series.points.len());
        assert_eq!((series.points[0], series.points.last()), ((0.0, 0.0), Some(&(1000.0, 1000.0))));
    }
}
