use std::sync::Arc;

use egui_kittest::kittest::Queryable as _;

use super::*;
use crate::model::Update;
use crate::panels::testing::panel_harness;
use crate::source::fixture;
use crate::state::State;

fn model() -> Model {
    let mut model = Model::default();
    for run in ["runs/a", "runs/b"] {
        model.apply(Update::Opened(run.into()));
    }
    model
}

#[test]
fn two_policies_are_chosen_and_played() {
    let mut harness = panel_harness(Compare::default(), model(), State::default());
    harness.run();
    harness.get_by_value(&text::contender("a", text::LATEST_WEIGHTS)).click();
    harness.run();
    harness.get_by_label(&text::contender("b", text::BEST_WEIGHTS)).click();
    harness.run();
    harness.get_by_label(text::PLAY_BOTH).click();
    harness.run();
    let contenders = [0, 1].map(|run| contender(&model(), run, &Checkpoint::Best));
    assert_eq!(harness.state().commands, [Command::Compare(contenders, 0)]);
}

#[test]
fn checkpoints_are_offered_by_their_steps() {
    let mut model = model();
    model.apply(Update::Checkpoints(1, vec![100_000, 200_000]));
    let mut harness = panel_harness(Compare::default(), model, State::default());
    harness.run();
    harness.get_by_value(&text::contender("a", text::LATEST_WEIGHTS)).click();
    harness.run();
    harness.get_by_label(&text::contender("b", &text::weights_at(100_000))).click();
    harness.run();
    harness.get_by_label(text::PLAY_BOTH).click();
    harness.run();
    let [Command::Compare([_, right], 0)] = &harness.state().commands[..] else {
        panic!("{:?}", harness.state().commands)
    };
    assert_eq!((right.run, &right.checkpoint), (1, &Checkpoint::At(100_000)));
}

#[test]
fn the_cursor_and_the_keys_are_asked_for() {
    let mut model = model();
    model.apply(Update::Contest(Arc::new(fixture::contest(20, 8))));
    let mut harness = panel_harness(Compare::default(), model, State::default());
    harness.run();
    for (label, command) in [
        (text::parting(8), Command::SeekIn(Driven::Contest, 8)),
        (text::PLAY.to_owned(), Command::ActIn(Driven::Contest, Action::PlayPause)),
        (text::give_keys(text::COMPARE), Command::Drive(Driven::Contest)),
    ] {
        harness.get_by_label(&label).click();
        harness.run();
        assert_eq!(std::mem::take(&mut harness.state_mut().commands), [command]);
    }
    harness.state_mut().model.drive(Driven::Contest);
    harness.run();
    harness.get_by_label(text::HAS_KEYS);
}

/// What comes out is seen from the first step on.
#[test]
fn both_returns_are_shown_at_every_step() {
    let mut model = model();
    let mut contest = fixture::contest(20, 8);
    contest.sides[0].ended = false;
    model.apply(Update::Contest(Arc::new(contest)));
    let mut harness = panel_harness(Compare::default(), model, State::default());
    harness.run();
    harness.get_by_label(&text::standing("0", "20", 20, false));
    harness.get_by_label(&text::standing("0", "8", 8, true));
    harness.state_mut().model.contest_at.cursor = 12;
    harness.run();
    harness.get_by_label(&text::standing("12", "20", 20, false));
    harness.get_by_label(&format!("{} · {}", text::standing("8", "8", 8, true), text::OVER));
}

#[test]
fn who_cannot_play_says_so() {
    let mut model = model();
    let mut contest = Contest { parting: None, ..fixture::contest(3, 3) };
    (contest.sides[1].moments, contest.sides[1].note) = (Vec::new(), Some("no weights".into()));
    model.apply(Update::Contest(Arc::new(contest.clone())));
    let mut harness = panel_harness(Compare::default(), model, State::default());
    harness.run();
    harness.get_by_label("no weights");
    harness.get_by_label(text::NEVER_PART);
    let mut unplayed = contest.clone();
    unplayed.sides[1].ended = false;
    harness.state_mut().model.apply(Update::Contest(Arc::new(unplayed)));
    harness.run();
    assert!(harness.query_by_label(text::NEVER_PART).is_none(), "who did not play did nothing");
    let problem = text::other_worlds(["a", "b"], ["CartPole-v1", "Acrobot-v1"]);
    let told = Contest { problem: Some(problem.clone()), ..contest };
    harness.state_mut().model.apply(Update::Contest(Arc::new(told)));
    harness.run();
    harness.get_by_label(&problem);
    assert!(harness.query_by_label(text::NEVER_PART).is_none());
    harness.state_mut().model = Model::default();
    harness.run();
    harness.get_by_label(text::NO_RUN);
}
