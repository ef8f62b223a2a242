//! The output of a migration's job so far, and the progress that it shows.

use std::borrow::Cow;

use cutover_core::names::MigrationName;
use cutover_core::words::{last_line, push_number};
use cutover_hosts::django::ended::{self, Ended};
use cutover_hosts::django::faked;
use cutover_hosts::sequence;

/// The output of a job so far. It is read hundreds of times while it grows, so each line is counted only once. It may end
/// in the middle of a character.
#[derive(Default)]
pub(crate) struct Printed {
    bytes: Vec<u8>,
    /// How many bytes have been counted. This covers whole lines only.
    counted: usize,
    /// How many migrations were applied according to the counted lines.
    applied: u32,
    /// The progress, for people. It is put into words when output is added and not whenever the job is looked at.
    words: String,
}

impl Printed {
    /// The whole output.
    fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }

    /// The last migration that was begun and not applied. What Django says about it may follow on the same line.
    pub(super) fn stuck(&self) -> Option<String> {
        let text = self.text();
        let begun =
            text.lines().rev().find_map(|line| line.trim().strip_prefix(APPLYING).filter(|rest| !has_ended(rest)));
        begun.map(|rest| rest.split("...").next().unwrap_or(rest).to_owned())
    }

    /// The part of a sequence that was begun last.
    pub(super) fn part(&self) -> Option<String> {
        sequence::last_begun(&self.text()).map(str::to_owned)
    }

    /// Whether a migration was recorded without being run.
    pub(super) fn has_recorded(&self, migration: &MigrationName) -> bool {
        faked::was_recorded(&self.text(), migration)
    }

    /// The last line, unless it only says that a migration is being applied.
    pub(super) fn complaint(&self) -> Option<String> {
        let text = self.text();
        let last = last_line(&text);
        last.filter(|line| !line.starts_with(APPLYING)).map(str::to_owned)
    }

    /// The error of the database that ended it, if one is known.
    pub(super) fn error(&self) -> Option<Ended> {
        ended::why(&self.text())
    }

    /// The number of bytes of the output.
    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Appends new output.
    pub(super) fn add(&mut self, news: &[u8]) {
        self.bytes.extend_from_slice(news);
        let whole = self.bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.applied += count_applied(&self.bytes[self.counted..whole]);
        self.counted = whole;
        let last = self.bytes.rsplit(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).find(|line| !line.is_empty());
        if let Some(line) = last {
            let applied = self.applied();
            self.words.clear();
            push_number(&mut self.words, applied.into(), 1);
            let line = String::from_utf8_lossy(line);
            self.words.extend([" applied; ", sequence::last_begun(&line).unwrap_or(&line)]);
        }
    }

    /// How many migrations were applied.
    pub(super) fn applied(&self) -> u32 {
        self.applied + count_applied(&self.bytes[self.counted..])
    }

    /// The progress, for people.
    pub(super) fn progress_words(&self) -> &str {
        if self.words.is_empty() { "running, nothing applied yet" } else { &self.words }
    }
}

/// Whether what follows the name of a migration says that it was applied, or recorded without being run.
fn has_ended(rest: &str) -> bool {
    rest.ends_with("OK") || rest.ends_with("FAKED")
}

/// What a line begins with that says that a migration is being applied.
const APPLYING: &str = "Applying ";

fn count_applied(output: &[u8]) -> u32 {
    let lines = output.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let applied = lines.filter(|line| line.starts_with(APPLYING.as_bytes()) && line.ends_with(b"OK"));
    u32::try_from(applied.count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_once_however_they_arrive() {
        let output = "Läuft:\n  Applying a.0001... OK\n  Applying a.0002... OK\n  Applying a.0003...";
        let mut printed = Printed::default();
        assert_eq!(printed.progress_words(), "running, nothing applied yet");
        for byte in output.as_bytes() {
            printed.add(std::slice::from_ref(byte));
            assert_eq!(printed.applied(), count_applied(&printed.bytes), "{}", printed.text());
        }
        assert_eq!((printed.text(), printed.len()), (Cow::Borrowed(output), output.len() as u64));
        assert_eq!(printed.progress_words(), "2 applied; Applying a.0003...");
        printed.add(b" OK");
        assert_eq!(printed.applied(), 3);
    }

    #[test]
    fn why_a_migration_failed_is_its_last_line() {
        let of = |output: &str| {
            let mut printed = Printed::default();
            printed.add(output.as_bytes());
            (printed.stuck(), printed.complaint())
        };
        let django = "  Applying a.0001_x... OK\n  Applying a.0002_y...Traceback (most recent call last):\n  File \"manage.py\"\n\
                      django.db.utils.OperationalError: (1050, \"Table 'b' already exists\")\n\n";
        let error = "django.db.utils.OperationalError: (1050, \"Table 'b' already exists\")";
        assert_eq!(of(django), (Some("a.0002_y".to_owned()), Some(error.to_owned())));
        assert_eq!(of("  Applying a.0001_x... OK\n  Applying a.0002_y..."), (Some("a.0002_y".to_owned()), None));
        assert_eq!(of("  Applying a.0001_x... OK\n"), (None, None));
        assert_eq!(of(""), (None, None));
    }
}
