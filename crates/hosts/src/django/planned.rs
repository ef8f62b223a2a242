//! What `manage.py migrate --plan` would do, which changes nothing.
//!
//! Recorded output of Django 2.2, 3.2, 4.2 and 5.2 is in `recorded`, with each of the failures that are told apart.

use cutover_core::names::MigrationName;

use super::database_error::DatabaseError;
use crate::command::Said;
use crate::failed::CommandFailed;

/// A migration that would be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned<'a> {
    /// Its name with its app, such as `courseware.0002_student_email`.
    pub name: &'a str,
    /// Its operations in order, as printed: `Create model Student`, or `Raw SQL operation -> update grades_grade ...`, which
    /// is cut off after about 40 characters. Migrations that only join others have none.
    pub operations: Vec<&'a str>,
}

impl Planned<'_> {
    /// Its name.
    #[must_use]
    pub fn full_name(&self) -> MigrationName {
        self.name.into()
    }
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPlanned {
    /// `InconsistentMigrationHistory`: the database has a migration on record without one that it depends on.
    #[error("{migration} is recorded as applied, and {dependency}, which it depends on, is not")]
    History {
        /// The migration that is on record.
        migration: MigrationName,
        /// The one that is not.
        dependency: MigrationName,
    },
    /// Several migrations of an app are the last one, so the code has branches that nobody joined.
    #[error("migrations conflict, because nothing joins them: {}", in_words(.0))]
    Conflict(Vec<Leaves>),
    /// `NodeNotFoundError`: a migration depends on one that the code does not have.
    #[error("{migration} depends on {parent}, which does not exist")]
    MissingParent {
        /// The migration.
        migration: MigrationName,
        /// What it depends on.
        parent: MigrationName,
    },
    /// The database cannot be reached, or refuses.
    #[error("the database did not answer as expected ({0})")]
    Database(DatabaseError),
    /// The command failed for another reason.
    #[error(transparent)]
    Failed(#[from] CommandFailed),
    /// It printed something else than a plan, or a part of one.
    #[error("it printed no plan of migrations: `{0}`")]
    NotAPlan(String),
}

/// The last migrations of an app, if there are several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaves {
    /// The label of the app.
    pub app: String,
    /// The names of its last migrations.
    pub migrations: Vec<String>,
}

fn in_words(conflict: &[Leaves]) -> String {
    let apps = conflict.iter().map(|leaves| format!("{} of {}", leaves.migrations.join(" and "), leaves.app));
    apps.collect::<Vec<_>>().join("; ")
}

const HEADING: &str = "Planned operations:";
const NOTHING: &str = "  No planned migration operations.";

/// The migrations that would be applied, in order. None are planned only if Django says so.
///
/// # Errors
/// When the command failed, or printed no plan. Each line of a plan ends with a newline, so a line that was cut off is
/// noticed; whole lines that are missing at the end are not.
pub fn read(said: &Said) -> Result<Vec<Planned<'_>>, NotPlanned> {
    if said.exit != 0 {
        return Err(why_failed(said));
    }
    let not_a_plan = |line: &str| NotPlanned::NotAPlan(line.to_owned());
    // Coloured output ends with a sequence that resets the colour, behind the last newline.
    if !said.stdout.split_inclusive('\n').all(|line| line.ends_with('\n') || without_colour(line).is_empty()) {
        return Err(not_a_plan(said.last_line()));
    }
    let mut lines = said
        .stdout
        .lines()
        .map(without_colour)
        .filter(|line| !line.is_empty())
        .skip_while(|line| *line != HEADING)
        .skip(1)
        .peekable();
    match lines.peek() {
        None => return Err(not_a_plan(said.last_line())),
        Some(line) if *line == NOTHING => {
            lines.next();
            return lines.next().map_or(Ok(Vec::new()), |line| Err(not_a_plan(line)));
        }
        Some(_) => {}
    }
    let mut planned: Vec<Planned<'_>> = Vec::new();
    for line in lines {
        match (line.strip_prefix("    "), planned.last_mut()) {
            (Some(operation), Some(migration)) => migration.operations.push(operation.trim_end()),
            (None, _) if is_name(line) => planned.push(Planned { name: line, operations: Vec::new() }),
            _ => return Err(not_a_plan(line)),
        }
    }
    Ok(planned)
}

