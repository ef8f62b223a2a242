//! Errors of the database, as a traceback of Python and the client `mysql` print them.

/// An error of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseError {
    /// MySQL's number, such as 1205. Errors of other databases have none.
    pub number: Option<u16>,
    /// What the database or its driver said.
    pub text: String,
}

impl DatabaseError {
    /// The error that a line tells, if it tells one. The two forms are
    /// `django.db.utils.OperationalError: (1205, 'Lock wait timeout exceeded')` with a driver's or Django's class in front,
    /// and `ERROR 1205 (HY000) at line 1: Lock wait timeout exceeded`.
    #[must_use]
    pub fn on(line: &str) -> Option<Self> {
        let line = line.trim();
        line.strip_prefix("ERROR ").map_or_else(|| raised(line), of_client)
    }
}

impl std::fmt::Display for DatabaseError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.number {
            Some(number) => write!(out, "MySQL {number}: {}", self.text),
            None => out.write_str(&self.text),
        }
    }
}

/// The modules whose exceptions are the database's: Django's, those of mysqlclient in its older and newer versions, and
/// PyMySQL's.
const MODULES: [&str; 4] = ["django.db.utils.", "MySQLdb.", "_mysql_exceptions.", "pymysql.err."];

fn raised(line: &str) -> Option<DatabaseError> {
    let module = MODULES.iter().find(|module| line.starts_with(**module))?;
    let (class, value) = line[module.len()..].split_once(": ")?;
    if !class.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.') {
        return None;
    }
    Some(numbered(value).unwrap_or_else(|| DatabaseError { number: None, text: value.to_owned() }))
}

/// `(1205, 'Lock wait timeout exceeded')`. PyMySQL says `(0, '')` of a connection that is closed: that is no number.
fn numbered(value: &str) -> Option<DatabaseError> {
    let (number, text) = value.strip_prefix('(')?.strip_suffix(')')?.split_once(", ")?;
    let number = number.parse().ok()?;
    Some(DatabaseError { number: (number != 0).then_some(number), text: unquoted(text) })
}

/// A string as Python prints it, without its quotes and with its escapes resolved as far as they matter to a reader.
fn unquoted(text: &str) -> String {
    let bare = ['\'', '"'].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
    bare.unwrap_or(text).replace("\\'", "'").replace("\\n", " ").replace("\\\\", "\\")
}

/// `1205 (HY000) at line 1: Lock wait timeout exceeded`, or without the line.
fn of_client(rest: &str) -> Option<DatabaseError> {
    let (head, text) = rest.split_once(": ")?;
    let (number, state) = head.split_once(" (")?;
    state.contains(')').then_some(())?;
    Some(DatabaseError { number: Some(number.parse().ok()?), text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(number: impl Into<Option<u16>>, text: &str) -> Option<DatabaseError> {
        Some(DatabaseError { number: number.into(), text: text.to_owned() })
    }

    #[test]
    fn errors_of_each_driver_and_of_the_client_are_read() {
        let full = "The table 'x' is full";
        for line in [
            "django.db.utils.OperationalError: (1114, \"The table 'x' is full\")",
            "MySQLdb._exceptions.OperationalError: (1114, \"The table 'x' is full\")",
            "MySQLdb.OperationalError: (1114, 'The table \\'x\\' is full')",
            "_mysql_exceptions.OperationalError: (1114, \"The table 'x' is full\")",
            "pymysql.err.OperationalError: (1114, \"The table 'x' is full\")",
            "ERROR 1114 (HY000) at line 3: The table 'x' is full",
            "ERROR 1114 (HY000): The table 'x' is full",
        ] {
            assert_eq!(DatabaseError::on(line), error(1114, full), "{line}");
        }
    }

    #[test]
    fn an_error_without_a_number_keeps_its_text() {
        assert_eq!(
            DatabaseError::on("django.db.utils.OperationalError: no such table: nowhere"),
            error(None, "no such table: nowhere")
        );
        assert_eq!(DatabaseError::on("django.db.utils.InterfaceError: (0, '')"), error(None, ""));
    }

    #[test]
    fn other_lines_are_no_errors_of_the_database() {
        for line in ["", "ERROR: unknown", "ERROR in settings (debug): x", "ValueError: (1114, 'x')", "(1114, 'x')"] {
            assert_eq!(DatabaseError::on(line), None, "{line}");
        }
    }
}
