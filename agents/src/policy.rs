//! A trained policy: what acts, in an actor, in evaluation or in somebody's program.

use std::collections::HashMap;
use std::path::Path;

use cartwheel_envs::{Row, Space, Statistics};
use serde::{Deserialize, Serialize};

use crate::features::Features;
use crate::nn::{Activations, Mlp, WeightsError, read_weights, weights_bytes};

/// The index of the largest value, the first of equals.
#[inline]
pub fn argmax(values: &[f32]) -> usize {
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = i;
        }
    }
    best
}

/// A policy that takes the action of the highest value.
///
/// ```no_run
/// use cartwheel_agents::GreedyPolicy;
/// let mut policy = GreedyPolicy::load("runs/my-run/checkpoints/best.safetensors".as_ref())?;
/// let action = policy.act(cartwheel_envs::Row::F32(&[0.0, 0.1, -0.02, 0.3]));
/// # Ok::<(), cartwheel_agents::PolicyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct GreedyPolicy {
    description: Description,
    features: Features,
    mlp: Mlp,
    parameters: Vec<f32>,
    scratch: Activations,
    input: Vec<f32>,
}

/// What a weights file says of its network, so that it can be used without anything beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Description {
    observation_space: Space,
    action_space: Space,
    net_arch: Vec<usize>,
    activation_fn: String,
    /// Not there in files of networks that are not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    dueling: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    statistics: Vec<Statistics>,
}

/// Why a policy could not be made or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The file.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The file is safetensors, but not a policy's.
    #[error("{file} holds no Cartwheel policy: {reason}")]
    NotAPolicy {
        /// The file.
        file: String,
        /// What is missing.
        reason: String,
    },
    /// A space that no network here takes.
    #[error("DQN takes Box or Discrete observations and Discrete actions, not {0}")]
    Space(String),
}

impl GreedyPolicy {
    /// A policy over these spaces with the `network` for as many inputs and as many actions, such as
    /// `|inputs, actions| Mlp::new(inputs, &[64, 64], actions, Activation::Relu)`.
    ///
    /// # Errors
    /// If a space does not fit.
    pub fn new(
        observation_space: &Space,
        action_space: &Space,
        network: impl FnOnce(usize, usize) -> Mlp,
        parameters: Vec<f32>,
    ) -> Result<Self, PolicyError> {
        let features = Features::new(observation_space).map_err(PolicyError::Space)?;
        let Space::Discrete { n, .. } = action_space else {
            return Err(PolicyError::Space(action_space.to_string()));
        };
        let mlp = network(features.width(), *n as usize);
        let description = Description {
            observation_space: observation_space.clone(),
            action_space: action_space.clone(),
            net_arch: mlp.hidden().to_vec(),
            activation_fn: mlp.activation().to_string(),
            dueling: mlp.is_dueling(),
            statistics: Vec::new(),
        };
        Ok(Self { description, input: Vec::new(), features, mlp, parameters, scratch: Activations::default() })
    }

    /// The policy in a weights file of a run, such as `checkpoints/best.safetensors`.
    ///
    /// # Errors
    /// If the file is missing, cut off, or not of a policy.
    pub fn load(path: &Path) -> Result<Self, PolicyError> {
        let (tensors, metadata) = read_weights(path)?;
        let refuse = |reason: String| PolicyError::NotAPolicy { file: path.display().to_string(), reason };
        let text = metadata.get("policy").ok_or_else(|| refuse("its header has no `policy`".into()))?;
        let description: Description =
            serde_json::from_str(text).map_err(|e| refuse(format!("its header's `policy`: {e}")))?;
        let activation = description.activation_fn.parse().map_err(|e| refuse(format!("activation_fn: {e}")))?;
        let new = if description.dueling { Mlp::dueling } else { Mlp::new };
        let mut policy = Self::new(
            &description.observation_space,
            &description.action_space,
            |inputs, actions| new(inputs, &description.net_arch, actions, activation),
            Vec::new(),
        )?;
        policy.set_statistics(description.statistics);
        let find = |name: &str| tensors.iter().find(|t| t.name == format!("q_net.{name}")).cloned();
        policy.parameters =
            policy.mlp.flatten(find).map_err(|source| WeightsError::Mismatch { file: path.into(), source })?;
        Ok(policy)
    }

