//! What the replay buffer holds: a map over two numbers of the observation, and the transitions of a cell.

mod states;

use cartwheel_agents::Data;
use cartwheel_envs::OwnedAction;
use cartwheel_trainer::watch::{Observation, ReplayColor, ReplayMap, ReplayQuery, Request, Transition};
use eframe::egui::{ComboBox, Grid, Role, ScrollArea, Sense, Stroke, StrokeKind, Ui, WidgetInfo, vec2};

use super::heat::{self, Plane};
use super::newest::{due, forget_due};
use super::states::MOST as MOST_STATES;
use super::subject::Subject;
use super::{Context, Panel, Place};
use crate::command::{Command, Commands};
use crate::model::Live;
use crate::number::short;
use crate::observation::row;
use crate::spaces::{Spaces, States};
use crate::text;
use crate::theme::Theme;

/// Columns and rows of the map.
const BINS: u32 = 48;
/// Seconds between questions for it.
const EVERY: f64 = 1.0;
/// Transitions of a cell that are listed.
const LISTED: u32 = 50;
/// Numbers of an observation in the list.
const NUMBERS: usize = 4;
/// Numbers that are told with their names.
const NAMED: usize = 32;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct ReplayBuffer {
    axes: Option<[usize; 2]>,
    color: ReplayColor,
    /// The cell whose transitions are listed, of the map over these axes.
    cell: Option<((u32, u32), (u32, u32))>,
}

impl Panel for ReplayBuffer {
    fn name(&self) -> &'static str {
        text::REPLAY_BUFFER
    }

    fn place(&self) -> Place {
        Place::Right
    }

    fn is_for_agents(&self) -> bool {
        true
    }

    fn ui(&mut self, ui: &mut Ui, context: Context<'_>, commands: &mut Commands) {
        if let Err(words) = self.shown(ui, context, commands) {
            ui.weak(words);
        }
    }
}

impl ReplayBuffer {
    fn shown(&mut self, ui: &mut Ui, context: Context<'_>, commands: &mut Commands) -> Result<(), String> {
        let live = context.live().ok_or(text::REPLAY_NOT_LIVE)?;
        let spaces = context.spaces(live.run).ok_or(text::SPACES_AWAITED)?;
        let count = spaces.fields.len();
        let settings = context.model.runs.get(live.run).and_then(|run| run.settings.as_ref());
        if settings.is_some_and(|settings| matches!(settings.algorithm().data(), Data::Rollouts(_))) {
            return Err(text::NO_REPLAY.into());
        }
        if spaces.is_image() {
            return Err(text::NO_REPLAY_MAP_OF_IMAGES.into());
        }
        if let Some(states) = spaces.states.filter(|states| states.count > MOST_STATES) {
            return Err(text::too_many_states(states.count));
        }
        let axes = self.axes.get_or_insert([count.saturating_sub(2), count - 1]);
        let before = (*axes, self.color);
        ui.horizontal_wrapped(|ui| {
            match spaces.states {
                Some(_) => *axes = [0, 0],
                None => heat::choose_axes(ui, axes, &spaces.fields),
            }
            ComboBox::from_label(text::COLOR).selected_text(color_name(self.color)).show_ui(ui, |ui| {
                for color in [ReplayColor::Count, ReplayColor::Age, ReplayColor::TdError] {
                    ui.selectable_value(&mut self.color, color, color_name(color));
                }
            });
        });
        if before != (*axes, self.color) {
            forget_due(ui, "replay map");
        }
        let [across, up] = axes.map(|axis| axis as u32);
        let query = ReplayQuery {
            axes: (across, up),
            bins: spaces.states.map_or((BINS, BINS), |states| (states.count as u32, 1)),
            color: self.color,
        };
        if due(ui, "replay map", EVERY) {
            commands.push(Command::Ask(Request::ReplayMap(query.clone())));
        }
        let map = live.replay_map.as_ref().filter(|map| map.query == query).ok_or(text::REPLAY_AWAITED)?;
        if map.transitions == 0 {
            return Err(text::REPLAY_EMPTY.into());
        }
        if let Some(states) = spaces.states {
            self.states(ui, map, states, context, commands);
        } else {
            self.map(ui, map, context, spaces, commands);
        }
        self.transitions(ui, live, spaces, context, commands);
        Ok(())
    }

