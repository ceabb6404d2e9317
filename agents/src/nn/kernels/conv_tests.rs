//! Convolutions against PyTorch's and a plain loop.

use super::*;
use cartwheel_envs::Generator;

fn random(rng: &mut Generator, n: usize) -> Vec<f32> {
    (0..n).map(|_| rng.uniform(-1.0, 1.0) as f32).collect()
}

#[track_caller]
fn close(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() < 2e-4 * b.abs().max(1.0), "{what} at {i}: {a} for {b}");
    }
}

/// From channels-first to channels-last with so many channels in a pixel.
fn pixels(from: &[f32], channels: usize, depth: usize) -> Vec<f32> {
    let plane = from.len() / channels;
    let mut to = vec![0.0; plane * depth];
    for (at, x) in from.iter().enumerate() {
        to[at % plane * depth + at / plane] = *x;
    }
    to
}

/// PyTorch's recorded outputs and gradients, for both layouts of images, gaps between images and all instruction sets.
#[test]
fn convolutions_are_those_of_pytorch() {
    let text = include_str!("../../../../tests/data/conv/conv2d.json");
    let cases: Vec<serde_json::Value> = serde_json::from_str(text).expect("recorded");
    for (case, isa) in cases.iter().flat_map(|case| Isa::available().into_iter().map(move |isa| (case, isa))) {
        let size = |name: &str| case[name].as_u64().expect("a size") as usize;
        let numbers = |name: &str| -> Vec<f32> {
            case[name].as_array().expect("numbers").iter().map(|x| x.as_f64().expect("a number") as f32).collect()
        };
        let (batch, channels, outputs) = (size("batch"), size("channels"), size("outputs"));
        for (planes, depth) in [(channels, 1), (1, channels)] {
            let conv = Conv2d {
                planes,
                depth,
                height: size("height"),
                width: size("width"),
                outputs,
                kernel: size("kernel"),
                stride: size("stride"),
                padding: size("padding"),
            };
            let (n, k, len) = (conv.columns(), conv.patch_len(), conv.image_len());
            let row = len + 3;
            let images = |name: &str| -> Vec<Vec<f32>> {
                let whole = numbers(name);
                let layout = |image: &[f32]| if depth == 1 { image.to_vec() } else { pixels(image, channels, depth) };
                whole.chunks_exact(len).map(layout).collect()
            };
            let x: Vec<f32> = images("x").into_iter().flat_map(|image| [image, vec![9.0; 3]].concat()).collect();
            let (mut weights, mut bias) = (vec![0.0; k * n], vec![0.0; n]);
            let places: Vec<usize> =
                (0..outputs).flat_map(|o| conv.weight_rows().map(move |row| row * n + o)).collect();
            places.iter().zip(numbers("weight")).for_each(|(at, weight)| weights[*at] = weight);
            bias[..outputs].copy_from_slice(&numbers("bias"));

            let mut scratch = Scratch::default();
            let mut y = vec![7.0; batch * conv.output_len()];
            conv.forward(isa, &x, row, batch, &weights, &mut y, Epilogue::BiasRelu(&bias), &mut scratch);
            let planar = |name: &str| -> Vec<f32> {
                let whole = numbers(name);
                whole.chunks_exact(whole.len() / batch).flat_map(|image| pixels(image, outputs, n)).collect()
            };
            close(&y, &planar("y"), "what comes out");

            let mut dy = planar("grad");
            dy.iter_mut().zip(&y).for_each(|(grad, y)| *grad = if *y > 0.0 { *grad } else { 0.0 });
            let (mut dw, mut db) = (vec![0.0; k * n], vec![0.0; n]);
            conv.backward(isa, &x, row, batch, &dy, &mut dw, &mut db, &mut scratch);
            let of_weights: Vec<f32> = places.iter().map(|at| dw[*at]).collect();
            close(&of_weights, &numbers("dweight"), "by the weights");
            close(&db[..outputs], &numbers("dbias"), "by the biases");
            let padding = dw.chunks_exact(n).chain([&*db]).flat_map(|row| &row[outputs..]);
            assert!({ padding }.all(|x| *x == 0.0), "padding got a gradient");

            let mut dx = vec![5.0; batch * row];
            conv.backward_to_input(isa, &dy, batch, &weights, &mut dx, row, &mut scratch);
            for (found, expected) in dx.chunks_exact(row).zip(images("dx")) {
                close(&found[..len], &expected, "by the images");
                assert_eq!(found[len..], [5.0; 3], "what lies between images is nobody's");
            }
        }
    }
}

/// Sizes as they are in networks, against sums written out; and an image's numbers do not depend on its neighbours.
#[test]
fn convolutions_agree_with_a_plain_loop() {
    let mut rng = Generator::new(6);
    let conv = Conv2d { planes: 1, depth: 16, height: 9, width: 11, outputs: 32, kernel: 3, stride: 2, padding: 1 };
    let (batch, len, n, k) = (11, conv.image_len(), conv.columns(), conv.patch_len());
    let (x, weights, bias) = (random(&mut rng, batch * len), random(&mut rng, k * n), random(&mut rng, n));
    let (rows, columns) = conv.output_size();
    let mut expected = Vec::new();
    for at in 0..batch * rows * columns {
        let (image, y, x0) = (at / (rows * columns), at / columns % rows, at % columns);
        for o in 0..n {
            let mut sum = f64::from(bias[o]);
            for p in 0..k {
                let (ky, kx, c) = (p / 48, p / 16 % 3, p % 16);
                let (py, px) = ((2 * y + ky).wrapping_sub(1), (2 * x0 + kx).wrapping_sub(1));
                if py < 9 && px < 11 {
                    sum += f64::from(x[image * len + (py * 11 + px) * 16 + c]) * f64::from(weights[p * n + o]);
                }
            }
            expected.push(sum as f32);
        }
    }
    for isa in Isa::available() {
        let mut scratch = Scratch::default();
        let mut y = vec![0.0; batch * conv.output_len()];
        conv.forward(isa, &x, len, batch, &weights, &mut y, Epilogue::Bias(&bias), &mut scratch);
        close(&y, &expected, "what comes out");
        for (image, y) in x.chunks_exact(len).zip(y.chunks_exact(conv.output_len())) {
            let mut one = vec![0.0; conv.output_len()];
            conv.forward(isa, image, len, 1, &weights, &mut one, Epilogue::Bias(&bias), &mut scratch);
            assert_eq!(one, y);
        }
    }
}
