//! `branch rebase --exec CMD`: a command of the operator's, such as a test, that is run on the result of a rebase, in a linked work
//! tree of its own. Here is the work tree and what is recorded; the caller runs the command.

mod mark;

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::Serialize;

use self::mark::Mark;
use super::folder as conflicts;
use super::state::{Hold, Ran, State, hold};
use crate::error::{Error, Result, SAME_COMMAND};
use crate::names::ObjectId;
use crate::repository::Repository;
use crate::shell::quoted;

/// A command that is to be run on the result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exec {
    /// The command, for a shell.
    pub command: String,
    /// How it stands.
    pub state: ExecState,
    /// The work tree that it is run in, which stays there unless it succeeds.
    pub folder: String,
}

/// How a command that is to be run on the result stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExecState {
    /// There is no result yet, or it has not been run on it.
    NotRun,
    /// It is running.
    Running,
    /// It was started, and ended without anybody recording how: cutover was killed meanwhile.
    BrokenOff,
    /// It has failed on the result.
    Failed,
    /// It has succeeded on the result.
    Succeeded,
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
    hold: Hold,
}

impl Prepared {
    /// A file that keeps the rebase locked as long as any process has it open: the command may outlive this one.
    ///
    /// # Errors
    /// When the system has no file handle left.
    pub fn hold(&self) -> std::io::Result<File> {
        self.hold.share()
    }
}

/// Makes the work tree at the result of the rebase of a branch, if a command is to be run on it that has not succeeded yet. The work
/// tree of an earlier run is replaced.
///
/// # Errors
/// When something else is in its place, or git fails.
pub fn prepare(repository: &Repository, branch: &str) -> Result<Option<Prepared>> {
    let hold = hold(repository, branch)?;
    let Some(mut state) = State::load(repository, branch)? else { return Ok(None) };
    let (Some(ran), Some(result)) = (state.exec.clone(), state.result.clone()) else { return Ok(None) };
    if ran.succeeded_on(&result) == Some(true) {
        return Ok(None);
    }
    let folder = state.exec_folder();
    remove(repository, &folder, &state)?;
    // First the record: whatever a killed process leaves in the folder is known as its work.
    state.exec = Some(Ran { on: Some(result.clone()), succeeded: false, running: true, ..ran.clone() });
    state.save(repository)?;
    let call = repository
        .call("worktree", format!("create the folder {} for {}", folder.display(), ran.command))
        .options(&["add", "--quiet", "--detach"])
        .operands([folder.as_os_str(), result.as_str().as_ref()]);
    repository.git().output(&call)?;
    Mark::of(repository, &folder, branch)?.write(repository, &folder)?;
    Ok(Some(Prepared { command: ran.command, result, folder, hold }))
}

/// Records how the command ended, before anything that can fail on what the command has left. After a success its work tree is removed.
///
/// # Errors
/// When the rebase has gone on meanwhile, or git fails.
pub fn record(repository: &Repository, branch: &str, prepared: &Prepared, succeeded: bool) -> Result<()> {
    let Prepared { folder, result, .. } = prepared;
    let head = mark::head(repository, folder)?;
    let mut state = State::expect(repository, branch)?;
    if let Some(exec) = &mut state.exec {
        exec.on = Some(result.clone());
        exec.succeeded = succeeded && head == *result;
        exec.running = false;
    }
    state.save(repository)?;
    Mark::of(repository, folder, branch)?.write(repository, folder)?;
    refuse_another_commit(repository, prepared, &head)?;
    if succeeded {
        remove(repository, folder, &state)?;
    }
    Ok(())
}

/// Refuses a command that has left another commit checked out: what it says is not said of the result.
fn refuse_another_commit(repository: &Repository, prepared: &Prepared, head: &ObjectId) -> Result<()> {
    let Prepared { folder, result, .. } = prepared;
    if head == result {
        return Ok(());
    }
    let (folder, unchanged) = (folder.display(), "the result of the rebase is unchanged");
    if repository.is_ancestor(result, head)? {
        return Err(Error::refused(
            format!("the command of --exec has committed in {folder}"),
            format!(
                "{unchanged}; make its commits patches of the branch and rebase again, or give a command that commits nothing"
            ),
        ));
    }
    Err(Error::refused(
        format!("the command of --exec has checked out {} in {folder}", head.short()),
        format!("{unchanged}; give a command that leaves {} checked out", result.short()),
    ))
}

/// What is known of the command of a rebase. `is_held` says whether another process has the rebase locked.
pub(super) fn told(state: &State, is_held: bool) -> Option<Exec> {
    let ran = state.exec.as_ref()?;
    let on_result = state.result.as_ref().and_then(|result| ran.succeeded_on(result));
    let exec_state = match on_result {
        _ if ran.running && is_held => ExecState::Running,
        Some(_) if ran.running => ExecState::BrokenOff,
        Some(true) => ExecState::Succeeded,
        Some(false) => ExecState::Failed,
        None => ExecState::NotRun,
    };
    Some(Exec { command: ran.command.clone(), state: exec_state, folder: state.exec_folder().display().to_string() })
}

