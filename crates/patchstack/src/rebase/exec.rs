//! `branch rebase --exec CMD`: a command of the operator's, such as a test, that is run on the result of a rebase, in a linked work
//! tree of its own. Here is the work tree and what is recorded; the caller runs the command.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::state::{Hold, State, hold};
use crate::error::{Error, Result, SAME_COMMAND};
use crate::names::ObjectId;
use crate::repository::Repository;

/// A command that is to be run on the result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exec {
    /// The command, for a shell.
    pub command: String,
    /// Whether it has succeeded on the result; none while there is no result, or it has not been run on it.
    pub succeeded: Option<bool>,
    /// The work tree that it is run in, which stays there after a failure.
    pub folder: String,
}

/// A work tree at a result, made for a command.
#[derive(Debug)]
pub struct Prepared {
    /// The command.
    pub command: String,
    /// The result of the rebase.
    pub result: ObjectId,
    /// The folder.
    pub folder: PathBuf,
    /// No other cutover works on the rebase while the command runs.
    _hold: Hold,
}

/// Makes the work tree at the result of the rebase of a branch, if a command is to be run on it that has not succeeded yet. The work
/// tree of an earlier run is replaced.
///
/// # Errors
/// When something else is in its place, or git fails.
pub fn prepare(repository: &Repository, branch: &str) -> Result<Option<Prepared>> {
    let hold = hold(repository, branch)?;
    let Some(state) = State::load(repository, branch)? else { return Ok(None) };
    let (Some(ran), Some(result)) = (&state.exec, &state.result) else { return Ok(None) };
    if ran.succeeded_on(result) == Some(true) {
        return Ok(None);
    }
    let folder = folder(&state);
    remove(repository, &folder, ran.on.as_ref())?;
    let call = repository
        .call("worktree", format!("create the folder {} for {}", folder.display(), ran.command))
        .options(&["add", "--quiet", "--detach"])
        .operands([folder.as_os_str(), result.as_str().as_ref()]);
    repository.git().output(&call)?;
    Ok(Some(Prepared { command: ran.command.clone(), result: result.clone(), folder, _hold: hold }))
}

/// Records how the command ended. After a success its work tree is removed.
///
/// # Errors
/// When the rebase has gone on meanwhile, or git fails.
pub fn record(repository: &Repository, branch: &str, prepared: Prepared, succeeded: bool) -> Result<()> {
    let mut state = State::expect(repository, branch)?;
    if let Some(exec) = &mut state.exec {
        exec.on = Some(prepared.result.clone());
        exec.succeeded = succeeded;
    }
    state.save(repository)?;
    if succeeded { remove(repository, &prepared.folder, Some(&prepared.result)) } else { Ok(()) }
}

/// What is known of the command of a rebase.
pub(super) fn told(state: &State) -> Option<Exec> {
    let exec = state.exec.as_ref()?;
    Some(Exec {
        command: exec.command.clone(),
        succeeded: state.result.as_ref().and_then(|result| exec.succeeded_on(result)),
        folder: folder(state).display().to_string(),
    })
}

/// Removes the work tree that an earlier run left.
pub(super) fn give_up(repository: &Repository, state: &State) -> Result<()> {
    match &state.exec {
        Some(ran) => remove(repository, &folder(state), ran.on.as_ref()),
        None => Ok(()),
    }
}

fn folder(state: &State) -> PathBuf {
    let mut name = state.folder.clone().into_os_string();
    name.push(".exec");
    name.into()
}

/// Removes a work tree of this repository that was made at the commit `made_at`. Nothing else at its place is touched, and no commit
/// that somebody has made there is lost.
fn remove(repository: &Repository, folder: &Path, made_at: Option<&ObjectId>) -> Result<()> {
    let call = repository.call("worktree", "list the work trees").options(&["list", "--porcelain", "-z"]);
    let list = repository.git().output(&call)?;
    let is_ours = list.split(|byte| *byte == 0).any(|line| {
        use std::os::unix::ffi::OsStrExt;
        line.strip_prefix(b"worktree ").is_some_and(|path| path == folder.as_os_str().as_bytes())
    });
    if !is_ours && !folder.exists() {
        return Ok(());
    }
    if !is_ours {
        return Err(Error::refused(
            format!("{} is the folder for the command of --exec, but contains something else", folder.display()),
            "it was not touched, and no branch was changed; move it away",
        ));
    }
    refuse_commits(repository, folder, made_at)?;
    let call = repository.call("worktree", format!("remove {}", folder.display())).options(&["remove", "--force"]);
    repository.git().output(&call.operands([folder])).map(drop)
}

/// Refuses if somebody has committed in the work tree, or checked something else out there.
fn refuse_commits(repository: &Repository, folder: &Path, made_at: Option<&ObjectId>) -> Result<()> {
    // A folder that somebody has removed has nothing to lose.
    let Ok(there) = Repository::open(repository.git(), folder) else { return Ok(()) };
    let call =
        there.call("rev-parse", "see what is checked out in the folder").options(&["--verify"]).operands(["HEAD"]);
    let head = there.git().text(&call)?;
    if made_at.is_none_or(|commit| commit.as_str() == head) {
        return Ok(());
    }
    Err(Error::refused(
        format!(
            "somebody has committed in {}, the folder for the command of --exec, which is at {head}",
            folder.display()
        ),
        format!(
            "it was not touched, and no branch was changed; save what you need from it, then `git worktree remove --force {}` and \
             {SAME_COMMAND} again",
            folder.display()
        ),
    ))
}
