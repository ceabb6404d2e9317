//! Observations as vectors.

use super::{ObservationMap, ObservationWrapper};
use crate::wrappers::memory::Memory;
use crate::{Dtype, Env, Row, RowMut, Space};

/// Observations as vectors, with integers one-hot (Gymnasium's `FlattenObservation`).
///
/// The parts of a composite follow one another. Gymnasium's int64 is int32 here.
pub type FlattenObservation<E> = ObservationWrapper<E, Flatten>;

/// What [`FlattenObservation`] does.
#[derive(Clone, Debug)]
pub struct Flatten {
    /// What becomes of each number, in order.
    codes: Vec<Code>,
}

#[derive(Clone, Copy, Debug)]
enum Code {
    /// It is copied.
    Same,
    /// An integer from `start` on becomes `n` zeros with a one in its place.
    OneHot { n: usize, start: f64 },
}

impl<E: Env> FlattenObservation<E> {
    /// `env` with flat observations.
    pub fn new(env: E) -> Self {
        let (flatten, flat) = Flatten::new(&env.observation_space());
        Self::around(env, flatten, flat)
    }
}

impl Flatten {
    /// The flattening of `space`, and the space that it becomes (Gymnasium's `flatten_space`).
    pub(super) fn new(space: &Space) -> (Self, Space) {
        let (mut codes, mut low, mut high, mut dtypes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let one_hot =
            |(n, start): (&i32, &i32)| Code::OneHot { n: n.unsigned_abs() as usize, start: f64::from(*start) };
        for leaf in space.leaves() {
            let before = codes.len();
            match leaf.space {
                Space::Discrete { n, start } => codes.push(one_hot((n, start))),
                Space::MultiDiscrete { nvec, start } => codes.extend(nvec.iter().zip(start).map(one_hot)),
                other => codes.extend(vec![Code::Same; other.width()]),
            }
            if let Space::Box { low: own_low, high: own_high, .. } = leaf.space {
                low.extend(own_low);
                high.extend(own_high);
            } else {
                let width: usize = codes[before..].iter().map(|code| code.width()).sum();
                low.extend(vec![0.0; width]);
                high.extend(vec![1.0; width]);
            }
            dtypes.push(leaf.space.dtype());
        }
        // NumPy's `result_type`: the one type that holds all.
        let all = |dtype| dtypes.iter().all(|other| *other == dtype);
        let dtype = if all(Dtype::U8) {
            Dtype::U8
        } else if dtypes.contains(&Dtype::F32) {
            Dtype::F32
        } else {
            Dtype::I32
        };
        (Self { codes }, Space::Box { shape: vec![low.len()], low, high, dtype })
    }
}

impl Code {
    fn width(self) -> usize {
        match self {
            Self::Same => 1,
            Self::OneHot { n, .. } => n,
        }
    }
}

impl Memory for Flatten {}

impl ObservationMap for Flatten {
    fn next(&mut self, inner: Row<'_>, mut observation: RowMut<'_>) {
        let mut at = 0;
        for (i, code) in self.codes.iter().enumerate() {
            let x = inner.number(i);
            match *code {
                Code::Same => observation.set_number(at, x),
                Code::OneHot { n, start } => {
                    let one = (x - start) as usize;
                    (0..n).for_each(|j| observation.set_number(at + j, f64::from(u8::from(j == one))));
                }
            }
            at += code.width();
        }
    }
}
