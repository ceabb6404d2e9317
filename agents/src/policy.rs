//! A trained policy: what acts, in an actor, in evaluation or in somebody's program.

mod drawing;
mod memory;

pub(crate) use memory::append;

use std::collections::HashMap;
use std::path::Path;

use cartwheel_envs::{ActionRows, Generator, OwnedAction, Row, Space, Statistics};
use serde::{Deserialize, Serialize};

use crate::algorithm::Acting;
use crate::critic::{self, Critic, CriticMemory, CriticScratch, Sight};
use crate::extractor::FeaturesExtractor;
use crate::features::Features;
use crate::head::{ActionHead, Head};
use crate::judgement::Judgement;
use crate::mask::masked;
use crate::nn::{Activations, Mlp, WeightsError, read_weights, weights_bytes};

/// The index of the largest value, the first of equals; what is not a number is never the largest.
#[inline]
pub fn argmax(values: &[f32]) -> usize {
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        if *value > values[best] || (values[best].is_nan() && !value.is_nan()) {
            best = i;
        }
    }
    best
}

/// A trained policy: from an observation to the best action by it, the one with the highest value or chance, or the mean; or to
/// one that is [drawn](Self::sample).
///
/// ```no_run
/// use cartwheel_agents::Policy;
/// let mut policy = Policy::load("runs/my-run/checkpoints/best.safetensors".as_ref())?;
/// let action = policy.act(cartwheel_envs::Row::F32(&[0.0, 0.1, -0.02, 0.3]));
/// # Ok::<(), cartwheel_agents::PolicyError>(())
/// ```
///
/// One that [remembers](Self::memory_len) what it has seen must be told where episodes begin: [`reset`](Self::reset).
#[derive(Clone, Debug)]
pub struct Policy {
    description: Description,
    acting: Acting,
    parameters: Vec<f32>,
    scratch: Activations,
    input: Vec<f32>,
    /// Which actions are valid, where not all always are, and outputs that know it.
    valid: Vec<bool>,
    masked: Vec<f32>,
    /// The policy's own actions before they are the environment's.
    own: ActionRows,
    /// What it remembers of each row, and will once the step is taken that it was last asked about.
    memories: Vec<f32>,
    seen: Vec<f32>,
    /// Steps since the episode began.
    step: u64,
    critic: Option<Critic>,
    critic_memory: CriticMemory,
    critic_scratch: CriticScratch,
}

/// What a weights file says of its network, so that it can be used without anything beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Description {
    observation_space: Space,
    action_space: Space,
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
    head: Head,
    /// Not there in files of networks that are not of implicit quantiles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quantile_embedding_dim: Option<usize>,
    /// Not there in files of networks that remember nothing.
    #[serde(default, skip_serializing_if = "is_default")]
    lstm_hidden_size: usize,
    #[serde(default, skip_serializing_if = "is_default")]
    n_lstm_layers: usize,
    /// Not there in files of networks whose deviations hang on no state.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    use_sde: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    statistics: Vec<Statistics>,
    /// Not there in files of policies without value functions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    critic: Option<critic::Description>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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
    /// A space that its network does not take.
    #[error("no policy of this kind has {0}: `cartwheel algos` lists the spaces that each algorithm takes")]
    Space(String),
    /// A features extractor that does not see its observations.
    #[error("{0}")]
    Extractor(String),
    /// Exploration that is of other actions.
    #[error("{0}")]
    Exploration(String),
}

