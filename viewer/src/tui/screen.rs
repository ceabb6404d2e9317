//! What the terminal shows.

use cartwheel_envs::Scene;
use cartwheel_trainer::watch::{Activity, Judgement};
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Style, Stylize as _};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Dataset, Gauge, GraphType, Paragraph, Wrap};

use super::{Choice, braille, samples};
use crate::model::{Live, Model, Run};
use crate::number::{bytes, compact, count, short};
use crate::series::{self, View};
use crate::text;

/// The metrics that people look at first.
const FAVOURITES: [&str; 5] = ["rollout/ep_rew_mean", "eval/mean_reward", "train/loss", "val/loss", "time/fps"];

pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, choice: &Choice) {
    let fits = model.runs.get(choice.run).is_some_and(|run| run.fit);
    let help = keys(if fits { text::TUI_FIT_KEYS } else { text::TUI_KEYS }, frame.area().width);
    let last = Constraint::Length(help.len() as u16);
    // What the threads do is told of agents.
    let threads = Constraint::Length(if fits { 0 } else { 6 });
    let rows = Layout::vertical([Constraint::Length(3), Constraint::Min(8), threads, last]);
    let [top, middle, bottom, line] = rows.areas(frame.area());
    let Some(run) = model.runs.get(choice.run) else {
        frame.render_widget(Paragraph::new(text::LOOKING_FOR_RUNS).block(Block::bordered()), top);
        frame.render_widget(Paragraph::new(help).dim(), line);
        return;
    };
    let live = model.live.as_ref().filter(|live| live.run == choice.run);
    progress(frame, top, run, live);
    let [left, right] = Layout::horizontal([Constraint::Percentage(45), Constraint::Percentage(55)]).areas(middle);
    if run.fit {
        samples::show(frame, left, run, choice.sample);
    } else {
        environment(frame, left, model, live, choice.env);
    }
    curves(frame, right, run, choice.metric);
    if !fits {
        machine(frame, bottom, run, live);
    }
    match choice.notice.clone().or_else(|| model.long_awaited().map(text::film_awaited)) {
        Some(notice) => frame.render_widget(Paragraph::new(notice).wrap(Wrap::default()).bold().yellow(), line),
        None => frame.render_widget(Paragraph::new(help).dim(), line),
    }
}

/// What the keys do, in as many lines as it takes: none is cut, and no key is parted from its meaning.
fn keys(all: &'static str, width: u16) -> Vec<Line<'static>> {
    let mut lines: Vec<String> = Vec::new();
    for key in all.split(text::TUI_BETWEEN) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 3 + key.chars().count() <= usize::from(width) => {
                *line += text::TUI_BETWEEN;
                *line += key;
            }
            _ => lines.push(key.to_owned()),
        }
    }
    lines.into_iter().map(Line::from).collect()
}

/// How far the run is.
fn progress(frame: &mut Frame<'_>, area: Rect, run: &Run, live: Option<&Live>) {
    let block = Block::bordered().title(run.name.as_str());
    match live {
        Some(live) => {
            let (step, total) = (live.status.step, live.welcome.total_timesteps.max(1));
            let held = if live.status.paused { text::PAUSED } else { "" };
            let label = format!("{} / {} {} {held}", count(step), count(total), text::STEPS);
            let ratio = (step as f64 / total as f64).clamp(0.0, 1.0);
            frame.render_widget(Gauge::default().block(block).ratio(ratio).label(label), area);
        }
        None => {
            let line = run
                .problem
                .clone()
                .or_else(|| run.headline())
                .or_else(|| run.alive.then(|| text::trains(run.step)))
                .unwrap_or_default();
            frame.render_widget(Paragraph::new(line).block(block), area);
        }
    }
}

