//! The one place that prints: results on standard output, progress, notes and errors on standard error.
//!
//! Text that came from outside may hold anything, so every text is made harmless here, on its way out: see
//! [`harmless`](crate::harmless). While an upgrade is conducted, notes go through its feed of progress, so that nobody who
//! has stopped reading can hold the conductor up.

use std::io::{self, IsTerminal, Write};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cutover_core::progress::Progress;
use cutover_engine::feed::Feed;
use futures_util::future::{Either, select};
use serde::Serialize;

use crate::error::CommandError;
use crate::harmless::{harmless, harmless_but_coloured};
use crate::wall;

/// Prints a result.
///
/// # Errors
/// When standard output is closed or full.
pub fn result(text: &str) -> Result<(), CommandError> {
    written(write_line(&mut io::stdout().lock(), text))
}

/// Prints a result as one JSON object.
///
/// # Errors
/// When standard output is closed or full.
pub fn json<T: Serialize>(value: &T) -> Result<(), CommandError> {
    let text = serde_json::to_string_pretty(value).map_err(|source| CommandError::Output(source.into()))?;
    result(&text)
}

/// Writes a result into a file.
///
/// # Errors
/// When the file cannot be written.
pub fn file(path: &std::path::Path, text: &str) -> Result<(), CommandError> {
    let failed = |source| CommandError::File { path: path.display().to_string(), done: "written", source };
    std::fs::write(path, &*harmless(text)).map_err(failed)
}

/// A result as one JSON object on one line: the last of a stream of them.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn json_line<T: Serialize>(value: &T) -> Result<String, CommandError> {
    serde_json::to_string(value).map_err(|source| CommandError::Output(source.into()))
}

/// Prints the result of a command that listens to signals itself, so that a reader who has stopped reading can be left.
///
/// # Errors
/// When standard output is closed or full.
pub async fn result_in_time(text: String) -> Result<(), CommandError> {
    if STANDARD_OUTPUT.is_stuck() {
        return Ok(());
    }
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // Nobody listens where the wait was given up.
        let _ = tell.send(result(&text));
    });
    STANDARD_OUTPUT.wait_for(told).await.unwrap_or(Ok(()))
}

/// Says something beside the result.
pub fn note(text: &str) {
    match &*feed_of_notes() {
        Some(feed) => feed.push(Progress::Said { text: text.to_owned() }),
        None => write_note(text),
    }
}

/// Says something on standard error at once, and waits for whoever reads it.
pub(crate) fn write_note(text: &str) {
    if !STANDARD_ERROR.is_stuck() {
        // Nobody is left to tell when standard error is closed.
        let _ = write_line(&mut io::stderr().lock(), text);
    }
}

/// Says why a command could not do what was asked. Mistakes in a file are shown in colour.
pub fn error(error: &CommandError) {
    match error {
        CommandError::Mistakes(rendered) => {
            let _ = writeln!(io::stderr().lock(), "{}", harmless_but_coloured(rendered.trim_end_matches('\n')));
        }
        error => note(&error.render()),
    }
}

/// Says that something is not as it should be, and that the command goes on all the same.
pub fn warn(text: &str) {
    note(&format!("warning: {text}"));
}

/// Sends notes through `feed` until what is returned is dropped.
#[must_use]
pub(crate) fn notes_through(feed: &Arc<Feed>) -> NotesThrough {
    *feed_of_notes() = Some(Arc::clone(feed));
    NotesThrough
}

/// While this lives, notes go through a feed.
#[derive(Debug)]
pub(crate) struct NotesThrough;

impl Drop for NotesThrough {
    fn drop(&mut self) {
        *feed_of_notes() = None;
    }
}

fn feed_of_notes() -> std::sync::MutexGuard<'static, Option<Arc<Feed>>> {
    static FEED: Mutex<Option<Arc<Feed>>> = Mutex::new(None);
    FEED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Standard output, and whether anybody reads it.
pub(crate) static STANDARD_OUTPUT: Stream = Stream { name: "standard output", stuck: AtomicBool::new(false) };
/// Standard error, and whether anybody reads it.
pub(crate) static STANDARD_ERROR: Stream = Stream { name: "standard error", stuck: AtomicBool::new(false) };

/// How long a reader may take over what is left to read, before the program ends without it.
const PATIENCE: Duration = Duration::from_secs(600);
/// After how long it is said what the program waits for.
const WORTH_SAYING: Duration = Duration::from_secs(3);

/// One of the two streams that are printed to.
#[derive(Debug)]
pub(crate) struct Stream {
    name: &'static str,
    /// Whether a thread waits in a write to it that nobody takes. It holds the stream's lock, so nothing else may write.
    stuck: AtomicBool,
}

impl Stream {
    fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Relaxed)
    }

    /// Waits until everything is `written` to this stream, for as long as somebody may still read it. Nothing when that was
    /// given up: after a limit, or because the operator has interrupted it.
    pub(crate) async fn wait_for<T>(&self, written: tokio::sync::oneshot::Receiver<T>) -> Option<T> {
        let mut written = pin!(written);
        if let Either::Left((result, _)) = select(&mut written, pin!(wall::sleep(WORTH_SAYING))).await {
            return result.ok();
        }
        // Until this is over, a word about it could be stuck just so.
        self.stuck.store(true, Ordering::Relaxed);
        write_note(&format!(
            "waiting until {} is read, for {} minutes at most; nothing of the upgrade waits for it. Ctrl-C leaves at once",
            self.name,
            PATIENCE.as_secs() / 60
        ));
        let (interrupted, limit) = (pin!(wall::interrupted()), pin!(wall::sleep(PATIENCE)));
        match select(written, select(interrupted, limit)).await {
            Either::Left((result, _)) => {
                self.stuck.store(false, Ordering::Relaxed);
                result.ok()
            }
            Either::Right(_) => None,
        }
    }
}

/// Whether progress is shown to somebody at a terminal.
#[must_use]
pub fn progress_is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Writes `text`, made harmless, with an end of line.
pub(crate) fn write_line(out: &mut impl Write, text: &str) -> io::Result<()> {
    writeln!(out, "{}", harmless(text.trim_end_matches('\n'))).and_then(|()| out.flush())
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
    io::stderr().is_terminal() && !wall::wants_no_colour()
}
