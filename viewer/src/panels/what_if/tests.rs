use std::sync::Arc;

use cartwheel_trainer::watch::Judgement;
use eframe::egui::accesskit::Role;
use eframe::egui::{Event, Key};
use egui_kittest::kittest::Queryable as _;

use super::{FOLLOW, WhatIf};
use crate::command::{Action, Command};
use crate::model::{Driven, Model, Update};
use crate::panels::testing::panel_harness;
use crate::source::fixture;
use crate::source::{Branch, Move, Question};
use crate::state::State;
use crate::text;

/// A step with an action.
fn act(action: i32) -> Move {
    Move::Act(action.into())
}

/// A branch off step 5 with one step.
fn branch() -> Branch {
    fixture::branch(0, 5, 1)
}

fn question() -> Question {
    branch().question
}

fn model() -> Model {
    let mut model = Model::default();
    model.apply(Update::Opened("runs/a".into()));
    fixture::show(&mut model, fixture::film(9));
    model.seek(5);
    model
}

#[test]
fn a_branch_begins_at_the_cursor_and_others_after_it() {
    let mut harness = panel_harness(WhatIf::default(), model(), State::default());
    harness.run();
    harness.get_by_label(&text::branch_from(0, 5)).click();
    harness.run();
    let first = Question { moves: Vec::new(), ..question() };
    assert_eq!(harness.state().commands, [Command::WhatIf(first.clone())]);
    harness.state_mut().model.apply(Update::Branch(Arc::new(branch())));
    harness.run();
    harness.get_by_label(&text::branch_from(0, 5)).click();
    harness.run();
    assert_eq!(harness.state().commands[1..], [Command::WhatIf(Question { branch: 1, ..first })]);
}

#[test]
fn a_branch_grows_and_is_taken_back_and_removed() {
    let mut model = model();
    model.apply(Update::Branch(Arc::new(branch())));
    let mut harness = panel_harness(WhatIf::default(), model, State::default());
    harness.run();
    harness.get_by_label(&text::branch_at(6, "6"));
    harness.get_by_label(&text::as_played("6"));
    for (label, moves, follow) in [
        ("push left", vec![act(0), act(0)], 0),
        (text::FOLLOW_POLICY, vec![act(0)], FOLLOW),
        (text::TAKE_BACK, Vec::new(), 0),
    ] {
        harness.get_by_label(label).click();
        harness.run();
        let commands = std::mem::take(&mut harness.state_mut().commands);
        assert_eq!(commands, [Command::WhatIf(Question { moves, follow, ..question() })]);
    }
    harness.get_by_label(&text::remove_branch(0)).click();
    harness.run();
    assert_eq!(harness.state().commands, [Command::Prune(0)]);
}

/// The means of a policy's numbers are not what keys are worth; it goes on all the same.
#[test]
fn keys_of_numbers_have_no_values() {
    let mut branch = fixture::branch(0, 5, 1);
    branch.choices = [-2.0, 2.0].map(|torque| (vec![torque].into(), format!("torque {torque}"))).to_vec();
    for moment in &mut branch.moments {
        moment.judgement = Judgement::Gaussian { mean: vec![0.625], std: vec![0.5] };
    }
    let mut model = model();
    model.apply(Update::Branch(Arc::new(branch)));
    let mut harness = panel_harness(WhatIf::default(), model, State::default());
    for at in [1, 0] {
        harness.state_mut().model.branch_at.cursor = at;
        harness.run();
        harness.get_by_label("torque -2");
        assert!(harness.query_by_label("0.625").is_none(), "step {at}");
        assert_eq!(harness.query_by_label(text::FOLLOW_POLICY).is_some(), at == 1);
    }
}

