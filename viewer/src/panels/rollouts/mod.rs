//! What the environments do: the live run's side by side or one large, or the episode that is shown again.

mod cell;
mod grid;
mod large;
mod legend;
mod undrawn;

use std::sync::{Arc, Weak};

use cartwheel_trainer::watch::Judgement;
use eframe::egui::{Button, RichText, Ui};

use self::cell::Cell;
use self::grid::Grid;
use super::subject::Subject;
use super::{Context, Panel, Place};
use crate::command::{Action, Command, Commands};
use crate::model::{Live, Run};
use crate::overlays::Scale;
use crate::paint::Detail;
use crate::source::Film;
use crate::text;
use crate::theme::Theme;

/// Above so many environments, pictures have less detail.
const MANY: usize = 64;
/// How far down words are that stand in for pictures, as a share of the height.
const EYE: f32 = 0.3;
/// Width to height of pictures, before there is one.
const ASPECT: f32 = 1.5;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Rollouts {
    scale: Scale,
    /// The film that the scale is of.
    film: Weak<Film>,
}

impl Panel for Rollouts {
    fn name(&self) -> &'static str {
        text::ROLLOUTS
    }

    fn place(&self) -> Place {
        Place::Center
    }

    fn ui(&mut self, ui: &mut Ui, context: Context<'_>, commands: &mut Commands) {
        if let Some(film) = &context.model.film {
            // The whole episode has one scale.
            if !Weak::ptr_eq(&self.film, &Arc::downgrade(film)) {
                self.film = Arc::downgrade(film);
                self.scale = Scale::default();
                self.scale.follow(film.moments.iter().map(|moment| &moment.judgement));
            }
            match Subject::of(context) {
                Some(subject) => large::film(ui, film, subject, context.spaces(film.run), self.scale),
                None => empty(ui, film.note.as_deref().unwrap_or(text::EMPTY_FILM)),
            }
        } else if context.fit().is_some() {
            // There are samples in the place of environments.
        } else if let Some(live) = context.live() {
            self.film = Weak::new();
            self.scale.follow(live.frames.values().map(|frame| &frame.judgement));
            self.live(ui, live, context, commands);
        } else if context.model.runs.is_empty() {
            empty(ui, text::NOTHING_OPEN);
        } else {
            self.after(ui, context, commands);
        }
    }
}

impl Rollouts {
    /// A run that is not live: how it looked at last, if that was seen, and a way to its last episode.
    fn after(&self, ui: &mut Ui, context: Context<'_>, commands: &mut Commands) {
        let id = context.state.run;
        let seen = context.model.ended.as_ref().filter(|ended| Some(ended.run) == id && !ended.frames.is_empty());
        let run = id.and_then(|run| context.model.runs.get(run));
        let recorded = run.is_some_and(|run| !run.episodes.is_empty());
        // One on another machine may train on.
        let unheard = run.and_then(Run::outcome) == Some(text::NOT_CONNECTED);
        if seen.is_none() {
            // In the middle, where a picture would be.
            ui.add_space(EYE * ui.available_height());
        }
        ui.vertical_centered(|ui| {
            match seen {
                Some(_) => ui.strong(if unheard { text::LAST_PICTURE } else { text::RUN_OVER }),
                None => ui.weak(if recorded { text::NO_PICTURES } else { text::NOTHING_RECORDED }),
            };
            if let Some((run, headline)) = run.and_then(|run| Some((run, run.headline()?))) {
                match run.went_wrong() {
                    true => ui.colored_label(Theme::of(ui).problem, headline),
                    false => ui.label(headline),
                };
            }
            let button =
                Button::new(RichText::new(text::SHOW_LAST_EPISODE).strong()).fill(ui.visuals().selection.bg_fill);
            if recorded && ui.add(button).clicked() {
                commands.push(Command::Do(Action::PreviousEpisode));
            }
        });
        if let Some(seen) = seen {
            self.live(ui, seen, context, commands);
        }
    }

    /// The selected environment, or all; one that has no others beside it has room for all there is to say of it.
    fn live(&self, ui: &mut Ui, live: &Live, context: Context<'_>, commands: &mut Commands) {
        let lone = live.frames.keys().next().filter(|_| live.frames.len() == 1);
        match context.state.env.or(lone.copied()) {
            Some(env) => self.one(ui, live, env, context, commands),
            None => self.all(ui, live, context, commands),
        }
    }

