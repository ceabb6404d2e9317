//! Curves as a person uses them.

use cartwheel_trainer::run::{EpisodeEntry, MetricsRow};
use eframe::egui::{Event, PointerButton, Shape};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use super::*;
use crate::command::Command;
use crate::model::{Model, Update};
use crate::panels::testing::{PanelHarness, opened, panel_harness, settings};
use crate::search::Search;
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
    // The second ends in the middle of the axis: of eight environments, at 160 of 320 steps.
    let start_step = |i: u64| i * (i + 1) * 40;
    let entry = EpisodeEntry { offset: 0, env: 0, length: 10, return_: 0.0, start_step: 0 };
    let episode = |i: u64| EpisodeEntry { return_: i as f64 * 5.0, start_step: start_step(i), ..entry };
    model.apply(Update::Episodes(run, (0..3).map(episode).collect()));
}

fn show<'a>(model: Model) -> Harness<'a, PanelHarness<Curves>> {
    let mut harness = panel_harness(Curves::default(), model, State::default());
    harness.run();
    harness
}

fn click(harness: &mut Harness<'_, PanelHarness<Curves>>, name: &str) {
    harness.get_by_label(name).click();
    harness.run();
}

fn click_into_the_middle(harness: &mut Harness<'_, PanelHarness<Curves>>, name: &str) {
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
fn check(harness: &mut Harness<'_, PanelHarness<Curves>>, metric: &str) {
    let boxes: Vec<_> =
        harness.get_all_by_label(metric).filter(|node| node.accesskit_node().toggled().is_some()).collect();
    boxes[0].click();
    drop(boxes);
    harness.run();
    carry_out(harness);
}

/// Plots what was chosen, as the app does.
fn carry_out(harness: &mut Harness<'_, PanelHarness<Curves>>) {
    let PanelHarness { commands, state, .. } = harness.state_mut();
    commands.retain(|command| match command {
        Command::PlotMetrics(metrics) => {
            state.metrics.clone_from(metrics);
            false
        }
        _ => true,
    });
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
    // It is where other metrics are of which so many episodes had ended, and called as in the list of episodes.
    let returns = &harness.state().model.runs[0].metrics[crate::series::EPISODE_RETURN];
    assert_eq!(returns.points().iter().map(|point| point.episodes).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(plot::tell(crate::series::EPISODE_RETURN, &returns.points()[1])[2], "Episode 1");
    assert_eq!(plot::tell("train/loss", &returns.points()[2])[2], "3 episodes");
}

#[test]
fn curves_of_one_environment_are_plotted_at_a_time() {
    let mut model = model();
    for (run, env) in [(1, "Acrobot-v1"), (2, "CartPole-v1")] {
        model.apply(Update::Opened(format!("runs/{env}-{run}").into()));
        model.apply(Update::Settings(run, Box::new(settings(env))));
        fill(&mut model, run);
    }
    let mut harness = panel_harness(Curves::default(), model, State { run: Some(0), ..State::default() });
    harness.run();
    let shown = |harness: &Harness<'_, PanelHarness<Curves>>| {
        ["tested", "Acrobot-v1-1", "CartPole-v1-2"]
            .map(|run| harness.query_by_label(&format!("Curve of {run}")).is_some())
    };
    assert_eq!(shown(&harness), [true, false, true], "of the selected run's");
    click(&mut harness, "Acrobot-v1");
    assert_eq!(shown(&harness), [false, true, false]);
    harness.state_mut().state.run = Some(2);
    harness.run();
    assert_eq!(shown(&harness), [true, false, true], "another run was selected");
    harness.state_mut().state.run = Some(1);
    harness.run();
    assert_eq!(shown(&harness), [false, true, false]);
    harness.state_mut().model.runs[1].shown = false;
    harness.run();
    assert_eq!(shown(&harness), [true, false, true]);
    assert!(harness.query_by_label("Acrobot-v1").is_none(), "there is nothing to choose");
}

/// By hand it was seen that they lay under whichever environment was looked at.
#[test]
fn curves_of_a_fit_are_not_those_of_an_environment() {
    let mut model = model();
    for (run, name, model_name) in [(1, "digits-1", "mlp"), (2, "digits-2", "mlp"), (3, "digits-3", "cnn")] {
        model.apply(Update::Opened(format!("runs/{name}").into()));
        model.apply(Update::Fit(
            run,
            vec![("fit.model".into(), model_name.into()), ("data.dir".into(), "digits".into())],
        ));
        let manifest = cartwheel_trainer::run::Manifest::start("digits", model_name, 1, "none");
        model.apply(Update::Manifest(run, Box::new(manifest)));
        fill(&mut model, run);
    }
    let mut harness = panel_harness(Curves::default(), model, State { run: Some(0), ..State::default() });
    harness.run();
    let shown = |harness: &Harness<'_, PanelHarness<Curves>>| {
        ["tested", "digits-1", "digits-2", "digits-3"]
            .map(|run| harness.query_by_label(&format!("Curve of {run}")).is_some())
    };
    assert_eq!(shown(&harness), [true, false, false, false]);
    click(&mut harness, "mlp on digits");
    assert_eq!(shown(&harness), [false, true, true, false]);
    harness.state_mut().state.run = Some(3);
    harness.run();
    assert_eq!(shown(&harness), [false, false, false, true], "of the selected run's");
}

