//! A policy's weights file: what its header says of its network, so that it can be used without anything beside it.

use std::collections::HashMap;
use std::path::Path;

use cartwheel_envs::{Space, Statistics};
use serde::{Deserialize, Serialize};

use super::{Policy, PolicyError};
use crate::algorithm::Acting;
use crate::critic::{self, Critic};
use crate::extractor::FeaturesExtractor;
use crate::features::Features;
use crate::head::{ActionHead, Head};
use crate::nn::{Activation, Inputs, Mlp, NamedTensor, WeightsError, read_weights, weights_bytes, weights_of};

/// The `policy` of the header.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Description {
    pub(super) observation_space: Space,
    pub(super) action_space: Space,
    net_arch: Vec<usize>,
    activation_fn: String,
    /// Not there in files of networks that take observations as they are.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    features_extractor: String,
    /// Not there in files of networks that are not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    dueling: bool,
    /// Not there in files of networks that are not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    layer_norm: bool,
    /// Not there in files of networks of action values.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) head: Head,
    /// Not there in files of networks that are not of implicit quantiles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quantile_embedding_dim: Option<usize>,
    /// Not there in files of networks that remember nothing.
    #[serde(default, skip_serializing_if = "is_default")]
    lstm_hidden_size: usize,
    #[serde(default, skip_serializing_if = "is_default")]
    n_lstm_layers: usize,
    /// Not there in files of networks whose deviations depend on no state.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    use_sde: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) statistics: Vec<Statistics>,
    /// Not there in files of policies without value functions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) critic: Option<critic::Description>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Description {
    /// Of a policy with which `acting` acts between these spaces.
    pub(super) fn of(observation_space: &Space, action_space: &Space, acting: &Acting) -> Self {
        let [lstm_hidden_size, n_lstm_layers] = acting.mlp.lstm_shape();
        Self {
            observation_space: observation_space.clone(),
            action_space: action_space.clone(),
            net_arch: acting.mlp.hidden().to_vec(),
            activation_fn: acting.mlp.activation().to_string(),
            features_extractor: match FeaturesExtractor::of(acting.mlp.reads()) {
                FeaturesExtractor::Flatten => String::new(),
                extractor => extractor.to_string(),
            },
            dueling: acting.mlp.is_dueling(),
            layer_norm: acting.mlp.is_normalized(),
            head: acting.actions.head(),
            quantile_embedding_dim: acting.mlp.embedding_dim(),
            lstm_hidden_size,
            n_lstm_layers,
            use_sde: acting.mlp.is_state_dependent(),
            statistics: Vec::new(),
            critic: None,
        }
    }

    /// The network that it describes.
    fn network(&self, inputs: Inputs, actions: &ActionHead, activation: Activation) -> Result<Mlp, String> {
        let (choices, dueling) = (actions.choices(), self.dueling);
        let implicit = self.quantile_embedding_dim.map(|dim| [dim, self.head.atoms()]);
        if implicit.is_some() && self.net_arch.is_empty() {
            return Err("its header's `policy` has implicit quantiles and no hidden layer".into());
        }
        let mlp = if let Some(of) = implicit {
            Mlp::implicit(inputs, &self.net_arch, choices, of, activation, dueling)
        } else if self.layer_norm {
            Mlp::layer_norm(inputs, &self.net_arch, actions.outputs(), activation)
        } else {
            self.head.network(inputs, &self.net_arch, choices, activation, dueling)
        };
        let mlp = match [self.lstm_hidden_size, self.n_lstm_layers] {
            [0, 0] => mlp,
            [0, _] | [_, 0] => {
                return Err("its header's `policy` has layers that remember without any units".into());
            }
            [hidden_size, layers] => mlp.remembering(hidden_size, layers),
        };
        Ok(match (self.use_sde, self.head) {
            (false, _) => mlp,
            (true, head @ (Head::Gaussian | Head::SquashedGaussian)) => {
                mlp.state_dependent(head == Head::SquashedGaussian)
            }
            (true, _) => return Err("its header's `policy` has use_sde and no Gaussian".into()),
        })
    }
}

impl Policy {
    /// The policy in a weights file of a run, such as `checkpoints/best.safetensors`.
    ///
    /// # Errors
    /// If the file is missing, cut off, or not of a policy.
    pub fn load(path: &Path) -> Result<Self, PolicyError> {
        Self::of_tensors(read_weights(path)?, path)
    }

