//! The run's policy with its newest weights, asked for while a panel needs them.

use std::sync::Arc;

use cartwheel_trainer::watch;
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
    weights: Option<(RunId, Arc<watch::WeightsReply>)>,
    judge: Option<Result<Judge, String>>,
}

impl Newest {
    /// The judge of a run, and the version of its weights.
    ///
    /// # Errors
    /// Why there is none, in words for the user.
    pub(super) fn judge(&mut self, context: Context<'_>, run: RunId) -> Result<(&mut Judge, u64), String> {
        let live = context.model.live.as_ref().filter(|live| live.run == run);
        let weights = live.ok_or(text::WEIGHTS_NOT_LIVE)?.weights.as_ref().ok_or(text::WEIGHTS_AWAITED)?;
        let known = self.weights.as_ref().is_some_and(|(own, old)| *own == run && Arc::ptr_eq(old, weights));
        if !known || self.judge.is_none() {
            let of = context.model.runs.get(run).ok_or(text::SPACES_AWAITED)?;
            let settings = of.settings.as_ref().ok_or(text::SPACES_AWAITED)?;
            let spaces = of.spaces.as_ref().ok_or(text::SPACES_AWAITED)?.as_ref().map_err(Clone::clone)?;
            self.judge = Some(Judge::with_spaces(settings, spaces, &weights.parameters));
            self.weights = Some((run, weights.clone()));
        }
        match &mut self.judge {
            Some(Ok(judge)) => Ok((judge, weights.version)),
            Some(Err(problem)) => Err(problem.clone()),
            None => Err(text::WEIGHTS_AWAITED.to_owned()),
        }
    }
}

/// Asks the live run for weights that are newer, a few times a second however many panels need them.
pub(super) fn ask_for_weights(ui: &Ui, context: Context<'_>, commands: &mut Commands) {
    let Some(live) = context.live() else { return };
    if due(ui, "weights", WEIGHTS_EVERY) {
        let newer_than = live.weights.as_ref().map(|weights| weights.version);
        commands.push(Command::Ask(watch::Request::Weights { newer_than }));
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
