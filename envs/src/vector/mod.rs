//! Batches of environments as one object.

mod episode_log;
mod instructions;
mod lanes;
mod native;
mod sync;

pub(crate) use episode_log::{EpisodeLog, Saved, SavedEnv};
pub(crate) use lanes::{Lanes, lanes, narrow, rows};
pub(crate) use native::{Native, NativeVector, Outcome};
pub use sync::SyncVectorEnv;

use crate::{Action, Actions, EnvError, Generator, Info, Result, RowMut, Rows, Scene, Space, Statistics};

/// When an environment of a batch is reset whose episode ended (Gymnasium's `AutoresetMode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AutoresetMode {
    /// Within the step that ends the episode. What it led to is in [`VectorStep::final_observations`].
    #[default]
    SameStep,
    /// By the next step, which ignores its action: reward 0, neither terminated nor truncated.
    NextStep,
    /// By [`VectorEnv::reset_at`] alone. Until then the batch is not stepped.
    Disabled,
}

/// `num_envs` environments stepped together, with same-step autoreset: an environment whose episode
/// ends is reset within the same call, and its true last observation is kept apart. Some batches know
/// the other modes too: see [`Self::set_autoreset_mode`].
///
/// Until first seeded, environment `i` has the generator of seed `i`.
pub trait VectorEnv: Send {
    /// How many environments.
    fn num_envs(&self) -> usize;

    /// What one environment's observations look like.
    fn single_observation_space(&self) -> &Space;

    /// What one environment's actions look like.
    fn single_action_space(&self) -> &Space;

    /// Begins an episode in every environment and writes the first observations. Environment `i` is
    /// seeded `seed + i`, as Gymnasium's; `None` lets every generator run on.
    ///
    /// # Errors
    /// An environment's own, naming the environment.
    fn reset(&mut self, seed: Option<u64>, observations: &mut Rows) -> Result<()>;

    /// Begins an episode in environment `i` of a batch that was reset, and writes its first observation. With a
    /// seed, its generator starts afresh from it; without, it runs on.
    ///
    /// # Errors
    /// [`EnvError::ResetNeeded`] before the first reset and after a failed step, [`EnvError::Failed`] if the batch has
    /// no means to, as those of Python's environments, and the environment's own.
    fn reset_at(&mut self, i: usize, seed: Option<u64>, observation: RowMut<'_>) -> Result<()> {
        let _ = (seed, observation);
        Err(EnvError::failed("this batch cannot reset an environment alone: reset all").at(i))
    }

    /// Chooses when environments are reset, from the next [`reset`](Self::reset) on. Whether this batch can do so: a
    /// native one need know no other mode than the one that training uses, a [`SyncVectorEnv`] knows them all.
    fn set_autoreset_mode(&mut self, mode: AutoresetMode) -> bool {
        mode == AutoresetMode::SameStep
    }

    /// Takes one step in every environment.
    ///
    /// # Errors
    /// [`EnvError::ResetNeeded`] before the first reset, after a failed step, and without autoreset while an
    /// environment's episode is over;
    /// [`EnvError::InvalidAction`], before anything has changed, for actions that are not one element of
    /// the action space for each environment; and an environment's own, naming the environment.
    ///
    /// # Panics
    /// If `out` was not made for this batch.
    fn step(&mut self, actions: Actions<'_>, out: &mut VectorStep) -> Result<()>;

    /// The generator as it was just before environment `i`'s current episode was reset: with it and the
    /// actions the episode can be shown again.
    fn episode_generator(&self, i: usize) -> Generator;

    /// Adds what environment `i` looks like now to `scene`.
    fn draw(&self, i: usize, scene: &mut Scene);

    /// Named values about environment `i`'s present state.
    fn info(&self, i: usize) -> Info;

    /// Whether [`info`](Self::info) may name anything: asking thousands of environments for nothing takes time.
    fn has_info(&self) -> bool {
        true
    }

    /// Whether it may name `key`.
    fn has_info_of(&self, key: &str) -> bool {
        let _ = key;
        self.has_info()
    }

    /// Shows the running statistics of environment `i`'s wrappers: see [`Env::statistics`](crate::Env::statistics).
    fn statistics(&self, i: usize, visit: &mut dyn FnMut(&Statistics)) {
        let _ = (i, visit);
    }

    /// As [`Self::statistics`], to replace or to freeze them.
    fn statistics_mut(&mut self, i: usize, visit: &mut dyn FnMut(&mut Statistics)) {
        let _ = (i, visit);
    }

    /// How many worker processes had to be replaced so far: see [`OnWorkerDeath`](crate::OnWorkerDeath).
    fn worker_restarts(&self) -> u64 {
        0
    }

    /// Everything needed for environment `i` to go on bit for bit: generators, episode start and state.
    /// `None` outside of an episode, and if the environment cannot be saved. ([`SyncVectorEnv`] saves one that
    /// has no [`save`](crate::Env::save) by the actions of its episode.)
    fn save(&self, i: usize) -> Option<Vec<u8>>;

    /// Makes environment `i` of a batch that was reset go on from a saved state, of whatever place in whatever
    /// batch of the same environments, and rewrites its current observation.
    ///
    /// # Errors
    /// [`EnvError::ResetNeeded`] before the first reset; [`EnvError::BadState`] for bytes that are no such
    /// state: the batch must then be reset.
    fn restore(&mut self, i: usize, state: &[u8], observation: RowMut<'_>) -> Result<()>;
}

/// What a step of a batch led to, one element or row for each environment. Made once and reused.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorStep {
    /// What the next actions are to be chosen from: after autoreset.
    pub observations: Rows,
    /// The rewards of this step.
    pub rewards: Vec<f32>,
    /// What the environments themselves paid, where wrappers change rewards; else empty. See
    /// [`Self::raw_rewards`].
    pub monitored: Vec<f32>,
    /// See [`Step::terminated`](crate::Step::terminated).
    pub terminated: Vec<bool>,
    /// See [`Step::truncated`](crate::Step::truncated).
    pub truncated: Vec<bool>,
    /// The last observation of each episode that ended in this step. Row `i` means something only where
    /// `terminated[i] || truncated[i]`; elsewhere the step led to row `i` of `observations`.
    pub final_observations: Rows,
    /// The [`info`](VectorEnv::info) of the same states, if it is wanted: see [`Self::with_final_infos`]. Empty for an
    /// episode that ended because its worker died: see [`OnWorkerDeath`](crate::OnWorkerDeath).
    pub final_infos: Option<Vec<Info>>,
}

impl VectorStep {
    /// Room for the steps of `num_envs` environments with this observation space.
    pub fn new(observation_space: &Space, num_envs: usize) -> Self {
        let observations = Rows::for_space(observation_space, num_envs);
        Self {
            final_observations: observations.clone(),
            observations,
            rewards: vec![0.0; num_envs],
            monitored: Vec::new(),
            terminated: vec![false; num_envs],
            truncated: vec![false; num_envs],
            final_infos: None,
        }
    }

