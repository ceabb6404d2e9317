//! Operations of supervised models made of dfdx's own, on any device that dfdx has: the form that GPUs run.
//!
//! They mean what those of [`ops`](super::ops) mean, whose kernels are for the processor alone; tests hold each to its
//! counterpart on dfdx's processor, values and gradients. What a model is asked and what it learns from comes from the host and
//! goes back to it: a [`Mirror`] takes the parameters over for a pass, the host works out the loss and its slope by the outputs
//! ([`ops::slope_of`](super::ops::slope_of)), and its backward pass brings the gradients back, so that optimizers, clipping,
//! averages and checkpoints are the same wherever a model learns.

mod attention;
mod batch_norm;
mod conv2d;
mod dropout;
mod embedding;
mod gated_gelu;
mod half;
mod layers;
mod map;
mod padded;
mod places;
mod pool;
mod product;
mod rms_norm;
mod scores;
mod tape;

pub(crate) use attention::{Bias, attention, relative_bias};
pub(crate) use batch_norm::{batch_norm, moments, scaled};
pub(crate) use conv2d::conv2d;
pub(crate) use dropout::dropout;
pub(crate) use embedding::embedding;
pub(crate) use gated_gelu::gated_gelu;
pub use half::Compute;
pub(crate) use layers::linear;
pub(crate) use map::Map;
pub(crate) use padded::Padded;
pub use places::Accelerator;
pub(crate) use pool::{average_pool, max_pool};
pub(crate) use rms_norm::rms_norm;
pub(crate) use scores::scores;
pub(crate) use tape::Tape;

use dfdx::prelude::{
    Axis, ChooseFrom as _, HasShape as _, NoneTape, ReshapeTo as _, Shape, SumTo as _, Tensor, TryAdd as _, TryLe as _,
    TryLt as _, TryMatMul as _, TryMul as _,
};
use dfdx::tensor_ops::Device;

use super::{DeviceError, ParameterId, Parameters, Real};

/// Numbers in a row.
pub(crate) type Vector<E, D> = Tensor<(usize,), E, D>;
/// An activation on a device: rows × columns.
pub(crate) type Rows<E, D, T = NoneTape> = Tensor<(usize, usize), E, D, T>;

/// A model's parameters on a device, for one pass.
pub struct Mirror<'a, E: Real, D: Compute<E>> {
    parameters: &'a Parameters<E>,
    accelerator: &'a Accelerator<D>,
    /// None where a parameter is not mirrored.
    tensors: Vec<Option<Vector<E, D>>>,
    read: Vec<Read<E, D>>,
}

/// Rows of a table that stays on the host.
struct Read<E: Real, D: Device<E>> {
    table: ParameterId,
    ids: Vec<u32>,
    rows: Rows<E, D>,
}

impl<'a, E: Real, D: Compute<E>> Mirror<'a, E, D> {
    /// Copies `parameters` to the device.
    ///
    /// # Errors
    /// If the device fails, such as when it has no room.
    pub fn new(parameters: &'a Parameters<E>, accelerator: &'a Accelerator<D>) -> Result<Self, DeviceError> {
        Self::without(&[], parameters, accelerator)
    }

    /// Copies `parameters` but `tables`, of which only the rows that are [`read`](Self::read) follow.
    ///
    /// # Errors
    /// If the device fails, such as when it has no room.
    pub(crate) fn without(
        tables: &[ParameterId],
        parameters: &'a Parameters<E>,
        accelerator: &'a Accelerator<D>,
    ) -> Result<Self, DeviceError> {
        let copy = |id: ParameterId| {
            let values = parameters.get(id).values();
            accelerator.device.try_tensor_from_vec(values.to_vec(), (values.len(),))
        };
        let tensors = parameters.ids().map(|id| (!tables.contains(&id)).then(|| copy(id)).transpose());
        let tensors = tensors.collect::<Result<_, _>>().map_err(DeviceError::new)?;
        Ok(Self { parameters, accelerator, tensors, read: Vec::new() })
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
        self.accelerator
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

    /// Goes back from `outputs`, by which the slope is `slope`, and adds what is learnt from it to `gradients`.
    ///
    /// # Errors
    /// If the device fails.
    pub(crate) fn backward(
        &self,
        outputs: &Rows<E, D>,
        tape: Tape<E, D>,
        slope: Vec<E>,
        gradients: &mut super::Gradients<E>,
    ) -> Result<(), DeviceError> {
        let slope = self.rows(slope, *outputs.shape()).map_err(DeviceError::new)?;
        let slopes = tape.backward(outputs, slope).map_err(DeviceError::new)?;
        for (parameter, tensor) in self.parameters.iter().zip(&self.tensors).filter(|(own, _)| own.is_trained()) {
            let Some(tensor) = tensor else { continue };
            // The entry is there also where no output hangs on the parameter.
            let own = gradients.of(parameter)?;
            let by_it = slopes.of(tensor).map_or(Vec::new(), Tensor::as_vec);
            own.iter_mut().zip(by_it).for_each(|(to, by_it)| *to += by_it);
        }
        for Read { table, ids, rows } in &self.read {
            let by_table = gradients.of(self.parameters.get(*table))?;
            let (by_rows, width) = (slopes.of(rows).map_or(Vec::new(), Tensor::as_vec), rows.shape().1);
            for (id, by_row) in ids.iter().zip(by_rows.chunks_exact(width.max(1))) {
                let to = &mut by_table[*id as usize * width..][..width];
                to.iter_mut().zip(by_row).for_each(|(to, by_it)| *to += *by_it);
            }
        }
        Ok(())
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
    tape.note(&sum, move |slopes, slope| {
        slopes.give(&x, slope.clone())?;
        slopes.give(&y, slope)
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
    tape.note(&y, move |slopes, slope| slopes.give(&x, slope.try_mul(factor)?));
    Ok(y)
}

/// The rectifier. What is no number stays one, so that it is found; dfdx's makes it 0.
fn rectified<E: Real, D: Device<E>>(x: Rows<E, D>) -> Result<Rows<E, D>, D::Err> {
    let zeros = x.device().try_zeros_like(x.shape())?;
    x.clone().try_lt(E::zero())?.try_choose(zeros, x)
}

/// `slope` where the rectifier's output `y` is not 0, and else 0.
fn close<E: Real, D: Device<E>>(slope: Rows<E, D>, y: Rows<E, D>) -> Result<Rows<E, D>, D::Err> {
    let closed = y.device().try_zeros_like(y.shape())?;
    y.try_le(E::zero())?.try_choose(closed, slope)
}
