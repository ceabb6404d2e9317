//! An actor: a share of the run's environments, the policy that steps them, and their random streams.
//!
//! Everything random is drawn from a stream of one environment, so that a run with one actor and a run with
//! four give the same episodes.

use cartwheel_agents::nn::Activations;
use cartwheel_agents::{Acting, Batch, CriticMemory, Exploration, Features, NoiseState, Style, masked};
use cartwheel_envs::{ActionRows, Generator, Info, Rows, Statistics, VectorEnv, VectorStep};
use serde::{Deserialize, Serialize};

use crate::episode_info::{self, EpisodeInfo, IS_SUCCESS};
use crate::error::EnvFault;
use crate::replay::Replay;
use crate::rollout::{FinishedEpisode, Rollout};
use crate::run::{ActionLog, EpisodeRecord};
use crate::watch::{Activity, Seat};
use priorities::FirstPriorities;

mod exploration;
mod faults;
mod priorities;
mod watched;

/// A network's parameters as actors see them: immutable and numbered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    /// Counts up with each publication.
    pub version: u64,
    /// Flat.
    pub parameters: Vec<f32>,
}

/// What all actors of a run have in common.
#[derive(Clone, Debug)]
pub struct ActorSpec {
    /// The environment's id, for messages.
    pub env_id: String,
    /// The run's seed, for messages and random streams.
    pub seed: u64,
    /// Environments over all actors.
    pub total_envs: usize,
    /// The network that acts, and what its outputs mean.
    pub acting: Acting,
    /// How it explores.
    pub exploration: Exploration,
    /// Whether finished episodes keep their actions.
    pub record_episodes: bool,
}

/// See the module's documentation.
pub struct Actor {
    spec: ActorSpec,
    first_env: usize,
    envs: Box<dyn VectorEnv>,
    observations: Rows,
    step: VectorStep,
    /// What is kept of each episode's last info: see [`Self::read_infos`].
    info_keywords: Vec<String>,
    /// Exploration's stream of each environment.
    streams: Vec<Generator>,
    episodes: Vec<Episode>,
    input: Vec<f32>,
    /// The policy's actions, and the environments' for them.
    own: ActionRows,
    actions: ActionRows,
    /// Of noise that drifts, of each environment.
    noise: Vec<NoiseState>,
    /// Of exploration that depends on the state, the matrix of each environment.
    matrices: Vec<f32>,
    /// What the policy remembers of each environment's episode, where it remembers anything.
    memories: Vec<f32>,
    scratch: Activations,
    /// Which actions are valid, where not all always are, and the network's outputs that know it.
    valid: Vec<bool>,
    masked: Vec<f32>,
    /// What transitions begin with in replay, where actors say so.
    first_priorities: Option<FirstPriorities>,
    seat: Seat,
    /// Vector steps done in rollouts that are finished.
    steps: u64,
    /// While somebody watches: exploration's streams before the present choice, the policy's actions, and whose actions
    /// people chose.
    coins: Vec<Generator>,
    chosen: ActionRows,
    people: Vec<bool>,
    /// What a critic that remembers has seen of the episode that is looked at.
    critic_memory: CriticMemory,
}

/// The running episode of an environment.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Episode {
    number: u64,
    start_step: u64,
    generator: [u64; 4],
    policy_version: u64,
    length: u64,
    return_: f64,
    actions: ActionLog,
}

/// What a checkpoint keeps of one environment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EnvState {
    #[serde(with = "serde_bytes")]
    env: Vec<u8>,
    stream: Generator,
    noise: NoiseState,
    memory: Vec<f32>,
    episode: Episode,
}

/// Streams that belong to an environment but not to its dynamics are keyed apart from Gymnasium's `seed + i`.
const EXPLORATION: u64 = 1;

