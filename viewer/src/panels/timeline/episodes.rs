//! The episodes, the newest first.

use eframe::egui::{Button, ScrollArea, TextStyle, Ui};

use crate::command::{Command, Commands};
use crate::model::{Run, RunId};
use crate::panels::Context;
use crate::source::Film;
use crate::text;

/// The list, and where it is scrolled to.
#[derive(Debug, Default)]
pub(super) struct Episodes {
    /// The environment that was selected in the last frame.
    env: Option<u32>,
    /// Whether episodes of all environments are listed though one is selected.
    all: bool,
    listed: Listed,
    /// How many were listed when the pointer came: as long as it stays, none is added, which would move the others.
    held: Option<usize>,
    /// The episodes whose infos were asked for last.
    asked: Vec<usize>,
    /// The episode that was shown again in the last frame.
    opened: Option<usize>,
    /// Frames until the episode that was opened is scrolled to, that one included.
    seeking: u8,
    /// How far down the list was in the last frame, in points, and how many episodes it had.
    last: (f32, usize),
}

impl Episodes {
    /// Shows the list; a click opens an episode.
    pub(super) fn show(&mut self, ui: &mut Ui, context: Context<'_>, commands: &mut Commands) {
        let Some((id, run)) = context.state.run.and_then(|run| Some((run, context.model.runs.get(run)?))) else {
            return;
        };
        if let Some(why) = never_has_any(run) {
            ui.weak(why);
            return;
        }
        let film = context.model.film.as_deref().filter(|film| film.run == id);
        let of = context.state.env;
        let newly_opened = film.map(|film| film.episode) != self.opened;
        if std::mem::replace(&mut self.env, of) != of {
            self.all = false;
        }
        // One that was opened is seen, also if it came from a curve and is of another environment.
        self.all |= newly_opened && film.zip(of).is_some_and(|(film, env)| film.entry.env != env);
        if let Some(env) = of {
            self.environments(ui, env);
        }
        let of = of.filter(|_| !self.all);
        if self.listed.follow(id, run, of) {
            (self.held, self.last) = (None, (0.0, 0));
            self.asked.clear();
        }
        let count = self.held.unwrap_or(usize::MAX).min(self.listed.numbers.len());
        if count == 0 {
            ui.weak(of.map_or(text::NO_EPISODES.to_owned(), text::none_of_environment));
            return;
        }
        self.rows(ui, run, id, (count, newly_opened), film, commands);
        self.opened = film.map(|film| film.episode);
    }

    /// Whose episodes are listed, and a way to list the others too.
    fn environments(&mut self, ui: &mut Ui, env: u32) {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            if self.all {
                ui.weak(text::EVERY_EPISODE);
                if ui.link(text::only_environment(env)).clicked() {
                    self.all = false;
                }
            } else {
                ui.weak(text::of_environment(env));
                if ui.link(text::ALL_ENVIRONMENTS).on_hover_text(text::ALL_ENVIRONMENTS_HINT).clicked() {
                    self.all = true;
                }
            }
        });
    }

    fn rows(
        &mut self,
        ui: &mut Ui,
        run: &Run,
        id: RunId,
        (count, newly_opened): (usize, bool),
        film: Option<&Film>,
        commands: &mut Commands,
    ) {
        let row = ui.text_style_height(&TextStyle::Body).max(ui.spacing().interact_size.y);
        let pitch = row + ui.spacing().item_spacing.y;
        let height = ui.available_height();
        let numbers = &self.listed.numbers[..count];
        let mut area = ScrollArea::vertical().id_salt(text::EPISODES).auto_shrink(false);
        let (offset, before) = self.last;
        if newly_opened {
            // In the next frame: a list that has just become longer would spring back to where it ended.
            self.seeking = 2;
        }
        let opened = film.filter(|_| self.seeking == 1).and_then(|film| self.listed.place(film.episode, count));
        if self.seeking > 0 {
            self.seeking -= 1;
            ui.ctx().request_repaint();
        }
        let top = opened.map(|place| place as f32 * pitch);
        if let Some(top) = top.filter(|top| *top < offset || top + row > offset + height) {
            area = area.vertical_scroll_offset((top - 0.5 * (height - row)).max(0.0));
        } else if offset > 0.0 && count > before && before > 0 {
            // New ones come above: what is looked at stays where it is.
            area = area.vertical_scroll_offset(offset + (count - before) as f32 * pitch);
        }
        let mut unread = Vec::new();
        let shown = area.show_rows(ui, row, count, |ui, rows| {
            for number in numbers.iter().rev().skip(rows.start).take(rows.len()).map(|number| *number as usize) {
                let Some(entry) = run.episode(number) else { continue };
                let info = run.infos.get(&number);
                if info.is_none() && run.has_infos() {
                    unread.push(number);
                }
                let label = text::episode(number, entry.return_, entry.length, info);
                let selected = film.is_some_and(|film| film.episode == number);
                let response = ui.add(Button::selectable(selected, label).truncate());
                if response.on_hover_text(text::episode_of(entry.env, entry.return_, entry.length, info)).clicked() {
                    commands.push(Command::OpenEpisode(id, number, 0));
                }
            }
        });
        if !unread.is_empty() && unread != self.asked {
            self.asked.clone_from(&unread);
            commands.push(Command::ReadInfos(id, unread));
        }
        self.last = (shown.state.clamped_offset().y, count);
        self.held = ui.rect_contains_pointer(shown.inner_rect).then_some(count);
    }
}

/// Why there will never be an episode of this run to list, if so.
pub(super) fn never_has_any(run: &Run) -> Option<&'static str> {
    let settings = run.settings.as_ref().filter(|_| run.episodes.is_empty())?;
    if settings.is_offline() {
        Some(text::LEARNS_FROM_OTHERS)
    } else if !settings.run.record_episodes {
        Some(text::EPISODES_NOT_KEPT)
    } else {
        None
    }
}

/// The places, among a run's, of the episodes of an environment or of all, kept from one frame to the next: a run may
/// have a million.
#[derive(Debug, Default)]
struct Listed {
    /// The run, the environment, and the first episode that the run keeps.
    of: Option<(RunId, Option<u32>, usize)>,
    /// How many of the episodes that the run keeps were looked at.
    seen: usize,
    /// In rising order.
    numbers: Vec<u32>,
}

impl Listed {
    /// Takes in new episodes. Answers whether the list is another.
    fn follow(&mut self, id: RunId, run: &Run, env: Option<u32>) -> bool {
        let of = Some((id, env, run.first_episode));
        let other = self.of != of || run.episodes.len() < self.seen;
        if other {
            *self = Self { of, ..Self::default() };
        }
        let new = run.episodes[self.seen..].iter().zip(run.first_episode + self.seen..);
        let fitting = new.filter(|(entry, _)| env.is_none_or(|env| entry.env == env));
        self.numbers.extend(fitting.map(|(_, number)| number as u32));
        self.seen = run.episodes.len();
        other
    }

    /// How many of the first `count` come after an episode, if it is one of them.
    fn place(&self, number: usize, count: usize) -> Option<usize> {
        let at = self.numbers[..count].binary_search(&u32::try_from(number).ok()?).ok()?;
        Some(count - 1 - at)
    }
}
