//! Networks and how they are trained. With `models` the only place that knows dfdx.
//!
//! | file | holds |
//! |---|---|
//! | `kernels` | written once for AVX-512, AVX2 and any other machine: products, sums, convolutions |
//! | `mlp` | the network that agents act and learn with, over one flat buffer |
//! | `network` | what training such a network means: forward, backward, step, target |
//! | `fused`, `stock` | its two forms: one operation on dfdx's CPU tape; dfdx's own operations on any device |
//! | `optimizer`, `scalar_adam` | how its parameters, and single numbers, follow a gradient |
//! | `device`, `gpu` | where to train, and preparing threads |
//! | `tensor_files` | reading any file of safetensors |
//! | `parameters` | of supervised models: named tensors of any shape, and their gradients |
//! | [`ops`] | operations of supervised models on dfdx's tape, one a file, with hand-written backward passes |
//! | [`on_device`] | the same from dfdx's own operations, on any device, and kernels of our own in CUDA: what GPUs run |
//! | [`optim`] | optimizers, learning-rate schedules, averaged weights and loss scaling of supervised models |

mod device;
mod fused;
#[cfg(feature = "cuda")]
mod gpu;
mod network;
mod optimizer;
mod scalar_adam;
mod stock;
mod tensor_files;

mod kernels;
mod mlp;
mod parameters;

pub mod on_device;
pub mod ops;
pub mod optim;

pub use device::{Device, Place, Placement, prepare_thread};
pub use fused::Fused;
pub(crate) use kernels::linear::{Rows, linear, products};
pub(crate) use kernels::matmul::vectorized;
pub use kernels::product::{Matrix, product, set_threads, threads};
pub use kernels::simd::Isa;
pub use mlp::Mlp;
pub use mlp::activation::Activation;
pub use mlp::inputs::{Cnn, Image, Inputs};
pub use mlp::layer::{NamedTensor, TensorMismatch};
pub(crate) use mlp::onnx::Answers;
pub use mlp::passes::Activations;
pub use mlp::weights::{WeightsError, WeightsHeader, read_header, read_weights, weights_bytes, weights_of};
pub use network::{Loss, Net, Network, StepStats, TrainingState, TryLoss};
pub(crate) use optimizer::clip;
pub use optimizer::{Method, Optimizer};
pub use parameters::gradients::Gradients;
pub use parameters::real::Real;
pub use parameters::tensors_differ::TensorsDiffer;
pub use parameters::{Parameter, ParameterId, Parameters};
pub(crate) use scalar_adam::ScalarAdam;
pub use stock::Stock;
pub(crate) use tensor_files::{TensorFiles, Wanted};

/// dfdx, for tests and benchmarks that compare with its own operations.
pub use dfdx::tensor::Cpu;

/// A device that failed: out of memory, lost, or a kernel error.
#[derive(Debug, thiserror::Error)]
#[error("the training device failed: {0}")]
pub struct DeviceError(String);

impl DeviceError {
    pub(crate) fn new(error: impl std::fmt::Debug) -> Self {
        Self(format!("{error:?}"))
    }

    /// What a panic of dfdx said.
    pub(crate) fn panicked(words: &str) -> Self {
        Self(words.to_owned())
    }

    /// Whether it had no room.
    pub fn is_out_of_memory(&self) -> bool {
        ["OUT_OF_MEMORY", "ALLOC_FAILED"].iter().any(|code| self.0.contains(code))
    }

    /// What failed in a model on the device, in its own words.
    pub fn of(error: &dyn std::error::Error) -> Self {
        Self(error.to_string())
    }
}

