use cartwheel_trainer::run::{EpisodeEntry, MetricsRow};
use cartwheel_trainer::watch::{EnvFrame, Reply, Status};
use cartwheel_trainer::{Algo, IS_SUCCESS, Settings};
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
    let shown = Shown { panel: Timeline::default(), model, state, commands: Commands::new() };
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
    assert!(harness.query_by_label(&text::episode(4, 4.0, 14, None)).is_none(), "of another environment");
    harness.get_by_label(&text::episode(3, 3.0, 13, None)).click();
    harness.run();
    assert_eq!(commands(&mut harness), [Command::OpenEpisode(0, 3, 0)]);
}

#[test]
fn what_the_environment_told_of_episodes_is_read_once_and_listed() {
    let (model, state) = opened();
    let mut harness = show(model, state);
    harness.run();
    assert_eq!(commands(&mut harness), [], "it tells nothing");
    let metrics = [("rollout/success_rate".to_owned(), 0.5)].into();
    harness.state_mut().model.apply(Update::Metrics(0, vec![MetricsRow { metrics, ..MetricsRow::default() }]));
    harness.run_steps(2);
    let [Command::ReadInfos(0, episodes)] = &commands(&mut harness)[..] else { panic!("read once") };
    assert!(episodes.contains(&5) && episodes.len() > 1, "those that are seen: {episodes:?}");
    let success = |success| [(IS_SUCCESS.to_owned(), success)].into();
    let infos = episodes.iter().map(|number| (*number, success((number % 2) as f64)));
    harness.state_mut().model.apply(Update::Infos(0, infos.collect()));
    harness.run();
    harness.get_by_label("5: return 5 in 15, success");
    harness.get_by_label("4: return 4 in 14, failure");
    assert_eq!(commands(&mut harness), []);
    harness.state_mut().model.apply(Update::Restarted(0));
    assert!(harness.state().model.runs[0].infos.is_empty(), "a resumed run may play other episodes");
}

#[test]
fn it_says_whose_episodes_are_listed_and_lists_all() {
    let (model, mut state) = opened();
    let mut harness = show(model, state.clone());
    harness.run();
    assert!(harness.query_by_label(text::ALL_ENVIRONMENTS).is_none(), "all are listed");
    state.env = Some(1);
    harness.state_mut().state = state;
    harness.run();
    harness.get_by_label(&text::of_environment(1));
    harness.get_by_label(text::ALL_ENVIRONMENTS).click();
    harness.run();
    harness.get_by_label(&text::episode(4, 4.0, 14, None));
    harness.get_by_label(&text::only_environment(1)).click();
    harness.run();
    assert!(harness.query_by_label(&text::episode(4, 4.0, 14, None)).is_none());
    harness.state_mut().state.env = Some(7);
    harness.run();
    harness.get_by_label(&text::none_of_environment(7));
}

/// Until here episodes were awaited that never come.
#[test]
fn a_run_that_never_has_episodes_says_so() {
    let told = |change: fn(&mut Settings)| {
        let mut settings = Settings::shipped(Algo::Dqn, "CartPole-v1").unwrap();
        change(&mut settings);
        let mut model = Model::default();
        model.apply(Update::Opened("runs/a".into()));
        model.apply(Update::Settings(0, Box::new(settings)));
        let mut harness = show(model, State { run: Some(0), env: Some(0), ..State::default() });
        harness.run();
        harness
    };
    for (words, change) in [
        (text::LEARNS_FROM_OTHERS, (|settings| settings.train.algo = Algo::Bc) as fn(&mut Settings)),
        (text::EPISODES_NOT_KEPT, |settings| settings.run.record_episodes = false),
    ] {
        let harness = told(change);
        harness.get_by_label(words);
        for absent in [text::NO_TIME, text::ALL_ENVIRONMENTS, &text::none_of_environment(0)] {
            assert!(harness.query_by_label(absent).is_none(), "{absent}");
        }
    }
    let harness = told(|_| {});
    harness.get_by_label(text::NO_TIME);
    harness.get_by_label(&text::none_of_environment(0));
}

/// Adds episodes so that there are `count`.
fn grow(model: &mut Model, count: u32) {
    let from = model.runs[0].episodes.len() as u32;
    let entry = |i: u32| EpisodeEntry { offset: 0, env: i % 2, length: 10, return_: 0.0, start_step: 0 };
    model.apply(Update::Episodes(0, (from..count).map(entry).collect()));
}

fn film(episode: usize) -> Film {
    let film = fixture::film(10);
    let entry = EpisodeEntry { env: episode as u32 % 2, ..film.entry };
    Film { episode, entry, ..film }
}

#[test]
fn the_episode_that_is_opened_is_scrolled_to() {
    let (mut model, mut state) = opened();
    grow(&mut model, 2000);
    state.env = Some(1);
    let mut harness = show(model, state);
    harness.run();
    // From a curve: an old one of another environment than is selected.
    fixture::show(&mut harness.state_mut().model, film(700));
    // The bar beside the list fades for a while.
    harness.run_steps(8);
    let row = |harness: &Harness<'static, Shown>| harness.get_by_label(&text::episode(700, 0.0, 10, None)).rect();
    let before = row(&harness);
    assert!(before.top() > 0.0 && before.bottom() < 200.0, "{before:?}");
    grow(&mut harness.state_mut().model, 2050);
    harness.run_steps(8);
    assert_eq!(row(&harness), before, "new ones do not move it");
}