    fn states(&mut self, ui: &mut Ui, map: &ReplayMap, states: States, context: Context<'_>, commands: &mut Commands) {
        let range = heat::range(colored(map).into_iter()).unwrap_or_default();
        legend(ui, map, range);
        self.cell = self.cell.take().filter(|(over, _)| *over == map.query.axes);
        let selected = self.cell.map(|(_, (state, _))| state as usize);
        if let Some(state) = states::map(ui, map, states, context, selected, range) {
            self.list((state as u32, 0), map, commands);
        }
    }

    /// Asks for the transitions of a cell.
    fn list(&mut self, cell: (u32, u32), map: &ReplayMap, commands: &mut Commands) {
        self.cell = Some((map.query.axes, cell));
        commands.push(Command::Ask(Request::Transitions { query: map.query.clone(), cell, limit: LISTED }));
    }

    fn map(&mut self, ui: &mut Ui, map: &ReplayMap, context: Context<'_>, spaces: &Spaces, commands: &mut Commands) {
        let theme = Theme::of(ui);
        let values = colored(map);
        let range = heat::range(values.iter().copied()).unwrap_or_default();
        legend(ui, map, range);
        let ranges = map.ranges.map(|(low, high)| [low, high]);
        let bins = [map.query.bins.0, map.query.bins.1];
        let mut rect = heat::place(ui);
        rect.max.y = rect.max.y.min(rect.min.y + rect.width().min(320.0));
        rect.max.x = rect.min.x + rect.height();
        let plane = Plane { rect, ranges };
        let response = ui.interact(rect, ui.scope_id().with("replay map"), Sense::click());
        let axes = [map.query.axes.0 as usize, map.query.axes.1 as usize];
        let names = axes.map(|axis| spaces.fields.get(axis).map_or("", |field| &field.name));
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, text::REPLAY_MAP));
        ui.painter().rect_filled(rect, 0.0, theme.well);
        let colors = values.iter().map(|value| theme.heat(heat::share(*value, range)));
        plane.paint(ui.painter(), response.id, bins[0] as usize, colors);
        plane.paint_axes(ui.painter(), names, theme);
        let painter = ui.painter_at(rect);
        if let Some(observation) = Subject::of(context).and_then(|subject| subject.observation)
            && axes.iter().all(|axis| *axis < row(observation).len())
        {
            let now = plane.at(axes.map(|axis| row(observation).number(axis) as f32));
            painter.circle_stroke(now, 4.5, Stroke::new(1.5, theme.cursor));
        }
        // Another color has the same cells; other axes have not.
        self.cell = self.cell.take().filter(|(over, _)| *over == map.query.axes);
        if let Some((_, cell)) = &self.cell {
            let frame = plane.cell_rect(*cell, bins).expand(1.0);
            painter.rect_stroke(frame, 0.0, Stroke::new(1.5, theme.selected), StrokeKind::Outside);
        }
        ui.advance_cursor_after_rect(rect.expand2(vec2(0.0, 16.0)));
        if response.clicked()
            && let Some(cell) = response.interact_pointer_pos().and_then(|at| plane.cell(at, bins))
        {
            self.list(cell, map, commands);
        }
        let hovered = response.hover_pos().and_then(|at| plane.cell(at, bins));
        if let Some((column, row)) = hovered {
            response.on_hover_text_at_pointer(under(map, (row * bins[0] + column) as usize));
        }
    }

    fn transitions(&self, ui: &mut Ui, live: &Live, spaces: &Spaces, context: Context<'_>, commands: &mut Commands) {
        if self.cell.is_none() {
            ui.weak(text::CLICK_A_CELL);
            return;
        }
        let theme = Theme::of(ui);
        ScrollArea::both().id_salt("transitions").auto_shrink(false).show(ui, |ui| {
            Grid::new("transitions").striped(true).show(ui, |ui| {
                let heads = [text::STATE_OF, text::ACTION, text::REWARD, text::TD_ERROR, text::END, text::NEXT_STATE];
                ui.weak(text::IN_EPISODE);
                heads.iter().chain([&text::AGE, &text::ENV]).for_each(|head| drop(ui.weak(*head)));
                ui.end_row();
                let run = context.model.runs.get(live.run);
                for transition in &live.transitions {
                    let place = run.and_then(|run| run.place_of(transition.env, transition.step));
                    if let Some((episode, step)) = in_episode(ui, place) {
                        commands.push(Command::OpenEpisode(live.run, episode, step));
                    }
                    transition_row(ui, transition, spaces, theme);
                }
            });
        });
    }
}

