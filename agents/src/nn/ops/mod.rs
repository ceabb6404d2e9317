//! Operations of supervised models on dfdx's tape, one a file, each with a hand-written backward pass.
//!
//! Activations are dfdx tensors of rows and columns, `Tensor<(usize, usize), E, Cpu, T>`. An operation takes an activation with
//! its tape and the [`Parameter`](super::Parameter)s that it uses, and hands the tape on. Images, and what convolutions make of
//! them, are NHWC in a [`Map`], which operations share instead of copying it, and come with the tape beside them.
//!
//! ```
//! use cartwheel_agents::nn::{Gradients, Parameters, ops};
//!
//! let mut parameters = Parameters::<f32>::default();
//! let weight = parameters.add("weight", &[2, 3], vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
//! let mut gradients = Gradients::new(&parameters);
//! let x = gradients.trace(parameters.device(), vec![1.0, 2.0, 3.0], (1, 3));
//! let logits = ops::linear(x, parameters.get(weight), None, ops::Then::Nothing)?;
//! let loss = ops::softmax_cross_entropy(logits, ops::Targets::Classes(&[1]), 0.0, 1.0)?;
//! gradients.backward(loss)?;
//! assert_eq!(gradients.of(parameters.get(weight))?.len(), 6);
//! # Ok::<(), cartwheel_agents::nn::DeviceError>(())
//! ```

mod attention;
mod batch_norm;
mod conv2d;
mod cross_entropy;
mod dropout;
mod embedding;
mod gated_gelu;
mod linear;
mod map;
mod pool;
mod ranking;
mod relu;
mod rms_norm;
mod scores;
mod stage;
mod sum;

pub use attention::{AttentionDropout, RelativeBias, Spans, attention};
pub use batch_norm::{EPS, Moments, batch_norm, folded, scale_and_shift};
pub use conv2d::{FoldedConv, Window, conv2d};
pub use cross_entropy::{IGNORED, Targets, softmax, softmax_cross_entropy};
pub use dropout::{Dropout, dropout, key};
pub use embedding::embedding;
pub use gated_gelu::gated_gelu;
pub use linear::{Then, branches, input_linear, linear};
pub use map::Map;
pub use pool::{average_pool, max_pool};
pub(crate) use ranking::replaced;
pub use ranking::{Against, ranking, squared_error};
pub use relu::relu;
pub use rms_norm::rms_norm;
pub use scores::{Pairs, scores};
pub use stage::WayBack;
pub(crate) use stage::{Output, Passing};
pub use sum::{add, scale};

use dfdx::prelude::{
    AsArray as _, Cpu, CpuError, Gradients, HasShape as _, OwnedTape, Rank0, Shape, Storage, Tensor, TensorFromVec as _,
};

use super::parameters::real::Real;
use super::{DeviceError, Parameters};

/// An activation: rows × columns.
pub type Rows<E, T> = Tensor<(usize, usize), E, Cpu, T>;

/// A copy of what is in `tensor`, which dfdx does not lend out.
pub fn values<E: Real, S: Shape, T>(tensor: &Tensor<S, E, Cpu, T>) -> Vec<E> {
    let mut values = vec![E::zero(); tensor.shape().num_elements()];
    tensor.copy_into(&mut values);
    values
}

/// What `loss` of the rows `values` comes to, and the gradient by them: for rows that were worked out elsewhere, as on a GPU.
///
/// # Errors
/// If there is no memory for it.
pub fn grad_of<E: Real>(
    values: Vec<E>,
    shape: (usize, usize),
    loss: impl FnOnce(Rows<E, OwnedTape<E, Cpu>>) -> Result<Tensor<Rank0, E, Cpu, OwnedTape<E, Cpu>>, DeviceError>,
) -> Result<(E, Vec<E>), DeviceError> {
    let rows = Cpu::default().tensor_from_vec(values, shape);
    let mut gradients = super::Gradients::new(&Parameters::default());
    let loss = loss(gradients.trace_with_grad(rows.clone()))?;
    let value = loss.array();
    gradients.backward(loss)?;
    let grad = gradients.grad(&rows).map_err(DeviceError::new)?.to_vec();
    Ok((value, grad))
}

