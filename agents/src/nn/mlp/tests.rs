//! Networks against finite differences, and their parameters by name.

use cartwheel_envs::Generator;

use super::*;
use crate::nn::{Activations, Cnn, Image};

fn loss(mlp: &Mlp, params: &[f32], x: &[f32], batch: usize, weights: &[f32]) -> f64 {
    let mut scratch = Activations::default();
    let y = mlp.forward(params, x, batch, &mut scratch);
    y.iter().zip(weights).map(|(y, w)| f64::from(*y) * f64::from(*w)).sum()
}

/// The backward pass against finite differences, for each activation and instruction set.
#[test]
fn gradients_agree_with_finite_differences() {
    let mut rng = Generator::new(7);
    let picture = Inputs::picture(Cnn::minatar(), Image { height: 5, width: 4, channels: 3, planes: 1 });
    let own = Cnn { conv_filters: vec![[9, 2, 2], [17, 2, 1]], features_dim: 21 };
    let own = Inputs::picture(own, Image { height: 5, width: 4, channels: 3, planes: 1 });
    let kinds: [&dyn Fn(Activation) -> Mlp; 11] = [
        &|a| Mlp::new(5, &[24, 9], 3, a),
        &|a| Mlp::dueling(5, &[24, 9], 3, 1, a),
        &|a| Mlp::dueling(5, &[24, 9], 3, 4, a),
        &|a| Mlp::gaussian(5, &[24, 9], 3, a),
        &|a| Mlp::layer_norm(5, &[24, 9], 3, a),
        &|a| Mlp::new(&picture, &[], 3, a),
        &|a| Mlp::dueling(own.beside(2), &[9], 3, 1, a),
        &|a| Mlp::layer_norm(picture.beside(2), &[9], 3, a),
        &|a| Mlp::new(5, &[24, 9], 4, a).state_dependent(true),
        &|a| Mlp::new(5, &[], 4, a).state_dependent(true),
        &|a| Mlp::gaussian(own.beside(2), &[9], 3, a).with_value_branch(&[5]),
    ];
    for (isa, kind) in Isa::available().into_iter().flat_map(|isa| (0..kinds.len()).map(move |kind| (isa, kind))) {
        for activation in [Activation::Relu, Activation::Tanh, Activation::Elu, Activation::LeakyRelu] {
            let mlp = kinds[kind](activation).on(isa);
            let params = mlp.init(&mut rng);
            let (batch, width) = (6, mlp.inputs());
            let x: Vec<f32> = (0..batch * width).map(|_| rng.uniform(-2.0, 2.0) as f32).collect();
            let mut weights = vec![0.0; batch * (mlp.output_stride() + mlp.value_stride())];
            let (of_outputs, of_values) = weights.split_at_mut(batch * mlp.output_stride());
            for row in of_outputs.chunks_exact_mut(mlp.output_stride()) {
                row[..mlp.outputs()].fill_with(|| rng.uniform(-1.0, 1.0) as f32);
            }
            of_values.iter_mut().step_by(mlp.value_stride().max(1)).for_each(|w| *w = rng.uniform(-1.0, 1.0) as f32);
            let mut scratch = Activations::default();
            mlp.forward(&params, &x, batch, &mut scratch);
            let mut gradient = vec![0.0; mlp.flat_len()];
            mlp.backward(&params, &x, batch, &mut scratch, &weights, &mut gradient);
            let places = |(layer, linear): (&Layer, &Linear)| layer.weights(linear).chain(layer.biases(linear));
            let real: std::collections::BTreeSet<usize> = mlp.linears().flat_map(places).collect();
            assert_eq!(real.len(), mlp.num_parameters());
            // Some ReLUs have theirs within any step: of the many behind a convolution more.
            let (mut kinks, mut checked) = (0, 0);
            for at in real.iter().copied().step_by(if width > 5 { 31 } else { 7 }) {
                // A wider one reaches over the kinks of some ReLUs, where there is no gradient to compare with.
                let step = 3e-4;
                let (mut up, mut down) = (params.clone(), params.clone());
                up[at] += step;
                down[at] -= step;
                let of = |params: &[f32]| loss(&mlp, params, &x, batch, &weights);
                let (above, below) = (of(&up) - of(&params), of(&params) - of(&down));
                let grad = (above + below) / (2.0 * f64::from(step));
                if (above - below).abs() > 4e-3 * f64::from(step) {
                    kinks += 1;
                    continue;
                }
                checked += 1;
                assert!(
                    (grad - f64::from(gradient[at])).abs() < if width > 5 { 5e-2 } else { 2e-2 } * grad.abs().max(0.1),
                    "{isa} {activation} kind {kind} {at}: {grad} {}",
                    gradient[at]
                );
            }
            assert!(kinks * 4 < checked, "{kinks} kinks of {checked}");
            assert!((0..mlp.flat_len()).all(|i| real.contains(&i) || gradient[i] == 0.0), "padding got a gradient");

            let mut by_input = Vec::new();
            mlp.backward_to_input(&params, batch, &mut scratch, &weights, 2..width, &mut by_input);
            assert_eq!(by_input.len(), (width - 2) * batch);
            let mut last = Vec::new();
            mlp.backward_to_input(&params, batch, &mut scratch, &weights, width - 1..width, &mut last);
            assert!(by_input.chunks_exact(width - 2).map(|row| &row[width - 3]).eq(&last));
            let mut kinks = 0;
            for (i, found) in by_input.iter().enumerate() {
                let (at, step) = (i / (width - 2) * width + 2 + i % (width - 2), 3e-4);
                let (mut up, mut down) = (x.clone(), x.clone());
                up[at] += step;
                down[at] -= step;
                let of = |x: &[f32]| loss(&mlp, &params, x, batch, &weights);
                let (above, below) = (of(&up) - of(&x), of(&x) - of(&down));
                let grad = (above + below) / (2.0 * f64::from(step));
                if (above - below).abs() > 4e-3 * f64::from(step) {
                    kinks += 1;
                    continue;
                }
                assert!((grad - f64::from(*found)).abs() < 2e-2 * grad.abs().max(0.1), "{i}: {grad} {found}");
            }
            assert!(kinks * 4 < by_input.len(), "{kinks} kinks of {}", by_input.len());
        }
    }
}

