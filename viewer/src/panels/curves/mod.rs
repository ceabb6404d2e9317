//! Curves: every metric of the runs that are shown, side by side or one large.

mod band;
mod choice;
mod legend;
mod look;
mod plot;
mod scales;
mod trace;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use eframe::egui::containers::menu::{MenuButton, MenuConfig};
use eframe::egui::{Panel as Side, PopupCloseBehavior, Rect, ScrollArea, Ui, vec2};

use self::choice::Choice;
use self::look::{Look, Save};
use self::plot::Subject;
use self::trace::Traces;
use super::{Context, Panel, Place};
use crate::command::{Command, Commands};
use crate::configurations::{self, Group};
use crate::model::{Run, RunId};
use crate::text;

/// The least width and height of a plot among others.
const PLOT: [f32; 2] = [190.0, 120.0];
/// The least height of a row with its names where there is room for less.
const LEAST: f32 = 80.0;
/// Points that are smoothed in a frame, over all plots: about a millisecond.
const SMOOTHED: usize = 20_000;
/// Width of the list of metrics, in points, and the most that it takes of the panel.
const LIST: (f32, f32) = (190.0, 0.3);
/// The widgets above the plots are in a menu where there is less room than this for them.
const ROW: f32 = 540.0;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Curves {
    choice: Choice,
    look: Look,
    /// The environment, or model and data, whose curves were asked for, while the same run is selected.
    task: Option<(Option<RunId>, String)>,
    /// What is kept of the plots that were painted last, by their metric.
    plots: BTreeMap<String, Traces>,
    /// Whether some of them show a part of their curves.
    zoomed: bool,
    /// How often they were made to show all again.
    resets: u32,
    /// Whether a picture is saved of this frame, which is without buttons for it.
    pictured: bool,
}

impl Panel for Curves {
    fn name(&self) -> &'static str {
        text::CURVES
    }

    fn place(&self) -> Place {
        Place::Bottom
    }

    fn ui(&mut self, ui: &mut Ui, context: Context<'_>, commands: &mut Commands) {
        let task = self.task(ui, context);
        let groups = self.groups(context, task.as_deref());
        let runs = || groups.iter().flat_map(|group| &group.runs).map(|run| &context.model.runs[*run]);
        let metrics: BTreeSet<&str> = runs().flat_map(|run| run.metrics.keys()).map(String::as_str).collect();
        let list = LIST.0.min(LIST.1 * ui.available_width());
        Side::left("metrics").resizable(true).default_size(list).show(ui, |ui| {
            self.choice.ui(ui, &metrics, context.state, commands);
        });

        let plotted = self.choice.plotted(&metrics, context.state);
        let look = self.look.clone();
        let resets = self.resets;
        let subject = |metric, end| Subject { model: context.model, metric, groups: &groups, look: &look, end, resets };
        let ends = plotted.iter().filter_map(|metric| subject(metric, 0.0).extent()).map(|(_, to)| to);
        let end = ends.fold(0.0, f64::max);
        self.look.follow(end);
        // What does not fit above must not make the plots wider than the window.
        let width = ui.available_width() - ui.spacing().scroll.allocated_width();
        let (mut save, pictured) = (None, std::mem::take(&mut self.pictured));
        if width >= ROW {
            ui.horizontal_wrapped(|ui| save = self.look.ui(ui, end));
        }
        let shown = Rect::from_min_max(ui.cursor().min, ui.max_rect().max);
        ui.horizontal_top(|ui| {
            if width < ROW && !pictured {
                // A click in it changes something: it stays open for the next, but not for a picture.
                let menu = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
                MenuButton::new(text::AXES).config(menu).ui(ui, |ui| {
                    save = self.look.ui(ui, end);
                    if save.is_some() {
                        ui.close();
                    }
                });
            }
            if self.zoomed && !pictured && ui.button(text::WHOLE_CURVES).clicked() {
                self.resets += 1;
            }
            ui.vertical(|ui| legend::show(ui, &groups, look.grouped));
        });
        if plotted.is_empty() {
            ui.weak(if metrics.is_empty() { text::NO_CURVES } else { text::NO_METRICS_CHOSEN });
        }
        self.plots(ui, width, &plotted.iter().map(|metric| subject(metric, end)).collect::<Vec<_>>(), commands);
        commands.extend(pictured.then_some(Command::SavePart(shown)));
        match save {
            Some(Save::Picture) => {
                self.pictured = true;
                ui.ctx().request_repaint();
            }
            Some(Save::Table) => {
                let runs = groups.iter().flat_map(|group| group.runs.clone()).collect();
                let metrics = plotted.iter().map(|metric| (*metric).to_owned()).collect();
                commands.push(Command::SaveTable(runs, metrics));
            }
            None => {}
        }
    }
}

