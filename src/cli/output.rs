//! How results and failures reach people and scripts.

use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::sync::OnceLock;

use crate::agents::models::t5::T5Error;
use crate::trainer::TrainError;
use crate::trainer::run::{check_writable, write_atomic};
use crate::viewer::ViewerError;
use clap::error::{ContextKind, ContextValue};
use serde::Serialize;
use serde_json::json;

/// Exit code of what was asked wrongly.
pub(crate) const USAGE: u8 = 2;
/// Exit code of what failed.
pub(crate) const FAILURE: u8 = 1;

/// Why an answer did not get to stdout.
static UNTOLD: OnceLock<io::Error> = OnceLock::new();

/// Where results go: text for people, or one JSON document.
#[derive(Clone, Copy)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

/// A message and the exit code that goes with it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) message: String,
}

impl Failure {
    /// What was asked is wrong.
    pub(crate) fn usage(error: impl ToString) -> Self {
        Self { code: USAGE, message: error.to_string() }
    }

    /// Something failed.
    pub(crate) fn failed(error: impl ToString) -> Self {
        Self { code: FAILURE, message: error.to_string() }
    }
}

impl From<TrainError> for Failure {
    fn from(error: TrainError) -> Self {
        if error.is_usage() { Self::usage(error) } else { Self::failed(error) }
    }
}

impl From<ViewerError> for Failure {
    fn from(error: ViewerError) -> Self {
        if error.is_usage() { Self::usage(error) } else { Self::failed(error) }
    }
}

impl From<T5Error> for Failure {
    fn from(error: T5Error) -> Self {
        if error.is_usage() { Self::usage(error) } else { Self::failed(error) }
    }
}

impl Output {
    /// Prints `value` as JSON, or `text` for people.
    pub(crate) fn print(self, value: &impl Serialize, text: impl FnOnce() -> String) {
        let text = match self.json {
            true => serde_json::to_string_pretty(value)
                .unwrap_or_else(|error| json!({"error": error.to_string()}).to_string()),
            false => text(),
        };
        let _ = line(text.trim_end());
    }

    /// Tells of a failure.
    pub(crate) fn fail(self, failure: &Failure) -> ExitCode {
        let _ = writeln!(io::stderr(), "error: {}", failure.message);
        if self.json {
            self.print(&json!({"error": failure.message, "exit_code": failure.code}), String::new);
        }
        ExitCode::from(failure.code)
    }
}

/// Writes a line to stdout, and says whether anybody reads on. A reader that went away, such as `head`, is no failure; a full disk
/// is one, which [`untold`] answers at the end.
pub(crate) fn line(text: &str) -> ControlFlow<()> {
    let Err(error) = writeln!(io::stdout(), "{text}") else { return ControlFlow::Continue(()) };
    if error.kind() != io::ErrorKind::BrokenPipe {
        let _ = UNTOLD.set(error);
    }
    ControlFlow::Break(())
}

/// The failure to write an answer, if there was one.
pub(crate) fn untold() -> Option<Failure> {
    UNTOLD.get().map(|error| Failure::failed(format!("could not write the answer to stdout: {error}")))
}

/// Tells what clap could not parse, or shows the help that was asked for.
pub(crate) fn usage(error: &clap::Error, as_json: bool) -> ExitCode {
    let below_0 = below_0(error);
    let error = below_0.as_ref().unwrap_or(error);
    let code = error.exit_code();
    if as_json {
        let text = error.render().to_string();
        if code != 0 {
            let _ = write!(io::stderr(), "{text}");
        }
        let value =
            if code == 0 { json!({"help": text}) } else { json!({"error": text.trim_end(), "exit_code": code}) };
        Output { json: true }.print(&value, String::new);
    } else {
        let _ = error.print();
    }
    ExitCode::from(u8::try_from(code).unwrap_or(USAGE))
}

/// What is said of a number below 0, in the place of clap's advice on how to give it all the same: no flag takes one.
fn below_0(error: &clap::Error) -> Option<clap::Error> {
    match error.get(ContextKind::InvalidArg)? {
        ContextValue::String(text) if text.parse::<f64>().is_ok() => {
            let given: Vec<_> = std::env::args().collect();
            let pair = given.windows(2).find(|pair| pair[1] == *text && pair[0].starts_with("--"));
            let whole = pair.map_or(text.clone(), |pair| pair.join(" "));
            Some(clap::Error::raw(error.kind(), format!("{whole} is a number below 0, and no flag takes one\n")))
        }
        _ => None,
    }
}

/// A path as settings hold it, which are text.
pub(crate) fn utf8(flag: &str, path: &Path) -> std::result::Result<String, Failure> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Failure::usage(format!(
            "{flag} {}: runs keep it in their settings, which are UTF-8: give a path that is",
            path.display()
        ))
    })
}

/// Refuses a file to write that cannot be: before anything is worked out.
pub(crate) fn check_out(flag: &str, out: &Path) -> std::result::Result<(), Failure> {
    match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            Err(Failure::usage(format!("{flag} {}: there is no such folder, make it", out.display())))
        }
        _ if out.is_dir() => Err(Failure::usage(format!("{flag} {} is a folder: name a file in it", out.display()))),
        _ => check_writable(out).map_err(|error| unwritten(out, &error)),
    }
}

/// Writes a whole file, or nothing.
pub(crate) fn write(out: &Path, bytes: &[u8]) -> std::result::Result<(), Failure> {
    write_atomic(out, |to| to.write_all(bytes)).map(drop).map_err(|error| unwritten(out, &error))
}

fn unwritten(out: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!("cannot write {}: {error}", out.display()))
}

/// Digits behind the point with which returns of about this size are told: those of FrozenLake lie between 0 and 1.
pub(crate) fn digits(value: f64) -> usize {
    if value.abs() < 10.0 { 3 } else { 1 }
}

/// A mean and its standard deviation, for people.
pub(crate) fn mean_and_std(mean: f64, std: f64) -> String {
    let digits = digits(mean);
    format!("{mean:.digits$} ± {std:.digits$}")
}

/// A share, for people.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// So many of what one is called `one`.
pub(crate) fn counted(count: u64, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

/// A table for people: columns as wide as their widest cell.
pub(crate) fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let head = head.iter().map(ToString::to_string).collect();
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let cells = |column: usize| rows.iter().filter_map(move |row| row.get(column));
    let widths: Vec<usize> =
        (0..rows[0].len()).map(|column| cells(column).map(|cell| cell.chars().count()).max().unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_string()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
