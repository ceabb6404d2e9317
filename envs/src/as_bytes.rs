//! For `#[serde(with = "cartwheel_envs::as_bytes")]`: numbers as the bytes they are in memory. Replay of gigabytes
//! is copied to disk, not encoded number by number.

use bytemuck::{AnyBitPattern, NoUninit};
use serde::{Deserializer, Serializer, de::Error};

/// Writes `values` as bytes, little-endian on the machines that this runs on.
///
/// # Errors
/// The serializer's.
pub fn serialize<T: NoUninit, S: Serializer>(values: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    serde_bytes::serialize(bytemuck::cast_slice::<T, u8>(values), serializer)
}

/// Reads what [`serialize`] wrote.
///
/// # Errors
/// The deserializer's, or a number that is cut off.
pub fn deserialize<'de, T: AnyBitPattern, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let bytes: Vec<u8> = serde_bytes::deserialize(deserializer)?;
    if !bytes.len().is_multiple_of(size_of::<T>()) {
        return Err(D::Error::custom("a number is cut off"));
    }
    Ok(bytes.chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned).collect())
}
