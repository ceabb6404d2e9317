//! What is on the screen: the picture, and below it how the game stands and the keys.

use crate::envs::{Environment, Game, Key, Leaf, Pace, Phase};

use super::picture;
use super::terminal::{Colors, Size};

/// The least terminal to play in.
const LEAST: Size = Size { columns: 30, rows: 10 };

/// The lines to be shown in a terminal of `size`.
pub(super) fn lines(game: &Game, size: Size, colors: Colors) -> Vec<String> {
    if size.columns < LEAST.columns || size.rows < LEAST.rows {
        let advice = format!(
            "This window has {} by {} characters; make it {} by {}.",
            size.columns, size.rows, LEAST.columns, LEAST.rows
        );
        return wrap(advice.split(' '), " ", size);
    }
    let mut below = vec![clip(&standing(game), size.columns), clip(&request(game), size.columns)];
    let keys = keys(game);
    below.extend(wrap(keys.iter().map(String::as_str), "  ", size));
    // Long lists of keys leave at least half of the window to the picture.
    below.truncate(size.rows / 2);
    let size = Size { rows: size.rows - below.len(), ..size };
    let scene = game.env().draw();
    let picture =
        if scene.shapes.is_empty() { Ok(observation(game.env(), size)) } else { picture::lines(&scene, size, colors) };
    let mut lines = picture.unwrap_or_else(|error| vec![clip(&error.to_string(), size.columns)]);
    lines.resize(size.rows, String::new());
    lines.extend(below);
    lines
}

/// Which episode it is, and how it goes.
fn standing(game: &Game) -> String {
    let current = game.current();
    let over = matches!(game.phase(), Phase::Over(_));
    let episode = game.episodes().len() + usize::from(!over);
    let mut text = format!(
        "{} · episode {episode} · step {} · return {:.1}",
        game.env().spec().id,
        current.length,
        current.episode_return
    );
    if let Some(action) = game.last_action() {
        text += " · ";
        text += game.bindings().meaning(action).unwrap_or("idle");
    }
    text
}

/// What the game waits for, if it does.
fn request(game: &Game) -> String {
    match game.phase() {
        Phase::Over(step) => {
            let how = if step.terminated { "The episode has ended" } else { "The time is up" };
            format!("{how}: return {:.1}. Enter plays again, q quits.", game.current().episode_return)
        }
        Phase::Waiting if game.bindings().pace == Pace::TurnBased => String::new(),
        Phase::Waiting if game.current().length == 0 => "Press a key to begin.".to_owned(),
        Phase::Waiting => "Paused: press a key to go on.".to_owned(),
        Phase::Running => String::new(),
    }
}

/// Each key and what it does.
fn keys(game: &Game) -> Vec<String> {
    let bindings = game.bindings();
    let mut keys: Vec<_> = bindings.keys.iter().map(|(key, _, meaning)| format!("{key} {meaning}")).collect();
    let is_free = |letter| bindings.action(Key::Char(letter)).is_none();
    let mut add = |letter, what: &str| keys.push(format!("{} {what}", Key::Char(letter)));
    if bindings.pace != Pace::TurnBased {
        [' ', 'p'].into_iter().find(|letter| is_free(*letter)).into_iter().for_each(|letter| add(letter, "pause"));
    }
    if is_free('r') {
        add('r', "reset");
    }
    keys.push(if is_free('q') { "q quit" } else { "esc quit" }.to_owned());
    keys
}

/// The observation in numbers, for an environment that draws nothing.
fn observation(env: &Environment, size: Size) -> Vec<String> {
    let row = env.observation();
    let part = |leaf: Leaf<'_>| {
        let numbers: Vec<_> = leaf.range.map(|i| (row.number(i) as f32).to_string()).collect();
        let name = if leaf.name.is_empty() { "observation" } else { &leaf.name };
        let words = std::iter::once(name).chain(numbers.iter().map(String::as_str));
        wrap(words, " ", size)
    };
    let mut lines: Vec<_> = env.observation_space().leaves().into_iter().flat_map(part).collect();
    lines.truncate(size.rows);
    lines
}

/// The text, as far as it fits into a line.
fn clip(text: &str, columns: usize) -> String {
    text.chars().take(columns).collect()
}

/// Words in as few lines as hold them, and no more lines than there are rows.
fn wrap<'w>(words: impl Iterator<Item = &'w str>, between: &str, size: Size) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if (line.chars().count() + between.len() + word.chars().count()) <= size.columns => {
                line.push_str(between);
                line.push_str(word);
            }
            _ => lines.push(clip(word, size.columns)),
        }
    }
    lines.truncate(size.rows);
    lines
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::envs::{list, make};

    use super::*;

    fn game(id: &str) -> Option<Game> {
        let env = make(id).unwrap();
        let bindings = env.key_bindings();
        (!bindings.keys.is_empty()).then(|| Game::new(env, bindings, 0).unwrap())
    }

    /// The line without its escape codes.
    fn plain(line: &str) -> String {
        let mut parts = line.split('\x1b');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
    }

    #[test]
    fn every_environment_fits_into_every_window() {
        let sizes = [(80, 24), (30, 10), (200, 60), (29, 10), (80, 9), (1, 1), (3, 40)];
        for spec in list() {
            let Some(game) = game(&spec.id) else { continue };
            for (columns, rows) in sizes {
                let lines = lines(&game, Size { columns, rows }, Colors::True);
                assert!(lines.len() <= rows, "{} in {columns} by {rows}: {} lines", spec.id, lines.len());
                for line in lines.iter().map(|line| plain(line)) {
                    assert!(line.chars().count() <= columns, "{} in {columns} by {rows}: {line:?}", spec.id);
                }
            }
        }
    }

    #[test]
    fn a_window_that_is_too_small_is_told_what_to_be() {
        let lines = lines(&game("Taxi-v4").unwrap(), Size { columns: 29, rows: 24 }, Colors::True);
        assert_eq!(lines, ["This window has 29 by 24", "characters; make it 30 by 10."]);
    }

    #[test]
    fn the_lines_below_say_how_it_stands() {
        let mut game = game("CliffWalking-v1").unwrap();
        game.press(Key::Up, Duration::ZERO);
        game.advance(Duration::ZERO).unwrap();
        let lines = lines(&game, Size { columns: 80, rows: 24 }, Colors::Indexed);
        assert_eq!(lines.len(), 24);
        assert_eq!(lines[21], "CliffWalking-v1 · episode 1 · step 1 · return -1.0 · up");
        assert_eq!(lines[23], "← left  ↓ down  → right  ↑ up  r reset  q quit");
    }

    #[test]
    fn what_is_not_drawn_is_told_in_numbers() {
        let lines = lines(&game("Bandit-v0").unwrap(), Size { columns: 80, rows: 24 }, Colors::True);
        assert_eq!(lines[0], "observation 1");
    }
}
