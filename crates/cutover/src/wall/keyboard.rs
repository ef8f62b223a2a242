//! The keyboard, which all questions of a process share, and whether this process has its terminal to itself.

use std::os::fd::AsFd;
use std::time::Duration;

use futures_util::lock::{Mutex, MutexGuard};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read};
use rustix::process::getpgrp;
use rustix::termios::{LocalModes, QueueSelector, Termios, tcflush, tcgetattr, tcgetpgrp};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::clock::sleep;

/// The lines that are typed at the terminal. One thread reads them for the whole process, from the first question on: a
/// separate reader for each question would consume the line that answers the next one.
pub struct Keyboard {
    lines: Mutex<Option<UnboundedReceiver<Typed>>>,
    is_in_foreground: fn() -> bool,
}

/// What was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// A line, without its end.
    Line(String),
    /// The end of input: Ctrl-D. More may be typed after it.
    End,
}

impl Keyboard {
    /// The keyboard, if standard input is the terminal that controls this process. Another terminal, as after `setsid`, has
    /// no foreground that this process could come to.
    #[must_use]
    pub fn of_this_terminal() -> Option<Self> {
        let is_in_foreground = || foreground_of(std::io::stdin()) == Ok(true);
        foreground_of(std::io::stdin()).is_ok().then(|| Self { lines: Mutex::default(), is_in_foreground })
    }

    /// A keyboard for tests to type on.
    #[cfg(test)]
    pub(crate) fn of_lines(lines: UnboundedReceiver<Typed>) -> Self {
        Self { lines: Mutex::new(Some(lines)), is_in_foreground: || true }
    }

    /// Whether somebody can type here now: whether this process is in the foreground of its terminal.
    #[must_use]
    pub fn is_in_foreground(&self) -> bool {
        (self.is_in_foreground)()
    }

    /// Waits until somebody can type here.
    pub async fn foreground(&self) {
        while !self.is_in_foreground() {
            sleep(LOOK).await;
        }
    }

    /// Waits until nobody else listens. Lines that were typed before are dropped: they do not answer the new question.
    pub async fn listen(&self) -> Listening<'_> {
        let mut lines = self.lines.lock().await;
        let typed = lines.get_or_insert_with(|| {
            drop_what_was_typed();
            read_keyboard()
        });
        while typed.try_recv().is_ok() {}
        Listening { lines }
    }
}

/// The right to receive what is typed, as long as this exists.
pub struct Listening<'a> {
    lines: MutexGuard<'a, Option<UnboundedReceiver<Typed>>>,
}

impl Listening<'_> {
    /// What is typed next; waits for ever once the terminal is gone.
    pub async fn next(&mut self) -> Typed {
        let typed = match self.lines.as_mut() {
            Some(lines) => lines.recv().await,
            None => None,
        };
        match typed {
            Some(typed) => typed,
            None => std::future::pending().await,
        }
    }
}

fn read_keyboard() -> UnboundedReceiver<Typed> {
    let (tell, lines) = unbounded_channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // Ends with the terminal, or when nobody listens any more.
        while let Some(reading) = read_in_foreground() {
            let typed = match reading {
                Reading::Nothing => continue,
                Reading::Bytes(more) => {
                    bytes.extend(more);
                    complete_lines(&mut bytes).into_iter().map(Typed::Line).collect()
                }
                Reading::End => vec![Typed::End],
            };
            if typed.into_iter().any(|typed| tell.send(typed).is_err()) {
                return;
            }
        }
    });
    lines
}