    /// The policy that [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// If the bytes are cut off, or not of a policy.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PolicyError> {
        let name = Path::new("the bytes given");
        Self::of_tensors(weights_of(bytes, name)?, name)
    }

    /// The policy of a weights file's tensors and metadata.
    fn of_tensors(
        (tensors, metadata): (Vec<NamedTensor>, HashMap<String, String>),
        path: &Path,
    ) -> Result<Self, PolicyError> {
        let refuse = |reason: String| PolicyError::NotAPolicy { file: path.display().to_string(), reason };
        let text = metadata.get("policy").ok_or_else(|| refuse("its header has no `policy`".into()))?;
        let description: Description =
            serde_json::from_str(text).map_err(|e| refuse(format!("its header's `policy`: {e}")))?;
        let activation = description.activation_fn.parse().map_err(|e| refuse(format!("activation_fn: {e}")))?;
        let features = Features::new(&description.observation_space).map_err(PolicyError::Space)?;
        let actions = ActionHead::new(description.head, &description.action_space).map_err(PolicyError::Space)?;
        let extractor = match description.features_extractor.as_str() {
            "" => FeaturesExtractor::Flatten,
            name => name.parse().map_err(|e| refuse(format!("features_extractor: {e}")))?,
        };
        let inputs = extractor.inputs(&features).map_err(refuse)?;
        let mlp = description.network(inputs, &actions, activation).map_err(refuse)?;
        let critic = description.critic.as_ref().map(|critic| {
            let find = |name: &str| tensors.iter().find(|tensor| tensor.name == name).cloned();
            Critic::read(critic, (&mlp, actions.choices()), find)
        });
        let critic = critic.transpose().map_err(|reason| refuse(format!("its critic: {reason}")))?;
        let acting = Acting { features, actions, mlp };
        let mut policy = Self::new(&description.observation_space, &description.action_space, acting, Vec::new());
        let name = policy.network_name();
        policy.set_statistics(description.statistics);
        policy.set_critic(critic);
        let find = |tensor: &str| tensors.iter().find(|t| t.name == format!("{name}.{tensor}")).cloned();
        policy.parameters =
            policy.acting.mlp.flatten(find).map_err(|source| WeightsError::Mismatch { file: path.into(), source })?;
        Ok(policy)
    }

    /// What the network is called in weights files.
    pub(super) fn network_name(&self) -> &'static str {
        match self.description.head {
            Head::QValues | Head::Distribution(_) | Head::Quantiles(_) => "q_net",
            _ => "policy_net",
        }
    }

    /// The weights file that [`load`](Self::load) reads, and [`from_bytes`](Self::from_bytes).
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut tensors = self.acting.mlp.tensors(&self.parameters);
        tensors.iter_mut().for_each(|t| t.name = format!("{}.{}", self.network_name(), t.name));
        tensors.extend(self.critic.iter().flat_map(Critic::tensors));
        let description = serde_json::to_string(&self.description).unwrap_or_default();
        weights_bytes(&tensors, HashMap::from([("policy".to_string(), description)]))
    }
}

#[cfg(test)]
mod tests {
    use cartwheel_envs::{Generator, Row};

    use super::*;
    use crate::support::Support;

    fn round_trip(policy: &Policy, name: &str) -> Policy {
        let path = std::env::temp_dir().join(format!("cartwheel-{name}-{}.safetensors", std::process::id()));
        std::fs::write(&path, policy.to_bytes()).expect("a temporary file");
        let loaded = Policy::load(&path);
        std::fs::remove_file(&path).expect("a temporary file");
        let (bytes, loaded) = (policy.to_bytes(), loaded.expect("a whole file"));
        assert_eq!(Policy::from_bytes(&bytes).expect("whole bytes").to_bytes(), loaded.to_bytes());
        let cut = Policy::from_bytes(&bytes[..bytes.len() - 1]).expect_err("cut off").to_string();
        assert!(cut.contains("the bytes given") && cut.contains("cut off"), "{cut}");
        loaded
    }

