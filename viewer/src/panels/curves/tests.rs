//! Curves as a person uses them.

use cartwheel_trainer::run::{EpisodeEntry, MetricsRow};
use eframe::egui::{Event, PointerButton};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use super::*;
use crate::command::Command;
use crate::model::Update;
use crate::panels::testing::{Stage, opened, settings, stage};
use crate::state::State;

/// A run with some metrics and three episodes that end at steps 10, 20 and 30, the middle one with the middle return.
fn model() -> Model {
    let mut model = opened("CartPole-v1");
    fill(&mut model, 0);
    model
}

fn fill(model: &mut Model, run: usize) {
    let row = |step: u64| MetricsRow {
        step: step * 10,
        episodes: step,
        wall_s: step as f64,
        metrics: [("rollout/ep_rew_mean", step as f64), ("train/loss", step as f64 - 2.0), ("time/fps", 100.0)]
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
        ..MetricsRow::default()
    };
    model.apply(Update::Metrics(run, (0..5).map(row).collect()));
    let episode = |i: u64| EpisodeEntry { offset: 0, env: 0, length: 10, return_: i as f64 * 5.0, start_step: i * 10 };
    model.apply(Update::Episodes(run, (0..3).map(episode).collect()));
}

fn show<'a>(model: Model) -> Harness<'a, Stage<Curves>> {
    let mut harness = stage(Curves::default(), model, State::default());
    harness.run();
    harness
}

fn click(harness: &mut Harness<'_, Stage<Curves>>, name: &str) {
    harness.get_by_label(name).click();
    harness.run();
}

fn click_into_the_middle(harness: &mut Harness<'_, Stage<Curves>>, name: &str) {
    let at = harness.get_by_label(name).rect().center();
    harness.hover_at(at);
    harness.run();
    for pressed in [true, false] {
        harness.event(Event::PointerButton {
            pos: at,
            button: PointerButton::Primary,
            pressed,
            modifiers: Default::default(),
        });
        harness.run();
    }
}

/// The checkbox of a metric; its plot has a button of the same name.
fn check(harness: &mut Harness<'_, Stage<Curves>>, metric: &str) {
    let boxes: Vec<_> =
        harness.get_all_by_label(metric).filter(|node| node.accesskit_node().toggled().is_some()).collect();
    boxes[0].click();
    drop(boxes);
    harness.run();
}

#[test]
fn metrics_are_chosen_from_the_list() {
    let mut harness = show(model());
    for metric in ["rollout/ep_rew_mean", "episode/return", "train/loss"] {
        harness.get_by_label(&format!("Plot of {metric}"));
    }
    assert!(harness.query_by_label("Plot of time/fps").is_none());
    check(&mut harness, "time/fps");
    harness.get_by_label("Plot of time/fps");
    check(&mut harness, "train/loss");
    assert!(harness.query_by_label("Plot of train/loss").is_none());

    harness.get_by_role_and_label(eframe::egui::accesskit::Role::TextInput, "Metrics").focus();
    harness.event(Event::Text("fps".into()));
    harness.run();
    assert!(harness.query_all_by_label("train/loss").next().is_none());
}

#[test]
fn a_click_on_an_episode_opens_it() {
    let mut harness = show(model());
    harness.state_mut().panel.choice.large = Some(crate::series::EPISODE_RETURN.to_owned());
    harness.run();
    assert!(harness.query_by_label("Plot of train/loss").is_none(), "one plot alone");
    click_into_the_middle(&mut harness, "Plot of episode/return");
    assert_eq!(harness.state().commands, [Command::OpenEpisode(0, 1, 0)]);
}

#[test]
fn a_click_on_another_metric_opens_nothing() {
    let mut harness = show(model());
    click_into_the_middle(&mut harness, "Plot of rollout/ep_rew_mean");
    assert!(harness.state().commands.is_empty());
}

#[test]
fn what_logarithmic_axes_leave_out_is_counted() {
    let mut harness = show(model());
    assert!(harness.query_by_label("3 left out").is_none());
    click(&mut harness, "Log y");
    // The losses are -2, -1, 0, 1 and 2.
    harness.get_by_label("3 left out");
    click(&mut harness, "Log x");
    harness.get_by_label("4 left out");
}

#[test]
fn runs_are_filtered_hidden_and_averaged() {
    let mut model = model();
    for (run, seed) in [(1, 1), (2, 2)] {
        let mut settings = settings("CartPole-v1");
        (settings.train.seed, settings.dqn.learning_rate) = (seed, 0.5);
        model.apply(Update::Opened(format!("runs/seed-{seed}").into()));
        model.apply(Update::Settings(run, Box::new(settings)));
        fill(&mut model, run);
    }
    let mut harness = show(model);
    for name in ["\u{2014} tested", "\u{2014} seed-1", "\u{2014} seed-2"] {
        harness.get_by_label(name);
    }
    click(&mut harness, "Average seeds");
    harness.get_by_label("\u{2014} dqn.learning_rate=0.5");
    assert!(harness.query_by_label("\u{2014} seed-1").is_none());
    let traces = &harness.state().panel.plots["train/loss"];
    assert_eq!(traces.groups[&1].averages.iter().map(|average| average.runs).max(), Some(2));

    click(&mut harness, "Average seeds");
    harness.state_mut().panel.look.filter = "learning_rate=0.5 seed=2".to_owned();
    harness.run();
    harness.get_by_label("\u{2014} seed-2");
    assert!(harness.query_by_label("\u{2014} tested").is_none());
    harness.state_mut().panel.look.filter = String::new();
    harness.state_mut().model.runs[2].shown = false;
    harness.run();
    assert!(harness.query_by_label("\u{2014} seed-2").is_none());
}

#[test]
fn no_runs_and_no_metrics_are_said() {
    let harness = show(Model::default());
    harness.get_by_label(text::NO_CURVES);
}
