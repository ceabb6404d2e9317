//! The matrix product beside plain loops.

use super::*;
use cartwheel_envs::Generator;

fn random(rng: &mut Generator, n: usize) -> Vec<f32> {
    (0..n).map(|_| rng.uniform(-1.0, 1.0) as f32).collect()
}

/// Every instruction set, shape and epilogue against a plain triple loop.
#[test]
fn products_agree_with_a_plain_loop() {
    let mut rng = Generator::new(1);
    for isa in Isa::available() {
        for (m, n, k) in [(1, 16, 3), (2, 64, 5), (3, 128, 7), (5, 32, 1), (13, 48, 64), (64, 80, 17), (9, 16, 0)] {
            let (a, b, bias) = (random(&mut rng, m * k), random(&mut rng, k * n), random(&mut rng, n));
            let (before, mut outputs) = (random(&mut rng, m * n), random(&mut rng, m * n));
            outputs[0] = 0.0;
            for (epilogue, transposed) in [
                (Epilogue::Zero, false),
                (Epilogue::Accumulate, true),
                (Epilogue::Bias(&bias), false),
                (Epilogue::BiasRelu(&bias), true),
                (Epilogue::ByGrad(Activation::Relu, &outputs), false),
                (Epilogue::ByGrad(Activation::Tanh, &outputs), true),
                (Epilogue::ByGrad(Activation::Elu, &outputs), true),
                (Epilogue::ByGrad(Activation::LeakyRelu, &outputs), false),
            ] {
                let a_matrix = if transposed { Strided::transposed(&a, m) } else { Strided::rows(&a, k) };
                let mut c = before.clone();
                matmul(isa, m, n, k, a_matrix, &b, &mut c, epilogue);
                for i in 0..m {
                    for j in 0..n {
                        let product: f64 = (0..k)
                            .map(|s| {
                                let x = if transposed { a[s * m + i] } else { a[i * k + s] };
                                f64::from(x) * f64::from(b[s * n + j])
                            })
                            .sum();
                        let expected = match epilogue {
                            Epilogue::Zero => product,
                            Epilogue::Accumulate => product + f64::from(before[i * n + j]),
                            Epilogue::Bias(bias) => product + f64::from(bias[j]),
                            Epilogue::BiasRelu(bias) => (product + f64::from(bias[j])).max(0.0),
                            Epilogue::ByGrad(activation, outputs) => {
                                let y = f64::from(outputs[i * n + j]);
                                match activation {
                                    Activation::Relu if y > 0.0 => product,
                                    Activation::Relu => 0.0,
                                    Activation::Tanh => product * (1.0 - y * y),
                                    Activation::Elu => product * (1.0 + y.min(0.0)),
                                    Activation::LeakyRelu if y > 0.0 => product,
                                    Activation::LeakyRelu => 0.01 * product,
                                }
                            }
                        };
                        let found = f64::from(c[i * n + j]);
                        assert!(
                            (found - expected).abs() < 1e-5,
                            "{isa} {m}×{n}×{k} at {i},{j}: {found} for {expected}"
                        );
                    }
                }
            }
        }
    }
}

/// What lets any number of actors give the same bits: a row does not know its neighbours.
#[test]
fn a_rows_result_does_not_depend_on_the_batch() {
    let mut rng = Generator::new(2);
    let (n, k) = (48, 33);
    let (a, b, bias) = (random(&mut rng, 13 * k), random(&mut rng, k * n), random(&mut rng, n));
    for isa in Isa::available() {
        let mut whole = vec![0.0; 13 * n];
        matmul(isa, 13, n, k, Strided::rows(&a, k), &b, &mut whole, Epilogue::Bias(&bias));
        for i in 0..13 {
            let mut one = vec![0.0; n];
            matmul(isa, 1, n, k, Strided::rows(&a[i * k..], k), &b, &mut one, Epilogue::Bias(&bias));
            assert_eq!(one, whole[i * n..(i + 1) * n], "{isa} row {i}");
        }
    }
}
