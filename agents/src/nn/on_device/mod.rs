//! Operations of supervised models made of dfdx's own, on any device that dfdx has: the form that GPUs run.
//!
//! They mean what those of [`ops`](super::ops) mean, whose kernels are for the processor alone; tests hold each to its
//! counterpart on dfdx's processor, values and gradients. What a model is asked and what it learns from comes from the host and
//! goes back to it, and the host works out the loss and its gradient by the outputs ([`ops::grad_of`](super::ops::grad_of)). What
//! is learnt stays on the device from one step to the next, in few rows ([`Parameters::send_to`]): a [`Mirror`] cuts the
//! parameters out of them for a pass, and its backward pass leaves gradients in such rows, down which optimizers step there.
//!
//! On NVIDIA GPUs, in f32, those that cost the most are kernels of our own (`kernels`); the forms here stay what these are held to.

mod attention;
mod batch_norm;
mod conv2d;
mod cross_entropy;
mod dropout;
mod embedding;
mod gated_gelu;
mod half;
mod kernels;
mod layers;
mod map;
mod padded;
mod places;
mod pool;
mod product;
mod rms_norm;
mod row;
mod scores;
mod tape;

pub(crate) use attention::{Bias, attention, relative_bias};
pub(crate) use batch_norm::{batch_norm, moments, scaled};
pub(crate) use conv2d::conv2d;
pub(crate) use cross_entropy::{Judged, cross_entropy};
pub(crate) use dropout::dropout;
pub(crate) use embedding::embedding;
pub(crate) use gated_gelu::gated_gelu;
pub use half::Compute;
pub use kernels::Launch;
#[cfg(feature = "cuda")]
pub(super) use kernels::{ACROSS, ROWS};
pub(super) use kernels::{adam, compute, sgd};
pub(crate) use layers::linear;
pub(crate) use map::Map;
pub(crate) use padded::Padded;
pub use places::Accelerator;
use places::attempt;
pub(crate) use pool::{average_pool, max_pool};
pub(crate) use rms_norm::rms_norm;
pub(super) use row::uploaded;
pub(crate) use scores::scores;
use tape::Grads;
pub(crate) use tape::Tape;

use std::sync::Arc;

use dfdx::prelude::{
    Axes2, Axis, BroadcastTo as _, ChooseFrom as _, HasShape as _, NoneTape, Rank0, ReshapeTo as _, Shape, SumTo as _,
    Tensor, TryAdd as _, TryLe as _, TryLt as _, TryMatMul as _, TryMul as _,
};
use dfdx::tensor_ops::Device;

use super::ops::WayBack;
use super::parameters::Group;
use super::parameters::gradients::There;
use super::parameters::numbers::{Row, row_of};
use super::{DeviceError, ParameterId, Parameters, Real};
use half::rounded;
use row::{DeviceRow, joined};

/// Numbers in a row.
pub(crate) type Vector<E, D> = Tensor<(usize,), E, D>;
/// An activation on a device: rows × columns.
pub(crate) type Rows<E, D, T = NoneTape> = Tensor<(usize, usize), E, D, T>;

/// A model's parameters on a device, for one pass.
pub struct Mirror<E: Real, D: Compute<E>> {
    parameters: Parameters<E>,
    accelerator: Accelerator<D>,
    /// None where a parameter stays on the host.
    tensors: Vec<Option<Vector<E, D>>>,
    read: Vec<Read<E, D>>,
}

/// Rows of a table that stays on the host.
struct Read<E: Real, D: Device<E>> {
    table: ParameterId,
    ids: Vec<u32>,
    rows: Rows<E, D>,
}

impl<E: Real, D: Compute<E>> Mirror<E, D> {
    /// `parameters` on the device, but for tables, buffers and counters: what is not there yet is copied for this pass.
    ///
    /// # Errors
    /// If the device fails, such as when it has no room.
    pub fn new(parameters: Parameters<E>, accelerator: &Accelerator<D>) -> Result<Self, DeviceError> {
        let mut tensors: Vec<_> = parameters.iter().map(|_| None).collect();
        for group in Group::ALL {
            let places = parameters.places(group);
            if places.is_empty() {
                continue;
            }
            let row = match row_of(parameters.numbers(&places)) {
                Some(row) => row,
                None => uploaded(parameters.numbers(&places), accelerator)?,
            };
            let whole = DeviceRow::<E, D>::of(row.as_ref());
            if kernels::compute::<E, D>() {
                let parts = parameters.numbers(&places).zip(&places);
                let parts: Vec<_> = parts.map(|(own, place)| (own.len(), parameters.at(*place).is_half())).collect();
                let cut = kernels::cut(whole, &parts).map_err(DeviceError::new)?;
                places.into_iter().zip(cut).for_each(|(place, own)| tensors[place] = Some(own));
                continue;
            }
            let mut at = 0;
            for place in places {
                let parameter = parameters.at(place);
                let own = whole.clone().try_slice((at..at + parameter.len(),));
                let own = own.and_then(|own| rounded(own, parameter.is_half())).map_err(DeviceError::new)?;
                tensors[place] = Some(own);
                at += parameter.len();
            }
        }
        Ok(Self { parameters, accelerator: accelerator.clone(), tensors, read: Vec::new() })
    }

