//! The list of runs: which there are, which of them have their curves shown, and what one was told to do.

mod details;

use eframe::egui::text::LayoutJob;
use eframe::egui::{
    Button, Color32, FontId, Label, Response, RichText, Role, ScrollArea, TextEdit, TextStyle, Ui, WidgetInfo,
};

use super::{Context, Panel, Place, check_all, cut};
use crate::command::{Command, Commands};
use crate::configurations;
use crate::model::{Model, Run, RunId};
use crate::number;
use crate::text;
use crate::theme::{Theme, stroke_letters};

/// The metric that says how well a run did, the same while it trains and after.
const EVALUATION: &str = "eval/mean_reward";

/// Size of the letters under a run's name, in points.
const SMALL: f32 = 12.0;
/// Lines under a run's name.
const LINES: usize = 2;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Runs {
    selected: Option<RunId>,
    /// The one that was selected before: what the selected one is compared with.
    before: Option<RunId>,
}

impl Panel for Runs {
    fn name(&self) -> &'static str {
        text::RUNS
    }

    fn place(&self) -> Place {
        Place::Left
    }

    fn ui(&mut self, ui: &mut Ui, context: Context<'_>, commands: &mut Commands) {
        if self.selected != context.state.run {
            self.before = self.selected;
            self.selected = context.state.run;
        }
        ui.heading(text::RUNS);
        if context.model.runs.is_empty() {
            ui.label(text::LOOKING_FOR_RUNS);
            return;
        }
        let fits = |run: &Run| configurations::fits(run, &context.state.filter);
        let (runs, others): (Vec<_>, Vec<_>) = context.model.runs.iter().enumerate().partition(|(_, run)| fits(run));
        let label = ui.label(text::FILTER);
        let mut filter = context.state.filter.text().to_owned();
        let field = TextEdit::singleline(&mut filter).hint_text(text::FILTER_EXAMPLE).desired_width(f32::INFINITY);
        if ui.add(field).labelled_by(label.id).on_hover_text(text::FILTER_HINT).changed() {
            commands.push(Command::Filter(filter));
        }
        let shown = runs.iter().filter(|(_, run)| run.shown).count();
        if let Some(all) = check_all(ui, text::ALL_RUNS, shown, runs.len()) {
            commands.extend(runs.iter().map(|(run, _)| Command::ShowCurves(*run, all)));
        }
        let beside = others.into_iter().find(|(run, _)| self.selected == Some(*run));
        self.list(ui, context, &runs, beside, commands);
        if let Some(run) = self.selected.and_then(|run| context.model.runs.get(run)) {
            ScrollArea::vertical().id_salt("details").auto_shrink([false, true]).show(ui, |ui| {
                let other = self.other(context.model).map(|other| &context.model.runs[other]);
                details::show(ui, run, other);
            });
        }
    }
}

impl Runs {
    /// The rows that are in sight. They take at most half of the room while a configuration is under them.
    fn list(
        &self,
        ui: &mut Ui,
        context: Context<'_>,
        runs: &[(RunId, &Run)],
        beside: Option<(RunId, &Run)>,
        commands: &mut Commands,
    ) {
        if runs.is_empty() {
            ui.weak(text::NO_RUN_FITS);
        }
        // What is looked at all around is never out of the list.
        if let Some((id, run)) = beside {
            ui.weak(text::SELECTED_BESIDE);
            one(ui, id, run, context, commands);
            ui.separator();
        }
        let line = ui.text_style_height(&TextStyle::Body).max(ui.spacing().interact_size.y);
        let small = ui.fonts_mut(|fonts| fonts.row_height(&FontId::proportional(SMALL)));
        let height = line + LINES as f32 * small;
        let room = ui.available_height() * if self.selected.is_some() { 0.5 } else { 1.0 };
        let list = ScrollArea::vertical().id_salt("runs").auto_shrink([false, true]).max_height(room);
        list.show_rows(ui, height, runs.len(), |ui, rows| {
            for (id, run) in &runs[rows] {
                ui.vertical(|ui| {
                    ui.set_min_height(height);
                    one(ui, *id, run, context, commands);
                });
            }
        });
    }

