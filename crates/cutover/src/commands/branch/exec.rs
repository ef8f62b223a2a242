//! Runs the command of `branch rebase --exec` on the result of a rebase.
#![expect(clippy::disallowed_methods, reason = "the one place that starts the operator's command")]

use std::process::{Child, Command, ExitStatus};

use cutover_patchstack::rebase::exec::{Prepared, prepare, record};
use cutover_patchstack::rebase::{self, Standing};

use super::fork::Fork;
use crate::error::CommandError;
use crate::{output, wall};

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
    let folder = prepared.folder.display();
    output::note(&format!("running in {folder}, which is removed when the command succeeds: {}", prepared.command));
    let Some(status) = run(&prepared)? else { return Err(left_alone(branch, &prepared)) };
    record(&fork.repository, branch, &prepared, status.success())?;
    // The lock on the rebase goes with it.
    drop(prepared);
    Ok(rebase::standing(&fork.repository, branch)?.unwrap_or(standing))
}

/// A shell around the operator's. Its standard input is the lock on the rebase, which is held until the command ends, even if
/// cutover is killed before. Nothing that the command leaves running holds it.
const HOLDING: &str = "/bin/sh -c \"$1\" </dev/null; exit $?";

/// How the command ended; none if the operator does not wait for that.
fn run(prepared: &Prepared) -> Result<Option<ExitStatus>, CommandError> {
    let failed =
        |source| CommandError::File { path: prepared.folder.display().to_string(), done: "entered by a shell", source };
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", HOLDING, "sh", &prepared.command]).current_dir(&prepared.folder);
    shell.stdin(prepared.hold().map_err(failed)?).stdout(std::io::stderr());
    // A command that calls git means the work tree that it runs in.
    for name in OF_A_REPOSITORY {
        shell.env_remove(name);
    }
    wall::block_on(ended(shell.spawn().map_err(failed)?)).and_then(Option::transpose).map_err(failed)
}

/// Waits for the command to end. A Ctrl-C reaches the command as well, so that how it ends is recorded; after another one nobody
/// waits any more.
async fn ended(mut command: Child) -> Option<std::io::Result<ExitStatus>> {
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // After another Ctrl-C, nobody receives this.
        let _ = tell.send(command.wait());
    });
    let (stop, abandon) = wall::interruptions();
    let noted = async {
        let why = stop.await;
        output::note(&format!("{why}; waiting for the command of --exec to end. Ctrl-C again leaves it alone"));
        std::future::pending::<()>().await;
    };
    tokio::select! {
        status = told => status.ok(),
        () = abandon => None,
        () = noted => None,
    }
}

fn left_alone(branch: &str, prepared: &Prepared) -> CommandError {
    CommandError::refused(
        format!("the command of --exec was left alone; it may be running still, in {}", prepared.folder.display()),
        format!(
            "no branch was changed; end the command or wait for it, then `cutover branch rebase --branch {branch} --continue` runs \
             it again"
        ),
    )
}
