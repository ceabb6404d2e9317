//! Checkpoints of a run: everything that the next step depends on.

use std::io::Write as _;
use std::path::Path;

use cartwheel_agents::{LearnerState, Policy, RolloutBatch};
use cartwheel_envs::{Generator, Statistics};
use serde::{Deserialize, Serialize};

use super::Session;
use crate::TrainError;
use crate::actor::EnvState;
use crate::counters::Counters;
use crate::events::Event;
use crate::replay::{Replay, ReplayState, ReplayView};
use crate::run::{LogPositions, MetricsLog, RunDir, RunError, WriteCost, read_start, write_atomic};
use crate::watch::Activity;

/// A checkpoint as it is read.
#[derive(Deserialize)]
pub(crate) struct Checkpoint {
    pub(super) counters: Counters,
    pub(super) logs: LogPositions,
    pub(super) sampler: Generator,
    pub(super) learner: LearnerState,
    pub(super) envs: Option<Vec<EnvState>>,
    pub(super) replay: Option<ReplayState>,
    pub(super) dataset_checksum: Option<u32>,
    /// Of an update that the run was stopped within, what it is about.
    pub(super) rollouts: Option<RolloutBatch>,
}

impl Checkpoint {
    /// Environment steps that were done by then.
    pub(crate) fn steps(&self) -> u64 {
        self.counters.steps
    }

    /// Whether the task was solved by then.
    pub(crate) fn is_solved(&self) -> bool {
        self.counters.solved
    }
}

/// The fields at its beginning.
#[derive(Deserialize)]
struct Start {
    _counters: Counters,
    _logs: LogPositions,
    _sampler: Generator,
    learner: LearnerState,
}

/// The policy as it was at a checkpoint of a run: one of [`Checkpoints::list`](crate::run::Checkpoints::list). What wrappers
/// had seen by then is not read: they normalize as they do now.
///
/// # Errors
/// If the run has no weights, or the state cannot be read or is of another network.
pub fn policy_at(run: &RunDir, state: &Path) -> Result<Policy, TrainError> {
    let mut policy = Policy::load(&run.latest_weights())?;
    let Start { learner, .. } = read_start(state)?;
    let networks: Vec<&[f32]> = learner.networks.iter().map(|network| network.online.as_slice()).collect();
    if !policy.take_up(&networks) {
        let problem = "its network is another than that of the run's weights".into();
        return Err(RunError::Mismatch { file: state.to_owned(), problem }.into());
    }
    Ok(policy)
}

/// The same as it is written: field for field, with what is large borrowed.
#[derive(Serialize)]
struct CheckpointView<'a> {
    counters: &'a Counters,
    logs: LogPositions,
    sampler: &'a Generator,
    learner: LearnerState,
    envs: Option<Vec<EnvState>>,
    replay: Option<ReplayView<'a>>,
    dataset_checksum: Option<u32>,
    rollouts: Option<&'a RolloutBatch>,
}

