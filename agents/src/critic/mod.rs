//! What a state is worth to an actor-critic policy: the value functions that were learnt beside it, for people to see.

mod memory;

use cartwheel_envs::Action;
use serde::{Deserialize, Serialize};

pub use memory::CriticMemory;

use crate::actor_critic::CriticReads;
use crate::head::ActionHead;
use crate::judgement::Judgement;
use crate::nn::{Activations, Mlp, NamedTensor, Network, TensorMismatch};
use crate::policy;

/// What a value function is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueOf {
    /// A state: V(s), as PPO's.
    State,
    /// A state and an action of numbers: Q(s, a), as SAC's. Several numbers are quantiles of it, as TQC's.
    Action,
    /// A state, a number for each of its actions: Q(s, ·), as discrete SAC's.
    Actions,
}

/// Which of the values that several networks give an action its policy climbs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Climb {
    /// The least of all, as in SAC.
    #[default]
    Least,
    /// The first network's, as in TD3.
    First,
    /// The mean of all that all networks say, as in TQC.
    Mean,
}

impl Climb {
    fn is_least(&self) -> bool {
        *self == Self::Least
    }
}

/// A state that a policy has looked at.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// What the policy's network sees of the observation.
    pub features: &'a [f32],
    /// What the network answers.
    pub outputs: &'a [f32],
    /// What the policy remembers once it has seen it; nothing of one that does not.
    pub remembered: &'a [f32],
    /// A number of the episode, and the step in it: 0 where it begins.
    pub episode: [u64; 2],
    /// See [`episode`](Self::episode).
    pub step: u64,
}

/// Value functions of a policy, all of one shape.
#[derive(Clone, Debug)]
pub struct Critic {
    of: ValueOf,
    climb: Climb,
    reads: CriticReads,
    mlp: Mlp,
    /// Of each network, flat.
    parameters: Vec<Vec<f32>>,
}

/// Room to ask them in.
#[derive(Clone, Debug, Default)]
pub struct CriticScratch {
    activations: Activations,
    input: Vec<f32>,
}

/// What a weights file says of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Description {
    of: ValueOf,
    #[serde(default, skip_serializing_if = "Climb::is_least")]
    climb: Climb,
    /// Not there in files of those that read the observation alone.
    #[serde(default, skip_serializing_if = "CriticReads::is_observations")]
    reads: CriticReads,
    /// How many there are.
    n_critics: usize,
    net_arch: Vec<usize>,
    activation_fn: String,
    outputs: usize,
}

impl Critic {
    /// These networks as they are, which read observations and of which the policy climbs what `climb` says; none if there is none.
    pub fn copied(of: ValueOf, climb: Climb, networks: &[&dyn Network]) -> Option<Self> {
        let mlp = networks.first()?.mlp().clone();
        let parameters = networks.iter().map(|network| network.parameters().to_vec()).collect();
        Some(Self { of, climb, reads: CriticReads::Observations, mlp, parameters })
    }

    /// V(s) of a policy that may remember: the network of this shape with these parameters.
    pub(crate) fn of_states(reads: CriticReads, (mlp, parameters): (Mlp, Vec<f32>)) -> Self {
        Self { of: ValueOf::State, climb: Climb::Least, reads, mlp, parameters: vec![parameters] }
    }

    /// Those that a weights file describes and holds: `find` gives its tensors by name.
    pub(crate) fn read(
        description: &Description,
        (acting, dimensions): (&Mlp, usize),
        find: impl Fn(&str) -> Option<NamedTensor>,
    ) -> Result<Self, String> {
        let Description { of, climb, reads, n_critics, net_arch, activation_fn, outputs } = description;
        let activation = activation_fn.parse().map_err(|reason| format!("activation_fn: {reason}"))?;
        if !reads.is_observations() && acting.memory_len() == 0 {
            return Err("it remembers, and the policy beside it does not".into());
        }
        let mlp = match of {
            ValueOf::State => reads.network(acting, net_arch, activation),
            ValueOf::Action => Mlp::new(acting.reads().beside(dimensions), net_arch, *outputs, activation),
            ValueOf::Actions => Mlp::new(acting.reads(), net_arch, *outputs, activation),
        };
        let network = |i| mlp.flatten(|name| find(&format!("{}.{name}", of.name(i))));
        let parameters = (0..*n_critics).map(network).collect::<Result<_, _>>();
        let parameters = parameters.map_err(|error: TensorMismatch| error.to_string())?;
        Ok(Self { of: *of, climb: *climb, reads: *reads, mlp, parameters })
    }

