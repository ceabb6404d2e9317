use super::*;
use crate::nn::{Activation, Activations, Mlp, NamedTensor};
use cartwheel_envs::Generator;
use serde_json::Value;

/// What `torch.nn.LSTM` answered: tests/data/recurrent_ppo/lstm.py.
fn recorded() -> Value {
    let text = include_str!("../../../../tests/data/recurrent_ppo/lstm.json");
    serde_json::from_str(text).expect("a recording")
}

fn floats(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(items) => items.iter().flat_map(floats).collect(),
        number => vec![number.as_f64().expect("a number") as f32],
    }
}

fn shape(value: &Value) -> Vec<usize> {
    match value {
        Value::Array(items) => [vec![items.len()], shape(&items[0])].concat(),
        _ => vec![],
    }
}

fn close(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() < 2e-6 * expected.abs().max(1.0), "{what} {i}: {found} for {expected}");
    }
}

/// Rows with what lies behind them.
fn behind(rows: &[f32], lengths: &[usize], memories: &[f32], len: usize) -> Vec<f32> {
    let mut x = rows.to_vec();
    for (length, memory) in lengths.iter().zip(memories.chunks_exact(len)) {
        x.push(*length as f32);
        x.extend_from_slice(memory);
    }
    x
}

#[test]
fn forward_and_backward_are_pytorchs() {
    let case = recorded();
    let number = |key: &str| case[key].as_u64().expect("a number") as usize;
    let lengths: Vec<usize> = floats(&case["lengths"]).iter().map(|n| *n as usize).collect();
    let batch = lengths.iter().sum::<usize>();
    for isa in Isa::available() {
        let mlp = Mlp::new(3, &[], 2, Activation::Tanh).remembering(number("units"), number("layers")).on(isa);
        let find = |of: &str, name: &str| {
            let value = &case[of][name];
            Some(NamedTensor { name: name.into(), shape: shape(value), values: floats(value) })
        };
        let flat = mlp.flatten(|name| find("parameters", name)).expect("all parameters");
        assert_eq!(
            mlp.num_parameters(),
            case["parameters"].as_object().expect("tensors").values().map(|t| floats(t).len()).sum::<usize>()
        );
        let x = behind(&floats(&case["x"]), &lengths, &floats(&case["memories"]), mlp.memory_len());
        let (mut scratch, stride) = (Activations::default(), mlp.output_stride());
        // What another batch left does not matter.
        mlp.forward(&flat, &vec![0.3; 3 * 20], 20, &mut scratch);
        let outputs = mlp.forward(&flat, &x, batch, &mut scratch).to_vec();
        let of_rows: Vec<f32> = outputs.chunks_exact(stride).flat_map(|row| row[..2].to_vec()).collect();
        close(&of_rows, &floats(&case["outputs"]), &format!("{isa}: outputs"));
        let memories = &mlp.memories(&scratch)[..batch * mlp.memory_len()];
        close(memories, &floats(&case["after"]), &format!("{isa}: memories"));
        let mut grads = vec![0.0; batch * stride];
        let given = floats(&case["grads"]);
        grads.chunks_exact_mut(stride).zip(given.chunks_exact(2)).for_each(|(to, from)| to[..2].copy_from_slice(from));
        let mut gradient = vec![0.0; mlp.flat_len()];
        mlp.backward(&flat, &x, batch, &mut scratch, &grads, &mut gradient);
        for tensor in mlp.tensors(&gradient) {
            let expected = floats(&case["gradients"][&tensor.name]);
            close(&tensor.values, &expected, &format!("{isa}: gradient of {}", tensor.name));
        }
        let mut by_x = Vec::new();
        mlp.backward_to_input(&flat, batch, &mut scratch, &grads, 0..3, &mut by_x);
        close(&by_x, &floats(&case["by_x"]), &format!("{isa}: gradient by the inputs"));
    }
}

/// What actors do row by row and learners do in one go is the same, to the last bit.
#[test]
fn a_sequence_is_its_rows_one_after_the_other() {
    let mut rng = Generator::new(3);
    for isa in Isa::available() {
        let mlp = Mlp::gaussian(3, &[8], 2, Activation::Tanh).remembering(21, 2).on(isa);
        let flat = mlp.init_orthogonal(0.01, &mut rng);
        let (lengths, len) = ([4, 1, 6], mlp.memory_len());
        let rows: Vec<f32> = (0..3 * 11).map(|_| rng.uniform(-1.0, 1.0) as f32).collect();
        let begin: Vec<f32> = (0..3 * len).map(|_| rng.uniform(-1.0, 1.0) as f32).collect();
        let mut scratch = Activations::default();
        let whole = mlp.forward(&flat, &behind(&rows, &lengths, &begin, len), 11, &mut scratch).to_vec();
        let (memories, stride) = (mlp.memories(&scratch)[..11 * len].to_vec(), mlp.output_stride());
        let mut row = 0;
        for (length, begin) in lengths.iter().zip(begin.chunks_exact(len)) {
            let mut memory = begin.to_vec();
            for _ in 0..*length {
                let x = behind(&rows[3 * row..3 * row + 3], &[1], &memory, len);
                let alone = mlp.forward(&flat, &x, 1, &mut scratch);
                assert_eq!(alone, &whole[row * stride..(row + 1) * stride], "{isa}: row {row}");
                memory.copy_from_slice(&mlp.memories(&scratch)[..len]);
                assert_eq!(memory, memories[row * len..(row + 1) * len], "{isa}: memory of row {row}");
                row += 1;
            }
        }
        let nothing = behind(&rows[..3], &[1], &vec![0.0; len], len);
        let expected = mlp.forward(&flat, &nothing, 1, &mut scratch).to_vec();
        assert_eq!(mlp.forward(&flat, &rows[..3], 1, &mut scratch), expected, "without anything behind");
    }
}

