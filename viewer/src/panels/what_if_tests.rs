#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use egui_kittest::kittest::Queryable as _;

use super::*;
use crate::model::Update;
use crate::panels::testing::stage;
use crate::source::fixture;
use crate::state::State;

fn question() -> Question {
    Question { branch: 0, run: 0, episode: 0, from: 5, actions: vec![1.into()], follow: 0 }
}

fn branch() -> Branch {
    let film = fixture::film(9);
    Branch {
        question: question(),
        moments: film.moments[5..7].to_vec(),
        choices: vec![(0.into(), "push left".into()), (1.into(), "push right".into())],
        ended: false,
        note: None,
    }
}

fn model() -> Model {
    let mut model = Model::default();
    model.apply(Update::Opened("runs/a".into()));
    model.apply(Update::Film(Arc::new(fixture::film(9))));
    model.seek(5);
    model
}

#[test]
fn a_branch_begins_at_the_cursor_and_others_after_it() {
    let mut harness = stage(WhatIf::default(), model(), State::default());
    harness.run();
    harness.get_by_label(&text::branch_from(0, 5)).click();
    harness.run();
    let first = Question { actions: Vec::new(), ..question() };
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
    let mut harness = stage(WhatIf::default(), model, State::default());
    harness.run();
    harness.get_by_label(&text::branch_at(6, "6"));
    harness.get_by_label(&text::as_played("6"));
    for (label, actions, follow) in [
        ("push left", vec![1.into(), 0.into()], 0),
        (text::FOLLOW_POLICY, vec![1.into()], FOLLOW),
        (text::TAKE_BACK, Vec::new(), 0),
    ] {
        harness.get_by_label(label).click();
        harness.run();
        let commands = std::mem::take(&mut harness.state_mut().commands);
        assert_eq!(commands, [Command::WhatIf(Question { actions, follow, ..question() })]);
    }
    harness.get_by_label(&text::remove_branch(0)).click();
    harness.run();
    assert_eq!(harness.state().commands, [Command::Prune(0)]);
}

#[test]
fn after_the_end_nothing_can_be_done() {
    let mut model = model();
    let note = Some("worn out".to_owned());
    model.apply(Update::Branch(Arc::new(Branch { ended: true, note, ..branch() })));
    let mut harness = stage(WhatIf::default(), model, State::default());
    harness.run();
    harness.get_by_label("worn out");
    harness.get_by_label(text::MENU_OVER);
    assert!(harness.query_by_label("push left").is_none());
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
