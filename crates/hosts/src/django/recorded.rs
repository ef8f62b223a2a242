//! What the table `django_migrations` has on record, compared with what the code lists.
//!
//! `showmigrations` starts from the files, so a migration that is on record and whose file is gone is in no list: the code
//! is then older than the schema, and looks clean. A command of the deployment file prints the table, such as
//! `mysql --batch --skip-column-names edxapp -e "select app, name from django_migrations"`.

use std::collections::{BTreeMap, BTreeSet};

use cutover_core::names::MigrationName;

use super::listed::{Listed, Mark};
use crate::command::Said;
use crate::failed::CommandFailed;

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recorded<'a> {
    /// The label of the app, such as `courseware`.
    pub app: &'a str,
    /// The migration's name in the app, such as `0002_student_email`.
    pub name: &'a str,
}

/// Why the table is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRead {
    /// The command failed.
    #[error(transparent)]
    Failed(#[from] CommandFailed),
    /// It printed no rows. The table of a database that is in use has some.
    #[error("it printed no recorded migrations: `{0}`")]
    Nothing(String),
    /// A line is not a row of the table.
    #[error("`{0}` is not an app with a migration")]
    NotARow(String),
    /// The last line does not end, so rows may be missing.
    #[error("it was cut off after `{0}`")]
    CutOff(String),
}

/// The migrations on record. A row is an app, a migration and, if it is printed, a date; they are separated by tabs or
/// blanks. The names of columns may come first.
///
/// # Errors
/// When the command failed, printed no rows, or printed anything else.
pub fn read(said: &Said) -> Result<Vec<Recorded<'_>>, NotRead> {
    CommandFailed::check(said)?;
    let rows: Vec<Recorded<'_>> = said
        .stdout
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| row(line).ok_or_else(|| NotRead::NotARow(line.to_owned())))
        .collect::<Result<_, _>>()?;
    let rows = match rows.first() {
        Some(Recorded { app: "app", name: "name" }) => rows[1..].to_vec(),
        _ => rows,
    };
    if rows.is_empty() {
        return Err(NotRead::Nothing(said.last_line().to_owned()));
    }
    if !said.stdout.ends_with('\n') {
        return Err(NotRead::CutOff(said.last_line().to_owned()));
    }
    Ok(rows)
}

/// Two words of a message could look like a row, so blanks separate a row only if the name begins with a number, as Django
/// gives it, or is the name of the column.
fn row(line: &str) -> Option<Recorded<'_>> {
    let has_tabs = line.contains('\t');
    let mut words = line.split(|letter: char| if has_tabs { letter == '\t' } else { letter.is_whitespace() });
    let (app, name) = (words.next()?.trim(), words.by_ref().map(str::trim).find(|word| !word.is_empty())?);
    let date = words.map(str::trim).find(|word| !word.is_empty());
    let is_name = !name.contains(|letter: char| letter.is_whitespace() || letter == '.');
    let is_told = has_tabs || name == "name" || is_numbered(name);
    let is_date = date.is_none_or(|date| date == "applied" || is_numbered(date));
    (is_label(app) && is_name && is_told && is_date).then_some(Recorded { app, name })
}

/// Whether a word begins with four digits, as names and dates do.
fn is_numbered(word: &str) -> bool {
    word.len() >= 4 && word.bytes().take(4).all(|byte| byte.is_ascii_digit())
}

fn is_label(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// How the table differs from the list of the code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// On record, in an app that is listed, and without a file: the code is older than the schema, or from another branch.
    pub gone: Vec<MigrationName>,
    /// On record and not listed, in an app with a squashed migration that may have replaced them. Lists do not say which ones
    /// were replaced.
    pub perhaps_replaced: Vec<MigrationName>,
    /// Apps that are not listed at all, with the number of their migrations on record. Removed apps are ordinary.
    pub removed_apps: BTreeMap<String, usize>,
    /// Listed as applied, and not on record. This should not be possible: the list and the table come from different databases.
    pub not_recorded: Vec<MigrationName>,
}

