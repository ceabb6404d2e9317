//! The loop of a run, and its update.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{End, Session};
use crate::TrainError;
use crate::collector::Collector;
use crate::cpu_time::thread_cpu_time;
use crate::events::Event;
use crate::progress::{Books, passed};
use crate::watch::{Activity, Watch};

/// Times the learner's thread, but for the time that viewers hold the run.
struct Lap {
    wall: Instant,
    held: Duration,
    cpu: f64,
}

impl Lap {
    fn begin(watch: &Watch) -> Self {
        Self { wall: Instant::now(), held: watch.held(), cpu: thread_cpu_time() }
    }

    fn end(&self, watch: &Watch, books: &mut Books) {
        books.wall_s += self.wall.elapsed().saturating_sub(watch.held() - self.held).as_secs_f64();
        books.cpu_s += thread_cpu_time() - self.cpu;
    }
}

impl Session<'_> {
    /// The loop: collect, learn, look, until done.
    pub(super) fn learn(&mut self, collector: &mut Collector<'_>) -> Result<End, TrainError> {
        let settings = self.settings;
        let total = settings.train.total_timesteps;
        if self.books.evaluation_due
            && let Some(end) = self.evaluate_now()?
        {
            return Ok(end);
        }
        if self.books.solved && settings.train.stop_when_solved {
            return Ok(End::Solved);
        }
        let mut lap = Lap::begin(&self.watch);
        while self.books.steps < total {
            let before = self.books.steps;
            let mut policy_lag = 0;
            self.watch.doing(Activity::Waiting);
            self.lend_replay();
            let rollouts = collector.collect(&self.weights, before);
            self.take_replay_back();
            for rollout in rollouts? {
                self.watch.doing(Activity::Replay);
                self.replay.extend(rollout);
                self.books.steps += rollout.transitions() as u64;
                policy_lag = self.weights.version - rollout.version;
                self.books.average("time/policy_lag", policy_lag as f64);
                self.arrived.append(&mut rollout.episodes);
                for (e, statistics) in rollout.statistics.iter().enumerate() {
                    self.statistics[rollout.first_env + e].clone_from(statistics);
                }
            }
            self.end_episodes();
            self.update(before)?;
            lap.end(&self.watch, &mut self.books);

            let after = self.books.steps;
            if passed(before, after, settings.train.log_interval) {
                let row = self.books.row(self.chance(after));
                self.write_row(row);
            }
            let progress = self.progress();
            self.show(&progress, policy_lag, collector.queue());
            self.tell(&Event::Progress(progress));
            let due = self.books.updates > 0 && passed(before, after, settings.eval.eval_freq);
            if due && let Some(end) = self.evaluate_now()? {
                return Ok(end);
            }
            if self.broken || self.watch.stopping() {
                return Ok(End::Stopped);
            }
            if passed(before, after, settings.run.checkpoint_every) {
                let states = collector.env_states();
                self.checkpoint(states);
            }
            lap = Lap::begin(&self.watch);
        }
        Ok(End::Completed)
    }

    /// The gradient steps that are owed for what was collected since `before`.
    fn update(&mut self, before: u64) -> Result<(), TrainError> {
        let (settings, collected) = (self.settings, self.books.steps - before);
        let starts = settings.dqn.learning_starts;
        // A replay that was not in the checkpoint is first filled again.
        if self.books.steps < starts
            || (self.replay.len() as u64) < starts.min(settings.dqn.buffer_size as u64)
            || !self.replay.has_transitions()
        {
            return Ok(());
        }
        self.books.owed += collected * settings.phase_updates();
        let updates = self.books.owed / settings.phase_steps();
        self.books.owed %= settings.phase_steps();
        let returns = self.returns();
        let measured = updates > 0 && self.watch.gradients().asked();
        if measured {
            self.dqn.measure_gradient();
        }
        for k in 1..=updates {
            self.watch.doing(Activity::Replay);
            self.books.updated_at = before + collected * k / updates;
            let beta = settings.dqn.beta(self.books.updated_at, settings.train.total_timesteps);
            self.replay.sample(settings.dqn.batch_size, returns, beta, &mut self.sampler, &mut self.batch);
            self.watch.doing(Activity::Updating);
            let stats = self.dqn.update(&self.batch, self.books.updated_at)?;
            self.books.update(&stats);
            for (what, value) in [("the loss", stats.loss), ("the gradient's norm", stats.grad_norm)] {
                if !value.is_finite() {
                    let (update, step, seed) = (self.books.updates, self.books.steps, settings.train.seed);
                    return Err(TrainError::NotFinite { what, value, update, step, seed });
                }
            }
            self.replay.update_priorities(&self.batch.rows, self.dqn.td_errors());
        }
        if measured {
            self.watch.gradients().leave(self.dqn.gradient_norms());
        }
        if updates > 0 {
            self.books.version += 1;
            self.publish();
        }
        Ok(())
    }

    /// Makes the learner's parameters the ones that actors pick up next.
    pub(super) fn publish(&mut self) {
        // The buffer of the version before is used again once no actor holds it.
        let mut weights = Arc::try_unwrap(std::mem::take(&mut self.weights)).unwrap_or_default();
        weights.version = self.books.version;
        weights.parameters.clear();
        weights.parameters.extend_from_slice(self.dqn.parameters());
        self.weights = Arc::new(weights);
    }

    /// Counts, keeps and tells of the episodes that ended, in the order of (step, environment).
    fn end_episodes(&mut self) {
        let mut arrived = std::mem::take(&mut self.arrived);
        arrived.sort_by_key(|episode| (episode.step, episode.record.env));
        for episode in arrived.drain(..) {
            self.books.episode(episode.record.return_, episode.length);
            self.tell(&Event::EpisodeEnd(&episode.record));
            if self.settings.run.record_episodes {
                self.writer.episode(episode.record);
            }
        }
        self.arrived = arrived;
    }
}
