//! Several observations as one.

use super::{ObservationMap, ObservationWrapper};
use crate::wrappers::memory::Memory;
use crate::wrappers::{check_size, nearest_to_zero, state};
use crate::{Dtype, Env, EnvError, Result, Row, RowMut, Rows, Space};
use std::ops::Range;

/// What stands before an episode's first observation.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Padding {
    /// The first observation itself, repeated.
    #[default]
    Reset,
    /// The element of the observation space that is nearest to zero.
    Zero,
    /// An observation of one's own: its numbers, row-major.
    Custom(Vec<f32>),
}

/// The last `stack_size` observations as one, the oldest first (Gymnasium's `FrameStackObservation`).
///
/// A Box gains a leading axis of `stack_size`; a Discrete space becomes a MultiDiscrete one; the parts of a composite
/// are stacked each by itself.
pub type FrameStackObservation<E> = ObservationWrapper<E, FrameStack>;

/// What [`FrameStackObservation`] does.
#[derive(Clone, Debug)]
pub struct FrameStack {
    padding: Padding,
    /// What stands before an episode's first observation, unless that does itself.
    before: Rows,
    /// The frames, in a ring.
    frames: Rows,
    /// The oldest of them: where the next goes.
    oldest: usize,
    /// Where each part of a frame is.
    parts: Vec<Range<usize>>,
}

impl<E: Env> FrameStackObservation<E> {
    /// A stack of `stack_size` observations.
    ///
    /// # Errors
    /// [`EnvError::BadArgument`] if `stack_size` is 0, or the padding is no element of the observation space.
    pub fn new(env: E, stack_size: usize, padding_type: Padding) -> Result<Self> {
        let space = env.observation_space();
        if stack_size == 0 {
            let expected = "an integer of at least 1";
            return Err(EnvError::bad_argument("FrameStackObservation", "stack_size", stack_size, expected));
        }
        check_size("FrameStackObservation", "stack_size", stack_size, space.width().checked_mul(stack_size))?;
        let mut before = nearest_to_zero(&space);
        if let Padding::Custom(numbers) = &padding_type {
            if numbers.len() == space.width() {
                before.row_mut(0).convert_from(Row::F32(numbers));
            }
            if numbers.len() != space.width() || !space.contains(before.row(0)) {
                let (found, expected) = (format!("{numbers:?}"), format!("'reset', 'zero' or an element of {space}"));
                return Err(EnvError::bad_argument("FrameStackObservation", "padding_type", found, expected));
            }
        }
        let stack = FrameStack {
            padding: padding_type,
            before,
            frames: Rows::for_space(&space, stack_size),
            oldest: 0,
            parts: space.leaves().into_iter().map(|leaf| leaf.range).collect(),
        };
        Ok(Self::around(env, stack, stacked(&space, stack_size)))
    }
}

/// The space of `n` elements of `space` (Gymnasium's `batch_space`).
fn stacked(space: &Space, n: usize) -> Space {
    let with_axis = |shape: &[usize]| [&[n], shape].concat();
    match space {
        Space::Box { low, high, shape, dtype } => {
            Space::Box { low: low.repeat(n), high: high.repeat(n), shape: with_axis(shape), dtype: *dtype }
        }
        Space::Discrete { n: choices, start } => {
            Space::MultiDiscrete { nvec: vec![*choices; n], start: vec![*start; n] }
        }
        Space::MultiDiscrete { nvec, start } => {
            let low: Vec<_> = start.iter().map(|start| *start as f32).collect();
            let high: Vec<_> = low.iter().zip(nvec).map(|(low, n)| low + *n as f32 - 1.0).collect();
            Space::Box { low: low.repeat(n), high: high.repeat(n), shape: vec![n, nvec.len()], dtype: Dtype::I32 }
        }
        Space::MultiBinary { n: width } => {
            let width = n * width;
            Space::Box {
                low: vec![0.0; width],
                high: vec![1.0; width],
                shape: with_axis(space.shape()),
                dtype: Dtype::I32,
            }
        }
        Space::Tuple(parts) => Space::Tuple(parts.iter().map(|part| stacked(part, n)).collect()),
        Space::Dict(parts) => Space::Dict(parts.iter().map(|(name, part)| (name.clone(), stacked(part, n))).collect()),
    }
}

impl Memory for FrameStack {
    fn save(&self, state: &mut Vec<u8>) {
        state::put(&(self.oldest as u64), state);
        state::put(&self.frames, state);
    }

    fn restore<'a>(&mut self, state: &'a [u8]) -> Result<&'a [u8]> {
        let (oldest, rest) = state::take::<u64>(state)?;
        let (frames, rest) = state::take_rows(rest, &self.frames)?;
        self.oldest = oldest as usize % frames.len();
        self.frames = frames;
        Ok(rest)
    }
}

impl ObservationMap for FrameStack {
    fn first(&mut self, inner: Row<'_>, observation: RowMut<'_>) {
        let before = if self.padding == Padding::Reset { inner } else { self.before.row(0) };
        (0..self.frames.len()).for_each(|i| self.frames.set(i, before));
        self.next(inner, observation);
    }

    fn next(&mut self, inner: Row<'_>, mut observation: RowMut<'_>) {
        self.frames.set(self.oldest, inner);
        let n = self.frames.len();
        self.oldest = (self.oldest + 1) % n;
        for part in &self.parts {
            let width = part.len();
            for (age, i) in (self.oldest..n).chain(0..self.oldest).enumerate() {
                let at = part.start * n + age * width;
                observation.part(at..at + width).convert_from(self.frames.row(i).part(part.clone()));
            }
        }
    }

    fn instead(&mut self, inner: Row<'_>, observation: RowMut<'_>) {
        let n = self.frames.len();
        self.oldest = (self.oldest + n - 1) % n;
        self.next(inner, observation);
    }
}