impl Actor {
    /// An actor for `envs`, the run's environments from `first_env` on. The run's environment `i` is reset with
    /// `reset_seed + i`, as Gymnasium's vector environments are.
    ///
    /// # Errors
    /// If an environment fails.
    pub fn new(
        spec: ActorSpec,
        first_env: usize,
        mut envs: Box<dyn VectorEnv>,
        reset_seed: u64,
    ) -> Result<Self, EnvFault> {
        let n = envs.num_envs();
        let space = envs.single_observation_space().clone();
        let (own, log) = (spec.acting.actions.rows(n), ActionLog::for_space(envs.single_action_space()));
        let mut observations = Rows::for_space(&space, n);
        let reset = envs.reset(Some(reset_seed.wrapping_add(first_env as u64)), &mut observations);
        let actor = Self {
            first_env,
            step: VectorStep::new(&space, n),
            info_keywords: Vec::new(),
            observations,
            streams: (first_env..first_env + n)
                .map(|env| Generator::from_entropy(&[spec.seed, env as u64, EXPLORATION]))
                .collect(),
            episodes: (0..n).map(|e| Episode::begin(0, 0, 0, envs.episode_generator(e).state(), log.clone())).collect(),
            input: vec![0.0; n * spec.acting.features.width()],
            actions: own.clone(),
            chosen: own.clone(),
            own,
            noise: vec![NoiseState::default(); n],
            matrices: vec![0.0; n * spec.acting.mlp.exploration_len()],
            memories: vec![0.0; n * spec.acting.mlp.memory_len()],
            scratch: Activations::default(),
            valid: vec![true; n * spec.acting.features.masked()],
            masked: Vec::new(),
            first_priorities: None,
            seat: Seat::default(),
            steps: 0,
            coins: Vec::new(),
            people: vec![false; n],
            critic_memory: CriticMemory::default(),
            envs,
            spec,
        };
        reset.map_err(|error| actor.fault(error, 0))?;
        actor.check_finite(0)?;
        Ok(actor)
    }

    /// Environments of this actor.
    pub fn num_envs(&self) -> usize {
        self.envs.num_envs()
    }

    /// Length of the parameters that it acts with.
    pub fn weights_len(&self) -> usize {
        self.spec.acting.mlp.flat_len()
    }

    /// What its network sees of observations.
    pub(crate) fn features(&self) -> &Features {
        &self.spec.acting.features
    }

    /// A batch of `n` transitions of its environments' shape.
    pub(crate) fn batch(&self, n: usize) -> Batch {
        let mut batch = Batch::like(&self.own);
        batch.resize_masked(n, self.features().width(), self.features().masked());
        batch
    }

    /// An empty rollout of the right shape.
    pub fn rollout(&self, capacity: usize) -> Rollout {
        let (space, n) = (self.envs.single_observation_space(), self.num_envs());
        let mut rollout = Rollout::new(space, &self.own, self.first_env, n, capacity);
        rollout.statistics = self.statistics();
        rollout.memories = vec![0.0; capacity * self.memories.len()];
        rollout
    }

    /// The running statistics of each environment's wrappers; empty where none keeps any.
    pub fn statistics(&self) -> Vec<Vec<Statistics>> {
        let of = |e: usize| {
            let mut statistics = Vec::new();
            self.envs.statistics(e, &mut |own| statistics.push(own.clone()));
            statistics
        };
        let of_each: Vec<_> = (0..self.num_envs()).map(of).collect();
        if of_each.iter().all(Vec::is_empty) { Vec::new() } else { of_each }
    }

    /// Fills `out` with its capacity of steps under `weights`, or fewer if it `may_stop` and the run is asked to; `steps` is how many
    /// environment steps the run has done before.
    ///
    /// # Errors
    /// If an environment fails or answers with something that is not a number.
    pub fn collect(
        &mut self,
        weights: &Weights,
        steps: u64,
        may_stop: bool,
        out: &mut Rollout,
    ) -> Result<(), EnvFault> {
        let n = self.num_envs();
        (out.version, out.steps, out.finals) = (weights.version, 0, 0);
        out.episodes.clear();
        for t in 0..out.capacity() {
            if may_stop && self.seat.stopping() {
                break;
            }
            let now = steps + (t * self.spec.total_envs) as u64;
            self.draw_matrices(weights, t);
            let (watched, mut epsilon) = (self.seat.attended(), self.spec.exploration.epsilon.at(now));
            if watched {
                epsilon = self.look_before_choice(epsilon);
                self.seat.doing(Activity::Inferring);
            }
            self.choose(weights, epsilon);
            if watched {
                self.seat.has_done(self.steps + t as u64);
                self.look_after_choice(weights, now, epsilon);
                self.seat.doing(Activity::Stepping);
            }
            self.note_values(t);
            let rows = t * n..(t + 1) * n;
            for e in 0..n {
                out.observations.copy_row(t * n + e, &self.observations, e);
                out.episode_starts[t * n + e] = self.episodes[e].length == 0;
            }
            self.remember(t, out);
            out.actions.copy_rows(t * n, &self.own);
            if self.spec.exploration.style.has_chances() {
                self.log_probs(&mut out.log_probs[rows.clone()]);
            }
            self.envs.step(self.actions.as_actions(), &mut self.step).map_err(|error| self.fault(error, now))?;
            std::mem::swap(&mut self.observations, &mut self.step.observations);
            self.check_finite(now)?;
            out.rewards[rows.clone()].copy_from_slice(&self.step.rewards);
            out.terminated[rows.clone()].copy_from_slice(&self.step.terminated);
            out.truncated[rows].copy_from_slice(&self.step.truncated);
            for e in 0..n {
                self.follow_episode(e, t, now, weights.version, out)?;
            }
            out.steps = t + 1;
        }
        self.tell(weights, out);
        self.steps += out.steps as u64;
        self.seat.has_done(self.steps);
        for e in 0..n {
            out.observations.copy_row(out.steps * n + e, &self.observations, e);
        }
        for (e, kept) in out.statistics.iter_mut().enumerate() {
            let mut kept = kept.iter_mut();
            self.envs.statistics(e, &mut |own| {
                if let Some(kept) = kept.next() {
                    kept.clone_from(own);
                }
            });
        }
        Ok(())
    }

