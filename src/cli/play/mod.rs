//! `cartwheel play`

mod picture;
mod screen;
mod terminal;

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use crate::envs::{EnvError, Game, Key, Pace, Phase, PlayedEpisode};
use crate::viewer::{self, PlayOptions, check_display};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use serde_json::json;

use super::Result;
use super::env_args::EnvArgs;
use super::film::{self, Film};
use super::output::{Failure, Output};
use super::signals::Signals;
use terminal::Terminal;

/// How long it sleeps where nothing is due: signals are seen after no longer than this.
const NAP: Duration = Duration::from_millis(50);
/// Width of a recording in pixels: what `record` makes unless told otherwise.
const FILM_WIDTH: u32 = 480;

#[derive(clap::Args)]
#[command(after_help = "The keys are shown below the picture, and by `cartwheel env info`. Besides: space or p for a \
    pause, r for another episode, q or Esc to quit, unless they are actions; in the window Esc opens the menu.")]
pub(crate) struct Args {
    /// The environment's id (`cartwheel env list`).
    env: String,
    #[command(flatten)]
    env_args: EnvArgs,
    /// Steps a second, for environments that go by the clock.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    fps: Option<u32>,
    /// Episode i is reset with seed + i; from the clock, if not given.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// A film of what was played: a .gif or an .mp4 file.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// A run whose policy plays the same beside you, in a window.
    #[arg(long, value_name = "RUN", conflicts_with = "tui")]
    against: Option<PathBuf>,
    /// In this terminal instead of a window.
    #[arg(long)]
    tui: bool,
}

pub(crate) fn run(args: &Args, output: Output) -> Result {
    // Reproducible, and short enough to be typed again.
    let clock = || SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| u64::from(time.subsec_micros()));
    let seed = args.seed.unwrap_or_else(clock);
    match check_display() {
        Ok(()) if !args.tui => in_window(args, seed, output),
        Err(none) if args.against.is_some() => Err(none.into()),
        _ => in_terminal(args, seed, output),
    }
}

/// Plays in a window.
fn in_window(args: &Args, seed: u64, output: Output) -> Result {
    let env = args.env_args.builder(&args.env)?;
    let (against, record) = (args.against.clone(), args.record.clone());
    let played = viewer::play(&PlayOptions { env, fps: args.fps, seed, against, record })?;
    let recorded = played.recorded.as_ref().map(|recorded| recorded.path.clone());
    report(&args.env, seed, &played.episodes, &played.against, recorded, output);
    Ok(ExitCode::SUCCESS)
}

/// Plays in the terminal.
fn in_terminal(args: &Args, seed: u64, output: Output) -> Result {
    let env = args.env_args.builder(&args.env)?.drawable().make().map_err(Failure::usage)?;
    let id = env.spec().id.clone();
    let mut bindings = env.key_bindings();
    if bindings.keys.is_empty() {
        return Err(Failure::usage(format!(
            "{id} has no keys to play it with: environments of Rust get them from `key_bindings`, those of C from `keys`, and those of Python have none"
        )));
    }
    let film_fps = match (&mut bindings.pace, args.fps) {
        (Pace::RealTime { fps, .. }, wanted) => {
            *fps = wanted.unwrap_or(*fps);
            (*fps).min(film::MOST_FPS)
        }
        (Pace::TurnBased, None) => film::TURN_BASED_FPS,
        (Pace::TurnBased, Some(_)) => {
            return Err(Failure::usage(format!("{id} is stepped with each key, not by the clock: leave out --fps")));
        }
    };
    let mut game = Game::new(env, bindings, seed).map_err(Failure::failed)?;
    if let Some(out) = &args.record {
        film::check("--record", out, game.env())?;
    }
    // Pictures go to stderr: stdout is for the result.
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::usage(
            "play reads keys from a terminal and draws on it: run it in one, with neither stdin nor stderr redirected",
        ));
    }
    let signals = Signals::watch().map_err(Failure::failed)?;
    let ending = match &args.record {
        None => play(&mut game, None, &signals).map_err(|error| Failure::failed(format!("{id}: {error}")))?,
        Some(out) => film::write(out, FILM_WIDTH, film_fps, |film| play(&mut game, Some(film), &signals))?,
    };
    report(&id, seed, game.episodes(), &[], args.record.clone(), output);
    Ok(ending)
}