    fn all(&self, ui: &mut Ui, live: &Live, context: Context<'_>, commands: &mut Commands) {
        let Some(first) = live.frames.values().next() else { return empty(ui, text::NO_FRAMES) };
        let count = live.frames.len();
        let detail = if count > MANY { Detail::Low } else { Detail::Full };
        let size = [first.scene.max[0] - first.scene.min[0], first.scene.max[1] - first.scene.min[1]];
        let aspect = if first.scene.is_finite() { size[0] / size[1] } else { ASPECT };
        let caption = if detail == Detail::Full { cell::CAPTION } else { 0.0 };
        let mut area = ui.available_rect_before_wrap();
        let judged = live.frames.values().any(|frame| frame.judgement != Judgement::None);
        let of = (count < live.welcome.n_envs as usize).then(|| text::environments(count, live.welcome.n_envs));
        if judged || of.is_some() {
            area.max.y -= legend::height(area.height());
        }
        let grid = Grid::fit(count, area, aspect.clamp(0.2, 5.0), caption);
        let spaces = context.spaces(live.run);
        for (i, frame) in live.frames.values().enumerate() {
            let subject = Subject::frame(live, frame, spaces);
            let cell = Cell { subject, spaces, scale: self.scale, detail, selected: false };
            if cell.ui(ui, grid.cell(i)).clicked() {
                commands.push(Command::SelectEnv(Some(frame.env)));
            }
        }
        let whole = ui.available_rect_before_wrap();
        ui.advance_cursor_after_rect(area);
        if area.max.y < whole.max.y {
            ui.horizontal(|ui| {
                of.map(|of| ui.weak(of));
                if judged {
                    legend::show(ui, legend::Of::Run);
                }
            });
        }
    }

    fn one(&self, ui: &mut Ui, live: &Live, env: u32, context: Context<'_>, commands: &mut Commands) {
        let spaces = context.spaces(live.run);
        let clicked = match live.frames.get(&env) {
            Some(frame) => {
                let reins = context.state.taking_over.as_ref().filter(|reins| reins.env == env);
                large::live(ui, Subject::frame(live, frame, spaces), spaces, self.scale, reins)
            }
            None => {
                empty(ui, text::ENV_ABSENT);
                false
            }
        };
        if clicked {
            commands.push(Command::SelectEnv(context.state.env.is_none().then_some(env)));
        }
    }
}

