//! The keyboard, which all questions of a process share.

use std::io::IsTerminal;

use futures_util::lock::{Mutex, MutexGuard};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read};
use rustix::process::getpgrp;
use rustix::termios::{QueueSelector, tcflush, tcgetpgrp};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The lines that are typed at the terminal. One thread reads them for the whole process, from the first question on: a
/// separate reader for each question would consume the line that answers the next one.
#[derive(Default)]
pub struct Keyboard {
    lines: Mutex<Option<UnboundedReceiver<String>>>,
}

impl Keyboard {
    /// The keyboard, if standard input is a terminal.
    #[must_use]
    pub fn of_this_terminal() -> Option<Self> {
        std::io::stdin().is_terminal().then(Self::default)
    }

    /// A keyboard for tests to type on.
    #[cfg(test)]
    pub(crate) fn of_lines(lines: UnboundedReceiver<String>) -> Self {
        Self { lines: Mutex::new(Some(lines)) }
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
    lines: MutexGuard<'a, Option<UnboundedReceiver<String>>>,
}

impl Listening<'_> {
    /// The next line that is typed; waits for ever after the end of input.
    pub async fn line(&mut self) -> String {
        let line = match self.lines.as_mut() {
            Some(lines) => lines.recv().await,
            None => None,
        };
        match line {
            Some(line) => line,
            None => std::future::pending().await,
        }
    }
}

fn read_keyboard() -> UnboundedReceiver<String> {
    let (typed, lines) = unbounded_channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // Ends with the input, or when nobody listens any more.
        while let Some(more) = read_in_foreground() {
            bytes.extend(more);
            if complete_lines(&mut bytes).into_iter().any(|line| typed.send(line).is_err()) {
                return;
            }
        }
    });
    lines
}

/// Drops what the kernel has kept since before this process began to read.
fn drop_what_was_typed() {
    let terminal = std::io::stdin();
    // In the background, this would suspend the process.
    if tcgetpgrp(&terminal) == Ok(getpgrp()) {
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
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 300_000_000 };

/// What was typed, as soon as there is something; empty if there may be something later. Nothing at the end of input.
///
/// The terminal is read only in the foreground: the kernel suspends a process that reads it from the background, and a
/// conductor must not stand still because somebody has typed `bg`. So nothing waits in a read, either.
fn read_in_foreground() -> Option<Vec<u8>> {
    let terminal = std::io::stdin();
    let is_in_foreground = match tcgetpgrp(&terminal) {
        Ok(group) => group == getpgrp(),
        // Some systems give this error while no group is in the foreground.
        Err(Errno::OPNOTSUPP) => false,
        Err(_) => return None,
    };
    if !is_in_foreground {
        let _ = poll(&mut [], Some(&LOOK));
        return Some(Vec::new());
    }
    let mut asked = [PollFd::new(&terminal, PollFlags::IN)];
    match poll(&mut asked, Some(&LOOK)) {
        // It may have been put into the background meanwhile.
        Ok(1..) if tcgetpgrp(&terminal) == Ok(getpgrp()) => {}
        Ok(_) | Err(Errno::INTR) => return Some(Vec::new()),
        Err(_) => return None,
    }
    let mut bytes = [0; 4096];
    match read(&terminal, &mut bytes) {
        Ok(0) => None,
        Ok(length) => bytes.get(..length).map(<[u8]>::to_vec),
        Err(Errno::INTR | Errno::AGAIN) => Some(Vec::new()),
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
