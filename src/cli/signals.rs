//! Ctrl-C and SIGTERM end training in order; a second one ends it at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag;

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
            // In this order: the shutdown looks at the flag before this signal sets it.
            flag::register_conditional_shutdown(signal, 128 + signal, signals.stop.clone())?;
            flag::register_usize(signal, signals.number.clone(), signal as usize)?;
            flag::register(signal, signals.stop.clone())?;
        }
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
