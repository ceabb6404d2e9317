//! The linear map between two boxes, as Gymnasium's `rescale_box` computes it.

use crate::{EnvError, Result};

/// One bound for all elements, or one for each, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum Bounds {
    /// The same for all.
    All(f32),
    /// One for each.
    Each(Vec<f32>),
}

impl From<f32> for Bounds {
    fn from(bound: f32) -> Self {
        Self::All(bound)
    }
}

impl From<Vec<f32>> for Bounds {
    fn from(bounds: Vec<f32>) -> Self {
        Self::Each(bounds)
    }
}

/// `gradient * x + intercept` for each element, in f32: what `RescaleObservation` does.
#[derive(Clone, Debug)]
pub struct Rescale {
    gradient: Vec<f32>,
    intercept: Vec<f32>,
}

impl Rescale {
    /// From the bounds `old` to `new`, which are those of the arguments `names` of `wrapper`; and `new` in full.
    pub(super) fn new(
        wrapper: &'static str,
        names: [&'static str; 2],
        old: [&[f32]; 2],
        new: [Bounds; 2],
    ) -> Result<(Self, [Vec<f32>; 2])> {
        let width = old[0].len();
        let mut full: [Vec<f32>; 2] = [Vec::new(), Vec::new()];
        for (((name, bounds), old), full) in names.iter().zip(new).zip(old).zip(&mut full) {
            *full = match bounds {
                Bounds::All(bound) => vec![bound; width],
                Bounds::Each(bounds) if bounds.len() == width => bounds,
                Bounds::Each(bounds) => {
                    let found = format!("{} numbers", bounds.len());
                    return Err(EnvError::bad_argument(wrapper, name, found, format!("a number, or {width} numbers")));
                }
            };
            for (new, old) in full.iter().zip(old) {
                if new.is_nan() || (new.is_infinite() || old.is_infinite()) && new != old {
                    let expected =
                        format!("{old} where the space's bound is {old}: infinite where it is, and only there");
                    return Err(EnvError::bad_argument(wrapper, name, new, expected));
                }
            }
        }
        let [min, max] = full;
        if let Some((min, max)) = min.iter().zip(&max).find(|(min, max)| min > max) {
            let expected = format!("at most {}, which is {max}", names[1]);
            return Err(EnvError::bad_argument(wrapper, names[0], min, expected));
        }
        let lines = (0..width).map(|i| line([old[0][i], old[1][i]], [min[i], max[i]]));
        let (gradient, intercept) = lines.unzip();
        Ok((Self { gradient, intercept }, [min, max]))
    }

    /// Element `i` in the new units.
    #[inline]
    pub(super) fn forward(&self, i: usize, x: f32) -> f32 {
        self.gradient[i] * x + self.intercept[i]
    }

    /// Element `i` in the old units.
    #[inline]
    pub(super) fn backward(&self, i: usize, x: f32) -> f32 {
        (x - self.intercept[i]) / self.gradient[i]
    }
}

/// Gradient and intercept from one interval to another. With one end open it is a shift.
fn line(old: [f32; 2], new: [f32; 2]) -> (f32, f32) {
    let finite = new.map(f32::is_finite);
    let [old, new] = [old, new].map(|bounds| bounds.map(f64::from));
    let gradient = if finite == [true, true] { ((new[1] - new[0]) / (old[1] - old[0])) as f32 } else { 1.0 };
    let intercept = match finite {
        [true, _] => (f64::from(gradient) * -old[0] + new[0]) as f32,
        [false, true] => (new[1] - old[1]) as f32,
        [false, false] => 0.0,
    };
    (gradient, intercept)
}
