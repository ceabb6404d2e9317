//! The same in a terminal, for where there is no display: throughput, curves, and an environment in braille.

mod braille;
mod screen;

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use cartwheel_trainer::watch::{self, Interest, Request};
use crossbeam::channel::{Receiver, Sender};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, poll, read};

use crate::model::{Model, Update};
use crate::source::Order;
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
#[derive(Clone, Debug, PartialEq)]
enum Wish {
    Quit,
    Pause,
    Step,
    Faster,
    Slower,
    NextEnv,
    PreviousEnv,
    NextRun,
    NextMetric,
    LastEpisode,
    Live,
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
                Some(wish) => fulfil(&wish, &mut model, &mut choice, orders),
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
        KeyCode::Char(' ') => Some(Wish::Pause),
        KeyCode::Right => Some(Wish::Step),
        KeyCode::Char('+' | '=') => Some(Wish::Faster),
        KeyCode::Char('-') => Some(Wish::Slower),
        KeyCode::Down | KeyCode::Char('n') => Some(Wish::NextEnv),
        KeyCode::Up | KeyCode::Char('p') => Some(Wish::PreviousEnv),
        KeyCode::Tab => Some(Wish::NextRun),
        KeyCode::Char('m') => Some(Wish::NextMetric),
        KeyCode::Char('e') => Some(Wish::LastEpisode),
        KeyCode::Char('l') => Some(Wish::Live),
        _ => None,
    }
}

fn fulfil(wish: &Wish, model: &mut Model, choice: &mut Choice, orders: &Sender<Order>) {
    let tell = |command| drop(orders.send(Order::Send(Request::Command { id: 0, command })));
    let status = model.live.as_ref().map(|live| &live.status);
    match wish {
        Wish::Quit => {}
        Wish::Pause if model.film.is_some() => model.playing = !model.playing,
        Wish::Pause if status.is_some_and(|status| status.paused) => tell(watch::Command::Resume),
        Wish::Pause => tell(watch::Command::Pause),
        Wish::Step if model.film.is_some() => model.seek(model.cursor + 1),
        Wish::Step => tell(watch::Command::Step(1)),
        Wish::Faster | Wish::Slower => {
            let factor = if *wish == Wish::Faster { 2.0 } else { 0.5 };
            if model.film.is_some() {
                model.playback_speed *= factor;
            } else if let Some(status) = status {
                // From as fast as it goes, down from what that is.
                let speed = status.speed.unwrap_or(status.measured_speed) * factor;
                let flat_out = status.speed.is_none() && factor > 1.0;
                tell(watch::Command::Speed(Some(speed).filter(|speed| *speed > 0.0 && !flat_out)));
            }
        }
        Wish::NextEnv | Wish::PreviousEnv => {
            let n = model.live.as_ref().map_or(1, |live| live.welcome.n_envs.max(1));
            choice.env = if *wish == Wish::NextEnv { choice.env + 1 } else { choice.env + n - 1 } % n;
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
        Wish::LastEpisode => {
            let Some(run) = model.runs.get(choice.run) else { return };
            if let Some(last) = run.episodes.len().checked_sub(1) {
                drop(orders.send(Order::Replay(choice.run, run.path.clone(), last)));
                model.cue(0);
                model.playing = true;
            }
        }
        Wish::Live => model.close_film(),
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
