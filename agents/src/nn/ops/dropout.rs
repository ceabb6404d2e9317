//! Dropout whose draws follow from what is dropped.

use std::sync::Arc;

use dfdx::prelude::{Cpu, HasShape as _, PutTape as _, SplitTape as _, Tape, TensorFromVec as _};

use super::{Rows, take_gradient, values};
use crate::nn::{DeviceError, Real};

/// Which numbers are dropped: a share of them, by a hash of a key and of their place. Nothing but the keys decides it, so that
/// neither the order of samples, nor what is beside them in a batch, nor threads do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    rate: f64,
}

impl Dropout {
    /// Drops a share of `rate`, from 0 to below 1.
    pub fn new(rate: f64) -> Self {
        Self { rate }
    }

    /// Whether it drops anything.
    pub(crate) fn is_on(self) -> bool {
        self.rate > 0.0
    }

    /// What the number at `place` is multiplied by: 0, or what makes up for those that are dropped.
    #[inline(always)]
    pub(crate) fn factor<E: Real>(self, key: u64, place: u64) -> E {
        let drawn = mix(key ^ mix(place));
        // The highest 53 bits as a share of all.
        if ((drawn >> 11) as f64) < self.rate * (1_u64 << 53) as f64 {
            E::zero()
        } else {
            E::of(1.0 / (1.0 - self.rate))
        }
    }
}

/// A key that follows from a list of others.
pub fn key(parts: &[u64]) -> u64 {
    parts.iter().fold(0x9e37_79b9_7f4a_7c15, |key, part| mix(key ^ mix(*part)))
}

/// The finalizer of SplitMix64 (Steele, Lea & Flood 2014).
#[inline(always)]
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Multiplies each number by 0 or by what makes up for that, as `dropout` says; `keys` has a key for each row.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If there are not as many keys as rows.
pub fn dropout<E: Real, T: Tape<E, Cpu>>(
    x: Rows<E, T>,
    dropout: Dropout,
    keys: Arc<Vec<u64>>,
) -> Result<Rows<E, T>, DeviceError> {
    if !dropout.is_on() {
        return Ok(x);
    }
    let (x, mut tape) = x.split_tape();
    let (rows, columns) = *x.shape();
    assert_eq!(keys.len(), rows, "a key a row");
    let drop = move |numbers: &mut [E], keys: &[u64]| {
        for (row, key) in numbers.chunks_exact_mut(columns.max(1)).zip(keys) {
            for (place, number) in (0..).zip(row) {
                *number *= dropout.factor(*key, place);
            }
        }
    };
    let mut y = values(&x);
    drop(&mut y, &keys);
    let y = x.device().tensor_from_vec(y, *x.shape());
    if T::OWNS_TAPE {
        let out = y.clone();
        tape.add_backward_op(move |gradients| {
            let mut grad = take_gradient(gradients, &out)?;
            drop(&mut grad, &keys);
            gradients.get_or_alloc_mut(&x)?.iter_mut().zip(grad.iter()).for_each(|(to, grad)| *to += *grad);
            Ok(())
        });
    }
    Ok(y.put_tape(tape))
}

#[cfg(test)]
mod tests {
    use cartwheel_envs::Generator;

    use super::*;
    use crate::nn::Parameters;
    use crate::nn::ops::{Targets, softmax_cross_entropy, testing};

    #[test]
    fn the_share_is_dropped_and_made_up_for() {
        let device = Cpu::default();
        let ones = device.tensor_from_vec(vec![1.0_f32; 40_000], (4, 10_000));
        let keys = Arc::new((0..4).map(|row| key(&[7, row])).collect::<Vec<_>>());
        let y = values(&dropout(ones, Dropout::new(0.2), keys).expect("works"));
        let dropped = y.iter().filter(|y| **y == 0.0).count() as f64 / 40_000.0;
        assert!((dropped - 0.2).abs() < 0.01, "{dropped}");
        assert!(y.iter().all(|y| *y == 0.0 || *y == 1.25));
        assert_ne!(y[..10_000], y[10_000..20_000]);
    }

    #[test]
    fn rows_follow_from_their_keys_alone() {
        let device = Cpu::default();
        let of = |keys: Vec<u64>| {
            let x = device.tensor_from_vec(vec![1.0_f32; keys.len() * 50], (keys.len(), 50));
            values(&dropout(x, Dropout::new(0.5), Arc::new(keys)).expect("works"))
        };
        assert_eq!(of(vec![5, 9])[50..], of(vec![9])[..]);
    }

    #[test]
    fn gradients_are_those_of_differences() {
        let mut rng = Generator::new(1);
        let x = testing::random(&mut rng, 12);
        testing::check_gradients(&mut Parameters::default(), &x, (3, 4), &|_, x| {
            let y = dropout(x, Dropout::new(0.4), Arc::new(vec![1, 2, 3])).expect("works");
            softmax_cross_entropy(y, Targets::Classes(&[0, 2, 3]), 0.0, 2.0).expect("works")
        });
    }
}
