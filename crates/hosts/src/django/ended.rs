//! Why a migration's job failed, from what it printed.
//!
//! Only errors of the database are told apart here, and a full disk of the host. Which migration it was is known from
//! the line `Applying grades.0002_value...`, which those who follow the job read.
//!
//! The recorded output is of Django with PyMySQL on MariaDB 10.11, where each of these errors was brought about. MySQL 8 has further
//! numbers for some of them, which are those of its manual.

use super::database_error::DatabaseError;

/// What kind of failure it was. What helps differs from one to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It waited too long for a lock, of rows or of a table: somebody else has an open transaction.
    LockWait,
    /// The database ended its transaction to resolve a deadlock with another one.
    Deadlock,
    /// The database has no space left.
    DatabaseFull,
    /// The host that ran it has no space left.
    HostFull,
    /// The database could not be reached.
    Unreachable,
    /// The connection to the database broke. The statement that it was at may still have been carried out.
    ConnectionLost,
    /// A table, column or index that it was to make is there already: an earlier run got further than is on record, or
    /// somebody made it by hand.
    AlreadyThere,
    /// The user of the database may not do that, or the password is wrong.
    AccessDenied,
    /// There is no database of that name.
    UnknownDatabase,
    /// Another error of the database.
    Other,
}

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The kind of failure.
    pub cause: Cause,
    /// What was printed about it, with MySQL's number.
    pub error: DatabaseError,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} ({})", self.cause.words(), self.error)
    }
}

impl Cause {
    /// What happened, for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::LockWait => "it waited too long for a lock that somebody else holds",
            Self::Deadlock => "the database ended it because of a deadlock",
            Self::DatabaseFull => "the database has no space left",
            Self::HostFull => "the host has no space left",
            Self::Unreachable => "the database could not be reached",
            Self::ConnectionLost => {
                "the connection to the database broke, so its last statement may have been carried out"
            }
            Self::AlreadyThere => "what it makes is there already",
            Self::AccessDenied => "the database denied access",
            Self::UnknownDatabase => "there is no such database",
            Self::Other => "the database reported an error",
        }
    }

    /// What helps, for people; nothing if that is not known.
    #[must_use]
    pub const fn remedy(self) -> Option<&'static str> {
        match self {
            Self::LockWait => {
                Some("look in the database's list of sessions for who holds the lock, and end that session")
            }
            Self::Deadlock => Some("look in the database's list of sessions for what else writes, and end it"),
            Self::DatabaseFull => Some("make room for the database"),
            Self::HostFull => Some("make room on the host"),
            Self::Unreachable | Self::ConnectionLost => Some("see that the database can be reached from there"),
            Self::AlreadyThere => Some("compare the schema with what the migration makes"),
            Self::AccessDenied => Some("give the database's user the rights or the password that it needs"),
            Self::UnknownDatabase => Some("correct the settings of the service there"),
            Self::Other => None,
        }
    }

    fn of(error: &DatabaseError) -> Self {
        match error.number {
            _ if is_full(&error.text) => Self::DatabaseFull,
            // The second one is MySQL 8's, for NOWAIT.
            Some(1205 | 3572) => Self::LockWait,
            Some(1213) => Self::Deadlock,
            Some(1021 | 1114) => Self::DatabaseFull,
            Some(2002 | 2003 | 2005) => Self::Unreachable,
            // The server was stopped, or has ended the session: 1927 is MariaDB's, 3169 and 4031 are MySQL 8's.
            Some(1053 | 1927 | 2006 | 2013 | 2055 | 3169 | 4031) => Self::ConnectionLost,
            // The last two are for the names of foreign keys and checks; for the former, MariaDB and MySQL 5.7 may say 1005.
            Some(1050 | 1060 | 1061 | 1826 | 3822) => Self::AlreadyThere,
            Some(1005) if error.text.contains("errno: 121") => Self::AlreadyThere,
            // The last two are for users who have no password, and whose account is locked.
            Some(1044 | 1045 | 1142 | 1143 | 1227 | 1698 | 3118) => Self::AccessDenied,
            Some(1049) => Self::UnknownDatabase,
            Some(_) | None => Self::Other,
        }
    }
}

/// Whether a text names the system's error 28, `ENOSPC`, which MySQL reports under several numbers of its own, or what InnoDB makes
/// of it where a table's file cannot grow: 135 and 136, `HA_ERR_RECORD_FILE_FULL` and `HA_ERR_INDEX_FILE_FULL`.
fn is_full(text: &str) -> bool {
    let of_system = ["No space left on device", "rrcode: 28", "errno: 28", "rror 28 from storage", "rror: 28"];
    let of_engine = ["No more room in ", "errno: 135", "errno: 136", "rror 135 from storage", "rror 136 from storage"];
    of_system.iter().chain(&of_engine).any(|words| text.contains(words))
}

/// Why a job failed, from its output so far; `None` if it printed no error of the database and of no full disk.
///
/// The last error whose kind is known counts. One of another kind counts only if there is no such error: once a connection
/// is lost, or a transaction has ended, more errors follow from that.
#[must_use]
pub fn why(output: &str) -> Option<Ended> {
    let mut other = None;
    for ended in output.lines().rev().filter_map(on) {
        match ended.cause {
            Cause::Other => other = other.or(Some(ended)),
            _ => return Some(ended),
        }
    }
    other
}

