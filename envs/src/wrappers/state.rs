//! What wrappers remember, as bytes: their own first, then the state of the environment inside.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Env, EnvError, Result, Rows, Statistics};

/// Appends `own` to `state`.
pub(super) fn put(own: &impl Serialize, state: &mut Vec<u8>) {
    // Into a growing vector it fails only for types that postcard cannot write, which wrappers do not hold.
    if let Ok(bytes) = postcard::to_stdvec(own) {
        state.extend(bytes);
    }
}

/// What [`put`] appended, and what comes after it.
pub(super) fn take<T: DeserializeOwned>(state: &[u8]) -> Result<(T, &[u8])> {
    postcard::take_from_bytes(state).map_err(EnvError::bad_state)
}

/// As [`take`], of rows like `like`.
pub(super) fn take_rows<'a>(state: &'a [u8], like: &Rows) -> Result<(Rows, &'a [u8])> {
    let (rows, rest): (Rows, _) = take(state)?;
    let shape = |rows: &Rows| (rows.len(), rows.width(), rows.dtype());
    if shape(&rows) != shape(like) {
        return Err(EnvError::bad_state("it is of a wrapper with other observations"));
    }
    Ok((rows, rest))
}

/// As [`take`], of statistics over vectors of `width` numbers.
pub(super) fn take_statistics(state: &[u8], width: usize) -> Result<(Statistics, &[u8])> {
    let (statistics, rest): (Statistics, _) = take(state)?;
    if [statistics.moments.mean.len(), statistics.moments.var.len()] != [width; 2] {
        return Err(EnvError::bad_state("it is of a wrapper with other statistics"));
    }
    Ok((statistics, rest))
}

/// [`Env::save`] of a wrapper that remembers `own`.
pub(super) fn save(own: &impl Serialize, env: &impl Env) -> Option<Vec<u8>> {
    let mut state = Vec::new();
    put(own, &mut state);
    state.extend(env.save()?);
    Some(state)
}

/// [`Env::restore`] of it: restores `env` and returns what the wrapper remembered.
pub(super) fn restore<T: DeserializeOwned>(state: &[u8], env: &mut impl Env) -> Result<T> {
    let (own, inner) = take(state)?;
    env.restore(inner)?;
    Ok(own)
}