    pub(crate) fn description(&self) -> Description {
        Description {
            of: self.of,
            climb: self.climb,
            reads: self.reads,
            n_critics: self.parameters.len(),
            // A layer that only projects comes with what is read.
            net_arch: self.mlp.hidden()[usize::from(self.mlp.projects())..].to_vec(),
            activation_fn: self.mlp.activation().to_string(),
            outputs: self.mlp.outputs(),
        }
    }

    /// What a weights file holds of them, with Stable-Baselines3's names: `value_net`, or `critic.qf0` and so on.
    pub(crate) fn tensors(&self) -> Vec<NamedTensor> {
        let named = |(i, flat): (usize, &Vec<f32>)| {
            let mut tensors = self.mlp.tensors(flat);
            tensors.iter_mut().for_each(|tensor| tensor.name = format!("{}.{}", self.of.name(i), tensor.name));
            tensors
        };
        self.parameters.iter().enumerate().flat_map(named).collect()
    }

    /// The shape of each.
    pub fn mlp(&self) -> &Mlp {
        &self.mlp
    }

    /// The parameters of each, flat.
    pub fn networks(&self) -> &[Vec<f32>] {
        &self.parameters
    }

    /// The parameters of a value function that shares the convolutions of a policy of these parameters, behind which its own lie;
    /// nothing if these are of another.
    pub(crate) fn joined(&self, policy: &[f32], own: &[f32]) -> Option<Vec<f32>> {
        let seen = self.mlp.extractor_len();
        let fits = seen > 0 && seen <= policy.len() && seen + own.len() == self.mlp.flat_len();
        fits.then(|| [&policy[..seen], own].concat())
    }

    /// Replaces the parameters by those that `flat` begins with, network by network; false if they are of others.
    pub fn set_parameters(&mut self, flat: &[&[f32]]) -> bool {
        let len = self.mlp.flat_len();
        if flat.len() != self.parameters.len() || flat.iter().any(|numbers| numbers.len() < len) {
            return false;
        }
        self.parameters.iter_mut().zip(flat).for_each(|(own, numbers)| own.copy_from_slice(&numbers[..len]));
        true
    }

    /// What they say of the state in `sight`, which `judgement` is of: V(s), or the value of the policy's own choice there, or of
    /// its actions by their chances. Nothing if it is not their policy, or if they remember and have not been asked about each
    /// step of the episode with this `memory`.
    pub fn value(
        &self,
        head: &ActionHead,
        sight: Sight<'_>,
        judgement: &Judgement,
        memory: &mut CriticMemory,
        scratch: &mut CriticScratch,
    ) -> Option<f32> {
        let Sight { features, outputs, remembered, episode, step } = sight;
        let mut own = head.rows(1);
        head.greedy(outputs, 0, &mut own);
        let action = if let Action::Continuous(numbers) = own.get(0) { numbers } else { &[] };
        let chances = if let Judgement::Probabilities(chances) = judgement { chances.as_slice() } else { &[] };
        let behind = match self.reads {
            CriticReads::OwnMemory => memory.before(episode, step)?,
            _ => &[],
        };
        let reads =
            if self.reads == CriticReads::PolicysMemory { last_of(remembered, self.mlp.inputs())? } else { features };
        let value = self.ask(reads, behind, action, chances, scratch)?;
        if self.reads == CriticReads::OwnMemory {
            memory.keep(&self.mlp.memories(&scratch.activations)[..self.mlp.memory_len()]);
        }
        Some(value)
    }

