//! What a run's learner learns from: replay, or the rollouts of its own policy.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cartwheel_agents::nn::Activations;
use cartwheel_agents::{
    AnyLearner, Batch, Data, DatasetUse, Features, Learner, OffPolicy, OnPolicy, PolicyError, Progress, ReplayUse,
    RolloutBatch, Stop,
};
use cartwheel_envs::{ActionRows, Generator, Space};

use crate::TrainError;
use crate::replay::{Hindsight, Replay};
use crate::rollout::Rollout;
use crate::watch::{Activity, Watch};

/// How long an update or a rollout may take and still be waited for when the run is asked to stop.
pub(super) const SHORT: Duration = Duration::from_millis(200);
/// Observations that dead units are told by, at most.
const MOST_ROWS: usize = 256;

/// A learner with its data.
#[allow(clippy::large_enum_variant, reason = "a run has one")]
pub(super) enum Learning {
    /// From replay.
    Replay(FromReplay),
    /// From the newest rollouts.
    Rollouts(FromRollouts),
}

/// Off-policy.
pub(super) struct FromReplay {
    pub(super) learner: Box<dyn OffPolicy>,
    pub(super) replay: Replay,
    pub(super) data: ReplayUse,
    /// Goals are exchanged, where that is chosen.
    hindsight: Option<Hindsight>,
    batch: Batch,
}

/// On-policy.
pub(super) struct FromRollouts {
    learner: Box<dyn OnPolicy>,
    features: Features,
    batch: RolloutBatch,
    /// Whether updates take so long that one may be stopped within: taken for granted before the first.
    long: bool,
}

impl Learning {
    /// What `learner` needs to learn about `envs` environments, by hindsight where there is any.
    ///
    /// # Errors
    /// If networks cannot see the space, or the algorithm does not say how it uses replay.
    pub(super) fn new(
        learner: AnyLearner,
        data: Data,
        space: &Space,
        actions: &ActionRows,
        envs: usize,
        hindsight: Option<Hindsight>,
    ) -> Result<Self, TrainError> {
        Ok(match (learner, data) {
            (AnyLearner::OffPolicy(learner), Data::Replay(data)) => {
                let replay = Replay::new(space, actions, envs, data.buffer_size, data.prioritization);
                let replay = replay.map_err(PolicyError::Space)?;
                Self::Replay(FromReplay { learner, data, hindsight, batch: replay.batch(), replay })
            }
            (AnyLearner::OnPolicy(learner), _) => {
                let batch = RolloutBatch { actions: actions.zeros(0), ..RolloutBatch::default() };
                let features = Features::new(space).map_err(PolicyError::Space)?;
                Self::Rollouts(FromRollouts { learner, features, batch, long: true })
            }
            (AnyLearner::OffPolicy(_), Data::Rollouts(_) | Data::Dataset(_)) => {
                return Err(TrainError::Unfit(
                    "an algorithm that learns from replay must say how: Algorithm::data".into(),
                ));
            }
        })
    }

    /// What `learner` needs to learn from `replay` alone.
    ///
    /// # Errors
    /// If the algorithm does not learn so.
    pub(super) fn from_dataset(learner: AnyLearner, data: Data, replay: Replay) -> Result<Self, TrainError> {
        let (AnyLearner::OffPolicy(learner), Data::Dataset(DatasetUse { batch_size, returns })) = (learner, data)
        else {
            return Err(TrainError::Unfit("an algorithm that learns from a dataset must learn off-policy".into()));
        };
        let data = ReplayUse {
            buffer_size: replay.transition_capacity(),
            learning_starts: 0,
            batch_size,
            train_freq: 1,
            gradient_steps: 1,
            returns,
            prioritization: None,
        };
        Ok(Self::Replay(FromReplay { learner, data, hindsight: None, batch: replay.batch(), replay }))
    }

    pub(super) fn learner(&self) -> &dyn Learner {
        match self {
            Self::Replay(own) => &*own.learner,
            Self::Rollouts(own) => &*own.learner,
        }
    }

    pub(super) fn learner_mut(&mut self) -> &mut dyn Learner {
        match self {
            Self::Replay(own) => &mut *own.learner,
            Self::Rollouts(own) => &mut *own.learner,
        }
    }

    /// Replay, if it learns from one.
    pub(super) fn replay(&self) -> Option<&Replay> {
        match self {
            Self::Replay(own) => Some(&own.replay),
            Self::Rollouts(_) => None,
        }
    }

    /// See [`replay`](Self::replay).
    pub(super) fn replay_mut(&mut self) -> Option<&mut Replay> {
        match self {
            Self::Replay(own) => Some(&mut own.replay),
            Self::Rollouts(_) => None,
        }
    }

    /// The rollouts that an update is about, if it learns from these.
    pub(super) fn rollouts(&self) -> Option<&RolloutBatch> {
        match self {
            Self::Replay(_) => None,
            Self::Rollouts(own) => Some(&own.batch),
        }
    }

