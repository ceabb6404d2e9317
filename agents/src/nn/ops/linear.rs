//! The linear layer.

use std::sync::Arc;

use dfdx::prelude::{Cpu, CpuError, HasShape as _, PutTape as _, SplitTape as _, Tape, Tensor, TensorFromVec as _};

use super::relu::{close, rectify};
use super::{Rows, take_gradient, values};
use crate::nn::kernels::matmul::vectorized;
use crate::nn::kernels::product::{Matrix, WORTH_THREADS, product};
use crate::nn::parameters::gradients::buffer;
use crate::nn::{DeviceError, Isa, Parameter, Real};

/// Rows that are multiplied with weights where these lie, on this thread, as long as more threads would not pay. To turn and pack the weights, as for more rows, takes longer than such a
/// product: on batches of 16 it was a third of a training step of the MLP 784-512-256-10.
const FEW_ROWS: usize = 64;

/// What follows a layer within the same operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing.
    Nothing,
    /// The rectifier.
    Relu,
}

/// `x · Wᵀ + b`, of rows × inputs to rows × outputs, with PyTorch's weight of `[outputs, inputs]`. With a weight of f16 so are what
/// goes in, what comes out and the gradient by it; sums are wider.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the sizes do not fit.
pub fn linear<E: Real, T: Tape<E, Cpu>>(
    x: Rows<E, T>,
    weight: &Parameter<E>,
    bias: Option<&Parameter<E>>,
    then: Then,
) -> Result<Rows<E, T>, DeviceError> {
    let (x, tape) = x.split_tape();
    let data = Arc::new(values(&x));
    layer(data, Some(x), tape, weight, bias, then)
}

/// [`linear`] on data, such as the first layer's: with no gradient by it, which would cost as much as that by the weights.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the sizes do not fit.
pub fn input_linear<E: Real, T: Tape<E, Cpu>>(
    data: Arc<Vec<E>>,
    tape: T,
    weight: &Parameter<E>,
    bias: Option<&Parameter<E>>,
    then: Then,
) -> Result<Rows<E, T>, DeviceError> {
    layer(data, None, tape, weight, bias, then)
}

/// One input through several matrices, without biases: such as queries, keys and values. What comes out has no tape; the tape
/// that knows of them all is beside them.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the sizes do not fit.
#[allow(clippy::type_complexity, reason = "an array of activations and the tape")]
pub fn branches<E: Real, T: Tape<E, Cpu>, const N: usize>(
    x: Rows<E, T>,
    weights: [&Parameter<E>; N],
) -> Result<([Tensor<(usize, usize), E, Cpu>; N], T), DeviceError> {
    let (x, mut tape) = x.split_tape();
    let data = Arc::new(values(&x));
    let mut outputs = [(); N].map(|()| x.clone());
    for (output, weight) in outputs.iter_mut().zip(weights) {
        let y = layer(data.clone(), Some(x.clone()), tape, weight, None, Then::Nothing)?;
        (*output, tape) = y.split_tape();
    }
    Ok((outputs, tape))
}

fn layer<E: Real, T: Tape<E, Cpu>>(
    mut data: Arc<Vec<E>>,
    x: Option<Tensor<(usize, usize), E, Cpu>>,
    mut tape: T,
    weight: &Parameter<E>,
    bias: Option<&Parameter<E>>,
    then: Then,
) -> Result<Rows<E, T>, DeviceError> {
    let &[outputs, inputs] = weight.shape() else { panic!("{} has shape {:?}", weight.name(), weight.shape()) };
    let (rows, half) = (data.len() / inputs, weight.is_half());
    if half {
        E::round_to_half(Arc::make_mut(&mut data).as_mut_slice());
    }
    assert!(x.as_ref().is_none_or(|x| x.shape().1 == inputs), "{} takes rows of {inputs}", weight.name());
    let mut y = vec![E::zero(); rows * outputs];
    let small = rows <= FEW_ROWS && y.len().saturating_mul(inputs) < WORTH_THREADS;
    if !small || !E::products_of_rows(&data, weight.values(), inputs, &mut y) {
        let a = Matrix::new(&data, rows, inputs);
        product(a, Matrix::new(weight.values(), outputs, inputs).transposed(), &mut y, false);
    }
    if let Some(bias) = bias {
        add_to_rows(Isa::detect(), bias.values(), &mut y);
    }
    if half {
        E::round_to_half(&mut y);
    }
    if then == Then::Relu {
        rectify(Isa::detect(), &mut y);
    }
    let y = weight.key.device().tensor_from_vec(y, (rows, outputs));
    if T::OWNS_TAPE {
        let (out, weight, bias) = (y.clone(), weight.clone(), bias.cloned());
        tape.add_backward_op(move |gradients| {
            let mut grad = take_gradient(gradients, &out)?;
            if half {
                E::round_to_half(&mut grad);
            }
            if then == Then::Relu {
                close(Isa::detect(), &mut grad, &values(&out));
            }
            let by_output = Matrix::new(&grad, rows, outputs);
            if weight.is_trained() {
                product(by_output.transposed(), Matrix::new(&data, rows, inputs), buffer(gradients, &weight)?, true);
            }
            if let Some(bias) = bias.as_ref().filter(|bias| bias.is_trained()) {
                add_column_sums(Isa::detect(), &grad, buffer(gradients, bias)?);
            }
            if let Some(x) = &x {
                let by_input = gradients.get_or_alloc_mut(x)?;
                product(by_output, Matrix::new(weight.values(), outputs, inputs), by_input, true);
            }
            Ok::<_, CpuError>(())
        });
    }
    Ok(y.put_tape(tape))
}

