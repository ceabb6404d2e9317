//! Batch normalization (Ioffe & Szegedy 2015) of NHWC maps, with what follows it in a residual network.

use dfdx::prelude::{Cpu, Tape};

use super::Map;
use super::linear::Then;
use super::relu::{add as add_to, close, rectify};
use crate::nn::kernels::matmul::vectorized;
use crate::nn::kernels::spread::spread;
use crate::nn::parameters::gradients::buffer;
use crate::nn::{Isa, Parameter, Real};

/// Added to variances: PyTorch's default.
pub const EPS: f64 = 1e-5;
/// Rows whose sums are taken together, by one thread.
const ROWS: usize = 1024;

/// Mean and variance of each channel of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// Pixels that they are of.
    pub count: usize,
    /// The means.
    pub mean: Vec<f64>,
    /// The variances, of the batch itself (biased).
    pub variance: Vec<f64>,
}

impl Moments {
    /// Of the channels of `x`. Sums are 64-bit, in parts that do not depend on the number of threads.
    pub fn of<E: Real>(x: &Map<E>) -> Self {
        let (channels, count) = (x.channels(), x.values().len() / x.channels().max(1));
        // Sums of what lies beside a first pixel do not cancel each other where the mean is large.
        let middle: Vec<f64> = x.values().iter().take(channels).map(|x| x.wide()).collect();
        let [sums, squares] = sums(x.values(), channels, |part, [sums, squares]| {
            moments(Isa::detect(), part, &middle, sums, squares);
        });
        let n = count.max(1) as f64;
        let mean = |channel: usize| sums[channel] / n;
        Self {
            count,
            mean: (0..channels).map(|channel| middle[channel] + mean(channel)).collect(),
            variance: (0..channels).map(|channel| (squares[channel] / n - mean(channel).powi(2)).max(0.0)).collect(),
        }
    }

    /// Moves running statistics a tenth of the way to these, as PyTorch does: to the unbiased variance.
    pub fn update<E: Real>(&self, running_mean: &mut [E], running_variance: &mut [E]) {
        let unbiased = self.count as f64 / self.count.saturating_sub(1).max(1) as f64;
        let moved = |running: &mut [E], values: &[f64], factor: f64| {
            for (running, value) in running.iter_mut().zip(values) {
                *running = E::of(0.9 * running.wide() + 0.1 * factor * value);
            }
        };
        moved(running_mean, &self.mean, 1.0);
        moved(running_variance, &self.variance, unbiased);
    }
}

/// Normalizes each channel of `x` with its mean and variance over the batch, scales it by `weight` and moves it by `bias`; then
/// adds `residual` and rectifies, if told to. Answers what the channels were normalized with, for running statistics.
///
/// Of a map of f16 what comes out is f16; moments, scale and bias, and all that is in between, are not, as in cuDNN.
///
/// # Panics
/// If sizes do not fit.
pub fn batch_norm<E: Real, T: Tape<E, Cpu>>(
    x: &Map<E>,
    weight: &Parameter<E>,
    bias: &Parameter<E>,
    residual: Option<&Map<E>>,
    then: Then,
    tape: &mut T,
) -> (Map<E>, Moments) {
    let channels = x.channels();
    assert!(weight.values().len() == channels && bias.values().len() == channels, "a scale and a bias a channel");
    assert!(residual.is_none_or(|residual| residual.shape() == x.shape()), "a residual of the map's shape");
    let moments = Moments::of(x);
    let inverse: Vec<f64> = moments.variance.iter().map(|variance| (variance + EPS).sqrt().recip()).collect();
    // y = x · scale + shift.
    let scale: Vec<E> = inverse.iter().zip(weight.values()).map(|(inverse, w)| E::of(inverse * w.wide())).collect();
    let shift = |channel: usize| {
        bias.values()[channel].wide() - moments.mean[channel] * inverse[channel] * weight.values()[channel].wide()
    };
    let shift: Vec<E> = (0..channels).map(|channel| E::of(shift(channel))).collect();
    let rectifies = then == Then::Relu;
    let y = normalized(x, &scale, &shift, residual, rectifies);
    if T::OWNS_TAPE {
        let (x, weight, bias, residual) = (x.clone(), weight.clone(), bias.clone(), residual.cloned());
        let (out, key) = (if rectifies { Some(y.clone()) } else { None }, y.without_values());
        let mean = moments.mean.clone();
        tape.add_backward_op(move |gradients| {
            let mut grad = key.take_gradient(gradients)?;
            if let Some(out) = out {
                close_all(&mut grad, &out);
            }
            let [by_bias, by_weight] = sums_of_two(&grad, x.values(), channels, &mean, &inverse);
            let add = |to: &mut [E], sums: &[f64]| to.iter_mut().zip(sums).for_each(|(to, sum)| *to += E::of(*sum));
            add(buffer(gradients, &bias)?, &by_bias);
            add(buffer(gradients, &weight)?, &by_weight);
            if x.wants_gradient() {
                let n = (x.values().len() / channels.max(1)).max(1) as f64;
                // dx = scale · (dy - mean(dy) - x̂ · mean(dy · x̂)) = dy · scale + x · by_x + constant.
                let by_x = |c: usize| -scale[c].wide() * inverse[c] * by_weight[c] / n;
                let constant = |c: usize| -scale[c].wide() * by_bias[c] / n - by_x(c) * mean[c];
                let of =
                    |number: &dyn Fn(usize) -> f64| -> Vec<E> { (0..channels).map(|c| E::of(number(c))).collect() };
                let (by_x, constant) = (of(&by_x), of(&constant));
                let (mut by_input, part) = (vec![E::zero(); grad.len()], ROWS * channels.max(1));
                let parts = by_input
                    .chunks_mut(part)
                    .zip(grad.chunks(part))
                    .zip(x.values().chunks(part))
                    .map(|((to, grad), x)| (to, grad, x));
                spread(
                    parts,
                    || (),
                    |(), (to, grad, x)| {
                        grad_of_input(Isa::detect(), to, grad, x, &scale, &by_x, &constant);
                    },
                );
                x.give_gradient(gradients, by_input)?;
            }
            if let Some(residual) = residual {
                residual.give_gradient(gradients, grad)?;
            }
            Ok(())
        });
    }
    (y, moments)
}

