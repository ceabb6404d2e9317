//! Smoothing, before points are left out.

use super::point::{Axis, Point};
use super::pyramid::Series;

/// A smoothed curve that follows its series, a bounded part at a time.
///
/// The value at a point is the mean of all points up to it, each weighted by `exp(-distance / scale)`: TensorBoard's
/// debiased exponential average, but with the distance in units of x instead of a count of points. So it does not change
/// with how densely a curve was sampled, points at the same x count alike, and a constant stays constant. Of those there is
/// one in it, the mean with all of them: environments that end together would else make teeth.
#[derive(Debug, Default)]
pub struct Smoothed {
    curve: Series,
    /// What the curve is of: the series' epoch, the axis and the scale.
    of: Option<(u64, Axis, f64)>,
    /// How many of the series' points are in.
    done: usize,
    weighted: f64,
    weights: f64,
    x: f64,
}

impl Smoothed {
    /// Goes on by at most `limit` points, which are taken from it, towards the whole of `series`, from its start where
    /// anything but its length has changed. Answers whether that is done. `scale` is in the axis's units, above 0.
    pub fn follow(&mut self, series: &Series, axis: Axis, scale: f64, limit: &mut usize) -> bool {
        let of = Some((series.version().0, axis, scale));
        if self.of != of {
            *self = Self { of, ..Self::default() };
        }
        let end = series.points().len().min(self.done + *limit);
        *limit -= end - self.done;
        for (point, at) in series.points()[self.done..end].iter().zip(self.done..) {
            let decay = (-(point.x(axis) - self.x).abs() / scale).exp();
            self.weighted = self.weighted * decay + point.value;
            self.weights = self.weights * decay + 1.0;
            self.x = point.x(axis);
            if series.points().get(at + 1).is_none_or(|next| next.x(axis) != self.x) {
                self.curve.push(Point { value: self.weighted / self.weights, ..*point });
            }
        }
        self.done = end;
        end == series.points().len()
    }

    /// The curve, as far as it is done.
    pub fn curve(&self) -> &Series {
        &self.curve
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: impl Iterator<Item = (u64, f64)>) -> Series {
        let mut series = Series::default();
        values.for_each(|(step, value)| series.push(Point { step, episodes: 0, wall_s: 0.0, value }));
        series
    }

    fn smooth(series: &Series, scale: f64) -> Vec<f64> {
        let mut smoothed = Smoothed::default();
        assert!(smoothed.follow(series, Axis::Steps, scale, &mut { usize::MAX }));
        smoothed.curve().points().iter().map(|point| point.value).collect()
    }

    #[test]
    fn a_constant_stays_constant() {
        let values = smooth(&series((0..1000).map(|i| (i * i, 3.5))), 700.0);
        assert!(values.iter().all(|value| (value - 3.5).abs() < 1e-12));
    }

    #[test]
    fn evenly_spaced_points_are_smoothed_as_by_tensorboard() {
        let raw: Vec<_> = (0..50_u64).map(|i| (i * 10, (i % 7) as f64)).collect();
        let weight = (-10.0_f64 / 60.0).exp();
        let (mut last, mut debias) = (0.0, 1.0);
        let expected = raw.iter().map(|(_, value)| {
            last = last * weight + (1.0 - weight) * value;
            debias *= weight;
            last / (1.0 - debias)
        });
        let ours = smooth(&series(raw.iter().copied()), 60.0);
        assert!(ours.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9));
    }

    #[test]
    fn the_number_of_points_does_not_matter() {
        let wave = |i: u64| (i as f64 / 300.0).sin();
        let once = smooth(&series((0..1000).map(|i| (i * 8, wave(i * 8)))), 200.0);
        let thrice = smooth(&series((0..1000).flat_map(|i| [(i * 8, wave(i * 8)); 3])), 200.0);
        let dense = smooth(&series((0..8000).map(|i| (i, wave(i)))), 200.0);
        for i in 0..1000 {
            assert!((once[i] - thrice[i]).abs() < 0.01, "repeated, {i}");
            assert!((once[i] - dense[i * 8]).abs() < 0.03, "dense, {i}");
        }
    }

    /// Sixteen environments that end together, again and again.
    #[test]
    fn points_at_one_place_make_no_teeth() {
        let values = smooth(&series((0..160).map(|i| (i / 16 * 100, (i % 16) as f64))), 20.0);
        assert_eq!(values.len(), 10);
        assert!(values.iter().all(|value| (value - 7.5).abs() < 0.2), "{values:?}");
    }

    #[test]
    fn it_follows_in_parts_and_starts_again_when_asked_for_another() {
        let mut raw = series((0..100).map(|i| (i, i as f64)));
        let mut smoothed = Smoothed::default();
        assert!(!smoothed.follow(&raw, Axis::Steps, 5.0, &mut { 60 }));
        assert_eq!(smoothed.curve().points().len(), 60);
        assert!(smoothed.follow(&raw, Axis::Steps, 5.0, &mut { 60 }));
        raw.push(Point { step: 100, episodes: 0, wall_s: 0.0, value: 100.0 });
        assert!(smoothed.follow(&raw, Axis::Steps, 5.0, &mut { 60 }));
        let parts: Vec<_> = smoothed.curve().points().iter().map(|point| point.value).collect();
        assert_eq!(parts, smooth(&raw, 5.0));
        assert!(!smoothed.follow(&raw, Axis::Steps, 6.0, &mut { 60 }));
        assert_eq!(smoothed.curve().points().len(), 60);
    }
}