/// Words in place of pictures.
fn empty(ui: &mut Ui, words: &str) {
    ui.centered_and_justified(|ui| ui.weak(words));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Model, Update};
    use crate::panels::testing::{frame, live, opened, panel_harness};
    use crate::source::fixture;
    use crate::state::{Reins, State};
    use cartwheel_envs::{Key, KeyBindings, Scene};
    use cartwheel_trainer::run::EpisodeEntry;
    use cartwheel_trainer::watch::Reply;
    use egui_kittest::kittest::Queryable as _;

    fn selected(env: u32) -> State {
        State { env: Some(env), ..State::default() }
    }

    #[test]
    fn a_click_selects_and_another_goes_back() {
        let mut harness = panel_harness(Rollouts::default(), live("CartPole-v1", 5), State::default());
        harness.run();
        harness.get_by_label("Environment 3").click();
        harness.run();
        assert_eq!(harness.state().commands, [Command::SelectEnv(Some(3))]);
        harness.state_mut().state = selected(3);
        harness.run();
        assert!(harness.query_by_label("Environment 2").is_none(), "one alone");
        harness.get_by_label("Environment 3").click();
        harness.run();
        assert_eq!(harness.state().commands[1..], [Command::SelectEnv(None)]);
    }

    #[test]
    fn one_environment_has_its_actions_by_name() {
        let mut harness = panel_harness(Rollouts::default(), live("CartPole-v1", 2), selected(0));
        harness.run();
        for words in [text::CHOSEN, text::EXPLORED, text::BY_PERSON, text::PASSED] {
            harness.get_by_label(words);
        }
        for words in ["push left 10", "push right 20", "explores", "its episode 7"] {
            harness.get_by_label(words);
        }
        harness.state_mut().state = selected(9);
        harness.run();
        harness.get_by_label(text::ENV_ABSENT);
    }

    /// It has room for the names of its actions.
    #[test]
    fn the_only_environment_is_large_before_it_is_selected() {
        let mut harness = panel_harness(Rollouts::default(), live("CartPole-v1", 1), State::default());
        harness.run();
        harness.get_by_label_contains("push left");
        harness.get_by_label("Environment 0").click();
        harness.run();
        assert_eq!(harness.state().commands, [Command::SelectEnv(Some(0))], "to be taken over");
    }

    #[test]
    fn an_episode_that_is_shown_again_is_large() {
        let mut model = live("CartPole-v1", 2);
        fixture::show(&mut model, fixture::film(9));
        model.cursor = 3;
        let mut harness = panel_harness(Rollouts::default(), model, State::default());
        harness.run();
        for words in ["Episode 0, step 3", "judged by best weights", text::NOT_THE_BEST] {
            harness.get_by_label(words);
        }
        assert!(harness.query_by_label("Environment 1").is_none());
        // What was done to explore is not known of it.
        harness.get_by_label(text::DISAGREES);
        assert!(harness.query_by_label(text::EXPLORED).is_none());
        let note = Some("it is gone".to_owned());
        let blank = crate::source::Film { moments: Vec::new(), note, ..fixture::film(0) };
        fixture::show(&mut harness.state_mut().model, blank);
        harness.run();
        harness.get_by_label("it is gone");
    }

    /// Until here a run's end left nothing to look at.
    #[test]
    fn a_run_that_ended_leaves_its_last_picture_and_a_way_to_its_last_episode() {
        let mut model = live("CartPole-v1", 3);
        let entry = EpisodeEntry { offset: 0, env: 0, length: 9, return_: 9.0, start_step: 0 };
        model.apply(Update::Episodes(0, vec![entry]));
        model.apply(Update::Detached(String::new()));
        let mut manifest = cartwheel_trainer::run::Manifest::start("CartPole-v1", "dqn", 1, "none");
        let came_to = serde_json::to_value(fixture::summary(true)).expect("it serialises");
        manifest.end(cartwheel_trainer::run::Outcome::Finished, Some(came_to));
        model.apply(Update::Manifest(0, Box::new(manifest)));
        let mut harness = panel_harness(Rollouts::default(), model, State { run: Some(0), ..State::default() });
        harness.run();
        harness.get_by_label(text::RUN_OVER);
        harness.get_by_label_contains("solved · greedy return 499.5");
        harness.get_by_label("Environment 2");
        harness.get_by_label(text::SHOW_LAST_EPISODE).click();
        harness.run();
        assert_eq!(harness.state().commands, [Command::Do(Action::PreviousEpisode)]);
        let run = &mut harness.state_mut().model.runs[0];
        run.mirrored = Some("--address there".to_owned());
        run.manifest.as_mut().expect("it was told").outcome = cartwheel_trainer::run::Outcome::Running;
        harness.run();
        harness.get_by_label(text::LAST_PICTURE);
        harness.state_mut().state.run = Some(1);
        harness.run();
        assert!(harness.query_by_label(text::LAST_PICTURE).is_none(), "it was another run");
    }

    #[test]
    fn who_takes_over_sees_the_keys() {
        let bindings = KeyBindings::held(10).key(Key::Left, 0, "push left").key(Key::Right, 1, "push right");
        let reins = Reins { env: 1, bindings, action: None, speed_before: None };
        let state = State { taking_over: Some(reins), ..selected(1) };
        let mut harness = panel_harness(Rollouts::default(), live("CartPole-v1", 2), state);
        harness.run();
        let keys = format!("{:?}", harness.get_by_label_contains(text::YOU_ACT));
        assert!(keys.contains("← push left") && keys.contains("→ push right"), "{keys}");
    }

    #[test]
    fn absence_is_told_in_words() {
        let mut harness = panel_harness(Rollouts::default(), Model::default(), State::default());
        harness.run();
        harness.get_by_label(text::NOTHING_OPEN);
        harness.state_mut().model = opened("CartPole-v1");
        harness.state_mut().state.run = Some(0);
        harness.run();
        harness.get_by_label(text::NOTHING_RECORDED);
        let entry = EpisodeEntry { offset: 0, env: 0, length: 9, return_: 9.0, start_step: 0 };
        harness.state_mut().model.apply(Update::Episodes(0, vec![entry]));
        harness.run();
        harness.get_by_label(text::NO_PICTURES);
        harness.state_mut().model = live("CartPole-v1", 0);
        harness.run();
        harness.get_by_label(text::NO_FRAMES);
    }

    /// Broken drawings, observations of other lengths and environments without drawings are shown somehow.
    #[test]
    fn anything_that_is_sent_is_shown() {
        let mut model = live("MinAtar/Breakout-v1", 3);
        let mut undrawn = frame("MinAtar/Breakout-v1", 0);
        undrawn.scene = Scene::default();
        let mut broken = frame("MinAtar/Breakout-v1", 1);
        broken.scene.max[0] = f32::NAN;
        let mut other = frame("CartPole-v1", 2);
        other.scene = Scene::default();
        let mut blind = frame("MinAtar/Breakout-v1", 3);
        (blind.scene, blind.observation) = (Scene::default(), None);
        model.apply(Update::Reply(Reply::Frames(vec![undrawn, broken, other, blind])));
        let mut harness = panel_harness(Rollouts::default(), model, State::default());
        harness.run();
        harness.get_by_label("Environment 3");
        for env in 0..4 {
            harness.state_mut().state = selected(env);
            harness.run();
        }
    }

    #[test]
    fn hundreds_of_environments_are_there() {
        let mut harness = panel_harness(Rollouts::default(), live("CartPole-v1", 256), State::default());
        harness.run();
        harness.get_by_label("Environment 255").click();
        harness.run();
        assert_eq!(harness.state().commands, [Command::SelectEnv(Some(255))]);
        assert!(harness.query_by_label_contains("environments").is_none());
        harness.state_mut().model.live.as_mut().expect("it is live").welcome.n_envs = 1024;
        harness.run();
        harness.get_by_label("256 of 1\u{202f}024 environments");
    }
}
