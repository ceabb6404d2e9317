//! How good states are: the value of the best action over two numbers of the observation, while the others stay as they
//! are now, with the way of the present episode. It changes as the network learns.

mod states;

use cartwheel_trainer::watch::Observation;
use eframe::egui::{Align2, FontId, Painter, Pos2, Role, Sense, Stroke, Ui, Vec2, WidgetInfo, vec2};

use self::states::{Looked, StateValues};
use super::heat::{self, Plane};
use super::newest::{self, Newest};
use super::seen::Seen;
use super::subject::Subject;
use super::trail::Trail;
use super::{Context, Panel, Place};
use crate::command::Commands;
use crate::judge::{Judge, ValueMap};
use crate::model::RunId;
use crate::number::short;
use crate::observation::row;
use crate::spaces::Spaces;
use crate::text;
use crate::theme::Theme;

/// Multiplications that a picture may spend on the map: about a millisecond.
const BUDGET: usize = 12_000_000;
/// Arrows along each side.
const ARROWS: u32 = 8;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct ValueMaps {
    /// The two numbers, once they are chosen.
    axes: Option<[usize; 2]>,
    newest: Newest,
    seen: Seen,
    trail: Trail,
    /// The map that is shown.
    shown: Option<ValueMap>,
    /// The map that is being made, and around what.
    next: Option<(ValueMap, Around)>,
    /// Around what the last one was begun.
    last: Option<Around>,
    states: StateValues,
}

/// All that a map depends on.
#[derive(Clone, Debug, PartialEq)]
struct Around {
    run: RunId,
    /// Of the judge.
    generation: u64,
    observation: Observation,
    axes: [usize; 2],
}

impl Panel for ValueMaps {
    fn name(&self) -> &'static str {
        text::VALUE_MAP
    }

    fn place(&self) -> Place {
        Place::Right
    }

    fn is_for_agents(&self) -> bool {
        true
    }

    fn ui(&mut self, ui: &mut Ui, context: Context<'_>, commands: &mut Commands) {
        newest::ask_for_weights(ui, context, commands);
        if let Err(words) = self.shown(ui, context) {
            ui.weak(words);
        }
    }
}

impl ValueMaps {
    fn shown(&mut self, ui: &mut Ui, context: Context<'_>) -> Result<(), String> {
        let subject = Subject::of(context).ok_or(text::NOTHING_TO_INSPECT)?;
        let observation = subject.observation.ok_or(text::NO_OBSERVATION)?;
        let spaces = context.spaces(subject.run).ok_or(text::SPACES_AWAITED)?;
        if spaces.is_image() {
            return Err(text::NO_VALUE_MAP_OF_IMAGES.into());
        }
        self.seen.follow(subject.run, row(observation));
        self.trail.follow(&subject);
        if let Some(film) = &context.model.film {
            self.seen.follow_film(film);
        }
        let (judge, generation) = self.newest.judge(context, subject.run)?;
        judge.has_map()?;
        if let Some(states) = spaces.states {
            let looked = Looked { context, subject, spaces, states, trail: &self.trail };
            return self.states.ui(ui, looked, judge, generation);
        }
        let count = spaces.fields.len();
        let axes = self.axes.get_or_insert([count.saturating_sub(2), count - 1]);
        ui.horizontal_wrapped(|ui| heat::choose_axes(ui, axes, &spaces.fields));
        let axes = *axes;
        let around = Around { run: subject.run, generation, observation: observation.clone(), axes };
        let ranges = axes.map(|axis| self.seen.axis(axis, &spaces.fields[axis]));
        // Of other numbers, or of another run.
        let other = |of: &Around| (of.run, of.axes) != (around.run, around.axes);
        if self.last.as_ref().is_some_and(other) {
            (self.shown, self.next) = (None, None);
        }
        if self.next.is_none() && self.last.as_ref() != Some(&around) {
            self.next = Some((Judge::begin_map(axes, ranges, bins(judge.cost())), around.clone()));
            self.last = Some(around);
        }
        if let Some((map, around)) = &mut self.next {
            let rows = (BUDGET / (map.bins * judge.cost())).max(1);
            if let Err(problem) = judge.extend(map, row(&around.observation), rows) {
                (self.shown, self.next, self.last) = (None, None, None);
                return Err(problem);
            }
            if map.is_done() {
                self.shown = self.next.take().map(|(map, _)| map);
            }
            ui.ctx().request_repaint();
        }
        if let Some(map) = &self.shown {
            self.map(ui, map, context, subject, spaces);
        }
        Ok(())
    }

