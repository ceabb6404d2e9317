//! The one thread that writes a run's logs, so that training never waits for a disk that is merely slow.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use serde::{Deserialize, Serialize};

use super::dir::RunDir;
use super::episodes::{EpisodeLog, EpisodeRecord};
use super::error::RunError;
use super::metrics::{MetricsLog, MetricsRow};
use super::row_log::{ExtraLogs, RowLog};
use super::tensorboard::TensorBoard;

/// How old a row gets before it can be read: while nobody is known to watch, and while somebody does.
const FLUSH_EVERY: Duration = Duration::from_secs(1);
const FLUSH_HURRIED: Duration = Duration::from_millis(50);
/// How many messages may wait. Short episodes of many environments end in bursts; past this, the sender waits.
const QUEUE: usize = 4096;

/// How long the logs were at a checkpoint: what follows is cut when a run resumes from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPositions {
    /// Bytes of `metrics.jsonl`.
    pub metrics: u64,
    /// Bytes of `episodes.bin`.
    pub episodes: u64,
    /// Bytes of `episodes.idx`.
    pub index: u64,
}

/// Writes a run's logs on a thread of its own.
///
/// A disk that is full, or gone, does not stop training: each file's first failure is warned about, what could not be
/// written is tried again at each flush, and [`RunWriter::finish`] tells.
#[derive(Debug)]
pub struct RunWriter {
    folder: PathBuf,
    /// Whether somebody waits for rows.
    hurried: Arc<AtomicBool>,
    /// The channel and the thread at its other end; none once finished.
    thread: Option<(Sender<Message>, JoinHandle<Option<RunError>>)>,
}

/// What the thread is told.
enum Message {
    Metrics(MetricsRow),
    Episode(EpisodeRecord),
    /// Bring everything to the disk, and answer where the logs end.
    Sync(Sender<LogPositions>),
    /// The run has come to its end; without this message it failed.
    End,
}

impl RunWriter {
    /// Starts the logs of a run that begins; what a run that was killed before its first checkpoint left is removed.
    pub fn start(run: &RunDir, extra: &ExtraLogs) -> Result<Self, RunError> {
        Self::spawn(run, None, extra)
    }

    /// Goes on with the logs of a run that resumes from a checkpoint, at its step and positions.
    pub fn resume(run: &RunDir, step: u64, positions: LogPositions, extra: &ExtraLogs) -> Result<Self, RunError> {
        Self::spawn(run, Some((step, positions)), extra)
    }

    /// Writes nothing, of a run that another process writes.
    pub(crate) fn of_another(run: &RunDir) -> Self {
        Self { folder: run.path().to_owned(), hurried: Arc::default(), thread: None }
    }

    fn spawn(run: &RunDir, resume: Option<(u64, LogPositions)>, extra: &ExtraLogs) -> Result<Self, RunError> {
        let logs = Logs::open(run, resume, extra)?;
        let (sender, receiver) = bounded(QUEUE);
        let hurried = Arc::<AtomicBool>::default();
        let also = hurried.clone();
        let thread = std::thread::Builder::new()
            .name("run-writer".to_owned())
            .spawn(move || write_all(logs, &receiver, &also))
            .map_err(RunError::io("start the writer of", run.path()))?;
        Ok(Self { folder: run.path().to_owned(), hurried, thread: Some((sender, thread)) })
    }

    /// Whether rows can be read within a twentieth of a second from now on, instead of within a second.
    pub fn hurry(&self, hurried: bool) {
        self.hurried.store(hurried, Ordering::Relaxed);
    }

    /// Writes a row to `metrics.jsonl` and all other logs of metrics.
    pub fn metrics(&self, row: MetricsRow) {
        self.send(Message::Metrics(row));
    }

    /// Writes an episode.
    pub fn episode(&self, record: EpisodeRecord) {
        self.send(Message::Episode(record));
    }

    /// Waits until everything sent so far is on the disk, as far as the disk takes it, and answers where the logs end:
    /// for the checkpoint that is about to be written.
    pub fn sync(&self) -> Result<LogPositions, RunError> {
        let (reply, answer) = bounded(1);
        self.send(Message::Sync(reply));
        answer.recv().map_err(|_| RunError::WriterGone { path: self.folder.clone() })
    }

    /// Writes what is left and ends the thread. An error is the first failure since the start, even where a later
    /// attempt made up for it.
    pub fn finish(mut self) -> Result<(), RunError> {
        self.send(Message::End);
        self.join()
    }

    /// A thread that is gone is told of by `sync` and `finish`; training goes on without its logs.
    fn send(&self, message: Message) {
        if let Some((sender, _)) = &self.thread {
            let _ = sender.send(message);
        }
    }

