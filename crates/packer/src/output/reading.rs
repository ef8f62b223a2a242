//! Folds the output of a build, in pieces of any size, into what it means.

use std::collections::{BTreeSet, VecDeque};

use super::line::{Line, plain};
use super::{Image, Made, text};

/// How many bytes of one line are read. A longer one is cut: it is the output of a provisioner.
const LONGEST_LINE: usize = 64 << 10;

/// How many lines for people are kept for a failure, and how many errors.
const TAIL: usize = 60;

/// Something that people see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What kind of text it is.
    pub kind: EventKind,
    /// The builder that it is about, if it is about one.
    pub builder: Option<String>,
    /// The text; may have several lines. It has no control characters other than line ends and tabs.
    pub text: String,
}

/// What kind of text it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// What Packer does next.
    Step,
    /// Detail, and what provisioners print.
    Detail,
    /// An error, or what provisioners print to standard error.
    Error,
    /// Not in Packer's form: what it prints when it crashes.
    Other,
}

/// What an output means as far as it was read.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    torn: Vec<u8>,
    skips: bool,
    made: Made,
    /// The builders whose instances are launched.
    launched: BTreeSet<String>,
    images: BTreeSet<Image>,
    failures: Vec<String>,
    errors: VecDeque<String>,
    tail: VecDeque<String>,
}

impl Reading {
    /// Reads the next piece, and gives what people see of it.
    pub fn take(&mut self, piece: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        let mut lines = piece.split(|byte| *byte == b'\n');
        // What follows the last line end is torn, or nothing.
        let last = lines.next_back().unwrap_or_default();
        for line in lines {
            self.gather(line);
            let line = std::mem::take(&mut self.torn);
            if !std::mem::take(&mut self.skips) {
                events.extend(self.read(&line));
            }
        }
        self.gather(last);
        events
    }

    /// The output goes on after a gap, so that the next line is the rest of one.
    pub fn skip(&mut self) {
        self.torn.clear();
        self.skips = true;
    }

    /// The output has ended: reads what was not ended by a line end.
    pub fn end(&mut self) -> Vec<Event> {
        if self.torn.is_empty() { Vec::new() } else { self.take(b"\n") }
    }

    /// What Packer has made on the way.
    #[must_use]
    pub const fn made(&self) -> &Made {
        &self.made
    }

    /// The finished images that it lists at its end.
    #[must_use]
    pub const fn images(&self) -> &BTreeSet<Image> {
        &self.images
    }

    /// Why builders have failed, each in Packer's own words at its end; else the last errors that it has printed.
    #[must_use]
    pub fn failures(&self) -> Vec<&str> {
        if self.failures.is_empty() {
            return self.errors.iter().map(String::as_str).collect();
        }
        self.failures.iter().map(String::as_str).collect()
    }

    /// Whether Packer has told at its end which builders have failed, and why.
    #[must_use]
    pub const fn is_summed_up(&self) -> bool {
        !self.failures.is_empty()
    }

    /// The last lines that people would have seen, at most 60.
    pub fn tail(&self) -> impl Iterator<Item = &str> {
        self.tail.iter().map(String::as_str)
    }

    fn gather(&mut self, bytes: &[u8]) {
        let room = LONGEST_LINE.saturating_sub(self.torn.len());
        self.torn.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn read(&mut self, bytes: &[u8]) -> Option<Event> {
        let Some(line) = Line::parse(bytes) else {
            let text = plain(&String::from_utf8_lossy(bytes));
            return self.show(EventKind::Other, None, text);
        };
        match (line.kind.as_str(), line.datum(0)) {
            ("ui", "say") => self.said(EventKind::Step, line.datum(1)),
            ("ui", "message") => self.said(EventKind::Detail, line.datum(1)),
            ("ui", "error") => self.said(EventKind::Error, line.datum(1)),
            ("artifact", _) if line.datum(1) == "id" => {
                self.images.extend(Image::of_artifact(line.datum(2)));
                None
            }
            ("error", _) => {
                self.failures.push(line.datum(0).trim().to_owned());
                None
            }
            _ => None,
        }
    }

    fn said(&mut self, kind: EventKind, said: &str) -> Option<Event> {
        let (builder, text) = text::split(said);
        if kind != EventKind::Error {
            let name = builder.unwrap_or_default();
            self.made.learn(&text, self.launched.contains(name));
            if text.starts_with("Waiting for instance (") {
                self.launched.insert(name.to_owned());
            }
        } else if !text.trim().is_empty() {
            keep(&mut self.errors, text.trim().to_owned());
        }
        self.show(kind, builder.map(str::to_owned), text)
    }

    fn show(&mut self, kind: EventKind, builder: Option<String>, text: String) -> Option<Event> {
        if text.trim().is_empty() {
            return None;
        }
        for line in text.lines() {
            keep(&mut self.tail, line.to_owned());
        }
        Some(Event { kind, builder, text })
    }
}

fn keep(lines: &mut VecDeque<String>, line: String) {
    if lines.len() == TAIL {
        lines.pop_front();
    }
    lines.push_back(line);
}
