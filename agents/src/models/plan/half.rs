//! Whether f16 has room for what a network makes of samples.

use super::Plan;
use crate::nn::Real as _;

/// From here on numbers are rounded to infinity.
const INFINITE: f32 = 65520.0;

/// A number that is larger than those of f16.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OverflowsHalf {
    /// One of a tensor.
    #[error("{tensor} has the number {value}, and the largest of f16 is 65504: export it as f32, or as int8")]
    Weight {
        /// The tensor's name.
        tensor: String,
        /// The number.
        value: f32,
    },
    /// One that a layer makes of a sample.
    #[error("{layer} makes {value} of a sample, and the largest number of f16 is 65504: export it as f32, or as int8")]
    Activation {
        /// The layer's name, or `input`.
        layer: String,
        /// The number.
        value: f32,
    },
}

/// A network in f16 that is shown samples: its weights and what comes out of each layer are rounded. Sums within a layer are f32, as
/// in ONNX Runtime and in the tensor cores of GPUs.
#[derive(Clone, Debug)]
pub struct HalfRange {
    plan: Plan,
    /// The largest number that was seen, and the value that it is in.
    largest: (f32, usize),
}

impl Plan {
    /// Refuses weights that f16 has no room for.
    pub(super) fn check_half(&self) -> Result<(), OverflowsHalf> {
        for (layer, of) in self.layers.iter().filter_map(|layer| Some((layer, layer.op.weighted()?))) {
            for (what, numbers) in [("weight", &of.weights), ("bias", &of.bias)] {
                if let Some(value) = numbers.iter().find(|x| x.is_nan() || x.abs() >= INFINITE) {
                    return Err(OverflowsHalf::Weight { tensor: format!("{}.{what}", layer.name), value: *value });
                }
            }
        }
        Ok(())
    }
}

impl HalfRange {
    /// Of a network.
    ///
    /// # Errors
    /// If one of its weights is too large.
    pub fn new(mut plan: Plan) -> Result<Self, OverflowsHalf> {
        plan.check_half()?;
        for of in plan.layers.iter_mut().filter_map(|layer| layer.op.weighted_mut()) {
            f32::round_to_half(&mut of.weights);
            f32::round_to_half(&mut of.bias);
        }
        Ok(Self { plan, largest: (0.0, 0) })
    }

    /// Shows it the samples `x`, as the model takes them, one after the other.
    ///
    /// # Errors
    /// If a layer makes a number of them that is too large, or none: the first such layer.
    pub fn see(&mut self, x: Vec<f32>) -> Result<(), OverflowsHalf> {
        let (mut largest, mut first) = (self.largest, None);
        let mut look = |value: usize, numbers: &mut [f32]| {
            let highest = numbers.iter().fold(0.0_f32, |highest, x| highest.max(x.abs()));
            if highest > largest.0 {
                largest = (highest, value);
            }
            let too_large = |x: &&f32| x.is_nan() || x.abs() >= INFINITE;
            first = first.or_else(|| Some((value, *numbers.iter().find(too_large)?)));
            f32::round_to_half(numbers);
        };
        let mut logits = self.plan.run(x, &mut look);
        look(self.plan.layers.len(), &mut logits);
        self.largest = largest;
        match first {
            Some((value, number)) => {
                Err(OverflowsHalf::Activation { layer: self.plan.name(value).to_owned(), value: number })
            }
            None => Ok(()),
        }
    }

    /// The layer with the largest number that was seen, and that number.
    pub fn largest(&self) -> (&str, f32) {
        (self.plan.name(self.largest.1), self.largest.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Op, Weighted};
    use super::*;

    /// Two layers of one number each, that multiply it.
    fn plan(by: [f32; 2]) -> Plan {
        let mut plan = Plan::new(&[1]);
        for (at, weight) in by.into_iter().enumerate() {
            let of = Weighted { shape: vec![1, 1], weights: vec![weight], bias: vec![0.0] };
            plan.push(&format!("layer{at}"), &[at], Op::Linear(of), at == 0);
        }
        plan
    }

    #[test]
    fn the_first_layer_that_outgrows_f16_is_named() {
        let see = |by, x: f32| {
            let mut range = HalfRange::new(plan(by)).expect("small weights");
            range.see(vec![1.0, x]).map(|()| range.largest().1)
        };
        let outgrown = |layer: &str, value| Err(OverflowsHalf::Activation { layer: layer.into(), value });
        assert_eq!(see([2.0, 1.0], 1000.0), Ok(2000.0));
        assert_eq!(see([1000.0, 0.001], 70.0), outgrown("layer0", 70_000.0));
        // The logits are looked at, too,
        assert_eq!(see([100.0, 1000.0], 1.0), outgrown("layer1", 100_000.0));
        // and what is no number; but not what a rectifier makes 0 of.
        assert!(matches!(see([1.0, 1.0], f32::NAN), Err(OverflowsHalf::Activation { layer, .. }) if layer == "input"));
        assert_eq!(see([-1000.0, 1.0], 65.0), Ok(65.0));
        // Rounded to the nearest number of f16 it is one still.
        assert_eq!(see([1.0, 1.0], 65519.0), Ok(65519.0));
        assert_eq!(see([1.0, 1.0], 65520.0), outgrown("input", 65520.0));
        let error = HalfRange::new(plan([1e5, 1.0])).expect_err("refused").to_string();
        assert!(error.contains("layer0.weight has the number 100000"), "{error}");
    }
}