    /// Takes up rollouts that an update was stopped in the midst of. False if they are not of this run's shape.
    pub(super) fn take_up(&mut self, rollouts: RolloutBatch) -> bool {
        match self {
            Self::Rollouts(own) if rollouts.observations.len() == rollouts.len() * own.features.width() => {
                own.batch = rollouts;
                true
            }
            _ => false,
        }
    }

    /// What the network that acts sees of the observations that were learnt from last; nothing before any was.
    fn learnt_from(&self) -> &[f32] {
        match self {
            Self::Replay(own) => &own.batch.observations,
            Self::Rollouts(own) => &own.batch.observations,
        }
    }

    /// Numbers of how learning is, beside the learner's own, that cost too much to be worked out at each update.
    pub(super) fn vitals(&self) -> impl Iterator<Item = (&'static str, f64)> + use<> {
        let actor = self.learner().actor();
        let (mlp, seen) = (actor.mlp(), self.learnt_from());
        let rows = (seen.len() / mlp.inputs()).min(MOST_ROWS);
        let dead = mlp.dead_units(actor.parameters(), seen, rows, &mut Activations::default());
        let highest = self.replay().and_then(Replay::share_at_highest_priority);
        let all = [("train/dead_units", dead.map(f64::from)), ("replay/highest_priority", highest)];
        all.into_iter().filter_map(|(name, value)| value.map(|value| (name, value)))
    }

    /// Takes in what was collected together.
    pub(super) fn take_in(&mut self, rollouts: &[Rollout]) {
        match self {
            Self::Replay(own) => rollouts.iter().for_each(|rollout| own.replay.extend(rollout)),
            Self::Rollouts(own) => fill(&mut own.batch, rollouts, &own.features),
        }
    }
}

impl FromReplay {
    /// Whether there is enough to learn from once `steps` environment steps are done.
    pub(super) fn is_ready(&self, steps: u64) -> bool {
        let starts = self.data.learning_starts;
        // A replay that was not in the checkpoint is first filled again.
        steps >= starts
            && self.replay.len() as u64 >= starts.min(self.data.buffer_size as u64)
            && self.replay.has_transitions()
            && (self.hindsight.is_none() || self.replay.has_ended_episode())
    }

    /// A gradient step.
    ///
    /// # Errors
    /// The device's, or that of the environment that says what other goals pay.
    pub(super) fn update(&mut self, now: Progress, rng: &mut Generator, watch: &Watch) -> Result<(), TrainError> {
        watch.doing(Activity::Replay);
        let ReplayUse { batch_size, returns, prioritization, .. } = self.data;
        let beta = prioritization.map_or(0.0, |prioritization| prioritization.beta(now.steps, now.total_timesteps));
        match &mut self.hindsight {
            Some(hindsight) => self.replay.sample_hindsight(batch_size, returns, hindsight, rng, &mut self.batch)?,
            None => self.replay.sample(batch_size, returns, beta, rng, &mut self.batch),
        }
        watch.doing(Activity::Updating);
        self.learner.update(&self.batch, now, rng)?;
        self.replay.update_priorities(&self.batch.rows, self.learner.td_errors());
        Ok(())
    }
}

impl FromRollouts {
    /// All gradient steps on the newest rollouts. False if the run is asked to stop within them: then the learner and `rng` are
    /// as they were before.
    pub(super) fn update(&mut self, now: Progress, rng: &mut Generator, watch: &Watch) -> Result<bool, TrainError> {
        watch.doing(Activity::Updating);
        let begun = Instant::now();
        // One that is over soon is waited for: the way back costs a copy of all that is learnt.
        let before = if self.long { Some((self.learner.state()?, self.learner.updates(), rng.clone())) } else { None };
        let stop = watch.clone();
        self.learner.stop_when(before.is_some().then(|| Arc::new(move || stop.stopping()) as Stop));
        self.learner.update(&self.batch, now, rng)?;
        if let Some((state, updates, sampler)) = before.filter(|_| self.learner.was_stopped()) {
            self.learner.restore(&state, updates, now.steps)?;
            *rng = sampler;
            return Ok(false);
        }
        self.long = begun.elapsed() > SHORT;
        Ok(true)
    }
}