/// What can go wrong in building or restoring a network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NnError {
    /// The device failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A GPU was asked for from a build without CUDA.
    #[error(
        "device cuda:{number} was asked for, but this build has no CUDA: build with `--features cuda` (docs/cuda.md) or use `--device cpu`"
    )]
    NoCuda {
        /// The GPU's number.
        number: usize,
    },
    /// There is no such GPU.
    #[error("device cuda:{number} was asked for, and there is no such GPU ({reason}): use `--device cpu`")]
    NoGpu {
        /// The GPU's number.
        number: usize,
        /// What the driver says.
        reason: String,
    },
    /// A state of another number of networks.
    #[error(
        "the saved training state has {found} networks where this algorithm trains {expected}: the configuration does not fit the checkpoint"
    )]
    Networks {
        /// How many this algorithm has.
        expected: usize,
        /// How many the state has.
        found: usize,
    },
    /// A state of a network of another size.
    #[error(
        "the saved training state has {found} numbers where this network has {expected}: the configuration's net_arch does not fit the checkpoint"
    )]
    StateSize {
        /// The network's flat length.
        expected: usize,
        /// The state's.
        found: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use cartwheel_envs::Generator;

    /// Fifty steps of both forms from one start on the same batches stay together, as do their targets.
    #[test]
    fn the_fused_form_agrees_with_dfdxs_own_operations() {
        let picture = |side, [planes, depth]: [usize; 2]| Image {
            height: side,
            width: side + 1,
            channels: planes * depth,
            planes,
        };
        let small = Inputs::picture(Cnn::minatar(), picture(4, [1, 2]));
        // As many units as no vector has, so that what is beside them lies where these have padding.
        let own = Cnn { conv_filters: vec![[5, 2, 2], [18, 2, 1]], features_dim: 21 };
        let own = Inputs::picture(own, picture(4, [2, 3]));
        let kinds = [
            (|i, h, o, a| Mlp::new(i, h, o, a)) as fn(Inputs, &[usize], usize, Activation) -> Mlp,
            |i, h, o, a| Mlp::dueling(i, h, o, 1, a),
            |i, h, o, a| Mlp::dueling(i, h, o, 4, a),
            |i, h, o, a| Mlp::gaussian(i, h, o, a),
            |i, h, o, a| Mlp::layer_norm(i, h, o, a),
            |i, h, o, a| Mlp::implicit(i, h, o, [9, 5], a, true),
            |i, h, o, a| Mlp::new(i, h, o, a).remembering(11, 2),
            |i, h, _, a| Mlp::new(i, h, 4, a).state_dependent(true),
            |i, h, _, a| Mlp::gaussian(i, h, 2, a).remembering(11, 2).state_dependent(false),
            |i, h, o, a| Mlp::gaussian(i, h, o, a).with_value_branch(&[10]),
        ];
        // Values are a branch of what sees an image.
        let vectors: Vec<_> = kinds.into_iter().take(9).map(|kind| (kind, Inputs::from(4))).collect();
        let pictures = [
            (kinds[1], own.beside(20)),
            (kinds[4], small.beside(3)),
            (kinds[5], own.beside(5)),
            (kinds[6], own.beside(1)),
            (kinds[7], small.beside(3)),
            (kinds[5], small),
            (kinds[9], own.beside(3)),
        ];
        let nature = (kinds[3], Inputs::picture(Cnn::nature(), picture(36, [2, 1])));
        let kinds = vectors.clone().into_iter().chain(pictures).chain([nature]);
        let methods = [(Activation::Relu, Method::Adam), (Activation::Tanh, Method::RmsProp { alpha: 0.99 })];
        let others =
            [Activation::Elu, Activation::LeakyRelu].map(|activation| (vectors[0].clone(), (activation, Method::Adam)));
        let kinds = kinds.flat_map(|kind| methods.map(|method| (kind.clone(), method))).chain(others);
        for ((kind, inputs), (activation, method)) in kinds {
            let is_nature = inputs.cnn() == Some(&Cnn::nature());
            let mlp = kind(inputs, &[48, 20], 3, activation);
            // A last bit may decide on which side of a ReLU's kink a number is.
            let few = is_nature || mlp.has_value_branch();
            // Through memories small differences grow from step to step.
            let few = few || mlp.memory_len() > 0;
            let (width, steps) = (mlp.inputs(), if few { 4 } else { 50 });
            let mut rng = Generator::new(5);
            let state = TrainingState::new(mlp.init(&mut rng));
            let mut fused = Fused::new(mlp.clone(), &state).expect("a state of this size");
            let mut stock = Stock::new(mlp.clone(), Cpu::default(), &state).expect("a state of this size");
            let optimizer = Optimizer { method, learning_rate: 1e-3, eps: 1e-5, max_grad_norm: 0.5 };
            let (batch, stride, of_values) = (32, mlp.output_stride(), mlp.value_stride());
            for number in 0..steps {
                let mut x: Vec<f32> = (0..batch * width).map(|_| rng.uniform(-1.0, 1.0) as f32).collect();
                for length in [5, 1, 17, 9].into_iter().filter(|_| mlp.memory_len() > 0) {
                    x.push(length as f32);
                    x.extend((0..mlp.memory_len()).map(|_| rng.uniform(-1.0, 1.0) as f32));
                }
                let goals: Vec<f32> = (0..batch).map(|_| rng.uniform(-2.0, 2.0) as f32).collect();
                let mut loss = |y: &[f32], grad: &mut [f32]| {
                    let mut sum = 0.0;
                    for (b, goal) in goals.iter().enumerate() {
                        let value = (of_values > 0).then_some(batch * stride + b * of_values);
                        for at in [b * stride + b % 3].into_iter().chain(value) {
                            let error = y[at] - goal;
                            grad[at] = 2.0 * error / batch as f32;
                            sum += error * error / batch as f32;
                        }
                    }
                    sum
                };
                fused.measure_gradient();
                stock.measure_gradient();
                let a = fused.step(&x, batch, &optimizer, &mut loss).expect("the processor works");
                let b = stock.step(&x, batch, &optimizer, &mut loss).expect("the processor works");
                assert!((a.loss - b.loss).abs() < 1e-4 * b.loss.max(1.0), "{a:?} {b:?}");
                assert!((a.grad_norm - b.grad_norm).abs() < 1e-3 * b.grad_norm.max(1.0), "{a:?} {b:?}");
                let memories = [fused.memories(), stock.memories()];
                assert!(memories.iter().all(|memories| memories.len() == batch * mlp.memory_len()));
                let differences = memories[0].iter().zip(memories[1]).map(|(a, b)| (a - b).abs());
                let worst = differences.fold(0.0, f32::max);
                assert!(worst < 1e-4, "{activation}: memories differ by {worst}");
                let norms = fused.gradient_norms().iter().zip(stock.gradient_norms());
                for (name, (a, b)) in mlp.names().iter().zip(norms).filter(|_| number == 0) {
                    assert!((a - b).abs() < 1e-3 * b.max(1e-3), "{activation}: {name}: {a} for {b}");
                }
                for (norms, whole) in [(fused.gradient_norms(), a.grad_norm), (stock.gradient_norms(), b.grad_norm)] {
                    let square: f32 = norms.iter().map(|norm| norm * norm).sum();
                    assert_eq!(norms.len(), mlp.names().len());
                    assert!((square.sqrt() - whole).abs() < 1e-4 * whole, "{norms:?} are not of {whole}");
                }
                let grad: Vec<f32> = (0..batch * (stride + of_values)).map(|_| rng.uniform(-1.0, 1.0) as f32).collect();
                for net in [Net::Online, Net::Target] {
                    fused.forward(net, &x, batch).expect("the processor works");
                    let a =
                        fused.input_gradient(net, &x, batch, &grad, 1..width).expect("the processor works").to_vec();
                    let b = stock.input_gradient(net, &x, batch, &grad, 1..width).expect("the processor works");
                    assert_eq!((a.len(), b.len()), ((width - 1) * batch, (width - 1) * batch));
                    let far = a.iter().zip(b).position(|(a, b)| (a - b).abs() >= 1e-3 * b.abs().max(1.0));
                    assert!(
                        far.is_none(),
                        "{activation}: step {number}, {net:?}, number {far:?} of {width}: {:?}",
                        far.map(|at| (a[at], b[at]))
                    );
                }
                fused.update_target(0.05).expect("the processor works");
                stock.update_target(0.05).expect("the processor works");
            }
            let (a, b) = (fused.state().expect("on the host"), stock.state().expect("on the host"));
            for (name, a, b) in [
                ("online", &a.online, &b.online),
                ("target", &a.target, &b.target),
                ("first moment", &a.first_moment, &b.first_moment),
                ("second moment", &a.second_moment, &b.second_moment),
            ] {
                let worst = a.iter().zip(b.iter()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst < 2e-4, "{activation}: {name} drifted by {worst}");
            }
            assert!(
                a.online.iter().zip(&state.online).any(|(a, b)| (a - b).abs() > 2e-4 * steps as f32),
                "nothing was learnt"
            );
        }
    }

    /// A restored network goes on bit for bit.
    #[test]
    fn a_restored_network_goes_on_as_if_it_had_not_stopped() {
        let mlp = Mlp::new(2, &[16], 2, Activation::Relu);
        let mut rng = Generator::new(9);
        let mut whole = Fused::new(mlp.clone(), &TrainingState::new(mlp.init(&mut rng))).expect("a fitting state");
        let optimizer = Optimizer { method: Method::Adam, learning_rate: 1e-2, eps: 1e-8, max_grad_norm: 10.0 };
        let x: Vec<f32> = (0..16).map(|_| rng.uniform(-1.0, 1.0) as f32).collect();
        let mut loss = |y: &[f32], grad: &mut [f32]| {
            grad.iter_mut().zip(y).for_each(|(s, y)| *s = *y - 1.0);
            0.0
        };
        let mut step = |network: &mut Fused| network.step(&x, 8, &optimizer, &mut loss).expect("the processor works");
        for _ in 0..5 {
            step(&mut whole);
        }
        let mut resumed = Fused::new(mlp, &whole.state().expect("on the host")).expect("a fitting state");
        for _ in 0..5 {
            assert_eq!(step(&mut whole), step(&mut resumed));
        }
        assert_eq!(whole.state().expect("on the host"), resumed.state().expect("on the host"));
    }
}
