//! Observations that come late.

use super::{ObservationMap, ObservationWrapper};
use crate::wrappers::memory::Memory;
use crate::wrappers::{check_size, nearest_to_zero, state};
use crate::{Env, Result, Row, RowMut, Rows};

/// Shows each observation `delay` steps late, and until then zeros, or what is nearest to them (Gymnasium's
/// `DelayObservation`).
pub type DelayObservation<E> = ObservationWrapper<E, Delay>;

/// What [`DelayObservation`] does.
#[derive(Clone, Debug)]
pub struct Delay {
    zero: Rows,
    /// The last `delay + 1` observations, in a ring.
    waiting: Rows,
    /// How many there were in this episode.
    seen: u64,
}

impl<E: Env> DelayObservation<E> {
    /// `env` observed `delay` steps late.
    ///
    /// # Errors
    /// [`EnvError::BadArgument`](crate::EnvError::BadArgument) if `delay` takes too much memory.
    pub fn new(env: E, delay: usize) -> Result<Self> {
        let space = env.observation_space();
        let numbers = delay.checked_add(1).and_then(|rows| rows.checked_mul(space.width()));
        check_size("DelayObservation", "delay", delay, numbers)?;
        let delay = Delay { zero: nearest_to_zero(&space), waiting: Rows::for_space(&space, delay + 1), seen: 0 };
        Ok(Self::around(env, delay, space))
    }
}

impl Memory for Delay {
    fn save(&self, state: &mut Vec<u8>) {
        state::put(&self.seen, state);
        state::put(&self.waiting, state);
    }

    fn restore<'a>(&mut self, state: &'a [u8]) -> Result<&'a [u8]> {
        let (seen, rest) = state::take(state)?;
        let (waiting, rest) = state::take_rows(rest, &self.waiting)?;
        (self.seen, self.waiting) = (seen, waiting);
        Ok(rest)
    }
}

impl ObservationMap for Delay {
    fn first(&mut self, inner: Row<'_>, observation: RowMut<'_>) {
        self.seen = 0;
        self.next(inner, observation);
    }

    #[inline]
    fn next(&mut self, inner: Row<'_>, mut observation: RowMut<'_>) {
        let n = self.waiting.len() as u64;
        self.waiting.set((self.seen % n) as usize, inner);
        self.seen += 1;
        let shown = if self.seen < n { self.zero.row(0) } else { self.waiting.row((self.seen % n) as usize) };
        observation.copy_from(shown);
    }

    fn instead(&mut self, inner: Row<'_>, observation: RowMut<'_>) {
        self.seen = self.seen.saturating_sub(1);
        self.next(inner, observation);
    }
}
