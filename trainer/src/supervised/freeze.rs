//! Layers that stay as they are while the others are learnt.

use std::collections::BTreeSet;

use cartwheel_agents::config::nearest;
use cartwheel_agents::nn::Parameters;

use crate::TrainError;

/// Freezes the layers called `layers`, as PyTorch's names have them.
///
/// # Errors
/// If there is no such layer, or nothing is left to be learnt.
pub(super) fn freeze(parameters: &mut Parameters, layers: &[String]) -> Result<(), TrainError> {
    let unfit = |problem: String| TrainError::Unfit(format!("fit.freeze: {problem}"));
    for layer in layers {
        if parameters.freeze(layer) == 0 {
            let (outer, all) = names(parameters);
            let near = nearest(layer, all.iter().map(String::as_str));
            let near = near.map_or(String::new(), |near| format!(" (nearest: {near:?})"));
            let outer = outer.join(", ");
            return Err(unfit(format!("there is no layer {layer:?}{near}: there are {outer}, and those in them")));
        }
    }
    if parameters.count() == 0 {
        let (outer, _) = names(parameters);
        return Err(unfit(format!("nothing is left to be learnt: leave one of {} out", outer.join(", "))));
    }
    Ok(())
}

/// The names of layers that are in no other one, in their order, and of all.
fn names(parameters: &Parameters) -> (Vec<&str>, BTreeSet<String>) {
    let (mut outer, mut all) = (Vec::new(), BTreeSet::new());
    for name in parameters.iter().map(|parameter| parameter.name()) {
        let first = name.split('.').next().unwrap_or(name);
        if outer.last() != Some(&first) {
            outer.push(first);
        }
        all.extend(name.match_indices('.').map(|(end, _)| name[..end].to_owned()));
    }
    (outer, all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_known_by_whole_names() {
        let of = |layers: &[&str]| {
            let mut parameters = Parameters::default();
            for name in ["conv1.weight", "layer1.0.conv1.weight", "layer10.conv1.weight", "fc.weight", "fc.bias"] {
                parameters.add(name, &[1], vec![0.0]);
            }
            let layers: Vec<String> = layers.iter().map(|layer| (*layer).to_owned()).collect();
            let told = freeze(&mut parameters, &layers).map_err(|error| error.to_string());
            told.map(|()| parameters.iter().map(|parameter| u8::from(parameter.is_trained())).collect::<Vec<_>>())
        };
        assert_eq!(of(&[]), Ok(vec![1, 1, 1, 1, 1]));
        assert_eq!(of(&["layer1"]), Ok(vec![1, 0, 1, 1, 1]));
        assert_eq!(of(&["conv1", "layer10.conv1", "fc.bias"]), Ok(vec![0, 1, 0, 1, 0]));
        let told = of(&["layr1"]).expect_err("refused");
        assert!(told.contains("\"layr1\" (nearest: \"layer1\"): there are conv1, layer1, layer10, fc"), "{told}");
        let told = of(&["conv1", "layer1", "layer10", "fc"]).expect_err("refused");
        assert!(told.contains("nothing is left"), "{told}");
    }
}
