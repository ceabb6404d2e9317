//! The loop of a run, and its update.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cartwheel_agents::Progress;

use super::learning::{Learning, SHORT};
use super::{End, Session};
use crate::TrainError;
use crate::collector::Collector;
use crate::config::Settings;
use crate::counters::{Counters, Cut, passed};
use crate::cpu_time::thread_cpu_time;
use crate::error::EnvFault;
use crate::events::Event;
use crate::rollout::Rollout;
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

    fn end(&self, watch: &Watch, counters: &mut Counters) {
        counters.wall_s += self.wall.elapsed().saturating_sub(watch.held() - self.held).as_secs_f64();
        counters.cpu_s += thread_cpu_time() - self.cpu;
    }
}

/// Of an environment that could be made and fails now, as one that is asked what goals pay, a fault of it.
fn while_training(error: TrainError, settings: &Settings, step: u64) -> TrainError {
    let TrainError::Env(error) = error else { return error };
    let (env_id, seed, what) = (settings.env.id.clone(), settings.train.seed, error.to_string());
    EnvFault { env_id, env: None, seed, step, episode_step: None, what }.into()
}

impl Session<'_> {
    /// The loop: collect, learn, look, until done.
    pub(super) fn learn(&mut self, collector: &mut Collector<'_>) -> Result<End, TrainError> {
        let settings = self.settings;
        let total = settings.train.total_timesteps;
        if self.counters.evaluation_due
            && let Some(end) = self.evaluate_now()?
        {
            return Ok(end);
        }
        if self.counters.solved && settings.train.stop_when_solved {
            return Ok(End::Solved);
        }
        self.leave_critic();
        let mut lap = Lap::begin(&self.watch);
        while self.counters.steps < total || self.counters.cut.is_some() {
            let mut policy_lag = 0;
            let begun = match self.counters.cut.take() {
                Some(cut) => cut,
                None => {
                    let before = self.counters.steps;
                    let Some(lag) = self.collect(collector)? else {
                        lap.end(&self.watch, &mut self.counters);
                        return Ok(End::Stopped);
                    };
                    policy_lag = lag;
                    Cut { before, taken: 0 }
                }
            };
            let before = begun.before;
            self.counters.cut = self.update(begun)?;
            lap.end(&self.watch, &mut self.counters);
            if self.counters.cut.is_some() {
                return Ok(End::Stopped);
            }

            let after = self.counters.steps;
            if passed(before, after, settings.train.log_interval) {
                let mut row = self.counters.row(self.chance(after));
                if self.counters.updates > 0 {
                    row.metrics.extend(self.learning.vitals().map(|(name, value)| (name.to_owned(), value)));
                }
                self.write_row(row);
            }
            let progress = self.progress();
            self.show(&progress, policy_lag, collector.queue());
            self.tell(&Event::Progress(progress));
            let due = self.counters.updates > 0 && passed(before, after, settings.eval.eval_freq);
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

    /// Takes in what actors collect, and counts it. Answers how far the weights that they acted with were behind; nothing if the run
    /// is asked to stop within it: then the environments are to go on as they were before.
    fn collect(&mut self, collector: &mut Collector<'_>) -> Result<Option<u64>, TrainError> {
        let mut policy_lag = 0;
        self.watch.doing(Activity::Waiting);
        // What is over soon is waited for: the way back costs a copy of all environments.
        let may_stop = self.long_rollouts;
        let before = if may_stop { collector.env_states() } else { None };
        self.lend_replay();
        let begun = Instant::now();
        let rollouts = collector.collect(&self.weights, self.counters.steps, may_stop);
        self.long_rollouts = begun.elapsed() > SHORT;
        self.take_replay_back();
        let rollouts = rollouts?;
        if rollouts.iter().any(Rollout::is_cut) {
            self.before_cut = before;
            let anew = if self.before_cut.is_some() { "; it is collected anew when the run goes on" } else { "" };
            self.tell(&Event::Notice(&format!("stopped within a rollout{anew}")));
            return Ok(None);
        }
        self.watch.doing(Activity::Replay);
        self.learning.take_in(rollouts);
        self.look_at(rollouts);
        for rollout in rollouts {
            self.counters.steps += rollout.transitions() as u64;
            policy_lag = self.weights.version - rollout.version;
            self.counters.average("time/policy_lag", policy_lag as f64);
            self.arrived.append(&mut rollout.episodes);
            for (e, statistics) in rollout.statistics.iter().enumerate() {
                self.statistics[rollout.first_env + e].clone_from(statistics);
            }
        }
        if self.settings.is_offline() {
            self.counters.steps += self.settings.phase_steps();
        }
        self.end_episodes();
        Ok(Some(policy_lag))
    }

    /// The gradient steps that are owed for what was collected last. Answers how far that is if the run is asked to stop within
    /// them.
    fn update(&mut self, Cut { before, taken }: Cut) -> Result<Option<Cut>, TrainError> {
        let (settings, collected) = (self.settings, self.counters.steps - before);
        let now = |steps| Progress { steps, total_timesteps: settings.train.total_timesteps };
        let measured = self.watch.gradients().asked();
        if measured {
            self.learning.learner_mut().actor_mut().measure_gradient();
        }
        let made = self.learning.learner().updates();
        match &mut self.learning {
            Learning::Replay(own) => {
                if !own.is_ready(self.counters.steps) {
                    if taken > 0 {
                        // Replay that was not kept is filled first: what is left of the update is owed until then.
                        self.counters.owed += collected * settings.phase_updates();
                        self.counters.owed -= taken * settings.phase_steps();
                    }
                    return Ok(None);
                }
                // What is left over of a phase is owed in the next.
                let owed = self.counters.owed + collected * settings.phase_updates();
                let updates = owed / settings.phase_steps();
                for k in taken + 1..=updates {
                    self.counters.updated_at = before + collected * k / updates;
                    let updated = own.update(now(self.counters.updated_at), &mut self.sampler, &self.watch);
                    updated.map_err(|error| while_training(error, settings, self.counters.steps))?;
                    self.counters.learnt(&*own.learner, self.settings)?;
                    if k < updates && self.watch.stopping() {
                        self.tell(&Event::Notice(&format!(
                            "stopped after {k} of {updates} gradient steps of an update: the others are taken when the run goes on"
                        )));
                        return Ok(Some(Cut { before, taken: k }));
                    }
                }
                self.counters.owed = owed % settings.phase_steps();
            }
            Learning::Rollouts(own) => {
                self.counters.updated_at = self.counters.steps;
                if !own.update(now(self.counters.steps), &mut self.sampler, &self.watch)? {
                    self.tell(&Event::Notice(
                        "stopped within an update: it is made anew when the run goes on, from what was collected for it",
                    ));
                    return Ok(Some(Cut { before, taken: 0 }));
                }
                self.counters.learnt(self.learning.learner(), self.settings)?;
            }
        }
        if self.learning.learner().updates() > made {
            if measured {
                self.watch.gradients().publish(self.learning.learner().actor().gradient_norms());
            }
            self.counters.version += 1;
            self.publish();
        }
        Ok(None)
    }

    /// Makes the learner's parameters the ones that actors pick up next.
    pub(super) fn publish(&mut self) {
        // The buffer of the version before is used again once no actor holds it.
        let mut weights = Arc::try_unwrap(std::mem::take(&mut self.weights)).unwrap_or_default();
        weights.version = self.counters.version;
        self.learning.learner().write_acting_parameters(&mut weights.parameters);
        self.weights = Arc::new(weights);
    }

    /// Counts, keeps and tells of the episodes that ended, in the order of (step, environment).
    fn end_episodes(&mut self) {
        let mut arrived = std::mem::take(&mut self.arrived);
        arrived.sort_by_key(|episode| (episode.step, episode.record.env));
        for episode in arrived.drain(..) {
            self.counters.episode(&episode.record, episode.length);
            self.tell(&Event::EpisodeEnd(&episode.record));
            if self.settings.run.record_episodes {
                self.writer.episode(episode.record);
            }
        }
        self.arrived = arrived;
    }
}
