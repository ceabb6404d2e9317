//! What an actor refuses of its environments, and how it names what broke.

use cartwheel_envs::{EnvError, Row, panic_message};

use super::Actor;
use crate::error::EnvFault;

impl Actor {
    /// Refuses observations and rewards that are not numbers (ReLU would hide a NaN from the loss), and discrete
    /// observations outside their space.
    pub(super) fn check_finite(&self, now: u64) -> Result<(), EnvFault> {
        let finite = |values: &[f32]| values.iter().fold(0.0, |sum, x| sum + x * 0.0) == 0.0;
        if !self.observations.as_f32().is_none_or(finite) {
            let width = self.observations.width();
            let values = self.observations.as_f32().unwrap_or_default();
            let at = values.iter().position(|x| !x.is_finite()).unwrap_or_default();
            return Err(self.fault_of(at / width, now, not_finite("", at % width, values[at])));
        }
        let finals = self.step.final_observations.as_f32().unwrap_or_default();
        let width = self.observations.width();
        for e in 0..self.num_envs() {
            let ended = self.step.terminated[e] || self.step.truncated[e];
            let last = if ended && !finals.is_empty() { &finals[e * width..(e + 1) * width] } else { &[] };
            if let Some(at) = last.iter().position(|x| !x.is_finite()) {
                return Err(self.fault_of(e, now, not_finite("final ", at, last[at])));
            }
        }
        let space = self.envs.single_observation_space();
        for e in 0..self.num_envs() {
            let ended = self.step.terminated[e] || self.step.truncated[e];
            let last = ended.then(|| self.step.final_observations.row(e));
            for seen in [Some(self.observations.row(e)), last].into_iter().flatten() {
                if let Row::I32(numbers) = seen
                    && !space.contains(seen)
                {
                    return Err(self.fault_of(e, now, format!("the observation {numbers:?} is not in {space}")));
                }
            }
        }
        if !finite(&self.step.rewards) {
            let e = self.step.rewards.iter().position(|x| !x.is_finite()).unwrap_or_default();
            return Err(self.fault_of(
                e,
                now,
                format!("the reward is {}; return a finite reward", self.step.rewards[e]),
            ));
        }
        Ok(())
    }

    pub(super) fn fault_of(&self, e: usize, now: u64, what: String) -> EnvFault {
        EnvFault {
            env_id: self.spec.env_id.clone(),
            env: Some(self.first_env + e),
            seed: self.spec.seed,
            step: now,
            episode_step: self.episodes.get(e).map(|episode| episode.length),
            what,
        }
    }

    pub(super) fn fault(&self, error: EnvError, now: u64) -> EnvFault {
        match error {
            EnvError::AtIndex { index, source } => self.fault_of(index, now, source.to_string()),
            EnvError::Panicked { index, message } => self.fault_of(index, now, format!("it panicked: {message}")),
            other => EnvFault { env: None, episode_step: None, ..self.fault_of(0, now, other.to_string()) },
        }
    }

    /// The fault that a panic while collecting was.
    pub fn panicked(&self, panic: &(dyn std::any::Any + Send), now: u64) -> EnvFault {
        let text = format!("an actor panicked: {}", panic_message(panic));
        EnvFault { env: None, episode_step: None, ..self.fault_of(0, now, text) }
    }
}

/// What is wrong with number `at` of an observation.
fn not_finite(which: &str, at: usize, value: f32) -> String {
    format!("{which}observation[{at}] is {value}; show finite numbers")
}