/// A step along each parameter changes the loss by its gradient, through all steps of a sequence and to its beginning.
#[test]
fn gradients_are_the_grads_of_the_loss() {
    let mut rng = Generator::new(8);
    let mlp = Mlp::new(2, &[3], 1, Activation::Tanh).remembering(4, 1);
    let flat: Vec<f32> = mlp.init(&mut rng).iter().map(|x| 1.5 * x).collect();
    let rows: Vec<f32> = (0..2 * 7).map(|_| rng.uniform(-2.0, 2.0) as f32).collect();
    let memories: Vec<f32> = (0..2 * 8).map(|_| rng.uniform(-1.0, 1.0) as f32).collect();
    let x = behind(&rows, &[5, 2], &memories, mlp.memory_len());
    let (mut scratch, stride) = (Activations::default(), mlp.output_stride());
    let mut loss = |flat: &[f32]| {
        let outputs = mlp.forward(flat, &x, 7, &mut scratch);
        // Only what comes last counts.
        [4, 6].map(|row| f64::from(outputs[row * stride])).iter().map(|y| y * y).sum::<f64>()
    };
    let outputs = mlp.forward(&flat, &x, 7, &mut Activations::default()).to_vec();
    let mut grads = vec![0.0; 7 * stride];
    [4, 6].iter().for_each(|row| grads[row * stride] = 2.0 * outputs[row * stride]);
    let (mut gradient, mut own) = (vec![0.0; mlp.flat_len()], Activations::default());
    mlp.forward(&flat, &x, 7, &mut own);
    mlp.backward(&flat, &x, 7, &mut own, &grads, &mut gradient);
    let places: Vec<f32> = (0..mlp.flat_len()).map(|at| at as f32).collect();
    let mut moved = 0;
    for at in mlp.tensors(&places).iter().flat_map(|tensor| &tensor.values).map(|at| *at as usize) {
        let mut shifted = flat.clone();
        shifted[at] += 1e-2;
        let above = loss(&shifted);
        shifted[at] -= 2e-2;
        let grad = (above - loss(&shifted)) / 2e-2;
        assert!((grad - f64::from(gradient[at])).abs() < 2e-4 + 1e-2 * grad.abs(), "{at}: {} for {grad}", gradient[at]);
        moved += usize::from(grad.abs() > 1e-3);
    }
    assert!(moved > 60, "{moved} of {}", mlp.num_parameters());
}

/// As `torch.nn.LSTM`, also where other weights begin orthogonal.
#[test]
fn what_remembers_begins_uniform_by_its_units() {
    let mlp = Mlp::new(3, &[8], 2, Activation::Tanh).remembering(25, 2);
    for flat in [mlp.init(&mut Generator::new(0)), mlp.init_orthogonal(1.0, &mut Generator::new(0))] {
        for tensor in mlp.tensors(&flat).iter().filter(|tensor| tensor.name.starts_with("lstm.")) {
            let largest = tensor.values.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
            assert!((0.18..=0.2).contains(&largest), "{}: {largest}", tensor.name);
        }
    }
    let projecting = Mlp::new(25, &[64, 8], 2, Activation::Tanh).projecting();
    let flat = projecting.init_orthogonal(1.0, &mut Generator::new(0));
    let biases = &flat[projecting.biases("0").expect("a first layer")];
    assert!(biases.iter().any(|x| *x != 0.0) && biases.iter().all(|x| x.abs() <= 0.2));
    // Nothing follows it: x stays what it is, where tanh would have left no more than 1 of it.
    let mlp = Mlp::new(1, &[1], 1, Activation::Tanh).projecting();
    let find = |name: &str| {
        let (shape, value) = if name.ends_with("weight") { (vec![1, 1], 1.0) } else { (vec![1], 0.0) };
        Some(NamedTensor { name: name.into(), shape, values: vec![value] })
    };
    let (flat, mut scratch) = (mlp.flatten(find).expect("all parameters"), Activations::default());
    assert_eq!(mlp.forward(&flat, &[100.0], 1, &mut scratch)[0], 100.0);
}

#[test]
#[should_panic(expected = "sequences of 3 rows lie behind 2")]
fn sequences_are_of_all_rows() {
    let mlp = Mlp::new(1, &[], 1, Activation::Tanh).remembering(1, 1);
    let flat = vec![0.0; mlp.flat_len()];
    mlp.forward(&flat, &[0.0, 0.0, 3.0, 0.0, 0.0], 2, &mut Activations::default());
}