    /// Of several networks what the policy climbed; of quantiles the mean.
    fn ask(
        &self,
        features: &[f32],
        behind: &[f32],
        action: &[f32],
        chances: &[f32],
        scratch: &mut CriticScratch,
    ) -> Option<f32> {
        let CriticScratch { activations, input } = scratch;
        input.clear();
        input.extend_from_slice(features);
        if self.of == ValueOf::Action {
            input.extend_from_slice(action);
        }
        if input.len() != self.mlp.inputs() {
            return None;
        }
        policy::append(behind, self.mlp.memory_len(), 1, input);
        let count = self.mlp.outputs();
        // A row of numbers of each network.
        let said: Vec<Vec<f32>> = self
            .parameters
            .iter()
            .map(|parameters| self.mlp.forward(parameters, input, 1, activations)[..count].to_vec())
            .collect();
        let least = |values: &mut dyn Iterator<Item = f32>| values.fold(f32::INFINITY, f32::min);
        if self.of == ValueOf::Actions {
            // Where an action is not valid its chance is 0.
            let of = |(action, p): (usize, &f32)| p * least(&mut said.iter().map(|row| row[action]));
            return (chances.len() == count).then(|| chances.iter().enumerate().map(of).sum());
        }
        let mut means = said.iter().map(|row| row.iter().sum::<f32>() / count as f32);
        match self.climb {
            Climb::Least => Some(least(&mut means)),
            Climb::First => means.next(),
            Climb::Mean => Some(means.sum::<f32>() / said.len() as f32),
        }
    }
}

/// What the last layer that remembers answered, of so many units: h within what is remembered, (h, c) of each layer.
fn last_of(remembered: &[f32], units: usize) -> Option<&[f32]> {
    let begin = remembered.len().checked_sub(2 * units)?;
    Some(&remembered[begin..][..units])
}

