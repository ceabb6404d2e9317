//! A trained policy: what acts, in an actor, in evaluation or in somebody's program.

mod drawing;
mod file;
mod memory;
mod onnx;

pub(crate) use memory::append;
pub use onnx::Normalization;

use cartwheel_envs::{ActionRows, Generator, OwnedAction, Row, Space, Statistics};
use file::Description;

use crate::algorithm::Acting;
use crate::critic::{Critic, CriticMemory, CriticScratch, Sight};
use crate::features::Features;
use crate::head::Head;
use crate::judgement::Judgement;
use crate::mask::masked;
use crate::nn::{Activations, Mlp, WeightsError};

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

/// What a policy makes of one observation.
#[derive(Clone, Debug, PartialEq)]
pub struct Appraisal {
    /// What it makes of the actions.
    pub judgement: Judgement,
    /// What the state is worth: the value of the best action, or what the policy's [critic](Policy::set_critic) says of its own
    /// choice; nothing if it has no values.
    pub value: Option<f32>,
    /// Its own choice, as the environment takes it: what [`Policy::act`] answers.
    pub action: OwnedAction,
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
        let description = Description::of(observation_space, action_space, &acting);
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

    /// What it makes of the actions and of the state, and what it would do; what it remembers stays as it was.
    pub fn appraise(&mut self, observation: Row<'_>) -> Appraisal {
        let judgement = self.judge(observation);
        let Acting { features, actions: head, mlp } = &self.acting;
        let outputs = mlp.last_outputs(&self.scratch);
        let outputs = masked(&self.valid, head.shape(mlp.output_stride()), outputs, &mut self.masked);
        let mut action = head.rows(1);
        self.own.resize(1);
        head.greedy(outputs, 0, &mut self.own);
        head.to_env(&self.own, &mut action);
        let sight = Sight {
            features: &self.input[..features.width()],
            outputs,
            remembered: &self.seen,
            episode: [0; 2],
            step: self.step,
        };
        let value = match (judgement.values(), &self.critic) {
            (Some(values), _) => values.iter().copied().reduce(f32::max),
            (None, Some(critic)) => {
                critic.value(head, sight, &judgement, &mut self.critic_memory, &mut self.critic_scratch)
            }
            (None, None) => None,
        };
        Appraisal { judgement, value, action: action.get(0).to_owned() }
    }

    /// The value functions that were learnt beside it, if it has any: no action depends on them.
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

    /// Takes up the parameters that a learner's [state](crate::LearnerState) holds of its networks, the one that acts first; those
    /// of value functions where they are of this policy's [critic](Self::critic), which otherwise is none. False, and nothing
    /// changes, if they are of another policy.
    pub fn take_up(&mut self, networks: &[&[f32]]) -> bool {
        let count = self.parameters.len();
        let Some((acts, others)) = networks.split_first().filter(|(acts, _)| acts.len() >= count) else { return false };
        // Behind those that act are how noisy each of them is, or what a value function does not share with them.
        let (own, behind) = acts.split_at(count);
        let joined = self.critic.as_ref().and_then(|critic| critic.joined(own, behind));
        if ![0, count].contains(&behind.len()) && joined.is_none() {
            return false;
        }
        self.set_parameters(own);
        let of_critic: Vec<&[f32]> = joined.iter().map(Vec::as_slice).chain(others.iter().copied()).collect();
        if !self.critic.as_mut().is_some_and(|critic| critic.set_parameters(&of_critic)) {
            self.set_critic(None);
        }
        true
    }

    /// What the wrappers of the environment had learnt of the stream when the policy was trained (means and variances
    /// of observations): it takes observations that were normalized with these. They are saved with it.
    pub fn statistics(&self) -> &[Statistics] {
        &self.description.statistics
    }

    /// Replaces the [`statistics`](Self::statistics).
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

    /// Its network, and what that sees and what its outputs mean.
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

    /// What it is given.
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