#[test]
fn the_list_stays_where_it_is_under_the_pointer() {
    let (mut model, state) = opened();
    grow(&mut model, 50);
    let mut harness = show(model, state);
    harness.run();
    let row = harness.get_by_label(&text::episode(49, 0.0, 10, None)).rect();
    harness.hover_at(row.center());
    harness.run();
    grow(&mut harness.state_mut().model, 53);
    harness.run();
    assert_eq!(harness.get_by_label(&text::episode(49, 0.0, 10, None)).rect(), row);
    assert!(harness.query_by_label(&text::episode(52, 0.0, 10, None)).is_none());
    harness.hover_at([1000.0, 10.0].into());
    harness.run();
    harness.run();
    assert_eq!(harness.get_by_label(&text::episode(52, 0.0, 10, None)).rect().top(), row.top());
}

#[test]
fn buttons_are_the_keys() {
    let (mut model, state) = opened();
    fixture::show(&mut model, fixture::film(100));
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
    assert!(harness.query_by_label(text::LIVE).is_none(), "the run has ended");
    harness.get_by_label(text::CLOSE_EPISODE).click();
    harness.run();
    assert_eq!(commands(&mut harness), [Command::Do(Action::GoLive)]);
    harness.state_mut().model.apply(Update::Attached(0));
    harness.run();
    harness.get_by_label(text::LIVE).click();
    harness.run();
    assert_eq!(commands(&mut harness), [Command::Do(Action::GoLive)]);
}

#[test]
fn strips_seek() {
    let (mut model, state) = opened();
    fixture::show(&mut model, fixture::film(99));
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
fn pointing_at_a_step_says_what_was_done() {
    let (mut model, state) = opened();
    let settings = cartwheel_trainer::Settings::shipped(cartwheel_trainer::Algo::Dqn, "CartPole-v1").unwrap();
    model.apply(Update::Spaces(0, crate::spaces::Spaces::of(&settings).map(Box::new)));
    fixture::show(&mut model, fixture::film(99));
    let mut harness = show(model, state);
    harness.run();
    harness.get_by_label(text::STRIPS).hover();
    (0..60).for_each(|_| harness.step());
    harness.get_by_label_contains("action push ");
}

/// What was shown first, as a number by itself, once said how wide all words after it might be.
#[test]
fn words_under_the_pointer_keep_to_their_lines() {
    let (mut model, state) = opened();
    fixture::show(&mut model, fixture::film(99));
    let mut harness = show(model, state);
    harness.run();
    harness.get_by_label(text::STRIPS).hover();
    (0..60).for_each(|_| harness.step());
    let line = harness.get_by_label_contains("action ").rect().height();
    let settings = cartwheel_trainer::Settings::shipped(cartwheel_trainer::Algo::Dqn, "CartPole-v1").unwrap();
    harness.state_mut().model.apply(Update::Spaces(0, crate::spaces::Spaces::of(&settings).map(Box::new)));
    (0..4).for_each(|_| harness.step());
    assert_eq!(harness.get_by_label_contains("action push ").rect().height(), line);
}

#[test]
fn the_film_is_described_and_judged_by_others() {
    let (mut model, state) = opened();
    let note = text::cut_off(3, 9);
    fixture::show(&mut model, Film { note: Some(note.clone()), ..fixture::film(3) });
    model.seek(2);
    let mut harness = show(model, state);
    harness.run();
    harness.get_by_label(&note);
    harness.get_by_label(&text::step_of(2, 3));
    harness.state_mut().model.apply(Update::Checkpoints(0, vec![5000]));
    for (name, checkpoint) in
        [(text::LATEST_WEIGHTS, Checkpoint::Latest), (&*text::weights_at(5000), Checkpoint::At(5000))]
    {
        harness.get_by_value(text::BEST_WEIGHTS).click();
        harness.run();
        harness.get_by_label(name).click();
        harness.run();
        assert_eq!(commands(&mut harness), [Command::JudgeBy(checkpoint)]);
    }
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
    harness.get_by_label("max, measured 812");
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
    let paused = Status { paused: true, ..Status::default() };
    harness.state_mut().model.apply(Update::Reply(Reply::Status(paused)));
    harness.run();
    harness.get_by_label(text::PAUSED);
}

#[test]
fn without_anything_there_is_no_panic() {
    let mut harness = show(Model::default(), State::default());
    harness.run();
    harness.get_by_label(text::NO_TIME);
    let (mut model, state) = opened();
    fixture::show(&mut model, Film { moments: Vec::new(), note: Some("gone".into()), ..fixture::film(1) });
    let mut harness = show(model, state);
    harness.run();
    assert!(harness.query_by_label("gone").is_none(), "it is told in the picture's place");
    harness.get_by_label(text::CLOSE_EPISODE);
}
