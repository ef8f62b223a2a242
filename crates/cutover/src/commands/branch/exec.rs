//! Runs the command of `branch rebase --exec` on the result of a rebase.
#![expect(clippy::disallowed_methods, reason = "the one place that starts the operator's command")]

use std::process::{Command, Stdio};

use cutover_patchstack::rebase::exec::{Prepared, prepare, record};
use cutover_patchstack::rebase::{self, Standing};

use super::fork::Fork;
use crate::error::CommandError;
use crate::output;

/// Variables that say which repository git works on, as `git rev-parse --local-env-vars` lists them.
const OF_A_REPOSITORY: [&str; 10] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// Runs the command if the rebase is done and the command has not succeeded on its result. What it prints goes to standard error.
pub(super) fn run_if_due(fork: &Fork, branch: &str, standing: Standing) -> Result<Standing, CommandError> {
    if standing.stop.is_some() || standing.exec.is_none() {
        return Ok(standing);
    }
    let Some(prepared) = prepare(&fork.repository, branch)? else { return Ok(standing) };
    output::note(&format!("running in {}: {}", prepared.folder.display(), prepared.command));
    let succeeded = succeeds(&prepared)?;
    record(&fork.repository, branch, &prepared, succeeded)?;
    // The lock on the rebase goes with it.
    drop(prepared);
    Ok(rebase::standing(&fork.repository, branch)?.unwrap_or(standing))
}

fn succeeds(prepared: &Prepared) -> Result<bool, CommandError> {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &prepared.command]).current_dir(&prepared.folder).stdin(Stdio::null()).stdout(std::io::stderr());
    // A command that calls git means the work tree that it runs in.
    for name in OF_A_REPOSITORY {
        shell.env_remove(name);
    }
    let status = shell.status().map_err(|source| CommandError::File {
        path: prepared.folder.display().to_string(),
        done: "entered by a shell",
        source,
    })?;
    Ok(status.success())
}