fn on(line: &str) -> Option<Ended> {
    if let Some(error) = DatabaseError::on(line) {
        return Some(Ended { cause: Cause::of(&error), error });
    }
    let text = line.trim().strip_prefix("OSError: ").filter(|text| is_full(text))?;
    Some(Ended { cause: Cause::HostFull, error: DatabaseError { number: None, text: text.to_owned() } })
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! recorded {
        ($name:literal) => {
            include_str!(concat!("recorded/migrate-failed-", $name, ".txt"))
        };
    }

    fn told(output: &str) -> (Cause, Option<u16>) {
        let ended = why(output).expect("an error of the database");
        (ended.cause, ended.error.number)
    }

    #[test]
    fn causes_are_told_apart_in_recorded_output() {
        for (output, cause, number) in [
            (recorded!("table-exists-2.2.28"), Cause::AlreadyThere, 1050),
            (recorded!("table-exists-3.2.25"), Cause::AlreadyThere, 1050),
            (recorded!("table-exists-4.2.30"), Cause::AlreadyThere, 1050),
            (recorded!("table-exists-5.2.19"), Cause::AlreadyThere, 1050),
            (recorded!("column-exists-5.2.19"), Cause::AlreadyThere, 1060),
            (recorded!("index-exists-5.2.19"), Cause::AlreadyThere, 1061),
            (recorded!("lock-wait-5.2.19"), Cause::LockWait, 1205),
            (recorded!("deadlock-5.2.19"), Cause::Deadlock, 1213),
            (recorded!("disk-full-5.2.19"), Cause::DatabaseFull, 1114),
            (recorded!("connection-lost-5.2.19"), Cause::ConnectionLost, 2013),
            (recorded!("connection-gone-5.2.19"), Cause::ConnectionLost, 2006),
            (recorded!("access-denied-5.2.19"), Cause::AccessDenied, 1045),
            (recorded!("schema-denied-5.2.19"), Cause::AccessDenied, 1044),
            (recorded!("alter-denied-5.2.19"), Cause::AccessDenied, 1142),
            (recorded!("unknown-database-5.2.19"), Cause::UnknownDatabase, 1049),
        ] {
            assert_eq!(told(output), (cause, Some(number)));
        }
    }

    /// Not recorded: the numbers and texts are those of MySQL 8's manual, in the form that its drivers give them, and the 1005 is
    /// MariaDB's.
    #[test]
    fn errors_that_have_other_numbers_on_mysql_8_have_the_same_causes() {
        for (error, cause) in [
            ("(1826, \"Duplicate foreign key constraint name 'courses_enrollment_fk'\")", Cause::AlreadyThere),
            ("(3822, \"Duplicate check constraint name 'courses_seats_check'.\")", Cause::AlreadyThere),
            (
                "(1005, 'Can\\'t create table `edxapp`.`x` (errno: 121 \"Duplicate key on write or update\")')",
                Cause::AlreadyThere,
            ),
            (
                "(4031, 'The client was disconnected by the server because of inactivity. See wait_timeout and \
                 interactive_timeout for configuring this behavior.')",
                Cause::ConnectionLost,
            ),
            ("(3169, 'Session was killed.')", Cause::ConnectionLost),
            ("(1053, 'Server shutdown in progress')", Cause::ConnectionLost),
            (
                "(3572, 'Statement aborted because lock(s) could not be acquired immediately and NOWAIT is set.')",
                Cause::LockWait,
            ),
            ("(3118, \"Access denied for user 'edxapp'@'%'. Account is locked.\")", Cause::AccessDenied),
            ("(1005, 'Can\\'t create table `edxapp`.`x` (errno: 150 \"Foreign key\")')", Cause::Other),
        ] {
            assert_eq!(told(&format!("django.db.utils.OperationalError: {error}")).0, cause, "{error}");
        }
    }

    #[test]
    fn a_full_disk_of_the_database_and_one_of_the_host_are_different() {
        for text in [
            "Error writing file '/tmp/MYfd' (Errcode: 28 \"No space left on device\")",
            "Got error 28 from storage engine",
            "Can't create table `site`.`x` (errno: 28 \"No space left on device\")",
            "Can't create table `edxapp_live`.`courses_certificate` (errno: 135 \"No more room in record file\")",
            "Can't create table 'site.x' (errno: 136 - No more room in index file)",
            "Got error 135 from storage engine",
        ] {
            let output = format!("django.db.utils.OperationalError: (1030, '{}')", text.replace('\'', "\\'"));
            assert_eq!(told(&output), (Cause::DatabaseFull, Some(1030)), "{text}");
        }
        assert_eq!(told("OSError: [Errno 28] No space left on device"), (Cause::HostFull, None));
    }

    #[test]
    fn an_error_that_follows_from_a_known_one_is_not_the_cause() {
        let output = "django.db.utils.OperationalError: (2013, 'Lost connection to MySQL server during query')\n\n\
                      During handling of the above exception, another exception occurred:\n\n\
                      django.db.utils.InterfaceError: (0, '')\n";
        assert_eq!(told(output), (Cause::ConnectionLost, Some(2013)));
    }

    #[test]
    fn the_words_have_the_number_and_the_text() {
        let ended = why("ERROR 1205 (HY000) at line 1: Lock wait timeout exceeded").expect("an error");
        assert_eq!(
            ended.to_string(),
            "it waited too long for a lock that somebody else holds (MySQL 1205: Lock wait timeout exceeded)"
        );
    }

    #[test]
    fn other_failures_are_not_taken_for_one_of_these() {
        assert_eq!(told("django.db.utils.ProgrammingError: (1146, \"Table 'x' doesn't exist\")").0, Cause::Other);
        for output in
            ["", "Applying a.0001...", "ValueError: 1205", "Killed", "ModuleNotFoundError: No module named 'x'"]
        {
            assert_eq!(why(output), None, "{output}");
        }
    }
}
