//! A linear map of a model that classifies.

use super::plan::Weighted;
use super::{LayerCost, Ranks};
use crate::nn::{ParameterId, Parameters, Real};

/// See the module's documentation.
#[derive(Clone, Debug)]
pub(super) struct Linear {
    pub(super) name: String,
    /// Inputs and outputs.
    pub(super) sizes: [usize; 2],
    pub(super) weight: ParameterId,
    pub(super) bias: Option<ParameterId>,
}

impl Linear {
    /// A layer called `name` of `sizes`: one map, or two with so many numbers between them as `ranks` say. `begin` answers what
    /// weights and biases of such sizes begin as.
    pub(super) fn layer<E: Real>(
        name: &str,
        sizes: [usize; 2],
        ranks: &Ranks,
        begin: &mut dyn FnMut([usize; 2]) -> [Vec<E>; 2],
        parameters: &mut Parameters<E>,
    ) -> Vec<Self> {
        let map = |(name, sizes, has_bias): (String, [usize; 2], bool)| {
            let [inputs, outputs] = sizes;
            let [weight, bias] = begin(sizes);
            let weight = parameters.add(format!("{name}.weight"), &[outputs, inputs], weight);
            let bias = has_bias.then(|| parameters.add(format!("{name}.bias"), &[outputs], bias));
            Self { name, sizes, weight, bias }
        };
        maps(name, sizes, ranks).into_iter().map(map).collect()
    }

    /// What such a layer costs.
    pub(super) fn costs(name: &str, sizes: [usize; 2], ranks: &Ranks) -> impl Iterator<Item = LayerCost> + use<> {
        maps(name, sizes, ranks).into_iter().map(|(name, sizes, has_bias)| cost(name, sizes, has_bias))
    }

    /// What it costs.
    pub(super) fn cost(&self) -> LayerCost {
        cost(self.name.clone(), self.sizes, self.bias.is_some())
    }

    /// Its numbers for use.
    pub(super) fn weighted(&self, parameters: &Parameters) -> Weighted {
        let of = |id| parameters.get(id).values().to_vec();
        let [inputs, outputs] = self.sizes;
        let bias = self.bias.map_or_else(|| vec![0.0; outputs], of);
        Weighted { shape: vec![outputs, inputs], weights: of(self.weight), bias }
    }
}

/// Names and sizes of the maps of a layer, and whether they have a bias.
fn maps(name: &str, [inputs, outputs]: [usize; 2], ranks: &Ranks) -> Vec<(String, [usize; 2], bool)> {
    match ranks.get(name) {
        None => vec![(name.to_owned(), [inputs, outputs], true)],
        Some(rank) => {
            vec![(format!("{name}.0"), [inputs, *rank], false), (format!("{name}.1"), [*rank, outputs], true)]
        }
    }
}

fn cost(name: String, [inputs, outputs]: [usize; 2], has_bias: bool) -> LayerCost {
    let (weights, biases) = ((inputs * outputs) as u64, if has_bias { outputs as u64 } else { 0 });
    let (parameters, flops) = (weights + biases, 2 * weights + biases);
    LayerCost { name, kind: "Linear".into(), output: vec![outputs], parameters, flops }
}