/// What was done: the name of an action that is counted (here from 0), or numbers.
fn name_of(action: &OwnedAction, spaces: &Spaces) -> String {
    let list = |numbers: Vec<String>| numbers.join(", ");
    match action {
        OwnedAction::Discrete(action) => {
            usize::try_from(*action).map_or_else(|_| "?".into(), |i| spaces.action_name(i))
        }
        OwnedAction::Multi(numbers) => list(numbers.iter().map(i32::to_string).collect()),
        OwnedAction::Continuous(numbers) => list(numbers.iter().map(|x| short((*x).into())).collect()),
    }
}

/// What the colors are, and how much is stored.
fn legend(ui: &mut Ui, map: &ReplayMap, range: [f32; 2]) {
    ui.horizontal_wrapped(|ui| {
        let ends = if map.query.color == ReplayColor::Count { range.map(f32::exp) } else { range };
        heat::legend(ui, color_name(map.query.color), ends);
        ui.weak(format!("{} {}", map.transitions, text::TRANSITIONS));
    });
}

/// What is in a cell, in words.
fn under(map: &ReplayMap, at: usize) -> String {
    let count = map.counts.get(at).copied().unwrap_or_default();
    let value = map.values.get(at).copied().unwrap_or(f32::NAN);
    let mut words = format!("{count} {}", text::TRANSITIONS);
    if map.query.color != ReplayColor::Count && value.is_finite() {
        words += &format!("\n{} {}", color_name(map.query.color), short(value.into()));
    }
    words
}

/// A button that shows a transition in its episode, where that is recorded; the place if it was pressed.
fn in_episode(ui: &mut Ui, place: Option<(usize, u32)>) -> Option<(usize, u32)> {
    let Some((episode, step)) = place else {
        ui.weak(text::STILL_RUNNING).on_hover_text(text::STILL_RUNNING_HINT);
        return None;
    };
    let name = format!("{episode} \u{b7} {step}");
    ui.link(name).on_hover_text(text::SHOW_IN_EPISODE).clicked().then_some((episode, step))
}

fn transition_row(ui: &mut Ui, transition: &Transition, spaces: &Spaces, theme: &Theme) {
    state(ui, &transition.observation, spaces);
    ui.label(name_of(&transition.action, spaces));
    let color = if transition.reward < 0.0 { theme.loss } else { theme.text };
    ui.colored_label(color, short(transition.reward.into()));
    ui.label(short(transition.td_error.into()));
    ui.label(match (transition.terminated, transition.truncated) {
        (true, _) => text::TERMINATED,
        (_, true) => text::TRUNCATED,
        _ => "",
    });
    state(ui, &transition.next_observation, spaces);
    ui.label(transition.age.to_string());
    ui.label(transition.env.to_string());
    ui.end_row();
}

/// The first numbers of an observation, and all with their names for who points at them.
fn state(ui: &mut Ui, observation: &Observation, spaces: &Spaces) {
    let row = row(observation);
    let first: Vec<_> = (0..row.len().min(NUMBERS)).map(|i| short(row.number(i))).collect();
    let words = first.join(" ") + if row.len() > NUMBERS { " …" } else { "" };
    let named = || {
        let named = spaces.fields.iter().take(row.len().min(NAMED)).enumerate();
        named.map(|(i, field)| format!("{} {}", field.name, short(row.number(i)))).collect::<Vec<_>>().join("\n")
    };
    ui.monospace(words).on_hover_ui(|ui| drop(ui.label(named())));
}

