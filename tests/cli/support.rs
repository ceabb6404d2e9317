//! A folder to run commands in, and readers of what a run leaves behind.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use tempfile::TempDir;

/// Identity-v0 with settings that solve it within 2000 steps.
pub(crate) const IDENTITY: &str = "train Identity-v0 --set dqn.gamma=0 --set dqn.learning_rate=0.01 \
    --set dqn.learning_starts=200 --set dqn.target_update_interval=100 --set dqn.buffer_size=5000 \
    --set eval.eval_freq=500 --set eval.n_eval_episodes=10 --set eval.solved_at=9.9";

/// CartPole-v1 for a given number of steps, solved or not, with a few short evaluations.
pub(crate) const CART_POLE: &str = "train CartPole-v1 --set train.stop_when_solved=false --set eval.eval_freq=1024 \
    --set eval.n_eval_episodes=5";

/// Scripted-v0, which fails and dawdles as told, with learning from the first steps on.
pub(crate) const SCRIPTED: &str = "train Scripted-v0 --set train.stop_when_solved=false --set dqn.learning_starts=50 \
    --set dqn.buffer_size=1000 --set eval.n_eval_episodes=2";

/// How long a test waits for what should come at once, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A temporary folder that commands run in, so that `runs/` is its own.
pub(crate) struct Folder {
    folder: TempDir,
}

/// What a command answered.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The document on stdout, where `--json` asked for one.
    pub(crate) json: Value,
}

/// The Python with the packages of `tests/python/requirements.txt`.
pub(crate) fn python() -> String {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python-venv/bin/python");
    let python = std::env::var_os("CARTWHEEL_TEST_PYTHON").map_or(venv, PathBuf::from);
    assert!(python.exists(), "there is no {}: run tests/python/setup.sh", python.display());
    python.display().to_string()
}