impl ValueOf {
    /// What network number `i` is called in weights files.
    fn name(self, i: usize) -> String {
        match self {
            Self::State => "value_net".to_owned(),
            Self::Action | Self::Actions => format!("critic.qf{i}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::{Acting, Algorithm};
    use crate::nn::{Activation, Device};
    use crate::policy::Policy;
    use cartwheel_envs::{Generator, Row, Space};

    /// Networks of a hidden unit, the sum of all inputs if that is above 0, that say so much more than it.
    fn critic(of: ValueOf, inputs: usize, more: &[&[f32]]) -> Critic {
        let mlp = Mlp::new(inputs, &[1], more[0].len(), Activation::Relu);
        let parameters = more.iter().map(|more| {
            let find = |name: &str| {
                let outputs = more.len();
                let (shape, values) = match name {
                    "0.weight" => (vec![1, inputs], vec![1.0; inputs]),
                    "0.bias" => (vec![1], vec![0.0]),
                    "2.weight" => (vec![outputs, 1], vec![1.0; outputs]),
                    _ => (vec![outputs], more.to_vec()),
                };
                Some(NamedTensor { name: name.into(), shape, values })
            };
            mlp.flatten(find).unwrap()
        });
        let parameters = parameters.collect();
        Critic { of, climb: Climb::Least, reads: CriticReads::Observations, mlp, parameters }
    }

    #[test]
    fn values_are_of_the_state_or_of_what_is_done_there() {
        let ask = |critic: &Critic, action: &[f32], chances: &[f32]| {
            critic.ask(&[0.5, 2.0], &[], action, chances, &mut CriticScratch::default())
        };
        assert_eq!(ask(&critic(ValueOf::State, 2, &[&[1.0]]), &[], &[]), Some(3.5));
        let twins = critic(ValueOf::Action, 3, &[&[1.0], &[-2.0]]);
        assert_eq!(ask(&twins, &[0.25], &[]), Some(0.75), "the least of both, with the action");
        assert_eq!(ask(&twins, &[], &[]), None, "no action is known");
        assert_eq!(ask(&Critic { climb: Climb::First, ..twins }, &[0.25], &[]), Some(3.75));
        let quantiles = critic(ValueOf::Action, 3, &[&[0.0, 1.0, 5.0], &[9.0; 3]]);
        assert_eq!(ask(&quantiles, &[0.5], &[]), Some(5.0), "their mean");
        assert_eq!(ask(&Critic { climb: Climb::Mean, ..quantiles }, &[0.5], &[]), Some(8.5), "that of both");
        let each = critic(ValueOf::Actions, 2, &[&[1.0, 5.0], &[2.0, 4.0]]);
        assert_eq!(ask(&each, &[], &[0.25, 0.75]), Some(2.5 + 0.25 + 3.0), "the least of each by its chance");
        assert_eq!(ask(&each, &[], &[]), None);
    }

    /// Files may say anything.
    #[test]
    fn a_memory_beside_a_policy_without_one_is_refused() {
        let acting = Mlp::new(3, &[4], 2, Activation::Tanh);
        for reads in [CriticReads::OwnMemory, CriticReads::PolicysMemory] {
            let mlp = Mlp::new(3, &[4], 1, Activation::Tanh);
            let critic = Critic { of: ValueOf::State, climb: Climb::Least, reads, mlp, parameters: vec![] };
            let told = Critic::read(&critic.description(), (&acting, 2), |_| None).unwrap_err();
            assert!(told.contains("the policy beside it does not"), "{told}");
        }
    }

    #[test]
    fn a_weights_file_holds_what_was_learnt_beside_the_policy() {
        let (four, two) = (Space::discrete(4), Space::box_f32(vec![-1.0; 2], vec![1.0; 2]));
        let observations = Space::box_f32(vec![-1.0; 3], vec![1.0; 3]);
        let path = std::env::temp_dir().join(format!("cartwheel-critic-{}.safetensors", std::process::id()));
        let ppo = crate::ppo::PpoConfig::default();
        let bare = crate::reinforce::ReinforceConfig { use_baseline: false, ..Default::default() };
        let (sac, tqc) = (crate::sac::SacConfig::default(), crate::tqc::TqcConfig::default());
        let (td3, discrete) = (crate::td3::Td3Config::default(), crate::discrete_sac::DiscreteSacConfig::default());
        let dqn = crate::dqn::DqnConfig::default();
        let cases: [(&dyn Algorithm, &Space, &[&str]); 8] = [
            (&ppo, &four, &["value_net"]),
            (&ppo, &two, &["value_net"]),
            (&bare, &four, &[]),
            (&sac, &two, &["critic.qf0", "critic.qf1"]),
            (&tqc, &two, &["critic.qf0", "critic.qf1"]),
            (&td3, &two, &["critic.qf0", "critic.qf1"]),
            (&discrete, &four, &["critic.qf0", "critic.qf1"]),
            (&dqn, &four, &[]),
        ];
        for (algorithm, actions, names) in cases {
            let acting = Acting::new(algorithm, &observations, actions).unwrap();
            let learner = algorithm.learner(&acting, Device::Cpu, &mut Generator::new(7)).unwrap();
            let learner = learner.learner();
            let mut policy = Policy::new(&observations, actions, acting, learner.parameters().to_vec());
            policy.set_critic(learner.critic());
            assert_eq!(policy.critic().map_or(0, |critic| critic.parameters.len()), names.len());
            std::fs::write(&path, policy.to_bytes()).unwrap();
            let mut loaded = Policy::load(&path).unwrap();
            let (tensors, _) = crate::nn::read_weights(&path).unwrap();
            for name in ["value_net", "critic.qf0", "critic.qf1"] {
                let held = tensors.iter().any(|tensor| tensor.name == format!("{name}.0.weight"));
                assert_eq!(held, names.contains(&name), "{name}");
            }
            let seen = Row::F32(&[0.1, -0.5, 0.9]);
            let appraisal = policy.appraise(seen);
            let has_values = !names.is_empty() || appraisal.judgement.values().is_some();
            assert_eq!(appraisal.value.is_some_and(f32::is_finite), has_values);
            assert_eq!((&loaded.appraise(seen), &loaded.act(seen)), (&appraisal, &appraisal.action));
            // What a checkpoint keeps takes its place.
            if let Some(critic) = loaded.critic_mut() {
                let own = critic.parameters.clone();
                let zeros = vec![vec![0.0; own[0].len()]; own.len()];
                assert!(critic.set_parameters(&zeros.iter().map(Vec::as_slice).collect::<Vec<_>>()));
                assert!(!critic.set_parameters(&[]));
                assert_eq!(loaded.appraise(seen).value, Some(0.0));
            }
        }
        std::fs::remove_file(&path).unwrap();
    }
}
