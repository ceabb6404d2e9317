//! `cartwheel play`, under a pseudo terminal whose keys are pressed and whose screen is read.

use std::fs;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

use cartwheel::envs::make;
use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};
use serde_json::json;

use crate::c_environments::squared;
use crate::support::{Folder, Output, Running};

const LEFT: &str = "\x1b[D";
const RIGHT: &str = "\x1b[C";
const UP: &str = "\x1b[A";
const DOWN: &str = "\x1b[B";

/// A game with its hands on a terminal of 80 by 24.
struct Player {
    game: Running,
    keyboard: File,
    /// The terminal itself, kept open so that what is left of it can be looked at.
    terminal: File,
    before: Termios,
    /// Everything the game has written.
    screen: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Player {
    fn new(folder: &Folder, line: &str) -> Self {
        Self::at(folder, line, "truecolor", [80, 24])
    }

    fn at(folder: &Folder, line: &str, colors: &str, [columns, rows]: [u16; 2]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let terminal = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, rustix::fs::Mode::empty()).unwrap();
        tcsetwinsize(&terminal, Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let terminal = File::from(terminal);
        let before = tcgetattr(&terminal).unwrap();

        let mut command = Command::new(env!("CARGO_BIN_EXE_cartwheel"));
        command.args(line.split_whitespace()).env("COLORTERM", colors);
        let (stdin, stderr) = (terminal.try_clone().unwrap(), terminal.try_clone().unwrap());
        let game = folder.start_on(&mut command, line, stdin, stderr);

        let keyboard = File::from(master);
        let screen = Arc::new(Mutex::new(Vec::new()));
        let (mut from, to) = (keyboard.try_clone().unwrap(), screen.clone());
        // Ends with an error when nobody holds the terminal any more.
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n @ 1..) = from.read(&mut bytes) {
                to.lock().unwrap().extend_from_slice(&bytes[..n]);
            }
        });
        let mut player = Self { game, keyboard, terminal, before, screen, reader };
        // A key that comes before the terminal is the game's may be lost, as with any program.
        player.sees("q quit");
        player
    }

    fn written(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap()).into_owned()
    }

    /// Presses a key, and waits until `shown` is on the screen that was not there before.
    #[track_caller]
    fn press(&mut self, key: &str, shown: &str) {
        let before = self.screen.lock().unwrap().len();
        self.keyboard.write_all(key.as_bytes()).unwrap();
        self.await_after(before, shown);
    }

    #[track_caller]
    fn sees(&mut self, shown: &str) {
        self.await_after(0, shown);
    }

    #[track_caller]
    fn await_after(&mut self, before: usize, shown: &str) {
        let screen = self.screen.clone();
        let seen = self.game.until(|| String::from_utf8_lossy(&screen.lock().unwrap()[before..]).contains(shown));
        assert!(seen, "it ended before it showed {shown:?}:\n{:?}", self.written());
    }

    /// Presses the last key of a game.
    #[track_caller]
    fn leave(mut self, key: &str) -> (Output, String) {
        self.keyboard.write_all(key.as_bytes()).unwrap();
        self.end()
    }

    /// Waits for the end, and fails unless the terminal is as it was.
    #[track_caller]
    fn end(self) -> (Output, String) {
        let output = self.game.wait();
        let after = tcgetattr(&self.terminal).unwrap();
        let modes = |t: &Termios| (t.input_modes, t.output_modes, t.control_modes, t.local_modes);
        assert!(modes(&after) == modes(&self.before), "the terminal is left in another mode: {after:?}");
        drop(self.terminal);
        drop(self.keyboard);
        self.reader.join().unwrap();
        let written = String::from_utf8_lossy(&self.screen.lock().unwrap()).into_owned();
        for (taken, back) in [("\x1b[?1049h", "\x1b[?1049l"), ("\x1b[?25l", "\x1b[?25h"), ("\x1b[>", "\x1b[<1u")] {
            assert!(written.contains(taken), "{taken:?} is not in {written:?}");
            assert!(written.rfind(back) > written.rfind(taken), "{taken:?} is not taken back: {written:?}");
        }
        (output, written)
    }
}

