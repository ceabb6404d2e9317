//! The state that panels look into: a moment of the episode that is shown, or an environment of the live run.

use cartwheel_envs::Scene;
use cartwheel_trainer::watch::{EnvFrame, Observation};

use super::Context;
use crate::model::{Live, Run, RunId};
use crate::overlays::Verdict;
use crate::source::{Film, Moment};
use crate::spaces::Spaces;

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    /// The run.
    pub(super) run: RunId,
    /// The environment's number.
    pub(super) env: u32,
    /// The episode: its number among the environment's if it is live, else among the run's.
    pub(super) episode: u64,
    /// Steps of the episode so far.
    pub(super) step: u32,
    /// Rewards of the episode so far.
    pub(super) return_: f64,
    /// What it looks like.
    pub(super) scene: &'a Scene,
    /// What is seen, where that is known.
    pub(super) observation: Option<&'a Observation>,
    /// What it is worth to the critic of a policy without values of actions.
    pub(super) value: Option<f32>,
    /// What the policy makes of it, and what was done.
    pub(super) verdict: Verdict<'a>,
}

impl<'a> Subject<'a> {
    /// What the inspecting panels show: the film's moment, else the selected environment, else the first one, of those
    /// whose observation is known if there are any.
    pub(super) fn of(context: Context<'a>) -> Option<Self> {
        let model = context.model;
        if let Some(film) = &model.film {
            let moment = film.moments.get(model.cursor as usize)?;
            return Some(Self::moment(film, moment, model.cursor, context.spaces(film.run)));
        }
        let live = context.live()?;
        let frame = match context.state.env {
            Some(env) => live.frames.get(&env)?,
            None => live.frames.values().min_by_key(|frame| (frame.observation.is_none(), frame.env))?,
        };
        Some(Self::frame(live, frame, context.spaces(live.run)))
    }

    /// A moment of a film.
    pub(super) fn moment(film: &Film, moment: &'a Moment, step: u32, spaces: Option<&Spaces>) -> Self {
        let first = spaces.map_or(0, Spaces::first_action);
        Self {
            run: film.run,
            env: film.entry.env,
            episode: film.episode as u64,
            step,
            return_: moment.return_,
            scene: &moment.scene,
            observation: Some(&moment.observation),
            value: moment.value.filter(|_| moment.judgement.values().is_none()),
            verdict: Verdict::new(&moment.judgement, moment.action.as_ref(), moment.chosen_by, first),
        }
    }

    /// A live environment.
    pub(super) fn frame(live: &Live, frame: &'a EnvFrame, spaces: Option<&Spaces>) -> Self {
        let first = spaces.map_or(0, Spaces::first_action);
        Self {
            run: live.run,
            env: frame.env,
            episode: frame.episode,
            step: frame.episode_step,
            return_: frame.return_,
            scene: &frame.scene,
            observation: frame.observation.as_ref(),
            value: frame.value,
            verdict: Verdict::new(&frame.judgement, frame.action.as_ref(), frame.chosen_by, first),
        }
    }
}

impl<'a> Context<'a> {
    /// The live run, if it is the one that is looked at.
    pub(super) fn live(self) -> Option<&'a Live> {
        let live = self.model.live.as_ref()?;
        (self.state.run.is_none() || self.state.run == Some(live.run)).then_some(live)
    }

    /// The run that is looked at, if it fits a model to data and no episode is shown.
    pub(crate) fn fit(self) -> Option<(RunId, &'a Run)> {
        let id = self.state.run.filter(|_| self.model.film.is_none())?;
        self.model.runs.get(id).filter(|run| run.fit).map(|run| (id, run))
    }

    /// What a run's environment looks like, if that is known.
    pub(super) fn spaces(self, run: RunId) -> Option<&'a Spaces> {
        self.model.runs.get(run)?.spaces.as_ref()?.as_ref().ok().map(|spaces| &**spaces)
    }
}
