//! The other processes of a run, where rank 0 starts them on its machine.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::error::ParallelError;
use super::world::World;

/// Set for processes that rank 0 has started: they end with it.
const STARTED: &str = "CARTWHEEL_STARTED_BY_RANK_0";
/// How long processes that are to end may take to.
const GRACE: Duration = Duration::from_secs(5);
/// How long it takes until a process whose connection is closed has ended.
const END: Duration = Duration::from_secs(2);
/// How often they are looked at: by who waits for them, and by who watches over them.
const PAUSE: Duration = Duration::from_millis(10);
const ROUND: Duration = Duration::from_millis(200);

/// See the module's documentation. Those that still run when it is dropped are killed.
#[derive(Debug, Default)]
pub(super) struct Workers(Arc<Mutex<Vec<Worker>>>);

#[derive(Debug)]
struct Worker {
    rank: usize,
    child: Child,
    /// Passes on what it says, and answers its error, if it told one.
    listener: Option<JoinHandle<Option<String>>>,
}

impl Workers {
    /// Starts the ranks from 1 on of `world`, which are all on this machine: `program` with `args` each.
    /// One that fails makes `stop` true.
    pub(super) fn start(
        program: &Path,
        args: &[OsString],
        world: &World,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, ParallelError> {
        let mut workers = Vec::new();
        for rank in 1..world.size {
            let variables = [
                ("RANK", rank.to_string()),
                ("LOCAL_RANK", rank.to_string()),
                ("WORLD_SIZE", world.size.to_string()),
                ("LOCAL_WORLD_SIZE", world.local_size.to_string()),
                ("MASTER_ADDR", world.host.clone()),
                ("MASTER_PORT", world.port.to_string()),
                (STARTED, "1".into()),
            ];
            // In a group of its own, so that Ctrl-C reaches it by way of rank 0. Its stdin ends with rank 0.
            let child = Command::new(program)
                .args(args)
                .envs(variables)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .process_group(0)
                .spawn();
            let failed =
                |error| ParallelError::Apart(format!("cannot start {} for rank {rank}: {error}", program.display()));
            let mut child = child.map_err(failed)?;
            let stderr = child.stderr.take();
            let listener = std::thread::Builder::new().name(format!("rank-{rank}")).spawn(move || listen(rank, stderr));
            workers.push(Worker { rank, child, listener: listener.ok() });
        }
        let workers = Self(Arc::new(workers.into()));
        workers.watch_over(stop);
        Ok(workers)
    }

    fn watch_over(&self, stop: Arc<AtomicBool>) {
        let workers = Arc::downgrade(&self.0);
        let watch = move || {
            while let Some(workers) = workers.upgrade() {
                if workers.lock().is_ok_and(|mut workers| workers.iter_mut().any(Worker::has_failed)) {
                    return stop.store(true, Ordering::Relaxed);
                }
                drop(workers);
                std::thread::sleep(ROUND);
            }
        };
        // Without it a run that a viewer holds ends when it is let go.
        let _ = std::thread::Builder::new().name("ranks".into()).spawn(watch);
    }

    /// The first process that has failed.
    pub(super) fn first_failed(&self) -> Option<ParallelError> {
        let mut workers = self.0.lock().ok()?;
        workers.iter_mut().find_map(|worker| worker.has_failed().then(|| worker.cause()))
    }

    /// What became of the process `rank`, once its connection is closed.
    pub(super) fn fate(&self, rank: usize) -> Option<ParallelError> {
        let mut workers = self.0.lock().ok()?;
        let worker = workers.iter_mut().find(|worker| worker.rank == rank)?;
        worker.ends_within(END).then(|| worker.cause())
    }

    /// Waits for all of them, and kills those that take too long.
    pub(super) fn wait(&self) {
        let until = Instant::now() + GRACE;
        for worker in self.0.lock().iter_mut().flat_map(|workers| workers.iter_mut()) {
            worker.ends_within(until.saturating_duration_since(Instant::now()));
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // Whoever else looks at them meanwhile.
        if let Ok(mut workers) = self.0.lock() {
            workers.clear();
        }
    }
}

impl Worker {
    /// Whether it has ended otherwise than in order: to its end, or because a signal asked it to stop.
    fn has_failed(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(status)) if !matches!(status.code(), Some(0 | 130 | 143)))
    }

    fn ends_within(&mut self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        loop {
            match self.child.try_wait() {
                Ok(None) if Instant::now() < until => std::thread::sleep(PAUSE),
                Ok(None) => return false,
                Ok(Some(_)) | Err(_) => return true,
            }
        }
    }

    /// Why it ended.
    fn cause(&mut self) -> ParallelError {
        let said = self.listener.take().and_then(|listener| listener.join().ok().flatten());
        let rank = self.rank;
        if let Some(error) = said {
            return ParallelError::Failed { rank, error };
        }
        let how = match self.child.wait() {
            Ok(status) => match status.signal() {
                Some(signal) => format!("its process was ended by signal {signal}"),
                None => format!("its process ended with {status}"),
            },
            Err(error) => format!("its process cannot be waited for: {error}"),
        };
        ParallelError::Gone { rank, how }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Passes on what a process says on stderr, with its rank, but for its error, which is answered.
fn listen(rank: usize, stderr: Option<ChildStderr>) -> Option<String> {
    let mut error: Option<String> = None;
    for line in BufReader::new(stderr?).lines().map_while(Result::ok) {
        match (&mut error, line.strip_prefix("error: ")) {
            (None, Some(first)) => error = Some(first.to_owned()),
            (Some(error), _) => *error += &format!("\n{line}"),
            (None, None) => {
                let _ = writeln!(std::io::stderr(), "rank {rank}: {line}");
            }
        }
    }
    error
}

/// In a process that rank 0 started: ends it when rank 0 has ended, however that came.
pub(super) fn end_with_rank_0() {
    if std::env::var_os(STARTED).is_none() {
        return;
    }
    // Without the thread it ends when it finds the connection closed.
    let _ = std::thread::Builder::new().name("rank-0".into()).spawn(|| {
        let mut nothing = [0; 16];
        while matches!(std::io::stdin().read(&mut nothing), Ok(read) if read > 0) {}
        std::process::exit(1);
    });
}