#[test]
fn a_game_of_turns_is_played_to_its_end_and_again() {
    let folder = Folder::new();
    let mut player = Player::new(&folder, "play CliffWalking-v1 --seed 5 --record a.gif --json");
    player.sees("↑ up  r reset  q quit");
    player.press(UP, "step 1 · return -1.0 · up");
    player.press(RIGHT, "step 2 · return -2.0 · right");
    for step in 3..=12 {
        player.press(RIGHT, &format!("step {step} · return -{step}.0 · right"));
    }
    player.press(DOWN, "The episode has ended: return -13.0. Enter plays again, q quits.");
    // Keys that were meant for the last episode begin no other.
    player.press(&format!("{LEFT} {UP}\r"), "episode 2 · step 0");
    player.press(RIGHT, "step 1 · return -100.0");
    player.press("r", "episode 2 · step 0 · return 0.0");
    let (output, written) = player.leave("q");
    assert_eq!(output.code, 0);
    let told = json!({"env": "CliffWalking-v1", "seed": 5, "returns": [-13.0], "lengths": [13], "against": [], "record": "a.gif"});
    assert_eq!(output.json, told);
    assert!(written.contains('▀') && written.contains("\x1b[38;2;"), "there is no picture");

    let gif = fs::read(folder.path("a.gif")).unwrap();
    let frames = gif.windows(4).filter(|bytes| *bytes == [0x21, 0xf9, 4, 4]).count();
    assert_eq!(frames, 3 + 13 + 1, "three resets and all steps");
}

#[test]
fn an_environment_in_c_is_played() {
    let folder = Folder::new();
    squared(&folder);
    let mut player = Player::new(&folder, "play c:./libsquared.so --seed 5");
    player.press(UP, "step 1 · return 0.0 · up");
    player.press(LEFT, "The episode has ended: return 1.0.");
    let (output, written) = player.leave("q");
    assert!(output.stdout.contains("c:./libsquared.so: return 1.0"), "{}", output.stdout);
    assert!(written.contains('▀') && written.contains("\x1b[38;2;"), "there is no picture");
}

#[test]
fn a_game_of_time_waits_for_a_key_and_can_be_paused() {
    let folder = Folder::new();
    let mut player = Player::new(&folder, "play MountainCar-v0 --seed 0 --fps 20");
    player.sees("step 0 · return 0.0");
    player.sees("Press a key to begin.");
    player.press(RIGHT, "step 2 · return -2.0 · right");
    player.press(" ", "Paused: press a key to go on.");
    let before = player.written();
    sleep(Duration::from_millis(200));
    assert_eq!(player.written(), before, "time went on in the pause");
    player.press("p", "coast");
    assert!(player.leave("\x1b").0.stdout.contains("no episode was played to its end"));
}

#[test]
fn the_last_push_of_a_cart_goes_on() {
    let folder = Folder::new();
    let mut player = Player::new(&folder, "play CartPole-v1 --seed 0 --json");
    player.press(RIGHT, "The episode has ended: return ");
    let mut env = make("CartPole-v1").unwrap();
    env.reset(Some(0)).unwrap();
    let length = (1..).find(|_| env.step(1).unwrap().terminated).unwrap();
    assert_eq!(player.leave("q").0.json["lengths"], json!([length]));
}

#[test]
fn time_goes_on_without_keys() {
    let folder = Folder::new();
    let mut player = Player::new(&folder, "play Pendulum-v1 --seed 0 --fps 500 --json");
    player.press(LEFT, "turn left");
    player.sees("idle");
    player.sees("The time is up: return ");
    assert_eq!(player.leave("q").0.json["lengths"], json!([200]));
}

