//! The same in a terminal, for where there is no display: throughput, curves, and an environment in braille.

mod braille;
mod samples;
mod screen;

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use cartwheel_trainer::watch::{self, Interest, Request};
use crossbeam::channel::{Receiver, Sender};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, poll, read};

use crate::command::{Action, Command};
use crate::model::{Model, Update};
use crate::opening::Opening;
use crate::source::Order;
use crate::state::State;
use crate::window::ViewerError;
use crate::{text, transport};

/// Between two pictures.
const FRAME: Duration = Duration::from_millis(50);

/// What is chosen.
#[derive(Clone, Debug, Default, PartialEq)]
struct Choice {
    run: usize,
    env: u32,
    /// The first of the samples that are shown, of a model that is fitted to data.
    sample: usize,
    /// The first of the curves that are shown.
    metric: usize,
    /// What is said instead of the keys, until the next is pressed.
    notice: Option<String>,
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wish {
    Quit,
    /// What has a key in the window too.
    Do(Action),
    /// The episode before, of whichever environment.
    PreviousOfAll,
    NextEnv,
    PreviousEnv,
    NextRun,
    NextMetric,
}

/// Shows runs in this process's terminal until q is pressed, at first an episode of the first run if one is given, by its
/// place and step. A run that is watched goes on.
///
/// # Errors
/// If stdin or stdout is no terminal, or it fails.
pub(crate) fn run(
    updates: &[Receiver<Update>],
    orders: &Sender<Order>,
    episode: Option<(usize, u32)>,
) -> Result<(), ViewerError> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(ViewerError::Nothing(
            "--tui reads keys from a terminal and draws on it: run it in one, with neither stdin nor stdout redirected"
                .into(),
        ));
    }
    let mut terminal = ratatui::try_init()?;
    let result = show(&mut terminal, updates, orders, episode.map(Opening::new));
    ratatui::restore();
    result
}

fn show(
    terminal: &mut ratatui::DefaultTerminal,
    updates: &[Receiver<Update>],
    orders: &Sender<Order>,
    mut opening: Option<Opening>,
) -> Result<(), ViewerError> {
    let (mut model, mut choice) = (Model::default(), Choice::default());
    let mut last = Instant::now();
    loop {
        let deadline = Instant::now() + FRAME;
        let next = || updates.iter().find_map(|source| source.try_recv().ok());
        while Instant::now() < deadline
            && let Some(update) = next()
        {
            let first = matches!(update, Update::Opened(_)) && model.runs.is_empty();
            let attached = matches!(update, Update::Reply(watch::Reply::Welcome(_)));
            model.apply(update);
            if first {
                attach(&model, &choice, orders);
            }
            if attached {
                ask_for(&choice, orders);
            }
            if let Some((asked, run)) = opening.as_mut().zip(model.runs.first()) {
                let (commands, done) = asked.pursue(0, run);
                opening = opening.filter(|_| !done);
                commands.into_iter().for_each(|command| obey(command, &mut model, &mut choice, orders));
            }
        }
        model.pass(last.elapsed());
        last = Instant::now();
        terminal.draw(|frame| screen::draw(frame, &model, &choice))?;
        while poll(deadline.saturating_duration_since(Instant::now()))? {
            match read().map(|event| wish(&event))? {
                Some(Wish::Quit) => return Ok(()),
                Some(wish) => fulfil(wish, &mut model, &mut choice, orders),
                None => {}
            }
        }
    }
}

fn wish(event: &Event) -> Option<Wish> {
    let Event::Key(KeyEvent { code, modifiers, kind, .. }) = event else { return None };
    if *kind == KeyEventKind::Release {
        return None;
    }
    match code {
        // In raw mode Ctrl-C is a key like any other.
        KeyCode::Char('c') if modifiers.contains(KeyModifiers::CONTROL) => Some(Wish::Quit),
        KeyCode::Char('q') | KeyCode::Esc => Some(Wish::Quit),
        KeyCode::Char(' ') => Some(Wish::Do(Action::PlayPause)),
        KeyCode::Right => Some(Wish::Do(Action::StepForward)),
        KeyCode::Left => Some(Wish::Do(Action::StepBack)),
        KeyCode::Char('+' | '=') => Some(Wish::Do(Action::Faster)),
        KeyCode::Char('-') => Some(Wish::Do(Action::Slower)),
        KeyCode::Char('0') => Some(Wish::Do(Action::FlatOut)),
        KeyCode::Char('E') => Some(Wish::PreviousOfAll),
        KeyCode::Char('e') => Some(Wish::Do(Action::PreviousEpisode)),
        KeyCode::Char('l') => Some(Wish::Do(Action::GoLive)),
        KeyCode::Down | KeyCode::Char('n') => Some(Wish::NextEnv),
        KeyCode::Up | KeyCode::Char('p') => Some(Wish::PreviousEnv),
        KeyCode::Tab => Some(Wish::NextRun),
        KeyCode::Char('m') => Some(Wish::NextMetric),
        _ => None,
    }
}