/// Whether this process is in the foreground of `terminal`.
///
/// # Errors
/// Where that is not the terminal that controls this process.
fn foreground_of(terminal: impl AsFd) -> Result<bool, Errno> {
    match tcgetpgrp(terminal) {
        Ok(group) => Ok(group == getpgrp()),
        // Some systems give this error while no group is in the foreground.
        Err(Errno::OPNOTSUPP) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether this process is in the background of the terminal that it writes messages to, where a shell or another program
/// has the cursor.
#[must_use]
pub fn is_in_background() -> bool {
    foreground_of(std::io::stderr()) == Ok(false)
}

/// Whether the kernel would suspend this process for a write to `stream`: that is a terminal which takes output from its
/// foreground only (`stty tostop`), and this process is in its background.
#[must_use]
pub fn write_suspends(stream: impl AsFd) -> bool {
    let takes_foreground_only = |terminal: Termios| terminal.local_modes.contains(LocalModes::TOSTOP);
    foreground_of(&stream) == Ok(false) && tcgetattr(stream).is_ok_and(takes_foreground_only)
}

/// Drops what the kernel has kept since before this process began to read.
fn drop_what_was_typed() {
    let terminal = std::io::stdin();
    // In the background, this would suspend the process.
    if foreground_of(&terminal) == Ok(true) {
        let _ = tcflush(&terminal, QueueSelector::IFlush);
    }
}

/// Takes the lines that have ended out of `bytes`, without their ends. The beginning of the next line stays.
fn complete_lines(bytes: &mut Vec<u8>) -> Vec<String> {
    let Some(last) = bytes.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
    let rest = bytes.split_off(last + 1);
    let complete = String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect();
    *bytes = rest;
    complete
}

/// How often it is looked whether this process is in the foreground.
const LOOK: Duration = Duration::from_millis(300);

/// What one look at the terminal gave.
enum Reading {
    /// Nothing, but there may be something later.
    Nothing,
    Bytes(Vec<u8>),
    End,
}

/// What was typed, as soon as there is something. `None` once the terminal is gone.
///
/// The terminal is read only in the foreground: the kernel suspends a process that reads it from the background, and a
/// conductor must not stand still because somebody has typed `bg`. So nothing waits in a read, either.
fn read_in_foreground() -> Option<Reading> {
    let terminal = std::io::stdin();
    let patience = Timespec::try_from(LOOK).ok()?;
    if !foreground_of(&terminal).ok()? {
        let _ = poll(&mut [], Some(&patience));
        return Some(Reading::Nothing);
    }
    let mut asked = [PollFd::new(&terminal, PollFlags::IN)];
    match poll(&mut asked, Some(&patience)) {
        // It may have been put into the background meanwhile.
        Ok(1..) if foreground_of(&terminal) == Ok(true) => {}
        Ok(_) | Err(Errno::INTR) => return Some(Reading::Nothing),
        Err(_) => return None,
    }
    let is_gone = asked.iter().any(|asked| asked.revents().contains(PollFlags::HUP));
    let mut bytes = [0; 4096];
    match read(&terminal, &mut bytes) {
        Ok(0) if is_gone => None,
        Ok(0) => Some(Reading::End),
        Ok(length) => bytes.get(..length).map(|bytes| Reading::Bytes(bytes.to_vec())),
        Err(Errno::INTR | Errno::AGAIN) => Some(Reading::Nothing),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines after each of these readings, and the bytes that are left at the end.
    fn read_as(readings: &[&[u8]]) -> (Vec<Vec<String>>, Vec<u8>) {
        let mut bytes = Vec::new();
        let lines = readings.iter().map(|reading| {
            bytes.extend_from_slice(reading);
            complete_lines(&mut bytes)
        });
        (lines.collect(), bytes)
    }

    #[test]
    fn a_line_is_an_answer_once_it_has_ended_however_it_is_read() {
        let (lines, rest) = read_as(&[b"yes\nno\n"]);
        assert_eq!((lines, rest.is_empty()), (vec![vec!["yes".to_owned(), "no".to_owned()]], true));
        let (lines, rest) = read_as(&[b"", b"ye", b"s\nn"]);
        assert_eq!(lines, [vec![], vec![], vec!["yes".to_owned()]]);
        assert_eq!(rest, b"n", "what has begun is kept");
        let (lines, rest) = read_as(&[b"yes\r\n\n", b"\xff\n"]);
        assert_eq!(lines, [vec!["yes".to_owned(), String::new()], vec!["\u{fffd}".to_owned()]]);
        assert!(rest.is_empty());
    }
}
