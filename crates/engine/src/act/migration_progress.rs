//! The output of a migration's job so far, and the progress that it shows.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;

use cutover_core::journal::{Applying, MigrationProgress, Ran};
use cutover_core::names::MigrationName;
use cutover_core::time::between;
use cutover_core::words::last_line;
use cutover_hosts::django::applying::{self, Line};
use cutover_hosts::django::ended::{self, Ended};
use cutover_hosts::django::faked;
use cutover_hosts::sequence;

/// The output of a job so far. It is read hundreds of times while it grows, so each line is read only once. It may end in the
/// middle of a character.
#[derive(Default)]
pub(crate) struct Printed {
    bytes: Vec<u8>,
    /// How many bytes have been read as lines. This covers whole lines only.
    counted: usize,
    /// The migrations that have ended well.
    ran: Vec<Ran>,
    /// The migration that has begun and has not ended well.
    now: Option<Applying>,
    /// How many migrations have ended well, and which one had begun then, according to a conductor before this one.
    known: (usize, Option<Applying>),
}

impl Printed {
    /// The output of a job of which an earlier conductor has recorded how many migrations had ended well, and which one had
    /// begun then, so that the time of that one is known too.
    pub(super) fn after(applied: usize, now: Option<&Applying>) -> Self {
        Self { known: (applied, now.cloned()), ..Self::default() }
    }

    /// The whole output.
    fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }

    /// The migration that has begun and has not ended well.
    pub(super) fn now(&self) -> Option<&Applying> {
        self.now.as_ref()
    }

    /// The migrations that have ended well.
    pub(super) fn ran(&self) -> &[Ran] {
        &self.ran
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
        last.filter(|line| applying::read(line).is_none()).map(str::to_owned)
    }

    /// The error of the database that ended it, if one is known.
    pub(super) fn error(&self) -> Option<Ended> {
        ended::why(&self.text())
    }

    /// The number of bytes of the output.
    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Appends new output, which was read `at` this moment.
    pub(super) fn add(&mut self, news: &[u8], at: Timestamp) {
        self.bytes.extend_from_slice(news);
        let whole = self.bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let lines = String::from_utf8_lossy(&self.bytes[self.counted..]).into_owned();
        let (lines, rest) = lines.rsplit_once('\n').map_or(("", lines.as_str()), |(lines, rest)| (lines, rest));
        lines.lines().filter_map(applying::read).for_each(|line| self.follow(line, at));
        // The end of a migration is only believed when its line is whole: a part of another word may look like it.
        if let Some(Line::Begins(migration)) = applying::read(rest) {
            self.begins(migration, at);
        }
        self.counted = whole.max(self.counted);
    }

    fn follow(&mut self, line: Line<'_>, at: Timestamp) {
        match line {
            Line::Begins(migration) => self.begins(migration, at),
            Line::Passes(migration, took) => {
                self.begins(migration, at);
                self.ends(took, at);
            }
            Line::Records(migration) => {
                self.begins(migration, at);
                self.now = None;
            }
            Line::Ends(took) => self.ends(took, at),
        }
    }

    fn begins(&mut self, migration: &str, at: Timestamp) {
        if self.now.as_ref().is_some_and(|now| now.migration.as_str() == migration) {
            return;
        }
        // Django goes on only after a success, which may have been lost among what the migration has printed itself.
        self.ends(None, at);
        let since = match &self.known {
            (applied, Some(known)) if *applied == self.ran.len() && known.migration.as_str() == migration => {
                known.since
            }
            _ => at,
        };
        self.now = Some(Applying { migration: migration.into(), since });
    }

    /// A migration that began and ended between two looks took an unknown time, unless Django has printed it.
    fn ends(&mut self, told: Option<Duration>, at: Timestamp) {
        let Some(Applying { migration, since }) = self.now.take() else { return };
        let seen = Some(between(since, at)).filter(|_| since != at);
        let seconds = told.or(seen).map(|took| took.as_secs());
        self.ran.push(Ran { migration, seconds });
    }

    /// The progress, for people. `of` is the number of migrations that were pending before, if that is known.
    pub(super) fn words(&self, of: Option<usize>, at: Timestamp) -> String {
        let progress = MigrationProgress { applied: self.ran.len(), of, now: self.now.clone(), warning: None };
        match self.complaint().filter(|_| self.now.is_none()) {
            Some(line) if self.ran.is_empty() => {
                format!("running, nothing applied yet; {}", sequence::last_begun(&line).unwrap_or(&line))
            }
            None if self.ran.is_empty() && self.now.is_none() => "running, nothing applied yet".to_owned(),
            _ => progress.words(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a moment")
    }

    fn ran(printed: &Printed) -> Vec<(&str, Option<u64>)> {
        printed.ran().iter().map(|ran| (ran.migration.as_str(), ran.seconds)).collect()
    }

    #[test]
    fn migrations_are_counted_once_however_their_lines_arrive() {
        let output = "Läuft:\n  Applying a.0001... OK\n  Applying a.0002...noise\n OK\n  Applying a.0003...";
        let mut printed = Printed::default();
        assert_eq!(printed.words(None, second(0)), "running, nothing applied yet");
        output.as_bytes().iter().for_each(|byte| printed.add(std::slice::from_ref(byte), second(0)));
        assert_eq!((printed.text(), printed.len()), (Cow::Borrowed(output), output.len() as u64));
        assert_eq!(ran(&printed), [("a.0001", None), ("a.0002", None)]);
        assert_eq!(printed.words(Some(7), second(200)), "2 of 7 applied; a.0003 for 3 min");
        let mut at_once = Printed::default();
        at_once.add(output.as_bytes(), second(0));
        assert_eq!((at_once.ran(), at_once.now()), (printed.ran(), printed.now()));
    }

    #[test]
    fn a_migration_took_as_long_as_was_seen_or_as_django_says() {
        let mut printed = Printed::default();
        printed.add(b"  Applying a.0001...", second(10));
        printed
            .add(b" OK\n  Applying a.0002... OK\n  Applying a.0003... OK (7.9s)\n  Applying a.0004...half", second(30));
        printed.add(b" done\n  Applying a.0005...", second(35));
        assert_eq!(ran(&printed), [("a.0001", Some(20)), ("a.0002", None), ("a.0003", Some(7)), ("a.0004", Some(5))]);
    }

    #[test]
    fn the_time_of_a_migration_that_an_earlier_conductor_saw_begin_is_known() {
        let now = Applying { migration: "a.0002".into(), since: second(10) };
        let mut printed = Printed::after(1, Some(&now));
        printed.add(b"  Applying a.0001... OK\n  Applying a.0002... OK\n", second(40));
        assert_eq!(ran(&printed), [("a.0001", None), ("a.0002", Some(30))]);
    }

    #[test]
    fn why_a_migration_failed_is_its_last_line() {
        let of = |output: &str| {
            let mut printed = Printed::default();
            printed.add(output.as_bytes(), second(0));
            (printed.now().map(|now| now.migration.to_string()), printed.complaint())
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
