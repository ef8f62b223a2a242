//! What `manage.py migrate` prints while it runs: `Applying grades.0002_value...`, and ` OK` on the same line once it is done.
//!
//! A migration may print something itself, which then comes between the two. With `--verbosity 2`, `OK` is followed by the
//! time that it took.

use std::time::Duration;

/// What a line says about the progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A migration has begun. All that was begun before has ended well, because Django stops at the first failure.
    Begins(&'a str),
    /// A migration has begun and ended well.
    Passes(&'a str, Option<Duration>),
    /// A migration was put on record and not run.
    Records(&'a str),
    /// The migration that was begun on an earlier line has ended well.
    Ends(Option<Duration>),
}

/// Reads a line, or what there is of the last one; `None` if it says nothing about the progress.
#[must_use]
pub fn read(line: &str) -> Option<Line<'_>> {
    let line = line.trim();
    let Some(rest) = line.strip_prefix("Applying ") else { return end(line).map(Line::Ends) };
    let (migration, after) = rest.split_once("...")?;
    if !is_migration(migration) {
        return None;
    }
    let after = after.trim();
    Some(match end(after) {
        Some(took) => Line::Passes(migration, took),
        None if after == "FAKED" => Line::Records(migration),
        None => Line::Begins(migration),
    })
}

/// Whether these words end a migration, with the time that it took, if they say so.
fn end(words: &str) -> Option<Option<Duration>> {
    let words = words.strip_suffix(')').unwrap_or(words);
    let (verdict, took) = words.split_once(" (").map_or((words, None), |(verdict, took)| (verdict, Some(took)));
    (verdict == "OK").then(|| took.and_then(seconds))
}

fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.strip_suffix('s')?.parse().ok()?).ok()
}

/// Whether it is the name of a migration with its app. Other programs print `Applying` too.
fn is_migration(name: &str) -> bool {
    name.split_once('.').is_some_and(|(app, name)| !app.is_empty() && !name.is_empty() && !name.contains(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_begin_and_the_end_of_a_migration_are_told_from_everything_else() {
        let took = Some(Duration::from_millis(1234));
        for (line, says) in [
            ("  Applying grades.0002_value...", Some(Line::Begins("grades.0002_value"))),
            ("  Applying grades.0002_value... OK", Some(Line::Passes("grades.0002_value", None))),
            ("  Applying grades.0002_value... OK (1.234s)\r", Some(Line::Passes("grades.0002_value", took))),
            ("  Applying grades.0002_value... FAKED", Some(Line::Records("grades.0002_value"))),
            (
                "  Applying grades.0002_value...Traceback (most recent call last):",
                Some(Line::Begins("grades.0002_value")),
            ),
            ("  Applying grades.0002_value...filled 10 of 20", Some(Line::Begins("grades.0002_value"))),
            (" OK", Some(Line::Ends(None))),
            (" OK (1.234s)", Some(Line::Ends(took))),
            ("  Applying grades.0002", None),
            ("Applying settings...", None),
            ("Running migrations:", None),
            ("all is OK", None),
            ("", None),
        ] {
            assert_eq!(read(line), says, "{line}");
        }
    }

    #[test]
    fn recorded_output_of_a_failed_migration_ends_with_one_that_was_begun() {
        let output = include_str!("recorded/migrate-failed-column-exists-5.2.19.txt");
        let last = output.lines().filter_map(read).next_back();
        assert!(matches!(last, Some(Line::Begins(_))), "{last:?}");
    }
}
