//! The window as people use it: the real binary on a display in memory, with keys pressed and the mouse clicked.
//!
//! What needs no real window is tested without one, in `viewer/tests/ui.rs` and beside the code.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../cli/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the command, which use all of it")]
mod support;

mod desktop;

use std::process::{Command, Stdio};
use std::time::Duration;

use cartwheel::trainer::run::{MetricsLog, RunDir};
use cartwheel::trainer::watch::{Connection, Reply, Status, WatchFile};
use desktop::{Desktop, picture, wait};
use support::{Folder, Running};

/// Trains until it is told to stop.
const LONG: &str = "train CartPole-v1 --name long --steps 100000000 --set train.stop_when_solved=false";

/// Starts `cartwheel <line>` on this display.
fn start(folder: &Folder, desktop: &Desktop, line: &str) -> Running {
    let mut command = Command::new("env");
    command.args(desktop.environment().map(|(name, value)| format!("{name}={value}")));
    command.arg(env!("CARGO_BIN_EXE_cartwheel")).args(line.split_whitespace());
    folder.start_on(&mut command, line, Stdio::null(), Stdio::piped())
}

/// A viewer without a window, beside the one with.
struct Witness(Connection);

impl Witness {
    fn of(folder: &Folder, run: &str) -> Self {
        let path = folder.path("runs").join(run);
        Self(wait(|| "the run to be live".into(), || Connection::open(&path).ok()))
    }

    /// Waits for a status.
    fn sees(&mut self, what: &str, mut holds: impl FnMut(&Status) -> bool) -> Status {
        wait(
            || what.into(),
            || match self.0.receive(Duration::from_millis(500)) {
                Ok(Some(Reply::Status(status))) if holds(&status) => Some(status),
                Ok(_) => None,
                Err(error) => panic!("{what}: {error}"),
            },
        )
    }

    /// Waits until the run is paused and every actor has come to rest: one may be in the midst of a step when the pause comes.
    fn sees_it_stand_still(&mut self) -> Status {
        let (mut step, mut looks) = (None, 0);
        self.sees("it to stand still", |status| {
            looks = if status.paused && step == Some(status.step) { looks + 1 } else { 0 };
            step = Some(status.step);
            looks == 10
        })
    }
}

#[test]
fn training_is_seen_in_a_window_that_stays_when_it_is_over() {
    let (folder, desktop) = (Folder::new(), Desktop::new());
    let training = start(&folder, &desktop, "train CartPole-v1 --view --name seen");
    desktop.window("seen - Cartwheel");
    let mut witness = Witness::of(&folder, "seen");
    let status = witness.sees("a pace for people", |status| status.speed.is_some());
    assert!(status.speed.unwrap() < 1000.0, "{status:?}");
    // As fast as it goes.
    desktop.press(&["0"]);
    wait(
        || "the run to end".into(),
        || {
            let manifest = RunDir::open(folder.path("runs/seen")).unwrap().manifest();
            std::fs::read_to_string(manifest).unwrap().contains("finished").then_some(())
        },
    );
    assert!(desktop.has_window("seen - Cartwheel"), "the window stays");
    // The last episode, and in it a step back from its end and another.
    desktop.open_last_episode("seen");
    desktop.press(&["Home"]);
    desktop.window("step 0 - Cartwheel");
    desktop.press(&["Right", "Right", "Left"]);
    desktop.window("step 1 - Cartwheel");
    desktop.press(&["s"]);
    assert_eq!(picture(&folder.path("seen-1.png")).width(), 1360);
    desktop.press(&["ctrl+q"]);
    let output = training.wait();
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(output.stdout.starts_with("solved"), "{}", output.stdout);
}

/// There is nothing left to train: what it came to is looked at.
#[test]
fn a_finished_run_that_is_resumed_is_shown() {
    let (folder, desktop) = (Folder::new(), Desktop::new());
    folder.ok("train CartPole-v1 --name done --steps 2000");
    let shown = start(&folder, &desktop, "train --resume runs/done --view");
    desktop.window("done - Cartwheel");
    desktop.open_last_episode("done");
    desktop.press(&["ctrl+q"]);
    let output = shown.wait();
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(output.stderr.contains("this run is finished"), "{}", output.stderr);
}

