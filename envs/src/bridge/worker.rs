//! One worker process: starting it, talking to it, and what is said when it is gone.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::json;

use super::messages::{HEADER, Hello, Loss, Outcomes, Report, Trouble, When, begin_message, body, message, number};
use super::{OnWorkerDeath, Recipe};
use crate::{Action, EnvError, Info, Result, Rows, Space, Statistics, Step};

/// What each worker runs: one program in several files.
const SOURCE: &str = concat!(
    include_str!("python/channel.py"),
    include_str!("python/make.py"),
    include_str!("python/wrappers.py"),
    include_str!("python/spaces.py"),
    include_str!("python/worker.py"),
);
/// Imports and construction: a cold disk and a large simulator take minutes.
const START_TIMEOUT: Duration = Duration::from_secs(300);
/// How long an ended worker may take to close its environments.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Where rows begin in shared memory: `ROWS` of python/worker.py. Before it stands the index of the environment at work.
const ROWS: u64 = 64;
/// Which rows of shared memory: an environment's present observation, or that at the end of its last episode.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    Present,
    Final,
}

/// A process with the environments `envs` of a batch.
pub(super) struct Worker {
    recipe: Arc<Recipe>,
    envs: Range<usize>,
    child: Child,
    control: UnixStream,
    memory: File,
    /// Bytes of an observation.
    row: usize,
    gone: bool,
}