/// The picture, and what the policy makes of it.
fn environment(frame: &mut Frame<'_>, area: Rect, model: &Model, live: Option<&Live>, env: u32) {
    let film = model.film.as_ref().and_then(|film| Some((film, film.moments.get(model.cursor as usize)?)));
    let (title, scene, judgement, action): (String, &Scene, &Judgement, _) = match (film, live) {
        (Some((film, moment)), _) => (
            format!(
                "{} {} · {} {} · {} {} / {} · {} {}",
                text::EPISODE,
                film.episode,
                text::ENVIRONMENT.to_lowercase(),
                film.entry.env,
                text::STEP,
                model.cursor,
                film.last_step(),
                text::RETURN,
                short(moment.return_)
            ),
            &moment.scene,
            &moment.judgement,
            moment.action.as_ref(),
        ),
        (None, Some(live)) if live.frames.contains_key(&env) => {
            let now = &live.frames[&env];
            let title = format!(
                "{} {env} · {} {} · {} {}",
                text::ENVIRONMENT,
                text::STEP,
                now.episode_step,
                text::RETURN,
                short(now.return_)
            );
            (title, &now.scene, &now.judgement, now.action.as_ref())
        }
        _ => {
            let block = Block::bordered().title(format!("{} {env}", text::ENVIRONMENT));
            frame.render_widget(Paragraph::new(text::TUI_NOTHING_LIVE).wrap(Wrap::default()).block(block), area);
            return;
        }
    };
    let block = Block::bordered().title(title);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    let [picture, values] = Layout::vertical([Constraint::Min(1), Constraint::Length(1)]).areas(inside);
    if let Ok(lines) = braille::lines(scene, picture.width, picture.height) {
        frame.render_widget(Paragraph::new(lines), picture);
    }
    if let Judgement::QValues(q)
    | Judgement::Probabilities(q)
    | Judgement::Returns { values: q, .. }
    | Judgement::Quantiles { values: q, .. } = judgement
    {
        let chosen = match action {
            Some(cartwheel_envs::OwnedAction::Discrete(action)) => Some(*action),
            _ => None,
        };
        let run = film.map(|(film, _)| film.run).or(live.map(|live| live.run));
        let spaces = run.and_then(|run| model.runs.get(run)?.spaces.as_ref()?.as_ref().ok());
        let first = spaces.map_or(0, |spaces| spaces.first_action());
        let spans = q.iter().enumerate().map(|(i, q)| {
            let name = spaces.map_or_else(|| i.to_string(), |spaces| spaces.action_name(i));
            // A value that is not a number is that of an action which is not valid.
            let span = match q.is_nan() {
                true => Span::raw(format!("{name}: {}  ", text::NO_VALUE)).dim(),
                false => Span::raw(format!("{name}: {q:.2}  ")),
            };
            if chosen == Some(i as i32 + first) { span.bold().green() } else { span }
        });
        frame.render_widget(Paragraph::new(Line::from_iter(spans)), values);
    }
}

/// Two metrics, one above the other.
fn curves(frame: &mut Frame<'_>, area: Rect, run: &Run, first: usize) {
    let mut names: Vec<_> = run.metrics.keys().map(String::as_str).collect();
    names.sort_by_key(|name| (FAVOURITES.iter().position(|favourite| favourite == name).unwrap_or(usize::MAX), *name));
    let halves = Layout::vertical([Constraint::Percentage(50); 2]).areas::<2>(area);
    for (i, half) in halves.into_iter().enumerate() {
        if names.is_empty() {
            frame.render_widget(Block::bordered().title(text::NO_METRICS), half);
            continue;
        }
        let name = names[(first + i) % names.len()];
        let series = &run.metrics[name];
        // A character of braille is two dots wide.
        let steps = series.extent(series::Axis::Steps, false).unwrap_or_default();
        let view = View::new(steps, 2 * usize::from(half.width));
        let points = view.points(series).into_iter().map(|at| series.points()[at as usize]);
        let points: Vec<_> =
            points.filter(|point| point.value.is_finite()).map(|point| (point.step as f64, point.value)).collect();
        curve(frame, half, name, &points);
    }
}