    /// The same, with room for the last infos of episodes. Steps that end one allocate then.
    #[must_use]
    pub fn with_final_infos(mut self) -> Self {
        self.final_infos = Some(vec![Info::new(); self.rewards.len()]);
        self
    }

    /// The rewards of this step in the environments' own terms: returns are summed from these, whatever wrappers make
    /// of rewards for the learner.
    #[inline]
    pub fn raw_rewards(&self) -> &[f32] {
        if self.monitored.is_empty() { &self.rewards } else { &self.monitored }
    }
}

/// The discrete actions of a batch, checked to be one for each environment and all in the space.
pub(crate) fn discrete_actions<'a>(actions: Actions<'a>, space: &Space, num_envs: usize) -> Result<&'a [i32]> {
    let invalid = |found: String| EnvError::InvalidAction { found, expected: format!("{num_envs} of {space}") };
    let (Actions::Discrete(actions), Space::Discrete { n, start }) = (actions, space) else {
        return Err(invalid("of another kind".to_owned()));
    };
    if actions.len() != num_envs {
        return Err(invalid(format!("a batch of {}", actions.len())));
    }
    // One pass without branches, so that it vectorises; the culprit is looked for only if there is one.
    let outside = |&action: &i32| action.wrapping_sub(*start) as u32 >= *n as u32;
    if actions.iter().fold(false, |any, action| any | outside(action)) {
        let index = actions.iter().position(outside).unwrap_or_default();
        return Err(
            EnvError::InvalidAction { found: actions[index].to_string(), expected: format!("of {space}") }.at(index)
        );
    }
    Ok(actions)
}

/// Checks a batch of actions against the action space. Continuous values are taken as they come.
pub(crate) fn check_actions(actions: Actions<'_>, space: &Space, num_envs: usize) -> Result<()> {
    let numbers = num_envs * space.width();
    match (actions, space) {
        (Actions::Continuous(values), Space::Box { .. }) if values.len() == numbers => Ok(()),
        (Actions::Multi(values), Space::MultiDiscrete { .. } | Space::MultiBinary { .. })
            if values.len() == numbers =>
        {
            let rows = values.chunks_exact(space.width()).map(Action::Multi);
            match rows.enumerate().find(|(_, row)| !space.accepts(*row)) {
                Some((index, row)) => Err(EnvError::invalid_action(row, format_args!("of {space}")).at(index)),
                None => Ok(()),
            }
        }
        (Actions::Continuous(values), _) => Err(EnvError::InvalidAction {
            found: format!("{} floats", values.len()),
            expected: format!("{num_envs} of {space}"),
        }),
        (Actions::Multi(values), _) => Err(EnvError::InvalidAction {
            found: format!("{} integers in rows", values.len()),
            expected: format!("{num_envs} of {space}"),
        }),
        (Actions::Discrete(_), _) => discrete_actions(actions, space, num_envs).map(drop),
    }
}