    /// The weights file that [`load`](Self::load) reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut tensors = self.mlp.tensors(&self.parameters);
        tensors.iter_mut().for_each(|t| t.name = format!("q_net.{}", t.name));
        let description = serde_json::to_string(&self.description).unwrap_or_default();
        weights_bytes(&tensors, HashMap::from([("policy".to_string(), description)]))
    }

    /// The greedy action for one observation, as the environment counts it.
    pub fn act(&mut self, observation: Row<'_>) -> i32 {
        let mut action = [0];
        self.act_batch(std::iter::once(observation), &mut action);
        action[0]
    }

    /// Greedy actions for as many observations as `actions` has room for.
    pub fn act_batch<'r>(&mut self, observations: impl IntoIterator<Item = Row<'r>>, actions: &mut [i32]) {
        let width = self.features.width();
        self.input.resize(actions.len() * width, 0.0);
        for (row, observation) in self.input.chunks_exact_mut(width).zip(observations) {
            self.features.encode(observation, row);
        }
        let start = self.first_action();
        let (n, stride) = (self.mlp.outputs(), self.mlp.output_stride());
        let q = self.mlp.forward(&self.parameters, &self.input, actions.len(), &mut self.scratch);
        for (action, q) in actions.iter_mut().zip(q.chunks_exact(stride)) {
            *action = start + argmax(&q[..n]) as i32;
        }
    }

    /// The values of each action for one observation.
    pub fn q_values(&mut self, observation: Row<'_>) -> &[f32] {
        self.input.resize(self.features.width(), 0.0);
        self.features.encode(observation, &mut self.input);
        let n = self.mlp.outputs();
        &self.mlp.forward(&self.parameters, &self.input, 1, &mut self.scratch)[..n]
    }

    /// Replaces the parameters by others of the same network.
    ///
    /// # Panics
    /// If they are of another length.
    pub fn set_parameters(&mut self, parameters: &[f32]) {
        assert_eq!(parameters.len(), self.mlp.flat_len(), "parameters of another network");
        self.parameters.clear();
        self.parameters.extend_from_slice(parameters);
    }

    /// What the wrappers of the environment had learnt of the stream when the policy was trained (means and variances
    /// of observations): it takes observations that were normalized with these. They are saved with it.
    pub fn statistics(&self) -> &[Statistics] {
        &self.description.statistics
    }

    /// Replaces them.
    pub fn set_statistics(&mut self, statistics: Vec<Statistics>) {
        self.description.statistics = statistics;
    }

    /// The parameters, flat.
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// The network's shape.
    pub fn mlp(&self) -> &Mlp {
        &self.mlp
    }

    /// What the network sees of observations.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// What it takes.
    pub fn observation_space(&self) -> &Space {
        &self.description.observation_space
    }

    /// What it answers.
    pub fn action_space(&self) -> &Space {
        &self.description.action_space
    }

    /// The number of the first action.
    pub fn first_action(&self) -> i32 {
        match self.description.action_space {
            Space::Discrete { start, .. } => start,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Activation;
    use cartwheel_envs::Generator;

    fn round_trip(policy: &GreedyPolicy, name: &str) -> GreedyPolicy {
        let path = std::env::temp_dir().join(format!("cartwheel-{name}-{}.safetensors", std::process::id()));
        std::fs::write(&path, policy.to_bytes()).expect("a temporary file");
        let loaded = GreedyPolicy::load(&path);
        std::fs::remove_file(&path).expect("a temporary file");
        loaded.expect("a whole file")
    }

    #[test]
    fn a_weights_file_says_which_network_it_is_of() {
        let (observations, actions) = (Space::box_f32(vec![-1.0; 3], vec![1.0; 3]), Space::discrete(4));
        for (name, new) in [("plain", Mlp::new as fn(_, &[usize], _, _) -> Mlp), ("dueling", Mlp::dueling)] {
            let mlp = new(3, &[20, 9], 4, Activation::Tanh);
            let parameters = mlp.init(&mut Generator::new(1));
            let mut policy =
                GreedyPolicy::new(&observations, &actions, |_, _| mlp, parameters).expect("fitting spaces");
            let mut loaded = round_trip(&policy, name);
            assert_eq!(loaded.mlp(), policy.mlp());
            assert_eq!(loaded.parameters(), policy.parameters());
            let seen = Row::F32(&[0.1, -0.5, 0.9]);
            assert_eq!(loaded.q_values(seen), policy.q_values(seen));
            // What a file without the word is of: those written before there was a choice.
            let text = String::from_utf8_lossy(&policy.to_bytes()).contains("dueling");
            assert_eq!(text, name == "dueling");
        }
    }
}
