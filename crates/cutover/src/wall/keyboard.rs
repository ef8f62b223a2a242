//! The keyboard, which all questions of a process share.

use std::io::IsTerminal;

use futures_util::lock::{Mutex, MutexGuard};
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
        let typed = lines.get_or_insert_with(read_keyboard);
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
        // Ends with the input, or when nobody listens any more.
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if typed.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