    fn join(&mut self) -> Result<(), RunError> {
        let Some((sender, thread)) = self.thread.take() else { return Ok(()) };
        drop(sender);
        match thread.join() {
            Ok(None) => Ok(()),
            Ok(Some(failure)) => Err(failure),
            Err(_) => Err(RunError::WriterGone { path: self.folder.clone() }),
        }
    }
}

impl Drop for RunWriter {
    /// As [`RunWriter::finish`], of a run that failed; what went wrong with the logs was warned about when it happened.
    fn drop(&mut self) {
        let _ = self.join();
    }
}

/// The thread: until all senders are gone.
fn write_all(mut logs: Logs, messages: &Receiver<Message>, hurried: &AtomicBool) -> Option<RunError> {
    let pause = || if hurried.load(Ordering::Relaxed) { FLUSH_HURRIED } else { FLUSH_EVERY };
    let mut next_flush = Instant::now() + pause();
    loop {
        match messages.recv_deadline(next_flush) {
            Ok(message) => logs.take(message),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if Instant::now() >= next_flush {
            logs.flush();
            next_flush = Instant::now() + pause();
        }
    }
    logs.end();
    logs.sync();
    logs.faults.first
}

/// The logs, and what went wrong with them.
struct Logs {
    metrics: MetricsLog,
    /// The same metrics for other tools.
    others: Vec<Box<dyn RowLog>>,
    episodes: EpisodeLog,
    failed: bool,
    faults: Faults,
}

impl Logs {
    fn open(run: &RunDir, resume: Option<(u64, LogPositions)>, extra: &ExtraLogs) -> Result<Self, RunError> {
        let keep_metrics = resume.map(|(_, positions)| positions.metrics);
        let keep_episodes = resume.map(|(_, positions)| (positions.episodes, positions.index));
        if resume.is_none() {
            TensorBoard::remove_all(run.path()).map_err(RunError::io("clear event files in", run.path()))?;
        }
        let metrics = MetricsLog::open(&run.metrics(), keep_metrics).map_err(RunError::io("open", &run.metrics()))?;
        let board = TensorBoard::open(run.path(), resume.map(|(step, _)| step))
            .map_err(RunError::io("make an event file in", run.path()))?;
        let mut others: Vec<Box<dyn RowLog>> = vec![Box::new(board)];
        others.append(&mut extra.open(run)?);
        let episodes = EpisodeLog::open(run.path(), keep_episodes).map_err(RunError::io("open", &run.episodes()))?;
        Ok(Self { metrics, others, episodes, failed: true, faults: Faults::default() })
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Metrics(row) => {
                self.faults.note(self.metrics.append(&row), self.metrics.path());
                self.each(|log| log.append(&row));
            }
            Message::Episode(record) => {
                self.faults.note(self.episodes.append(&record), self.episodes.path());
            }
            Message::Sync(reply) => {
                self.sync();
                // The asker may have given up; that is no concern of the logs.
                let _ = reply.send(self.positions());
            }
            Message::End => self.failed = false,
        }
    }

    fn each(&mut self, act: impl Fn(&mut dyn RowLog) -> io::Result<()>) {
        for log in &mut self.others {
            self.faults.note(act(log.as_mut()), log.file().path());
        }
    }

    fn flush(&mut self) {
        self.faults.note(self.metrics.flush(), self.metrics.path());
        self.each(|log| log.file().flush());
        self.faults.note(self.episodes.flush(), self.episodes.path());
    }

    fn sync(&mut self) {
        self.faults.note(self.metrics.sync(), self.metrics.path());
        self.each(|log| log.file().sync());
        self.faults.note(self.episodes.sync(), self.episodes.path());
    }

    fn end(&mut self) {
        let failed = self.failed;
        self.each(|log| log.end(failed));
    }

    fn positions(&self) -> LogPositions {
        let (episodes, index) = self.episodes.bytes();
        LogPositions { metrics: self.metrics.bytes(), episodes, index }
    }
}

/// Failures that are lived with: each file's first is warned about, the very first is kept.
#[derive(Default)]
struct Faults {
    first: Option<RunError>,
    warned: BTreeSet<PathBuf>,
}