impl Worker {
    /// Starts a process, which imports and makes its environments while the caller goes on to [`Self::hello`].
    pub(super) fn spawn(recipe: Arc<Recipe>, envs: Range<usize>) -> Result<Self> {
        let python = &recipe.options.python;
        let start = |problem: String, advice: &str| EnvError::PythonStart {
            env: recipe.id.clone(),
            problem,
            advice: advice.to_owned(),
            trace: String::new(),
        };
        let system =
            |error: io::Error| start(format!("no worker could be started: {error}"), "see the system's limits");
        let (control, theirs) = UnixStream::pair().map_err(system)?;
        let memory = shared_memory().map_err(system)?;
        let mut command = Command::new(python);
        command
            .args(["-c", SOURCE])
            .stdin(OwnedFd::from(theirs))
            .stdout(memory.try_clone().map_err(system)?)
            // Ctrl-C is for us: workers end when we do. And what an environment starts can be ended with it.
            .process_group(0)
            .env("PYGAME_HIDE_SUPPORT_PROMPT", "1");
        // There is a worker for each core: threads within would only stand in each other's way.
        for threads in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"] {
            if std::env::var_os(threads).is_none() {
                command.env(threads, "1");
            }
        }
        let child = command.spawn().map_err(|error| {
            let problem = format!("Python could not be started as `{}`: {error}", python.display());
            start(problem, "install Python 3 with gymnasium, or name one with --python")
        })?;
        let (module, id) = recipe.module_and_id();
        let request = json!({
            "id": id, "module": module, "kwargs": recipe.kwargs, "draw": recipe.draw,
            "wrappers": recipe.wrappers,
            "first": envs.start, "count": envs.len(),
        });
        let mut worker = Self { envs, child, control, memory, row: 0, gone: false, recipe: recipe.clone() };
        worker.control.set_read_timeout(Some(START_TIMEOUT)).map_err(system)?;
        worker.ask_started(&message(b'm', request.to_string().as_bytes()))?;
        Ok(worker)
    }

    /// Waits until its environments are made.
    pub(super) fn hello(&mut self) -> Result<Hello> {
        let mut answer = Vec::new();
        self.receive(&mut answer).map_err(|trouble| self.start_error(trouble))?;
        serde_json::from_slice(&answer[HEADER..])
            .map_err(|error| EnvError::failed(format!("{}: the worker's greeting: {error}", self.recipe.id)))
    }

    /// Lays out shared memory for the rows of these spaces. From now on it can be stepped.
    pub(super) fn map(&mut self, observation: &Space, action: &Space) -> Result<()> {
        self.row = observation.width() * observation.dtype().size();
        let layout = json!({
            "dtype": observation.dtype().to_string(), "width": observation.width(),
            "action_dtype": action.dtype().to_string(), "action_width": action.width(),
        });
        self.ask_started(&message(b'm', layout.to_string().as_bytes()))?;
        let mut answer = Vec::new();
        self.receive(&mut answer).map_err(|trouble| self.start_error(trouble))?;
        let set = self.control.set_read_timeout(Some(self.recipe.options.timeout));
        set.map_err(|error| EnvError::failed(format!("{}: a worker's timeout: {error}", self.recipe.id)))
    }

    fn ask_started(&mut self, message: &[u8]) -> Result<()> {
        self.send(message).map_err(|trouble| self.start_error(trouble))
    }

    /// Sends a whole message.
    pub(super) fn send(&self, message: &[u8]) -> Result<(), Trouble> {
        (&self.control).write_all(message).map_err(|_| Trouble::Lost(Loss::Closed))
    }

    /// Waits for the answer, whose body begins at [`HEADER`] of `answer`.
    pub(super) fn receive(&self, answer: &mut Vec<u8>) -> Result<(), Trouble> {
        let (mut have, mut need) = (0, HEADER);
        // Room for most answers in one read.
        answer.resize(4096, 0);
        while have < need {
            answer.resize(answer.len().max(need), 0);
            match (&self.control).read(&mut answer[have..]) {
                Ok(0) => return Err(Trouble::Lost(Loss::Closed)),
                Ok(count) => have += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    // A late answer must not be taken for that to a later question.
                    let _ = self.control.shutdown(std::net::Shutdown::Both);
                    let waited = self.control.read_timeout().ok().flatten().unwrap_or_default();
                    return Err(Trouble::Lost(Loss::Silent(waited)));
                }
                Err(_) => return Err(Trouble::Lost(Loss::Closed)),
            }
            if let Some((length, _)) = answer[..have].split_first_chunk() {
                need = HEADER + u32::from_le_bytes(*length) as usize;
            }
        }
        answer.truncate(need);
        if answer[HEADER - 1] != b'!' {
            return Ok(());
        }
        match serde_json::from_slice(&answer[HEADER..]) {
            Ok(report) => Err(Trouble::Reported(report)),
            Err(_) => Err(Trouble::Lost(Loss::Closed)),
        }
    }

    /// Sends a question about environment `i` of the batch and waits for the answer.
    pub(super) fn ask(&self, kind: u8, i: usize, answer: &mut Vec<u8>) -> Result<(), Trouble> {
        self.send(&message(kind, &self.local(i)))?;
        self.receive(answer)
    }

    /// The place of environment `i` of the batch among its own.
    fn local(&self, i: usize) -> [u8; 4] {
        ((i - self.envs.start) as u32).to_le_bytes()
    }

    /// Begins an episode of one environment and waits for it.
    pub(super) fn reset_one(&self, i: usize, seed: u64, answer: &mut Vec<u8>) -> Result<(), Trouble> {
        self.send(&message(b'r', &[&self.local(i)[..], &seed.to_le_bytes()].concat()))?;
        self.receive(answer)
    }

    /// Steps one environment, without autoreset. Also answers what it paid inside of its wrappers.
    pub(super) fn step_one(&self, i: usize, action: Action<'_>, answer: &mut Vec<u8>) -> Result<(Step, f64), Trouble> {
        let discrete;
        let action = match action {
            Action::Discrete(action) => {
                discrete = action.to_le_bytes();
                &discrete[..]
            }
            Action::Multi(values) => bytemuck::cast_slice(values),
            Action::Continuous(values) => bytemuck::cast_slice(values),
        };
        answer.clear();
        begin_message(answer, b'1', 4 + action.len());
        answer.extend_from_slice(&self.local(i));
        answer.extend_from_slice(action);
        self.send(answer)?;
        self.receive(answer)?;
        let outcome = Outcomes::of(body(answer), 1);
        Ok((outcome.step(0), outcome.raw_reward(0)))
    }

    /// Reads the observations of some of its environments into as many rows of `into`, the first of which is `first`.
    pub(super) fn read(&self, kept: Kept, envs: Range<usize>, into: &mut Rows, first: usize) -> io::Result<()> {
        let skip = envs.start - self.envs.start + if kept == Kept::Final { self.envs.len() } else { 0 };
        let rows = into.bytes_mut(first..first + envs.len());
        self.memory.read_exact_at(rows, ROWS + (skip * self.row) as u64)
    }

    /// How it was made.
    pub(super) fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Which environments of the batch it has.
    pub(super) fn envs(&self) -> Range<usize> {
        self.envs.clone()
    }

    /// A fresh one with the same environments.
    pub(super) fn again(&self) -> Result<Self> {
        Self::spawn(self.recipe.clone(), self.envs.clone())
    }

    /// What is to follow when it dies.
    pub(super) fn on_death(&self) -> OnWorkerDeath {
        self.recipe.options.on_worker_death
    }

    /// Named values about environment `i`; none if Python fails, which the next step will tell.
    pub(super) fn info(&self, i: usize, answer: &mut Vec<u8>) -> Info {
        match self.ask(b'i', i, answer) {
            Ok(()) => serde_json::from_slice(body(answer)).unwrap_or_default(),
            Err(_) => Info::new(),
        }
    }

    /// What steps to achieved goals pay where others are desired, the first rows of each; false if the environment does
    /// not say.
    pub(super) fn rewards(
        &self,
        goals: [&Rows; 2],
        rewards: &mut [f64],
        answer: &mut Vec<u8>,
    ) -> Result<bool, Trouble> {
        let mut request = (rewards.len() as u32).to_le_bytes().to_vec();
        goals.iter().for_each(|goals| request.extend_from_slice(goals.first_bytes(rewards.len())));
        self.send(&message(b'g', &request))?;
        self.receive(answer)?;
        let told = body(answer);
        for (i, reward) in rewards.iter_mut().enumerate().take(told.len() / 8) {
            *reward = number(told, i);
        }
        Ok(!told.is_empty())
    }

    /// The running statistics of environment `i`'s wrappers, as they are now or as they were before its episode.
    pub(super) fn statistics(&self, i: usize, when: When, answer: &mut Vec<u8>) -> Result<Vec<Statistics>, Trouble> {
        self.ask(when as u8, i, answer)?;
        serde_json::from_slice(body(answer)).map_err(|_| Trouble::Lost(Loss::Closed))
    }

    /// Replaces them.
    pub(super) fn put_statistics(
        &self,
        i: usize,
        statistics: &[Statistics],
        answer: &mut Vec<u8>,
    ) -> Result<(), Trouble> {
        let request = json!({"environment": i - self.envs.start, "statistics": statistics});
        self.send(&message(b'p', request.to_string().as_bytes()))?;
        self.receive(answer)
    }

    /// Whether it is known to be dead.
    pub(super) fn is_gone(&self) -> bool {
        self.gone
    }

    /// What a failure is to the user. A worker that is lost is made sure to be dead first; `step` is how many steps
    /// the episode of an environment has had.
    pub(super) fn error(&mut self, trouble: Trouble, step: impl Fn(usize) -> u64) -> EnvError {
        let env = self.recipe.id.clone();
        match trouble {
            Trouble::Reported(report) => self.reported(report),
            Trouble::Lost(loss) => {
                let (problem, advice) = self.end(loss);
                let restart = match self.recipe.options.on_worker_death {
                    OnWorkerDeath::Stop => "; with on_worker_death = restart, a fresh worker takes over",
                    OnWorkerDeath::Restart => "",
                };
                let advice = format!("{advice}{restart}");
                let index = self.at_work();
                EnvError::PythonEnv { env, index, step: step(index), problem, advice, trace: String::new() }
            }
        }
    }

    /// An observation of environment `index` that is not in its space.
    pub(super) fn outside(&self, index: usize, step: u64, problem: String) -> EnvError {
        let advice = "correct the observation, or widen observation_space".to_owned();
        EnvError::PythonEnv { env: self.recipe.id.clone(), index, step, problem, advice, trace: String::new() }
    }

    /// What to say of trouble that does not matter enough to stop for.
    pub(super) fn complaint(&self, trouble: Trouble) -> String {
        match trouble {
            Trouble::Reported(report) => self.reported(report).to_string(),
            Trouble::Lost(Loss::Silent(waited)) => format!(
                "{}: its worker process gave no answer for {} s: look for an endless loop, or raise env.python_timeout",
                self.recipe.id,
                waited.as_secs_f64()
            ),
            Trouble::Lost(Loss::Closed) => {
                format!("{}: its worker process has died: see above for what it printed", self.recipe.id)
            }
        }
    }

    /// The error of a question without an answer, that is not about a step.
    pub(super) fn unanswered(&self, trouble: Trouble) -> EnvError {
        match trouble {
            Trouble::Reported(report) => self.reported(report),
            Trouble::Lost(_) => EnvError::failed(self.complaint(trouble)),
        }
    }

    /// As [`Self::error`], while it has not yet made its environments.
    fn start_error(&mut self, trouble: Trouble) -> EnvError {
        match trouble {
            Trouble::Reported(report) => self.reported(report),
            Trouble::Lost(loss) => EnvError::PythonStart {
                env: self.recipe.id.clone(),
                problem: format!("while its environments were made, {}", self.end(loss).0),
                advice: "see above for what Python printed".to_owned(),
                trace: String::new(),
            },
        }
    }

    fn reported(&self, Report { index, step, making, problem, advice, trace }: Report) -> EnvError {
        let env = self.recipe.id.clone();
        if making {
            EnvError::PythonStart { env, problem, advice, trace }
        } else {
            EnvError::PythonEnv { env, index, step, problem, advice, trace }
        }
    }

    /// The environment that it was working at.
    fn at_work(&self) -> usize {
        let mut index = [0; 4];
        let _ = self.memory.read_exact_at(&mut index, 0);
        (u32::from_le_bytes(index) as usize).clamp(self.envs.start, self.envs.end - 1)
    }

    /// Ends the process if it has not ended, and says how it did and what to do about it.
    fn end(&mut self, loss: Loss) -> (String, &'static str) {
        self.gone = true;
        let who = match self.envs.len() {
            1 => format!("its worker process {}", self.child.id()),
            _ => format!(
                "the worker process {} of environments {} to {}",
                self.child.id(),
                self.envs.start,
                self.envs.end - 1
            ),
        };
        if let Loss::Silent(waited) = loss {
            self.kill();
            return (
                format!("{who} gave no answer for {} s and was killed", waited.as_secs_f64()),
                "look for an endless loop in the environment, or raise the timeout (env.python_timeout) if a step takes that long",
            );
        }
        // The socket closes a moment before the process has ended.
        match self.wait(CLOSE_TIMEOUT) {
            Some(status) => {
                let advice = match status.signal() {
                    Some(9) => {
                        "a process killed by signal 9 is mostly out of memory, which fewer environments need less of"
                    }
                    _ => "see above for what it printed",
                };
                (format!("{who} died ({status})"), advice)
            }
            None => {
                self.kill();
                (format!("{who} closed its socket and was killed"), "see above for what it printed")
            }
        }
    }

    fn wait(&mut self, timeout: Duration) -> Option<std::process::ExitStatus> {
        let until = Instant::now() + timeout;
        loop {
            match self.child.try_wait() {
                Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(1)),
                Ok(status) => return status,
                Err(_) => return None,
            }
        }
    }

    /// Kills it and all that it has started.
    fn kill(&mut self) {
        if let Some(group) = Pid::from_raw(self.child.id() as i32) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }

    /// Tells it to close its environments and end.
    pub(super) fn hang_up(&self) {
        let _ = self.control.shutdown(std::net::Shutdown::Both);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.hang_up();
        if !self.gone && self.wait(CLOSE_TIMEOUT).is_none() {
            self.kill();
        }
    }
}

/// Memory without a name: it ends with those who have it open, however they end.
#[cfg(target_os = "linux")]
fn shared_memory() -> io::Result<File> {
    Ok(rustix::fs::memfd_create("cartwheel", rustix::fs::MemfdFlags::CLOEXEC)?.into())
}

#[cfg(not(target_os = "linux"))]
fn shared_memory() -> io::Result<File> {
    tempfile::tempfile()
}
