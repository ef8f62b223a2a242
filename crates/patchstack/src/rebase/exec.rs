//! `branch rebase --exec CMD`: a command of the operator's, such as a test, that is run on the result of a rebase, in a linked work
//! tree of its own. Here is the work tree and what is recorded; the caller runs the command.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::state::{Hold, State, hold, write};
use super::work_tree::has_modules;
use crate::error::{Error, Result, SAME_COMMAND};
use crate::git::Call;
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
    remove(repository, &folder, branch)?;
    let call = repository
        .call("worktree", format!("create the folder {} for {}", folder.display(), ran.command))
        .options(&["add", "--quiet", "--detach"])
        .operands([folder.as_os_str(), result.as_str().as_ref()]);
    repository.git().output(&call)?;
    Mark::of(repository, &folder, branch)?.write(repository, &folder)?;
    Ok(Some(Prepared { command: ran.command.clone(), result: result.clone(), folder, _hold: hold }))
}

/// Records how the command ended. After a success its work tree is removed.
///
/// # Errors
/// When the rebase has gone on meanwhile, or git fails.
pub fn record(repository: &Repository, branch: &str, prepared: &Prepared, succeeded: bool) -> Result<()> {
    let mark = Mark::of(repository, &prepared.folder, branch)?;
    let has_committed = mark.head != prepared.result;
    let mut state = State::expect(repository, branch)?;
    if let Some(exec) = &mut state.exec {
        exec.on = Some(prepared.result.clone());
        exec.succeeded = succeeded && !has_committed;
    }
    state.save(repository)?;
    mark.write(repository, &prepared.folder)?;
    if has_committed {
        return Err(Error::refused(
            format!("the command of --exec has committed in {}", prepared.folder.display()),
            "the result of the rebase is unchanged; make its commits patches of the branch and rebase again, or give a command \
             that commits nothing",
        ));
    }
    if succeeded {
        remove(repository, &prepared.folder, branch)?;
    }
    Ok(())
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
    let folder = folder(state);
    if state.exec.is_none()
        || (folder.exists() && marked(repository, &folder).is_none_or(|mark| mark.branch != state.target))
    {
        return Ok(());
    }
    remove(repository, &folder, &state.target)
}

fn folder(state: &State) -> PathBuf {
    let mut name = state.folder.clone().into_os_string();
    name.push(".exec");
    name.into()
}

/// What a work tree was like when cutover last left it: whoever finds it otherwise has somebody's work before them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    branch: String,
    head: ObjectId,
    /// What differs from the commit, as `git status` lists it, with the size of each file and when it was written.
    changes: Vec<String>,
}

/// The mark, in the work tree's git directory.
const MARK: &str = "cutover-exec";

impl Mark {
    /// What the work tree is like now.
    fn of(repository: &Repository, folder: &Path, branch: &str) -> Result<Self> {
        let there = Repository::open(repository.git(), folder)?;
        let call = |name, doing: &str| {
            let call = Call::new(name, doing).of_repository(there.own_directory()).inside(folder);
            call.variable("GIT_WORK_TREE", folder)
        };
        let head = call("rev-parse", "see what is checked out in the folder").options(&["--verify"]).operands(["HEAD"]);
        let head = there.git().text(&head)?;
        let changes = call("status", "see what was changed in the folder").options(&[
            "--porcelain",
            "-z",
            "--untracked-files=all",
            "--ignore-submodules=none",
        ]);
        let changes = there.git().output(&changes)?;
        let changes = changes.split(|byte| *byte == 0).map(|entry| changed(folder, entry)).collect();
        let head = ObjectId::parse(&head)
            .ok_or_else(|| Error::refused(format!("git named {head:?}"), "nothing was changed"))?;
        Ok(Self { branch: branch.to_owned(), head, changes })
    }

    /// Writes it down.
    fn write(&self, repository: &Repository, folder: &Path) -> Result<()> {
        let there = Repository::open(repository.git(), folder)?;
        let text = serde_json::to_vec(self).unwrap_or_default();
        let path = there.own_directory().join(MARK);
        write(&path, &text).map_err(|source| Error::File { path, done: "written", source })
    }
}

/// An entry of `git status` with what tells whether the file was written since.
fn changed(folder: &Path, entry: &[u8]) -> String {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::MetadataExt;
    let path = folder.join(std::ffi::OsStr::from_bytes(entry.get(3..).unwrap_or_default()));
    let words = String::from_utf8_lossy(entry).into_owned();
    match path.symlink_metadata() {
        Ok(file) => format!("{words} {} {}.{}", file.len(), file.mtime(), file.mtime_nsec()),
        Err(_) => words,
    }
}

/// Removes a work tree that was made here and that nobody has worked in since. Nothing else at its place is touched.
fn remove(repository: &Repository, folder: &Path, branch: &str) -> Result<()> {
    if folder.exists() {
        refuse_work(repository, folder, branch)?;
    } else if !is_registered(repository, folder)? {
        return Ok(());
    }
    let call = repository.call("worktree", format!("remove {}", folder.display())).options(&["remove", "--force"]);
    repository.git().output(&call.operands([folder])).map(drop)
}

/// Whether git has a work tree on record at this place, even if somebody has removed the folder.
fn is_registered(repository: &Repository, folder: &Path) -> Result<bool> {
    use std::os::unix::ffi::OsStrExt;
    let call = repository.call("worktree", "list the work trees").options(&["list", "--porcelain", "-z"]);
    let list = repository.git().output(&call)?;
    let is_it = |line: &[u8]| line.strip_prefix(b"worktree ").is_some_and(|path| path == folder.as_os_str().as_bytes());
    Ok(list.split(|byte| *byte == 0).any(is_it))
}

/// The mark of a work tree; none if it was not made here.
fn marked(repository: &Repository, folder: &Path) -> Option<Mark> {
    let there = Repository::open(repository.git(), folder).ok()?;
    serde_json::from_slice(&std::fs::read(there.own_directory().join(MARK)).ok()?).ok()
}

/// Refuses what is not a work tree of this command, and one that somebody has worked in.
fn refuse_work(repository: &Repository, folder: &Path, branch: &str) -> Result<()> {
    let path = folder.display();
    let (what, hint) = match marked(repository, folder) {
        Some(mark) if mark == Mark::of(repository, folder, branch)? && !has_submodules(repository, folder)? => {
            return Ok(());
        }
        Some(mark) if mark.branch == branch => (
            format!("somebody has worked in {path}, the folder for the command of --exec, since it was run"),
            format!("save what you need from it, then `git worktree remove --force {path}` and {SAME_COMMAND} again"),
        ),
        _ => (
            format!("{path} is the folder for the command of --exec, but contains something else"),
            "move it away, or choose another folder with --folder when the rebase starts".to_owned(),
        ),
    };
    Err(Error::refused(what, format!("it was not touched, and no branch was changed; {hint}")))
}

/// Whether submodules were checked out in the work tree, whose commits may be nowhere else.
fn has_submodules(repository: &Repository, folder: &Path) -> Result<bool> {
    let there = Repository::open(repository.git(), folder)?;
    Ok(has_modules(there.own_directory()))
}