    /// The run that the selected one is compared with: the one selected before, or else its neighbour; of those that
    /// learn the same, as settings mean something else for others.
    fn other(&self, model: &Model) -> Option<RunId> {
        let selected = self.selected?;
        let neighbours = [Some(selected + 1), selected.checked_sub(1)];
        let comparable = |run: &RunId| {
            let runs = model.runs.get(selected).zip(model.runs.get(*run));
            *run != selected && runs.is_some_and(|(run, other)| configurations::same_task(run, other))
        };
        [self.before].into_iter().chain(neighbours).flatten().find(comparable)
    }
}

/// A run's row.
fn one(ui: &mut Ui, id: RunId, run: &Run, context: Context<'_>, commands: &mut Commands) {
    let step = match &context.model.live {
        // Rows of metrics come now and then, and this with every picture.
        Some(live) if live.run == id => run.step.max(live.status.step),
        _ => run.step,
    };
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        row(ui, id, run, step, context.state.run == Some(id), commands);
    });
}

fn row(ui: &mut Ui, id: RunId, run: &Run, step: u64, selected: bool, commands: &mut Commands) {
    let theme = Theme::of(ui);
    ui.horizontal(|ui| {
        let mut shown = run.shown;
        let name = format!("{} {}", text::SHOW_CURVES_OF, run.name);
        let check =
            ui.checkbox(&mut shown, RichText::new(stroke_letters(id)).color(theme.series(id))).on_hover_text(&name);
        check.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, run.shown, &name));
        if check.changed() {
            commands.push(Command::ShowCurves(id, shown));
        }
        // A long name must not make the panel wide.
        let room = ui.available_width() - 2.0 * ui.spacing().button_padding.x;
        let name = ui.add(Button::selectable(selected, cut(ui, &run.name, room, &TextStyle::Button)).truncate());
        name.widget_info(|| WidgetInfo::selected(Role::Button, true, selected, &run.name));
        if name.on_hover_text(format!("{}\n{}", run.name, run.path.display())).clicked() {
            commands.push(Command::SelectRun(id));
        }
    });
    match &run.problem {
        Some(problem) => {
            // Which run is said above.
            let path = run.path.display();
            let short = problem.replace(&format!("{path}/"), "").replace(&format!("{path} "), "");
            problem_in_lines(ui, &short, theme.problem).on_hover_text(problem);
        }
        // What does not fit is in the tooltip.
        None => {
            let colors = [if run.went_wrong() { theme.problem } else { theme.weak }, theme.weak];
            for (line, color) in summary(run, step).into_iter().zip(colors) {
                ui.add(Label::new(RichText::new(line).size(SMALL).color(color)).truncate());
            }
        }
    }
}

/// As much of a problem as fits under a name.
fn problem_in_lines(ui: &mut Ui, problem: &str, color: Color32) -> Response {
    let mut job = LayoutJob::simple(problem.to_owned(), FontId::proportional(SMALL), color, ui.available_width());
    job.wrap.max_rows = LINES;
    ui.label(job)
}

/// A run in two lines: how it went, and what it is.
fn summary(run: &Run, step: u64) -> [String; LINES] {
    let (Some(manifest), Some(outcome)) = (&run.manifest, run.outcome()) else {
        return [text::READING.to_owned(), String::new()];
    };
    // What runs are compared by first: a narrow list shows no more.
    let came_to = run.summary.as_ref().filter(|_| !run.alive).and_then(|summary| summary.greedy_return);
    let came_to = came_to.map(|of| format!("{} {}", text::RETURN, text::mean_and_std(&of)));
    let fitted = run.fitted.as_ref().filter(|_| !run.alive).and_then(text::measured);
    let best = || best_return(run).map(|best| format!("{} {}", text::BEST_RETURN, number::compact(best)));
    let best = came_to.or(fitted).or_else(best);
    let findings = (!run.findings.is_empty()).then(|| format!("{}: {}", text::DOCTOR, run.findings.len()));
    let steps = format!("{} {}", number::count(step), text::STEPS);
    let went = [Some(outcome.to_owned()), best, findings, Some(steps)];
    let went: Vec<_> = went.into_iter().flatten().collect();
    let is = [manifest.env.clone(), manifest.algo.clone(), format!("{} {}", text::SEED, manifest.seed)];
    [went.join(" \u{b7} "), is.join(" \u{b7} ")]
}