/// A line without the sequences that set a colour, all of which are in front of it: Django colours a line together with its
/// newline.
fn without_colour(line: &str) -> &str {
    let rest = line.strip_prefix("\x1b[").and_then(|rest| rest.split_once('m'));
    let is_colour = |codes: &str| codes.bytes().all(|byte| byte.is_ascii_digit() || byte == b';');
    rest.filter(|(codes, _)| is_colour(codes)).map_or(line, |(_, rest)| without_colour(rest))
}

/// Whether a line is a migration's name with its app: `courseware.0002_student_email`.
fn is_name(line: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && !part.contains(|letter: char| letter.is_whitespace() || letter == '.');
    line.split_once('.').is_some_and(|(app, name)| is_part(app) && is_part(name))
}

fn why_failed(said: &Said) -> NotPlanned {
    let mut lines = said.stderr.lines().rev();
    let told = lines.find_map(|line| {
        let line = line.trim();
        history(line).or_else(|| conflict(line)).or_else(|| missing_parent(line)).or_else(|| {
            let error = DatabaseError::on(line)?;
            Some(NotPlanned::Database(error))
        })
    });
    told.unwrap_or_else(|| NotPlanned::Failed(CommandFailed::of(said)))
}

/// `...: Migration a.0002 is applied before its dependency a.0001 on database 'default'.`
fn history(line: &str) -> Option<NotPlanned> {
    let (_, rest) = line.split_once("InconsistentMigrationHistory: Migration ")?;
    let (migration, rest) = rest.split_once(" is applied before its dependency ")?;
    let (dependency, _) = rest.split_once(" on database ")?;
    Some(NotPlanned::History { migration: migration.into(), dependency: dependency.into() })
}

/// `CommandError: Conflicting migrations detected; ...: (0004_a, 0004_b in grades; 0002_x, 0002_y in courseware).` The order
/// of both lists is that of a set, so they are sorted here.
fn conflict(line: &str) -> Option<NotPlanned> {
    let (_, rest) =
        line.split_once("Conflicting migrations detected; multiple leaf nodes in the migration graph: (")?;
    let (apps, _) = rest.rsplit_once(')')?;
    let leaves = |words: &str| {
        let (names, app) = words.rsplit_once(" in ")?;
        let mut migrations: Vec<String> = names.split(", ").map(str::to_owned).collect();
        migrations.sort();
        Some(Leaves { app: app.to_owned(), migrations })
    };
    let mut leaves: Vec<Leaves> = apps.split("; ").map(leaves).collect::<Option<_>>()?;
    leaves.sort_by(|one, other| one.app.cmp(&other.app));
    Some(NotPlanned::Conflict(leaves))
}