/// A terminal, and what is written to it until nobody has it open any more.
#[cfg(target_os = "linux")]
pub(crate) fn terminal() -> (std::os::fd::OwnedFd, std::thread::JoinHandle<String>) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use std::io::Read as _;

    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let size = rustix::termios::Winsize { ws_row: 24, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(&master, size).unwrap();
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
    let terminal = rustix::fs::open(ptsname(&master, Vec::new()).unwrap(), flags, rustix::fs::Mode::empty()).unwrap();
    let seen = std::thread::spawn(move || {
        let (mut master, mut seen, mut bytes) = (fs::File::from(master), Vec::new(), [0; 4096]);
        // Linux tells by an error that nobody is left.
        while let Ok(count @ 1..) = master.read(&mut bytes) {
            seen.extend_from_slice(&bytes[..count]);
        }
        String::from_utf8(seen).unwrap()
    });
    (terminal, seen)
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    /// Writes a file and answers its name, to be used in a command.
    pub(crate) fn write<'n>(&self, name: &'n str, text: &str) -> &'n str {
        fs::write(self.path(name), text).unwrap();
        name
    }

    /// The run `runs/<name>`.
    pub(crate) fn run(&self, name: &str) -> Run {
        Run { path: self.path("runs").join(name) }
    }

    /// Runs `cartwheel <line>`; words are separated by spaces.
    pub(crate) fn cartwheel(&self, line: &str) -> Output {
        self.spawn(line).wait()
    }

    /// As [`cartwheel`](Self::cartwheel), which must succeed.
    pub(crate) fn ok(&self, line: &str) -> Output {
        let output = self.cartwheel(line);
        assert_eq!(output.code, 0, "cartwheel {line}\n{}", output.stderr);
        output
    }

    /// As [`cartwheel`](Self::cartwheel), which must end with `code` and name all of `words` on stderr.
    #[track_caller]
    pub(crate) fn refused(&self, line: &str, code: i32, words: &[&str]) -> Output {
        let output = self.cartwheel(line);
        output.failed(line, code, words);
        output
    }

    /// Starts `cartwheel <line>`.
    pub(crate) fn spawn(&self, line: &str) -> Running {
        self.start(Command::new(env!("CARGO_BIN_EXE_cartwheel")).args(line.split_whitespace()), line)
    }

    /// Starts it where `python3` is the Python of the tests.
    pub(crate) fn with_python(&self, line: &str) -> Running {
        let folders = [Path::new(&python()).parent().unwrap().to_path_buf(), PathBuf::from("/usr/bin"), "/bin".into()];
        let path = std::env::join_paths(folders).unwrap();
        self.start(Command::new(env!("CARGO_BIN_EXE_cartwheel")).args(line.split_whitespace()).env("PATH", path), line)
    }

    /// Starts it under a limit on the size of files, past which writes fail as on a full disk.
    pub(crate) fn with_full_disk(&self, line: &str, kib_of_a_file: u64) -> Output {
        self.limited(line, &format!("trap '' XFSZ; ulimit -f {kib_of_a_file}"))
    }

    /// Starts it under a limit on its memory.
    pub(crate) fn with_little_memory(&self, line: &str, kib: u64) -> Output {
        self.limited(line, &format!("ulimit -v {kib}"))
    }

    /// A fit from its beginning to its end by the first line, and one by the second that is stopped within and gone on with:
    /// both, once it is sure that they logged the same.
    pub(crate) fn whole_and_resumed(&self, whole: &str, stopped: &str) -> (Run, Run) {
        self.whole_and_resumed_by(whole, stopped, "")
    }

    /// The same, gone on with by `fit --resume` and `more`.
    pub(crate) fn whole_and_resumed_by(&self, whole: &str, stopped: &str, more: &str) -> (Run, Run) {
        let all = self.spawn(&format!("{whole} --name whole"));
        let mut part = self.spawn(&format!("{stopped} --name stopped"));
        let (whole, resumed) = (self.run("whole"), self.run("stopped"));
        assert!(part.until(|| !resumed.states().is_empty()), "no checkpoint");
        part.signal("INT");
        let output = part.wait();
        assert_eq!(output.code, 130, "{}", output.stderr);
        assert!(output.stdout.contains("fit --resume"), "{}", output.stdout);
        assert_eq!(all.wait().code, 0);
        assert!(resumed.timeless_rows().len() < whole.timeless_rows().len(), "it was not stopped");
        self.ok(&format!("fit --resume runs/stopped {more}"));
        assert_eq!(resumed.timeless_rows(), whole.timeless_rows());
        assert!(resumed.bytes("samples.bin") == whole.bytes("samples.bin"), "samples.bin differs");
        (whole, resumed)
    }

    /// Starts it with an answer that no disk takes.
    #[cfg(target_os = "linux")]
    pub(crate) fn with_full_stdout(&self, line: &str) -> Output {
        self.limited(line, "exec > /dev/full")
    }

    /// The run `runs/stopped` of a fit that is stopped once it has left a checkpoint.
    pub(crate) fn stopped(&self, line: &str) -> Run {
        let mut running = self.spawn(&format!("{line} --epochs 100000 --set fit.log_interval=1000000 --name stopped"));
        let run = self.run("stopped");
        assert!(running.until(|| !run.states().is_empty()), "no checkpoint");
        running.signal("INT");
        assert_eq!(running.wait().code, 130);
        run
    }

    fn limited(&self, line: &str, limit: &str) -> Output {
        let script = format!("{limit}; exec \"$0\" \"$@\"");
        let command = ["-c", &script, env!("CARGO_BIN_EXE_cartwheel")];
        self.start(Command::new("bash").args(command).args(line.split_whitespace()), line).wait()
    }

    fn start(&self, command: &mut Command, line: &str) -> Running {
        self.start_on(command, line, Stdio::null(), Stdio::piped())
    }

    /// Starts it with these for stdin and stderr.
    pub(crate) fn start_on(
        &self,
        command: &mut Command,
        line: &str,
        stdin: impl Into<Stdio>,
        stderr: impl Into<Stdio>,
    ) -> Running {
        let command = command.current_dir(self.folder.path()).env_remove("CARTWHEEL_LOG").env("RUST_BACKTRACE", "1");
        // Windows have tests of their own.
        let command = command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
        let child = command.stdin(stdin).stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        Running { child: Some(child), line: line.into() }
    }
}

impl Output {
    #[track_caller]
    pub(crate) fn failed(&self, line: &str, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "cartwheel {line}\n{}", self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "cartwheel {line}\ndoes not name {word:?}:\n{}", self.stderr);
        }
        if self.json != Value::Null {
            assert_eq!(self.json["exit_code"], code, "cartwheel {line}\n{}", self.stdout);
            let error = self.json["error"].as_str().unwrap();
            assert!(self.stderr.contains(error.lines().next().unwrap()), "{error:?} is not on stderr");
        }
    }
}

/// A command under way. It is killed when dropped, so that a test that fails leaves nothing running.
pub(crate) struct Running {
    child: Option<Child>,
    line: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Waits until `holds`; false if the process ends before.
    pub(crate) fn until(&mut self, mut holds: impl FnMut() -> bool) -> bool {
        let start = Instant::now();
        while !holds() {
            if self.has_ended() {
                return false;
            }
            assert!(start.elapsed() < PATIENCE, "cartwheel {}: waited too long", self.line);
            std::thread::sleep(Duration::from_millis(2));
        }
        true
    }