/// Compares the table with the list of all migrations, whatever their marks. Both should have been printed at a time at which
/// nobody migrates.
#[must_use]
pub fn compare(recorded: &[Recorded<'_>], listed: &[Listed<'_>]) -> Difference {
    let mut apps: BTreeMap<&str, Vec<&Listed<'_>>> = BTreeMap::new();
    for migration in listed {
        apps.entry(migration.app).or_default().push(migration);
    }
    let mut difference = Difference::default();
    let mut unlisted: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in recorded {
        match apps.get(row.app) {
            None => *difference.removed_apps.entry(row.app.to_owned()).or_default() += 1,
            Some(files) if files.iter().any(|file| file.name == row.name) => {}
            Some(_) => unlisted.entry(row.app).or_default().push(row.name),
        }
    }
    for (app, names) in unlisted {
        let (gone, perhaps_replaced) = without_files(&names, &apps[app]);
        difference.gone.extend(gone.map(|name| full_name(app, name)));
        difference.perhaps_replaced.extend(perhaps_replaced.map(|name| full_name(app, name)));
    }
    let on_record: BTreeSet<Recorded<'_>> = recorded.iter().copied().collect();
    let is_missing = |migration: &&Listed<'_>| {
        let row = Recorded { app: migration.app, name: migration.name };
        migration.mark == Mark::Applied && !is_squashed(migration) && !on_record.contains(&row)
    };
    difference.not_recorded = listed.iter().filter(is_missing).map(Listed::full_name).collect();
    difference
}

fn full_name(app: &str, name: &str) -> MigrationName {
    [app, ".", name].concat().into()
}

/// Whether a migration may have replaced others. Django 2.2 and 3.2 list it as applied when these are, even if it is not on
/// record itself.
fn is_squashed(migration: &Listed<'_>) -> bool {
    migration.replaces.is_some() || span(migration.name).is_some()
}

/// The first and the last number that a squashed migration replaces, from the name that Django gives it: 1 and 3 for
/// `0001_squashed_0003_fill_email`.
fn span(name: &str) -> Option<(u32, u32)> {
    let (first, last) = name.split_once("_squashed_")?;
    Some((number(first)?, number(last)?))
}

fn number(name: &str) -> Option<u32> {
    let end = name.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(name.len());
    name[..end].parse().ok()
}