impl Policy {
    /// The policy with which `acting` acts between these spaces.
    pub fn new(observation_space: &Space, action_space: &Space, acting: Acting, parameters: Vec<f32>) -> Self {
        let [lstm_hidden_size, n_lstm_layers] = acting.mlp.lstm_shape();
        let description = Description {
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
        };
        let own = acting.actions.rows(0);
        Self {
            description,
            acting,
            parameters,
            scratch: Activations::default(),
            input: Vec::new(),
            valid: Vec::new(),
            masked: Vec::new(),
            own,
            memories: Vec::new(),
            seen: Vec::new(),
            step: 0,
            critic: None,
            critic_memory: CriticMemory::default(),
            critic_scratch: CriticScratch::default(),
        }
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
        let features = Features::new(&description.observation_space).map_err(PolicyError::Space)?;
        let actions = ActionHead::new(description.head, &description.action_space).map_err(PolicyError::Space)?;
        let extractor = match description.features_extractor.as_str() {
            "" => FeaturesExtractor::Flatten,
            name => name.parse().map_err(|e| refuse(format!("features_extractor: {e}")))?,
        };
        let inputs = extractor.inputs(&features).map_err(refuse)?;
        let (choices, dueling) = (actions.choices(), description.dueling);
        let implicit = description.quantile_embedding_dim.map(|dim| [dim, description.head.atoms()]);
        if implicit.is_some() && description.net_arch.is_empty() {
            return Err(refuse("its header's `policy` has implicit quantiles and no hidden layer".into()));
        }
        let mlp = if let Some(of) = implicit {
            Mlp::implicit(inputs, &description.net_arch, choices, of, activation, dueling)
        } else if description.layer_norm {
            Mlp::layer_norm(inputs, &description.net_arch, actions.outputs(), activation)
        } else {
            description.head.network(inputs, &description.net_arch, choices, activation, dueling)
        };
        let mlp = match [description.lstm_hidden_size, description.n_lstm_layers] {
            [0, 0] => mlp,
            [0, _] | [_, 0] => {
                return Err(refuse("its header's `policy` has layers that remember without any units".into()));
            }
            [hidden_size, layers] => mlp.remembering(hidden_size, layers),
        };
        let mlp = match (description.use_sde, description.head) {
            (false, _) => mlp,
            (true, head @ (Head::Gaussian | Head::SquashedGaussian)) => {
                mlp.state_dependent(head == Head::SquashedGaussian)
            }
            (true, _) => return Err(refuse("its header's `policy` has use_sde and no Gaussian".into())),
        };
        let critic = description.critic.map(|critic| {
            let find = |name: &str| tensors.iter().find(|tensor| tensor.name == name).cloned();
            Critic::read(&critic, (&mlp, actions.choices()), find)
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
    fn network_name(&self) -> &'static str {
        match self.description.head {
            Head::QValues | Head::Distribution(_) | Head::Quantiles(_) => "q_net",
            _ => "policy_net",
        }
    }

    /// The weights file that [`load`](Self::load) reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut tensors = self.acting.mlp.tensors(&self.parameters);
        tensors.iter_mut().for_each(|t| t.name = format!("{}.{}", self.network_name(), t.name));
        tensors.extend(self.critic.iter().flat_map(Critic::tensors));
        let description = serde_json::to_string(&self.description).unwrap_or_default();
        weights_bytes(&tensors, HashMap::from([("policy".to_string(), description)]))
    }

    /// The best action for one observation, as the environment takes it.
    pub fn act(&mut self, observation: Row<'_>) -> OwnedAction {
        let mut action = self.acting.actions.rows(1);
        self.act_batch(std::iter::once(observation), &mut action);
        action.get(0).to_owned()
    }

    /// The best actions for as many observations as `actions` has rows, as the environment takes them.
    pub fn act_batch<'r>(&mut self, observations: impl IntoIterator<Item = Row<'r>>, actions: &mut ActionRows) {
        self.choose(observations, &mut [], actions);
    }