#[test]
fn grads_by_the_input_agree_with_finite_differences() {
    let mut rng = Generator::new(4);
    let (relu, tanh) = (Activation::Relu, Activation::Tanh);
    let plain = [relu, tanh].map(|activation| Mlp::new(5, &[24, 9], 3, activation));
    let others = [Mlp::dueling(5, &[24, 9], 3, 1, tanh), Mlp::layer_norm(5, &[24, 9], 3, tanh)];
    for mlp in plain.into_iter().chain(others) {
        let params = mlp.init(&mut rng);
        let x: Vec<f32> = (0..5).map(|_| rng.uniform(-2.0, 2.0) as f32).collect();
        let mut scratch = Activations::default();
        let grads = mlp.input_gradient(&params, &x, |_, grad| grad[1] = 1.0, &mut scratch);
        assert_eq!(grads.len(), 5);
        for (i, grad) in grads.iter().enumerate() {
            let mut at = |step: f32| {
                let mut x = x.clone();
                x[i] += step;
                mlp.forward(&params, &x, 1, &mut scratch)[1]
            };
            let expected = (at(1e-3) - at(-1e-3)) / 2e-3;
            assert!((grad - expected).abs() < 2e-3, "{mlp:?} {i}: {grad} {expected}");
        }
    }
}

#[test]
fn named_tensors_round_trip() {
    let mlp = Mlp::new(4, &[32, 20], 2, Activation::Relu);
    let params = mlp.init(&mut Generator::new(3));
    let tensors = mlp.tensors(&params);
    assert_eq!(tensors[2].name, "2.weight");
    assert_eq!(tensors[2].shape, [20, 32]);
    assert_eq!(tensors.iter().map(|t| t.values.len()).sum::<usize>(), mlp.num_parameters());
    // A file may put a prefix before the names.
    let find = |name: &str| {
        let tensor = tensors.iter().find(|t| t.name == name)?;
        Some(NamedTensor { name: format!("prefix.{name}"), ..tensor.clone() })
    };
    assert_eq!(mlp.flatten(find).expect("the same shapes"), params);
    let other = Mlp::new(4, &[32, 21], 2, Activation::Relu).flatten(find).expect_err("another shape");
    assert_eq!(other.to_string(), "tensor `2.weight` should have shape [21, 32], found [20, 32]");
}

