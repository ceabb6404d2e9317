//! Where a pass begins and ends that is not all of a model: activations that come from elsewhere, and gradients by those that go there.

use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;

use dfdx::prelude::{Cpu, CpuError, OwnedTape, PutTape as _, Rank0, Tape as _, Tensor, TensorFromVec as _};
use dfdx::tensor::Merge as _;

use super::{Map, Rows, take_gradient, values};
use crate::nn::{DeviceError, Gradients, Parameters, Real};

/// Takes the gradient of a loss by what came out of a pass, adds that by the parameters to gradients, and answers that by what went in,
/// where it is wanted.
pub type WayBack<E> = Box<dyn FnOnce(Vec<E>, &mut Gradients<E>) -> Result<Vec<E>, DeviceError>>;

/// A forward pass of which the way back comes later: between them may be others, with ways of their own.
pub(crate) struct Passing<E: Real> {
    /// What its operations are noted on.
    pub(crate) tape: OwnedTape<E, Cpu>,
    by_input: Rc<Cell<Vec<E>>>,
}

impl<E: Real> Passing<E> {
    /// Nothing has been done yet.
    pub(crate) fn new() -> Self {
        Self { tape: OwnedTape::default(), by_input: Rc::default() }
    }

    /// Rows that came from elsewhere: what the pass begins with.
    pub(crate) fn rows(&mut self, values: Vec<E>, shape: (usize, usize)) -> Rows<E, dfdx::prelude::NoneTape> {
        let rows = Cpu::default().tensor_from_vec(values, shape);
        let (own, by_input) = (rows.clone(), self.by_input.clone());
        self.tape.add_backward_op(move |gradients| {
            by_input.set(take_gradient(gradients, &own)?.to_vec());
            Ok(())
        });
        rows
    }

    /// Feature maps that came from elsewhere, in f16 if it is told so.
    pub(crate) fn map(&mut self, values: Vec<E>, shape: [usize; 4], half: bool) -> Map<E> {
        let map = Map::made(values, shape, half);
        let (key, by_input) = (map.without_values(), self.by_input.clone());
        self.tape.add_backward_op(move |gradients| {
            by_input.set(key.take_gradient(gradients)?);
            Ok(())
        });
        map
    }

    /// The way back from `outputs`, which `parameters` made. Gradients by those that are f16 are rounded to it.
    pub(crate) fn way_back(self, outputs: Output<E>, parameters: Cow<'_, Parameters<E>>) -> WayBack<E> {
        let Self { mut tape, by_input } = self;
        let halved = if let Cow::Owned(halved) = parameters { Some(halved) } else { None };
        Box::new(move |grad, gradients| {
            tape.add_backward_op(move |gradients| outputs.give_gradient(gradients, grad));
            let device = Cpu::default();
            // The tape has no gradients of its own: those before stay.
            let tape = gradients.tape(&device).merge(tape);
            let end: Tensor<Rank0, E, Cpu> = device.tensor_from_vec(vec![E::zero()], ());
            gradients.backward(end.put_tape(tape))?;
            if let Some(halved) = &halved {
                gradients.round_to_half(halved)?;
            }
            Ok(by_input.take())
        })
    }
}

/// What comes out of a pass.
pub(crate) enum Output<E: Real> {
    Rows(Rows<E, dfdx::prelude::NoneTape>),
    Map(Map<E>),
}

impl<E: Real> Output<E> {
    /// Its numbers, row after row.
    pub(crate) fn values(&self) -> Vec<E> {
        match self {
            Self::Map(map) => map.values().to_vec(),
            Self::Rows(rows) => values(rows),
        }
    }

    fn give_gradient(&self, gradients: &mut dfdx::prelude::Gradients<E, Cpu>, grad: Vec<E>) -> Result<(), CpuError> {
        match self {
            Self::Map(map) => map.give_gradient(gradients, grad),
            Self::Rows(rows) => {
                gradients.get_or_alloc_mut(rows)?.copy_from_slice(&grad);
                Ok(())
            }
        }
    }
}