/// Plays until it is enough.
fn play(game: &mut Game, mut film: Option<&mut Film>, signals: &Signals) -> std::result::Result<ExitCode, EnvError> {
    let mut terminal = Terminal::open().map_err(EnvError::failed)?;
    let start = Instant::now();
    let mut shoot = |game: &Game| film.iter_mut().for_each(|film| film.add(game.env()));
    shoot(game);
    loop {
        terminal.show(&screen::lines(game, terminal.size(), terminal.colors())).map_err(EnvError::failed)?;
        let mut idle = true;
        while idle {
            if let Some(code) = signals.exit_code() {
                return Ok(ExitCode::from(code));
            }
            let wait = game.time_left(start.elapsed()).unwrap_or(NAP).min(NAP);
            if let Some(event) = terminal.event(wait).map_err(EnvError::failed)? {
                idle = false;
                match meaning(&event, game, start.elapsed()) {
                    Some(Command::Quit(code)) => return Ok(code),
                    Some(Command::Restart) => {
                        game.restart()?;
                        shoot(game);
                    }
                    Some(Command::Pause) => game.toggle_pause(start.elapsed()),
                    None => {}
                }
            }
            if game.advance(start.elapsed())?.is_some() {
                shoot(game);
                idle = false;
            }
        }
    }
}

/// What keys can ask for beside actions.
enum Command {
    Quit(ExitCode),
    Restart,
    Pause,
}

/// Hands the game its keys, and answers what is asked for with another.
fn meaning(event: &Event, game: &mut Game, now: Duration) -> Option<Command> {
    let Event::Key(KeyEvent { code, modifiers, kind, .. }) = event else { return None };
    let key = match code {
        KeyCode::Left => Some(Key::Left),
        KeyCode::Right => Some(Key::Right),
        KeyCode::Up => Some(Key::Up),
        KeyCode::Down => Some(Key::Down),
        KeyCode::Char(letter) => Some(Key::Char(letter.to_ascii_lowercase())),
        _ => None,
    };
    if *kind == KeyEventKind::Release {
        key.into_iter().for_each(|key| game.release(key));
        return None;
    }
    if modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
        // In raw mode Ctrl-C is a key like any other.
        let interrupted = key == Some(Key::Char('c')) && modifiers.contains(KeyModifiers::CONTROL);
        return interrupted.then_some(Command::Quit(ExitCode::from(130)));
    }
    if key.is_some_and(|key| game.press(key, now)) {
        return None;
    }
    let over = matches!(game.phase(), Phase::Over(_));
    match code {
        // Held keys are repeated, and one that was held to the end must not begin the next episode.
        _ if *kind == KeyEventKind::Repeat => None,
        KeyCode::Esc | KeyCode::Char('q') => Some(Command::Quit(ExitCode::SUCCESS)),
        KeyCode::Char('r') => Some(Command::Restart),
        KeyCode::Enter if over => Some(Command::Restart),
        KeyCode::Char(' ' | 'p') if game.bindings().pace != Pace::TurnBased => Some(Command::Pause),
        _ => None,
    }
}

/// Prints the returns.
fn report(
    id: &str,
    seed: u64,
    episodes: &[PlayedEpisode],
    against: &[PlayedEpisode],
    record: Option<PathBuf>,
    output: Output,
) {
    let returns_of = |episodes: &[PlayedEpisode]| episodes.iter().map(|e| e.episode_return).collect::<Vec<_>>();
    let (returns, rivals) = (returns_of(episodes), returns_of(against));
    let lengths: Vec<_> = episodes.iter().map(|episode| episode.length).collect();
    let value =
        json!({"env": id, "seed": seed, "returns": returns, "lengths": lengths, "against": rivals, "record": record});
    output.print(&value, || {
        let list = |returns: &[f64]| returns.iter().map(|r| format!("{r:.1}")).collect::<Vec<_>>().join(", ");
        let mean = returns.iter().sum::<f64>() / returns.len() as f64;
        let played = match returns.len() {
            0 => "no episode was played to its end".to_owned(),
            1 => format!("return {}", list(&returns)),
            n => format!("{n} episodes, mean return {mean:.1}: {}", list(&returns)),
        };
        let policy = if rivals.is_empty() { String::new() } else { format!("; the policy: {}", list(&rivals)) };
        let film = record.as_ref().map_or(String::new(), |out| format!(", in {}", out.display()));
        format!("{id}: {played}{policy} (seed {seed}){film}")
    });
}
