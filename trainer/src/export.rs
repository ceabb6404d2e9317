//! Policies of runs as files of ONNX: with what wrappers learnt, and the names of those that have to stand before the file.

use cartwheel_agents::{Normalization, Policy};
use cartwheel_envs::{Statistics, WrapperSpec};

use crate::Provenance;

/// A policy as a file of ONNX.
#[derive(Clone, Debug)]
pub struct ExportedPolicy {
    /// The file.
    pub bytes: Vec<u8>,
    /// The wrappers of observations and actions that are not part of it, the innermost first.
    pub wrappers: Vec<String>,
}

/// The file of a policy that was trained behind `wrappers`, the innermost first. Each `NormalizeObservation` is part of it that has no
/// other wrapper of observations between itself and the policy. The names of the others are in its metadata, `wrappers`, and what
/// normalizing ones among them had learnt, `statistics`, both in JSON, and what it was made from, `provenance`.
pub fn export_policy(policy: &Policy, wrappers: &[WrapperSpec], provenance: &Provenance) -> ExportedPolicy {
    let learns = |spec: &&WrapperSpec| ["NormalizeObservation", "NormalizeReward"].contains(&spec.info().name);
    let known = policy.statistics().len() == wrappers.iter().filter(learns).count();
    // Statistics are in the order in which wrappers are met from outside.
    let mut statistics = policy.statistics().iter();
    let (mut within, mut left, mut unused) = (Vec::new(), Vec::new(), Vec::new());
    for spec in wrappers.iter().rev() {
        let (name, own) = (spec.info().name, if learns(&spec) { statistics.next() } else { None });
        match (name, own, spec.number("epsilon")) {
            ("NormalizeObservation", Some(statistics), Some(epsilon))
                if known && !left.iter().copied().any(is_of_observations) =>
            {
                within.push(Normalization { statistics, epsilon });
            }
            _ if is_of_observations(spec) || name.ends_with("Action") => {
                left.push(spec);
                unused.extend(own.filter(|_| name == "NormalizeObservation"));
            }
            _ => {}
        }
    }
    within.reverse();
    left.reverse();
    let wrappers: Vec<String> = left.iter().map(ToString::to_string).collect();
    let mut metadata = vec![("wrappers", serde_json::to_string(&wrappers).unwrap_or_default()), provenance.entry()];
    metadata.extend(told(&unused));
    ExportedPolicy { bytes: policy.to_onnx(&within, &metadata), wrappers }
}

/// The file of a policy whose wrappers nobody knows: what they had learnt is in its metadata, `statistics`.
pub fn export_policy_alone(policy: &Policy, provenance: &Provenance) -> Vec<u8> {
    let statistics: Vec<_> = policy.statistics().iter().collect();
    let metadata: Vec<_> = told(&statistics).into_iter().chain([provenance.entry()]).collect();
    policy.to_onnx(&[], &metadata)
}

/// Whether it changes observations, which Gymnasium says by its name.
fn is_of_observations(spec: &WrapperSpec) -> bool {
    let name = spec.info().name;
    name.ends_with("Observation") || name == "AtariPreprocessing"
}

fn told(statistics: &[&Statistics]) -> Option<(&'static str, String)> {
    (!statistics.is_empty()).then(|| ("statistics", serde_json::to_string(statistics).unwrap_or_default()))
}
