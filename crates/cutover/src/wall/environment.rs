//! What the process was started with: its arguments, its variables and its folder.
#![expect(clippy::disallowed_methods, reason = "the home of the environment")]

use std::ffi::OsString;
use std::path::PathBuf;

/// The variables of this process, for programs that it starts.
#[must_use]
pub fn variables() -> Vec<(OsString, OsString)> {
    std::env::vars_os().collect()
}

/// The arguments of this process, without its name.
#[must_use]
pub fn arguments() -> Vec<String> {
    std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect()
}

/// The current folder.
///
/// # Errors
/// When it does not exist any more, or may not be read.
pub fn current_folder() -> std::io::Result<PathBuf> {
    std::env::current_dir()
}

/// The operator's folder for what programs keep (`XDG_STATE_HOME`), if there is a home.
#[must_use]
pub fn state_home() -> Option<PathBuf> {
    let given = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    given.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")))
}

/// Whether the operator has turned colours off (`NO_COLOR`, <https://no-color.org>).
#[must_use]
pub fn wants_no_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