impl Curves {
    /// The environment, or model and data, whose curves are plotted, where runs of several are shown, with a choice of the
    /// others.
    fn task(&mut self, ui: &mut Ui, context: Context<'_>) -> Option<String> {
        let tasks: BTreeSet<String> = shown(context).filter_map(|(_, run)| configurations::task(run)).collect();
        if tasks.len() < 2 {
            return None;
        }
        let selected = context.state.run;
        self.task.take_if(|(of, task)| *of != selected || !tasks.contains(task));
        let own = selected
            .and_then(|run| configurations::task(context.model.runs.get(run)?))
            .filter(|own| tasks.contains(own));
        let asked = self.task.as_ref().map(|(_, task)| task.clone());
        let plotted = asked.or(own).or(tasks.first().cloned())?;
        ui.horizontal_wrapped(|ui| {
            ui.weak(text::CURVES_OF).on_hover_text(text::CURVES_OF_HINT);
            for task in tasks {
                if ui.selectable_label(task == plotted, &task).on_hover_text(text::CURVES_OF_HINT).clicked() {
                    self.task = Some((selected, task));
                }
            }
        });
        Some(plotted)
    }

    /// The runs that are shown, as far as they have curves and learn `task`: in groups, or each by itself.
    fn groups(&self, context: Context<'_>, task: Option<&str>) -> Vec<Group> {
        let on = |run: &Run| task.is_none_or(|task| configurations::task(run).is_none_or(|own| own == task));
        let shown = shown(context).filter(|(_, run)| on(run));
        if self.look.grouped {
            return configurations::groups(shown);
        }
        let alone = |(id, run): (_, &Run)| Group {
            name: run.name.clone(),
            whole: format!("{}\n{}", run.name, run.path.display()),
            runs: vec![id],
        };
        shown.map(alone).collect()
    }

    /// As many plots beside each other as there is room for; only those in sight are made.
    fn plots(&mut self, ui: &mut Ui, width: f32, subjects: &[Subject<'_>], commands: &mut Commands) {
        let room = vec2(width, ui.available_height());
        let spacing = ui.spacing().item_spacing;
        let columns = ((room.x / PLOT[0]) as usize).clamp(1, subjects.len().max(1));
        let rows = subjects.len().div_ceil(columns);
        let header = ui.spacing().interact_size.y + spacing.y;
        let width = (room.x - spacing.x * (columns + 1) as f32) / columns as f32;
        // A row is whole where there is room for one.
        let height = (room.y / rows.max(1) as f32 - spacing.y).max(PLOT[1].min(room.y - spacing.y)).max(LEAST);
        let mut painted = BTreeSet::new();
        self.zoomed = false;
        let mut limit = SMOOTHED;
        ScrollArea::vertical().id_salt("plots").auto_shrink([false, false]).show_rows(ui, height, rows, |ui, rows| {
            for row in rows {
                ui.horizontal_top(|ui| {
                    for subject in subjects.iter().skip(row * columns).take(columns) {
                        ui.allocate_ui(vec2(width, height), |ui| {
                            ui.vertical(|ui| {
                                self.header(ui, *subject);
                                let traces = self.plots.entry(subject.metric.to_owned()).or_default();
                                let size = vec2(width, height - header);
                                self.zoomed |= subject.ui(ui, size, traces, &mut limit, commands);
                            });
                        });
                        painted.insert(subject.metric);
                    }
                });
            }
        });
        self.plots.retain(|metric, _| painted.contains(&**metric));
    }

    /// The metric's name, which makes it large and small again, and what is missing in the plot.
    fn header(&mut self, ui: &mut Ui, subject: Subject<'_>) {
        ui.horizontal(|ui| {
            let large = self.choice.large.as_deref() == Some(subject.metric);
            let hint = if large { text::MAKE_SMALL } else { text::MAKE_LARGE };
            if ui.selectable_label(large, subject.metric).on_hover_text(hint).clicked() {
                self.choice.large = (!large).then(|| subject.metric.to_owned());
            }
            let left_out = subject.left_out();
            if left_out > 0 {
                ui.weak(format!("{left_out} {}", text::LEFT_OUT)).on_hover_text(text::LEFT_OUT_HINT);
            }
        });
    }
}

/// The runs that have curves and are to show them.
fn shown(Context { model, state }: Context<'_>) -> impl Iterator<Item = (RunId, &Run)> {
    let fits = |run: &Run| run.shown && !run.metrics.is_empty() && configurations::fits(run, &state.filter);
    model.runs.iter().enumerate().filter(move |(_, run)| fits(run))
}