    fn map(&self, ui: &mut Ui, map: &ValueMap, context: Context<'_>, subject: Subject<'_>, spaces: &Spaces) {
        let theme = Theme::of(ui);
        let range = heat::range(map.values.iter().copied()).unwrap_or_default();
        ui.horizontal_wrapped(|ui| heat::legend(ui, text::BEST_VALUE, range));
        let plane = Plane { rect: heat::place(ui), ranges: map.ranges };
        let response = ui.interact(plane.rect, ui.scope_id().with("value map"), Sense::hover());
        let names = map.axes.map(|axis| spaces.fields.get(axis).map_or("", |field| &field.name));
        let label = || format!("{} {} / {}", text::VALUE_MAP, names[0], names[1]);
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, label()));
        let colors = map.values.iter().map(|value| theme.heat(heat::share(*value, range)));
        plane.paint(ui.painter(), response.id, map.bins, colors);
        plane.paint_axes(ui.painter(), names, theme);
        let painter = ui.painter_at(plane.rect);
        arrows(&painter, plane, map, spaces, theme);
        self.way(&painter, plane, map.axes, context, subject, theme);
        ui.advance_cursor_after_rect(plane.rect.expand2(vec2(0.0, 16.0)));
        let under = response.hover_pos().and_then(|at| plane.cell(at, [map.bins as u32; 2]));
        if let Some((column, row)) = under {
            let at = row as usize * map.bins + column as usize;
            let [x, y] = map.middle(column as usize, row as usize).map(|number| short(number.into()));
            let (value, action) = (short(map.values[at].into()), spaces.action_name(map.actions[at] as usize));
            response.on_hover_text_at_pointer(format!(
                "{} {x}\n{} {y}\n{} {value}\n{action}",
                names[0],
                names[1],
                text::BEST_VALUE
            ));
        }
    }

    /// The states of the episode, and the present one.
    fn way(
        &self,
        painter: &Painter,
        plane: Plane,
        axes: [usize; 2],
        context: Context<'_>,
        subject: Subject<'_>,
        theme: &Theme,
    ) {
        let states: Vec<Pos2> = match &context.model.film {
            Some(film) => {
                let step = film.moments.len().div_ceil(2000).max(1);
                let of = |observation| {
                    let row = row(observation);
                    (axes[0].max(axes[1]) < row.len()).then(|| axes.map(|axis| row.number(axis) as f32))
                };
                let moments = film.moments.iter().step_by(step);
                moments.filter_map(|moment| of(&moment.observation)).map(|state| plane.at(state)).collect()
            }
            None => self.trail.over(axes).map(|state| plane.at(state)).collect(),
        };
        painter.line(states, Stroke::new(1.5, theme.cursor));
        if let Some(now) = subject.observation.map(row).filter(|now| axes.iter().all(|axis| *axis < now.len())) {
            let at = plane.at(axes.map(|axis| now.number(axis) as f32));
            painter.circle(at, 4.5, theme.cursor, Stroke::new(1.5, theme.text));
        }
    }
}

/// Cells along each side, fewer for a large network.
fn bins(cost: usize) -> usize {
    [64, 32].into_iter().find(|bins| bins * cost <= BUDGET).unwrap_or(16)
}

/// What the policy does here and there: an arrow where the action is a direction, else its number.
fn arrows(painter: &Painter, plane: Plane, map: &ValueMap, spaces: &Spaces, theme: &Theme) {
    let bins = map.bins as u32;
    let length = 0.3 * plane.rect.width() / ARROWS as f32;
    for i in 0..ARROWS * ARROWS {
        let lattice = plane.cell_rect((i % ARROWS, i / ARROWS), [ARROWS; 2]).center();
        let Some((column, row)) = plane.cell(lattice, [bins; 2]) else { continue };
        let action = map.actions[(row * bins + column) as usize] as usize;
        let name = spaces.action_name(action);
        match direction(&name) {
            Some(way) => painter.arrow(lattice - way * length, way * 2.0 * length, Stroke::new(1.5, theme.arrow)),
            None => {
                let font = FontId::proportional(10.0);
                painter.text(lattice, Align2::CENTER_CENTER, action.to_string(), font, theme.arrow);
            }
        }
    }
}

