//! What a fit does for viewers: it is seen as a run of an agent is, but for environments, of which it has none.

use cartwheel_agents::nn::Device;

use super::Session;
use super::step::steps_of_an_epoch;
use crate::events::Progress;
use crate::supervised::events::FitEvent;
use crate::supervised::task::Part;
use crate::watch::{Facts, Phase, Server};

impl Session<'_> {
    /// Lets viewers in for as long as what this answers lives. Training needs none: where that is not possible, the run
    /// only says so.
    pub(crate) fn serve(&mut self) -> Option<Server> {
        // One that a killed process left. This run's lock is ours, so nobody listens there.
        let _ = std::fs::remove_file(self.run.watch());
        if !self.settings.run.watch {
            return None;
        }
        let an_epoch = steps_of_an_epoch(self.settings, self.task.samples(Part::Train), self.mesh.replicas.size());
        let facts = Facts {
            run: self.run.clone(),
            n_envs: 0,
            total_timesteps: an_epoch.saturating_mul(self.settings.fit.epochs),
            first_step: self.first_step,
            device: match self.settings.fit.device {
                Device::Auto => Device::Cpu.to_string(),
                device => device.to_string(),
            },
            agent: None,
        };
        let started = Server::start(self.watch.clone(), facts);
        if let Err(error) = &started {
            self.tell(&FitEvent::Warning(&format!("the run cannot be watched: {error}; it trains all the same")));
        }
        started.ok()
    }

    /// After each step: where the run is.
    pub(crate) fn show(&self) {
        let counters = &self.counters;
        self.seat.has_done(counters.steps - self.first_step);
        let progress = Progress {
            steps: counters.steps,
            updates: counters.steps,
            episodes: counters.epochs,
            ..Progress::default()
        };
        self.watch.numbers().store(&progress, Phase::default());
        self.writer.hurry(self.watch.attended());
    }
}
