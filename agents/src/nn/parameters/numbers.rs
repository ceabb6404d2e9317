//! Numbers on the host, or as part of a row of numbers on a device.
//!
//! A model that learns on a device has its parameters, their average and what its optimizer keeps there, so that nothing of their
//! size moves between the device and the host from one step to the next. Who looks at them on the host gets a copy; who changes
//! them there has them back on the host.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::nn::optim::Step;
use crate::nn::{DeviceError, Real};

/// Numbers of a parameter, or of something of its size.
#[derive(Clone, Debug)]
pub(crate) struct Numbers<E: Real>(Where<E>);

#[derive(Clone, Debug)]
enum Where<E: Real> {
    Here(Arc<Vec<E>>),
    There(Part<E>),
}

/// Some of the numbers of a row, from `at` on.
#[derive(Clone, Debug)]
struct Part<E: Real> {
    row: Arc<dyn Row<E>>,
    at: usize,
    len: usize,
}

/// A row of numbers on a device. Numbers in it do not change: what is done with them makes another row.
pub(crate) trait Row<E: Real>: Any + Debug {
    /// How many numbers there are.
    fn len(&self) -> usize;

    /// A copy on the host, which is made once.
    fn host(&self) -> &[E];

    /// Other numbers on the same device.
    fn beside(&self, values: Vec<E>) -> Result<Arc<dyn Row<E>>, DeviceError>;

    /// All of them times `factor`.
    fn times(&self, factor: E) -> Result<Arc<dyn Row<E>>, DeviceError>;

    /// Each brought to within ± `max`.
    fn clamped(&self, max: E) -> Result<Arc<dyn Row<E>>, DeviceError>;

    /// The sum of their squares.
    fn square_sum(&self) -> Result<f64, DeviceError>;

    /// What is `share` of the way from them to `goal`.
    fn towards(&self, goal: &dyn Row<E>, share: E) -> Result<Arc<dyn Row<E>>, DeviceError>;

    /// Parameters after a step down `gradient`, and what the optimizer keeps of them.
    ///
    /// # Panics
    /// See [`Step::on_device`].
    fn stepped(
        &self,
        moments: [Option<&dyn Row<E>>; 2],
        gradient: &dyn Row<E>,
        step: Step<E>,
    ) -> Result<Stepped<E>, DeviceError>;
}

/// Parameters after a step, and what the optimizer keeps of them.
pub(crate) type Stepped<E> = (Arc<dyn Row<E>>, [Option<Arc<dyn Row<E>>>; 2]);

impl<E: Real> Numbers<E> {
    /// `values` on the host.
    pub(crate) fn here(values: Vec<E>) -> Self {
        Self(Where::Here(Arc::new(values)))
    }

    /// Becomes `other` where these are none, as another process has them.
    pub(crate) fn join(&mut self, other: Self) {
        if self.len() == 0 {
            *self = other;
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match &self.0 {
            Where::Here(values) => values.len(),
            Where::There(part) => part.len,
        }
    }

    /// Their values.
    ///
    /// # Panics
    /// If a device that they are on is gone.
    pub(crate) fn values(&self) -> &[E] {
        match &self.0 {
            Where::Here(values) => values,
            Where::There(Part { row, at, len }) => &row.host()[*at..][..*len],
        }
    }

    /// Their values to keep: of those on the host without a copy.
    pub(crate) fn shared(&self) -> Arc<Vec<E>> {
        match &self.0 {
            Where::Here(values) => values.clone(),
            Where::There(_) => Arc::new(self.values().to_vec()),
        }
    }

    /// Their values on the host, to be changed there. Copies them if somebody else holds them still.
    pub(crate) fn values_mut(&mut self) -> &mut [E] {
        if matches!(self.0, Where::There(_)) {
            *self = Self::here(self.values().to_vec());
        }
        match &mut self.0 {
            Where::Here(values) => Arc::make_mut(values).as_mut_slice(),
            Where::There(_) => unreachable!("they were brought here"),
        }
    }
}

/// The row that `all` make up one after the other, if they are that.
pub(crate) fn row_of<'n, E: Real>(all: impl Iterator<Item = &'n Numbers<E>>) -> Option<Arc<dyn Row<E>>> {
    let (mut whole, mut end): (Option<&Arc<dyn Row<E>>>, usize) = (None, 0);
    for numbers in all {
        let Where::There(Part { row, at, len }) = &numbers.0 else { return None };
        if *at != end || whole.is_some_and(|whole| !Arc::ptr_eq(whole, row)) {
            return None;
        }
        (whole, end) = (Some(row), end + len);
    }
    whole.filter(|row| row.len() == end).cloned()
}

/// The same, on the device of `other` if they are not on one.
pub(crate) fn row_beside<'n, E: Real>(
    all: impl Iterator<Item = &'n Numbers<E>> + Clone,
    other: &dyn Row<E>,
) -> Result<Arc<dyn Row<E>>, DeviceError> {
    match row_of(all.clone()) {
        Some(row) => Ok(row),
        None => other.beside(all.flat_map(|numbers| numbers.values().iter().copied()).collect()),
    }
}

/// Those of `all` that are at `places`, which are in order.
pub(crate) fn chosen<'a, T>(all: &'a mut [T], places: &'a [usize]) -> impl Iterator<Item = &'a mut T> {
    let all = all.iter_mut().enumerate();
    all.filter(|(place, _)| places.binary_search(place).is_ok()).map(|(_, one)| one)
}

/// Makes `all`, one after the other, what is in `row`.
///
/// # Panics
/// If they are not as many.
pub(crate) fn spread<'n, E: Real>(row: &Arc<dyn Row<E>>, all: impl Iterator<Item = &'n mut Numbers<E>>) {
    let mut at = 0;
    for numbers in all {
        let len = numbers.len();
        numbers.0 = Where::There(Part { row: row.clone(), at, len });
        at += len;
    }
    assert_eq!(at, row.len(), "a row is as long as what it stands for");
}

impl<E: Real> PartialEq for Numbers<E> {
    fn eq(&self, other: &Self) -> bool {
        self.values() == other.values()
    }
}

impl<E: Real> Serialize for Numbers<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.values().serialize(serializer)
    }
}

impl<'de, E: Real> Deserialize<'de> for Numbers<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::here)
    }
}
