//! Pooling of NHWC maps.

use dfdx::prelude::{Cpu, PutTape as _, Tape, Tensor, TensorFromVec as _};

use super::{Map, Rows, take_gradient};
use crate::nn::Isa;
use crate::nn::Real;
use crate::nn::kernels::matmul::vectorized;
use crate::nn::kernels::spread::spread;

/// `torch.nn.functional.max_pool2d(x, 3, 2, 1)`: of those that are as high the first counts.
pub fn max_pool<E: Real, T: Tape<E, Cpu>>(x: &Map<E>, tape: &mut T) -> Map<E> {
    let [images, height, width, channels] = x.shape();
    let side = |size: usize| size.div_ceil(2);
    let (rows, columns) = (side(height), side(width));
    let (own, image) = (rows * columns * channels, height * width * channels);
    let mut y = vec![E::neg_infinity(); images * own];
    // Which of the nine it is.
    let mut places = vec![0_u8; if T::OWNS_TAPE { y.len() } else { 0 }];
    let none = || vec![0_u8; own];
    let parts: Vec<_> = y.chunks_mut(own.max(1)).zip(x.values().chunks(image.max(1))).collect();
    let mut own_places: Vec<&mut [u8]> = places.chunks_mut(own.max(1)).collect();
    own_places.resize_with(parts.len(), Default::default);
    let parts: Vec<_> = parts.into_iter().zip(own_places).collect();
    spread(parts.into_iter(), none, |unused, ((y, x), places)| {
        let places = if places.is_empty() { unused.as_mut_slice() } else { places };
        windows(height, width, |at, from, place| {
            let to = at * channels..(at + 1) * channels;
            higher(
                Isa::detect(),
                &mut y[to.clone()],
                &mut places[to],
                &x[from * channels..(from + 1) * channels],
                place,
            );
        });
    });
    let y = Map::made(y, [images, rows, columns, channels], x.is_half());
    if !x.wants_gradient() {
        return y.detached();
    }
    if T::OWNS_TAPE {
        let (x, key) = (x.clone(), y.without_values());
        tape.add_backward_op(move |gradients| {
            let grad = key.take_gradient(gradients)?;
            let mut by_input = vec![E::zero(); images * image];
            let parts = by_input
                .chunks_mut(image.max(1))
                .zip(grad.chunks(own.max(1)))
                .zip(places.chunks(own.max(1)))
                .map(|((to, grad), places)| (to, grad, places));
            spread(
                parts,
                || (),
                |(), (to, grad, places)| {
                    windows(height, width, |at, from, place| {
                        let own = at * channels..(at + 1) * channels;
                        let to = &mut to[from * channels..(from + 1) * channels];
                        for ((to, grad), chosen) in to.iter_mut().zip(&grad[own.clone()]).zip(&places[own]) {
                            if *chosen == place {
                                *to += *grad;
                            }
                        }
                    });
                },
            );
            x.give_gradient(gradients, by_input)
        });
    }
    y
}

/// Calls `look` for each pixel of each window: the window's number, the pixel's, and its place in the window.
fn windows(height: usize, width: usize, mut look: impl FnMut(usize, usize, u8)) {
    let (rows, columns) = (height.div_ceil(2), width.div_ceil(2));
    for row in 0..rows {
        for column in 0..columns {
            for place in 0..9 {
                let (y, x) = (2 * row + place / 3, 2 * column + place % 3);
                if (1..=height).contains(&y) && (1..=width).contains(&x) {
                    look(row * columns + column, (y - 1) * width + x - 1, place as u8);
                }
            }
        }
    }
}

vectorized! {
    fn higher<E: Real>(y: &mut [E], places: &mut [u8], x: &[E], place: u8) {
        for ((y, chosen), x) in y.iter_mut().zip(places).zip(x) {
            // What is no number stays one, so that it is found.
            let higher = *x > *y || x.is_nan();
            *y = if higher { *x } else { *y };
            *chosen = if higher { place } else { *chosen };
        }
    }
}