/// What colors each cell: the logarithm of counts, else the values; NaN where there is nothing. As many as there are
/// cells, whatever was sent.
fn colored(map: &ReplayMap) -> Vec<f32> {
    let cells = (map.query.bins.0 * map.query.bins.1) as usize;
    let value = |i: usize| match map.query.color {
        ReplayColor::Count => map.counts.get(i).filter(|count| **count > 0).map(|count| (*count as f32).ln()),
        ReplayColor::Age | ReplayColor::TdError => map.values.get(i).copied(),
    };
    (0..cells).map(|i| value(i).unwrap_or(f32::NAN)).collect()
}

fn color_name(color: ReplayColor) -> &'static str {
    match color {
        ReplayColor::Count => text::COUNT,
        ReplayColor::Age => text::AGE,
        ReplayColor::TdError => text::TD_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Model, Update};
    use crate::panels::testing::{live, opened, panel_harness, settings};
    use crate::state::State;
    use cartwheel_trainer::run::EpisodeEntry;
    use cartwheel_trainer::watch::Reply;
    use cartwheel_trainer::{Algo, Settings};
    use egui_kittest::kittest::Queryable as _;

    fn query(color: ReplayColor) -> ReplayQuery {
        ReplayQuery { axes: (2, 3), bins: (BINS, BINS), color }
    }

    fn mapped(transitions: u64) -> Model {
        let mut model = live("CartPole-v1", 1);
        let cells = (BINS * BINS) as usize;
        model.apply(Update::Reply(Reply::ReplayMap(ReplayMap {
            query: query(ReplayColor::Count),
            transitions,
            ranges: [(-0.2, 0.2), (-2.0, 2.0)],
            counts: vec![3; cells],
            values: vec![f32::NAN; cells],
        })));
        model
    }

    #[test]
    fn a_map_is_asked_for_and_a_cell_opens_its_transitions() {
        let mut harness = panel_harness(ReplayBuffer::default(), mapped(9000), State::default());
        harness.run();
        assert_eq!(harness.state().commands[0], Command::Ask(Request::ReplayMap(query(ReplayColor::Count))));
        harness.get_by_label("9000 transitions");
        harness.get_by_label(text::REPLAY_MAP).click();
        harness.run();
        let middle = (BINS / 2, BINS / 2 - 1);
        let asked = harness.state().commands.iter().find_map(|command| match command {
            Command::Ask(Request::Transitions { cell, .. }) => Some(*cell),
            _ => None,
        });
        let cell = asked.expect("a question for transitions");
        assert!(cell.0.abs_diff(middle.0) <= 1 && cell.1.abs_diff(middle.1) <= 1, "{cell:?}");
        // All environments step together.
        let envs = settings("CartPole-v1").env.n_envs as u64;
        let transition = Transition {
            env: 2,
            age: 77,
            step: 1200 + 4 * envs,
            observation: Observation::F32(vec![0.0; 4]),
            action: 1.into(),
            reward: 1.0,
            next_observation: Observation::F32(vec![0.5; 4]),
            terminated: true,
            truncated: false,
            td_error: -0.25,
        };
        let reply = Reply::Transitions { cell, transitions: vec![transition] };
        harness.state_mut().model.apply(Update::Reply(reply));
        harness.run();
        harness.get_by_label(text::STILL_RUNNING);
        let entry = |env, start_step| EpisodeEntry { offset: 0, env, length: 9, return_: 9.0, start_step };
        let before = harness.state().model.runs[0].episodes.len();
        let entries = vec![entry(2, 1200 - 9 * envs), entry(1, 1200), entry(2, 1200)];
        harness.state_mut().model.apply(Update::Episodes(0, entries));
        harness.run();
        let place = format!("{} · 4", before + 2);
        harness.get_by_label(&place).click();
        harness.run();
        assert_eq!(harness.state().commands.last(), Some(&Command::OpenEpisode(0, before + 2, 4)));
        for words in ["77", "push right", text::TERMINATED, "-0.250", "0.500 0.500 0.500 0.500"] {
            harness.get_by_label(words);
        }
        let place = |words: &str| harness.get_by_label(words).rect();
        assert!(place("0 0 0 0").right() < place("push right").left(), "the state comes first");
        harness.get_by_label("0.500 0.500 0.500 0.500").hover();
        (0..60).for_each(|_| harness.step());
        harness.get_by_label_contains("angular velocity 0.500");
    }

    #[test]
    fn transitions_are_counted_by_state() {
        let mut model = live("FrozenLake-v1", 1);
        let query = ReplayQuery { axes: (0, 0), bins: (16, 1), color: ReplayColor::Count };
        let mut counts = vec![0; 16];
        counts[6] = 77;
        model.apply(Update::Reply(Reply::ReplayMap(ReplayMap {
            query: query.clone(),
            transitions: 77,
            ranges: [(-0.5, 15.5); 2],
            counts,
            values: vec![f32::NAN; 16],
        })));
        let mut harness = panel_harness(ReplayBuffer::default(), model, State::default());
        harness.run();
        assert_eq!(harness.state().commands[0], Command::Ask(Request::ReplayMap(query)));
        assert!(harness.query_by_label(text::ACROSS).is_none(), "there are no two numbers to choose");
        harness.get_by_label(text::REPLAY_MAP).click();
        harness.run();
        let asked = harness.state().commands.iter().find_map(|command| match command {
            Command::Ask(Request::Transitions { cell, .. }) => Some(*cell),
            _ => None,
        });
        assert!(asked.is_some_and(|(state, row)| state < 16 && row == 0), "{asked:?}");
        harness.state_mut().model = live("MinAtar/Breakout-v1", 1);
        harness.run();
        harness.get_by_label(text::NO_REPLAY_MAP_OF_IMAGES);
        let mut model = live("CartPole-v1", 1);
        let settings = Settings::shipped(Algo::Ppo, "CartPole-v1").expect("a known environment");
        model.apply(Update::Settings(0, Box::new(settings)));
        harness.state_mut().model = model;
        harness.run();
        harness.get_by_label(text::NO_REPLAY);
    }

    #[test]
    fn another_color_is_asked_for_at_once() {
        let mut harness = panel_harness(ReplayBuffer::default(), mapped(9000), State::default());
        harness.run();
        harness.get_by_label(text::COLOR).click();
        harness.run();
        harness.get_by_label(text::TD_ERROR).click();
        harness.run();
        let asked = Command::Ask(Request::ReplayMap(query(ReplayColor::TdError)));
        assert!(harness.state().commands.contains(&asked), "{:?}", harness.state().commands);
        harness.get_by_label(text::REPLAY_AWAITED);
    }

    #[test]
    fn absence_is_told_in_words() {
        let mut harness = panel_harness(ReplayBuffer::default(), opened("CartPole-v1"), State::default());
        harness.run();
        harness.get_by_label(text::REPLAY_NOT_LIVE);
        harness.state_mut().model = mapped(0);
        harness.run();
        harness.get_by_label(text::REPLAY_EMPTY);
    }

    #[test]
    fn maps_of_any_length_are_safe() {
        let mut map = ReplayMap {
            query: ReplayQuery { axes: (0, 9000), bins: (3, 2), color: ReplayColor::Count },
            transitions: 1,
            ranges: [(0.0, 1.0); 2],
            counts: vec![1, 0],
            values: vec![],
        };
        let shown = colored(&map);
        assert!(shown.len() == 6 && shown[0] == 0.0 && shown[1..].iter().all(|value| value.is_nan()), "{shown:?}");
        map.query.color = ReplayColor::Age;
        assert!(colored(&map).iter().all(|value| value.is_nan()));
    }
}
