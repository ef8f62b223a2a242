//! The free storage of a database, as a command of the deployment file tells it: the last line that it prints is a number of bytes.
//! CloudWatch's has a fraction (`48318382080.0`).

use crate::command::Said;
use crate::failed::CommandFailed;

/// Why the free storage is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotMeasured {
    /// The command failed.
    #[error(transparent)]
    Failed(#[from] CommandFailed),
    /// It printed something else.
    #[error("its last line is no number of bytes: `{0}`")]
    NotANumber(String),
}

/// The free storage in bytes.
///
/// # Errors
/// When the command failed, or its last line is no number.
pub fn free(said: &Said) -> Result<u64, NotMeasured> {
    CommandFailed::check(said)?;
    let line = said.last_answer();
    let (whole, fraction) = line.split_once('.').unwrap_or((line, "0"));
    let is_fraction = !fraction.is_empty() && fraction.bytes().all(|digit| digit.is_ascii_digit());
    let bytes = whole.parse().ok().filter(|_| is_fraction);
    bytes.ok_or_else(|| NotMeasured::NotANumber(line.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_a_number_of_bytes_and_nothing_else_is() {
        let said = |exit, stdout: &str| Said { exit, stdout: stdout.to_owned(), ..Said::default() };
        assert_eq!(free(&said(0, "a warning\n48318382080\n\n")), Ok(48_318_382_080));
        assert_eq!(free(&said(0, "48318382080.0\n")), Ok(48_318_382_080));
        for text in ["", "None\n", "45 GB\n", "-1\n", "1.\n", "48318382080\nan error\n"] {
            assert!(matches!(free(&said(0, text)), Err(NotMeasured::NotANumber(_))), "{text}");
        }
        assert!(matches!(free(&said(1, "48318382080\n")), Err(NotMeasured::Failed(CommandFailed { exit: 1, .. }))));
    }
}