/// `...: Migration a.0002 dependencies reference nonexistent parent node ('b', '0001_initial')`, or `Migration a.0002 depends
/// on nonexistent node ('b', '0001_initial'). Django tried to ...` where a squashed migration is recorded in part.
fn missing_parent(line: &str) -> Option<NotPlanned> {
    let (_, rest) = line.split_once("NodeNotFoundError: Migration ")?;
    let (migration, rest) = rest.split_once(" depend")?;
    let (_, node) = rest.split_once(" node ('")?;
    let (app, name) = node.split_once("')")?.0.split_once("', '")?;
    Some(NotPlanned::MissingParent { migration: migration.into(), parent: [app, ".", name].concat().into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    macro_rules! recorded {
        ($form:literal) => {
            [
                include_str!(concat!("recorded/", $form, "-2.2.28.txt")),
                include_str!(concat!("recorded/", $form, "-3.2.25.txt")),
                include_str!(concat!("recorded/", $form, "-4.2.30.txt")),
                include_str!(concat!("recorded/", $form, "-5.2.19.txt")),
            ]
        };
    }

    fn printed(stdout: &str) -> Said {
        Said { exit: 0, stdout: stdout.to_owned(), stderr: String::new() }
    }

    fn failed(stderr: &str) -> NotPlanned {
        let said = Said { exit: 1, stdout: String::new(), stderr: stderr.to_owned() };
        read(&said).expect_err("it failed")
    }

    #[test]
    fn migrations_are_planned_in_order_with_their_operations() {
        for text in recorded!("migrate-plan") {
            let said = printed(text);
            let planned = read(&said).expect("a plan");
            let names: Vec<&str> = planned.iter().map(|migration| migration.name).collect();
            let expected = [
                "courseware.0002_student_email",
                "courseware.0003_fill_email",
                "grades.0002_grade_value",
                "grades.0003_merge",
            ];
            assert_eq!(names, expected);
            assert_eq!(planned[0].operations, ["Add field email to Student", "Alter field name on Student"]);
            assert_eq!(planned[1].operations[1], "Raw Python operation");
            assert_eq!(planned[2].operations[1], "Raw SQL operation -> update grades_grade set value = 0");
            assert_eq!(planned[3].operations, [""; 0]);
        }
    }

    #[test]
    fn nothing_is_planned_only_if_django_says_so() {
        for text in recorded!("migrate-plan-none") {
            assert_eq!(read(&printed(text)), Ok(Vec::new()));
        }
        for text in [
            "",
            "\n",
            "Planned operations:\n",
            "  No planned migration operations.\n",
            "Planned operations:\n  No planned migration operations.",
            "Planned operations:\n  No planned migration operations.\ncourseware.0002_student_email\n",
            "Planned operations:\n    Add field email to Student\n",
            "Operations to perform:\n  Apply all migrations: grades\n",
        ] {
            assert!(matches!(read(&printed(text)), Err(NotPlanned::NotAPlan(_))), "{text}");
        }
    }

    #[test]
    fn warnings_in_front_of_the_plan_are_passed_over() {
        let said = printed(
            "2021-06-08 INFO loading a.b\nPlanned operations:\r\ngrades.0002_value\r\n    Add field x to Y\r\n",
        );
        assert_eq!(read(&said), Ok(vec![Planned { name: "grades.0002_value", operations: vec!["Add field x to Y"] }]));
    }

    #[test]
    fn colours_are_passed_over() {
        for (coloured, plain) in [
            (include_str!("recorded/migrate-plan-colour-2.2.28.txt"), recorded!("migrate-plan")[0]),
            (include_str!("recorded/migrate-plan-colour-5.2.19.txt"), recorded!("migrate-plan")[3]),
        ] {
            assert_eq!(read(&printed(coloured)), read(&printed(plain)));
        }
        let nothing = "\x1b[1mPlanned operations:\n\x1b[0m  No planned migration operations.\n";
        assert_eq!(read(&printed(nothing)), Ok(Vec::new()));
    }

    #[test]
    fn an_inconsistent_history_names_both_migrations() {
        for text in recorded!("migrate-plan-history") {
            let expected = NotPlanned::History {
                migration: "courseware.0003_fill_email".into(),
                dependency: "courseware.0002_student_email".into(),
            };
            assert_eq!(failed(text), expected);
        }
    }

    #[test]
    fn a_conflict_names_the_leaves_of_each_app() {
        for text in recorded!("migrate-plan-conflict") {
            assert_eq!(
                failed(text).to_string(),
                "migrations conflict, because nothing joins them: 0004_x and 0004_y of courseware; \
                 0004_a and 0004_b of grades"
            );
        }
    }

    #[test]
    fn a_missing_parent_is_named() {
        let expected =
            NotPlanned::MissingParent { migration: "grades.0004_after".into(), parent: "catalog.0001_initial".into() };
        for text in recorded!("migrate-plan-missing") {
            assert_eq!(failed(text), expected);
        }
        let squashed = "django.db.migrations.exceptions.NodeNotFoundError: Migration grades.0004_after depends on nonexistent \
                        node ('catalog', '0001_initial'). Django tried to replace migration catalog.0001_initial with any of \
                        [catalog.0001_squashed] but wasn't able to because some of the replaced migrations are already applied.";
        assert_eq!(failed(squashed), expected);
    }

    #[test]
    fn a_database_that_cannot_be_reached_is_told_with_its_number() {
        for text in recorded!("migrate-plan-database") {
            assert!(matches!(failed(text), NotPlanned::Database(DatabaseError { number: Some(2003), .. })), "{text}");
        }
    }

    #[test]
    fn other_failures_are_told_by_their_last_line() {
        assert_eq!(
            failed("Traceback (most recent call last):\nImportError: no module\n").to_string(),
            "exit status 1: ImportError: no module"
        );
    }

    proptest! {
        #[test]
        fn a_plan_that_was_cut_off_in_a_line_is_no_plan(cut in 0..recorded!("migrate-plan")[3].len()) {
            let text = recorded!("migrate-plan")[3];
            let cut = text.floor_char_boundary(cut);
            let part = printed(&text[..cut]);
            let is_whole = text[..cut].ends_with('\n') && cut > HEADING.len() + 1;
            prop_assert_eq!(read(&part).is_ok(), is_whole);
        }
    }
}
