//! The processes in which a sweep's runs are trained.
//!
//! A process each: one that runs out of memory, or an environment that brings its process down, ends a trial and not the sweep.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::trials::{State, Sweep, Trial};
use crate::TrainError;
use crate::run::{Manifest, Outcome, RunDir, RunError, write_atomic};

/// How often processes are looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// What a sweep tells of as it goes.
#[derive(Debug)]
pub enum Told<'a> {
    /// A trial is complete, or failed.
    Trial(&'a Trial),
    /// A run is still trained by a process of a sweep that was killed: it is waited for.
    Waiting(&'a Path),
}

/// Trains a sweep's runs with a program that understands `train` as `cartwheel` does.
#[derive(Debug)]
pub struct Jobs<'a> {
    /// The program.
    pub program: &'a Path,
    /// Processes at a time.
    pub at_once: usize,
    /// Ends them in order once it is true: their trials go on with the next start.
    pub stop: &'a AtomicBool,
}

/// A run that is being trained.
struct Job {
    trial: usize,
    seed: usize,
    child: Child,
    log: PathBuf,
    settings: PathBuf,
}

impl Drop for Job {
    fn drop(&mut self) {
        // For where the sweep itself fails: nothing is left running behind it.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.settings);
    }
}

/// What can be begun now.
enum Next {
    Run {
        trial: usize,
        seed: usize,
    },
    /// Only runs that another process trains.
    Busy(PathBuf),
    Nothing,
}

impl Jobs<'_> {
    /// Trains until all trials are done, or it is stopped.
    ///
    /// # Errors
    /// If the sweep's folder cannot be written or the program not started. Trials that fail are no errors.
    pub fn run(&self, sweep: &mut Sweep, tell: &mut dyn FnMut(Told<'_>)) -> Result<(), TrainError> {
        let mut running: Vec<Job> = Vec::new();
        let (mut asked, mut waiting) = (false, false);
        loop {
            let stopping = self.stop.load(Ordering::Relaxed);
            if stopping && !asked {
                asked = true;
                // They leave a checkpoint each.
                running.iter().for_each(|job| terminate(&job.child));
            }
            while !asked && running.len() < self.at_once {
                match next(sweep, &running, tell)? {
                    Next::Run { trial, seed } => running.push(self.start(sweep, trial, seed)?),
                    Next::Busy(run) if running.is_empty() => {
                        if !waiting {
                            tell(Told::Waiting(&run));
                        }
                        waiting = true;
                        break;
                    }
                    Next::Nothing if running.is_empty() => return Ok(()),
                    Next::Busy(_) | Next::Nothing => break,
                }
            }
            if asked && running.is_empty() {
                return Ok(());
            }
            std::thread::sleep(PAUSE);
            for i in (0..running.len()).rev() {
                if let Some(status) = running[i].child.try_wait().map_err(RunError::io("wait for", self.program))? {
                    let job = running.swap_remove(i);
                    if !asked && matches!(status.code(), Some(130 | 143)) {
                        // Somebody stopped it in particular: as if the sweep were.
                        asked = true;
                        running.iter().for_each(|job| terminate(&job.child));
                    }
                    end(sweep, &job, status, asked, tell)?;
                }
            }
        }
    }

    fn start(&self, sweep: &Sweep, trial: usize, seed: usize) -> Result<Job, TrainError> {
        let (name, number) = sweep.run_of(trial, seed);
        let (folder, run) = (sweep.folder(), sweep.folder().join(&name));
        let (log, settings) = (folder.join(format!("{name}.log")), folder.join(format!("{name}.toml")));
        let mut command = Command::new(self.program);
        command.arg("train");
        if run.exists() {
            command.arg("--resume").arg(&run);
        } else {
            let mut own = sweep.spec.settings(&sweep.values(&sweep.trials()[trial]))?;
            own.train.seed = number;
            own.run.dir = folder.display().to_string();
            own.run.name = Some(name);
            let toml = own.to_toml(false);
            write_atomic(&settings, |file| file.write_all(toml.as_bytes()))
                .map_err(RunError::io("write", &settings))?;
            command.arg("--config").arg(&settings);
        }
        let told = OpenOptions::new().create(true).append(true).open(&log).map_err(RunError::io("write", &log))?;
        // In a group of its own, so that Ctrl-C reaches it once and by way of the sweep.
        command.arg("--no-watch").stdin(Stdio::null()).stdout(Stdio::null()).stderr(told).process_group(0);
        let child = command.spawn().map_err(RunError::io("start", self.program))?;
        Ok(Job { trial, seed, child, log, settings })
    }
}

fn terminate(child: &Child) {
    // One that has ended meanwhile needs no signal.
    let _ = kill_process(Pid::from_child(child), Signal::TERM);
}

/// The next run to be trained; takes in what runs have come to that an earlier sweep began.
fn next(sweep: &mut Sweep, running: &[Job], tell: &mut dyn FnMut(Told<'_>)) -> Result<Next, TrainError> {
    let mut busy = None;
    let (mut trial, seeds) = (0, sweep.spec.sweep.seeds as usize);
    loop {
        if trial == sweep.trials().len() && !sweep.add()? {
            return Ok(busy.map_or(Next::Nothing, Next::Busy));
        }
        for seed in 0..seeds {
            let known = &sweep.trials()[trial];
            if known.state != State::Running {
                break;
            }
            let begun = running.iter().any(|job| (job.trial, job.seed) == (trial, seed));
            if begun || known.values[seed].is_some() {
                continue;
            }
            let path = sweep.folder().join(sweep.run_of(trial, seed).0);
            let Ok(run) = RunDir::open(&path) else { return Ok(Next::Run { trial, seed }) };
            if run.is_locked() {
                busy = Some(path);
                continue;
            }
            let manifest = Manifest::load(&run.manifest())?;
            if !manifest.extended_at.is_empty() {
                return Err(TrainError::Unfit(format!(
                    "{} was trained further than this sweep asks: move it away, and the trial is made anew",
                    path.display()
                )));
            }
            match manifest.outcome {
                Outcome::Finished => {
                    if let Some(done) = sweep.finish(trial, seed)? {
                        tell(Told::Trial(done));
                    }
                }
                _ => return Ok(Next::Run { trial, seed }),
            }
        }
        trial += 1;
    }
}

/// Takes in what a process came to.
fn end(
    sweep: &mut Sweep,
    job: &Job,
    status: ExitStatus,
    stopping: bool,
    tell: &mut dyn FnMut(Told<'_>),
) -> Result<(), TrainError> {
    let Job { trial, seed, log, .. } = job;
    let run = sweep.folder().join(sweep.run_of(*trial, *seed).0);
    let finished = || {
        let run = RunDir::open(&run).ok()?;
        Some(Manifest::load(&run.manifest()).ok()?.outcome == Outcome::Finished)
    };
    if sweep.trials()[*trial].state == State::Failed {
        // Another of its seeds failed.
        return Ok(());
    }
    if status.success() && finished() == Some(true) {
        if let Some(done) = sweep.finish(*trial, *seed)? {
            tell(Told::Trial(done));
        }
        return Ok(());
    }
    if stopping {
        return Ok(());
    }
    let text = fs::read_to_string(log).unwrap_or_default();
    let error = text.lines().rev().find_map(|line| line.strip_prefix("error: ")).map(str::to_owned);
    let ended = || match status.signal() {
        Some(signal) => format!("its process was ended by signal {signal} (see {})", log.display()),
        None => format!("{status} (see {})", log.display()),
    };
    tell(Told::Trial(sweep.fail(*trial, error.unwrap_or_else(ended))?));
    Ok(())
}