/// A cursor goes over a branch's steps, and from each another branch may leave.
#[test]
fn a_branch_is_looked_through_and_branched_off() {
    let mut model = model();
    model.apply(Update::Branch(Arc::new(fixture::branch(0, 2, 3))));
    model.apply(Update::Branch(Arc::new(fixture::branch(1, 4, 2))));
    assert_eq!((model.branch, model.branch_at.cursor), (0, 3), "where it has come to");
    let mut harness = panel_harness(WhatIf::default(), model, State::default());
    harness.run();
    harness.get_by_role_and_label(Role::Image, text::BRANCH_PICTURE);
    harness.get_by_role_and_label(Role::Image, text::AS_RECORDED);
    harness.get_by_label(&text::branch(1, 0, 4, 2, "6")).click();
    harness.get_by_label(text::PLAY).click();
    harness.run();
    let asked = [Command::LookAtBranch(1), Command::ActIn(Driven::Branch, Action::PlayPause)];
    assert_eq!(std::mem::take(&mut harness.state_mut().commands), asked);

    harness.state_mut().model.branch_at.cursor = 1;
    harness.run();
    harness.get_by_label(&text::branch_at(3, "3"));
    harness.get_by_label("push left");
    assert!(harness.query_by_label(text::FOLLOW_POLICY).is_none(), "it has gone on from here");
    harness.get_by_label(&text::fork(3)).click();
    harness.run();
    let forked = Question { branch: 2, from: 2, moves: vec![act(0)], ..question() };
    assert_eq!(std::mem::take(&mut harness.state_mut().commands), [Command::WhatIf(forked)]);

    // The plot of returns goes from step 2, where the first branch leaves, to the episode's end.
    let plot = harness.get_by_label(text::RETURNS_SO_FAR).rect();
    harness.hover_at(plot.left_center());
    harness.run();
    harness.drag_at(plot.left_center());
    harness.run_steps(1);
    harness.drop_at(plot.left_center());
    harness.run();
    assert!(harness.state().commands.contains(&Command::SeekIn(Driven::Branch, 0)), "{:?}", harness.state().commands);
}

#[test]
fn a_state_is_edited() {
    let mut model = model();
    model.apply(Update::Branch(Arc::new(branch())));
    let mut harness = panel_harness(WhatIf::default(), model, State::default());
    harness.run();
    harness.get_by_label(text::SET_STATE).click();
    harness.run();
    assert_eq!(harness.state().commands, [], "nothing was changed yet");
    for (name, typed) in [("x", "0.25"), ("cell", "7")] {
        harness.get_by_role_and_label(Role::SpinButton, name).focus();
        harness.run();
        harness.event(Event::Text(typed.into()));
        harness.key_press(Key::Enter);
        harness.run();
    }
    harness.get_by_label(text::SET_STATE).click();
    harness.run();
    let moves = vec![act(0), Move::Set(vec![0.25, 7.0])];
    assert_eq!(harness.state().commands, [Command::WhatIf(Question { moves, ..question() })]);

    // Of another state other numbers are shown.
    harness.state_mut().model.apply(Update::Branch(Arc::new(Branch { variables: Vec::new(), ..branch() })));
    harness.run();
    harness.get_by_label(text::NO_STATE_VARIABLES);
}

#[test]
fn after_the_end_nothing_can_be_done() {
    let mut model = model();
    let note = Some("worn out".to_owned());
    model.apply(Update::Branch(Arc::new(Branch { ended: true, note, ..branch() })));
    let mut harness = panel_harness(WhatIf::default(), model, State::default());
    harness.run();
    harness.get_by_label("worn out");
    harness.get_by_label(text::MENU_OVER);
    assert!(harness.query_by_label("push left").is_none() && harness.query_by_label(text::SET_STATE).is_none());
    harness.state_mut().model.close_film();
    harness.run();
    harness.get_by_label(text::WHAT_IF_NEEDS_FILM);
}

#[test]
fn answers_replace_the_ones_before() {
    let mut model = Model::default();
    model.apply(Update::Branch(Arc::new(branch())));
    model.apply(Update::Branch(Arc::new(Branch { ended: true, ..branch() })));
    assert!(model.branches.len() == 1 && model.branches[0].ended);
    for number in 1..100 {
        let question = Question { branch: number, ..question() };
        model.apply(Update::Branch(Arc::new(Branch { question, ..branch() })));
    }
    assert_eq!((model.branches.len(), model.branches[0].question.branch), (32, 68));
}