vectorized! {
    /// Adds `bias` to each row.
    fn add_to_rows<E: Real>(bias: &[E], rows: &mut [E]) {
        for row in rows.chunks_exact_mut(bias.len()) {
            row.iter_mut().zip(bias).for_each(|(y, bias)| *y += *bias);
        }
    }
}

vectorized! {
    /// Adds the sum over the rows of `matrix` to `sums`.
    fn add_column_sums<E: Real>(matrix: &[E], sums: &mut [E]) {
        for row in matrix.chunks_exact(sums.len()) {
            for (sum, x) in sums.iter_mut().zip(row) {
                *sum += *x;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cartwheel_envs::Generator;
    use dfdx::prelude::NoneTape;

    use super::*;
    use crate::nn::ops::{Targets, softmax_cross_entropy, testing};
    use crate::nn::{Gradients, Parameters};

    fn model(rng: &mut Generator) -> Parameters<f64> {
        let mut parameters = Parameters::default();
        parameters.add("0.weight", &[4, 3], testing::random(rng, 12));
        parameters.add("0.bias", &[4], testing::random(rng, 4));
        parameters.add("2.weight", &[2, 4], testing::random(rng, 8));
        parameters
    }

    #[test]
    fn gradients_are_those_of_differences() {
        let mut rng = Generator::new(1);
        let mut parameters = model(&mut rng);
        let x = testing::random(&mut rng, 15);
        for then in [Then::Nothing, Then::Relu] {
            testing::check_gradients(&mut parameters, &x, (5, 3), &|parameters, x| {
                let of = |name| parameters.named(name).expect("a parameter");
                let hidden = linear(x, of("0.weight"), Some(of("0.bias")), then).expect("the processor works");
                let logits = linear(hidden, of("2.weight"), None, Then::Nothing).expect("the processor works");
                softmax_cross_entropy(logits, Targets::Classes(&[0, 1, 1, 0, 1]), 0.1, 5.0)
                    .expect("the processor works")
            });
        }
    }

    #[test]
    fn a_first_layer_gives_the_same_but_for_the_gradient_by_its_data() {
        let mut rng = Generator::new(2);
        let parameters = model(&mut rng);
        let x = testing::random(&mut rng, 6);
        let (weight, bias) = (parameters.named("0.weight").expect("it is"), parameters.named("0.bias"));
        let [as_data, as_activation] = [true, false].map(|as_data| {
            let mut gradients = Gradients::new(&parameters);
            let y = if as_data {
                input_linear(Arc::new(x.clone()), gradients.tape(parameters.device()), weight, bias, Then::Relu)
            } else {
                linear(gradients.trace(parameters.device(), x.clone(), (2, 3)), weight, bias, Then::Relu)
            };
            let loss = softmax_cross_entropy(y.expect("works"), Targets::Classes(&[3, 0]), 0.0, 2.0).expect("works");
            gradients.backward(loss).expect("works");
            gradients.of(weight).expect("memory").to_vec()
        });
        assert_eq!(as_data, as_activation);
        let y = input_linear(Arc::new(x), NoneTape, weight, bias, Then::Relu).expect("works");
        assert_eq!(*y.shape(), (2, 4));
    }

    /// A row's answer is the same, to rounding, however many come with it, and bias and rectifier follow both products.
    #[test]
    fn few_rows_and_many_come_to_the_same() {
        let mut rng = Generator::new(4);
        let (rows, inputs, outputs) = (2 * FEW_ROWS, 37, 9);
        let mut random = |n: usize| (0..n).map(|_| rng.uniform(-1.0, 1.0) as f32).collect::<Vec<f32>>();
        let mut parameters = Parameters::<f32>::default();
        parameters.add("weight", &[outputs, inputs], random(outputs * inputs));
        parameters.add("bias", &[outputs], random(outputs));
        let x = random(rows * inputs);
        let of = |x: &[f32], then| {
            let (weight, bias) = (parameters.named("weight").expect("it is"), parameters.named("bias"));
            values(&input_linear(Arc::new(x.to_vec()), NoneTape, weight, bias, then).expect("works"))
        };
        for then in [Then::Nothing, Then::Relu] {
            let many = of(&x, then);
            for (x, many) in x.chunks_exact(inputs).zip(many.chunks_exact(outputs)) {
                let few = of(x, then);
                assert!(few.iter().zip(many).all(|(a, b)| (a - b).abs() < 1e-5), "{few:?} for {many:?}");
            }
        }
    }

    #[test]
    fn gradients_of_two_passes_add_up() {
        let mut rng = Generator::new(3);
        let parameters = model(&mut rng);
        let x = testing::random(&mut rng, 6);
        let (weight, mut gradients) = (parameters.named("0.weight").expect("it is"), Gradients::new(&parameters));
        let pass = |gradients: &mut Gradients<f64>| {
            let y = linear(gradients.trace(parameters.device(), x.clone(), (2, 3)), weight, None, Then::Nothing);
            let loss = softmax_cross_entropy(y.expect("works"), Targets::Classes(&[3, 0]), 0.0, 2.0).expect("works");
            gradients.backward(loss).expect("works");
            gradients.of(weight).expect("memory").to_vec()
        };
        let once = pass(&mut gradients);
        let twice = pass(&mut gradients);
        assert!(once.iter().zip(&twice).all(|(once, twice)| (2.0 * once - twice).abs() < 1e-12));
        gradients.zero(&parameters).expect("memory");
        assert_eq!(pass(&mut gradients), once);
    }
}