/// Puts rollouts of as many steps each into one batch, environment beside environment.
pub(crate) fn fill(batch: &mut RolloutBatch, rollouts: &[Rollout], features: &Features) {
    let steps = rollouts.iter().map(|rollout| rollout.steps).min().unwrap_or(0);
    let envs = rollouts.iter().map(|rollout| rollout.envs).sum::<usize>();
    let (n, width) = (steps * envs, features.width());
    (batch.steps, batch.envs) = (steps, envs);
    batch.first_env = rollouts.first().map_or(0, |rollout| rollout.first_env);
    let memory = rollouts.first().map_or(0, |rollout| rollout.memories.len() / rollout.rewards.len().max(1));
    batch.memories.resize(n * memory, 0.0);
    batch.episode_starts.resize(n, false);
    batch.observations.resize(n * width, 0.0);
    batch.actions.resize(n);
    batch.log_probs.resize(n, 0.0);
    batch.rewards.resize(n, 0.0);
    batch.terminated.resize(n, false);
    batch.truncated.resize(n, false);
    batch.last_observations.resize(envs * width, 0.0);
    let flags = features.masked();
    batch.masks.resize(n * flags, true);
    batch.last_masks.resize(envs * flags, true);
    let mut first = 0;
    for rollout in rollouts {
        for (from, to) in
            (0..steps).flat_map(|t| (0..rollout.envs).map(move |e| (t * rollout.envs + e, t * envs + first + e)))
        {
            features.encode(rollout.observations.row(from), &mut batch.observations[to * width..(to + 1) * width]);
            features.write_mask(rollout.observations.row(from), &mut batch.masks[to * flags..(to + 1) * flags]);
            batch.actions.set(to, rollout.actions.get(from));
            let memories = &rollout.memories[from * memory..(from + 1) * memory];
            batch.memories[to * memory..(to + 1) * memory].copy_from_slice(memories);
            batch.episode_starts[to] = rollout.episode_starts[from];
            batch.log_probs[to] = rollout.log_probs[from];
            batch.rewards[to] = rollout.rewards[from];
            batch.terminated[to] = rollout.terminated[from];
            batch.truncated[to] = rollout.truncated[from];
        }
        for e in 0..rollout.envs {
            let to = (first + e) * width;
            let row = rollout.observations.row(steps * rollout.envs + e);
            features.encode(row, &mut batch.last_observations[to..to + width]);
            features.write_mask(row, &mut batch.last_masks[(first + e) * flags..(first + e + 1) * flags]);
        }
        first += rollout.envs;
    }
    // Final observations are in the order of each rollout's own rows.
    batch.final_observations.clear();
    batch.final_masks.clear();
    let mut taken = vec![0; rollouts.len()];
    for t in 0..steps {
        for (rollout, taken) in rollouts.iter().zip(&mut taken) {
            for at in t * rollout.envs..(t + 1) * rollout.envs {
                if rollout.terminated[at] || rollout.truncated[at] {
                    let end = batch.final_observations.len();
                    batch.final_observations.resize(end + width, 0.0);
                    features.encode(rollout.final_observations.row(*taken), &mut batch.final_observations[end..]);
                    let end = batch.final_masks.len();
                    batch.final_masks.resize(end + flags, true);
                    features.write_mask(rollout.final_observations.row(*taken), &mut batch.final_masks[end..]);
                    *taken += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cartwheel_envs::{Action, Row};

    /// Two actors' rollouts become the one that one actor would have made of the same environments.
    #[test]
    fn actors_rollouts_lie_beside_each_other() {
        let space = Space::box_f32(vec![f32::NEG_INFINITY], vec![f32::INFINITY]);
        let features = Features::new(&space).expect("numbers");
        let value = |env: usize, t: usize| (10 * env + t) as f32;
        // Environment 1 ends at step 0, environment 2 at both.
        let ends = |env: usize, t: usize| (env == 1 && t == 0) || env == 2;
        let rollout = |first: usize, envs: usize| {
            let mut rollout = Rollout::new(&space, &ActionRows::default(), first, envs, 2);
            rollout.steps = 2;
            rollout.memories = vec![0.0; 2 * 2 * envs];
            for t in 0..3 {
                for e in 0..envs {
                    rollout.observations.set(t * envs + e, Row::F32(&[value(first + e, t)]));
                    if t == 2 {
                        continue;
                    }
                    let at = t * envs + e;
                    rollout.actions.set(at, Action::Discrete((first + e) as i32));
                    (rollout.rewards[at], rollout.log_probs[at]) = (value(first + e, t), -value(first + e, t));
                    rollout.memories[2 * at..2 * at + 2].fill(1000.0 + value(first + e, t));
                    rollout.episode_starts[at] = t > 0 && ends(first + e, t - 1);
                    rollout.terminated[at] = ends(first + e, t);
                    if ends(first + e, t) {
                        rollout.final_observations.set(rollout.finals, Row::F32(&[100.0 + value(first + e, t)]));
                        rollout.finals += 1;
                    }
                }
            }
            rollout
        };
        let (mut apart, mut whole) = (RolloutBatch::default(), RolloutBatch::default());
        fill(&mut apart, &[rollout(0, 2), rollout(2, 1)], &features);
        fill(&mut whole, &[rollout(0, 3)], &features);
        assert_eq!(apart, whole);
        assert_eq!((apart.steps, apart.envs), (2, 3));
        assert_eq!(apart.observations, [0.0, 10.0, 20.0, 1.0, 11.0, 21.0]);
        assert_eq!(apart.last_observations, [2.0, 12.0, 22.0]);
        assert_eq!(apart.final_observations, [110.0, 120.0, 121.0]);
        assert_eq!(apart.terminated, [false, true, true, false, false, true]);
        assert_eq!(apart.episode_starts, [false, false, false, false, true, true]);
        assert_eq!(apart.memories[2..8], [1010.0, 1010.0, 1020.0, 1020.0, 1001.0, 1001.0]);
    }
}
