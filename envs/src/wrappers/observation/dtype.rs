//! Observations of another number type.

use super::{ObservationMap, ObservationWrapper};
use crate::wrappers::memory::Memory;
use crate::{Dtype, Env, EnvError, Result, Row, RowMut, Space};

/// Converts observations to another number type (Gymnasium's `DtypeObservation`). Fractions are cut off.
///
/// A Discrete observation becomes a Box without an axis, a MultiBinary one a Box; so does a MultiDiscrete one, which in
/// Gymnasium stays a MultiDiscrete of the other type.
pub type DtypeObservation<E> = ObservationWrapper<E, Convert>;

/// What [`DtypeObservation`] does.
#[derive(Clone, Copy, Debug)]
pub struct Convert;

impl<E: Env> DtypeObservation<E> {
    /// `env` with observations of `dtype`.
    ///
    /// # Errors
    /// [`EnvError::UnfitWrapper`] for composite observations; [`EnvError::BadArgument`] if a bound is no number of the
    /// type.
    pub fn new(env: E, dtype: Dtype) -> Result<Self> {
        let space = env.observation_space();
        let (low, high, shape) = match &space {
            Space::Box { low, high, shape, .. } => (low.clone(), high.clone(), shape.clone()),
            Space::Discrete { n, start } => (vec![*start as f32], vec![(start + (n - 1)) as f32], Vec::new()),
            Space::MultiDiscrete { nvec, start } => {
                let low: Vec<_> = start.iter().map(|start| *start as f32).collect();
                let high = start.iter().zip(nvec).map(|(start, n)| (start + (n - 1)) as f32).collect();
                (low, high, vec![nvec.len()])
            }
            Space::MultiBinary { n } => (vec![0.0; *n], vec![1.0; *n], vec![*n]),
            Space::Tuple(_) | Space::Dict(_) => {
                let (needs, advice) = ("observations of one type", "make a vector of them with FlattenObservation");
                return Err(EnvError::unfit_observation("DtypeObservation", needs, &space, advice));
            }
        };
        let [least, greatest] = match dtype {
            Dtype::F32 => [f32::NEG_INFINITY, f32::INFINITY],
            Dtype::U8 => [0.0, 255.0],
            // The last f32 that is an i32.
            Dtype::I32 => [i32::MIN as f32, 2_147_483_520.0],
        };
        if let Some(bound) = low.iter().chain(&high).find(|bound| !(least..=greatest).contains(*bound)) {
            let expected = format!("a type that holds the bound {bound} of {space}");
            return Err(EnvError::bad_argument("DtypeObservation", "dtype", dtype, expected));
        }
        let cut =
            |bounds: Vec<f32>| if dtype == Dtype::F32 { bounds } else { bounds.into_iter().map(f32::trunc).collect() };
        let space = Space::Box { low: cut(low), high: cut(high), shape, dtype };
        Ok(Self::around(env, Convert, space))
    }
}

impl Memory for Convert {}

impl ObservationMap for Convert {
    fn next(&mut self, inner: Row<'_>, mut observation: RowMut<'_>) {
        observation.convert_from(inner);
    }
}
