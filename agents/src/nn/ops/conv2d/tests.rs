//! Convolutions against a plain loop, and gradients against differences. PyTorch's output is in models/resnet.

use cartwheel_envs::Generator;
use dfdx::prelude::{NoneTape, SplitTape as _};

use super::*;
use crate::nn::ops::{Targets, average_pool, softmax_cross_entropy, testing};
use crate::nn::{Gradients, Parameters, set_threads, threads};

/// Shape of the input, outputs, kernel, stride and padding.
type Case = ([usize; 4], usize, [usize; 2], Window);

const CASES: [Case; 8] = [
    ([2, 5, 6, 3], 4, [3, 3], Window { stride: 1, padding: 1 }),
    ([1, 7, 5, 2], 5, [3, 3], Window { stride: 2, padding: 1 }),
    ([2, 9, 9, 3], 2, [7, 7], Window { stride: 2, padding: 3 }),
    ([3, 4, 4, 6], 7, [1, 1], Window { stride: 1, padding: 0 }),
    ([2, 5, 4, 3], 3, [1, 1], Window { stride: 2, padding: 0 }),
    ([1, 6, 8, 2], 3, [2, 4], Window { stride: 3, padding: 0 }),
    ([1, 2, 2, 2], 3, [3, 3], Window { stride: 1, padding: 2 }),
    ([1, 1, 1, 1], 1, [3, 3], Window { stride: 2, padding: 1 }),
];

fn plain(x: &[f64], (shape, outputs, kernel, window): Case, weight: &[f64]) -> Vec<f64> {
    let [images, height, width, channels] = shape;
    let side = |size: usize, kernel: usize| (size + 2 * window.padding - kernel) / window.stride + 1;
    let (rows, columns) = (side(height, kernel[0]), side(width, kernel[1]));
    let mut y = vec![0.0; images * rows * columns * outputs];
    for (at, y) in y.iter_mut().enumerate() {
        let (output, pixel) = (at % outputs, at / outputs);
        let (column, row, image) = (pixel % columns, pixel / columns % rows, pixel / columns / rows);
        for ky in 0..kernel[0] {
            for kx in 0..kernel[1] {
                let iy = (row * window.stride + ky).wrapping_sub(window.padding);
                let ix = (column * window.stride + kx).wrapping_sub(window.padding);
                for channel in 0..channels {
                    if iy < height && ix < width {
                        let weight = weight[((output * channels + channel) * kernel[0] + ky) * kernel[1] + kx];
                        *y += weight * x[((image * height + iy) * width + ix) * channels + channel];
                    }
                }
            }
        }
    }
    y
}

fn random(case: Case, rng: &mut Generator) -> (Vec<f64>, Parameters<f64>) {
    let (shape, outputs, kernel, _) = case;
    let x = testing::random(rng, shape.iter().product());
    let mut parameters = Parameters::default();
    let weight = [outputs, shape[3], kernel[0], kernel[1]];
    parameters.add("weight", &weight, testing::random(rng, weight.iter().product()));
    (x, parameters)
}

#[test]
fn convolutions_are_those_of_a_plain_loop() {
    let mut rng = Generator::new(1);
    for case in CASES {
        let (x, parameters) = random(case, &mut rng);
        let weight = parameters.named("weight").expect("it is there");
        let map = Map::data(x.clone(), case.0);
        let y = conv2d(&map, weight, case.3, &mut NoneTape);
        let expected = plain(&x, case, weight.values());
        assert!(y.values().iter().zip(&expected).all(|(y, expected)| (y - expected).abs() < 1e-12), "{case:?}");
        // Folded: scaled, moved, a residual added, and rectified.
        let scale = testing::random(&mut rng, case.1);
        let bias = testing::random(&mut rng, case.1);
        let residual = testing::random(&mut rng, expected.len());
        let folded = FoldedConv::new(weight, case.3, &scale, bias.clone());
        for (with, rectifies) in [(false, false), (true, true), (true, false)] {
            let beside = with.then(|| Map::data(residual.clone(), y.shape()));
            let got = folded.forward(&map, beside, rectifies);
            for (at, got) in got.values().iter().enumerate() {
                let mut expected = expected[at] * scale[at % case.1] + bias[at % case.1];
                expected += if with { residual[at] } else { 0.0 };
                expected = if rectifies { expected.max(0.0) } else { expected };
                assert!((got - expected).abs() < 1e-12, "{case:?}, {at}: {got} {expected}");
            }
        }
    }
}

#[test]
fn gradients_are_those_of_differences() {
    let mut rng = Generator::new(2);
    for case in CASES {
        let (x, mut parameters) = random(case, &mut rng);
        let (shape, outputs, ..) = case;
        let classes: Vec<u32> = (0..shape[0]).map(|image| (image % outputs) as u32).collect();
        let rows = shape[0] * shape[1] * shape[2];
        testing::check_gradients(&mut parameters, &x, (rows, shape[3]), &|parameters, x| {
            let (x, mut tape) = x.split_tape();
            let map = testing::map(&x, shape, &mut tape);
            let y = conv2d(&map, parameters.named("weight").expect("it is there"), case.3, &mut tape);
            // The mean alone would be blind to where a pixel is.
            let y = conv2d_squares(&y, &mut tape);
            softmax_cross_entropy(average_pool(&y, tape), Targets::Classes(&classes), 0.1, 1.0).expect("works")
        });
    }
}

/// Squares, so that pixels differ in gradient.
fn conv2d_squares<T: Tape<f64, Cpu>>(x: &Map<f64>, tape: &mut T) -> Map<f64> {
    let y = Map::made(x.values().iter().map(|x| x * x).collect(), x.shape(), false);
    let (x, key) = (x.clone(), y.without_values());
    tape.add_backward_op(move |gradients| {
        let grad = key.take_gradient(gradients)?;
        x.give_gradient(gradients, grad.iter().zip(x.values()).map(|(grad, x)| 2.0 * grad * x).collect())
    });
    y
}

/// Many tiles, so that threads have some each.
#[test]
fn results_have_the_same_bits_with_any_number_of_threads() {
    let mut rng = Generator::new(3);
    let (shape, outputs) = ([4, 20, 20, 48], 40);
    let mut parameters = Parameters::<f32>::default();
    let mut random =
        |count: usize| -> Vec<f32> { testing::random(&mut rng, count).iter().map(|x| *x as f32).collect() };
    let x = random(shape.iter().product());
    parameters.add("first", &[48, 48, 3, 3], random(48 * 48 * 9));
    parameters.add("second", &[outputs, 48, 3, 3], random(outputs * 48 * 9));
    let classes = [0, 1, 2, 3];
    let before = threads();
    let results = [1, 2, 3].map(|count| {
        set_threads(count);
        let mut gradients = Gradients::new(&parameters);
        let mut tape = gradients.tape(parameters.device());
        let of = |name| parameters.named(name).expect("it is there");
        let y = conv2d(&Map::data(x.clone(), shape), of("first"), Window { stride: 1, padding: 1 }, &mut tape);
        let y = conv2d(&y, of("second"), Window { stride: 2, padding: 1 }, &mut tape);
        let logits = average_pool(&y, tape);
        let loss = softmax_cross_entropy(logits, Targets::Classes(&classes), 0.0, 1.0).expect("works");
        gradients.backward(loss).expect("works");
        let of = |gradients: &mut Gradients, name| gradients.of(of(name)).expect("memory").to_vec();
        (y.values().to_vec(), of(&mut gradients, "first"), of(&mut gradients, "second"))
    });
    set_threads(before);
    assert!(results[0] == results[1] && results[0] == results[2]);
}
