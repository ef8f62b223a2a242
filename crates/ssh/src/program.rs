//! The `ssh` program.

use tokio::process::Command;

use crate::settings::Settings;
use crate::trouble::Trouble;

/// A call of the operator's `ssh`, without arguments.
#[expect(clippy::disallowed_methods, reason = "this is the one home of starting ssh")]
pub(crate) fn program(settings: &Settings) -> Command {
    Command::new(&settings.program)
}

/// Why a call could not be started.
pub(crate) fn unusable(settings: &Settings, error: &std::io::Error) -> Trouble {
    Trouble::Unusable(format!("{} could not be started: {error}", settings.program.display()))
}
