//! A command for a host, and what came of it.

use std::time::Duration;

/// The user who runs a command.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunAs {
    /// The user of the connection.
    Login,
    /// This user, `root` for example. It takes sudo where the connection has another one.
    User(String),
}

impl RunAs {
    /// The administrator.
    #[must_use]
    pub fn root() -> Self {
        Self::User("root".to_owned())
    }
}

/// A command: an argument list, never a line for a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The program and its arguments. They contain no secrets, because every user of the host can see them.
    pub arguments: Vec<String>,
    /// The user who runs it.
    pub run_as: RunAs,
    /// The folder it runs in; the user's home where there is none.
    pub directory: Option<String>,
}

impl Command {
    /// A command that the user of the connection runs.
    #[must_use]
    pub fn new<T: Into<String>>(arguments: impl IntoIterator<Item = T>) -> Self {
        Self { arguments: arguments.into_iter().map(Into::into).collect(), run_as: RunAs::Login, directory: None }
    }

    /// A command that the administrator runs.
    #[must_use]
    pub fn as_root<T: Into<String>>(arguments: impl IntoIterator<Item = T>) -> Self {
        Self { run_as: RunAs::root(), ..Self::new(arguments) }
    }

    /// A command that runs a shell script, whose `$1`, `$2` and so on are the arguments.
    #[must_use]
    pub fn script<T: Into<String>>(script: &str, arguments: impl IntoIterator<Item = T>) -> Self {
        let head = ["/bin/sh", "-c", script, "cutover"].map(str::to_owned);
        Self::new(head.into_iter().chain(arguments.into_iter().map(Into::into)))
    }
}

/// A question to a host: a command that changes nothing there and may be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The command.
    pub command: Command,
    /// How long it may take. The host ends it then.
    pub limit: Duration,
}

impl Ask {
    /// How long a question usually may take: long enough for a host under load, short enough for a window.
    pub const LIMIT: Duration = Duration::from_secs(20);

    /// A question with the usual limit.
    #[must_use]
    pub const fn new(command: Command) -> Self {
        Self { command, limit: Self::LIMIT }
    }
}

/// The exit status with which a host reports that a question took longer than its limit, as coreutils' `timeout` does.
pub const EXIT_TIMED_OUT: i32 = 124;

/// What a command printed, and its exit status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The exit status; 128 and the number of the signal if it was killed.
    pub exit: i32,
    /// Standard output. What is not UTF-8 is replaced.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Said {
    /// The last line with anything on it that it printed to standard error, or else to standard output. The mark with which
    /// the scripts of this crate end their answers is for programs, and not such a line.
    #[must_use]
    pub fn last_line(&self) -> &str {
        let last = |text| str::lines(text).rev().map(str::trim).find(|line| !line.is_empty() && *line != "end");
        last(&self.stderr).or_else(|| last(&self.stdout)).unwrap_or("it printed nothing")
    }

    /// The last line with anything on it that it printed to standard output; empty if there is none.
    #[must_use]
    pub fn last_answer(&self) -> &str {
        self.stdout.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default()
    }
}