/// By hand it was seen that they had forgotten it.
#[test]
fn smoothing_is_kept_for_each_axis() {
    let mut harness = show(model());
    harness.state_mut().panel.look.smooth_by(7.0);
    for axis in [text::AXIS_EPISODES, text::AXIS_STEPS] {
        harness.get_by_role_and_label(eframe::egui::accesskit::Role::ComboBox, text::X_AXIS).click();
        harness.run();
        harness.get_all_by_label(axis).last().expect("an axis to choose").click();
        harness.run();
        let smoothing = harness.state().panel.look.smoothing();
        assert_eq!(smoothing, if axis == text::AXIS_STEPS { 7.0 } else { 0.0 }, "{axis}");
    }
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
        (settings.train.seed, settings.dqn.learning_rate) = (seed, 0.5.into());
        model.apply(Update::Opened(format!("runs/seed-{seed}").into()));
        model.apply(Update::Settings(run, Box::new(settings)));
        fill(&mut model, run);
    }
    let mut harness = show(model);
    for name in ["Curve of tested", "Curve of seed-1", "Curve of seed-2"] {
        harness.get_by_label(name);
    }
    click(&mut harness, "Average seeds");
    harness.get_by_label("Curve of CartPole-v1 dqn learning_rate=0.5 \u{b7} 2 seeds");
    assert!(harness.query_by_label("Curve of seed-1").is_none());
    let traces = &harness.state().panel.plots["train/loss"];
    assert_eq!(traces.groups[&1].averages.iter().map(|average| average.runs).max(), Some(2));

    click(&mut harness, "Average seeds");
    harness.state_mut().state.filter = Search::new("learning_rate=0.5 seed=2");
    harness.run();
    harness.get_by_label("Curve of seed-2");
    assert!(harness.query_by_label("Curve of tested").is_none());
    harness.state_mut().state.filter = Search::default();
    harness.state_mut().model.runs[2].shown = false;
    harness.run();
    assert!(harness.query_by_label("Curve of seed-2").is_none());
}

/// Environments whose episodes end together make points at one place.
#[test]
fn points_above_each_other_are_joined_by_lines() {
    let mut model = opened("CartPole-v1");
    let entry = |i: u64| EpisodeEntry {
        offset: 0,
        env: 0,
        length: 0,
        return_: (i * 7919 % 101) as f64,
        start_step: i / 4 * 1000,
    };
    model.apply(Update::Episodes(0, (0..80).map(entry).collect()));
    let harness = show(model);
    harness.get_by_label("Plot of episode/return");
    let areas = harness.output().shapes.iter().filter(|clipped| matches!(clipped.shape, Shape::Band(_)));
    assert_eq!(areas.count(), 0, "an area between points would be a wedge");
}

/// Twenty experiments that differ in long values, and one with a long name.
#[test]
fn a_long_legend_takes_two_rows() {
    let mut model = Model::default();
    for run in 0..20 {
        let mut settings = settings("CartPole-v1");
        (settings.dqn.net_arch, settings.dqn.gamma) = (vec![1000 + run; 12], 0.9 + 0.001 * run as f64);
        model.apply(Update::Opened(format!("runs/{}-{run}", "a-long-name".repeat(9)).into()));
        model.apply(Update::Settings(run, Box::new(settings)));
        fill(&mut model, run);
        model.runs[run].shown = true;
    }
    let mut harness = show(model);
    for averaged in [false, true] {
        harness.state_mut().panel.look.grouped = averaged;
        harness.run();
        let names = harness.query_all_by_label_contains("Curve of ");
        let rects: Vec<_> = names.map(|node| node.rect()).collect();
        assert!((2..20).contains(&rects.len()), "{}", rects.len());
        let rows: BTreeSet<_> = rects.iter().map(|rect| rect.top() as i32).collect();
        assert!(rows.len() <= 2, "{rects:?}");
        assert!(rects.iter().all(|rect| rect.right() <= 900.0), "{rects:?}");
        harness.get_by_label(&format!("+{}", 20 - rects.len()));
    }
}