    /// Sends the signal of this name: INT, TERM.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Ends it at once, as a power cut would. False if it had ended already.
    pub(crate) fn kill(mut self) -> bool {
        // Dropping it kills it.
        !self.has_ended()
    }

    fn has_ended(&mut self) -> bool {
        self.child.as_mut().unwrap().try_wait().unwrap().is_some()
    }

    /// Waits for its end, and checks what holds for every command: with `--json` there is one JSON document on
    /// stdout and no more, and nobody is ever shown a panic.
    pub(crate) fn wait(mut self) -> Output {
        let line = std::mem::take(&mut self.line);
        let output = self.child.take().unwrap().wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        for shown in ["panicked at", "stack backtrace", "RUST_BACKTRACE"] {
            assert!(!stderr.contains(shown), "cartwheel {line}\nshows {shown:?}:\n{stderr}");
        }
        let json = match line.split_whitespace().any(|word| word == "--json") {
            true => serde_json::from_str(&stdout)
                .unwrap_or_else(|error| panic!("cartwheel {line}\n{error} in stdout:\n{stdout}\nstderr:\n{stderr}")),
            false => Value::Null,
        };
        let code = output.status.code().unwrap_or_else(|| panic!("cartwheel {line}: {}", output.status));
        Output { code, stdout, stderr, json }
    }
}

/// A run's folder.
pub(crate) struct Run {
    pub(crate) path: PathBuf,
}

impl Run {
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        let file = self.file(name);
        fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    pub(crate) fn latest(&self) -> Vec<u8> {
        self.bytes("checkpoints/latest.safetensors")
    }

    pub(crate) fn best(&self) -> Vec<u8> {
        self.bytes("checkpoints/best.safetensors")
    }

    /// The states to resume from, the oldest first.
    pub(crate) fn states(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.file("checkpoints")) else { return Vec::new() };
        let mut states: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        states.retain(|path| {
            path.extension().is_some_and(|e| e == "state")
                && !path.file_name().unwrap().as_encoded_bytes().starts_with(b".")
        });
        states.sort();
        states
    }

    /// The rows of metrics.
    pub(crate) fn rows(&self) -> Vec<Value> {
        let text = String::from_utf8(self.bytes("metrics.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The rows of metrics without what the clock on the wall says.
    pub(crate) fn timeless_rows(&self) -> Vec<Value> {
        let mut rows = self.rows();
        for row in &mut rows {
            assert!(row.as_object_mut().unwrap().remove("wall_s").is_some());
            let metrics = row["metrics"].as_object_mut().unwrap();
            metrics.remove("time/fps");
            metrics.remove("time/samples_per_s");
        }
        rows
    }

    /// The rows of evaluations.
    pub(crate) fn evaluations(&self) -> Vec<Value> {
        let mut rows = self.timeless_rows();
        rows.retain(|row| row["metrics"].get("eval/mean_reward").is_some());
        rows
    }

    /// Every file below it, with contents and time of the last change.
    pub(crate) fn snapshot(&self) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
        fn visit(folder: &Path, files: &mut BTreeMap<PathBuf, (Vec<u8>, SystemTime)>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    visit(&path, files);
                } else {
                    let modified = path.metadata().unwrap().modified().unwrap();
                    files.insert(path.clone(), (fs::read(&path).unwrap(), modified));
                }
            }
        }
        let mut files = BTreeMap::new();
        visit(&self.path, &mut files);
        files
    }

    /// Fails unless nothing was made, removed, written or touched since `before`.
    #[track_caller]
    pub(crate) fn is_untouched_since(&self, before: &BTreeMap<PathBuf, (Vec<u8>, SystemTime)>) {
        let after = self.snapshot();
        let names = |files: &BTreeMap<PathBuf, _>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(before), names(&after));
        let changed: Vec<_> =
            after.iter().filter(|(path, file)| before[*path] != **file).map(|(path, _)| path).collect();
        assert!(changed.is_empty(), "changed: {changed:?}");
    }

    /// Fails unless it came to the same as `other`: weights, episodes, and metrics but for the time they took.
    #[track_caller]
    pub(crate) fn is_as(&self, other: &Run) {
        for file in ["checkpoints/latest.safetensors", "checkpoints/best.safetensors", "episodes.bin", "episodes.idx"] {
            assert!(self.bytes(file) == other.bytes(file), "{file} differs");
        }
        let (rows, others) = (self.timeless_rows(), other.timeless_rows());
        for (row, other) in rows.iter().zip(&others) {
            assert_eq!(row, other, "a row of metrics differs");
        }
        assert_eq!(rows.len(), others.len(), "rows of metrics");
    }
}
