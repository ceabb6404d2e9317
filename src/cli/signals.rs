//! Ctrl-C and SIGTERM end training in order; a second one ends it at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::{flag, iterator, low_level};

/// Within this of the first one another signal is the same request: GNU's `timeout`, and others that end whole groups of
/// processes, send theirs to the process and at once to its group, so that it comes twice.
const SAME: Duration = Duration::from_secs(1);

/// What the process was asked to do.
#[derive(Clone, Default)]
pub(crate) struct Signals {
    /// True once it was asked to stop.
    pub(crate) stop: Arc<AtomicBool>,
    number: Arc<AtomicUsize>,
}

impl Signals {
    /// Listens from now on.
    pub(crate) fn listen() -> io::Result<Self> {
        let signals = Self::default();
        for signal in [SIGINT, SIGTERM] {
            flag::register_usize(signal, signals.number.clone(), signal as usize)?;
            flag::register(signal, signals.stop.clone())?;
        }
        let mut each = iterator::Signals::new([SIGINT, SIGTERM])?;
        thread::Builder::new().name("signals".into()).spawn(move || {
            let mut requests = Requests::default();
            for signal in each.forever() {
                let is_first = requests.first.is_none();
                if requests.is_second(Instant::now()) {
                    low_level::exit(128 + signal);
                }
                if is_first {
                    // What cannot be cut, as a step of a slow environment, comes to its end first.
                    thread::spawn(|| {
                        thread::sleep(SAME);
                        eprintln!("ending in order, as soon as that can be; another Ctrl-C ends it at once");
                    });
                }
            }
        })?;
        Ok(signals)
    }

    /// Listens from now on, and never ends the process: for a caller with a terminal to put in order, who asks for
    /// [`Self::exit_code`] all the time.
    pub(crate) fn watch() -> io::Result<Self> {
        let signals = Self::default();
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
            flag::register_usize(signal, signals.number.clone(), signal as usize)?;
        }
        Ok(signals)
    }

    /// The exit code that shells expect of a process that a signal ended, if one did.
    pub(crate) fn exit_code(&self) -> Option<u8> {
        let signal = self.number.load(Ordering::Relaxed);
        (signal != 0).then(|| 128 + signal as u8)
    }
}

/// How often it was asked to stop.
#[derive(Default)]
struct Requests {
    first: Option<Instant>,
}

impl Requests {
    /// Whether a signal at this time is a second request.
    fn is_second(&mut self, now: Instant) -> bool {
        let first = *self.first.get_or_insert(now);
        now.saturating_duration_since(first) >= SAME
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_comes_twice_is_one_request() {
        let (mut requests, start) = (Requests::default(), Instant::now());
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        assert!(!requests.is_second(start));
        assert!(!requests.is_second(start), "timeout's, to the process and to its group");
        assert!(!requests.is_second(at(999)));
        assert!(requests.is_second(at(1000)));
        assert!(requests.is_second(at(90_000)));
    }
}
