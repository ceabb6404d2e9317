//! The same in a terminal, for where there is no display: throughput, curves, and an environment in braille.

mod braille;
mod screen;

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use cartwheel_trainer::watch::{self, Interest, Request};
use crossbeam::channel::{Receiver, Sender};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, poll, read};

use crate::command::{Action, Command};
use crate::model::{Model, Update};
use crate::source::Order;
use crate::state::State;
use crate::transport;
use crate::window::ViewerError;

/// Between two pictures.
const FRAME: Duration = Duration::from_millis(50);

/// What is chosen.
#[derive(Clone, Debug, Default, PartialEq)]
struct Choice {
    run: usize,
    env: u32,
    /// The first of the curves that are shown.
    metric: usize,
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wish {
    Quit,
    /// What has a key in the window too.
    Do(Action),
    NextEnv,
    PreviousEnv,
    NextRun,
    NextMetric,
}

/// Shows runs in this process's terminal until q is pressed. A run that is watched goes on.
///
/// # Errors
/// If stdin or stdout is no terminal, or it fails.
pub(crate) fn run(updates: &[Receiver<Update>], orders: &Sender<Order>) -> Result<(), ViewerError> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(ViewerError::Nothing(
            "--tui reads keys from a terminal and draws on it: run it in one, with neither stdin nor stdout redirected"
                .into(),
        ));
    }
    let mut terminal = ratatui::try_init()?;
    let result = show(&mut terminal, updates, orders);
    ratatui::restore();
    result
}

fn show(
    terminal: &mut ratatui::DefaultTerminal,
    updates: &[Receiver<Update>],
    orders: &Sender<Order>,
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
    match wish {
        Wish::Quit => {}
        Wish::Do(action) => {
            let state = State { run: Some(choice.run), env: Some(choice.env), ..State::default() };
            for command in transport::act(model, &state, action) {
                match command {
                    Command::Run(command) => drop(orders.send(Order::Send(Request::Command { id: 0, command }))),
                    Command::OpenEpisode(run, number, step) => {
                        let Some(opened) = model.runs.get(run) else { continue };
                        drop(orders.send(Order::Replay(run, opened.path.clone(), number)));
                        model.cue(step);
                        model.playing = true;
                    }
                    _ => {}
                }
            }
        }
        Wish::NextEnv | Wish::PreviousEnv => {
            let n = model.live.as_ref().map_or(1, |live| live.welcome.n_envs.max(1));
            choice.env = if wish == Wish::NextEnv { choice.env + 1 } else { choice.env + n - 1 } % n;
            ask_for(choice, orders);
        }
        Wish::NextRun if !model.runs.is_empty() => {
            choice.run = (choice.run + 1) % model.runs.len();
            choice.env = 0;
            model.close_film();
            attach(model, choice, orders);
        }
        Wish::NextRun => {}
        Wish::NextMetric => choice.metric += 1,
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
