//! Observations that tell the time.

use super::flatten::Flatten;
use super::{ObservationMap, ObservationWrapper};
use crate::wrappers::memory::Memory;
use crate::wrappers::state;
use crate::{Dtype, Env, EnvError, Result, Row, RowMut, Rows, Space};

/// Adds to each observation how many steps of the episode are over (Gymnasium's `TimeAwareObservation`).
///
/// The time becomes a part of a Dict under `dict_time_key`, the last part of a Tuple, or, beside any other observation,
/// the part `time` of a Dict in which that is `obs`. With `flatten` all of it becomes one vector: see
/// [`FlattenObservation`](crate::FlattenObservation); Gymnasium's is of float64 where this is of float32.
pub type TimeAwareObservation<E> = ObservationWrapper<E, TimeAware>;

/// What [`TimeAwareObservation`] does.
#[derive(Clone, Debug)]
pub struct TimeAware {
    elapsed: u32,
    max_timesteps: u32,
    normalize_time: bool,
    /// Where in the row the time goes.
    at: usize,
    /// The row with the time, and what makes a vector of it.
    flatten: Option<(Rows, Flatten)>,
}

impl<E: Env> TimeAwareObservation<E> {
    /// Gymnasium's defaults are to `flatten`, not to `normalize_time` to 0 to 1, and a `dict_time_key` of `"time"`.
    ///
    /// # Errors
    /// [`EnvError::Failed`] if there is no [`TimeLimit`](crate::TimeLimit) inside; [`EnvError::BadArgument`] if the
    /// observation has a part called `dict_time_key`.
    pub fn new(env: E, flatten: bool, normalize_time: bool, dict_time_key: &str) -> Result<Self> {
        let max_timesteps = env.max_episode_steps().ok_or_else(|| {
            EnvError::failed("TimeAwareObservation needs a time limit: put TimeLimit(...) inside of it")
        })?;
        let (high, dtype) = if normalize_time { (1.0, Dtype::F32) } else { (max_timesteps as f32, Dtype::I32) };
        let time = Space::Box { low: vec![0.0], high: vec![high], shape: vec![1], dtype };
        let inner = env.observation_space();
        let width = inner.width();
        let (space, at) = match inner {
            Space::Dict(parts) if parts.iter().any(|(name, _)| name == dict_time_key) => {
                let (found, expected) = (format!("'{dict_time_key}'"), "a name that is no part of the observation yet");
                return Err(EnvError::bad_argument("TimeAwareObservation", "dict_time_key", found, expected));
            }
            Space::Dict(mut parts) => {
                parts.push((dict_time_key.to_owned(), time));
                parts.sort_by(|(a, _), (b, _)| a.cmp(b));
                let space = Space::Dict(parts);
                let at = space.part(dict_time_key).map_or(0, |(range, _)| range.start);
                (space, at)
            }
            Space::Tuple(mut parts) => {
                parts.push(time);
                (Space::Tuple(parts), width)
            }
            inner => (Space::dict([("obs", inner), ("time", time)]), width),
        };
        let (flatten, space) = if flatten {
            let (flatten, flat) = Flatten::new(&space);
            (Some((Rows::for_space(&space, 1), flatten)), flat)
        } else {
            (None, space)
        };
        Ok(Self::around(env, TimeAware { elapsed: 0, max_timesteps, normalize_time, at, flatten }, space))
    }
}

impl TimeAware {
    fn write(&mut self, inner: Row<'_>, mut observation: RowMut<'_>) {
        let elapsed = f64::from(self.elapsed);
        let time = if self.normalize_time { elapsed / f64::from(self.max_timesteps) } else { elapsed };
        match &mut self.flatten {
            Some((row, flatten)) => {
                insert(inner, self.at, time, row.row_mut(0));
                flatten.next(row.row(0), observation);
            }
            None => insert(inner, self.at, time, observation.reborrow()),
        }
    }
}

/// Writes `row` with `number` at its place `at`.
fn insert(row: Row<'_>, at: usize, number: f64, mut to: RowMut<'_>) {
    let end = row.len();
    to.part(0..at).convert_from(row.part(0..at));
    to.set_number(at, number);
    to.part(at + 1..end + 1).convert_from(row.part(at..end));
}

impl Memory for TimeAware {
    fn save(&self, state: &mut Vec<u8>) {
        state::put(&self.elapsed, state);
    }

    fn restore<'a>(&mut self, state: &'a [u8]) -> Result<&'a [u8]> {
        let (elapsed, rest) = state::take(state)?;
        self.elapsed = elapsed;
        Ok(rest)
    }
}

impl ObservationMap for TimeAware {
    fn first(&mut self, inner: Row<'_>, observation: RowMut<'_>) {
        self.elapsed = 0;
        self.write(inner, observation);
    }

    fn next(&mut self, inner: Row<'_>, observation: RowMut<'_>) {
        self.elapsed = self.elapsed.saturating_add(1);
        self.write(inner, observation);
    }

    fn instead(&mut self, inner: Row<'_>, observation: RowMut<'_>) {
        self.write(inner, observation);
    }
}
