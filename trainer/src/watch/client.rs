//! A viewer's end of a connection.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::protocol::{Reply, Request, SILENCE, VERSION, Verdict, WatchFile};
use super::wire::{self, ANSWER, Inbox, WireError};

/// How long a run may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// Who has said nothing for so long says that it is there.
const PING: Duration = Duration::from_secs(1);

/// Why a viewer and a run do not come together, or no longer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// There is no `watch.json`.
    #[error("the run in {} is not live: it has no watch.json (it has ended, or trains with run.watch = false)", .0.display())]
    NotLive(PathBuf),
    /// `watch.json` cannot be read.
    #[error("{} cannot be read, {problem}: only the user who trains may attach", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Nobody listens.
    #[error(
        "nobody answers at {address}: the run in {run} (process {pid}) was killed; `cartwheel train --resume {run}`, of a fit `cartwheel fit`, goes on with it",
        run = run.display()
    )]
    Nobody {
        /// The run's folder; empty where only an address is known.
        run: PathBuf,
        /// Where.
        address: SocketAddr,
        /// The process that listened.
        pid: u32,
    },
    /// The same where the run is on another machine.
    #[error("nobody answers at {0}: does the run still train, and is its port forwarded (ssh -L)?")]
    Unreachable(SocketAddr),
    /// Something else listens.
    #[error("what listens at {0} is not this run: its process was killed, and another program has its port now")]
    Stranger(SocketAddr),
    /// The run is of another version.
    #[error(
        "the run speaks version {found} of the protocol and this program version {VERSION}: use the Cartwheel that trains"
    )]
    OtherVersion {
        /// The run's.
        found: u32,
    },
    /// The token is of another run.
    #[error("the token in watch.json is not that of the run at {0}: open the run's folder again")]
    WrongToken(SocketAddr),
    /// As many viewers as may be are attached.
    #[error("as many viewers as may be are attached already: close one")]
    Full,
    /// The connection ended.
    #[error("the connection to the run ended: {0}")]
    Lost(String),
    /// This process stood still: the run gave it up.
    #[error(
        "this viewer stood still for {} seconds or more: the run went on without it, and let go of what it held (pause, speed limit, ε, environments taken over)",
        SILENCE.as_secs()
    )]
    Silent,
    /// A message that is longer than any may be.
    #[error("a request that is too long to be sent")]
    TooLong,
}

impl WatchFile {
    /// Reads `watch.json`, given the file or the folder of its run.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub fn load(path: &Path) -> Result<Self, WatchError> {
        let file = if path.is_dir() { path.join("watch.json") } else { path.to_owned() };
        let text = match std::fs::read(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(WatchError::NotLive(file.parent().unwrap_or(path).to_owned()));
            }
            text => text.map_err(|error| error.to_string()),
        };
        let parsed = text.and_then(|text| serde_json::from_slice(&text).map_err(|error| error.to_string()));
        parsed.map_err(|problem| WatchError::File { file, problem })
    }
}

/// A viewer's connection to a run.
#[derive(Debug)]
pub struct Connection {
    /// Sends requests.
    pub sender: Sender,
    /// Receives replies.
    pub receiver: Receiver,
}

/// The half of a [`Connection`] that sends.
#[derive(Debug)]
pub struct Sender {
    stream: TcpStream,
    /// When something was sent last.
    last: Instant,
}

/// The half of a [`Connection`] that receives.
#[derive(Debug)]
pub struct Receiver {
    stream: TcpStream,
    inbox: Inbox,
}

impl Connection {
    /// Attaches to the run in the folder `run`.
    ///
    /// # Errors
    /// If it is not live, or does not let this viewer in.
    pub fn open(run: &Path) -> Result<Self, WatchError> {
        Self::to(&WatchFile::load(run)?).map_err(|error| match error {
            WatchError::Nobody { address, pid, .. } => WatchError::Nobody { run: run.to_owned(), address, pid },
            other => other,
        })
    }

