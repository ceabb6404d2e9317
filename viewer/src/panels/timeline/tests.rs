#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use cartwheel_trainer::run::EpisodeEntry;
use cartwheel_trainer::watch::{EnvFrame, Reply, Status};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

use super::*;
use crate::command::Action;
use crate::model::{Driven, Model, Update};
use crate::source::{Checkpoint, Film, fixture};
use crate::state::State;

struct Shown {
    panel: Timeline,
    model: Model,
    state: State,
    commands: Commands,
}

fn show(model: Model, state: State) -> Harness<'static, Shown> {
    let shown = Shown { panel: Timeline, model, state, commands: Commands::new() };
    Harness::builder().with_size([1200.0, 200.0]).with_max_steps(8).build_ui_state(
        |ui, shown: &mut Shown| {
            let context = Context { model: &shown.model, state: &shown.state };
            shown.panel.ui(ui, context, &mut shown.commands);
        },
        shown,
    )
}

fn opened() -> (Model, State) {
    let mut model = Model::default();
    model.apply(Update::Opened("runs/a".into()));
    let entry = |i: u32| EpisodeEntry { offset: 0, env: i % 2, length: 10 + i, return_: i.into(), start_step: 0 };
    model.apply(Update::Episodes(0, (0..6).map(entry).collect()));
    (model, State { run: Some(0), ..State::default() })
}

fn commands(harness: &mut Harness<'static, Shown>) -> Commands {
    std::mem::take(&mut harness.state_mut().commands)
}

#[test]
fn a_click_on_an_episode_opens_it() {
    let (model, mut state) = opened();
    state.env = Some(1);
    let mut harness = show(model, state);
    harness.run();
    assert!(harness.query_by_label(&text::episode(4, 4.0, 14)).is_none(), "of another environment");
    harness.get_by_label(&text::episode(3, 3.0, 13)).click();
    harness.run();
    assert_eq!(commands(&mut harness), [Command::OpenEpisode(0, 3, 0)]);
}

#[test]
fn buttons_are_the_keys() {
    let (mut model, state) = opened();
    model.apply(Update::Film(Arc::new(fixture::film(100))));
    let mut harness = show(model, state);
    harness.run();
    for action in [
        Action::PreviousEpisode,
        Action::StepBack,
        Action::PlayPause,
        Action::StepForward,
        Action::NextEpisode,
        Action::FlatOut,
    ] {
        harness.get_by_label(action.name()).click();
        harness.run();
        assert_eq!(commands(&mut harness), [Command::ActIn(Driven::Main, action)]);
    }
    harness.get_by_label(text::LIVE).click();
    harness.run();
    assert_eq!(commands(&mut harness), [Command::Do(Action::GoLive)]);
}

#[test]
fn strips_seek() {
    let (mut model, state) = opened();
    model.apply(Update::Film(Arc::new(fixture::film(99))));
    let mut harness = show(model, state);
    harness.run();
    // The middle of the strips with their names beside them is a little before the middle of the film.
    harness.get_by_label(text::STRIPS).click();
    harness.run();
    let commands = commands(&mut harness);
    let [Command::Seek(step)] = commands[..] else { panic!("{commands:?}") };
    assert!((40..50).contains(&step), "{step}");
}

#[test]
fn the_film_is_described_and_judged_by_others() {
    let (mut model, state) = opened();
    let note = text::cut_off(3, 9);
    model.apply(Update::Film(Arc::new(Film { note: Some(note.clone()), ..fixture::film(3) })));
    model.seek(2);
    let mut harness = show(model, state);
    harness.run();
    harness.get_by_label(&note);
    harness.get_by_label(&text::step_of(2, 3));
    harness.get_by_value(text::BEST_WEIGHTS).click();
    harness.run();
    harness.get_by_label(text::LATEST_WEIGHTS).click();
    harness.run();
    assert_eq!(commands(&mut harness), [Command::JudgeBy(Checkpoint::Latest)]);
}

#[test]
fn the_live_run_is_slowed_down_and_looked_back_at() {
    let (mut model, state) = opened();
    model.apply(Update::Attached(0));
    model.apply(Update::Reply(Reply::Status(Status { measured_speed: 812.0, ..Status::default() })));
    for step in 0..50 {
        let frame = EnvFrame { step, episode_step: 1, reward: 1.0, action: Some(1.into()), ..EnvFrame::default() };
        model.apply(Update::Reply(Reply::Frames(vec![frame])));
    }
    let mut harness = show(model, state);
    harness.run();
    harness.get_by_label(&text::live_speed(None, 812.0));
    harness.get_by_label(text::IS_LIVE);
    harness.get_by_label(text::STRIPS).click();
    harness.run();
    let looked = commands(&mut harness);
    let [Command::LookBack(step)] = looked[..] else { panic!("{looked:?}") };
    assert!((18..28).contains(&step), "{step}");
    harness.state_mut().model.live.as_mut().unwrap().look(|history| history.seek(step));
    harness.run();
    harness.get_by_label(text::LOOKING_BACK).click();
    harness.run();
    assert_eq!(commands(&mut harness), [Command::Do(Action::GoLive)]);
}

#[test]
fn without_anything_there_is_no_panic() {
    let mut harness = show(Model::default(), State::default());
    harness.run();
    harness.get_by_label(text::NO_TIME);
    let (mut model, state) = opened();
    model.apply(Update::Film(Arc::new(Film { moments: Vec::new(), note: Some("gone".into()), ..fixture::film(1) })));
    let mut harness = show(model, state);
    harness.run();
    assert!(harness.query_by_label("gone").is_none(), "it is told in the picture's place");
    harness.get_by_label(text::LIVE);
}
