//! Which metrics are plotted.

use std::collections::{BTreeMap, BTreeSet};

use eframe::egui::{ScrollArea, TextEdit, TextStyle, Ui};

use crate::command::{Command, Commands};
use crate::panels::check_all;
use crate::search::Search;
use crate::series::EPISODE_RETURN;
use crate::state::State;
use crate::text;

/// What people look at first, in this order.
const FAVOURITES: &[&str] = &[
    "rollout/ep_rew_mean",
    "eval/mean_reward",
    "rollout/success_rate",
    "eval/success_rate",
    EPISODE_RETURN,
    "train/loss",
    "epoch/loss",
    "val/loss",
    "val/accuracy",
    "val/exact_match",
    "val/hr@10",
];

/// The list of metrics to choose from; those that the user has chosen are in [`State::metrics`].
#[derive(Debug, Default)]
pub(super) struct Choice {
    search: Search,
    /// The one that is shown alone.
    pub(super) large: Option<String>,
}

impl Choice {
    /// Those of the metrics that are plotted, favourites first.
    pub(super) fn plotted<'a>(&self, metrics: &BTreeSet<&'a str>, state: &State) -> Vec<&'a str> {
        match self.large.as_deref().and_then(|large| metrics.get(large)) {
            Some(large) => vec![large],
            None => checked(metrics, state),
        }
    }

    /// The search box and the list under it.
    pub(super) fn ui(&mut self, ui: &mut Ui, metrics: &BTreeSet<&str>, state: &State, commands: &mut Commands) {
        let label = ui.label(text::METRICS);
        let mut search = self.search.text().to_owned();
        let field = TextEdit::singleline(&mut search).hint_text(text::SEARCH).desired_width(f32::INFINITY);
        if ui.add(field).labelled_by(label.id).on_hover_text(text::SEARCH_HINT).changed() {
            self.search = Search::new(search);
        }
        let found: Vec<_> = in_order(metrics).into_iter().filter(|name| self.search.finds(name)).collect();
        let before = checked(metrics, state);
        let mut changed = BTreeMap::new();
        let of_found = found.iter().filter(|name| before.contains(name)).count();
        // In one row: others must not move under the pointer.
        ui.horizontal(|ui| {
            if let Some(all) = check_all(ui, text::ALL_METRICS, of_found, found.len()) {
                changed.extend(found.iter().map(|name| (*name, all)));
            }
            if state.metrics.is_some() && ui.link(text::USUAL_METRICS).on_hover_text(text::USUAL_METRICS_HINT).clicked()
            {
                self.large = None;
                commands.push(Command::PlotMetrics(None));
            }
        });
        let height = ui.text_style_height(&TextStyle::Body).max(ui.spacing().interact_size.y);
        ScrollArea::vertical().id_salt("metrics").auto_shrink([false, false]).show_rows(
            ui,
            height,
            found.len(),
            |ui, rows| {
                for name in &found[rows] {
                    let mut on = before.contains(name);
                    if ui.checkbox(&mut on, *name).changed() {
                        changed.insert(*name, on);
                    }
                }
            },
        );
        if !changed.is_empty() {
            self.large = None;
            let before = before.into_iter().map(str::to_owned).collect();
            let mut chosen = chosen(metrics, state).cloned().unwrap_or(before);
            chosen.retain(|name| changed.get(&**name) != Some(&false));
            chosen.extend(changed.iter().filter(|(_, on)| **on).map(|(name, _)| (*name).to_owned()));
            commands.push(Command::PlotMetrics(Some(chosen)));
        }
    }
}

/// What the user has chosen, unless these metrics have none of it, as those of a run of another kind.
fn chosen<'a>(metrics: &BTreeSet<&str>, state: &'a State) -> Option<&'a BTreeSet<String>> {
    let chosen = state.metrics.as_ref()?;
    (chosen.is_empty() || chosen.iter().any(|name| metrics.contains(&**name))).then_some(chosen)
}

/// Those of the metrics that are checked, favourites first.
fn checked<'a>(metrics: &BTreeSet<&'a str>, state: &State) -> Vec<&'a str> {
    let chosen = chosen(metrics, state);
    let checked = |name: &&str| chosen.map_or(FAVOURITES.contains(name), |chosen| chosen.contains(*name));
    in_order(metrics).into_iter().filter(checked).collect()
}

/// Favourites first, the others by name.
fn in_order<'a>(metrics: &BTreeSet<&'a str>) -> Vec<&'a str> {
    let mut names: Vec<_> = metrics.iter().copied().collect();
    names.sort_by_key(|name| FAVOURITES.iter().position(|favourite| favourite == name).unwrap_or(usize::MAX));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn favourites_come_first_and_are_shown_at_first() {
        let metrics: BTreeSet<_> = ["time/fps", "train/loss", "a/b", "eval/mean_reward"].into();
        let mut choice = Choice::default();
        assert_eq!(in_order(&metrics), ["eval/mean_reward", "train/loss", "a/b", "time/fps"]);
        let mut state = State::default();
        assert_eq!(choice.plotted(&metrics, &state), ["eval/mean_reward", "train/loss"]);
        let choose = |state: &mut State, names: &[&str]| {
            state.metrics = Some(names.iter().map(|name| (*name).to_owned()).collect());
        };
        choose(&mut state, &["time/fps", "gone"]);
        assert_eq!(choice.plotted(&metrics, &state), ["time/fps"]);
        choice.large = Some("train/loss".to_owned());
        assert_eq!(choice.plotted(&metrics, &state), ["train/loss"]);
        choice.large = Some("gone".to_owned());
        assert_eq!(choice.plotted(&metrics, &state), ["time/fps"]);
        choose(&mut state, &["gone"]);
        assert_eq!(choice.plotted(&metrics, &state), ["eval/mean_reward", "train/loss"], "as of a run of another kind");
        choose(&mut state, &[]);
        assert_eq!(choice.plotted(&metrics, &state), [""; 0], "all were unchecked");
    }
}