    /// Attaches to the run that `file` tells of.
    ///
    /// # Errors
    /// If nobody listens there, or does not let this viewer in.
    pub fn to(file: &WatchFile) -> Result<Self, WatchError> {
        let address = file.address;
        let token = wire::parse_token(&file.token).ok_or(WatchError::WrongToken(address))?;
        let nobody = |_| match file.pid {
            0 => WatchError::Unreachable(address),
            pid => WatchError::Nobody { run: PathBuf::new(), address, pid },
        };
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(nobody)?;
        let lost = |error: io::Error| WatchError::Lost(error.to_string());
        stream.set_nodelay(true).map_err(lost)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(lost)?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(lost)?;
        let mut answer = [0; ANSWER];
        let greeted = stream.write_all(&wire::greeting(&token)).and_then(|()| stream.read_exact(&mut answer));
        // A port that is forwarded takes in who calls, and hangs up if nobody listens at its other end.
        greeted.map_err(|_| {
            if file.pid == 0 { WatchError::Unreachable(address) } else { WatchError::Stranger(address) }
        })?;
        match wire::read_answer(&answer) {
            None => Err(WatchError::Stranger(address)),
            Some((_, Verdict::WrongToken)) => Err(WatchError::WrongToken(address)),
            Some((_, Verdict::Full)) => Err(WatchError::Full),
            Some((VERSION, Verdict::Welcome)) => {
                let sender = Sender { stream: stream.try_clone().map_err(lost)?, last: Instant::now() };
                Ok(Self { sender, receiver: Receiver { stream, inbox: Inbox::default() } })
            }
            Some((found, _)) => Err(WatchError::OtherVersion { found }),
        }
    }

    /// See [`Sender::send`].
    ///
    /// # Errors
    /// As there.
    pub fn send(&mut self, request: &Request) -> Result<(), WatchError> {
        self.sender.send(request)
    }

    /// The next reply; nothing if there is none within `timeout`. The run hears meanwhile that the viewer is there.
    ///
    /// # Errors
    /// If the connection ended, what came is no reply, or this was called so late that the run gave the viewer up.
    pub fn receive(&mut self, timeout: Duration) -> Result<Option<Reply>, WatchError> {
        let by = Instant::now() + timeout;
        loop {
            self.sender.keep_in_touch()?;
            let left = by.saturating_duration_since(Instant::now());
            let reply = self.receiver.receive(left.min(PING))?;
            if reply.is_some() || left <= PING {
                return Ok(reply);
            }
        }
    }
}

impl Sender {
    /// Sends a request.
    ///
    /// # Errors
    /// If the connection ended, or the run has not read for a second.
    pub fn send(&mut self, request: &Request) -> Result<(), WatchError> {
        let message = wire::encode(request).ok_or(WatchError::TooLong)?;
        self.stream.write_all(&message).map_err(|error| WatchError::Lost(error.to_string()))?;
        self.last = Instant::now();
        Ok(())
    }

    /// Says that the viewer is there, if it has not said anything for a while.
    fn keep_in_touch(&mut self) -> Result<(), WatchError> {
        match self.last.elapsed() {
            silence if silence >= SILENCE => Err(WatchError::Silent),
            silence if silence >= PING => self.send(&Request::Ping),
            _ => Ok(()),
        }
    }

    /// Ends the connection, for the other half too.
    pub fn hang_up(&self) {
        // It may have ended already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

impl Receiver {
    /// The next reply; nothing if there is none within `timeout`.
    ///
    /// # Errors
    /// If the connection ended, or what came is no reply.
    pub fn receive(&mut self, timeout: Duration) -> Result<Option<Reply>, WatchError> {
        let timeout = timeout.max(Duration::from_millis(1));
        let lost = |error: &dyn std::fmt::Display| WatchError::Lost(error.to_string());
        self.stream.set_read_timeout(Some(timeout)).map_err(|error| lost(&error))?;
        self.inbox.read(&mut self.stream).map_err(|error: WireError| lost(&error))
    }
}
