//! A connection between two processes: messages behind a kind and a length, and the cause where one has failed.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::net::sockopt;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::ParallelError;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// Who somebody is: see [`Hello`](super::Hello).
    Hello = 1,
    /// Rank 0's answer to all.
    Welcome = 2,
    /// Who somebody is whom rank 0 has told where to go.
    Peer = 3,
    /// Something small of each process.
    Value = 4,
    /// Numbers to be summed.
    Summands = 5,
    /// Their sums.
    Sums = 6,
    /// Numbers of rank 0, or of a stage for the next one or the one before.
    Floats = 7,
    /// Why the process that sends it ends: a [`ParallelError`].
    Failure = 255,
}

impl Kind {
    /// Bytes that such a message has at most.
    fn longest(self) -> u64 {
        match self {
            Self::Hello | Self::Peer | Self::Failure => LONGEST_OF_A_STRANGER,
            _ => LONGEST,
        }
    }
}

/// A kind and a length.
const HEADER: usize = 9;
/// Messages up to this length are written together with their header.
const SHORT: usize = 4 << 10;
/// The longest message of numbers; one of 64 GiB is none of ours.
const LONGEST: u64 = 1 << 36;
/// The longest of a process that is not known yet.
const LONGEST_OF_A_STRANGER: u64 = 1 << 24;
/// For how long a write waits before it looks whether it is wanted still.
const TICK: Duration = Duration::from_millis(200);
/// A message that is read whole grows by this much at a time.
const PIECE: usize = 1 << 20;
/// How long a process that fails waits for others to hear why.
const FAREWELL: Duration = Duration::from_secs(1);
/// Seconds without a word after which the system asks a machine whether it is still there, between two such questions, and how many
/// go unanswered until it is not. A run may stand still for as long as anybody likes.
const KEEPALIVE: (u64, u64, u32) = (30, 10, 3);

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Link {
    /// Of the process at the other end.
    pub(super) rank: usize,
    stream: TcpStream,
}