fn best_return(run: &Run) -> Option<f64> {
    run.metrics.get(EVALUATION)?.extremes().map(|(_, best)| best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Update;
    use crate::panels::testing::{opened, panel_harness, settings};
    use crate::search::Search;
    use crate::state::State;
    use cartwheel_trainer::run::{Manifest, MetricsRow, Outcome};
    use cartwheel_trainer::watch::{Reply, Status};
    use eframe::egui::Event;
    use eframe::egui::accesskit::Role;
    use egui_kittest::kittest::Queryable as _;

    fn model() -> Model {
        let mut model = opened("CartPole-v1");
        let mut manifest = Manifest::start("CartPole-v1", "dqn", 7, "none");
        manifest.end(Outcome::Finished, None);
        model.apply(Update::Manifest(0, Box::new(manifest)));
        let metrics = [("eval/mean_reward".to_owned(), 487.5)].into();
        model.apply(Update::Metrics(0, vec![MetricsRow { step: 12_000, metrics, ..MetricsRow::default() }]));
        let mut other = settings("CartPole-v1");
        other.dqn.learning_rate = 0.5.into();
        model.apply(Update::Opened("runs/other".into()));
        model.apply(Update::Settings(1, Box::new(other)));
        model.apply(Update::Opened("runs/broken".into()));
        model.apply(Update::Problem(2, "runs/broken/run.json does not parse".into()));
        model
    }

    #[test]
    fn runs_are_listed_and_clicked() {
        let mut harness = panel_harness(Runs::default(), model(), State::default());
        harness.run();
        harness.get_by_label("finished · best evaluation 487.5 · 12\u{202f}000 steps");
        harness.get_by_label("CartPole-v1 · dqn · seed 7");
        harness.get_by_label("run.json does not parse");
        harness.get_by_label("Show the curves of tested").click();
        harness.run();
        harness.get_by_label("other").click();
        harness.run();
        assert_eq!(harness.state().commands, [Command::ShowCurves(0, false), Command::SelectRun(1)]);
    }

    #[test]
    fn what_a_run_came_to_is_told() {
        let mut model = model();
        let mut manifest = Manifest::start("CartPole-v1", "dqn", 7, "none");
        manifest.end(Outcome::Finished, Some(serde_json::to_value(crate::source::fixture::summary(true)).unwrap()));
        model.apply(Update::Manifest(0, Box::new(manifest.clone())));
        let mut harness = panel_harness(Runs::default(), model, State { run: Some(0), ..State::default() });
        harness.run();
        harness.get_by_label("solved · return 499.5 ± 1.2 · 12\u{202f}000 steps");
        for words in [text::RESULT, "solved", "499.5 ± 1.2", "12\u{202f}000", "310", "3.5 s"] {
            assert!(harness.query_all_by_label(words).count() > 0, "{words}");
        }
        let headline = |harness: &egui_kittest::Harness<'_, crate::panels::testing::PanelHarness<Runs>>| {
            harness.state().model.runs[0].headline().unwrap()
        };
        let came_to = "greedy return 499.5 ± 1.2 over 100 episodes · 12\u{202f}000 steps · 3.5 s";
        assert_eq!(headline(&harness), format!("solved · {came_to}"));
        let summary = serde_json::to_value(crate::source::fixture::summary(false)).unwrap();
        manifest.end(Outcome::Finished, Some(summary));
        harness.state_mut().model.apply(Update::Manifest(0, Box::new(manifest.clone())));
        assert_eq!(headline(&harness), format!("not solved · {came_to}"));
        harness.run();
        harness.get_by_label("not solved · return 499.5 ± 1.2 · 12\u{202f}000 steps");
        let goalless = cartwheel_trainer::Summary { solved_at: None, ..crate::source::fixture::summary(false) };
        manifest.end(Outcome::Finished, Some(serde_json::to_value(goalless).unwrap()));
        harness.state_mut().model.apply(Update::Manifest(0, Box::new(manifest.clone())));
        assert_eq!(headline(&harness), format!("finished · {came_to}"));
        harness.run();
        harness.get_by_label("finished · return 499.5 ± 1.2 · 12\u{202f}000 steps");
        let mut stopped = crate::source::fixture::summary(false);
        (stopped.steps, stopped.interrupted) = (12_345, true);
        manifest.end(Outcome::Interrupted, Some(serde_json::to_value(stopped).unwrap()));
        harness.state_mut().model.apply(Update::Manifest(0, Box::new(manifest.clone())));
        assert!(headline(&harness).contains("at step 12\u{202f}345"), "past the last row: {}", headline(&harness));
        manifest.end(Outcome::Interrupted, None);
        harness.state_mut().model.apply(Update::Manifest(0, Box::new(manifest)));
        let told = headline(&harness);
        assert!(told.contains("at step 12\u{202f}000") && told.contains("train --resume runs/tested"), "{told}");
        harness.run();
        assert!(harness.query_by_label(text::RESULT).is_none());
        harness.state_mut().model.apply(Update::Alive(0, true));
        assert_eq!(harness.state().model.runs[0].headline(), None, "a live run is not at its end");
    }

    #[test]
    fn differences_are_not_wider_than_the_panel() {
        let mut model = opened("CartPole-v1");
        let mut other = settings("CartPole-v1");
        other.dqn.net_arch = vec![1_000_000; 9];
        model.apply(Update::Opened("runs/other".into()));
        model.apply(Update::Settings(1, Box::new(other)));
        let mut harness = panel_harness(Runs::default(), model, State { run: Some(0), ..State::default() });
        harness.set_size(eframe::egui::vec2(200.0, 500.0));
        harness.run();
        let there = harness.get_by_label_contains("instead of [1000000").rect();
        assert!(there.right() <= 200.0, "{there:?}");
    }

    #[test]
    fn the_selected_run_is_compared_with_the_one_before() {
        let mut model = model();
        for env in ["CartPole-v1", "Acrobot-v1"] {
            model.apply(Update::Opened(format!("runs/{env}").into()));
            model.apply(Update::Settings(model.runs.len() - 1, Box::new(settings(env))));
        }
        let mut harness = panel_harness(Runs::default(), model, State { run: Some(0), ..State::default() });
        harness.run();
        harness.get_by_label("Differences from other");
        harness.state_mut().state.run = Some(3);
        harness.run();
        harness.get_by_label("Differences from tested");
        harness.state_mut().state.run = Some(1);
        harness.run();
        harness.get_by_label("Differences from CartPole-v1");
        harness.get_by_label("dqn.learning_rate");
        harness.get_by_label("0.5");
        harness.get_by_label("Configuration").click();
        harness.run();
        harness.get_by_label("train.seed");
    }

    #[test]
    fn runs_on_other_environments_are_not_compared() {
        let mut model = opened("CartPole-v1");
        model.apply(Update::Opened("runs/other".into()));
        model.apply(Update::Settings(1, Box::new(settings("Acrobot-v1"))));
        let mut harness = panel_harness(Runs::default(), model, State { run: Some(0), ..State::default() });
        harness.run();
        harness.state_mut().state.run = Some(1);
        harness.run();
        assert!(harness.query_by_label_contains(text::DIFFERENCES_FROM).is_none());
    }

    #[test]
    fn what_is_wrong_with_a_run_is_told_in_whole() {
        let mut harness = panel_harness(Runs::default(), model(), State { run: Some(2), ..State::default() });
        harness.run();
        harness.get_by_label(text::NOT_READ);
        harness.get_by_label("runs/broken/run.json does not parse");
        assert!(harness.query_by_label_contains(text::NOT_READ_FOLDER).is_none(), "it is in the problem");
    }

    #[test]
    fn a_deleted_run_is_told_once() {
        let mut model = model();
        model.apply(Update::Problem(0, text::deleted(&model.runs[0].path)));
        let mut harness = panel_harness(Runs::default(), model, State { run: Some(0), ..State::default() });
        harness.run();
        harness.get_by_label("was deleted: what was read of it is still shown");
        assert!(harness.query_by_label(text::NOT_READ).is_none());
        harness.get_by_label(text::CONFIGURATION);
    }

    #[test]
    fn the_filter_goes_by_configuration() {
        let mut harness = panel_harness(Runs::default(), model(), State::default());
        harness.run();
        harness.get_by_role_and_label(Role::TextInput, text::FILTER).focus();
        harness.event(Event::Text("seed".into()));
        harness.run();
        assert_eq!(harness.state().commands, [Command::Filter("seed".into())]);
        harness.state_mut().state.filter = Search::new("learning_rate=0.5");
        harness.run();
        harness.get_by_label("other");
        assert!(harness.query_by_label("tested").is_none() && harness.query_by_label("broken").is_none());
        assert!(harness.query_by_label(text::SELECTED_BESIDE).is_none());
        harness.state_mut().state.run = Some(0);
        harness.run();
        harness.get_by_label(text::SELECTED_BESIDE);
        harness.get_by_label("tested");
        harness.state_mut().state.run = None;
        harness.state_mut().state.filter = Search::new("none such");
        harness.run();
        harness.get_by_label(text::NO_RUN_FITS);
    }

    #[test]
    fn all_runs_that_fit_are_checked_at_once() {
        let state = State { filter: Search::new("^(tested|other)$"), ..State::default() };
        let mut harness = panel_harness(Runs::default(), model(), state);
        harness.state_mut().model.runs[1].shown = false;
        for shown in [true, false] {
            harness.run();
            harness.get_by_label(text::ALL_RUNS).click();
            harness.run();
            let asked = std::mem::take(&mut harness.state_mut().commands);
            assert_eq!(asked, [0, 1].map(|run| Command::ShowCurves(run, shown)));
            harness.state_mut().model.runs[1].shown = shown;
        }
    }

    #[test]
    fn what_a_fit_came_to_is_told() {
        let mut model = model();
        let mut manifest = Manifest::start("digits", "mlp", 7, "none");
        let report = serde_json::json!({
            "kind": "classification", "part": "test", "loss": 0.1, "accuracy": 0.95, "top5_accuracy": null,
            "classes": [], "confusion": [],
        });
        let result = serde_json::json!({
            "model": "mlp", "parameters": 9, "epochs": 8, "best_epoch": 7, "steps": 252, "samples": 1, "report": report,
            "wall_s": 1.0, "samples_per_s": 1.0, "run": "runs/tested", "seed": 7,
            "early_stopped": false, "interrupted": false,
        });
        manifest.end(Outcome::Finished, Some(result));
        model.apply(Update::Manifest(0, Box::new(manifest)));
        assert_eq!(summary(&model.runs[0], 252)[0], "finished \u{b7} test accuracy 95.0 % \u{b7} 252 steps");
    }

    #[test]
    fn a_live_run_has_the_steps_that_it_just_told() {
        let mut model = model();
        model.apply(Update::Alive(0, true));
        model.apply(Update::Attached(0));
        model.apply(Update::Reply(Reply::Status(Status { step: 12_345, ..Status::default() })));
        let mut harness = panel_harness(Runs::default(), model, State::default());
        harness.run();
        harness.get_by_label("live · best evaluation 487.5 · 12\u{202f}345 steps");
    }

    #[test]
    fn a_long_name_does_not_make_the_panel_wide() {
        let mut model = Model::default();
        model.apply(Update::Opened(format!("runs/{}", "long-name".repeat(40)).into()));
        model.apply(Update::Problem(0, "what is wrong ".repeat(40)));
        let mut harness = panel_harness(Runs::default(), model, State { run: Some(0), ..State::default() });
        harness.set_size(eframe::egui::vec2(230.0, 400.0));
        harness.run();
        let row = harness.get_by_label(&"long-name".repeat(40)).rect();
        assert!(row.right() <= 230.0, "{row:?}");
    }

    #[test]
    fn a_run_that_was_killed_is_not_live() {
        let mut model = Model::default();
        model.apply(Update::Opened("runs/a".into()));
        let summary = |run: &Run| summary(run, 0)[0].clone();
        assert_eq!(summary(&model.runs[0]), text::READING);
        model.apply(Update::Manifest(0, Box::new(Manifest::start("CartPole-v1", "dqn", 1, "none"))));
        assert!(summary(&model.runs[0]).starts_with("killed"));
        model.apply(Update::Alive(0, true));
        assert!(summary(&model.runs[0]).starts_with(text::IS_LIVE));
    }
}
