//! The one place that prints: results on standard output, progress and errors on standard error.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::error::CommandError;

/// Prints a result.
///
/// # Errors
/// When standard output is closed or full.
pub fn result(text: &str) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    written(write!(out, "{text}{newline}").and_then(|()| out.flush()))
}

/// Prints a result as one JSON object.
///
/// # Errors
/// When standard output is closed or full.
pub fn json<T: Serialize>(value: &T) -> Result<(), CommandError> {
    let text = serde_json::to_string_pretty(value).map_err(|source| CommandError::Output(source.into()))?;
    result(&text)
}

/// Prints one JSON object on one line: the last of a stream of them.
///
/// # Errors
/// When standard output is closed or full.
pub fn json_line<T: Serialize>(value: &T) -> Result<(), CommandError> {
    let text = serde_json::to_string(value).map_err(|source| CommandError::Output(source.into()))?;
    result(&text)
}

/// Says something beside the result.
pub fn note(text: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(io::stderr().lock(), "{}", text.trim_end_matches('\n'));
}

/// Says that something is not as it should be, and that the command goes on all the same.
pub fn warn(text: &str) {
    note(&format!("warning: {text}"));
}

/// Whether progress is shown to somebody at a terminal.
#[must_use]
pub fn progress_is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Somebody who has closed the pipe has seen enough.
fn written(outcome: io::Result<()>) -> Result<(), CommandError> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(CommandError::Output),
    }
}

/// Whether errors are shown in colour: at a terminal, unless the operator wants none.
#[must_use]
pub fn colour() -> bool {
    io::stderr().is_terminal() && !crate::wall::wants_no_colour()
}
