//! One parameter of a model.

use std::sync::Arc;

use dfdx::prelude::{Cpu, Tensor};
use safetensors::Dtype;

use super::numbers::Numbers;
use super::real::Real;

/// A named tensor of a model. A clone shares numbers and gradient with what it was cloned from, until one of them is written to.
#[derive(Clone, Debug)]
pub struct Parameter<E: Real = f32> {
    pub(super) name: Arc<str>,
    pub(super) shape: Arc<[usize]>,
    pub(super) kind: Kind,
    /// Whether its numbers are those of 16 bits, and what is computed with them is to be, too.
    pub(super) half: bool,
    /// Whether another process has its numbers, and this one none.
    pub(super) elsewhere: bool,
    pub(super) numbers: Numbers<E>,
    /// Stands for the parameter in dfdx's gradients, and is empty: dfdx does not lend out what is in a tensor, and kernels
    /// read the numbers where they are.
    pub(crate) key: Tensor<(usize,), E, Cpu>,
}

/// What a parameter is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is learnt.
    Learnt,
    /// It is learnt, and too large for a device that reads few of its rows.
    Table,
    /// It was to be learnt.
    Frozen,
    /// It is kept with the others.
    Buffer,
    /// It is a whole number, which files hold as one.
    Counter,
}

/// Parameters that lie in one row on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// What is learnt and has at least two axes.
    Matrices,
    /// What else is learnt: biases, and the scales of norms.
    Vectors,
    /// What is not learnt any more.
    Frozen,
}

impl Group {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Matrices, Self::Vectors, Self::Frozen];
}

impl<E: Real> Parameter<E> {
    /// torchvision's or Hugging Face's name, such as `layer1.0.conv1.weight`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its shape, as in PyTorch.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Whether it is learnt here; what is not is a buffer, such as the statistics of a batch norm, or [frozen](super::Parameters::freeze), or
    /// [elsewhere](Self::is_elsewhere).
    pub fn is_trained(&self) -> bool {
        matches!(self.kind, Kind::Learnt | Kind::Table) && !self.elsewhere
    }

    /// Whether another process has its numbers, and this one none: see [`Parameters::keep`](super::Parameters::keep).
    pub fn is_elsewhere(&self) -> bool {
        self.elsewhere
    }

    /// Whether averaged weights have an average of it: of all that training moves but counters.
    pub(crate) fn is_averaged(&self) -> bool {
        self.is_trained() || self.kind == Kind::Buffer && !self.elsewhere
    }

    /// Whether it is f16: see [`Parameters::to_half`](super::Parameters::to_half).
    pub fn is_half(&self) -> bool {
        self.half
    }

    /// The type of its numbers in a file.
    pub(super) fn dtype(&self) -> Dtype {
        if self.kind == Kind::Counter { Dtype::I64 } else { E::DTYPE }
    }

    /// What its numbers may be in a file that is read.
    pub(super) fn dtypes(&self) -> &'static [Dtype] {
        match self.kind {
            Kind::Counter => &[Dtype::I64],
            _ => &[Dtype::F32, Dtype::F64, Dtype::F16, Dtype::BF16],
        }
    }

    /// How many numbers it has, wherever they are.
    #[expect(clippy::len_without_is_empty, reason = "no parameter is empty")]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Its numbers, row-major; none if they are elsewhere. Of a parameter on a device this is a copy.
    pub fn values(&self) -> &[E] {
        self.numbers.values()
    }

    /// Its numbers to keep, without a copy if they are on the host.
    pub fn shared(&self) -> Arc<Vec<E>> {
        self.numbers.shared()
    }

    /// Its numbers on the host, to be changed there. Copies them if somebody else holds them still.
    pub fn values_mut(&mut self) -> &mut [E] {
        self.numbers.values_mut()
    }

    /// Its numbers, wherever they are.
    pub(crate) fn numbers(&self) -> &Numbers<E> {
        &self.numbers
    }

    /// The same, to be changed.
    pub(crate) fn numbers_mut(&mut self) -> &mut Numbers<E> {
        &mut self.numbers
    }

    /// In which row on a device it lies; none if it stays on the host.
    pub(super) fn group(&self) -> Option<Group> {
        match self.kind {
            _ if self.elsewhere => None,
            Kind::Learnt if self.shape.len() > 1 => Some(Group::Matrices),
            Kind::Learnt => Some(Group::Vectors),
            Kind::Frozen => Some(Group::Frozen),
            Kind::Table | Kind::Buffer | Kind::Counter => None,
        }
    }
}
