//! The policy of what is looked at: with the newest weights of a live run, which are asked for while a panel needs them, or
//! with those that judge the episode that is shown.

use std::sync::Arc;

use cartwheel_trainer::watch::{Request, WeightsReply};
use eframe::egui::{Id, Ui};

use super::Context;
use crate::command::{Command, Commands};
use crate::judge::Judge;
use crate::model::RunId;
use crate::text;

/// Seconds between questions for weights.
const WEIGHTS_EVERY: f64 = 0.25;

/// A judge and the weights that it has.
#[derive(Debug, Default)]
pub(super) struct Newest {
    weights: Option<(RunId, Arc<WeightsReply>)>,
    judge: Option<Result<Judge, String>>,
    /// How many judges there were.
    generation: u64,
}

impl Newest {
    /// The judge of a run, and a number that is another for other weights.
    ///
    /// # Errors
    /// Why there is none, in words for the user.
    pub(super) fn judge(&mut self, context: Context<'_>, run: RunId) -> Result<(&mut Judge, u64), String> {
        let weights = weights(context, run)?;
        let known = self.weights.as_ref().is_some_and(|(own, old)| *own == run && Arc::ptr_eq(old, weights));
        if !known {
            let of = context.model.runs.get(run).ok_or(text::SPACES_AWAITED)?;
            let settings = of.settings.as_ref().ok_or(text::SPACES_AWAITED)?;
            let spaces = of.spaces.as_ref().ok_or(text::SPACES_AWAITED)?.as_ref().map_err(Clone::clone)?;
            self.judge = Some(Judge::with_spaces(settings, spaces, &weights.parameters));
            self.weights = Some((run, weights.clone()));
            self.generation += 1;
        }
        match &mut self.judge {
            Some(Ok(judge)) => Ok((judge, self.generation)),
            Some(Err(problem)) => Err(problem.clone()),
            None => Err(text::WEIGHTS_AWAITED.to_owned()),
        }
    }
}

/// The weights that judge what is looked at.
fn weights(context: Context<'_>, run: RunId) -> Result<&Arc<WeightsReply>, &'static str> {
    if let Some(film) = &context.model.film {
        return film.weights.as_ref().ok_or(text::NO_JUDGE);
    }
    let live = context.model.live.as_ref().filter(|live| live.run == run).ok_or(text::WEIGHTS_NOT_LIVE)?;
    live.weights.as_ref().ok_or(text::WEIGHTS_AWAITED)
}

/// Asks the live run for weights that are newer, a few times a second however many panels need them.
pub(super) fn ask_for_weights(ui: &Ui, context: Context<'_>, commands: &mut Commands) {
    let Some(live) = context.live().filter(|_| context.model.film.is_none()) else { return };
    if due(ui, "weights", WEIGHTS_EVERY) {
        let newer_than = live.weights.as_ref().map(|weights| weights.version);
        commands.push(Command::Ask(Request::Weights { newer_than }));
    }
}

/// Whether it is time again for something that is done every so many seconds.
pub(super) fn due(ui: &Ui, what: &str, every: f64) -> bool {
    let now = ui.input(|input| input.time);
    let id = Id::unique(("due", what));
    let last: Option<f64> = ui.data(|data| data.get_temp(id));
    let due = last.is_none_or(|last| now - last >= every);
    if due {
        ui.data_mut(|data| data.insert_temp(id, now));
    }
    due
}

/// Makes it time again at once.
pub(super) fn forget_due(ui: &Ui, what: &str) {
    ui.data_mut(|data| data.remove::<f64>(Id::unique(("due", what))));
}
