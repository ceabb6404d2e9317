//! Which metrics are plotted.

use std::collections::BTreeSet;

use eframe::egui::{ScrollArea, TextEdit, TextStyle, Ui};

use crate::panels::check_all;
use crate::search::Search;
use crate::series::EPISODE_RETURN;
use crate::text;

/// What people look at first, in this order.
const FAVOURITES: &[&str] = &[
    "rollout/ep_rew_mean",
    "eval/mean_reward",
    "rollout/success_rate",
    "eval/success_rate",
    EPISODE_RETURN,
    "rollout/success_rate",
    "eval/success_rate",
    "train/loss",
    "epoch/loss",
    "val/loss",
    "val/accuracy",
    "val/exact_match",
    "val/hr@10",
];

/// The metrics that the user has chosen, and the list to choose from.
#[derive(Debug, Default)]
pub(super) struct Choice {
    search: Search,
    /// None as long as the favourites are shown.
    chosen: Option<BTreeSet<String>>,
    /// The one that is shown alone.
    pub(super) large: Option<String>,
}

impl Choice {
    /// Those of the metrics that are plotted, favourites first.
    pub(super) fn plotted<'a>(&self, metrics: &BTreeSet<&'a str>) -> Vec<&'a str> {
        match self.large.as_deref().and_then(|large| metrics.get(large)) {
            Some(large) => vec![large],
            None => self.chosen(metrics),
        }
    }

    fn chosen<'a>(&self, metrics: &BTreeSet<&'a str>) -> Vec<&'a str> {
        let chosen = |name: &&str| match &self.chosen {
            None => FAVOURITES.contains(name),
            Some(chosen) => chosen.contains(*name),
        };
        in_order(metrics).into_iter().filter(chosen).collect()
    }

    /// The search box and the list under it.
    pub(super) fn ui(&mut self, ui: &mut Ui, metrics: &BTreeSet<&str>) {
        let label = ui.label(text::METRICS);
        let mut search = self.search.text().to_owned();
        let field = TextEdit::singleline(&mut search).hint_text(text::SEARCH).desired_width(f32::INFINITY);
        if ui.add(field).labelled_by(label.id).on_hover_text(text::SEARCH_HINT).changed() {
            self.search = Search::new(search);
        }
        let found: Vec<_> = in_order(metrics).into_iter().filter(|name| self.search.finds(name)).collect();
        let before = self.chosen(metrics);
        let checked = found.iter().filter(|name| before.contains(name)).count();
        if let Some(all) = check_all(ui, text::ALL_METRICS, checked, found.len()) {
            found.iter().for_each(|name| self.choose(name, all, &before));
        }
        let height = ui.text_style_height(&TextStyle::Body).max(ui.spacing().interact_size.y);
        ScrollArea::vertical().id_salt("metrics").auto_shrink([false, false]).show_rows(
            ui,
            height,
            found.len(),
            |ui, rows| {
                for name in &found[rows] {
                    let mut on = before.contains(name);
                    if ui.checkbox(&mut on, *name).changed() {
                        self.choose(name, on, &before);
                    }
                }
            },
        );
    }

    /// Plots a metric, or no longer, beside those that were plotted `before`.
    fn choose(&mut self, name: &str, on: bool, before: &[&str]) {
        let chosen = self.chosen.get_or_insert_with(|| before.iter().map(|name| (*name).to_owned()).collect());
        if on {
            chosen.insert(name.to_owned())
        } else {
            chosen.remove(name)
        };
        self.large = None;
    }
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
        assert_eq!(choice.plotted(&metrics), ["eval/mean_reward", "train/loss"]);
        choice.chosen = Some(["time/fps".to_owned(), "gone".to_owned()].into());
        assert_eq!(choice.plotted(&metrics), ["time/fps"]);
        choice.large = Some("train/loss".to_owned());
        assert_eq!(choice.plotted(&metrics), ["train/loss"]);
        choice.large = Some("gone".to_owned());
        assert_eq!(choice.plotted(&metrics), ["time/fps"]);
    }
}
