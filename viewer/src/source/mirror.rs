//! A run on another machine, of which there is no folder here: its files are read over the connection into a temporary
//! one, and everything else is as if it had been here.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cartwheel_trainer::run::{RunDir, write_atomic};
use cartwheel_trainer::supervised::is_fit;
use cartwheel_trainer::watch::{Connection, Reply, Request, RunFile, VERSION, WatchError, WatchFile};
use tempfile::TempDir;

use crate::window::ViewerError;

/// Bytes that are asked for at a time.
const PART: u32 = 1 << 20;
/// Between looks at what was added.
const LOOK: Duration = Duration::from_millis(100);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between attempts to connect again.
const RETRY: Duration = Duration::from_secs(1);
/// Between copies of the files that are replaced as a whole.
const REPLACED_EVERY: Duration = Duration::from_secs(2);

/// By it the window attaches to the run, too.
const WATCH: &str = "watch.json";
/// Files that only grow.
const LOGS: [RunFile; 3] = [RunFile::Metrics, RunFile::Episodes, RunFile::EpisodeIndex];
/// Files that are replaced.
const WHOLE: [RunFile; 4] = [RunFile::Config, RunFile::Manifest, RunFile::LatestWeights, RunFile::BestWeights];

/// A copy of a run's folder that follows it. The folder goes when this does.
#[derive(Debug)]
pub(crate) struct Mirror {
    /// The folder that the copy is in.
    folder: TempDir,
    name: String,
}

impl Mirror {
    /// Begins to copy the run that listens at `address`: its configuration is here when this returns.
    ///
    /// # Errors
    /// If the run does not let this viewer in, or there is no room for the copy.
    pub(crate) fn start(address: SocketAddr, token: &str) -> Result<Self, ViewerError> {
        let refused = |error: WatchError| ViewerError::Nothing(error.to_string());
        let file = WatchFile { protocol: VERSION, address, token: token.to_owned(), pid: 0 };
        let mut connection = Connection::to(&file).map_err(refused)?;
        let name = match connection.receive(PATIENCE).map_err(refused)? {
            Some(Reply::Welcome(welcome)) => plain(&welcome.run),
            _ => return Err(ViewerError::Nothing(format!("the run at {address} did not say what it is"))),
        };
        let folder = tempfile::tempdir()?;
        let path = folder.path().join(&name);
        fs::create_dir_all(path.join("checkpoints"))?;
        let mut copy = Copy::new(file, connection, path);
        copy.replace_all().map_err(refused)?;
        if is_fit(&copy.path.join("config.toml")) {
            copy.whole.push(RunFile::Samples);
            copy.replace(RunFile::Samples).map_err(refused)?;
        }
        copy.show_live()?;
        std::thread::Builder::new().name("run-mirror".to_owned()).spawn(move || copy.follow())?;
        Ok(Self { folder, name })
    }

    /// The copy.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join(&self.name)
    }
}

/// A folder's name that leads nowhere else.
fn plain(name: &str) -> String {
    let allowed = |c: &char| c.is_alphanumeric() || "-_.".contains(*c);
    let plain: String = name.chars().filter(allowed).take(120).collect();
    let plain = plain.trim_start_matches('.');
    if plain.is_empty() { "run".to_owned() } else { plain.to_owned() }
}

/// The copying.
struct Copy {
    /// Where the run listens.
    file: WatchFile,
    connection: Connection,
    path: PathBuf,
    /// Files that are replaced: [`WHOLE`], and the samples of a model that is fitted to data.
    whole: Vec<RunFile>,
    /// Which version of each was copied.
    versions: BTreeMap<RunFile, Version>,
    /// How much of each log was.
    lengths: [u64; LOGS.len()],
    /// Whether the run said farewell: its files are as they will stay.
    ended: bool,
}

/// Tells one version of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version {
    length: u64,
    modified: u64,
}

impl Copy {
    /// Of nothing yet, into the folder `path`.
    fn new(file: WatchFile, connection: Connection, path: PathBuf) -> Self {
        let (whole, lengths) = (WHOLE.to_vec(), [0; LOGS.len()]);
        Self { file, connection, path, whole, versions: BTreeMap::new(), lengths, ended: false }
    }

    /// Has the window attach to the run, too.
    fn show_live(&self) -> io::Result<()> {
        fs::write(self.path.join(WATCH), serde_json::to_vec(&self.file).map_err(io::Error::other)?)
    }

    /// Copies until the run has ended and all is here, or the folder is gone. While the connection is down, as when a tunnel is or
    /// this machine slept, the run is one that does not live.
    fn follow(mut self) {
        loop {
            // While this is held, readers of the folder know that the run is alive.
            let lock = RunDir::open(&self.path).and_then(|run| run.lock());
            if let Err(error) = &lock {
                tracing::warn!("{error}");
            }
            let end = self.copy_to_the_end();
            // Nobody listens there any more.
            let _ = fs::remove_file(self.path.join(WATCH));
            drop(lock);
            match end {
                Err(WatchError::Lost(_) | WatchError::Silent) if !self.ended && self.reconnect() => {}
                Ok(()) | Err(WatchError::Lost(_)) => return,
                Err(error) => return tracing::warn!("the copy of the run ended: {error}"),
            }
        }
    }

