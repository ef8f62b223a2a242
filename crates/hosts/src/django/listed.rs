//! Django's list of migrations, `manage.py showmigrations`, in both of its forms, by app and with `--plan`.
//!
//! Recorded output of Django 2.2, 3.2, 4.2 and 5.2 is in `recorded`.

use crate::command::Said;
use crate::failed::CommandFailed;
use cutover_core::names::MigrationName;

/// Why pending migrations are not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotListed {
    /// The command failed.
    #[error(transparent)]
    Failed(#[from] CommandFailed),
    /// The list has no applied and no pending migration, so it is not a list of migrations.
    #[error("it printed no list of migrations: `{0}`")]
    NotAList(String),
    /// A migration is listed before any app is.
    #[error("it printed a migration without its app: `{0}`")]
    NoApp(String),
}

/// A migration, as it is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed<'a> {
    /// The label of its app, such as `courseware`.
    pub app: &'a str,
    /// Its name in the app, such as `0002_student_email`.
    pub name: &'a str,
    /// Whether it is applied.
    pub mark: Mark,
    /// How many migrations it replaces, if it is a squashed one. Only the list by app says so.
    pub replaces: Option<u32>,
}

/// What is in front of a migration in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// `[ ]`: it would be applied.
    Pending,
    /// `[X]`: it is recorded as applied.
    Applied,
    /// `[-]`: all migrations that it replaces are recorded as applied, and it is not. Django 4.1 and later tell this apart.
    /// Applying it changes no schema.
    Squashed,
}

impl Listed<'_> {
    /// Its name with its app, as Django prints it when it applies it.
    #[must_use]
    pub fn full_name(&self) -> MigrationName {
        [self.app, ".", self.name].concat().into()
    }
}

/// The migrations of a list, in its order.
///
/// `showmigrations` exits with 0 whatever it finds. A list without any migration is an error: every service has some.
///
/// # Errors
/// When the command failed, or printed no list.
pub fn read(said: &Said) -> Result<Vec<Listed<'_>>, NotListed> {
    read_marked(said, |_| true)
}

/// The pending migrations of a list, in its order.
///
/// # Errors
/// When the command failed, or printed no list.
pub fn pending(said: &Said) -> Result<Vec<Listed<'_>>, NotListed> {
    read_marked(said, |mark| mark == Mark::Pending)
}

/// The command that lists migrations in the order of Django's plan, made from the one that lists them.
#[must_use]
pub fn in_order(list_command: &[String]) -> Vec<String> {
    let plan =
        (!list_command.iter().any(|argument| argument == "--plan" || argument == "-p")).then(|| "--plan".to_owned());
    list_command.iter().cloned().chain(plan).collect()
}

/// The migrations of a list whose marks are wanted.
fn read_marked(said: &Said, is_wanted: impl Fn(Mark) -> bool) -> Result<Vec<Listed<'_>>, NotListed> {
    CommandFailed::check(said)?;
    let (mut listed, mut app, mut is_list) = (Vec::new(), None, false);
    for line in lines(&said.stdout) {
        match marked(line) {
            Some((mark, rest)) => {
                is_list = true;
                if is_wanted(mark) {
                    listed.push(of_app(app, rest, mark).ok_or_else(|| NotListed::NoApp(line.to_owned()))?);
                }
            }
            None if is_label(line) => app = Some(line),
            None => {}
        }
    }
    match is_list {
        true => Ok(listed),
        false => Err(NotListed::NotAList(said.last_line().to_owned())),
    }
}

/// The lines of a text. They are short, and rehearsals read a lot of them.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = text.bytes().position(|byte| byte == b'\n');
        rest = end.map(|end| &text[end + 1..]);
        let line = &text[..end.unwrap_or(text.len())];
        Some(line.strip_suffix('\r').unwrap_or(line))
    })
}

/// The mark on a line, and what follows it: ` [X] 0001_initial`, and perhaps more, or `[X]  app.0001_initial`.
fn marked(line: &str) -> Option<(Mark, &str)> {
    let (mark, rest) = line.trim_ascii_start().split_at_checked(3)?;
    let mark = match mark {
        "[ ]" => Mark::Pending,
        "[X]" => Mark::Applied,
        "[-]" => Mark::Squashed,
        _ => return None,
    };
    Some((mark, rest))
}

/// The migration whose name comes first. With `--plan`, the name has its app in front of it. Names of migrations are names
/// of Python modules and have no dot.
fn of_app<'a>(app: Option<&'a str>, rest: &'a str, mark: Mark) -> Option<Listed<'a>> {
    let mut words = rest.split_ascii_whitespace();
    let name = words.next()?;
    let replaces = words.next().and_then(replaced).filter(|_| words.next() == Some("squashed"));
    match name.split_once('.') {
        Some((app, name)) => Some(Listed { app, name, mark, replaces }),
        None => app.map(|app| Listed { app, name, mark, replaces }),
    }
}

/// The number in `(3 squashed migrations)`, from its first word.
fn replaced(word: &str) -> Option<u32> {
    word.strip_prefix('(')?.parse().ok()
}

/// Whether a line is the label of an app, which is a Python identifier. Warnings may be printed among the lines.
fn is_label(line: &str) -> bool {
    !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(stdout: &str, exit: i32) -> Said {
        Said { exit, stdout: stdout.to_owned(), stderr: String::new() }
    }

    fn names(said: &Said) -> Vec<String> {
        let pending = pending(said).expect("a list");
        pending.iter().map(|migration| migration.full_name().to_string()).collect()
    }

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

    #[test]
    fn pending_migrations_are_named_in_both_forms_that_four_generations_of_django_print() {
        for list in [recorded!("showmigrations"), recorded!("showmigrations-plan")].concat() {
            let expected = [
                "courseware.0002_student_email",
                "courseware.0003_fill_email",
                "grades.0002_grade_value",
                "grades.0003_grade_course",
            ];
            assert_eq!(names(&said(list, 0)), expected, "{list}");
        }
    }

    #[test]
    fn a_squashed_migration_whose_parts_are_applied_is_not_pending() {
        for list in recorded!("showmigrations-squashed") {
            let said = said(list, 0);
            let all = read(&said).expect("a list");
            let squashed =
                all.iter().find(|listed| listed.name == "0001_squashed_0003_fill_email").expect("it is listed");
            assert!(matches!(squashed.mark, Mark::Applied | Mark::Squashed), "{list}");
            assert_eq!(squashed.replaces, Some(3), "{list}");
            assert_eq!(all.iter().filter(|listed| listed.replaces.is_some()).count(), 1, "{list}");
            assert_eq!(names(&said), [""; 0], "{list}");
        }
    }

    #[test]
    fn lines_may_end_as_those_of_a_terminal_do() {
        let list = "admin\r\n [X] 0001_initial\r\n [ ] 0002_logentry\r\n";
        assert_eq!(names(&said(list, 0)), ["admin.0002_logentry"]);
    }

    #[test]
    fn warnings_among_the_lines_are_neither_apps_nor_migrations() {
        let list = "2021-06-08 INFO: loading\nadmin\nDeprecated: use X\n [X] 0001_initial\n [ ] 0002_logentry\ncontenttypes\n (no migrations)\n";
        assert_eq!(names(&said(list, 0)), ["admin.0002_logentry"]);
    }

    #[test]
    fn what_is_no_list_is_never_nothing_pending() {
        for (text, exit) in
            [("", 0), ("Unknown command\n", 0), ("admin\n [X] 0001_initial\n", 1), (" [ ] 0001_initial\n", 0)]
        {
            assert!(pending(&said(text, exit)).is_err(), "{text}");
        }
    }
}
