//! Images and what layers make of them.

use std::sync::Arc;

use dfdx::prelude::{Cpu, CpuError, Gradients, Tensor, TensorFromVec as _};

use super::relu::add;
use crate::nn::{Isa, Real};

/// A batch of feature maps, NHWC: images × rows × columns × channels. A clone shares the numbers, which dfdx would copy to lend
/// them out, so that only the gradient by them is kept in dfdx.
#[derive(Clone, Debug)]
pub struct Map<E: Real = f32> {
    values: Arc<Vec<E>>,
    shape: [usize; 4],
    /// Whether its numbers, and those of the gradient by it, are f16.
    half: bool,
    /// Stands for it in dfdx's gradients, and is empty. Data has none, and no gradient by it is worked out.
    key: Option<Tensor<(usize,), E, Cpu>>,
}

impl<E: Real> Map<E> {
    /// Data: images × rows × columns × channels.
    ///
    /// # Panics
    /// If there are not as many numbers as the shape says.
    pub fn data(values: Vec<E>, shape: [usize; 4]) -> Self {
        assert_eq!(values.len(), shape.iter().product::<usize>(), "a map of {shape:?}");
        Self { values: Arc::new(values), shape, half: false, key: None }
    }

    /// What a layer made, in f16 if it is told so.
    pub(super) fn made(mut values: Vec<E>, shape: [usize; 4], half: bool) -> Self {
        if half {
            E::round_to_half(&mut values);
        }
        let key = Cpu::default().tensor_from_vec(Vec::new(), (0,));
        Self { key: Some(key), half, ..Self::data(values, shape) }
    }

    /// The same as data: nothing that it was made of is learnt.
    pub(super) fn detached(self) -> Self {
        Self { key: None, ..self }
    }

    /// The same in f16.
    #[must_use]
    pub fn to_half(self) -> Self {
        let mut values = self.values;
        E::round_to_half(Arc::make_mut(&mut values).as_mut_slice());
        Self { values, half: true, ..self }
    }

    /// Whether it is f16.
    pub fn is_half(&self) -> bool {
        self.half
    }

    /// Images, rows, columns, channels.
    pub fn shape(&self) -> [usize; 4] {
        self.shape
    }

    /// Channels.
    pub fn channels(&self) -> usize {
        self.shape[3]
    }

    /// The numbers, row-major.
    pub fn values(&self) -> &[E] {
        &self.values
    }

    /// Whether a gradient by it is wanted.
    pub(super) fn wants_gradient(&self) -> bool {
        self.key.is_some()
    }

    /// Adds to the gradient by it.
    pub(super) fn give_gradient(&self, gradients: &mut Gradients<E, Cpu>, mut values: Vec<E>) -> Result<(), CpuError> {
        if let Some(key) = &self.key {
            if self.half {
                E::round_to_half(&mut values);
            }
            let gradient = gradients.get_or_alloc_mut(key)?;
            if gradient.is_empty() {
                **gradient = values;
            } else {
                add(Isa::detect(), gradient, &values);
                if self.half {
                    E::round_to_half(gradient);
                }
            }
        }
        Ok(())
    }
}

impl<E: Real> Map<E> {
    /// Its key: what the operation that made it keeps for the way back, where its numbers are not needed.
    pub(super) fn without_values(&self) -> Key<E> {
        Key { count: self.values.len(), key: self.key.clone() }
    }

    /// Its numbers, copied only if somebody else holds them.
    pub(crate) fn into_values(self) -> Vec<E> {
        Arc::try_unwrap(self.values).unwrap_or_else(|shared| shared.to_vec())
    }
}

/// What is left of a map whose numbers are not needed any more: the place of the gradient by it.
pub(super) struct Key<E: Real> {
    count: usize,
    key: Option<Tensor<(usize,), E, Cpu>>,
}

impl<E: Real> Key<E> {
    /// Takes the gradient out: nothing else asks for it once the map's operation runs backward.
    pub(super) fn take_gradient(&self, gradients: &mut Gradients<E, Cpu>) -> Result<Vec<E>, CpuError> {
        let mut gradient = match &self.key {
            Some(key) => std::mem::take(&mut **gradients.get_or_alloc_mut(key)?),
            None => Vec::new(),
        };
        // Nothing may have hung on it.
        gradient.resize(self.count, E::zero());
        Ok(gradient)
    }
}
