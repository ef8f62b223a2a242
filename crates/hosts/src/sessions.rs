//! Sessions on a database that may not remain when migrations begin, as a command of the deployment file names them.
//!
//! The command prints a line for each, for people to read. Printing nothing means that there is none, so the command has to
//! fail if it could not look.

use crate::command::Said;
use crate::failed::CommandFailed;

/// The sessions that a command has named.
///
/// # Errors
/// When the command failed.
pub fn read(said: &Said) -> Result<Vec<String>, CommandFailed> {
    CommandFailed::check(said)?;
    let lines = said.stdout.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(lines.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_session_and_a_command_that_fails_has_not_found_none() {
        let said = |exit, stdout: &str| Said { exit, stdout: stdout.to_owned(), stderr: "ERROR 2002\n".to_owned() };
        assert_eq!(read(&said(0, "\n")), Ok(Vec::new()));
        let lines = "id 41 edxapp@10.0.3.7 Sleep 320 s\n  id 42 root@localhost Query 1 s\n\n";
        assert_eq!(read(&said(0, lines)).map(|sessions| sessions.len()), Ok(2));
        assert_eq!(read(&said(1, "")).map_err(|why| why.to_string()), Err("exit status 1: ERROR 2002".to_owned()));
    }
}