fn fulfil(wish: Wish, model: &mut Model, choice: &mut Choice, orders: &Sender<Order>) {
    choice.notice = None;
    let run = model.runs.get(choice.run);
    if run.is_some_and(|run| run.fit) {
        let samples = run.and_then(|run| run.samples.as_ref()).map_or(0, |samples| samples.samples.len());
        match wish {
            Wish::NextEnv => choice.sample = (choice.sample + 1).min(samples.saturating_sub(1)),
            Wish::PreviousEnv => choice.sample = choice.sample.saturating_sub(1),
            _ => {}
        }
        // It has neither environments nor episodes.
        if matches!(
            wish,
            Wish::NextEnv
                | Wish::PreviousEnv
                | Wish::PreviousOfAll
                | Wish::Do(Action::PreviousEpisode | Action::GoLive)
        ) {
            return;
        }
    }
    let state = State { run: Some(choice.run), env: Some(choice.env), ..State::default() };
    match wish {
        Wish::Quit => {}
        Wish::Do(Action::PreviousEpisode) => match transport::neighbor(model, &state, false, false) {
            Some(command) => obey(command, model, choice, orders),
            None => {
                let env = model.film.as_ref().map_or(choice.env, |film| film.entry.env);
                choice.notice = Some(text::none_earlier_of(env));
            }
        },
        Wish::PreviousOfAll => match transport::neighbor(model, &state, false, true) {
            Some(command) => obey(command, model, choice, orders),
            None => choice.notice = Some(text::NONE_EARLIER.to_owned()),
        },
        Wish::Do(action) => {
            for command in transport::act(model, &state, action) {
                obey(command, model, choice, orders);
            }
        }
        Wish::NextEnv | Wish::PreviousEnv => {
            let settings = model.runs.get(choice.run).and_then(|run| run.settings.as_ref());
            let n = match &model.live {
                Some(live) => live.welcome.n_envs,
                None => settings.map_or(1, |settings| settings.env.n_envs as u32),
            };
            let n = n.max(1);
            choice.env = if wish == Wish::NextEnv { choice.env + 1 } else { choice.env + n - 1 } % n;
            ask_for(choice, orders);
        }
        Wish::NextRun if !model.runs.is_empty() => {
            choice.run = (choice.run + 1) % model.runs.len();
            (choice.env, choice.sample) = (0, 0);
            model.close_film();
            attach(model, choice, orders);
        }
        Wish::NextRun => {}
        Wish::NextMetric => choice.metric += 1,
    }
}

fn obey(command: Command, model: &mut Model, choice: &mut Choice, orders: &Sender<Order>) {
    match command {
        Command::Run(command) => drop(orders.send(Order::Send(Request::Command { id: 0, command }))),
        Command::OpenEpisode(run, number, step) => {
            let Some(opened) = model.runs.get(run) else { return };
            drop(orders.send(Order::Replay(run, opened.path.clone(), number)));
            model.cue(step);
            // A step that was named is looked at.
            model.playing = step == 0;
        }
        Command::Notice(notice) => choice.notice = Some(notice),
        _ => {}
    }
}

fn attach(model: &Model, choice: &Choice, orders: &Sender<Order>) {
    if let Some(run) = model.runs.get(choice.run) {
        drop(orders.send(Order::Attach(choice.run, run.path.clone())));
    }
}

/// One environment, at the rate of the pictures.
fn ask_for(choice: &Choice, orders: &Sender<Order>) {
    let envs = choice.env..choice.env + 1;
    let interest = Interest { envs, hz: 1.0 / FRAME.as_secs_f32(), inspected: Some(choice.env), lanes: true };
    drop(orders.send(Order::Send(Request::Watch(interest))));
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test should panic")]
mod tests {
    use super::*;
    use cartwheel_trainer::run::EpisodeEntry;
    use crossbeam::channel::unbounded;

    #[test]
    fn e_goes_back_through_the_environment_that_is_shown_and_says_where_that_ends() {
        let mut model = Model::default();
        model.apply(Update::Opened("runs/a".into()));
        let entry = |i: u32| EpisodeEntry { offset: 0, env: i % 2, length: 9, return_: 9.0, start_step: 0 };
        model.apply(Update::Episodes(0, (1..4).map(entry).collect()));
        let (orders, asked) = unbounded();
        let mut choice = Choice { env: 1, ..Choice::default() };
        let key = |code: char, modifiers| wish(&Event::Key(KeyEvent::new(KeyCode::Char(code), modifiers))).unwrap();
        let opened = || match asked.try_recv() {
            Ok(Order::Replay(0, _, number)) => Some(number),
            _ => None,
        };
        fulfil(key('e', KeyModifiers::NONE), &mut model, &mut choice, &orders);
        assert_eq!(opened(), Some(2), "of environment 1, and not the newest of all");
        fulfil(key('E', KeyModifiers::SHIFT), &mut model, &mut choice, &orders);
        assert_eq!(opened(), Some(2), "which is the newest of all here");
        choice.env = 5;
        fulfil(key('e', KeyModifiers::NONE), &mut model, &mut choice, &orders);
        assert_eq!((opened(), choice.notice.as_deref()), (None, Some(&*text::none_earlier_of(5))));
        fulfil(key('E', KeyModifiers::SHIFT), &mut model, &mut choice, &orders);
        assert_eq!((opened(), choice.notice), (Some(2), None));
    }
}
