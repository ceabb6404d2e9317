//! An episode that was played again, step by step.

use std::sync::Arc;

use cartwheel_envs::{OwnedAction, Scene, Shape};
use cartwheel_trainer::run::EpisodeEntry;
use cartwheel_trainer::watch::{ChosenBy, Judgement, Observation, WeightsReply};

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
    /// Whose weights judge it, for people; empty if nobody does.
    pub judge: String,
    /// These weights, if there are any.
    pub weights: Option<Arc<WeightsReply>>,
    /// What is amiss, for people: it could not be played again, went otherwise than is recorded, or is cut off here.
    pub note: Option<String>,
    /// Steps a second at which a person would play it.
    pub real_time: f32,
    /// Each state, the first after the reset and the last after the last step. None if it could not be played again.
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
    /// What the state is worth to the policy, if it or its critic says so.
    pub value: Option<f32>,
    /// What was done; nothing in the last.
    pub action: Option<OwnedAction>,
    /// Who chose that, as the judge sees it: it would have done the same, or not. Nobody knows any more who did.
    pub chosen_by: ChosenBy,
    /// The environment's own reward of the step that led here; 0 in the first.
    pub reward: f32,
    /// The sum of the rewards so far.
    pub return_: f64,
    /// The error of the value here, by the reward and value of the step after, if there is one: of the value of what was done,
    /// or else of that of the state.
    pub td_error: Option<f32>,
}

impl Film {
    /// The last state's step.
    pub fn last_step(&self) -> u32 {
        self.moments.len().saturating_sub(1) as u32
    }

    /// Its memory, in bytes.
    pub fn bytes(&self) -> usize {
        let weights = self.weights.as_ref().map_or(0, |weights| size_of_val(weights.parameters.as_slice()));
        size_of::<Self>() + weights + self.moments.iter().map(Moment::bytes).sum::<usize>()
    }
}

impl Moment {
    /// Its memory, in bytes.
    pub fn bytes(&self) -> usize {
        let observation = match &self.observation {
            Observation::F32(numbers) => size_of_val(numbers.as_slice()),
            Observation::I32(numbers) => size_of_val(numbers.as_slice()),
            Observation::U8(bytes) => bytes.len(),
        };
        let action = match &self.action {
            None | Some(OwnedAction::Discrete(_)) => 0,
            Some(OwnedAction::Multi(numbers)) => size_of_val(numbers.as_slice()),
            Some(OwnedAction::Continuous(numbers)) => size_of_val(numbers.as_slice()),
        };
        size_of::<Self>() + scene_bytes(&self.scene) + observation + self.judgement.bytes() + action
    }
}

/// The value of the best action, if there are values.
pub(crate) fn best(judgement: &Judgement) -> Option<f32> {
    judgement.values()?.iter().copied().reduce(f32::max)
}

/// The memory of a scene's shapes, in bytes.
pub(crate) fn scene_bytes(scene: &Scene) -> usize {
    let contents = |shape: &Shape| match shape {
        Shape::Path { points, .. } => size_of_val(points.as_slice()),
        Shape::Image { rgb, .. } => rgb.len(),
        Shape::Label { text, .. } => text.len(),
        _ => 0,
    };
    scene.shapes.iter().map(|shape| size_of::<Shape>() + contents(shape)).sum()
}
