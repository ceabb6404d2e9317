//! What a run tells: events, rows of metrics, and its summary.

use std::time::Duration;

use cartwheel_agents::Data;

use super::{End, Session, curve};
use crate::TrainError;
use crate::config::Settings;
use crate::evaluation::Evaluation;
use crate::events::{Event, Progress};
use crate::experiment::{GreedyReturn, Summary};
use crate::memory::in_mib;
use crate::replay::Replay;
use crate::rollout::Rollout;
use crate::run::MetricsRow;

/// Numbers in an observation that is held against its space: images take longer than they are worth.
const MOST_CHECKED: usize = 1000;

impl Session<'_> {
    /// Tells all callbacks. One that breaks ends the run at its next update.
    pub(super) fn tell(&mut self, event: &Event<'_>) {
        for callback in &mut self.callbacks {
            self.broken |= callback.on_event(event).is_break();
        }
    }

    /// Says what was decided before training and what it will take.
    pub(super) fn announce(&mut self) -> Result<(), TrainError> {
        let (algo, env) = (self.settings.train.algo, self.settings.env.id.as_str());
        if !Settings::tuned(algo).any(|id| id == env) {
            self.tell(&Event::Notice(&format!(
                "settings: none are tuned for {algo} on {env}: what was not set is its default (docs/configuration.md)"
            )));
        }
        let placement = &self.plan.placement;
        let device = format!("device: {}: {}", placement.device, placement.reason);
        let run = &self.settings.run;
        let data = match (self.settings.algorithm().data(), self.plan.replay_bytes) {
            (Data::Replay(replay), Some(bytes)) => {
                format!("replay: {} for {} transitions", in_mib(bytes), replay.buffer_size)
            }
            (Data::Dataset(dataset), _) => self.describe_dataset(dataset.batch_size),
            _ => {
                let (steps, envs) = (self.settings.rollout_steps(), self.settings.env.n_envs);
                format!(
                    "rollouts: {steps} steps of {envs} environments, {} gradient steps on each",
                    self.settings.phase_updates()
                )
            }
        };
        let state = in_mib(self.checkpoint_bytes()?);
        let every = match run.checkpoint_every {
            0 => "at the end".to_string(),
            every => format!("every {every} steps and at the end"),
        };
        let replays = self.learning.replay().is_some() && !self.settings.is_offline();
        let with = match (replays, run.checkpoint_replay) {
            (true, true) => ", with replay",
            (true, false) => ", without replay",
            (false, _) => "",
        };
        let checkpoints =
            format!("checkpoints: {every}, the last {} kept, up to about {state} each{with}", run.keep_checkpoints);
        for notice in [device, data, checkpoints] {
            self.tell(&Event::Notice(&notice));
        }
        Ok(())
    }

    /// What is learnt from, and how often.
    fn describe_dataset(&self, batch_size: usize) -> String {
        let transitions = self.learning.replay().map_or(0, Replay::transitions);
        let updates = self.settings.train.total_timesteps;
        let passes = updates as f64 * batch_size as f64 / transitions as f64;
        format!(
            "dataset: {} episodes, {transitions} transitions, {}; {updates} gradient steps of {batch_size} pass over it {passes:.1} times",
            self.recorded_episodes.unwrap_or_default(),
            in_mib(self.learning.replay().map_or(0, Replay::bytes)),
        )
    }

    pub(super) fn progress(&self) -> Progress {
        Progress {
            steps: self.counters.steps,
            updates: self.counters.updates,
            episodes: self.counters.episodes,
            epsilon: self.chance(self.counters.steps),
            mean_return: self.counters.mean_return(),
            success_rate: self.counters.success_rate(),
            elapsed: Duration::from_secs_f64(self.counters.wall_s),
        }
    }

    /// Writes a row, tells of it, and of what is wrong with the run by it.
    pub(super) fn write_row(&mut self, row: MetricsRow) {
        self.tell(&Event::Metrics(&row));
        for finding in self.doctor.examine(&row) {
            self.tell(&Event::Finding(&finding));
        }
        self.writer.metrics(row);
    }

    /// Notes for the next row of metrics what the doctor asks about rollouts that were collected together.
    pub(super) fn look_at(&mut self, rollouts: &[Rollout]) {
        for rollout in rollouts {
            self.counters.rewards(&rollout.rewards[..rollout.transitions()]);
        }
        let space = &self.plan.observation_space;
        if space.width() > MOST_CHECKED {
            return;
        }
        // One observation of each environment will do: a space that is wrong is soon found out.
        let newest = rollouts.iter().flat_map(|rollout| (0..rollout.envs).map(|row| rollout.observations.row(row)));
        let (seen, outside) =
            newest.fold((0, 0), |(seen, outside), row| (seen + 1, outside + usize::from(!space.contains(row))));
        if seen == 0 {
            return;
        }
        self.counters.average("rollout/outside_space", f64::from(outside as u32) / f64::from(seen));
    }

    /// What the run came to; ends its log files.
    pub(super) fn summary(mut self, end: End, evaluation: Option<Evaluation>) -> Result<Summary, TrainError> {
        let greedy_return = evaluation.map(|e| GreedyReturn {
            mean: e.mean(),
            std: e.std(),
            episodes: e.returns.len(),
            success_rate: e.success_rate(),
        });
        let summary = Summary {
            solved: self.counters.solved,
            solved_at: self.plan.solved_at,
            greedy_return,
            steps: self.counters.steps,
            updates: self.counters.updates,
            episodes: self.counters.episodes,
            wall_s: self.counters.wall_s,
            cpu_s: self.counters.cpu_s,
            run: self.run.path().to_owned(),
            seed: self.settings.train.seed,
            interrupted: end == End::Stopped,
            checkpoints: self.costs,
        };
        self.tell(&Event::Ended(&summary));
        // Training is done and its weights are safe: what logs or pictures lost is told, no more.
        if let Err(error) = self.writer.finish() {
            tracing::warn!("{error}");
        }
        let steps = if self.settings.is_offline() { "gradient steps" } else { "environment steps" };
        let title = format!("{} · {} · seed {}", self.settings.env.id, self.settings.train.algo, summary.seed);
        if let Err(error) = curve::draw(&self.run, &title, steps, self.plan.solved_at) {
            tracing::warn!("{error}");
        }
        Ok(summary)
    }
}