#[test]
fn kitty_keyboards_tell_when_a_key_is_released() {
    let folder = Folder::new();
    let mut player = Player::new(&folder, "play MountainCar-v0 --seed 0 --fps 100");
    // Pressed, held past what other keyboards are given, and released.
    player.press("\x1b[1;1:1D", "left");
    player.press("\x1b[1;1:3D", "coast");
    player.press("\x1b[1;1:1D", "left");
    let before = player.screen.lock().unwrap().len();
    player.await_after(before, "step 150");
    assert!(!player.written()[before..].contains("coast"), "a key that was not released wore off");
    assert_eq!(player.leave("\x1b[113u").0.code, 0);
}

#[test]
fn what_draws_nothing_is_played_by_its_numbers() {
    let folder = Folder::new();
    let mut player = Player::at(&folder, "play Bandit-v0 --seed 0", "", [80, 24]);
    player.sees("observation 1");
    player.press(LEFT, "The episode has ended");
    assert!(player.leave("q").0.stdout.contains("Bandit-v0: return"));
}

#[test]
fn terminals_with_few_colors_and_little_room_are_used_as_they_are() {
    let folder = Folder::new();
    let mut player = Player::at(&folder, "play FrozenLake-v1", "", [80, 24]);
    player.sees("\x1b[38;5;");
    tcsetwinsize(&player.terminal, Winsize { ws_col: 20, ws_row: 8, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    player.press(UP, "This window has 20");
    tcsetwinsize(&player.terminal, Winsize { ws_col: 80, ws_row: 24, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    player.press(UP, "q quit");
    let (output, written) = player.leave("q");
    assert!(!written.contains("\x1b[38;2;"), "24-bit colors on a terminal that does not know them");
    assert!(output.stdout.contains("no episode was played to its end"));
}

#[test]
fn the_terminal_is_put_back_on_every_way_out() {
    let folder = Folder::new();
    // In raw mode Ctrl-C is a key.
    let mut player = Player::new(&folder, "play CartPole-v1 --seed 0");
    player.sees("Press a key");
    assert_eq!(player.leave("\x03").0.code, 130);

    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129), ("QUIT", 131)] {
        let mut player = Player::new(&folder, "play MountainCar-v0 --fps 10 --record cut.gif --json");
        player.press(LEFT, "step 2");
        player.game.signal(signal);
        let (output, _) = player.end();
        assert_eq!((output.code, &output.json["returns"]), (code, &json!([])), "{signal}");
        assert!(fs::read(folder.path("cut.gif")).unwrap().ends_with(b";"), "{signal}: no whole recording");
    }

    let mut player = Player::new(&folder, "play Scripted-v0 --env-arg panic_at=2 --json");
    player.press("0", "step 1");
    let (output, written) = player.leave("1");
    assert_eq!(output.code, 1);
    assert!(output.json["error"].as_str().unwrap().contains("panic"), "{}", output.stdout);
    assert!(
        written.rfind("error: ") > written.rfind("\x1b[?1049l"),
        "the message is lost with the screen: {written:?}"
    );
}

#[test]
fn what_cannot_be_played_is_told() {
    let folder = Folder::new();
    folder.refused("play CartPol-v1 --json", 2, &["CartPol-v1", "CartPole-v1"]);
    folder.refused("play Identity-v0 --env-arg n=50 --json", 2, &["Identity-v0", "no keys", "key_bindings"]);
    folder.refused("play Taxi-v4 --fps 5 --json", 2, &["Taxi-v4", "each key", "--fps"]);
    folder.refused("play CartPole-v1 --record a.avi --json", 2, &["--record a.avi", ".gif", ".mp4"]);
    folder.refused("play Bandit-v0 --record a.gif --json", 2, &["Bandit-v0", "draws nothing"]);
    folder.refused("play CartPole-v1 --json", 2, &["terminal", "stdin", "stderr"]);
    assert!(!folder.path("a.gif").exists());
}