impl Link {
    /// The process `rank` at the other end of `stream`.
    pub(super) fn new(rank: usize, stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(TICK))?;
        let (idle, between, times) = KEEPALIVE;
        sockopt::set_socket_keepalive(&stream, true)?;
        sockopt::set_tcp_keepidle(&stream, Duration::from_secs(idle))?;
        sockopt::set_tcp_keepintvl(&stream, Duration::from_secs(between))?;
        sockopt::set_tcp_keepcnt(&stream, times)?;
        // The same for what is sent and never acknowledged, of which the system would be patient for a quarter of an hour. Others read
        // what is long at once, as all have said that they are there, so that it lies about in no socket of a run that stands still.
        #[cfg(target_os = "linux")]
        sockopt::set_tcp_user_timeout(&stream, 1000 * (idle + between * u64::from(times)) as u32)?;
        Ok(Self { rank, stream })
    }

    /// The connection itself.
    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends a message.
    pub(super) fn send(&self, kind: Kind, payload: &[u8]) -> io::Result<()> {
        self.send_while(kind, payload, &AtomicBool::new(true))
    }

    /// The same, as long as it is wanted: the other process may have stopped reading, and this one have found out why.
    pub(super) fn send_while(&self, kind: Kind, payload: &[u8], wanted: &AtomicBool) -> io::Result<()> {
        let mut head = [0; HEADER];
        head[0] = kind as u8;
        head[1..].copy_from_slice(&(payload.len() as u64).to_le_bytes());
        if payload.len() <= SHORT {
            return self.write(&[&head, payload].concat(), wanted);
        }
        self.write(&head, wanted)?;
        self.write(payload, wanted)
    }

    fn write(&self, mut bytes: &[u8], wanted: &AtomicBool) -> io::Result<()> {
        while !bytes.is_empty() {
            match (&self.stream).write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Nothing could be written for a while.
                Err(error) if error.kind() == ErrorKind::WouldBlock && wanted.load(Ordering::Relaxed) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits for a message of `kind` and answers its length; what it holds is still to be read.
    pub(super) fn await_length(&self, kind: Kind) -> Result<u64, ParallelError> {
        let mut head = [0; HEADER];
        self.read(&mut head)?;
        let length = u64::from_le_bytes(std::array::from_fn(|at| head[1 + at]));
        match head[0] {
            found if found == kind as u8 && length <= kind.longest() => Ok(length),
            found if found == Kind::Failure as u8 && length <= Kind::Failure.longest() => {
                Err(decode(&self.read_whole(length)?).unwrap_or_else(|| self.gone("it failed, and did not say why")))
            }
            _ => Err(self.gone("it sent what is no message, or another one than was due; please report this as a bug")),
        }
    }

    /// Waits for a message of `kind` that holds `to`'s length in bytes; they are still to be read.
    pub(super) fn await_exactly(&self, kind: Kind, length: usize) -> Result<(), ParallelError> {
        match self.await_length(kind)? {
            found if found == length as u64 => Ok(()),
            found => {
                Err(self.gone(&format!("it sent {found} bytes where {length} were due; please report this as a bug")))
            }
        }
    }

    /// Waits for a message of `kind`, which is a `T`.
    pub(super) fn receive<T: DeserializeOwned>(&self, kind: Kind) -> Result<T, ParallelError> {
        let length = self.await_length(kind)?;
        decode(&self.read_whole(length)?).ok_or_else(|| self.gone("it sent bytes that are no message"))
    }

    /// Waits for a message of `Kind::Value`, whatever it is.
    pub(super) fn receive_bytes(&self) -> Result<Vec<u8>, ParallelError> {
        let length = self.await_length(Kind::Value)?;
        self.read_whole(length)
    }

    /// Waits for a message of numbers.
    pub(super) fn receive_floats(&self) -> Result<Vec<f32>, ParallelError> {
        let bytes = self.await_length(Kind::Floats)? as usize;
        if !bytes.is_multiple_of(size_of::<f32>()) {
            return Err(
                self.gone(&format!("it sent {bytes} bytes where numbers were due; please report this as a bug"))
            );
        }
        let (count, mut floats) = (bytes / size_of::<f32>(), Vec::new());
        while floats.len() < count {
            let had = floats.len();
            floats.resize(count.min(had + PIECE / size_of::<f32>()), 0.0);
            self.read(bytemuck::cast_slice_mut(&mut floats[had..]))?;
        }
        Ok(floats)
    }

    /// Reads nothing more, and ends whoever does.
    pub(super) fn stop_reading(&self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Read);
    }

    /// Fills `to` with what comes next.
    pub(super) fn read(&self, to: &mut [u8]) -> Result<(), ParallelError> {
        (&self.stream).read_exact(to).map_err(|error| self.failed(&error))
    }

    fn read_whole(&self, length: u64) -> Result<Vec<u8>, ParallelError> {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < length {
            let had = bytes.len();
            bytes.resize(had + PIECE.min((length - had as u64) as usize), 0);
            self.read(&mut bytes[had..])?;
        }
        Ok(bytes)
    }

    /// Why nothing more can be sent: what the other side has said, if it has.
    pub(super) fn why(&self, error: &io::Error) -> ParallelError {
        let _ = self.stream.set_read_timeout(Some(FAREWELL));
        let until = Instant::now() + FAREWELL;
        let mut head = [0; HEADER];
        // What it sent before it failed is passed over.
        while Instant::now() < until && self.read(&mut head).is_ok() {
            let length = u64::from_le_bytes(std::array::from_fn(|at| head[1 + at]));
            let Ok(bytes) = self.read_whole(length.min(LONGEST)) else { break };
            if head[0] == Kind::Failure as u8
                && let Some(cause) = decode(&bytes)
            {
                return cause;
            }
        }
        self.failed(error)
    }

    /// What an error of the connection means.
    fn failed(&self, error: &io::Error) -> ParallelError {
        match error.kind() {
            ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::BrokenPipe
            | ErrorKind::ConnectionAborted => self.gone("its connection was closed"),
            ErrorKind::TimedOut
            | ErrorKind::WouldBlock
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable => self.gone("its machine does not answer any more"),
            _ => self.gone(&error.to_string()),
        }
    }

    fn gone(&self, how: &str) -> ParallelError {
        ParallelError::Gone { rank: self.rank, how: how.to_owned() }
    }

    /// Tells the other side why this one ends, as far as it listens.
    pub(super) fn fail(&self, cause: &ParallelError) {
        let _ = self.stream.set_write_timeout(Some(FAREWELL));
        if self.send_while(Kind::Failure, &encode(cause), &AtomicBool::new(false)).is_ok() {
            let _ = self.stream.shutdown(std::net::Shutdown::Write);
        }
    }

    /// Waits a little for a message, and says whether one has begun to come.
    pub(super) fn has_message(&self) -> io::Result<bool> {
        self.stream.set_read_timeout(Some(TICK))?;
        let begun = self.stream.peek(&mut [0]);
        self.stream.set_read_timeout(None)?;
        match begun {
            Ok(_) => Ok(true),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads what the other side still sends, until it hangs up or `until`: a connection that is closed over unread bytes may take
    /// back what was sent last.
    pub(super) fn drain(&self, until: Instant) {
        let mut rest = vec![0; 64 << 10];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.stream.set_read_timeout(Some(left)).is_err() {
                return;
            }
            match (&self.stream).read(&mut rest) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    /// Until when those who were told of a failure now are listened to.
    pub(super) fn farewell() -> Instant {
        Instant::now() + FAREWELL
    }
}

/// A message's bytes.
pub(super) fn encode<T: Serialize + ?Sized>(message: &T) -> Vec<u8> {
    postcard::to_stdvec(message).expect("what is sent has no maps of unknown length")
}

/// The message that is all of `bytes`.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Some(message),
        _ => None,
    }
}