    /// The rows `ids` of a table that stays on the host: [`backward`](Self::backward) brings the gradient by them back to it.
    ///
    /// # Panics
    /// If the table has no such row.
    pub(crate) fn read(&mut self, table: ParameterId, ids: &[u32]) -> Result<Rows<E, D>, D::Err> {
        let values = self.parameters.get(table);
        let &[_, width] = values.shape() else { panic!("a table has two axes") };
        let rows = ids.iter().flat_map(|id| &values.values()[*id as usize * width..][..width]);
        let rows = self.rows(rows.copied().collect(), (ids.len(), width))?;
        self.read.push(Read { table, ids: ids.to_vec(), rows: rows.clone() });
        Ok(rows)
    }

    /// Where it is.
    pub(crate) fn accelerator(&self) -> &Accelerator<D> {
        &self.accelerator
    }

    /// The shape of a parameter.
    pub(crate) fn shape(&self, id: ParameterId) -> &[usize] {
        self.parameters.get(id).shape()
    }

    /// Whether a parameter is f16: see [`Parameters::to_half`].
    pub(crate) fn is_half(&self, id: ParameterId) -> bool {
        self.parameters.get(id).is_half()
    }

    /// The numbers of a parameter, row-major.
    ///
    /// # Panics
    /// If it stayed on the host.
    pub(crate) fn get(&self, id: ParameterId) -> &Vector<E, D> {
        self.tensors[id.place()].as_ref().expect("a parameter that was mirrored")
    }

    /// A parameter of two axes.
    ///
    /// # Panics
    /// If it has another number of axes.
    pub(crate) fn matrix(&self, id: ParameterId) -> Result<Rows<E, D>, D::Err> {
        let &[rows, columns] = self.shape(id) else { panic!("a matrix has two axes") };
        self.get(id).clone().try_reshape_like(&(rows, columns))
    }

    /// Numbers of the host on the device.
    pub(crate) fn rows(&self, values: Vec<E>, shape: (usize, usize)) -> Result<Rows<E, D>, D::Err> {
        self.accelerator.device.try_tensor_from_vec(values, shape)
    }

    /// Which of `rows` rows of a parameter are read.
    ///
    /// # Panics
    /// If it has no such row.
    fn places<S: Shape>(&self, places: Vec<usize>, shape: S, rows: usize) -> Result<Tensor<S, usize, D>, D::Err> {
        // A kernel that is asked for another row stops the device, or reads what is not meant.
        assert!(places.iter().all(|place| *place < rows), "a table has the rows that are read");
        self.accelerator.device.try_tensor_from_vec(places, shape)
    }

    /// An empty tape, on which gradients are wanted by parameters that are trained, and by the rows that were read.
    pub(crate) fn tape(&self) -> Tape<E, D> {
        let mut tape = Tape::new();
        let trained = self.parameters.iter().zip(&self.tensors).filter(|(own, _)| own.is_trained());
        trained.filter_map(|(_, tensor)| tensor.as_ref()).for_each(|tensor| tape.want(tensor));
        self.read.iter().for_each(|read| tape.want(&read.rows));
        tape
    }

    /// The way back from `outputs`, which the pass from `inputs` that `tape` knows of came to. It answers the gradient by `inputs`, if
    /// that is wanted.
    pub(crate) fn way_back(self, inputs: Rows<E, D>, outputs: Rows<E, D>, tape: Tape<E, D>) -> WayBack<E> {
        Box::new(move |grad, gradients| {
            attempt(|| {
                let grad = self.rows(grad, *outputs.shape()).map_err(DeviceError::new)?;
                let grads = self.backward(&outputs, tape, grad, gradients)?;
                Ok(grads.of(&inputs).map_or_else(Vec::new, Tensor::as_vec))
            })
        })
    }

    /// Goes back from `outputs`, by which the gradient is `grad`, and adds what is learnt from it to `gradients`.
    ///
    /// # Errors
    /// If the device fails.
    pub(crate) fn backward(
        &self,
        outputs: &Rows<E, D>,
        tape: Tape<E, D>,
        grad: Rows<E, D>,
        gradients: &mut super::Gradients<E>,
    ) -> Result<Grads<E, D>, DeviceError> {
        let grads = tape.backward(outputs, grad).map_err(DeviceError::new)?;
        for group in [Group::Matrices, Group::Vectors] {
            let before = gradients.take_there(group);
            let places = self.parameters.places(group);
            if !places.is_empty() {
                let row = self.grads_of(&places, &grads, before).map_err(DeviceError::new)?;
                gradients.put_there(There { group, places, row });
            }
        }
        for Read { table, ids, rows } in &self.read {
            let by_table = gradients.of(self.parameters.get(*table))?;
            let (by_rows, width) = (grads.of(rows).map_or(Vec::new(), Tensor::as_vec), rows.shape().1);
            for (id, by_row) in ids.iter().zip(by_rows.chunks_exact(width.max(1))) {
                let to = &mut by_table[*id as usize * width..][..width];
                to.iter_mut().zip(by_row).for_each(|(to, by_it)| *to += *by_it);
            }
        }
        Ok(grads)
    }

