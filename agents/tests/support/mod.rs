//! Reads what PyTorch answered: numbers and networks from JSON.

use cartwheel_agents::nn::{Mlp, NamedTensor};
use serde_json::Value;

/// A file of tests/data.
pub(crate) fn recorded(file: &str) -> Value {
    let path = format!("{}/../tests/data/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// All numbers of an array of any depth.
pub(crate) fn floats(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(items) => items.iter().flat_map(floats).collect(),
        number => vec![number.as_f64().unwrap() as f32],
    }
}

fn shape(value: &Value) -> Vec<usize> {
    match value {
        Value::Array(items) => [vec![items.len()], shape(&items[0])].concat(),
        _ => vec![],
    }
}

/// The parameters of `mlp` from a module's state.
pub(crate) fn flat(mlp: &Mlp, state: &Value) -> Vec<f32> {
    let find = |name: &str| {
        let value = &state[name];
        Some(NamedTensor { name: name.into(), shape: shape(value), values: floats(value) })
    };
    mlp.flatten(find).unwrap()
}

/// Fails unless each number is as expected, but for `tolerance`: of it, or of 1 if it is smaller.
pub(crate) fn close(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance * expected.abs().max(1.0), "{what}: {found} for {expected}");
    }
}