impl Session<'_> {
    /// Goes on from `checkpoint`; answers the states of the environments, which their actors take up.
    pub(super) fn restore(&mut self, checkpoint: Checkpoint) -> Result<Option<Vec<EnvState>>, TrainError> {
        let Checkpoint { counters, sampler, learner, envs, replay, dataset_checksum, rollouts, .. } = checkpoint;
        if dataset_checksum != self.dataset_checksum {
            return Err(TrainError::Unfit(
                "offline.datasets hold other episodes than those that this run learnt from: bring these back, or begin a new run".into(),
            ));
        }
        self.learning.learner_mut().restore(&learner, counters.updates, counters.updated_at)?;
        let fits = replay.is_none_or(|replay| self.learning.replay_mut().is_some_and(|own| own.restore(replay)))
            && rollouts.is_none_or(|rollouts| self.learning.take_up(rollouts));
        let envs_fit = envs.as_ref().is_none_or(|envs| envs.len() == self.settings.env.n_envs);
        if !fits || !envs_fit {
            return Err(RunError::Mismatch {
                file: self.checkpoints.path(counters.steps),
                problem: "its replay or its environments are of another shape than config.toml's".into(),
            }
            .into());
        }
        if envs.is_none() && !self.settings.is_offline() {
            self.tell(&Event::Notice("the checkpoint holds no environment states: episodes begin anew, so the run does not go on bit for bit"));
        }
        if let Some(replay) = self.learning.replay_mut().filter(|_| !self.settings.is_offline()) {
            replay.count_from(counters.steps / self.settings.env.n_envs as u64);
        }
        (self.counters, self.sampler) = (counters, sampler);
        // The state keeps no critic of the best weights: it is in their file, unless that is newer than the state.
        let best = Policy::load(&self.run.best_weights()).ok();
        let kept =
            best.filter(|best| self.counters.best.as_ref().is_some_and(|kept| kept.parameters == best.parameters()));
        self.best_critic = kept.and_then(|best| best.critic().cloned());
        // What was found before is not told again.
        for row in MetricsLog::read(&self.run.metrics()).unwrap_or_default() {
            self.doctor.examine(&row);
        }
        Ok(envs)
    }

    /// Replay, if checkpoints have it: a dataset stays where it is.
    pub(super) fn replay_to_keep(&self) -> Option<&Replay> {
        self.learning.replay().filter(|_| self.settings.run.checkpoint_replay && !self.settings.is_offline())
    }

    /// Bytes that a checkpoint will take, about, once replay is full.
    pub(super) fn checkpoint_bytes(&self) -> Result<u64, TrainError> {
        let replay = self.replay_to_keep();
        // Of each network the trained parameters, the target's and two moments; and the best of the one that acts.
        let networks = self.learning.learner().state()?.networks;
        let numbers = networks.iter().map(|network| 4 * network.online.len()).sum::<usize>();
        Ok(4 * (numbers + self.plan.acting.mlp.flat_len()) as u64 + replay.map_or(0, Replay::bytes))
    }

    /// Writes a checkpoint and the weights. A disk that refuses does not stop training: what was saved
    /// before stays, and the next checkpoint tries again.
    pub(super) fn checkpoint(&mut self, envs: Option<Vec<EnvState>>) {
        self.watch.doing(Activity::Writing);
        match self.try_checkpoint(envs) {
            Ok(cost) => {
                self.costs.written += 1;
                self.costs.bytes = cost.bytes;
                self.costs.write_s += cost.write.as_secs_f64();
                self.costs.fsync_s += cost.fsync.as_secs_f64();
                self.tell(&Event::Checkpoint { steps: self.counters.steps, cost });
            }
            Err(error) => {
                let kept = self.checkpoints.list().ok().and_then(|list| list.last().map(|(step, _)| *step));
                let kept =
                    kept.map_or("there is none before it".into(), |step| format!("the one at step {step} is kept"));
                let notice = format!(
                    "the checkpoint at step {} could not be written: {error}; {kept}; training goes on",
                    self.counters.steps
                );
                self.tell(&Event::Warning(&notice));
            }
        }
    }

    fn try_checkpoint(&mut self, envs: Option<Vec<EnvState>>) -> Result<WriteCost, TrainError> {
        // The weights first: they are small, and a disk that is too full for the state may still take them.
        self.policy.set_parameters(self.learning.learner().parameters());
        self.policy.set_statistics(Statistics::merged(&self.statistics));
        self.policy.set_critic(self.learning.learner().critic());
        write_weights(&self.run.latest_weights(), &self.policy.to_bytes())?;
        if let Some(best) = &self.counters.best {
            self.policy.set_parameters(&best.parameters);
            self.policy.set_statistics(best.statistics.clone());
            self.policy.set_critic(self.best_critic.clone());
        }
        // Before the first evaluation the newest weights are the best there are.
        write_weights(&self.run.best_weights(), &self.policy.to_bytes())?;
        let (replay, trimmed) = (self.replay_to_keep(), self.replay_to_keep().and_then(Replay::trimmed));
        let state = CheckpointView {
            counters: &self.counters,
            logs: self.writer.sync()?,
            sampler: &self.sampler,
            learner: self.learning.learner().state()?,
            envs,
            replay: trimmed.as_ref().or(replay).map(Replay::view),
            dataset_checksum: self.dataset_checksum,
            rollouts: self.learning.rollouts().filter(|_| self.counters.cut.is_some()),
        };
        Ok(self.checkpoints.save(self.counters.steps, &state)?)
    }
}

fn write_weights(path: &Path, bytes: &[u8]) -> Result<(), RunError> {
    write_atomic(path, |file| file.write_all(bytes)).map(drop).map_err(RunError::io("write", path))
}
