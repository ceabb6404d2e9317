//! The terminal while a game is on it, and as it was before when the game is gone.

use std::io::{self, Write as _};
use std::time::Duration;

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{
    Event, KeyboardEnhancementFlags, PopKeyboardEnhancementFlags, PushKeyboardEnhancementFlags, poll, read,
};
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{execute, queue};

/// The colors a terminal knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colors {
    /// 24 bits each.
    True,
    /// A cube of 6 by 6 by 6, and 24 grays.
    Indexed,
}

/// Columns and rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// A terminal in raw mode on its alternate screen. Dropping it puts everything back, on every way out: panics unwind,
/// and signals are waited for by the caller.
pub(super) struct Terminal {
    colors: Colors,
    /// What was shown last, to write only what has changed.
    shown: Vec<String>,
    size: Size,
}

impl Terminal {
    /// Takes the terminal that stdin and stderr are connected to.
    pub(super) fn open() -> io::Result<Self> {
        let told = std::env::var("COLORTERM").unwrap_or_default();
        let colors = if told == "truecolor" || told == "24bit" { Colors::True } else { Colors::Indexed };
        enable_raw_mode()?;
        // From here on dropping it puts back what was changed.
        let terminal = Self { colors, shown: Vec::new(), size: Size { columns: 0, rows: 0 } };
        // Terminals that know Kitty's protocol then tell when keys are released; the others ignore it.
        let keys = KeyboardEnhancementFlags::DISAMBIGUATE_ESCAPE_CODES
            | KeyboardEnhancementFlags::REPORT_EVENT_TYPES
            | KeyboardEnhancementFlags::REPORT_ALL_KEYS_AS_ESCAPE_CODES;
        execute!(io::stderr(), EnterAlternateScreen, Hide, PushKeyboardEnhancementFlags(keys))?;
        Ok(terminal)
    }

    pub(super) fn colors(&self) -> Colors {
        self.colors
    }

    /// How large it is now: 80 by 24 where it does not say.
    pub(super) fn size(&self) -> Size {
        match rustix::termios::tcgetwinsize(io::stderr()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
                Size { columns: size.ws_col.into(), rows: size.ws_row.into() }
            }
            _ => Size { columns: 80, rows: 24 },
        }
    }

    /// The next event, if one comes within `wait`.
    pub(super) fn event(&self, wait: Duration) -> io::Result<Option<Event>> {
        if poll(wait)? { read().map(Some) } else { Ok(None) }
    }

    /// Shows these lines from the top, and nothing below them. They fit into the terminal.
    pub(super) fn show(&mut self, lines: &[String]) -> io::Result<()> {
        let size = self.size();
        let mut frame = Vec::new();
        queue!(frame, BeginSynchronizedUpdate)?;
        if size != self.size {
            // What the terminal made of the old lines is anyone's guess.
            queue!(frame, Clear(ClearType::All))?;
            self.shown.clear();
            self.size = size;
        }
        for row in 0..lines.len().max(self.shown.len()) {
            let line = lines.get(row).map_or("", String::as_str);
            if self.shown.get(row).map_or("", String::as_str) != line {
                queue!(frame, MoveTo(0, u16::try_from(row).unwrap_or(u16::MAX)))?;
                write!(frame, "{line}\x1b[0m\x1b[K")?;
            }
        }
        queue!(frame, EndSynchronizedUpdate)?;
        self.shown = lines.to_vec();
        let mut out = io::stderr().lock();
        out.write_all(&frame)?;
        out.flush()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // There is nobody to tell of a terminal that is gone.
        let _ = execute!(io::stderr(), PopKeyboardEnhancementFlags, Show, LeaveAlternateScreen);
        let _ = disable_raw_mode();
    }
}
