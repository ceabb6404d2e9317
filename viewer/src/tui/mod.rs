//! The same in a terminal, for where there is no display: throughput, curves, and an environment in braille.

mod braille;
mod samples;
mod screen;

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use cartwheel_trainer::watch::{self, Interest, Request};
use crossbeam::channel::{Receiver, Sender};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, poll, read};

use crate::asked_speed::AskedSpeed;
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
    /// What a live run is told of its speed whenever it is attached to.
    speed: AskedSpeed,
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
/// place and step. The first live run is slowed down to `speed` vector steps a second, and goes on when this ends.
///
/// # Errors
/// If stdin or stdout is no terminal, or it fails.
pub(crate) fn run(
    updates: &[Receiver<Update>],
    orders: &Sender<Order>,
    model: Model,
    episode: Option<(usize, u32)>,
    speed: Option<f32>,
) -> Result<(), ViewerError> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(ViewerError::Nothing(
            "--tui reads keys from a terminal and draws on it: run it in one, with neither stdin nor stdout redirected"
                .into(),
        ));
    }
    let mut terminal = ratatui::try_init()?;
    let choice = Choice { speed: AskedSpeed::of_first(speed), ..Choice::default() };
    let mut show = Show { model, choice, opening: episode.map(Opening::new) };
    let result = show.run(&mut terminal, updates, orders);
    ratatui::restore();
    result
}

/// What is shown, and what is still to be done about it.
struct Show {
    model: Model,
    choice: Choice,
    /// An episode of the first run, to be opened once it is known.
    opening: Option<Opening>,
}

impl Show {
    fn run(
        &mut self,
        terminal: &mut ratatui::DefaultTerminal,
        updates: &[Receiver<Update>],
        orders: &Sender<Order>,
    ) -> Result<(), ViewerError> {
        let mut last = Instant::now();
        loop {
            let deadline = Instant::now() + FRAME;
            let next = || updates.iter().find_map(|source| source.try_recv().ok());
            while Instant::now() < deadline
                && let Some(update) = next()
            {
                self.take_in(update, orders);
            }
            self.model.pass(last.elapsed());
            last = Instant::now();
            terminal.draw(|frame| screen::draw(frame, &self.model, &self.choice))?;
            while poll(deadline.saturating_duration_since(Instant::now()))? {
                match read().map(|event| wish(&event))? {
                    Some(Wish::Quit) => return Ok(()),
                    Some(wish) => fulfil(wish, &mut self.model, &mut self.choice, orders),
                    None => {}
                }
            }
        }
    }

    fn take_in(&mut self, update: Update, orders: &Sender<Order>) {
        let Self { model, choice, opening } = self;
        let first = matches!(update, Update::Opened(_)) && model.runs.is_empty();
        let attached = matches!(update, Update::Reply(watch::Reply::Welcome(_)));
        if let Some(told) = update.told() {
            choice.notice = Some(told.to_owned());
        }
        model.apply(update);
        if first {
            attach(model, choice, orders);
        }
        if attached {
            // Before anything is asked for: a run that waits for its viewer goes on when it is.
            let speed = model.live.as_ref().and_then(|live| choice.speed.of(live.run));
            if speed.is_some() {
                obey(Command::Run(watch::Command::Speed(speed)), model, choice, orders);
            }
            ask_for(choice, orders);
        }
        if let Some((asked, run)) = opening.as_mut().zip(model.runs.first()) {
            let (commands, done) = asked.pursue(0, run);
            opening.take_if(|_| done);
            commands.into_iter().for_each(|command| obey(command, model, choice, orders));
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
        Command::Run(command) => {
            if let (watch::Command::Speed(limit), Some(live)) = (&command, &model.live) {
                choice.speed.ask(live.run, *limit);
            }
            drop(orders.send(Order::Send(Request::Command { id: 0, command })));
        }
        Command::OpenEpisode(run, number, step) => {
            let Some(opened) = model.runs.get(run) else { return };
            drop(orders.send(Order::Replay(run, opened.path.clone(), number)));
            model.await_film(run, number, step);
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

    #[test]
    fn a_run_is_slowed_down_at_every_welcome_and_what_it_says_is_told() {
        let (orders, asked) = unbounded();
        let choice = Choice { speed: AskedSpeed::of_first(Some(7.0)), ..Choice::default() };
        let mut show = Show { model: Model::default(), choice, opening: None };
        let tell = |show: &mut Show, update| {
            show.take_in(update, &orders);
            show.choice.notice.clone()
        };
        tell(&mut show, Update::Opened("runs/a".into()));
        tell(&mut show, Update::Attached(0));
        let limit = |limit| Order::Send(Request::Command { id: 0, command: watch::Command::Speed(limit) });
        for _ in 0..2 {
            let told = tell(&mut show, Update::Reply(watch::Reply::Welcome(watch::Welcome::default())));
            let sent: Vec<_> = asked.try_iter().filter(|order| matches!(order, Order::Send(_))).collect();
            assert_eq!(sent.first(), Some(&limit(Some(7.0))), "also when the connection was lost between");
            assert!(matches!(sent.last(), Some(Order::Send(Request::Watch(_)))) && told.is_none(), "{sent:?}");
        }
        let lift = Command::Run(watch::Command::Speed(None));
        obey(lift, &mut show.model, &mut show.choice, &orders);
        tell(&mut show, Update::Reply(watch::Reply::Welcome(watch::Welcome::default())));
        let sent: Vec<_> = asked.try_iter().collect();
        assert!(matches!(&sent[..], [lifted, Order::Send(Request::Watch(_))] if *lifted == limit(None)), "{sent:?}");
        let problem = Some("too slow".to_owned());
        assert_eq!(
            tell(&mut show, Update::Reply(watch::Reply::Done { id: 0, step: 1, problem: problem.clone() })),
            problem
        );
        assert_eq!(tell(&mut show, Update::Reply(watch::Reply::Done { id: 0, step: 1, problem: None })), problem);
        assert_eq!(tell(&mut show, Update::Detached(String::new())), problem, "no reason is no news");
        assert_eq!(tell(&mut show, Update::Detached("it is full".into())).as_deref(), Some("it is full"));
    }
}
