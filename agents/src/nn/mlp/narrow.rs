//! The gradient of the weights of a layer of few outputs, such as the values of two actions.
//!
//! Of the vector that holds a row of such a matrix most lanes are padding, and a product that goes along it spends its time on
//! them. This one goes along the inputs, which are many, and turns what it comes to. Each sum has the same terms in the same
//! order: not a bit differs.

use super::layer::Layer;
use crate::nn::kernels::matmul::{Epilogue, PAD, Strided, matmul};
use crate::nn::kernels::simd::Isa;

/// The most outputs that this is for: rows of a register tile.
const MOST: usize = 4;

/// Whether a layer is worked on along its inputs.
pub(crate) fn is_narrow(layer: &Layer) -> bool {
    layer.columns == PAD && layer.used <= MOST && layer.inputs.is_multiple_of(PAD) && layer.inputs > PAD
}

/// Adds the gradient by the weights of a narrow `layer` to `dw`, given what it read and the gradient by its outputs.
pub(crate) fn add_gradient(isa: Isa, layer: &Layer, x: &[f32], dy: &[f32], dw: &mut [f32], transposed: &mut Vec<f32>) {
    let (used, k, n) = (layer.used, layer.inputs, layer.columns);
    transposed.clear();
    transposed.extend((0..used).flat_map(|output| dw.iter().skip(output).step_by(n).take(k)));
    matmul(isa, used, k, dy.len() / n, Strided::transposed(dy, n), x, transposed, Epilogue::Accumulate);
    for (row, dw) in dw.chunks_exact_mut(n).take(k).enumerate() {
        dw.iter_mut().zip(transposed.iter().skip(row).step_by(k)).for_each(|(to, sum)| *to = *sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::kernels::matmul::matmul;
    use crate::nn::mlp::layer::{Linear, add_layer};
    use cartwheel_envs::Generator;

    #[test]
    fn it_is_the_usual_product_bit_for_bit() {
        let mut rng = Generator::new(1);
        let mut random = |n: usize| (0..n).map(|_| rng.uniform(-1.0, 1.0) as f32).collect::<Vec<_>>();
        for (used, k, rows) in [(1, 32, 7), (2, 64, 256), (3, 48, 20), (4, 80, 1)] {
            let mut layers = Vec::new();
            add_layer(&mut layers, k, vec![Linear::new("0".into(), 0..k, 0..used)]);
            let layer = &layers[0];
            assert!(is_narrow(layer));
            let (x, mut dy, mut before) = (random(rows * k), random(rows * PAD), random(k * PAD));
            for numbers in [&mut dy, &mut before] {
                numbers.chunks_exact_mut(PAD).for_each(|row| row[used..].fill(0.0));
            }
            for isa in Isa::available() {
                let (mut expected, mut found, mut room) = (before.clone(), before.clone(), Vec::new());
                matmul(isa, k, PAD, rows, Strided::transposed(&x, k), &dy, &mut expected, Epilogue::Accumulate);
                add_gradient(isa, layer, &x, &dy, &mut found, &mut room);
                let bits = |numbers: &[f32]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&found), bits(&expected), "{isa}: {used} outputs, {k} inputs, {rows} rows");
            }
        }
    }
}