/// The direction that the name of an action tells, in the window.
fn direction(name: &str) -> Option<Vec2> {
    let ways = [
        (["left", "west"], vec2(-1.0, 0.0)),
        (["right", "east"], vec2(1.0, 0.0)),
        (["up", "north"], vec2(0.0, -1.0)),
        (["down", "south"], vec2(0.0, 1.0)),
    ];
    let has = |way: &str| name.split(|c: char| !c.is_alphanumeric()).any(|word| word == way);
    let mut found = ways.iter().filter(|(words, _)| words.iter().any(|way| has(way))).map(|(_, way)| *way);
    // Of two directions it is none.
    found.next().filter(|_| found.next().is_none())
}

#[cfg(test)]
mod tests {
    use cartwheel_agents::Acting;
    use cartwheel_agents::nn::Mlp;
    use cartwheel_envs::Generator;
    use cartwheel_trainer::Algo;

    use super::*;
    use crate::command::Command;
    use crate::model::Update;
    use crate::panels::testing::{frame, live, opened, panel_harness, settings};
    use crate::state::State;
    use cartwheel_trainer::watch::{Reply, Request, WeightsReply};
    use egui_kittest::kittest::Queryable as _;

    #[test]
    fn directions_are_words() {
        assert_eq!(direction("push left"), Some(vec2(-1.0, 0.0)));
        assert_eq!(direction("north"), Some(vec2(0.0, -1.0)));
        assert_eq!((direction("pick up and left"), direction("upset"), direction("3")), (None, None, None));
    }

    #[test]
    fn the_map_follows_the_weights() {
        let mut harness = panel_harness(ValueMaps::default(), live("CartPole-v1", 1), State::default());
        harness.run();
        harness.get_by_label("Value map angle / angular velocity");
        let ask = Command::Ask(Request::Weights { newer_than: Some(1) });
        assert!(harness.state().commands.contains(&ask), "{:?}", harness.state().commands);
        let before = harness.state().panel.shown.clone().expect("a map");
        assert_eq!((before.axes, before.bins), ([2, 3], 64));
        let model = &mut harness.state_mut().model;
        let weights = model.live.as_ref().and_then(|live| live.weights.as_ref()).expect("weights");
        let parameters = weights.parameters.iter().map(|weight| 2.0 * weight).collect();
        model.apply(Update::Reply(Reply::Weights(WeightsReply { version: 2, parameters })));
        harness.run();
        assert_ne!(harness.state().panel.shown.as_ref().expect("a map").values, before.values);
    }

    #[test]
    fn other_axes_make_another_map() {
        let mut harness = panel_harness(ValueMaps::default(), live("CartPole-v1", 1), State::default());
        harness.run();
        harness.get_by_label(text::ACROSS).click();
        harness.run();
        harness.get_by_label("position").click();
        harness.run();
        harness.get_by_label("Value map position / angular velocity");
        assert_eq!(harness.state().panel.shown.as_ref().expect("a map").axes, [0, 3]);
    }

