//! A display in memory, with hands.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long something that should happen at once is waited for, on a machine that is busy and has no GPU.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// An X server that shows nothing to anybody.
pub(crate) struct Desktop {
    server: Child,
    display: String,
}

impl Desktop {
    pub(crate) fn new() -> Self {
        // It would start anew, and meanwhile let nobody in, whenever its last client leaves.
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1400x900x24", "-nolisten", "tcp", "-noreset"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb: run tests/viewer/setup.sh");
        let mut number = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut number).unwrap();
        Self { server, display: format!(":{}", number.trim()) }
    }

    /// The environment variables of a program on this display.
    pub(crate) fn environment(&self) -> [(&'static str, &str); 4] {
        [
            ("DISPLAY", &self.display),
            ("WAYLAND_DISPLAY", ""),
            ("LIBGL_ALWAYS_SOFTWARE", "1"),
            // How the window looks is neither taken from who runs the tests nor kept for them.
            ("XDG_CONFIG_HOME", "/dev/null"),
        ]
    }

    fn xdotool(&self, words: &[&str]) -> Option<String> {
        let output = Command::new("xdotool").args(words).env("DISPLAY", &self.display).output();
        let output = output.expect("xdotool: run tests/viewer/setup.sh");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Waits for a window with `title` in its title.
    pub(crate) fn window(&self, title: &str) -> String {
        let find = || {
            let found = self.xdotool(&["search", "--onlyvisible", "--name", title])?;
            found.lines().next().map(str::to_owned)
        };
        wait(|| format!("a window {title:?} among {:?}", self.titles()), find)
    }

    /// The titles of all windows.
    fn titles(&self) -> Vec<String> {
        let all = self.xdotool(&["search", "--name", ".*"]).unwrap_or_default();
        all.lines().filter_map(|window| self.xdotool(&["getwindowname", window])).collect()
    }

    /// Whether there is such a window now.
    pub(crate) fn has_window(&self, title: &str) -> bool {
        self.xdotool(&["search", "--onlyvisible", "--name", title]).is_some_and(|found| !found.is_empty())
    }

    /// Gives the window the keyboard, and waits until it has it: there is no window manager to do so.
    fn focus(&self) {
        wait(
            || "the keyboard".into(),
            || {
                let window = self.xdotool(&["search", "--onlyvisible", "--name", "Cartwheel"])?;
                let window = window.lines().next()?;
                self.xdotool(&["windowfocus", window])?;
                (self.xdotool(&["getwindowfocus", "-f"])? == window).then_some(())
            },
        );
    }

    /// Presses keys one after the other, by X's names: `space`, `Right`, `ctrl+k`.
    pub(crate) fn press(&self, keys: &[&str]) {
        self.focus();
        self.xdotool(&[&["key", "--delay", "60"], keys].concat());
    }

    /// Opens one of the last episodes of the run, as soon as the window has read of any.
    pub(crate) fn open_last_episode(&self, run: &str) {
        let shown = format!("{run} - Episode [0-9]+");
        wait(
            || "an episode".into(),
            || {
                self.press(&["shift+Left"]);
                sleep(Duration::from_millis(300));
                self.has_window(&shown).then_some(())
            },
        );
    }

    /// Holds a key down, or lets go of it.
    pub(crate) fn hold(&self, key: &str, down: bool) {
        self.focus();
        self.xdotool(&[if down { "keydown" } else { "keyup" }, key]);
    }

    /// Clicks.
    pub(crate) fn click(&self, x: u32, y: u32) {
        self.xdotool(&["mousemove", "--sync", &x.to_string(), &y.to_string()]);
        // The picture that knows the mouse is there comes first.
        sleep(Duration::from_millis(150));
        self.xdotool(&["click", "1"]);
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Asks again and again until there is an answer.
pub(crate) fn wait<T>(what: impl Fn() -> String, mut ask: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begin.elapsed() < PATIENCE, "waited for {}, in vain", what());
        sleep(Duration::from_millis(20));
    }
}

/// A picture, once it is whole.
pub(crate) fn picture(path: &Path) -> image::RgbaImage {
    wait(|| path.display().to_string(), || image::open(path).ok()).to_rgba8()
}