/// Refuses to begin where the folder for the command has something else at its place.
pub(super) fn refuse_if_taken(repository: &Repository, state: &State) -> Result<()> {
    if state.exec.is_none() { Ok(()) } else { refuse_work(repository, &state.exec_folder(), state) }
}

/// Refuses to give up the rebase while that would remove somebody's work.
pub(super) fn refuse_to_give_up(repository: &Repository, state: &State) -> Result<()> {
    let folder = state.exec_folder();
    if is_foreign(repository, &folder, state) { Ok(()) } else { refuse_work(repository, &folder, state) }
}

/// Removes the work tree that an earlier run left.
pub(super) fn give_up(repository: &Repository, state: &State) -> Result<()> {
    let folder = state.exec_folder();
    if is_foreign(repository, &folder, state) { Ok(()) } else { remove(repository, &folder, state) }
}

/// Whether there is nothing of this rebase at the folder's place.
fn is_foreign(repository: &Repository, folder: &Path, state: &State) -> bool {
    let is_of = |mark: Mark| mark.branch == state.target;
    state.exec.is_none()
        || (folder.exists()
            && !is_half_made(repository, folder, state)
            && !Mark::read(repository, folder).is_some_and(is_of))
}

/// Whether cutover was killed while git created the work tree.
fn is_half_made(repository: &Repository, folder: &Path, state: &State) -> bool {
    let is_running = state.exec.as_ref().is_some_and(|ran| ran.running);
    is_running && Mark::read(repository, folder).is_none() && is_registered(repository, folder).unwrap_or(false)
}

/// Removes a work tree that was made here and that nobody has worked in since. Nothing else at its place is touched.
fn remove(repository: &Repository, folder: &Path, state: &State) -> Result<()> {
    refuse_work(repository, folder, state)?;
    if !is_registered(repository, folder)? {
        return Ok(());
    }
    if is_half_made(repository, folder, state) {
        return conflicts::remove(repository, folder);
    }
    open_up(folder);
    let call = repository.call("worktree", format!("remove {}", folder.display())).options(&["remove", "--force"]);
    repository.git().output(&call.operands([folder])).map(drop)
}

/// Makes folders writable that are to be removed: module caches and databases make theirs read-only or closed. What belongs to somebody
/// else stays as it is, and git says so.
fn open_up(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        if let Ok(metadata) = folder.symlink_metadata()
            && metadata.permissions().mode() & 0o700 != 0o700
        {
            let mode = metadata.permissions().mode() | 0o700;
            let _ = std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode));
        }
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        open.extend(folders.map(|entry| entry.path()));
    }
}

/// Whether git has a work tree on record at this place, even if somebody has removed the folder.
fn is_registered(repository: &Repository, folder: &Path) -> Result<bool> {
    use std::os::unix::ffi::OsStrExt;
    let call = repository.call("worktree", "list the work trees").options(&["list", "--porcelain", "-z"]);
    let list = repository.git().output(&call)?;
    let is_it = |line: &[u8]| line.strip_prefix(b"worktree ").is_some_and(|path| path == folder.as_os_str().as_bytes());
    Ok(list.split(|byte| *byte == 0).any(is_it))
}

/// Refuses what is not a work tree of this command, and one that somebody has worked in.
fn refuse_work(repository: &Repository, folder: &Path, state: &State) -> Result<()> {
    if !folder.exists() || is_half_made(repository, folder, state) {
        return Ok(());
    }
    let (path, branch) = (folder.display(), &state.target);
    let refused = |what: String, hint: String| {
        Err(Error::refused(what, format!("it was not touched, and no branch was changed; {hint}")))
    };
    let Some(mark) = Mark::read(repository, folder).filter(|mark| mark.branch == *branch) else {
        return refused(
            format!("{path} is the folder for the command of --exec, but contains something else"),
            "move it away, or choose another folder with --folder when the rebase starts".to_owned(),
        );
    };
    let now = Mark::of(repository, folder, branch)?;
    let Some(difference) = mark.difference(&now) else { return Ok(()) };
    if state.exec.as_ref().is_some_and(|ran| ran.running) {
        // Whoever was told of it here goes on with what is there now.
        now.write(repository, folder)?;
        return refused(
            format!(
                "the command of --exec was broken off, and what it has left in {path} may contain work of somebody's"
            ),
            format!("save what you need from it, then {SAME_COMMAND} again, which removes it"),
        );
    }
    refused(
        format!(
            "{path}, the folder for the command of --exec, was changed since the command ended ({difference}): somebody has worked \
             in it, or a process that the command has left"
        ),
        format!(
            "save what you need from it, then `git worktree remove --force {}` and {SAME_COMMAND} again",
            quoted(folder)
        ),
    )
}