/// [`batch_norm`] of a layer that is frozen: each channel of `x` is multiplied by its `scale` and moved by its `shift`, which
/// [`folded`] makes of the running statistics, and nothing of it is learnt.
///
/// # Panics
/// If sizes do not fit.
pub fn scale_and_shift<E: Real, T: Tape<E, Cpu>>(
    x: &Map<E>,
    [scale, shift]: [Vec<E>; 2],
    residual: Option<&Map<E>>,
    then: Then,
    tape: &mut T,
) -> Map<E> {
    assert!(scale.len() == x.channels() && shift.len() == x.channels(), "a scale and a shift a channel");
    assert!(residual.is_none_or(|residual| residual.shape() == x.shape()), "a residual of the map's shape");
    let y = normalized(x, &scale, &shift, residual, then == Then::Relu);
    if !x.wants_gradient() && !residual.is_some_and(Map::wants_gradient) {
        return y.detached();
    }
    if T::OWNS_TAPE {
        let (x, residual) = (x.clone(), residual.cloned());
        let (out, key) = (if then == Then::Relu { Some(y.clone()) } else { None }, y.without_values());
        tape.add_backward_op(move |gradients| {
            let mut grad = key.take_gradient(gradients)?;
            if let Some(out) = out {
                close_all(&mut grad, &out);
            }
            if x.wants_gradient() {
                let mut by_input = vec![E::zero(); grad.len()];
                let nothing = vec![E::zero(); scale.len()];
                normalize(Isa::detect(), &mut by_input, &grad, &scale, &nothing, &[], false);
                x.give_gradient(gradients, by_input)?;
            }
            residual.map_or(Ok(()), |residual| residual.give_gradient(gradients, grad))
        });
    }
    y
}

/// `x` · `scale` + `shift` by channels, with the residual added, rectified if told to.
fn normalized<E: Real>(x: &Map<E>, scale: &[E], shift: &[E], residual: Option<&Map<E>>, rectifies: bool) -> Map<E> {
    let mut y = vec![E::zero(); x.values().len()];
    let (part, half) = (ROWS * x.channels().max(1), x.is_half());
    spread(
        y.chunks_mut(part).enumerate(),
        || (),
        |(), (at, y)| {
            let (at, end) = (at * part, at * part + y.len());
            let (x, residual) =
                (&x.values()[at..end], residual.map_or(&[][..], |residual| &residual.values()[at..end]));
            if half && !residual.is_empty() {
                // The sum is of what was stored.
                normalize(Isa::detect(), y, x, scale, shift, &[], false);
                E::round_to_half(y);
                add_to(Isa::detect(), y, residual);
                if rectifies {
                    rectify(Isa::detect(), y);
                }
            } else {
                normalize(Isa::detect(), y, x, scale, shift, residual, rectifies);
            }
        },
    );
    Map::made(y, x.shape(), half)
}

/// Lets only that of the gradient through where the rectifier that made `out` was open.
fn close_all<E: Real>(grad: &mut [E], out: &Map<E>) {
    let part = ROWS * out.channels().max(1);
    let parts = grad.chunks_mut(part).zip(out.values().chunks(part));
    spread(parts, || (), |(), (grad, y)| close(Isa::detect(), grad, y));
}

/// The scale and shift of each channel that batch normalization in use comes to.
pub fn folded<E: Real>(weight: &[E], bias: &[E], mean: &[E], variance: &[E]) -> (Vec<E>, Vec<E>) {
    let scale: Vec<f64> = weight.iter().zip(variance).map(|(w, v)| w.wide() / (v.wide() + EPS).sqrt()).collect();
    let shift = bias.iter().zip(mean).zip(&scale).map(|((b, m), s)| E::of(b.wide() - m.wide() * s)).collect();
    (scale.into_iter().map(E::of).collect(), shift)
}