/// Takes the gradient of `tensor` out without copying it: nothing else asks for it once its operation runs backward.
pub(super) fn take_gradient<E: Real, S: Shape>(
    gradients: &mut Gradients<E, Cpu>,
    tensor: &Tensor<S, E, Cpu>,
) -> Result<<Cpu as Storage<E>>::Vec, CpuError> {
    let nothing = Storage::<E>::try_alloc_len(tensor.device(), 0)?;
    Ok(std::mem::replace(gradients.get_or_alloc_mut(tensor)?, nothing))
}

#[cfg(test)]
pub(crate) mod testing {
    use cartwheel_envs::Generator;
    use dfdx::prelude::{AsArray as _, Cpu, OwnedTape, Rank0, Tape, Tensor, TensorFromVec as _};

    use super::{Map, Rows, values};
    use crate::nn::{Gradients, Parameters};

    /// A graph from an activation to a scalar.
    pub(crate) type Graph<'a> =
        &'a dyn Fn(&Parameters<f64>, Rows<f64, OwnedTape<f64, Cpu>>) -> Tensor<Rank0, f64, Cpu, OwnedTape<f64, Cpu>>;

    /// `count` numbers from -1 to 1.
    pub(crate) fn random(rng: &mut Generator, count: usize) -> Vec<f64> {
        (0..count).map(|_| rng.uniform(-1.0, 1.0)).collect()
    }

    /// Rows as a map whose gradient is handed back to them.
    pub(crate) fn map<T: Tape<f64, Cpu>>(
        x: &Tensor<(usize, usize), f64, Cpu>,
        shape: [usize; 4],
        tape: &mut T,
    ) -> Map<f64> {
        let map = Map::made(values(x), shape, false);
        let (x, key) = (x.clone(), map.without_values());
        tape.add_backward_op(move |gradients| {
            let grad = key.take_gradient(gradients)?;
            gradients.get_or_alloc_mut(&x)?.iter_mut().zip(grad).for_each(|(to, grad)| *to += grad);
            Ok(())
        });
        map
    }

    /// Holds the gradients of `graph` by each parameter and by its input to central differences, in f64.
    #[track_caller]
    pub(crate) fn check_gradients(
        parameters: &mut Parameters<f64>,
        x: &[f64],
        shape: (usize, usize),
        graph: Graph<'_>,
    ) {
        let close = |name: &str, at: usize, got: f64, expected: f64| {
            assert!(
                (got - expected).abs() < 1e-6 * expected.abs().max(1.0),
                "{name}[{at}]: {got}, by differences {expected}"
            );
        };
        let value = |parameters: &Parameters<f64>, x: &[f64]| {
            let x = Cpu::default().tensor_from_vec(x.to_vec(), shape);
            graph(parameters, Gradients::new(parameters).trace_with_grad(x)).array()
        };
        let mut gradients = Gradients::new(parameters);
        let input = Cpu::default().tensor_from_vec(x.to_vec(), shape);
        let loss = graph(parameters, gradients.trace_with_grad(input.clone()));
        gradients.backward(loss).expect("the processor works");
        let by_input = gradients.grad(&input).expect("memory").to_vec();
        let step = 1e-6;
        for at in 0..x.len() {
            let moved = |by: f64| {
                let mut x = x.to_vec();
                x[at] += by;
                value(parameters, &x)
            };
            close("input", at, by_input[at], (moved(step) - moved(-step)) / (2.0 * step));
        }
        let found: Vec<(String, Vec<f64>)> = parameters
            .iter()
            .filter(|parameter| parameter.is_trained())
            .map(|parameter| (parameter.name().to_owned(), gradients.of(parameter).expect("memory").to_vec()))
            .collect();
        for (name, gradient) in found {
            for (at, got) in gradient.iter().enumerate() {
                let mut moved = |by: f64| {
                    let parameter = parameters.iter_mut().find(|parameter| parameter.name() == name);
                    parameter.expect("it was there").values_mut()[at] += by;
                    value(parameters, x)
                };
                let above = moved(step);
                let below = moved(-2.0 * step);
                moved(step);
                close(&name, at, *got, (above - below) / (2.0 * step));
            }
        }
    }
}
