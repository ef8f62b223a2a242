//! Tasks that wait in a broker's queues, as a command of the deployment file counts them.
//!
//! The command prints a number on each line, alone (`redis-cli LLEN celery`) or as the line's last word
//! (`rabbitmqctl list_queues --silent name messages`). What cannot be read as that is an error, and so is printing
//! nothing, because a queue that could not be counted must not count as empty.

use crate::command::Said;
use crate::failed::CommandFailed;

/// Why the number of waiting tasks is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCounted {
    /// The command failed.
    #[error(transparent)]
    Failed(#[from] CommandFailed),
    /// The command printed something else than numbers.
    #[error("`{0}` does not end in a number")]
    NotANumber(String),
    /// The command printed nothing.
    #[error("it printed nothing; it must print a number for each queue")]
    Nothing,
}

/// The number of tasks in all the queues that a command has counted.
///
/// # Errors
/// When the command failed, or did not print numbers.
pub fn count(said: &Said) -> Result<u64, NotCounted> {
    CommandFailed::check(said)?;
    let lines = said.stdout.lines().map(str::trim).filter(|line| !line.is_empty());
    let counts: Vec<u64> = lines.map(count_of_line).collect::<Result<_, _>>()?;
    if counts.is_empty() {
        return Err(NotCounted::Nothing);
    }
    Ok(counts.into_iter().fold(0, u64::saturating_add))
}

fn count_of_line(line: &str) -> Result<u64, NotCounted> {
    let number = line.rsplit(char::is_whitespace).next().and_then(|word| word.parse().ok());
    number.ok_or_else(|| NotCounted::NotANumber(line.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(stdout: &str, exit: i32) -> Said {
        Said { exit, stdout: stdout.to_owned(), stderr: String::new() }
    }

    #[test]
    fn numbers_are_added_alone_or_behind_the_name_of_a_queue() {
        assert_eq!(count(&said("3\n0\n4\n", 0)), Ok(7));
        assert_eq!(count(&said("edx.lms.core.default\t12\nedx.lms.core.high\t0\n", 0)), Ok(12));
    }

    #[test]
    fn what_was_not_counted_is_never_empty() {
        assert_eq!(count(&said("", 0)), Err(NotCounted::Nothing));
        assert_eq!(count(&said("(error) NOAUTH\n", 0)), Err(NotCounted::NotANumber("(error) NOAUTH".to_owned())));
        // RabbitMQ 3.8 and later print the names of the columns unless `--silent` is given.
        let headed = "name\tmessages\nedx.lms.core.default\t0\n";
        assert_eq!(count(&said(headed, 0)), Err(NotCounted::NotANumber("name\tmessages".to_owned())));
        assert_eq!(count(&said("-1\n", 0)), Err(NotCounted::NotANumber("-1".to_owned())));
        assert!(matches!(count(&said("0\n", 1)), Err(NotCounted::Failed(CommandFailed { exit: 1, .. }))));
    }
}