#[test]
fn where_there_is_little_room_the_axes_are_in_a_menu() {
    let mut harness = show(model());
    assert!(harness.query_by_label(text::AXES).is_none());
    harness.set_size(vec2(500.0, 400.0));
    harness.run();
    assert!(harness.query_by_label("Log y").is_none());
    click(&mut harness, text::AXES);
    click(&mut harness, "Log y");
    click(&mut harness, "Log x");
    let scales = harness.state().panel.look.scales;
    assert!(scales.log_x && scales.log_y, "the menu stays open");
    click(&mut harness, text::SAVE_PICTURE);
    assert!(harness.query_by_label(text::SAVE_PICTURE).is_none(), "but not in a picture");
    assert!(matches!(harness.state().commands[..], [Command::SavePart(_)]), "{:?}", harness.state().commands);
}

#[test]
fn no_runs_and_no_metrics_are_said() {
    let harness = show(Model::default());
    harness.get_by_label(text::NO_CURVES);
}

#[test]
fn all_metrics_that_a_search_finds_are_checked_at_once() {
    let mut harness = show(model());
    harness.get_by_role_and_label(eframe::egui::accesskit::Role::TextInput, "Metrics").focus();
    harness.event(Event::Text("loss|fps$".into()));
    harness.run();
    let shown = |harness: &Harness<'_, PanelHarness<Curves>>| {
        ["time/fps", "train/loss", "episode/return"]
            .map(|metric| harness.query_by_label(&format!("Plot of {metric}")).is_some())
    };
    click(&mut harness, text::ALL_METRICS);
    carry_out(&mut harness);
    assert_eq!(shown(&harness), [true, true, true]);
    click(&mut harness, text::ALL_METRICS);
    carry_out(&mut harness);
    assert_eq!(shown(&harness), [false, false, true], "those that are listed");
    click(&mut harness, text::USUAL_METRICS);
    carry_out(&mut harness);
    assert_eq!(shown(&harness), [false, true, true]);
}

/// Between points, too, where nothing was said until here.
#[test]
fn the_pointer_tells_the_values_of_all_curves_above_it() {
    let mut model = model();
    model.apply(Update::Opened("runs/other".into()));
    model.apply(Update::Settings(1, Box::new(settings("CartPole-v1"))));
    let row =
        |step, value| MetricsRow { step, metrics: [("time/fps".to_owned(), value)].into(), ..MetricsRow::default() };
    model.apply(Update::Metrics(0, vec![row(320, 100.0)]));
    model.apply(Update::Metrics(1, vec![row(0, 7.0), row(320, 7.0)]));
    let mut harness = show(model);
    check(&mut harness, "time/fps");
    harness.hover_at(harness.get_by_label("Plot of time/fps").rect().center());
    harness.run();
    // Higher curves first.
    let values = ["tested 100", "other 7"].map(|value| harness.get_by_label(value).rect().top());
    assert!(values[0] < values[1]);
    harness.get_by_label_contains("Steps ");
}

#[test]
fn a_zoom_can_be_taken_back() {
    let mut harness = show(model());
    assert!(harness.query_by_label(text::WHOLE_CURVES).is_none());
    harness.hover_at(harness.get_by_label("Plot of train/loss").rect().center());
    harness.event(Event::Zoom(2.0));
    harness.run();
    click(&mut harness, text::WHOLE_CURVES);
    harness.run();
    assert!(harness.query_by_label(text::WHOLE_CURVES).is_none());
}

#[test]
fn what_is_plotted_is_saved_as_it_looks_and_as_a_table() {
    let mut harness = show(model());
    check(&mut harness, "train/loss");
    click(&mut harness, text::SAVE_TABLE);
    let metrics = ["rollout/ep_rew_mean", "episode/return"].map(str::to_owned);
    assert_eq!(harness.state().commands, [Command::SaveTable(vec![0], metrics.into())]);
    harness.state_mut().commands.clear();
    click(&mut harness, text::SAVE_PICTURE);
    let [Command::SavePart(part)] = harness.state().commands[..] else { panic!("{:?}", harness.state().commands) };
    for shown in ["Plot of episode/return", "Curve of tested"] {
        assert!(part.contains_rect(harness.get_by_label(shown).rect()), "{shown} in {part:?}");
    }
    assert!(!part.intersects(harness.get_by_label("Log y").rect()), "{part:?}");
}
