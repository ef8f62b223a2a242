//! The one place that prints: results on standard output, progress, notes and errors on standard error.
//!
//! Text from outside may contain anything, so every text is made harmless here, when it is printed: see
//! [`harmless`](crate::harmless). While an upgrade is conducted, notes go through its progress feed, so that a reader
//! that has stopped reading cannot delay the conductor.

use std::io::{self, IsTerminal, Write};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cutover_core::progress::Progress;
use cutover_engine::drive::Stop;
use cutover_engine::feed::Feed;
use futures_util::future::{Either, select};
use serde::Serialize;

use crate::commands_to_type::GivenArguments;
use crate::error::CommandError;
use crate::harmless::{harmless, harmless_but_coloured};
use crate::layout::laid_out;
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

/// A result as one JSON object on one line, which ends a stream of such lines.
///
/// # Errors
/// When it cannot be serialized as JSON.
pub fn json_line<T: Serialize>(value: &T) -> Result<String, CommandError> {
    serde_json::to_string(value).map_err(|source| CommandError::Output(source.into()))
}

/// Prints the result of a command that handles signals itself, so that it can leave a reader that has stopped reading.
///
/// # Errors
/// When standard output is closed or full.
pub async fn result_in_time(text: String, leave: &Stop) -> Result<(), CommandError> {
    if STANDARD_OUTPUT.is_stuck() {
        return Ok(());
    }
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // If the wait was given up, nobody receives this.
        let _ = tell.send(result(&text));
    });
    STANDARD_OUTPUT.wait_for(told, leave).await.unwrap_or(Ok(()))
}

/// Prints a text that is not part of the result.
pub fn note(text: &str) {
    // Not in the match: there the lock would be held while somebody reads.
    let feed = feed_of_notes().clone();
    match feed {
        Some(feed) => feed.push(Progress::Said { text: text.to_owned() }),
        None => write_note(text),
    }
}

/// Prints a text on standard error at once, in lines that fit a terminal, and waits until it is written.
pub(crate) fn write_note(text: &str) {
    let text = &laid_out(text);
    if STANDARD_ERROR.is_stuck() {
        return;
    }
    if STANDARD_OUTPUT.is_stuck() {
        // Both streams may lead to the same reader, so this write may get stuck too.
        let (text, (tell, told)) = (text.to_owned(), std::sync::mpsc::channel());
        std::thread::spawn(move || {
            let _ = write_line(&mut io::stderr().lock(), &text);
            let _ = tell.send(());
        });
        if told.recv_timeout(AT_ONCE).is_err() {
            STANDARD_ERROR.stuck.store(true, Ordering::Relaxed);
        }
        return;
    }
    // If standard error is closed, there is nobody to tell.
    let _ = write_line(&mut io::stderr().lock(), text);
}

/// Prints why a command failed; in what it says to do, commands are completed with what was `given`. Mistakes in a file
/// are shown in colour.
pub fn error(error: &CommandError, given: &GivenArguments) {
    match error {
        CommandError::Mistakes(rendered) => {
            let _ = writeln!(io::stderr().lock(), "{}", harmless_but_coloured(rendered.trim_end_matches('\n')));
        }
        error => note(&error.render(given)),
    }
}

/// Prints a warning. The command goes on.
pub fn warn(text: &str) {
    note(&format!("warning: {text}"));
}

/// Sends notes through `feed` until the returned value is dropped.
#[must_use]
pub(crate) fn notes_through(feed: &Arc<Feed>) -> NotesThrough {
    *feed_of_notes() = Some(Arc::clone(feed));
    NotesThrough
}

/// As long as this exists, notes go through a feed.
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

/// Standard output, and whether a write to it is stuck.
pub(crate) static STANDARD_OUTPUT: Stream = Stream {
    name: "standard output",
    write_suspends: || wall::write_suspends(io::stdout()),
    stuck: AtomicBool::new(false),
};
/// Standard error, and whether a write to it is stuck.
pub(crate) static STANDARD_ERROR: Stream = Stream {
    name: "standard error",
    write_suspends: || wall::write_suspends(io::stderr()),
    stuck: AtomicBool::new(false),
};

/// How long a reader may take for the rest of the output, before the program ends without it.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long a note may take where it is not known whether anybody reads.
const AT_ONCE: Duration = Duration::from_secs(1);
/// After how long the program says what it waits for.
const WORTH_SAYING: Duration = Duration::from_secs(3);

/// One of the two streams that are printed to.
#[derive(Debug)]
pub(crate) struct Stream {
    name: &'static str,
    write_suspends: fn() -> bool,
    /// Whether a thread is stuck in a write that nobody reads. It holds the stream's lock, so nothing else may write.
    stuck: AtomicBool,
}

impl Stream {
    /// Waits until a write to this stream does not suspend the whole process, with the conductor in it.
    pub(crate) async fn writable(&self) {
        while (self.write_suspends)() {
            wall::sleep(AT_ONCE).await;
        }
    }

    fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Relaxed)
    }

    /// Waits until everything is `written` to this stream. Returns nothing if the wait was given up: after a limit, or
    /// because the operator wants to `leave`.
    pub(crate) async fn wait_for<T>(&self, written: tokio::sync::oneshot::Receiver<T>, leave: &Stop) -> Option<T> {
        let mut written = pin!(written);
        let worth_saying = pin!(wall::sleep(WORTH_SAYING));
        let has_left = match select(&mut written, select(leave.clone(), worth_saying)).await {
            Either::Left((result, _)) => return result.ok(),
            Either::Right((ended, _)) => matches!(ended, Either::Left(_)),
        };
        // Until the wait is over, a message about it could get stuck in the same way.
        self.stuck.store(true, Ordering::Relaxed);
        if has_left {
            return None;
        }
        write_note(&format!(
            "waiting until {} is read, at most {} minutes; the upgrade does not wait for this. Ctrl-C leaves at once",
            self.name,
            PATIENCE.as_secs() / 60
        ));
        match select(written, select(leave.clone(), pin!(wall::sleep(PATIENCE)))).await {
            Either::Left((result, _)) => {
                self.stuck.store(false, Ordering::Relaxed);
                result.ok()
            }
            Either::Right(_) => None,
        }
    }
}

/// Whether progress is shown at a terminal.
#[must_use]
pub fn progress_is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Writes `text`, made harmless, and a line end.
pub(crate) fn write_line(out: &mut impl Write, text: &str) -> io::Result<()> {
    writeln!(out, "{}", harmless(text.trim_end_matches('\n'))).and_then(|()| out.flush())
}

/// A closed pipe is no error: its reader has seen enough.
fn written(outcome: io::Result<()>) -> Result<(), CommandError> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(CommandError::Output),
    }
}

/// Whether errors are shown in colour: at a terminal, unless the operator has turned colours off.
#[must_use]
pub fn colour() -> bool {
    io::stderr().is_terminal() && !wall::wants_no_colour()
}