/// Adds up two numbers a channel over all rows: part by part, then the parts in their order.
fn sums<E: Real>(values: &[E], channels: usize, part: impl Fn(&[E], [&mut [f64]; 2]) + Sync) -> [Vec<f64>; 2] {
    let parts = values.len().div_ceil(ROWS * channels.max(1));
    let mut partial = vec![0.0; 2 * channels * parts];
    let work = partial.chunks_mut((2 * channels).max(1)).zip(values.chunks(ROWS * channels.max(1)));
    spread(
        work,
        || (),
        |(), (sums, values)| {
            let (first, second) = sums.split_at_mut(channels);
            part(values, [first, second]);
        },
    );
    add_up(&partial, channels)
}

fn add_up(partial: &[f64], channels: usize) -> [Vec<f64>; 2] {
    let mut whole = vec![0.0; 2 * channels];
    for part in partial.chunks_exact((2 * channels).max(1)) {
        whole.iter_mut().zip(part).for_each(|(whole, part)| *whole += part);
    }
    let second = whole.split_off(channels);
    [whole, second]
}

/// The sums over rows of the gradient, and of the gradient times what was normalized.
fn sums_of_two<E: Real>(grad: &[E], x: &[E], channels: usize, mean: &[f64], inverse: &[f64]) -> [Vec<f64>; 2] {
    let part = ROWS * channels.max(1);
    let mut partial = vec![0.0; 2 * channels * grad.len().div_ceil(part)];
    let work = partial
        .chunks_mut((2 * channels).max(1))
        .zip(grad.chunks(part))
        .zip(x.chunks(part))
        .map(|((to, grad), x)| (to, grad, x));
    spread(
        work,
        || (),
        |(), (sums, grad, x)| {
            let (first, second) = sums.split_at_mut(channels);
            grads(Isa::detect(), grad, x, mean, first, second);
        },
    );
    let [first, mut second] = add_up(&partial, channels);
    second.iter_mut().zip(inverse).for_each(|(sum, inverse)| *sum *= inverse);
    [first, second]
}

vectorized! {
    fn moments<E: Real>(values: &[E], middle: &[f64], sums: &mut [f64], squares: &mut [f64]) {
        for row in values.chunks_exact(middle.len()) {
            for (((x, middle), sum), square) in row.iter().zip(middle).zip(sums.iter_mut()).zip(squares.iter_mut()) {
                let beside = x.wide() - middle;
                *sum += beside;
                *square += beside * beside;
            }
        }
    }
}

vectorized! {
    fn grads<E: Real>(grad: &[E], x: &[E], mean: &[f64], sums: &mut [f64], products: &mut [f64]) {
        for (grad, x) in grad.chunks_exact(mean.len()).zip(x.chunks_exact(mean.len())) {
            let sums = sums.iter_mut().zip(products.iter_mut());
            for (((grad, x), mean), (sum, product)) in grad.iter().zip(x).zip(mean).zip(sums) {
                *sum += grad.wide();
                *product += grad.wide() * (x.wide() - mean);
            }
        }
    }
}

vectorized! {
    fn normalize<E: Real>(y: &mut [E], x: &[E], scale: &[E], shift: &[E], residual: &[E], rectifies: bool) {
        let channels = scale.len();
        let floor = if rectifies { E::zero() } else { E::neg_infinity() };
        if residual.is_empty() {
            for (y, x) in y.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
                for (((y, x), scale), shift) in y.iter_mut().zip(x).zip(scale).zip(shift) {
                    let value = *x * *scale + *shift;
                    // What is no number stays one, so that it is found.
                    *y = if value < floor { floor } else { value };
                }
            }
            return;
        }
        let rows = y.chunks_exact_mut(channels).zip(x.chunks_exact(channels)).zip(residual.chunks_exact(channels));
        for ((y, x), residual) in rows {
            for ((((y, x), scale), shift), residual) in y.iter_mut().zip(x).zip(scale).zip(shift).zip(residual) {
                let value = *x * *scale + *shift + *residual;
                *y = if value < floor { floor } else { value };
            }
        }
    }
}

vectorized! {
    fn grad_of_input<E: Real>(to: &mut [E], grad: &[E], x: &[E], scale: &[E], by_x: &[E], constant: &[E]) {
        let channels = scale.len();
        let rows = to.chunks_exact_mut(channels).zip(grad.chunks_exact(channels)).zip(x.chunks_exact(channels));
        for ((to, grad), x) in rows {
            let factors = scale.iter().zip(by_x).zip(constant);
            for (((to, grad), x), ((scale, by_x), constant)) in to.iter_mut().zip(grad).zip(x).zip(factors) {
                *to = *grad * *scale + *x * *by_x + *constant;
            }
        }
    }
}

#[cfg(test)]
#[path = "batch_norm_tests.rs"]
mod tests;
