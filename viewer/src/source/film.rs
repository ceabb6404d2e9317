//! An episode that was played again, step by step.

use cartwheel_envs::{OwnedAction, Scene};
use cartwheel_trainer::run::EpisodeEntry;
use cartwheel_trainer::watch::{ChosenBy, Judgement, Observation};

use crate::model::RunId;

/// An episode, played again.
#[derive(Clone, Debug, PartialEq)]
pub struct Film {
    /// The run.
    pub run: RunId,
    /// The episode's place among the run's.
    pub episode: usize,
    /// What the run's index says of it.
    pub entry: EpisodeEntry,
    /// Whose weights judge it, for people.
    pub judge: String,
    /// Each state, the first after the reset and the last after the last step.
    pub moments: Vec<Moment>,
}

/// A state of an episode, and what was done there.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// What it looked like.
    pub scene: Scene,
    /// What was seen.
    pub observation: Observation,
    /// What the policy makes of it.
    pub judgement: Judgement,
    /// What was done; nothing in the last.
    pub action: Option<OwnedAction>,
    /// Who chose that.
    pub chosen_by: ChosenBy,
    /// The reward of the step that led here; 0 in the first.
    pub reward: f32,
    /// The sum of the rewards so far.
    pub return_: f64,
    /// The error of the value here, by the reward and value of the step after, if there is one.
    pub td_error: Option<f32>,
}

impl Film {
    /// The last state's step.
    pub fn last_step(&self) -> u32 {
        self.moments.len().saturating_sub(1) as u32
    }
}
