//! Some parts of an observation.

use std::ops::Range;

use super::{ObservationMap, ObservationWrapper};
use crate::wrappers::memory::Memory;
use crate::{Env, EnvError, Result, Row, RowMut, Space};

/// Keeps some parts of a Dict or Tuple observation (Gymnasium's `FilterObservation`).
pub type FilterObservation<E> = ObservationWrapper<E, Filter>;

/// What [`FilterObservation`] does.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Where the parts are that are kept.
    kept: Vec<Range<usize>>,
}

impl<E: Env> FilterObservation<E> {
    /// Keeps the parts `filter_keys`: names for a Dict, whose parts stay sorted; places, as `"0"`, for a Tuple, whose
    /// parts take this order.
    ///
    /// # Errors
    /// [`EnvError::UnfitWrapper`] if the observation has no parts; [`EnvError::BadArgument`] for keys that it does not
    /// have, that come twice, or none.
    pub fn new(env: E, filter_keys: &[impl AsRef<str>]) -> Result<Self> {
        let space = env.observation_space();
        let (named, is_dict): (Vec<(String, &Space)>, bool) = match &space {
            Space::Dict(parts) => (parts.iter().map(|(name, part)| (name.clone(), part)).collect(), true),
            Space::Tuple(parts) => (parts.iter().enumerate().map(|(i, part)| (i.to_string(), part)).collect(), false),
            space => {
                let (needs, advice) = ("observations of several parts, a Dict or Tuple", "leave it out");
                return Err(EnvError::unfit_observation("FilterObservation", needs, space, advice));
            }
        };
        let mut chosen = Vec::new();
        for key in filter_keys {
            match named.iter().position(|(name, _)| name == key.as_ref()) {
                Some(index) if !chosen.contains(&index) => chosen.push(index),
                found => {
                    let found = if found.is_some() { "twice" } else { "not there" };
                    let names: Vec<_> = named.iter().map(|(name, _)| name.as_str()).collect();
                    let (found, expected) = (format!("'{}', {found}", key.as_ref()), names.join(", "));
                    let expected = format!("some of these, once each: {expected}");
                    return Err(EnvError::bad_argument("FilterObservation", "filter_keys", found, expected));
                }
            }
        }
        if chosen.is_empty() {
            return Err(EnvError::bad_argument("FilterObservation", "filter_keys", "empty", "at least one part"));
        }
        if is_dict {
            chosen.sort_unstable();
        }
        let mut starts = vec![0];
        named.iter().for_each(|(_, part)| starts.push(starts[starts.len() - 1] + part.width()));
        let kept = chosen.iter().map(|i| starts[*i]..starts[i + 1]).collect();
        let parts = chosen.iter().map(|i| named[*i].1.clone());
        let space = if is_dict {
            Space::Dict(chosen.iter().map(|i| named[*i].0.clone()).zip(parts).collect())
        } else {
            Space::Tuple(parts.collect())
        };
        Ok(Self::around(env, Filter { kept }, space))
    }
}

impl Memory for Filter {}

impl ObservationMap for Filter {
    fn next(&mut self, inner: Row<'_>, mut observation: RowMut<'_>) {
        let mut at = 0;
        for part in &self.kept {
            observation.part(at..at + part.len()).convert_from(inner.part(part.clone()));
            at += part.len();
        }
    }
}
