//! What is on the screen while a person plays, and what the keys mean.

use std::time::Duration;

use cartwheel_envs::{Pace, Phase, PlayedEpisode, Scene};
use eframe::egui::{
    Align2, Context, Event, Key, Layout, Rect, RichText, Role, Sense, Ui, UiBuilder, WidgetInfo, Window, vec2,
};

use super::table::{Menu, Table};
use crate::app::env_key;
use crate::number::short;
use crate::paint::{Detail, paint};
use crate::text;
use crate::theme::Theme;

/// The longest nap where nothing is due.
const NAP: Duration = Duration::from_millis(250);

/// What the menu asks for beside playing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// The window is to be closed.
    Quit,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Screen {
    /// Whether the menu was there in the last picture: its first button then has the focus.
    had_menu: bool,
}

impl Screen {
    /// Hands the table its keys and the time.
    pub(super) fn logic(&mut self, ctx: &Context, table: &mut Table, now: Duration) {
        if ctx.input_mut(|input| input.consume_key(Default::default(), Key::Escape)) {
            table.toggle_menu(now);
            // The key took the focus from the menu, which may be there still.
            self.had_menu = false;
        }
        ctx.input_mut(|input| input.events.retain(|event| !take(event, table, now)));
        table.advance(now);
        ctx.request_repaint_after(table.time_left(now).unwrap_or(NAP).min(NAP));
    }

    /// Paints the pictures, how the game stands, the keys, and the menu if there is one.
    pub(super) fn ui(&mut self, ui: &mut Ui, table: &mut Table, now: Duration) -> Option<Wish> {
        let theme = Theme::of(ui);
        ui.horizontal(|ui| {
            ui.strong(table.id());
            ui.label(text::seed(table.seed()));
            if table.is_recorded() {
                ui.label(RichText::new(text::RECORDED).color(theme.problem));
            }
            ui.with_layout(Layout::right_to_left(eframe::egui::Align::Center), |ui| ui.weak(text::ESCAPE_IS_THE_MENU));
        });
        let keys = ui.text_style_height(&eframe::egui::TextStyle::Body) * 2.5;
        let area = ui.available_rect_before_wrap();
        let pictures = Rect::from_min_max(area.min, area.max - vec2(0.0, keys));
        let own = table.game().env().draw();
        let current = table.game().current();
        match table.rival() {
            None => picture(ui, pictures, text::YOU, &own, current, false),
            Some(rival) => {
                let (left, right) = pictures.split_left_right_at_fraction(0.5);
                let over = |menu: Option<Menu>| matches!(menu, Some(Menu::Over(_)));
                picture(ui, left.shrink(4.0), text::YOU, &own, current, over(table.menu()));
                picture(ui, right.shrink(4.0), rival.name(), rival.scene(), rival.played(), rival.is_over());
            }
        }
        let below = Rect::from_min_max(pictures.left_bottom(), area.max);
        ui.scope_builder(UiBuilder::new().max_rect(below), |ui| show_keys(ui, table));
        let menu = table.menu();
        let opened = menu.is_some() && !std::mem::replace(&mut self.had_menu, menu.is_some());
        menu.and_then(|menu| show_menu(ui.ctx(), &menu, opened, table, now))
    }
}

/// Whether an event is the environment's, or none that the menu should hear.
fn take(event: &Event, table: &mut Table, now: Duration) -> bool {
    let Event::Key { key, pressed, repeat, modifiers, .. } = event else { return false };
    let Some(bound) = env_key(*key).filter(|key| table.game().bindings().action(*key).is_some()) else {
        // A key that was held to the end must not begin the next episode.
        return *repeat && table.menu().is_some();
    };
    if !pressed {
        table.release(bound);
        return false;
    }
    if modifiers.command || modifiers.alt {
        return false;
    }
    // Nor must one that was hit a moment too late: it means nothing in the menu.
    table.press(bound, now);
    true
}

/// A picture with a name and the return above it.
fn picture(ui: &mut Ui, rect: Rect, name: &str, scene: &Scene, played: PlayedEpisode, over: bool) {
    let mut head = text::player(name, &short(played.episode_return), played.length);
    if over {
        head = format!("{head} · {}", text::OVER);
    }
    let height = ui.text_style_height(&eframe::egui::TextStyle::Heading);
    let (above, below) = rect.split_top_bottom_at_y(rect.top() + height + 4.0);
    ui.scope_builder(UiBuilder::new().max_rect(above), |ui| ui.heading(&head));
    let response = ui.allocate_rect(below, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, name));
    paint(ui.painter(), response.id, below, scene, Detail::Full);
}

/// The environment's keys, and what comes without one.
fn show_keys(ui: &mut Ui, table: &Table) {
    let bindings = table.game().bindings();
    let last = table.game().last_action();
    ui.horizontal_wrapped(|ui| {
        for (key, action, meaning) in &bindings.keys {
            ui.monospace(key.to_string());
            // The action of the last step is lit.
            let label = RichText::new(meaning);
            ui.label(if last == Some(action) { label.strong() } else { label.weak() });
            ui.add_space(8.0);
        }
        let pace = match &bindings.pace {
            Pace::TurnBased => text::TURN_BASED.to_owned(),
            Pace::RealTime { fps, .. } => text::real_time(*fps),
        };
        ui.weak(pace);
        if bindings.pace != Pace::TurnBased && table.game().phase() == Phase::Waiting && table.menu().is_none() {
            ui.strong(text::KEY_BEGINS);
        }
    });
}

fn show_menu(ctx: &Context, menu: &Menu, opened: bool, table: &mut Table, now: Duration) -> Option<Wish> {
    let title = match menu {
        Menu::Paused => text::MENU_PAUSED,
        Menu::Over(step) if step.terminated => text::MENU_OVER,
        Menu::Over(_) => text::MENU_CUT_OFF,
        Menu::Failed(_) => text::MENU_FAILED,
    };
    let mut wish = None;
    Window::new(title).anchor(Align2::CENTER_BOTTOM, [0.0, -60.0]).collapsible(false).resizable(false).show(
        ctx,
        |ui| {
            if let Menu::Failed(failure) = menu {
                ui.label(failure);
            }
            if let (Menu::Over(_), Some(rival)) = (menu, table.rival()) {
                let (own, theirs) = (table.game().current(), rival.played());
                ui.label(text::player(text::YOU, &short(own.episode_return), own.length));
                ui.label(text::player(rival.name(), &short(theirs.episode_return), theirs.length));
            }
            let mut first = true;
            let mut button = |ui: &mut Ui, label: &str| {
                let response = ui.button(label);
                if std::mem::take(&mut first) && opened {
                    response.request_focus();
                }
                response.clicked()
            };
            if *menu == Menu::Paused && button(ui, text::GO_ON) {
                table.toggle_menu(now);
            }
            let again = if matches!(menu, Menu::Over(_)) { text::AGAIN } else { text::RESTART };
            if button(ui, again) {
                table.restart();
            }
            if button(ui, text::QUIT) {
                wish = Some(Wish::Quit);
            }
        },
    );
    wish
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