    #[test]
    fn a_weights_file_says_which_network_it_is_of() {
        let observations = Space::box_f32(vec![-1.0; 3], vec![1.0; 3]);
        let (four, arms) = (Space::discrete(4), Space::box_f32(vec![-1.0; 2], vec![1.0; 2]));
        let returns = Head::Distribution(Support { n_atoms: 5, v_min: -3.0, v_max: 7.0 });
        type Build = Box<dyn Fn(usize) -> Mlp>;
        let built = |head: Head, dueling| move |choices| head.network(3, &[20, 9], choices, Activation::Tanh, dueling);
        let normalized = |choices| Mlp::layer_norm(3, &[20, 9], choices, Activation::Tanh);
        let quantiles = Head::Quantiles(5);
        let implicit = |dueling| move |choices| Mlp::implicit(3, &[20, 9], choices, [6, 5], Activation::Tanh, dueling);
        let remembering = |choices| Mlp::new(3, &[20, 9], choices, Activation::Tanh).remembering(6, 2);
        let bell = |choices| Mlp::gaussian(3, &[], choices, Activation::Tanh).remembering(16, 1);
        let exploring = |choices| Mlp::gaussian(3, &[20, 9], choices, Activation::Tanh).state_dependent(false);
        let squashed = |choices| Mlp::new(3, &[20, 9], 2 * choices, Activation::Tanh).state_dependent(true);
        let both = |choices| Mlp::gaussian(3, &[], choices, Activation::Tanh).remembering(16, 1).state_dependent(false);
        let cases: [(_, _, Build, _); 17] = [
            ("plain", Head::QValues, Box::new(built(Head::QValues, false)), &four),
            ("dueling", Head::QValues, Box::new(built(Head::QValues, true)), &four),
            ("normalized", Head::QValues, Box::new(normalized), &four),
            ("categorical", Head::Categorical, Box::new(built(Head::Categorical, false)), &four),
            ("squashed", Head::SquashedGaussian, Box::new(built(Head::SquashedGaussian, false)), &arms),
            ("remembering", Head::Categorical, Box::new(remembering), &four),
            ("remembering gaussian", Head::Gaussian, Box::new(bell), &arms),
            ("exploring", Head::Gaussian, Box::new(exploring), &arms),
            ("exploring squashed", Head::SquashedGaussian, Box::new(squashed), &arms),
            ("exploring remembering", Head::Gaussian, Box::new(both), &arms),
            ("gaussian", Head::Gaussian, Box::new(built(Head::Gaussian, false)), &arms),
            ("returns", returns, Box::new(built(returns, false)), &four),
            ("dueling returns", returns, Box::new(built(returns, true)), &four),
            ("quantiles", quantiles, Box::new(built(quantiles, false)), &four),
            ("implicit", quantiles, Box::new(implicit(false)), &four),
            ("dueling implicit", quantiles, Box::new(implicit(true)), &four),
            ("dueling quantiles", quantiles, Box::new(built(quantiles, true)), &four),
        ];
        for (name, head, network, actions) in cases {
            let choices = ActionHead::new(head, actions).expect("a fitting space");
            let acting = Acting {
                features: Features::new(&observations).expect("a fitting space"),
                mlp: network(choices.choices()),
                actions: choices,
            };
            let parameters = acting.mlp.init(&mut Generator::new(1));
            let mut policy = Policy::new(&observations, actions, acting, parameters);
            let mut loaded = round_trip(&policy, name);
            assert_eq!(loaded.mlp(), policy.mlp());
            assert_eq!(loaded.parameters(), policy.parameters());
            let seen = Row::F32(&[0.1, -0.5, 0.9]);
            assert_eq!(loaded.outputs(seen), policy.outputs(seen));
            assert_eq!((loaded.judge(seen), loaded.act(seen)), (policy.judge(seen), policy.act(seen)));
            assert_eq!(loaded.memories(), policy.memories());
            assert_eq!(loaded.memories().iter().any(|x| *x != 0.0), name.contains("remembering"));
            // What a file without the word is of: those written before there was a choice.
            let text = String::from_utf8_lossy(&policy.to_bytes()).into_owned();
            assert_eq!(text.contains("dueling"), name.contains("dueling"));
            assert_eq!(text.contains("use_sde"), name.contains("exploring"));
            assert_eq!(text.contains("head\\\":"), head != Head::QValues);
            assert_eq!(text.contains("policy_net.lstm.weight_ih_l0"), name.contains("remembering"));
        }
    }
}
