//! What is shown over everything: the palette and the keys.

use eframe::egui::{Align2, Context, Grid, Key, Modifiers, ScrollArea, Window};

use super::App;
use crate::command::{Action, Command};
use crate::search::Search;
use crate::text;
use crate::transport::why_not;

impl App {
    /// All commands, found by a part of their names, those first that can be done. Enter does the first.
    pub(super) fn palette(&mut self, ctx: &Context) {
        // Taken out meanwhile: the rest of the state is looked at.
        let Some(mut query) = self.state.palette.take() else { return };
        let mut chosen = None;
        Window::new(text::PALETTE)
            .anchor(Align2::CENTER_TOP, [0.0, 80.0])
            .collapsible(false)
            .resizable(false)
            .default_width(420.0)
            .show(ctx, |ui| {
                let label = ui.label(text::PALETTE_HINT);
                let field = ui.text_edit_singleline(&mut query).labelled_by(label.id);
                field.request_focus();
                let mut found = matching(&query);
                found.sort_by_key(|action| why_not(&self.model, &self.state, *action).is_some());
                let enter = ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
                chosen = found.first().copied().filter(|_| enter);
                ScrollArea::vertical().max_height(360.0).show(ui, |ui| {
                    for action in found {
                        let keys = action.keys();
                        let button = eframe::egui::Button::new(action.name()).shortcut_text(keys).frame(false);
                        let why = why_not(&self.model, &self.state, action);
                        if ui.add_enabled(why.is_none(), button).clicked() {
                            chosen = Some(action);
                        }
                        if let Some(why) = why {
                            ui.weak(why);
                        }
                    }
                });
            });
        match chosen {
            Some(action) => self.commands.push(Command::Do(action)),
            None => self.state.palette = Some(query),
        }
    }

    /// The keys.
    pub(super) fn help(&mut self, ctx: &Context) {
        let mut open = self.state.help;
        Window::new(text::HELP).open(&mut open).anchor(Align2::CENTER_CENTER, [0.0; 2]).resizable(false).show(
            ctx,
            |ui| {
                Grid::new("keys").num_columns(2).striped(true).show(ui, |ui| {
                    for action in Action::ALL {
                        ui.monospace(action.keys());
                        ui.label(action.name());
                        ui.end_row();
                    }
                    ui.monospace(text::ESCAPE_KEY);
                    ui.label(text::ESCAPE);
                    ui.end_row();
                });
            },
        );
        self.state.help = open;
    }
}

/// The commands whose names have every word of `query` in them.
fn matching(query: &str) -> Vec<Action> {
    let search = Search::new(query);
    Action::ALL.iter().copied().filter(|action| search.finds(action.name())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_palette_finds_commands_by_words_in_any_order() {
        assert_eq!(matching("episode next"), [Action::NextEpisode]);
        assert_eq!(matching("  "), Action::ALL);
        assert!(matching("dance").is_empty());
    }

    #[test]
    fn no_two_commands_share_a_key() {
        for (i, one) in Action::ALL.iter().enumerate() {
            for other in &Action::ALL[..i] {
                assert_ne!(one.shortcut(), other.shortcut(), "{one:?} and {other:?}");
            }
        }
    }
}
