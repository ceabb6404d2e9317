//! Activation functions of hidden layers.

use crate::nn::kernels::matmul::vectorized;
use crate::nn::kernels::simd::Isa;

crate::config_enum! {
    /// Activation of hidden layers. All of them map 0 to 0, which keeps padding at zero.
    pub enum Activation {
        /// max(x, 0): the default of value networks.
        Relu = "relu",
        /// tanh(x), by a rational approximation good to 4e-7.
        Tanh = "tanh",
        /// x above 0 and eˣ − 1 below (Clevert et al. 2016), by that of tanh.
        Elu = "elu",
        /// x above 0 and 0.01 x below.
        LeakyRelu = "leaky_relu",
    }
}

/// The gradient of a leaky ReLU below 0: PyTorch's.
pub(crate) const LEAK: f32 = 0.01;

/// Applies `activation` in place.
pub(crate) fn activate(isa: Isa, activation: Activation, values: &mut [f32]) {
    match activation {
        Activation::Relu => relu(isa, values),
        Activation::Tanh => tanh(isa, values),
        Activation::Elu => elu(isa, values),
        Activation::LeakyRelu => leaky_relu(isa, values),
    }
}

/// Multiplies each gradient by the gradient of `activation`, given the activation's `outputs`.
pub(crate) fn scale_by_grad(isa: Isa, activation: Activation, outputs: &[f32], gradients: &mut [f32]) {
    match activation {
        Activation::Relu => relu_grad(isa, outputs, gradients),
        Activation::Tanh => tanh_grad(isa, outputs, gradients),
        Activation::Elu => elu_grad(isa, outputs, gradients),
        Activation::LeakyRelu => leaky_relu_grad(isa, outputs, gradients),
    }
}

vectorized! {
    fn relu(values: &mut [f32]) {
        for x in values {
            *x = x.max(0.0);
        }
    }
}

vectorized! {
    fn relu_grad(outputs: &[f32], gradients: &mut [f32]) {
        for (y, g) in outputs.iter().zip(gradients) {
            *g = if *y > 0.0 { *g } else { 0.0 };
        }
    }
}

/// tanh of a number: the ratio of an odd and an even polynomial that Eigen uses, good to a few units in the last place.
#[inline(always)]
pub(crate) fn tanh_of(x: f32) -> f32 {
    const ODD: [f32; 7] =
        [-2.760_768_5e-16, 2.000_188e-13, -8.604_672e-11, 5.122_297e-8, 1.485_722_4e-5, 6.372_619_4e-4, 4.893_524_6e-3];
    const EVEN: [f32; 4] = [1.198_258_4e-6, 1.185_347_1e-4, 2.268_434_6e-3, 4.893_525e-3];
    let x = x.clamp(-7.905_311, 7.905_311);
    let square = x * x;
    let odd = ODD[1..].iter().fold(ODD[0], |sum, c| sum * square + c);
    let even = EVEN[1..].iter().fold(EVEN[0], |sum, c| sum * square + c);
    x * odd / even
}

vectorized! {
    fn tanh(values: &mut [f32]) {
        for value in values {
            *value = tanh_of(*value);
        }
    }
}

vectorized! {
    fn tanh_grad(outputs: &[f32], gradients: &mut [f32]) {
        for (y, g) in outputs.iter().zip(gradients) {
            *g *= 1.0 - y * y;
        }
    }
}

vectorized! {
    fn elu(values: &mut [f32]) {
        for x in values {
            // eˣ − 1 = 2 t / (1 − t), with t = tanh(x / 2): exact where both are small.
            let t = tanh_of(0.5 * x.min(0.0));
            *x = x.max(0.0) + 2.0 * t / (1.0 - t);
        }
    }
}

vectorized! {
    fn elu_grad(outputs: &[f32], gradients: &mut [f32]) {
        for (y, g) in outputs.iter().zip(gradients) {
            *g *= 1.0 + y.min(0.0);
        }
    }
}

vectorized! {
    fn leaky_relu(values: &mut [f32]) {
        for x in values {
            *x = x.max(LEAK * *x);
        }
    }
}

vectorized! {
    fn leaky_relu_grad(outputs: &[f32], gradients: &mut [f32]) {
        for (y, g) in outputs.iter().zip(gradients) {
            *g *= if *y > 0.0 { 1.0 } else { LEAK };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_close_to_the_libraries() {
        let xs: Vec<f32> = (-6000..=6000).map(|i| i as f32 * 0.005).chain([-1e-5, 1e-5, -200.0, 200.0]).collect();
        let known = |activation, x: f64| match activation {
            Activation::Relu => x.max(0.0),
            Activation::Tanh => x.tanh(),
            Activation::Elu if x < 0.0 => x.exp_m1(),
            Activation::LeakyRelu if x < 0.0 => 0.01 * x,
            Activation::Elu | Activation::LeakyRelu => x,
        };
        let all = [Activation::Relu, Activation::Tanh, Activation::Elu, Activation::LeakyRelu];
        for (isa, activation) in Isa::available().into_iter().flat_map(|isa| all.map(|of| (isa, of))) {
            let mut ys = xs.clone();
            activate(isa, activation, &mut ys);
            for (x, y) in xs.iter().zip(&ys) {
                let expected = known(activation, f64::from(*x)) as f32;
                let most = 4e-7 * expected.abs().max(x.abs().min(1.0));
                assert!((y - expected).abs() <= most, "{isa}: {activation}({x}) = {y}, not {expected}");
            }
        }
    }
}