fn curve(frame: &mut Frame<'_>, area: Rect, name: &str, points: &[(f64, f64)]) {
    let bounds = |of: fn(&(f64, f64)) -> f64| {
        let (low, high) =
            points.iter().map(of).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
        // A single value has room on both sides.
        let room = if low == 0.0 { 0.5 } else { low.abs() / 2.0 };
        if low < high { [low, high] } else { [low - room, high + room] }
    };
    let (x, y) = (bounds(|point| point.0), bounds(|point| point.1));
    let labels = |bounds: [f64; 2]| bounds.map(compact);
    let data = Dataset::default().marker(Marker::Braille).graph_type(GraphType::Line).cyan().data(points);
    let last = points.last().map_or_else(String::new, |(_, y)| format!(" {}", compact(*y)));
    let chart = Chart::new(vec![data])
        .block(Block::bordered().title(format!("{name}{last}")))
        .x_axis(
            Axis::default().bounds(x).labels(labels(x)).labels_alignment(Alignment::Right).style(Style::new().dim()),
        )
        .y_axis(Axis::default().bounds(y).labels(labels(y)).style(Style::new().dim()));
    frame.render_widget(chart, area);
}

/// Throughput, and where the time goes.
fn machine(frame: &mut Frame<'_>, area: Rect, run: &Run, live: Option<&Live>) {
    let block = Block::bordered().title(text::MACHINE_ROOM);
    let Some(live) = live else {
        let count = format!("{} {}", run.first_episode + run.episodes.len(), text::EPISODES);
        frame.render_widget(Paragraph::new(count).block(block), area);
        return;
    };
    let status = &live.status;
    let mut lines = vec![Line::from(format!(
        "{} · {} {} · {} {} · ε {:.2} · {} {} / {} · {} {} · {}",
        text::live_speed(status),
        status.updates,
        text::UPDATES,
        status.episodes,
        text::EPISODES,
        status.epsilon,
        text::REPLAY_BUFFER.to_lowercase(),
        status.replay.0,
        status.replay.1,
        text::POLICY_LAG,
        status.policy_lag,
        bytes(status.memory),
    ))];
    for (name, seen) in live.welcome.lanes.iter().zip(&live.lanes) {
        let share = |activity: Activity| {
            100.0 * seen.iter().filter(|byte| **byte == activity as u8).count() as f64 / seen.len().max(1) as f64
        };
        let shares =
            Activity::ALL.iter().map(|activity| (activity, share(*activity))).filter(|(_, share)| *share >= 0.5);
        let text: Vec<_> =
            shares.map(|(activity, share)| format!("{} {share:.0} %", text::activity(*activity))).collect();
        lines.push(Line::from(format!("{name}: {}", text.join(" · "))));
    }
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Update;
    use cartwheel_envs::{OwnedAction, make};
    use cartwheel_trainer::run::MetricsRow;
    use cartwheel_trainer::watch::{EnvFrame, Lanes, Reply, Status, Welcome};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn picture(model: &Model) -> String {
        let mut terminal = Terminal::new(TestBackend::new(100, 30)).unwrap();
        terminal.draw(|frame| draw(frame, model, &Choice::default())).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn all_keys_are_told_at_any_width() {
        for width in [80, 120, 160, 200] {
            let lines: Vec<String> = keys(text::TUI_KEYS, width).iter().map(ToString::to_string).collect();
            assert!(lines.iter().all(|line| line.chars().count() <= usize::from(width)), "{lines:?}");
            assert_eq!(lines.join(text::TUI_BETWEEN), text::TUI_KEYS);
        }
        assert_eq!(keys(text::TUI_KEYS, 200).len(), 1);
    }

    /// In the words of the window.
    #[test]
    fn a_run_that_has_ended_says_what_it_came_to() {
        use cartwheel_trainer::run::{Manifest, Outcome};
        let mut model = Model::default();
        model.apply(Update::Opened("runs/cart".into()));
        let mut manifest = Manifest::start("CartPole-v1", "dqn", 1, "none");
        manifest.end(Outcome::Finished, Some(serde_json::to_value(crate::source::fixture::summary(true)).unwrap()));
        model.apply(Update::Manifest(0, Box::new(manifest)));
        let picture = picture(&model);
        assert!(picture.contains(&model.runs[0].headline().unwrap()), "{picture}");
    }

    /// Its keys are those that it has a use for, and its samples are gone through by them.
    #[test]
    fn a_model_that_is_fitted_to_data_has_keys_of_its_own() {
        use super::super::{Wish, fulfil};
        use cartwheel_trainer::supervised::{Answer, Given, Look, Sample, Samples};
        let mut model = Model::default();
        model.apply(Update::Opened("runs/texts".into()));
        model.apply(Update::Fit(0, Vec::new()));
        model.apply(Update::Alive(0, true));
        let sample = |i: usize| Sample { given: Given::Text(format!("number {i}")), expected: i.to_string() };
        let answers = (0..30).map(|i| vec![Answer { text: i.to_string(), score: None }]).collect();
        let samples = (0..30).map(sample).collect();
        let samples = Samples { part: "validation".into(), samples, looks: vec![Look { epoch: 1, answers }] };
        model.apply(Update::Samples(0, Box::new(samples)));
        let shown = |model: &Model, choice: &Choice| {
            let mut terminal = Terminal::new(TestBackend::new(100, 30)).unwrap();
            terminal.draw(|frame| draw(frame, model, choice)).unwrap();
            terminal.backend().to_string()
        };
        let mut choice = Choice::default();
        let before = shown(&model, &choice);
        for part in ["number 0 ", "sample 1 / 30", text::TUI_FIT_KEYS, &text::trains(0)] {
            assert!(before.contains(part), "{part} is not in\n{before}");
        }
        assert!(!before.contains(text::MACHINE_ROOM) && !before.contains("environment"), "{before}");
        let (orders, asked) = crossbeam::channel::unbounded();
        let mut press = |wish, choice: &mut Choice| fulfil(wish, &mut model, choice, &orders);
        (0..40).for_each(|_| press(Wish::NextEnv, &mut choice));
        assert_eq!(choice.sample, 29, "the last, and no further");
        press(Wish::PreviousEnv, &mut choice);
        press(Wish::PreviousOfAll, &mut choice);
        assert_eq!((choice.notice.clone(), asked.len()), (None, 0), "it has no episodes");
        let after = shown(&model, &choice);
        assert!(after.contains("number 28 ") && after.contains("sample 29 / 30"), "{after}");
        assert!(!after.contains("number 27 "), "{after}");
    }

    #[test]
    fn without_a_run_it_says_so() {
        assert!(picture(&Model::default()).contains(text::LOOKING_FOR_RUNS));
    }

    #[test]
    fn a_live_run_is_seen_with_its_environment_values_curves_and_threads() {
        let mut model = Model::default();
        model.apply(Update::Opened("runs/cart".into()));
        let row = |step| MetricsRow {
            step,
            metrics: [("rollout/ep_rew_mean".into(), step as f64), ("train/learning_rate".into(), 3e-4)].into(),
            ..MetricsRow::default()
        };
        model.apply(Update::Metrics(0, (1..50).map(|i| row(100 * i)).collect()));
        model.runs[0].first_episode = 7;
        assert!(self::picture(&model).contains("7 episodes"), "those that are not kept any more count");
        model.apply(Update::Attached(0));
        let welcome =
            Welcome { n_envs: 4, total_timesteps: 20_000, lanes: vec!["learner".into()], ..Welcome::default() };
        model.apply(Update::Reply(Reply::Welcome(welcome)));
        model.apply(Update::Reply(Reply::Status(Status { step: 5000, paused: true, ..Status::default() })));
        model.apply(Update::Reply(Reply::Lanes(Lanes { start: 0.0, interval: 0.005, seen: vec![vec![3, 3, 3, 0]] })));
        let mut env = make("CartPole-v1").unwrap();
        env.reset(Some(1)).unwrap();
        let scene = env.draw();
        let judgement = Judgement::QValues(vec![1.25, -0.5]);
        let action = Some(OwnedAction::Discrete(0));
        let frame = EnvFrame { scene, judgement, action, return_: 0.74, ..EnvFrame::default() };
        model.apply(Update::Reply(Reply::Frames(vec![frame])));
        let picture = picture(&model);
        for part in [
            "cart",
            "5\u{202f}000 / 20\u{202f}000",
            text::PAUSED,
            "0: 1.25",
            "1: -0.50",
            "learner: waiting 25 % · updating 75 %",
            "rollout/ep_rew_mean 4900",
            "train/learning_rate 3.0e-4",
            "return 0.740",
            "⣿",
        ] {
            assert!(picture.contains(part), "{part} is not in\n{picture}");
        }
    }
}