    /// Writes an action for each observation: one drawn by one of `rngs`, which take turns, or the best if there are none.
    fn choose<'r>(
        &mut self,
        observations: impl IntoIterator<Item = Row<'r>>,
        rngs: &mut [Generator],
        actions: &mut ActionRows,
    ) {
        let Acting { features, actions: head, mlp } = &self.acting;
        let (n, width) = (actions.len(), features.width());
        let flags = features.masked();
        self.input.resize(n * width, 0.0);
        self.valid.resize(n * flags, true);
        for (i, (row, observation)) in self.input.chunks_exact_mut(width).zip(observations).enumerate() {
            features.encode(observation, row);
            features.write_mask(observation, &mut self.valid[i * flags..(i + 1) * flags]);
        }
        self.own.resize(n);
        memory::append(&self.memories, mlp.memory_len(), n, &mut self.input);
        let outputs = mlp.forward(&self.parameters, &self.input, n, &mut self.scratch);
        let outputs = masked(&self.valid, head.shape(mlp.output_stride()), outputs, &mut self.masked);
        for (i, outputs) in outputs.chunks_exact(mlp.output_stride()).enumerate() {
            match rngs.len() {
                0 => head.greedy(outputs, i, &mut self.own),
                n => head.sample(outputs, &mut rngs[i % n], i, &mut self.own),
            }
        }
        head.to_env(&self.own, actions);
        self.look(n);
        self.remember();
    }

    /// `n` actions of the environment, the first of each kind, for [`act_batch`](Self::act_batch) to write over.
    pub fn actions(&self, n: usize) -> ActionRows {
        let (own, mut actions) = (self.acting.actions.rows(n), self.acting.actions.rows(n));
        self.acting.actions.to_env(&own, &mut actions);
        actions
    }

    /// The outputs of the network for one observation: what they mean, its [`head`](Self::head) says.
    pub fn outputs(&mut self, observation: Row<'_>) -> &[f32] {
        let Acting { features, mlp, .. } = &self.acting;
        self.input.resize(features.width(), 0.0);
        features.encode(observation, &mut self.input);
        memory::append(&self.memories, mlp.memory_len(), 1, &mut self.input);
        mlp.forward(&self.parameters, &self.input, 1, &mut self.scratch);
        self.look(1);
        let mlp = &self.acting.mlp;
        &mlp.last_outputs(&self.scratch)[..mlp.outputs()]
    }

    /// What it makes of the actions for one observation, with what it remembers; those that are not valid have a value that is not a number, or no chance.
    pub fn judge(&mut self, observation: Row<'_>) -> Judgement {
        let mut judgement = Judgement::None;
        self.outputs(observation);
        let Acting { features, actions: head, mlp } = &self.acting;
        self.valid.resize(features.masked(), true);
        features.write_mask(observation, &mut self.valid);
        let outputs = mlp.last_outputs(&self.scratch);
        let outputs = masked(&self.valid, head.shape(mlp.output_stride()), outputs, &mut self.masked);
        head.judge(outputs, &mut judgement);
        judgement
    }

    /// What it makes of the actions, and of the state: the value of the best action, or what its
    /// [critic](Self::set_critic) says of its own choice, or nothing if it has no values.
    pub fn appraise(&mut self, observation: Row<'_>) -> (Judgement, Option<f32>) {
        let judgement = self.judge(observation);
        if let Some(values) = judgement.values() {
            let best = values.iter().copied().reduce(f32::max);
            return (judgement, best);
        }
        let Acting { features, actions: head, mlp } = &self.acting;
        let Some(critic) = &self.critic else { return (judgement, None) };
        let outputs = mlp.last_outputs(&self.scratch);
        let outputs = masked(&self.valid, head.shape(mlp.output_stride()), outputs, &mut self.masked);
        let sight = Sight {
            features: &self.input[..features.width()],
            outputs,
            remembered: &self.seen,
            episode: [0; 2],
            step: self.step,
        };
        let value = critic.value(head, sight, &judgement, &mut self.critic_memory, &mut self.critic_scratch);
        (judgement, value)
    }

    /// The value functions that were learnt beside it, if it has any: no action hangs on them.
    pub fn critic(&self) -> Option<&Critic> {
        self.critic.as_ref()
    }

    /// See [`critic`](Self::critic).
    pub fn critic_mut(&mut self) -> Option<&mut Critic> {
        self.critic.as_mut()
    }

    /// Replaces them. They are saved with it.
    pub fn set_critic(&mut self, critic: Option<Critic>) {
        self.description.critic = critic.as_ref().map(Critic::description);
        self.critic = critic;
    }

    /// Replaces the parameters by others of the same network.
    ///
    /// # Panics
    /// If they are of another length.
    pub fn set_parameters(&mut self, parameters: &[f32]) {
        assert_eq!(parameters.len(), self.acting.mlp.flat_len(), "parameters of another network");
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
        &self.acting.mlp
    }

    /// How it acts.
    pub fn acting(&self) -> &Acting {
        &self.acting
    }

    /// What its outputs mean.
    pub fn head(&self) -> Head {
        self.description.head
    }

    /// What the network sees of observations.
    pub fn features(&self) -> &Features {
        &self.acting.features
    }

    /// What it takes.
    pub fn observation_space(&self) -> &Space {
        &self.description.observation_space
    }

    /// What it answers.
    pub fn action_space(&self) -> &Space {
        &self.description.action_space
    }

    /// The number of the first action, where actions are counted.
    pub fn first_action(&self) -> i32 {
        self.acting.actions.first_action()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Activation;
    use crate::support::Support;

    fn round_trip(policy: &Policy, name: &str) -> Policy {
        let path = std::env::temp_dir().join(format!("cartwheel-{name}-{}.safetensors", std::process::id()));
        std::fs::write(&path, policy.to_bytes()).expect("a temporary file");
        let loaded = Policy::load(&path);
        std::fs::remove_file(&path).expect("a temporary file");
        loaded.expect("a whole file")
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
