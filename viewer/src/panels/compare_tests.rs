#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use egui_kittest::kittest::Queryable as _;

use super::*;
use crate::model::Update;
use crate::panels::testing::stage;
use crate::source::fixture;
use crate::state::State;

fn model() -> Model {
    let mut model = Model::default();
    for run in ["runs/a", "runs/b"] {
        model.apply(Update::Opened(run.into()));
    }
    model
}

fn side(run: RunId, steps: u32) -> Side {
    let contender = contender(&model(), run, &Checkpoint::Best);
    Side { contender, moments: fixture::film(steps).moments, ended: true, note: None }
}

#[test]
fn two_policies_are_chosen_and_played() {
    let mut harness = stage(Compare::default(), model(), State::default());
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
fn the_cursor_goes_to_where_they_part() {
    let mut model = model();
    let contest = Contest { seed: 0, sides: [side(0, 20), side(1, 8)], parting: Some(8) };
    model.apply(Update::Contest(Arc::new(contest)));
    let mut harness = stage(Compare::default(), model, State::default());
    harness.run();
    let who = text::contender("b", text::BEST_WEIGHTS);
    harness.get_by_label(&format!("{who} · {} 0", text::RETURN));
    harness.get_by_label(&text::parting(8)).click();
    harness.run();
    assert_eq!(harness.state().panel.cursor, 8);
    harness.get_by_label(&format!("{who} · {} 8 · {}", text::RETURN, text::OVER));
    harness.get_by_label(text::PLAY).click();
    harness.run_steps(60);
    assert!(harness.state().panel.cursor > 8);
}

#[test]
fn who_cannot_play_says_so() {
    let mut model = model();
    let mute = Side { moments: Vec::new(), ended: false, note: Some("no weights".into()), ..side(1, 1) };
    model.apply(Update::Contest(Arc::new(Contest { seed: 0, sides: [side(0, 3), mute], parting: None })));
    let mut harness = stage(Compare::default(), model, State::default());
    harness.run();
    harness.get_by_label("no weights");
    harness.get_by_label(text::NEVER_PART);
    harness.state_mut().model = Model::default();
    harness.run();
    harness.get_by_label(text::NO_RUN);
}
