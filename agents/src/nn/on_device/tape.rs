//! How gradients find their way from outputs back to parameters.
//!
//! dfdx has a tape of its own, which keeps gradients as storage that only its kernels write: an operation made of others, as those
//! here are, would have to copy each gradient several times to leave it there. Here gradients are tensors, and are moved.

use std::collections::{HashMap, HashSet};

use dfdx::optim::UnusedTensors;
use dfdx::prelude::{
    Backward as _, HasShape as _, OwnedTape, Rank0, ReshapeTo as _, Shape, SumTo as _, Tensor, Trace as _, TryAdd as _,
    TryMul as _,
};
use dfdx::tensor::UniqueId;
use dfdx::tensor_ops::Device;

use super::Vector;
use crate::nn::Real;

/// What an operation did, for the way back; nothing where there is none.
pub(crate) struct Tape<E: Real, D: Device<E>> {
    wanted: HashSet<UniqueId>,
    ways_back: Option<Vec<WayBack<E, D>>>,
}

type WayBack<E, D> = Box<dyn FnOnce(&mut Grads<E, D>) -> Result<(), <D as dfdx::prelude::HasErr>::Err>>;

/// Gradients by the tensors that they are wanted of. A tensor with another shape and the same numbers in the same order has the same.
pub(crate) struct Grads<E: Real, D: Device<E>> {
    wanted: HashSet<UniqueId>,
    by: HashMap<UniqueId, Vector<E, D>>,
}

impl<E: Real, D: Device<E>> Tape<E, D> {
    /// For who does not go back.
    pub(crate) fn none() -> Self {
        Self { wanted: HashSet::new(), ways_back: None }
    }

    /// Nothing has been done yet, and no gradient is wanted.
    pub(super) fn new() -> Self {
        Self { wanted: HashSet::new(), ways_back: Some(Vec::new()) }
    }

    /// Gradients by `tensor` are wanted.
    pub(crate) fn want<S: Shape>(&mut self, tensor: &Tensor<S, E, D>) {
        self.wanted.insert(id(tensor));
    }

    /// Whether they are.
    pub(super) fn wants<S: Shape>(&self, tensor: &Tensor<S, E, D>) -> bool {
        self.wanted.contains(&id(tensor))
    }

    /// `back` is what becomes of the gradient by `out`, which is wanted thereby.
    pub(super) fn note<S: Shape>(
        &mut self,
        out: &Tensor<S, E, D>,
        back: impl FnOnce(&mut Grads<E, D>, Tensor<S, E, D>) -> Result<(), D::Err> + 'static,
    ) {
        let Some(ways_back) = &mut self.ways_back else { return };
        let (key, shape) = (id(out), *out.shape());
        self.wanted.insert(key);
        ways_back.push(Box::new(move |grads| match grads.by.remove(&key) {
            Some(grad) => back(grads, grad.try_reshape_like(&shape)?),
            // Nothing depends on it.
            None => Ok(()),
        }));
    }

    /// Goes back from `outputs`, by which the gradient is `grad`.
    ///
    /// # Errors
    /// If the device fails.
    pub(super) fn backward<S: Shape>(
        self,
        outputs: &Tensor<S, E, D>,
        grad: Tensor<S, E, D>,
    ) -> Result<Grads<E, D>, D::Err> {
        let mut grads = Grads { wanted: self.wanted, by: HashMap::new() };
        grads.give(outputs, grad)?;
        self.ways_back.into_iter().flatten().rev().try_for_each(|back| back(&mut grads))?;
        Ok(grads)
    }
}

impl<E: Real, D: Device<E>> Grads<E, D> {
    /// Whether the gradient by `tensor` is of use.
    pub(super) fn wants<S: Shape>(&self, tensor: &Tensor<S, E, D>) -> bool {
        self.wanted.contains(&id(tensor))
    }

    /// Adds `grad` to that by `tensor`, if it is wanted.
    ///
    /// # Errors
    /// If the device fails.
    pub(super) fn give<S: Shape>(&mut self, tensor: &Tensor<S, E, D>, grad: Tensor<S, E, D>) -> Result<(), D::Err> {
        if self.wants(tensor) {
            let flat = grad.try_reshape_like(&(tensor.shape().num_elements(),))?;
            let sum = match self.by.remove(&id(tensor)) {
                Some(before) => before.try_add(flat)?,
                None => flat,
            };
            self.by.insert(id(tensor), sum);
        }
        Ok(())
    }

    /// The gradient by `tensor`, if anything depends on it.
    pub(super) fn of<S: Shape>(&self, tensor: &Tensor<S, E, D>) -> Option<&Vector<E, D>> {
        self.by.get(&id(tensor))
    }
}

/// The gradient by `x` of what `operation` makes of it, by which it is `grad`: for operations that dfdx alone knows the way back of.
///
/// # Errors
/// If the device fails.
pub(super) fn through<S: Shape, O: Shape, E: Real, D: Device<E>>(
    x: &Tensor<S, E, D>,
    grad: Tensor<O, E, D>,
    operation: impl FnOnce(Traced<S, E, D>) -> Result<Traced<O, E, D>, D::Err>,
) -> Result<Tensor<S, E, D>, D::Err> {
    let y = operation(x.clone().leaky_traced())?;
    Ok(y.try_mul(grad)?.try_sum::<Rank0, _>()?.try_backward()?.get(x))
}

type Traced<S, E, D> = Tensor<S, E, D, OwnedTape<E, D>>;

fn id<S: Shape, E: Real, D: Device<E>>(tensor: &Tensor<S, E, D>) -> UniqueId {
    // dfdx tells a tensor's id only through its list of tensors that an optimizer missed.
    let mut ids = UnusedTensors::default();
    ids.add(tensor);
    ids.ids[0]
}

#[cfg(test)]
mod tests {
    use dfdx::prelude::{AsArray as _, TensorFrom as _};

    use super::*;
    use crate::nn::Cpu;

    #[test]
    fn grads_add_up_where_they_are_wanted() {
        let device = Cpu::default();
        let [x, data] = [[1.0_f64, 2.0], [5.0, 7.0]].map(|row| device.tensor(row));
        let mut tape = Tape::new();
        tape.want(&x);
        // y = x · data + x, and a tensor that nothing depends on.
        let y = (x.clone() * data.clone()) + x.clone();
        let (own, factor) = (x.clone(), data.clone());
        tape.note(&y, move |grads, grad| {
            assert!(grads.wants(&own) && !grads.wants(&factor));
            grads.give(&factor, grad.clone())?;
            grads.give(&own, grad.clone() * factor)?;
            grads.give(&own, grad)
        });
        let beside = x.clone() * 3.0;
        tape.note(&beside, |_, _| panic!("nothing depends on it"));
        assert!(tape.wants(&y) && tape.wants(&beside) && !tape.wants(&data));
        let grads = tape.backward(&y, device.tensor([1.0, 10.0])).expect("works");
        assert_eq!(grads.of(&x).expect("wanted").as_vec(), [6.0, 80.0]);
        assert!(grads.of(&data).is_none() && grads.of(&y).is_none());
        let square = through(&x, device.tensor([1.0, 10.0]), |x| x.try_square()).expect("works");
        assert_eq!(square.array(), [2.0, 40.0]);
        let mut none = Tape::none();
        none.note(&y, |_, _| panic!("nobody goes back"));
        assert!(!none.wants(&y));
    }
}
