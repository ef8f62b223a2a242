//! Django's list of migrations, `manage.py showmigrations`.

use crate::command::Said;

/// Why the number of pending migrations is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotListed {
    /// The command failed.
    #[error("exit status {exit}: {printed}")]
    Failed {
        /// Its exit status.
        exit: i32,
        /// Its last line.
        printed: String,
    },
    /// The list has no applied and no pending migration, so it is not a list of migrations.
    #[error("it printed no list of migrations: `{0}`")]
    NotAList(String),
}

/// How many migrations are pending, which are the lines that begin with `[ ]`.
///
/// `showmigrations` exits with 0 whatever it finds. A list without any migration is an error: every service has some.
///
/// # Errors
/// When the command failed, or printed no list.
pub fn pending(said: &Said) -> Result<u32, NotListed> {
    if said.exit != 0 {
        return Err(NotListed::Failed { exit: said.exit, printed: said.last_line().to_owned() });
    }
    let (mut pending, mut applied) = (0, 0);
    // Lists have hundreds of short lines, and only the first characters of each matter.
    for line in said.stdout.as_bytes().split(|byte| *byte == b'\n') {
        match line.trim_ascii_start() {
            [b'[', b' ', b']', ..] => pending += 1,
            [b'[', b'X' | b'-', b']', ..] => applied += 1,
            _ => {}
        }
    }
    match pending + applied {
        0 => Err(NotListed::NotAList(said.last_line().to_owned())),
        _ => Ok(pending),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(stdout: &str, exit: i32) -> Said {
        Said { exit, stdout: stdout.to_owned(), stderr: String::new() }
    }

    #[test]
    fn pending_migrations_are_counted() {
        let list = "admin\n [X] 0001_initial\n [ ] 0002_logentry\ncontenttypes\n (no migrations)\nauth\n [-] 0001_squashed\n [ ] 0009_x (2 squashed migrations)\n";
        assert_eq!(pending(&said(list, 0)), Ok(2));
        assert_eq!(pending(&said("admin\n [X] 0001_initial\n", 0)), Ok(0));
    }

    #[test]
    fn what_is_no_list_is_never_nothing_pending() {
        for (text, exit) in [("", 0), ("Unknown command\n", 0), ("admin\n [X] 0001_initial\n", 1)] {
            assert!(pending(&said(text, exit)).is_err(), "{text}");
        }
    }
}