    /// Waits for another connection in the place of the one that was lost. False once that cannot be: the folder is gone, or the
    /// run that listens there is another, or none that is understood.
    fn reconnect(&mut self) -> bool {
        while self.path.is_dir() {
            match Connection::to(&self.file) {
                Ok(connection) => {
                    self.connection = connection;
                    return self.show_live().is_ok();
                }
                Err(WatchError::WrongToken(_) | WatchError::OtherVersion { .. }) => return false,
                Err(_) => std::thread::sleep(RETRY),
            }
        }
        false
    }

    fn copy_to_the_end(&mut self) -> Result<(), WatchError> {
        let mut replaced = Instant::now();
        loop {
            // What is copied from now on is the last there is.
            let last = self.ended;
            let more = self.append_all()?;
            if last || replaced.elapsed() > REPLACED_EVERY {
                self.replace_all()?;
                replaced = Instant::now();
            }
            if last && !more {
                return Ok(());
            }
            if !more && !self.ended {
                std::thread::sleep(LOOK);
            }
        }
    }

    /// Adds what the logs have gained. Whether there is more.
    fn append_all(&mut self) -> Result<bool, WatchError> {
        (0..LOGS.len()).try_fold(false, |more, log| Ok(self.append(log)? | more))
    }

    fn append(&mut self, log: usize) -> Result<bool, WatchError> {
        let (file, length) = (LOGS[log], self.lengths[log]);
        let (Version { length: whole, .. }, bytes) = self.read(file, length, PART)?;
        if whole < length {
            // A run that was resumed cut its logs: they are copied anew.
            self.lengths[log] = 0;
            self.write(file, |path| fs::write(path, []))?;
            return Ok(true);
        }
        if !bytes.is_empty() {
            self.write(file, |path| OpenOptions::new().create(true).append(true).open(path)?.write_all(&bytes))?;
            self.lengths[log] += bytes.len() as u64;
        }
        Ok(self.lengths[log] < whole)
    }

    fn replace_all(&mut self) -> Result<(), WatchError> {
        (0..self.whole.len()).try_for_each(|at| self.replace(self.whole[at]))
    }

    /// Copies a file as it is now, if it is there and is another than was copied last.
    fn replace(&mut self, file: RunFile) -> Result<(), WatchError> {
        let (mut version, _) = self.read(file, 0, 0)?;
        if self.versions.get(&file) == Some(&version) {
            return Ok(());
        }
        let mut copied = Vec::new();
        while (copied.len() as u64) < version.length {
            let (now, bytes) = self.read(file, copied.len() as u64, PART)?;
            if now != version {
                // It was replaced meanwhile: parts of both are neither.
                (version, copied) = (now, Vec::new());
            } else if bytes.is_empty() {
                return Ok(());
            } else {
                copied.extend_from_slice(&bytes);
            }
        }
        if !copied.is_empty() {
            self.write(file, |path| write_atomic(path, |out| out.write_all(&copied)).map(drop))?;
            self.versions.insert(file, version);
        }
        Ok(())
    }

    /// A part of a file, and which version of it that is of.
    fn read(&mut self, file: RunFile, offset: u64, limit: u32) -> Result<(Version, Vec<u8>), WatchError> {
        self.connection.send(&Request::Read { file, offset, limit })?;
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            match self.connection.receive(PATIENCE)? {
                Some(Reply::Bytes { file: of, offset: from, length, modified, bytes })
                    if (of, from) == (file, offset) =>
                {
                    return Ok((Version { length, modified }, bytes));
                }
                // What was asked for still comes.
                Some(Reply::Ended) => self.ended = true,
                _ => {}
            }
        }
        Err(WatchError::Lost("the run does not answer".to_owned()))
    }

    fn write(&self, file: RunFile, write: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), WatchError> {
        let path = self.path.join(name(file));
        write(&path).map_err(|error| WatchError::File { file: path.clone(), problem: error.to_string() })
    }
}

/// Where a file is in a run's folder.
fn name(file: RunFile) -> &'static str {
    match file {
        RunFile::Config => "config.toml",
        RunFile::Manifest => "run.json",
        RunFile::Metrics => "metrics.jsonl",
        RunFile::Episodes => "episodes.bin",
        RunFile::EpisodeIndex => "episodes.idx",
        RunFile::LatestWeights => "checkpoints/latest.safetensors",
        RunFile::BestWeights => "checkpoints/best.safetensors",
        RunFile::Samples => "samples.bin",
    }
}

#[cfg(test)]
#[path = "mirror_tests.rs"]
mod tests;
