//! What a run's learner does for viewers.

use std::time::{Duration, Instant};

use super::Session;
use crate::events::{Event, Progress};
use crate::replay::Replay;
use crate::watch::{Agent, Facts, Intervention, Phase, Server};

/// Between copies of the value functions for frames while somebody watches, and while nobody does.
const CRITIC_EVERY: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(1)];

impl Session<'_> {
    /// Lets viewers in for as long as what this answers lives. Training needs none: where that is not possible, the run
    /// only says so.
    pub(super) fn serve(&mut self) -> Option<Server> {
        // One that a killed process left. This run's lock is ours, so nobody listens there.
        let _ = std::fs::remove_file(self.run.watch());
        if !self.settings.run.watch {
            return None;
        }
        let facts = Facts {
            run: self.run.clone(),
            n_envs: self.settings.env.n_envs as u32,
            total_timesteps: self.settings.train.total_timesteps,
            first_step: self.counters.steps,
            device: self.plan.placement.device.to_string(),
            agent: Some(Agent {
                epsilon: self.exploration.epsilon,
                acting: self.plan.acting.clone(),
                action_space: self.plan.action_space.clone(),
                replay_capacity: self.learning.replay().map_or(0, |replay| replay.transition_capacity() as u64),
                lent_replay: self.lent_replay.clone(),
                returns: self.settings.algorithm().data().returns(),
            }),
        };
        if let Some(patience) = self.plan.wait_for_viewer {
            self.watch.await_viewer(patience);
        }
        let started = Server::start(self.watch.clone(), facts);
        if let Err(error) = &started {
            self.watch.open();
            let warning = format!("the run cannot be watched: {error}; it trains all the same");
            self.tell(&Event::Warning(&warning));
        }
        started.ok()
    }

    /// The chance of exploring, that of a mean environment, after `steps` environment steps.
    pub(super) fn chance(&self, steps: u64) -> f64 {
        let epsilon = self.watch.epsilon().unwrap_or_else(|| self.exploration.epsilon.at(steps));
        self.exploration.mean_chance(epsilon, self.settings.env.n_envs)
    }

    /// While the learner does not need replay, viewers may look into it.
    pub(super) fn lend_replay(&mut self) {
        if self.watch.attended()
            && let Some(replay) = self.learning.replay_mut()
        {
            self.lent_replay.lend(replay);
            self.lent = true;
        }
    }

    /// The learner needs replay.
    pub(super) fn take_replay_back(&mut self) {
        if std::mem::take(&mut self.lent)
            && let Some(replay) = self.learning.replay_mut()
        {
            self.lent_replay.take_back(replay);
        }
    }

    /// After each phase: where the run is, for viewers, and what they decided, for the run's files.
    pub(super) fn show(&mut self, progress: &Progress, policy_lag: u64, queue: (usize, usize)) {
        self.watch.numbers().store(
            progress,
            Phase { replay: self.learning.replay().map_or(0, Replay::transitions), policy_lag, queue },
        );
        self.writer.hurry(self.watch.attended());
        self.leave_critic();
        if let Some(now) = self.watch.intervention() {
            self.note(now);
        }
    }

    /// Leaves a copy of the value functions for frames now and then: they may be large. Also while nobody watches, so that there
    /// is one for a viewer that comes within a phase and holds the run there.
    pub(super) fn leave_critic(&mut self) {
        let every = if self.watch.attended() { CRITIC_EVERY[0] } else { CRITIC_EVERY[1] };
        if self.settings.run.watch && self.critic_left.is_none_or(|left| left.elapsed() >= every) {
            self.watch.leave_critic(self.learning.learner().critic());
            self.critic_left = Some(Instant::now());
        }
    }

    /// Notes in the run's files what people decided in the policy's place, and says so at the first time.
    fn note(&mut self, now: Intervention) {
        let before = std::mem::replace(&mut self.noted, now);
        if now.epsilon.is_some() && before.epsilon.is_none() {
            self.tell(&Event::Warning("a viewer set ε: the run is no longer what its seed gives"));
        }
        if (now.taken_over > 0 || now.person_steps > 0) && before.person_steps == 0 && before.taken_over == 0 {
            self.tell(&Event::Warning("a viewer took over an environment: the run is no longer what its seed gives"));
        }
        let row = self.counters.intervention_row(self.chance(self.counters.steps), &now);
        self.write_row(row);
    }
}