/// Names as a PyTorch module with `network`, `value_head` and `advantage_head` has them, for any depth.
#[test]
fn a_dueling_networks_tensors_are_those_of_its_streams() {
    let names = |hidden: &[usize]| {
        let mlp = Mlp::dueling(4, hidden, 20, 1, Activation::Relu);
        let params = mlp.init(&mut Generator::new(3));
        let tensors = mlp.tensors(&params);
        assert_eq!(tensors.iter().map(|t| t.values.len()).sum::<usize>(), mlp.num_parameters());
        let find = |name: &str| tensors.iter().find(|t| t.name == name).cloned();
        assert_eq!(mlp.flatten(find).expect("the same shapes"), params);
        let weights =
            tensors.iter().filter_map(|t| Some((t.name.strip_suffix(".weight")?.to_string(), t.shape.clone())));
        weights.map(|(name, shape)| format!("{name} {shape:?}")).collect::<Vec<_>>().join(", ")
    };
    let streams = "value_head.2 [1, 9], advantage_head.2 [20, 9]";
    assert_eq!(
        names(&[32, 9]),
        format!("network.0 [32, 4], value_head.0 [9, 32], advantage_head.0 [9, 32], {streams}")
    );
    assert_eq!(names(&[9]), format!("value_head.0 [9, 4], advantage_head.0 [9, 4], {streams}"));
    assert_eq!(names(&[]), "value_head.0 [1, 4], advantage_head.0 [20, 4]");
}

#[test]
fn a_vector_that_hangs_on_no_input_has_its_own_name() {
    let mlp = Mlp::gaussian(4, &[20], 3, Activation::Tanh);
    let params = mlp.init(&mut Generator::new(3));
    let names: Vec<_> = mlp.tensors(&params).into_iter().map(|t| format!("{} {:?}", t.name, t.shape)).collect();
    assert_eq!(names, ["0.weight [20, 4]", "0.bias [20]", "2.weight [3, 20]", "2.bias [3]", "log_std [3]"]);
    assert_eq!((mlp.names().len(), mlp.norms(&params).len()), (5, 5));
    let tensors = mlp.tensors(&params);
    let find = |name: &str| tensors.iter().find(|t| t.name == name).cloned();
    assert_eq!(mlp.flatten(find).expect("the same shapes"), params);
}

/// Q = V + A − mean A, with the streams computed apart by networks of their own.
#[test]
fn a_dueling_network_is_its_streams_put_together() {
    let mut rng = Generator::new(11);
    let (mlp, batch) = (Mlp::dueling(5, &[7, 18], 3, 1, Activation::Relu), 4);
    let params = mlp.init(&mut rng);
    let tensors = mlp.tensors(&params);
    let x: Vec<f32> = (0..batch * 5).map(|_| rng.uniform(-2.0, 2.0) as f32).collect();
    let stream = |head: &str, outputs: usize| {
        let mlp = Mlp::new(5, &[7, 18], outputs, Activation::Relu);
        let names = [("0.", "network.0.".into()), ("2.", format!("{head}.0.")), ("4.", format!("{head}.2."))];
        let find = |name: &str| {
            let (ours, theirs) = names.iter().find(|(ours, _)| name.starts_with(ours))?;
            tensors.iter().find(|t| t.name == name.replacen(ours, theirs, 1)).cloned()
        };
        let params = mlp.flatten(find).expect("the same shapes");
        let mut scratch = Activations::default();
        let rows = mlp.forward(&params, &x, batch, &mut scratch).chunks_exact(mlp.output_stride());
        rows.map(|row| row[..outputs].to_vec()).collect::<Vec<_>>()
    };
    let (values, advantages) = (stream("value_head", 1), stream("advantage_head", 3));
    let mut scratch = Activations::default();
    let rows = mlp.forward(&params, &x, batch, &mut scratch).chunks_exact(mlp.output_stride());
    for ((row, value), advantages) in rows.zip(values).zip(advantages) {
        let mean = advantages.iter().sum::<f32>() / 3.0;
        for (q, advantage) in row.iter().zip(&advantages) {
            assert!((q - (value[0] + advantage - mean)).abs() < 1e-5);
        }
        assert!(row[3..].iter().all(|padding| *padding == 0.0));
    }
}
