//! A run on another machine, of which there is no folder here: its files are read over the connection into a temporary
//! one, and everything else is as if it had been here.

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
/// Between copies of the files that are replaced as a whole.
const REPLACED_EVERY: Duration = Duration::from_secs(2);

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
        let refused = |error: WatchError| match error {
            WatchError::Nobody { address, .. } => ViewerError::Nothing(format!(
                "nobody answers at {address}: does the run still train, and is its port forwarded (ssh -L)?"
            )),
            other => ViewerError::Nothing(other.to_string()),
        };
        let file = WatchFile { protocol: VERSION, address, token: token.to_owned(), pid: 0 };
        let mut connection = Connection::to(&file).map_err(refused)?;
        let name = match connection.receive(PATIENCE).map_err(refused)? {
            Some(Reply::Welcome(welcome)) => plain(&welcome.run),
            _ => return Err(ViewerError::Nothing(format!("the run at {address} did not say what it is"))),
        };
        let folder = tempfile::tempdir()?;
        let path = folder.path().join(&name);
        fs::create_dir_all(path.join("checkpoints"))?;
        let mut copy = Copy { connection, path, whole: WHOLE.to_vec() };
        for file in WHOLE {
            copy.replace(file).map_err(refused)?;
        }
        if is_fit(&copy.path.join("config.toml")) {
            copy.whole.push(RunFile::Samples);
            copy.replace(RunFile::Samples).map_err(refused)?;
        }
        fs::write(copy.path.join("watch.json"), serde_json::to_vec(&file).map_err(io::Error::other)?)?;
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
    connection: Connection,
    path: PathBuf,
    /// Files that are replaced: [`WHOLE`], and the samples of a model that is fitted to data.
    whole: Vec<RunFile>,
}

impl Copy {
    /// Copies until the run ends, its connection does, or the folder is gone.
    fn follow(mut self) {
        // While this is held, readers of the folder know that the run is alive.
        let lock = RunDir::open(&self.path).and_then(|run| run.lock());
        if let Err(error) = &lock {
            tracing::warn!("{error}");
        }
        let mut lengths = [0; LOGS.len()];
        let mut replaced = Instant::now();
        let ended = loop {
            let copied = LOGS
                .iter()
                .zip(&mut lengths)
                .try_fold(false, |more, (file, length)| self.append(*file, length).map(|appended| more | appended));
            let whole = replaced.elapsed() > REPLACED_EVERY;
            if whole {
                replaced = Instant::now();
            }
            let files = if whole { self.whole.clone() } else { Vec::new() };
            let replaced = files.into_iter().try_for_each(|file| self.replace(file));
            match copied.and_then(|more| replaced.map(|()| more)) {
                Ok(true) => {}
                Ok(false) => std::thread::sleep(LOOK),
                Err(error) => break error,
            }
        };
        if !matches!(ended, WatchError::Lost(_)) {
            tracing::warn!("the copy of the run ended: {ended}");
        }
    }

    /// Adds what a log has gained. Whether there is more.
    fn append(&mut self, file: RunFile, length: &mut u64) -> Result<bool, WatchError> {
        let (whole, bytes) = self.read(file, *length)?;
        if whole < *length {
            // A run that was resumed cut its logs: they are copied anew.
            *length = 0;
            self.write(file, |path| fs::write(path, []))?;
            return Ok(true);
        }
        if !bytes.is_empty() {
            self.write(file, |path| OpenOptions::new().create(true).append(true).open(path)?.write_all(&bytes))?;
            *length += bytes.len() as u64;
        }
        Ok(*length < whole)
    }

    /// Copies a file as it is now, if it is there.
    fn replace(&mut self, file: RunFile) -> Result<(), WatchError> {
        let mut copied = Vec::new();
        loop {
            let (whole, bytes) = self.read(file, copied.len() as u64)?;
            copied.extend_from_slice(&bytes);
            if bytes.is_empty() || copied.len() as u64 >= whole {
                break;
            }
        }
        if copied.is_empty() {
            return Ok(());
        }
        self.write(file, |path| write_atomic(path, |out| out.write_all(&copied)).map(drop))
    }

    /// A part of a file, and the file's length.
    fn read(&mut self, file: RunFile, offset: u64) -> Result<(u64, Vec<u8>), WatchError> {
        self.connection.send(&Request::Read { file, offset, limit: PART })?;
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            match self.connection.receive(PATIENCE)? {
                Some(Reply::Bytes { file: of, offset: from, length, bytes }) if (of, from) == (file, offset) => {
                    return Ok((length, bytes));
                }
                Some(Reply::Ended) => break,
                _ => {}
            }
        }
        Err(WatchError::Lost("the run has ended".to_owned()))
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
mod tests {
    use super::*;

    #[test]
    fn a_runs_name_leads_nowhere_else() {
        assert_eq!(plain("CartPole-v1-dqn-s1"), "CartPole-v1-dqn-s1");
        assert_eq!(plain("../../etc/passwd"), "etcpasswd");
        assert_eq!(plain(".."), "run");
    }
}