impl Faults {
    fn note(&mut self, result: io::Result<()>, path: &Path) {
        let Err(cause) = result else { return };
        if self.warned.insert(path.to_owned()) {
            let error = RunError::io("write", path)(cause);
            tracing::warn!("{error} (training goes on, and writing is tried again)");
            self.first.get_or_insert(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{ActionLog, Episodes};
    use std::os::unix::fs::symlink;

    fn run() -> (tempfile::TempDir, RunDir) {
        let runs = tempfile::tempdir().unwrap();
        let run = RunDir::create(runs.path(), "a", &|_| Ok(())).unwrap();
        (runs, run)
    }

    fn row(step: u64) -> MetricsRow {
        MetricsRow { step, metrics: [("train/loss".to_owned(), 0.5)].into(), ..MetricsRow::default() }
    }

    fn episode(start_step: u64) -> EpisodeRecord {
        EpisodeRecord {
            env: 0,
            episode: 0,
            start_step,
            generator: [1, 2, 3, 4],
            policy_version: 0,
            return_: 1.0,
            terminated: true,
            truncated: false,
            actions: ActionLog::Discrete(vec![1, 0]),
            info: [("is_success".to_owned(), 1.0)].into(),
        }
    }

    fn steps(run: &RunDir) -> (Vec<u64>, Vec<u64>) {
        (
            MetricsLog::read(&run.metrics()).unwrap().iter().map(|row| row.step).collect(),
            Episodes::open(run.path()).unwrap().index().iter().map(|entry| entry.start_step).collect(),
        )
    }

    fn log(writer: &RunWriter, steps: &[u64]) {
        for step in steps {
            writer.metrics(row(*step));
            writer.episode(episode(*step));
        }
    }

    #[test]
    fn resuming_cuts_what_came_after_the_checkpoint() {
        let (_runs, run) = run();
        let writer = RunWriter::start(&run, &ExtraLogs::default()).unwrap();
        log(&writer, &[1, 2]);
        let positions = writer.sync().unwrap();
        assert_eq!(steps(&run), (vec![1, 2], vec![1, 2]));
        log(&writer, &[3, 4]);
        writer.finish().unwrap();
        assert_eq!(steps(&run), (vec![1, 2, 3, 4], vec![1, 2, 3, 4]));

        let writer = RunWriter::resume(&run, 2, positions, &ExtraLogs::default()).unwrap();
        log(&writer, &[5]);
        drop(writer);
        assert_eq!(steps(&run), (vec![1, 2, 5], vec![1, 2, 5]));

        // Killed before the first checkpoint: from the start again.
        let event_files = || {
            let names = std::fs::read_dir(run.path()).unwrap().map(|entry| entry.unwrap().file_name());
            names.filter(|name| name.to_string_lossy().starts_with("events.")).count()
        };
        assert_eq!(event_files(), 2);
        RunWriter::start(&run, &ExtraLogs::default()).unwrap().finish().unwrap();
        assert_eq!(steps(&run), (vec![], vec![]));
        assert_eq!(event_files(), 1);
    }

    #[test]
    fn a_watcher_sees_rows_within_a_second_or_so() {
        let (_runs, run) = run();
        let writer = RunWriter::start(&run, &ExtraLogs::default()).unwrap();
        log(&writer, &[1]);
        let start = Instant::now();
        while steps(&run) != (vec![1], vec![1]) {
            assert!(start.elapsed() < 20 * FLUSH_EVERY);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn a_full_disk_does_not_stop_the_run() {
        let (_runs, run) = run();
        symlink("/dev/full", run.metrics()).unwrap();
        let writer = RunWriter::start(&run, &ExtraLogs::default()).unwrap();
        log(&writer, &[1, 2]);
        let positions = writer.sync().unwrap();
        assert!(positions.metrics > 0);
        log(&writer, &[3]);
        let error = writer.finish().unwrap_err().to_string();
        assert!(error.contains("metrics.jsonl") && error.contains("free some space"), "{error}");
        assert_eq!(Episodes::open(run.path()).unwrap().index().len(), 3);
    }

    #[test]
    fn each_file_is_warned_about_once() {
        let (_runs, run) = run();
        symlink("/dev/full", run.metrics()).unwrap();
        symlink("/dev/full", run.episodes()).unwrap();
        let warnings = Warnings::default();
        tracing::subscriber::with_default(warnings.clone(), || {
            let mut logs = Logs::open(&run, None, &ExtraLogs::default()).unwrap();
            for step in 0..3 {
                logs.take(Message::Metrics(row(step)));
                logs.take(Message::Episode(episode(step)));
                logs.flush();
            }
        });
        assert_eq!(warnings.0.load(std::sync::atomic::Ordering::Relaxed), 2);
    }

    #[test]
    fn a_log_that_cannot_be_opened_is_told_at_the_start() {
        let (_runs, run) = run();
        std::fs::create_dir(run.metrics()).unwrap();
        let error = RunWriter::start(&run, &ExtraLogs::default()).unwrap_err().to_string();
        assert!(error.contains("metrics.jsonl"), "{error}");
    }

    /// Counts the events that are sent to it.
    #[derive(Clone, Default)]
    struct Warnings(std::sync::Arc<std::sync::atomic::AtomicUsize>);

    impl tracing::Subscriber for Warnings {
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }
        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
        fn event(&self, event: &tracing::Event<'_>) {
            assert_eq!(*event.metadata().level(), tracing::Level::WARN);
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        fn enter(&self, _: &tracing::span::Id) {}
        fn exit(&self, _: &tracing::span::Id) {}
    }
}