/// The mean of each channel of each image: images × channels, with the tape, as [`linear`](super::linear()) takes it.
pub fn average_pool<E: Real, T: Tape<E, Cpu>>(x: &Map<E>, mut tape: T) -> Rows<E, T> {
    let [images, height, width, channels] = x.shape();
    let (image, share) = ((height * width * channels).max(1), E::of(((height * width).max(1) as f64).recip()));
    let mut y = vec![E::zero(); images * channels];
    for (y, x) in y.chunks_exact_mut(channels.max(1)).zip(x.values().chunks_exact(image)) {
        for pixel in x.chunks_exact(channels) {
            y.iter_mut().zip(pixel).for_each(|(y, x)| *y += *x);
        }
        y.iter_mut().for_each(|y| *y *= share);
    }
    if x.is_half() {
        E::round_to_half(&mut y);
    }
    let y: Tensor<(usize, usize), E, Cpu> = Cpu::default().tensor_from_vec(y, (images, channels));
    if T::OWNS_TAPE {
        let (out, x) = (y.clone(), x.clone());
        tape.add_backward_op(move |gradients| {
            let mut grad = take_gradient(gradients, &out)?;
            if x.is_half() {
                E::round_to_half(&mut grad);
            }
            let mut by_input = vec![E::zero(); x.values().len()];
            for (to, grad) in by_input.chunks_exact_mut(image).zip(grad.chunks_exact(channels.max(1))) {
                for pixel in to.chunks_exact_mut(channels) {
                    pixel.iter_mut().zip(grad).for_each(|(to, grad)| *to = *grad * share);
                }
            }
            x.give_gradient(gradients, by_input)
        });
    }
    y.put_tape(tape)
}

#[cfg(test)]
mod tests {
    use cartwheel_envs::Generator;
    use dfdx::prelude::{NoneTape, SplitTape as _};

    use super::*;
    use crate::nn::Parameters;
    use crate::nn::ops::{Targets, softmax_cross_entropy, testing, values};

    #[test]
    fn the_highest_of_each_window_is_a_plain_loops() {
        let mut rng = Generator::new(1);
        for shape @ [images, height, width, channels] in [[2, 5, 4, 3], [1, 7, 7, 1], [1, 1, 2, 2], [3, 6, 3, 17]] {
            let x = testing::random(&mut rng, shape.iter().product());
            let y = max_pool(&Map::data(x.clone(), shape), &mut NoneTape);
            let [_, rows, columns, _] = y.shape();
            assert_eq!([rows, columns], [height.div_ceil(2), width.div_ceil(2)]);
            for at in 0..y.values().len() {
                let (channel, pixel) = (at % channels, at / channels);
                let (column, row, image) = (pixel % columns, pixel / columns % rows, pixel / columns / rows);
                let mut highest = f64::NEG_INFINITY;
                for iy in (2 * row).saturating_sub(1)..(2 * row + 2).min(height) {
                    for ix in (2 * column).saturating_sub(1)..(2 * column + 2).min(width) {
                        highest = highest.max(x[((image * height + iy) * width + ix) * channels + channel]);
                    }
                }
                assert_eq!(y.values()[at], highest, "{shape:?}, {at}");
            }
            assert_eq!(images, y.shape()[0]);
        }
        let y = max_pool(&Map::data(vec![f32::NAN, 1.0, 2.0, 3.0], [1, 2, 2, 1]), &mut NoneTape);
        assert!(y.values()[0].is_nan());
    }

    #[test]
    fn gradients_are_those_of_differences() {
        let x = testing::random(&mut Generator::new(2), 2 * 5 * 4 * 3);
        testing::check_gradients(&mut Parameters::default(), &x, (40, 3), &|_, x| {
            let (x, mut tape) = x.split_tape();
            let map = testing::map(&x, [2, 5, 4, 3], &mut tape);
            let y = max_pool(&map, &mut tape);
            let y = average_pool(&y, tape);
            softmax_cross_entropy(y, Targets::Classes(&[0, 2]), 0.0, 2.0).expect("the processor works")
        });
        let y = average_pool(&Map::data(vec![1.0_f32, 5.0, 3.0, 1.0], [1, 2, 1, 2]), NoneTape);
        assert_eq!(values(&y), [2.0, 3.0]);
    }

    /// PyTorch gives the gradient to the first of those that are as high.
    #[test]
    fn of_equals_the_first_is_learnt_from() {
        let (mut parameters, x) = (Parameters::<f64>::default(), vec![1.0; 9]);
        let weight = parameters.add("weight", &[1, 1, 1, 1], vec![1.0]);
        let mut gradients = crate::nn::Gradients::new(&parameters);
        let x = gradients.trace_with_grad(Cpu::default().tensor_from_vec(x, (9, 1)));
        let (x, mut tape) = x.split_tape();
        let map = testing::map(&x, [1, 3, 3, 1], &mut tape);
        let y = average_pool(&max_pool(&map, &mut tape), tape);
        let loss = softmax_cross_entropy(y, Targets::Shares(&[2.0]), 0.0, 1.0).expect("works");
        gradients.backward(loss).expect("works");
        // Of one class: softmax - 2 = -1, a quarter for each window, of which the middle pixel is the first of none but the last.
        assert_eq!(gradients.grad(&x).expect("memory"), [-0.25, -0.25, 0.0, -0.25, -0.25, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(parameters.get(weight).values(), [1.0]);
    }
}