#[test]
fn a_viewer_comes_pauses_steps_is_killed_and_comes_back() {
    let (folder, desktop) = (Folder::new(), Desktop::new());
    let training = folder.spawn(LONG);
    let mut witness = Witness::of(&folder, "long");
    let viewer = start(&folder, &desktop, "watch runs/long");
    desktop.window("long - Cartwheel");
    witness.sees("two viewers", |status| status.step > 0);
    desktop.press(&["space"]);
    let paused = witness.sees_it_stand_still();
    desktop.press(&["Right", "Right", "Right"]);
    // CartPole's shipped settings have eight environments.
    witness.sees("three steps", |status| status.step == paused.step + 3 * 8);

    assert!(viewer.kill(), "it was still there");
    // The witness looks on, so the run is still paused: the next window lets it go on.
    let viewer = start(&folder, &desktop, "watch runs");
    desktop.window("long - Cartwheel");
    desktop.press(&["space"]);
    let going = witness.sees("it to go on", |status| !status.paused);
    witness.sees("progress", |status| status.step > going.step + 1000);
    assert!(viewer.kill());
    training.signal("TERM");
    assert_eq!(training.wait().code, 128 + 15);
    assert!(!folder.path("runs/long/watch.json").exists());
}

#[test]
fn a_person_takes_over_while_a_key_is_held() {
    let (folder, desktop) = (Folder::new(), Desktop::new());
    let training = folder.spawn(LONG);
    let mut witness = Witness::of(&folder, "long");
    let _viewer = start(&folder, &desktop, "watch runs/long");
    desktop.window("long - Cartwheel");
    witness.sees("a picture", |status| status.step > 0);
    desktop.press(&["g"]);
    desktop.window("long - Environment 0 - Cartwheel");
    desktop.press(&["t"]);
    let slow = witness.sees("a person's pace", |status| status.speed.is_some());
    assert_eq!(slow.overrides.1, [0; 0]);
    desktop.hold("Right", true);
    witness.sees("a person in environment 0", |status| status.overrides.1 == [0]);
    desktop.hold("Right", false);
    witness.sees("the agent again", |status| status.overrides.1.is_empty());
    desktop.press(&["Escape"]);
    witness.sees("full speed again", |status| status.speed.is_none());
    training.signal("TERM");
    training.wait();
    let metrics = std::fs::read_to_string(folder.path("runs/long/metrics.jsonl")).unwrap();
    assert!(metrics.contains("control/taken_over"), "what a person did is written down");
}

/// As from another machine: by the address and the token alone.
#[test]
fn a_run_is_watched_without_its_folder() {
    let (folder, desktop) = (Folder::new(), Desktop::new());
    let training = folder.spawn(LONG);
    let mut witness = Witness::of(&folder, "long");
    witness.sees("episodes", |status| status.episodes > 1000);
    let file = WatchFile::load(&folder.path("runs/long")).unwrap();
    let elsewhere = Folder::new();
    let line = format!("watch --address {} --token {}", file.address, file.token);
    let _viewer = start(&elsewhere, &desktop, &line);
    desktop.window("long - Cartwheel");
    desktop.press(&["space"]);
    witness.sees("a pause", |status| status.paused);
    // Its episodes are there too.
    desktop.open_last_episode("long");
    training.signal("TERM");
    training.wait();
}

#[test]
fn a_click_on_a_curve_opens_the_episode() {
    let (folder, desktop) = (Folder::new(), Desktop::new());
    folder.ok("train CartPole-v1 --name run");
    let rows = MetricsLog::read(&RunDir::open(folder.path("runs/run")).unwrap().metrics()).unwrap();
    assert!(!rows.is_empty());
    let _viewer = start(&folder, &desktop, "watch runs/run");
    desktop.window("run - Cartwheel");
    // The curve is where its colour is: at the right end of the plot of episodes' returns, the third from the left.
    desktop.click(600, 200);
    let found = wait(
        || "a curve".into(),
        || {
            desktop.press(&["s"]);
            let path =
                (1..100).map(|n| folder.path(&format!("run-{n}.png"))).take_while(|path| path.exists()).last()?;
            last_point(&picture(&path))
        },
    );
    desktop.click(found.0, found.1);
    desktop.window("run - Episode [0-9]+");
}

/// The lowest of the rightmost pixels in the colour of a first curve, in the third of four plots.
fn last_point(picture: &image::RgbaImage) -> Option<(u32, u32)> {
    let (width, height) = picture.dimensions();
    let bluish = |x: u32, y: u32| {
        let [red, green, blue, _] = picture.get_pixel(x, y).0;
        i32::from(blue) - i32::from(red) > 90 && i32::from(blue) >= i32::from(green)
    };
    let region = (width * 46 / 100..width * 58 / 100).rev();
    region.flat_map(|x| (height * 74 / 100..height * 94 / 100).map(move |y| (x, y))).find(|(x, y)| bluish(*x, *y))
}

#[test]
fn without_a_display_it_says_what_to_do() {
    let folder = Folder::new();
    folder.refused("watch runs", 2, &["no display", "--tui"]);
    folder.refused("train CartPole-v1 --view", 2, &["no display"]);
    assert!(!folder.path("runs").exists(), "nothing was begun");
}