    /// Chooses each environment's action: the policy's, or with chance `epsilon` any. Each environment
    /// tosses its own coin, and may have a chance of its own.
    fn choose(&mut self, weights: &Weights, epsilon: f64) {
        let style = self.spec.exploration.style;
        self.read_masks();
        if epsilon < 1.0 || style.has_chances() || self.first_priorities.is_some() {
            self.judge(weights);
        }
        let Acting { features, actions: head, mlp } = &self.spec.acting;
        let (stride, flags) = (mlp.output_stride(), features.masked());
        let outputs = if flags > 0 { &self.masked } else { mlp.last_outputs(&self.scratch) };
        let (exploration, first, total) = (self.spec.exploration, self.first_env, self.spec.total_envs);
        for (e, stream) in self.streams.iter_mut().enumerate() {
            if stream.random() < exploration.chance(epsilon, first + e, total) {
                head.random_valid(&self.valid[e * flags..(e + 1) * flags], stream, e, &mut self.own);
                continue;
            }
            let outputs = &outputs[e * stride..];
            match style {
                Style::Best => head.greedy(outputs, e, &mut self.own),
                Style::Sampled => head.sample(outputs, stream, e, &mut self.own),
                Style::StateDependent { .. } => {
                    let matrix = &self.matrices[e * mlp.exploration_len()..];
                    head.explore(outputs, |d| mlp.exploration_noise(matrix, &self.scratch, e, d), e, &mut self.own);
                }
                Style::Noisy(noise) => {
                    head.greedy(outputs, e, &mut self.own);
                    if let ActionRows::Continuous { width, values } = &mut self.own {
                        noise.add(&mut values[e * *width..(e + 1) * *width], &mut self.noise[e], stream);
                    }
                }
            }
        }
        head.to_env(&self.own, &mut self.actions);
    }

    /// What the network makes of every environment's observation; it stays in `scratch`.
    fn judge(&mut self, weights: &Weights) {
        let Acting { features, actions: head, mlp } = &self.spec.acting;
        let (n, memory) = (self.own.len(), mlp.memory_len());
        self.input.truncate(n * features.width());
        for (e, row) in self.input.chunks_exact_mut(features.width()).enumerate() {
            features.encode(self.observations.row(e), row);
        }
        // Each row is a sequence of its own.
        for memory in self.memories.chunks_exact(memory.max(1)) {
            self.input.push(1.0);
            self.input.extend_from_slice(memory);
        }
        let outputs = mlp.forward(&weights.parameters, &self.input, self.own.len(), &mut self.scratch);
        masked(&self.valid, head.shape(mlp.output_stride()), outputs, &mut self.masked);
    }

    /// Leaves what the policy remembered before step `t` in the rollout, and goes on with what it does after it.
    fn remember(&mut self, t: usize, out: &mut Rollout) {
        let len = self.memories.len();
        out.memories[t * len..(t + 1) * len].copy_from_slice(&self.memories);
        self.memories.copy_from_slice(&self.spec.acting.mlp.memories(&self.scratch)[..len]);
    }

    /// Which actions are valid in every environment.
    fn read_masks(&mut self) {
        let features = &self.spec.acting.features;
        if features.masked() > 0 {
            for (e, valid) in self.valid.chunks_exact_mut(features.masked()).enumerate() {
                features.write_mask(self.observations.row(e), valid);
            }
        }
    }

    /// What the network last made of every environment's observation.
    fn outputs(&self) -> &[f32] {
        if self.valid.is_empty() { self.spec.acting.mlp.last_outputs(&self.scratch) } else { &self.masked }
    }

    /// The logarithms of the chances that the policy gave to what is done now.
    fn log_probs(&self, to: &mut [f32]) {
        let Acting { actions: head, mlp, .. } = &self.spec.acting;
        let outputs = self.outputs().chunks_exact(mlp.output_stride());
        for (e, (to, outputs)) in to.iter_mut().zip(outputs).enumerate() {
            *to = head.log_prob(outputs, self.own.get(e));
        }
    }

