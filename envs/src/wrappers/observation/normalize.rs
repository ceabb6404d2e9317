//! Observations of a steady scale.

use super::{ObservationMap, ObservationWrapper};
use crate::wrappers::memory::Memory;
use crate::wrappers::state;
use crate::{Dtype, Env, EnvError, Result, Row, RowMut, Space, Statistics};

/// Subtracts each element's running mean and divides by its running standard deviation (Gymnasium's
/// `NormalizeObservation`), which every observation updates before it is normalized.
///
/// The statistics outlive episodes; with `update_running_mean` off ([`Statistics`]) they are used as they are. As in
/// Gymnasium, they are computed in the precision of the observations: in f32 for floats, else in f64.
pub type NormalizeObservation<E> = ObservationWrapper<E, Normalize>;

/// What [`NormalizeObservation`] does.
#[derive(Clone, Debug)]
pub struct Normalize {
    epsilon: f64,
    statistics: Statistics,
}

impl<E: Env> NormalizeObservation<E> {
    /// Gymnasium's default is an `epsilon`, which is added to the variance, of 1e-8.
    ///
    /// # Errors
    /// [`EnvError::UnfitWrapper`] for composite observations; [`EnvError::BadArgument`] for an `epsilon` that is not
    /// above 0.
    pub fn new(env: E, epsilon: f64) -> Result<Self> {
        let space = env.observation_space();
        if let Space::Tuple(_) | Space::Dict(_) = space {
            let advice = "wrap it in FlattenObservation first";
            return Err(EnvError::unfit_observation(
                "NormalizeObservation",
                "observations of one shape",
                &space,
                advice,
            ));
        }
        if epsilon.is_nan() || epsilon <= 0.0 {
            return Err(EnvError::bad_argument("NormalizeObservation", "epsilon", epsilon, "a number above 0"));
        }
        let width = space.width();
        let normalized = Space::Box {
            low: vec![f32::NEG_INFINITY; width],
            high: vec![f32::INFINITY; width],
            shape: if let Space::MultiDiscrete { .. } = space { vec![width] } else { space.shape().to_vec() },
            dtype: Dtype::F32,
        };
        Ok(Self::around(env, Normalize { epsilon, statistics: Statistics::new(width) }, normalized))
    }
}

impl Memory for Normalize {
    fn save(&self, state: &mut Vec<u8>) {
        state::put(&self.statistics, state);
    }

    fn restore<'a>(&mut self, state: &'a [u8]) -> Result<&'a [u8]> {
        let rest;
        (self.statistics, rest) = state::take_statistics(state, self.statistics.moments.mean.len())?;
        Ok(rest)
    }

    fn statistics(&self) -> Option<&Statistics> {
        Some(&self.statistics)
    }

    fn statistics_mut(&mut self) -> Option<&mut Statistics> {
        Some(&mut self.statistics)
    }
}

impl ObservationMap for Normalize {
    #[inline]
    fn next(&mut self, inner: Row<'_>, observation: RowMut<'_>) {
        let Statistics { moments, update_running_mean, .. } = &mut self.statistics;
        let RowMut::F32(observation) = observation else { return };
        match inner {
            Row::F32(inner) => {
                if *update_running_mean {
                    moments.update_f32(inner);
                }
                let epsilon = self.epsilon as f32;
                let moments = moments.mean.iter().zip(&moments.var);
                for ((normalized, x), (mean, var)) in observation.iter_mut().zip(inner).zip(moments) {
                    *normalized = (x - *mean as f32) / (*var as f32 + epsilon).sqrt();
                }
            }
            inner => {
                if *update_running_mean {
                    moments.update((0..inner.len()).map(|i| inner.number(i)));
                }
                let moments = moments.mean.iter().zip(&moments.var);
                for (i, (normalized, (mean, var))) in observation.iter_mut().zip(moments).enumerate() {
                    *normalized = ((inner.number(i) - mean) / (var + self.epsilon).sqrt()) as f32;
                }
            }
        }
    }

    fn instead(&mut self, inner: Row<'_>, observation: RowMut<'_>) {
        let updates = std::mem::take(&mut self.statistics.update_running_mean);
        self.next(inner, observation);
        self.statistics.update_running_mean = updates;
    }
}
