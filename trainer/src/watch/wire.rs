//! Messages on a stream of bytes, and the greeting before them. Lengths are refused before anything is allocated for
//! them, and memory grows only as bytes arrive.

use std::hint::black_box;
use std::io::{self, Read};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::protocol::{MAGIC, MAX_MESSAGE, VERSION, Verdict};

/// Bytes of a length.
const PREFIX: usize = 4;
/// A buffer grows by this much at a time.
const CHUNK: usize = 64 << 10;

/// What grants control of a run.
pub(super) type Token = [u8; 16];

/// A stream that cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    /// The other side hung up.
    #[error("the other side hung up")]
    Closed,
    /// A length beyond [`MAX_MESSAGE`].
    #[error("a message of {0} bytes, more than any is")]
    TooLong(usize),
    /// Bytes that are no message.
    #[error("bytes that are no message: {0}")]
    Garbled(postcard::Error),
    /// The operating system's.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A message behind its length; nothing if it is longer than any may be.
pub(super) fn encode<T: Serialize + ?Sized>(message: &T) -> Option<Vec<u8>> {
    let mut bytes = postcard::to_extend(message, vec![0; PREFIX]).ok()?;
    let length = bytes.len() - PREFIX;
    if length > MAX_MESSAGE {
        return None;
    }
    bytes[..PREFIX].copy_from_slice(&(length as u32).to_le_bytes());
    Some(bytes)
}

/// Puts messages together from what arrives.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// The bytes of the present message so far, its length included.
    buffer: Vec<u8>,
}

impl Inbox {
    /// The next message; nothing if the stream's time to wait is over, and what arrived so far is kept.
    pub(super) fn read<T: DeserializeOwned>(&mut self, stream: &mut impl Read) -> Result<Option<T>, WireError> {
        loop {
            let whole = self.whole()?;
            let had = self.buffer.len();
            if had == whole && had > PREFIX {
                let message = decode(&self.buffer[PREFIX..]);
                self.buffer.clear();
                self.buffer.shrink_to(CHUNK);
                return message.map(Some);
            }
            self.buffer.resize(whole.min(had + CHUNK), 0);
            let read = stream.read(&mut self.buffer[had..]);
            self.buffer.truncate(had + read.as_ref().map_or(0, |n| *n));
            match read {
                Ok(0) => return Err(WireError::Closed),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Bytes until the end of the present message, or of its length while that is not known.
    fn whole(&self) -> Result<usize, WireError> {
        let Some(prefix) = self.buffer.first_chunk::<PREFIX>() else { return Ok(PREFIX) };
        match u32::from_le_bytes(*prefix) as usize {
            0 => Err(WireError::Garbled(postcard::Error::DeserializeUnexpectedEnd)),
            length if length > MAX_MESSAGE => Err(WireError::TooLong(length)),
            length => Ok(PREFIX + length),
        }
    }
}

/// A message that is all of `bytes`.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Ok(message),
        Ok(_) => Err(WireError::Garbled(postcard::Error::DeserializeBadEncoding)),
        Err(error) => Err(WireError::Garbled(error)),
    }
}

/// Whether a stream's time to wait is over.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// What a viewer says first.
pub(super) const GREETING: usize = 28;

pub(super) fn greeting(token: &Token) -> [u8; GREETING] {
    let mut bytes = [0; GREETING];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12..].copy_from_slice(token);
    bytes
}

/// What a run makes of a greeting, but for its number of viewers; nothing if it is no greeting.
pub(super) fn judge(greeting: &[u8; GREETING], token: &Token) -> Option<Verdict> {
    // In a time that does not depend on where they differ, and before anything else is looked at.
    let differ = greeting[12..].iter().zip(token).fold(0, |differ, (a, b)| black_box(differ | (a ^ b)));
    if greeting[..8] != MAGIC {
        return None;
    }
    Some(match (differ, greeting[8..12] == VERSION.to_le_bytes()) {
        (0, true) => Verdict::Welcome,
        (0, false) => Verdict::OtherVersion,
        _ => Verdict::WrongToken,
    })
}

/// What a run answers.
pub(super) const ANSWER: usize = 13;

pub(super) fn answer(verdict: Verdict) -> [u8; ANSWER] {
    let mut bytes = [0; ANSWER];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12] = verdict as u8;
    bytes
}

/// The run's version, and its verdict; nothing if it is no run that answers.
pub(super) fn read_answer(bytes: &[u8; ANSWER]) -> Option<(u32, Verdict)> {
    let version = u32::from_le_bytes(*bytes[8..].first_chunk()?);
    let verdict = match bytes[12] {
        0 => Verdict::Welcome,
        1 => Verdict::WrongToken,
        2 => Verdict::OtherVersion,
        3 => Verdict::Full,
        _ => return None,
    };
    (bytes[..8] == MAGIC).then_some((version, verdict))
}

/// 32 hexadecimal digits, as in `watch.json`.
pub(super) fn token_text(token: &Token) -> String {
    token.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn parse_token(text: &str) -> Option<Token> {
    let mut token = Token::default();
    if text.len() != 2 * token.len() || !text.is_ascii() {
        return None;
    }
    for (byte, digits) in token.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(token)
}