    /// Counts the steps and rewards of environment `e`'s episode after step `t` of a rollout.
    #[inline]
    fn follow_episode(
        &mut self,
        e: usize,
        t: usize,
        now: u64,
        version: u64,
        out: &mut Rollout,
    ) -> Result<(), EnvFault> {
        let episode = &mut self.episodes[e];
        episode.length += 1;
        episode.return_ += f64::from(self.step.raw_rewards()[e]);
        if self.spec.record_episodes {
            episode.actions.push(self.actions.get(e));
        }
        let (terminated, truncated) = (self.step.terminated[e], self.step.truncated[e]);
        if !(terminated || truncated) {
            return Ok(());
        }
        let info = self.last_info(e).map_err(|problem| self.fault_of(e, now, problem))?;
        let episode = &mut self.episodes[e];
        self.noise[e].reset();
        let memory = self.spec.acting.mlp.memory_len();
        self.memories[e * memory..(e + 1) * memory].fill(0.0);
        out.final_observations.copy_row(out.finals, &self.step.final_observations, e);
        out.finals += 1;
        let start = now + self.spec.total_envs as u64;
        let (generator, log) = (self.envs.episode_generator(e).state(), episode.actions.begun_anew());
        let next = Episode::begin(episode.number + 1, start, version, generator, log);
        let ended = std::mem::replace(episode, next);
        let record = EpisodeRecord {
            env: (self.first_env + e) as u32,
            episode: ended.number,
            start_step: ended.start_step,
            generator: ended.generator,
            policy_version: ended.policy_version,
            return_: ended.return_,
            terminated,
            truncated,
            actions: ended.actions,
            info,
        };
        out.episodes.push(FinishedEpisode { step: t, record, length: ended.length });
        Ok(())
    }

    /// What is kept of the info with which environment `e`'s episode ended.
    fn last_info(&self, e: usize) -> Result<EpisodeInfo, String> {
        match &self.step.final_infos {
            // Of an episode whose worker died nobody knows what it would have told.
            Some(infos) if !(infos[e].is_empty() && self.envs.worker_restarts() > 0) => {
                episode_info::read(&infos[e], &self.info_keywords)
            }
            _ => Ok(EpisodeInfo::new()),
        }
    }

    /// Keeps of each episode's last info `is_success`, where it is there, and the numbers with these keys, which must be.
    pub fn read_infos(&mut self, keywords: &[String]) {
        if !keywords.is_empty() || self.envs.has_info_of(IS_SUCCESS) {
            self.step.final_infos = Some(vec![Info::new(); self.num_envs()]);
        }
        self.info_keywords = keywords.to_vec();
    }

    /// So many vector steps count as done.
    pub(crate) fn count_from(&mut self, steps: u64) {
        self.steps = steps;
        self.seat.has_done(steps);
    }

    /// What a checkpoint keeps of each environment, or nothing if one cannot save its state.
    pub fn env_states(&self) -> Option<Vec<EnvState>> {
        let state = |e: usize| {
            let (stream, noise, episode) = (self.streams[e].clone(), self.noise[e].clone(), self.episodes[e].clone());
            let len = self.spec.acting.mlp.memory_len();
            let memory = self.memories[e * len..(e + 1) * len].to_vec();
            Some(EnvState { env: self.envs.save(e)?, stream, noise, memory, episode })
        };
        (0..self.num_envs()).map(state).collect()
    }

    /// Goes on from the states of this actor's environments.
    ///
    /// # Errors
    /// If an environment refuses its state.
    pub fn restore(&mut self, states: &[EnvState]) -> Result<(), EnvFault> {
        for (e, state) in states.iter().enumerate() {
            let restored = self.envs.restore(e, &state.env, self.observations.row_mut(e));
            restored.map_err(|error| self.fault_of(e, 0, error.to_string()))?;
            self.streams[e].clone_from(&state.stream);
            self.noise[e].clone_from(&state.noise);
            let memory = self.memories.chunks_exact_mut(state.memory.len().max(1)).nth(e);
            memory.into_iter().for_each(|memory| memory.copy_from_slice(&state.memory));
            self.episodes[e].clone_from(&state.episode);
        }
        Ok(())
    }

    /// Begins the present episodes in `replay`, which holds the ones before.
    pub fn begin_in(&self, replay: &mut Replay) {
        for e in 0..self.num_envs() {
            replay.begin(self.first_env + e, self.observations.row(e));
        }
    }
}

impl Episode {
    fn begin(number: u64, start_step: u64, policy_version: u64, generator: [u64; 4], actions: ActionLog) -> Self {
        Self { number, start_step, generator, policy_version, length: 0, return_: 0.0, actions }
    }
}