/// Which of an app's names that are on record and not listed have no file, and which may have been replaced. Those in the span
/// of a squashed migration are taken for replaced if there are no more of them than it replaces, and are left out.
fn without_files<'a>(
    names: &[&'a str],
    files: &[&Listed<'_>],
) -> (impl Iterator<Item = &'a str>, impl Iterator<Item = &'a str>) {
    let (mut replaced, mut perhaps) = (BTreeSet::new(), BTreeSet::new());
    for file in files.iter().filter(|file| is_squashed(file)) {
        let spanned = span(file.name);
        let is_in = |name: &&&str| {
            spanned.is_none_or(|(first, last)| number(name).is_some_and(|n| (first..=last).contains(&n)))
        };
        let within: Vec<&str> = names.iter().filter(is_in).copied().collect();
        let is_plausible = file.replaces.is_none_or(|replaces| within.len() <= replaces as usize);
        if spanned.is_some() && is_plausible { &mut replaced } else { &mut perhaps }.extend(within);
    }
    let rest: Vec<&str> = names.iter().copied().filter(|name| !replaced.contains(name)).collect();
    let (perhaps, gone): (Vec<&str>, Vec<&str>) = rest.into_iter().partition(|name| perhaps.contains(name));
    (gone.into_iter(), perhaps.into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::django;
    use proptest::prelude::*;

    fn printed(stdout: &str) -> Said {
        Said { exit: 0, stdout: stdout.to_owned(), stderr: String::new() }
    }

    fn compared(table: &str, list: &str) -> Difference {
        let (table, list) = (printed(table), printed(list));
        compare(&read(&table).expect("a table"), &django::read(&list).expect("a list"))
    }

    const TABLE: &str = include_str!("recorded/recorded-5.2.19.txt");
    const DATED: &str = include_str!("recorded/recorded-dates-5.2.19.txt");

    #[test]
    fn rows_are_read_with_and_without_dates_and_with_any_separator() {
        let said = printed(TABLE);
        let rows = read(&said).expect("a table");
        assert_eq!(rows.len(), 8);
        assert_eq!(rows[4], Recorded { app: "courseware", name: "0002_student_email" });
        for text in [DATED, &TABLE.replace('\t', "  "), &DATED.replace('\t', " "), &format!("app\tname\n{TABLE}")] {
            assert_eq!(read(&printed(text)).as_deref(), Ok(&*rows), "{text}");
        }
    }

    #[test]
    fn what_is_no_table_is_never_nothing_recorded() {
        for text in [
            "",
            "\n",
            "app\tname\n",
            "ERROR 1045 (28000): Access denied for user 'x'@'localhost'\n",
            "Access denied\n",
            "Empty set (0.00 sec)\n",
            "+------+\n| app | name |\n",
            "courseware\n",
            "courseware\t0001_initial\tnot a date\n",
            "courseware\t0001_initial\ncourse",
        ] {
            assert!(read(&printed(text)).is_err(), "{text}");
        }
        let failed = Said { exit: 1, stdout: TABLE.to_owned(), stderr: "ERROR 2013".to_owned() };
        assert_eq!(read(&failed), Err(NotRead::Failed(CommandFailed { exit: 1, printed: "ERROR 2013".to_owned() })));
    }

    #[test]
    fn files_that_are_gone_are_told_apart_from_removed_apps_and_from_squashed_migrations() {
        for (table, list) in [
            (
                include_str!("recorded/recorded-squashed-2.2.28.txt"),
                include_str!("recorded/showmigrations-recorded-2.2.28.txt"),
            ),
            (
                include_str!("recorded/recorded-squashed-5.2.19.txt"),
                include_str!("recorded/showmigrations-recorded-5.2.19.txt"),
            ),
        ] {
            let expected = Difference {
                gone: vec!["grades.0002_hotfix".into()],
                removed_apps: BTreeMap::from([("oldapp".to_owned(), 1)]),
                ..Difference::default()
            };
            assert_eq!(compared(table, list), expected);
        }
    }

    #[test]
    fn a_squashed_migration_explains_no_more_than_it_replaces() {
        let table = "a\t0001_initial\na\t0002_b\na\t0002_hotfix\na\t0004_d\n";
        let list = "a\n [X] 0001_squashed_0002_b (2 squashed migrations)\n";
        let names = ["a.0001_initial", "a.0002_b", "a.0002_hotfix"].map(Into::into).to_vec();
        let expected = Difference { gone: vec!["a.0004_d".into()], perhaps_replaced: names, ..Difference::default() };
        assert_eq!(compared(table, list), expected);
    }

    #[test]
    fn a_squashed_migration_with_a_name_of_its_own_explains_nothing_for_sure() {
        let difference = compared("a\t0001_initial\na\t0002_b\n", "a\n [X] 0001_start (2 squashed migrations)\n");
        assert_eq!(difference.perhaps_replaced, ["a.0001_initial", "a.0002_b"].map(MigrationName::from));
        assert_eq!((difference.gone, difference.not_recorded), (Vec::new(), Vec::new()));
    }

    #[test]
    fn applied_migrations_that_are_not_on_record_show_that_the_databases_differ() {
        let difference = compared("a\t0001_initial\n", "a\n [X] 0001_initial\n [X] 0002_b\n [ ] 0003_c\n");
        assert_eq!(difference.not_recorded, [MigrationName::from("a.0002_b")]);
    }

    proptest! {
        #[test]
        fn a_table_that_was_cut_off_in_a_line_is_no_table(cut in 1..TABLE.len()) {
            prop_assert_eq!(read(&printed(&TABLE[..cut])).is_ok(), TABLE[..cut].ends_with('\n'));
        }
    }
}