    /// A map that is half done does not stand in the way of another run's, nor does what went wrong.
    #[test]
    fn another_run_makes_another_map() {
        let mut harness = panel_harness(ValueMaps::default(), live("CartPole-v1", 1), State::default());
        harness.run();
        let half = Judge::begin_map([2, 3], [[0.0, 1.0]; 2], 64);
        let around = harness.state().panel.last.clone().expect("what it is around");
        harness.state_mut().panel.next = Some((half, around));
        let mut model = live("CartPole-v1", 1);
        let other = settings("Acrobot-v1");
        model.apply(Update::Opened("runs/other".into()));
        model.apply(Update::Spaces(1, Spaces::of(&other).map(Box::new)));
        model.apply(Update::Settings(1, Box::new(other)));
        model.apply(Update::Attached(1));
        model.apply(Update::Reply(Reply::Frames(vec![frame("Acrobot-v1", 0)])));
        let mlp = Mlp::new(6, &[16], 3, settings("Acrobot-v1").dqn.activation_fn);
        let parameters = mlp.init(&mut Generator::new(1));
        model.apply(Update::Reply(Reply::Weights(WeightsReply { version: 1, parameters })));
        harness.state_mut().model = model;
        harness.state_mut().state.run = Some(1);
        harness.run();
        let state = harness.state();
        assert!(state.panel.shown.is_some() && state.panel.last.as_ref().is_some_and(|of| of.run == 1));
        // As it would be of weights of another network.
        let broken = Judge::begin_map([2, 9], [[0.0, 1.0]; 2], 64);
        let around = harness.state().panel.last.clone().expect("what it is around");
        harness.state_mut().panel.next = Some((broken, around));
        harness.run();
        harness.get_by_label_contains("number 9");
        harness.run();
        assert!(harness.query_by_label_contains("number 9").is_none(), "it is begun anew");
        assert!(harness.state().panel.shown.is_some());
    }

    #[test]
    fn every_state_of_a_grid_has_its_value() {
        let mut harness = panel_harness(ValueMaps::default(), live("FrozenLake-v1", 1), State::default());
        harness.run();
        harness.get_by_label(text::STATE_VALUES);
        let words = format!("{:?}", harness.get_by_label_contains("state 0: "));
        let arrows = ["left", "down", "right", "up"];
        assert!(arrows.iter().any(|way| words.contains(way)), "{words}");
        assert!(harness.query_by_label(text::ACROSS).is_none(), "there are no two numbers to choose");
        harness.state_mut().model = live("Taxi-v4", 1);
        harness.run();
        harness.get_by_label(text::OTHERWISE_AS_NOW);
    }

    /// There is nothing to choose where nothing is drawn.
    #[test]
    fn policies_without_values_have_no_axes() {
        let cases = [
            ("CartPole-v1", Algo::Bc, text::NO_VALUES),
            ("CartPole-v1", Algo::RecurrentPpo, text::REMEMBERS),
            ("FrozenLake-v1", Algo::Ppo, text::NO_VALUES),
        ];
        for (env, algo, words) in cases {
            let mut settings = settings(env);
            settings.train.algo = algo;
            let spaces = Spaces::of(&settings).expect("a known environment");
            let acting = Acting::new(settings.algorithm(), &spaces.observation, &spaces.action).expect("it is taken");
            let parameters = acting.mlp.init(&mut Generator::new(1));
            let mut model = live(env, 1);
            model.apply(Update::Settings(0, Box::new(settings)));
            model.apply(Update::Reply(Reply::Weights(WeightsReply { version: 2, parameters })));
            let mut harness = panel_harness(ValueMaps::default(), model, State::default());
            harness.run();
            harness.get_by_label(words);
            assert!(harness.query_by_label(text::ACROSS).is_none(), "{algo} on {env}");
        }
    }

    #[test]
    fn absence_is_told_in_words() {
        let mut harness = panel_harness(ValueMaps::default(), opened("CartPole-v1"), State::default());
        harness.run();
        harness.get_by_label(text::NOTHING_TO_INSPECT);
        assert_eq!(harness.state().commands, []);
        let mut model = live("CartPole-v1", 1);
        model.live.as_mut().expect("live").weights = None;
        harness.state_mut().model = model;
        harness.run();
        harness.get_by_label(text::WEIGHTS_AWAITED);
        harness.state_mut().model = live("MinAtar/Breakout-v1", 1);
        harness.run();
        harness.get_by_label(text::NO_VALUE_MAP_OF_IMAGES);
        let mut other = live("CartPole-v1", 1);
        other.apply(Update::Reply(Reply::Weights(WeightsReply { version: 9, parameters: vec![0.0; 3] })));
        other.apply(Update::Reply(Reply::Frames(vec![frame("CartPole-v1", 0)])));
        harness.state_mut().model = other;
        harness.run();
        assert!(harness.query_by_label_contains("net_arch").is_some());
    }
}
