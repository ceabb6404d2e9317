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
                // One that ends with something of ours unread.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Err(WireError::Closed),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::{Command, Interest, Reply, Request, RunFile, Status};
    use cartwheel_envs::OwnedAction;
    use proptest::prelude::*;

    /// Gives what it holds in pieces, with a pause after each, and then hangs up.
    struct Dripping<'a>(Vec<&'a [u8]>, bool);

    impl<'a> Dripping<'a> {
        fn new(bytes: &'a [u8], piece: usize) -> Self {
            Self(bytes.chunks(piece).rev().collect(), false)
        }
    }

    impl Read for Dripping<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let Some(piece) = self.0.last_mut() else { return Ok(0) };
            let n = piece.len().min(to.len());
            let (now, later) = piece.split_at(n);
            to[..n].copy_from_slice(now);
            *piece = later;
            if later.is_empty() {
                self.0.pop();
            }
            Ok(n)
        }
    }

    fn messages<T: DeserializeOwned>(bytes: &[u8], piece: usize) -> (Vec<T>, WireError) {
        let (mut stream, mut inbox, mut found) = (Dripping::new(bytes, piece), Inbox::default(), Vec::new());
        loop {
            match inbox.read(&mut stream) {
                Ok(message) => found.extend(message),
                Err(error) => return (found, error),
            }
            assert!(inbox.buffer.len() <= bytes.len() && inbox.buffer.capacity() <= bytes.len() + 2 * CHUNK);
        }
    }

    fn requests() -> Vec<Request> {
        vec![
            Request::Watch(Interest { envs: 3..9, hz: 60.0, inspected: Some(4), lanes: true }),
            Request::Command { id: 7, command: Command::Epsilon(Some(0.25)) },
            Request::Command { id: 8, command: Command::TakeOver { env: 2, action: Some(OwnedAction::Discrete(-1)) } },
            Request::Read { file: RunFile::Episodes, offset: u64::MAX, limit: 10 },
            Request::Weights { newer_than: None },
        ]
    }

    #[test]
    fn messages_come_whole_however_they_arrive() {
        let bytes: Vec<u8> = requests().iter().flat_map(|request| encode(request).unwrap()).collect();
        for piece in [1, 2, 3, 7, 1000] {
            let (found, end) = messages::<Request>(&bytes, piece);
            assert_eq!(found, requests());
            assert!(matches!(end, WireError::Closed));
        }
    }

    #[test]
    fn a_length_beyond_any_message_is_refused_at_once() {
        for length in [MAX_MESSAGE as u32 + 1, u32::MAX] {
            let (found, error) = messages::<Request>(&length.to_le_bytes(), 4);
            assert!(found.is_empty() && matches!(error, WireError::TooLong(n) if n == length as usize));
        }
        assert!(encode(&vec![1_u8; MAX_MESSAGE + 1]).is_none());
    }

    #[test]
    fn what_follows_a_message_within_its_length_is_refused() {
        let mut bytes = encode(&Reply::Ended).unwrap();
        bytes.push(0);
        bytes[0] += 1;
        assert!(matches!(messages::<Reply>(&bytes, 100).1, WireError::Garbled(_)));
        assert!(matches!(messages::<Reply>(&[0; 4], 100).1, WireError::Garbled(_)));
    }

    #[test]
    fn strangers_are_told_apart() {
        let token = [7; 16];
        assert_eq!(judge(&greeting(&token), &token), Some(Verdict::Welcome));
        for at in 0..16 {
            let mut other = token;
            other[at] ^= 1;
            assert_eq!(judge(&greeting(&other), &token), Some(Verdict::WrongToken));
        }
        let mut bytes = greeting(&token);
        bytes[8] ^= 1;
        assert_eq!(judge(&bytes, &token), Some(Verdict::OtherVersion));
        bytes[12] ^= 1;
        assert_eq!(judge(&bytes, &token), Some(Verdict::WrongToken));
        assert_eq!(judge(b"GET / HTTP/1.1\r\nHost: here\r\n", &token), None);
        for verdict in [Verdict::Welcome, Verdict::WrongToken, Verdict::OtherVersion, Verdict::Full] {
            assert_eq!(read_answer(&answer(verdict)), Some((VERSION, verdict)));
        }
        assert_eq!(read_answer(b"HTTP/1.1 400 "), None);
    }

    #[test]
    fn a_token_is_32_digits() {
        let token = [0, 1, 0xab, 0xff, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        assert_eq!(parse_token(&token_text(&token)), Some(token));
        for text in [
            "",
            "00",
            "0001abff0405060708090a0b0c0d0e0",
            "0001abff0405060708090a0b0c0d0e0g",
            "é001abff0405060708090a0b0c0d0e",
        ] {
            assert_eq!(parse_token(text), None, "{text:?}");
        }
    }

    proptest! {
        /// Nobody panics, whatever comes.
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600), piece in 1_usize..64) {
            messages::<Request>(&bytes, piece);
            messages::<Reply>(&bytes, piece);
            let mut framed = (bytes.len() as u32).to_le_bytes().to_vec();
            framed.extend(&bytes);
            messages::<Request>(&framed, piece);
            messages::<Reply>(&framed, piece);
        }

        /// Nor where most of it is right.
        #[test]
        fn damaged_messages_are_survived(at in 4_usize..200, with in any::<u8>()) {
            let status = Reply::Status(Status { overrides: (None, vec![1, 2, 3]), ..Status::default() });
            for message in requests().iter().map(|request| encode(request).unwrap()).chain([encode(&status).unwrap()]) {
                let mut bytes = message;
                let at = 4 + at % (bytes.len() - 4);
                bytes[at] = with;
                messages::<Request>(&bytes, 100);
                messages::<Reply>(&bytes, 100);
            }
        }
    }
}
