//! Activation functions of hidden layers.

use crate::nn::kernels::matmul::vectorized;
use crate::nn::kernels::simd::Isa;

crate::config_enum! {
    /// What follows each hidden layer. All of them map 0 to 0, which keeps padding at zero.
    pub enum Activation {
        /// max(x, 0): the default of value networks.
        Relu = "relu",
        /// tanh(x), by a rational approximation good to 4e-7.
        Tanh = "tanh",
    }
}

/// Applies `activation` in place.
pub(in crate::nn) fn activate(isa: Isa, activation: Activation, values: &mut [f32]) {
    match activation {
        Activation::Relu => relu(isa, values),
        Activation::Tanh => tanh(isa, values),
    }
}

/// Multiplies each gradient by the slope of `activation`, given the activation's `outputs`.
pub(in crate::nn) fn scale_by_slope(isa: Isa, activation: Activation, outputs: &[f32], gradients: &mut [f32]) {
    match activation {
        Activation::Relu => relu_slope(isa, outputs, gradients),
        Activation::Tanh => tanh_slope(isa, outputs, gradients),
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
    fn relu_slope(outputs: &[f32], gradients: &mut [f32]) {
        for (y, g) in outputs.iter().zip(gradients) {
            *g = if *y > 0.0 { *g } else { 0.0 };
        }
    }
}

/// tanh of a number: the ratio of an odd and an even polynomial that Eigen uses, good to a few units in the last place.
#[inline(always)]
pub(in crate::nn) fn tanh_of(x: f32) -> f32 {
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
    fn tanh_slope(outputs: &[f32], gradients: &mut [f32]) {
        for (y, g) in outputs.iter().zip(gradients) {
            *g *= 1.0 - y * y;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tanh_is_close_to_the_libraries() {
        let xs: Vec<f32> = (-3000..=3000).map(|i| i as f32 * 0.005).collect();
        for isa in Isa::available() {
            let mut ys = xs.clone();
            activate(isa, Activation::Tanh, &mut ys);
            for (x, y) in xs.iter().zip(&ys) {
                assert!((y - x.tanh()).abs() < 4e-7, "{isa}: tanh({x}) = {y}");
            }
        }
    }
}