    /// The gradients by the parameters at `places` in a row: what they were `before` and what is in `grads`.
    fn grads_of(
        &self,
        places: &[usize],
        grads: &Grads<E, D>,
        before: Option<There<E>>,
    ) -> Result<Arc<dyn Row<E>>, D::Err> {
        let before = before.as_ref().map(|before| DeviceRow::<E, D>::of(before.row.as_ref()));
        let (mut parts, mut at) = (Vec::with_capacity(places.len()), 0);
        for place in places {
            let (parameter, tensor) = (self.parameters.at(*place), self.tensors[*place].as_ref());
            let own = tensor.and_then(|tensor| grads.of(tensor)).cloned();
            let before = before.map(|before| before.clone().try_slice((at..at + parameter.len(),))).transpose()?;
            let sum = match (own, before) {
                (Some(own), Some(before)) => own.try_add(before)?,
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => self.accelerator.device.try_zeros_like(&(parameter.len(),))?,
            };
            parts.push((sum, parameter.is_half()));
            at += parameter.len();
        }
        if kernels::compute::<E, D>() {
            return Ok(DeviceRow::row(kernels::joined(&parts)?));
        }
        let parts = parts.into_iter().map(|(sum, half)| rounded(sum, half)).collect::<Result<_, _>>()?;
        Ok(DeviceRow::row(joined(parts)?))
    }
}

/// The sum of each column.
///
/// dfdx adds up columns in steps from row to row, which GPUs read slowly; a product with ones reads rows. Rows beside one another
/// make it wider, and each sum shorter.
fn column_sums<E: Real, D: Device<E>>(x: Rows<E, D>) -> Result<Vector<E, D>, D::Err> {
    let (rows, columns) = *x.shape();
    let beside = 1 << rows.trailing_zeros().min(6);
    if rows == 0 {
        return x.device().try_zeros_like(&(columns,));
    }
    let ones: Rows<E, D> = x.device().try_ones_like(&(1, rows / beside))?;
    let sums = ones.try_matmul(x.try_reshape_like(&(rows / beside, beside * columns))?)?;
    sums.try_reshape_like(&(beside, columns))?.try_sum::<_, Axis<0>>()
}

/// The sum of two, such as of a layer and what goes around it.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If they are not of one shape.
pub(crate) fn sum<E: Real, D: Device<E>>(
    x: &Rows<E, D>,
    y: &Rows<E, D>,
    tape: &mut Tape<E, D>,
) -> Result<Rows<E, D>, D::Err> {
    let sum = x.clone().try_add(y.clone())?;
    let (x, y) = (x.clone(), y.clone());
    tape.note(&sum, move |grads, grad| {
        grads.give(&x, grad.clone())?;
        grads.give(&y, grad)
    });
    Ok(sum)
}

/// Rows times a number.
///
/// # Errors
/// If the device fails.
pub(crate) fn times<E: Real, D: Device<E>>(
    x: &Rows<E, D>,
    factor: E,
    tape: &mut Tape<E, D>,
) -> Result<Rows<E, D>, D::Err> {
    let y = x.clone().try_mul(factor)?;
    let x = x.clone();
    tape.note(&y, move |grads, grad| grads.give(&x, grad.try_mul(factor)?));
    Ok(y)
}

/// The rectifier. What is no number stays one, so that it is found; dfdx's makes it 0.
fn rectified<E: Real, D: Device<E>>(x: Rows<E, D>) -> Result<Rows<E, D>, D::Err> {
    x.clone().try_lt(E::zero())?.try_choose(zeros(&x)?, x)
}

/// `grad` where the rectifier's output `y` is not 0, and else 0.
fn close<E: Real, D: Device<E>>(grad: Rows<E, D>, y: Rows<E, D>) -> Result<Rows<E, D>, D::Err> {
    y.clone().try_le(E::zero())?.try_choose(zeros(&y)?, grad)
}

/// As many zeros as `x` has numbers, all in one place.
fn zeros<E: Real, D: Device<E>>(x: &Rows<E, D>) -> Result<Rows<E, D>, D::Err> {
    let zero: Tensor<Rank0, E, D> = x.device().try_zeros()?;
    zero.try_broadcast_like::<_, Axes2<0, 1>>(x.shape())
}
