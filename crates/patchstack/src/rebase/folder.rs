//! The folder in which a person resolves a conflict: a linked work tree at the head so far, with git's own conflict in
//! it.
//!
//! A note in the work tree's git directory says which conflict it shows. It is written last, so a folder without it is
//! incomplete and can be created again. A folder with it may contain a person's work, and is kept until that conflict
//! is decided.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::rerere;
use super::snapshot::{self, Snapshot, repositories_below};
use super::state::{State, write};
use super::work_tree::{Folder, MARK_DIGITS, foreign, has_modules};
use crate::error::{Error, Result, SAME_COMMAND};
use crate::git::{Call, Git};
use crate::names::{GitPath, ObjectId, abridged};
use crate::replay::Stage;
use crate::repository::Repository;
use crate::shell::quoted;

/// The note of what is shown, in the work tree's git directory.
const SHOWN: &str = "cutover-rebase";
/// The name of the note while the folder is being removed, so that a partly removed folder is recognized.
const GOING: &str = "cutover-rebase-going";
/// What a refusal to remove a folder says of a decision that led there.
const DECIDED: &str = "what was decided is recorded";

/// Which conflict a folder shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shown {
    pub(super) branch: String,
    pub(super) patch: ObjectId,
    pub(super) on: ObjectId,
    /// Git's words on the conflict, which name files as they are called in the folder.
    #[serde(default)]
    pub(super) said: Vec<String>,
    /// The conflicting files, as they are called in the folder: bytes, for paths need not be text. Folders of an earlier version do not
    /// have them.
    #[serde(default)]
    pub(super) files: Vec<Vec<u8>>,
}

impl Shown {
    fn is(&self, wanted: &Self) -> bool {
        (&self.branch, &self.patch, &self.on) == (&wanted.branch, &wanted.patch, &wanted.on)
    }
}

/// A conflict as the folder shows it.
pub(super) struct Seen {
    /// What is unresolved in its index.
    pub(super) stages: Vec<Stage>,
    /// Files to which an earlier resolution was applied and that are not staged yet.
    pub(super) offered: Vec<GitPath>,
    /// Git's words on the conflict.
    pub(super) said: Vec<String>,
    /// Whether somebody has given up the cherry-pick, so that nothing of the conflict is in the folder any more.
    pub(super) given_up: bool,
}

/// What exists at the folder's path.
enum Found {
    Free,
    /// Ours, but not finished, or partly removed.
    HalfMade,
    Ready(Folder, Shown),
    Foreign,
}

/// The branch whose conflict is shown in the work tree that the operator stands in, without `refs/heads/`.
#[must_use]
pub fn shown_here(repository: &Repository) -> Option<String> {
    let text = std::fs::read(repository.own_directory().join(SHOWN)).ok()?;
    serde_json::from_slice::<Shown>(&text).ok().map(|shown| shown.branch)
}

/// Refuses a folder where something exists already.
pub(super) fn refuse_if_taken(repository: &Repository, path: &Path) -> Result<()> {
    match look(repository, path)? {
        Found::Free => Ok(()),
        _ => Err(foreign(path)),
    }
}

/// The folder of a rebase with the conflict that it shows, once it is ready.
pub(super) fn ready(repository: &Repository, state: &State) -> Result<Option<(Folder, Shown)>> {
    match look(repository, &state.folder)? {
        Found::Ready(folder, shown) if shown.branch == state.target => Ok(Some((folder, shown))),
        _ => Ok(None),
    }
}

/// Makes the folder show the conflict of `patch` on `on`. If it does already, nothing in it is touched. Another conflict that nobody has
/// begun to resolve makes room for it.
pub(super) fn show(repository: &Repository, state: &State, patch: &ObjectId, on: &ObjectId) -> Result<()> {
    let wanted = wanted(state, patch, on);
    match look(repository, &state.folder)? {
        Found::Ready(_, shown) if shown.is(&wanted) => return Ok(()),
        Found::Ready(folder, shown) if !is_ours_to_remove(repository, state, &folder, &shown)? => {
            return Err(another(&state.folder, &shown));
        }
        Found::Foreign => return Err(foreign(&state.folder)),
        Found::Ready(folder, _) => {
            if refill(repository, &folder, &wanted).is_ok() {
                return Ok(());
            }
            refuse_repositories(&folder, DECIDED)?;
            empty(repository, &state.folder)?;
        }
        Found::HalfMade | Found::Free => empty(repository, &state.folder)?,
    }
    make(repository, state, &wanted)
}

/// Makes the folder show its conflict again, from the beginning.
pub(super) fn show_again(repository: &Repository, folder: &Folder, shown: &Shown) -> Result<()> {
    refill(repository, folder, shown)
}

/// Removes the folder, if the conflict that it shows is decided, or nobody has begun to resolve it.
pub(super) fn clear(repository: &Repository, state: &State) -> Result<()> {
    match look(repository, &state.folder)? {
        Found::Ready(folder, shown) if !is_ours_to_remove(repository, state, &folder, &shown)? => {
            Err(another(&state.folder, &shown))
        }
        Found::Ready(folder, _) => remove_shown(repository, &folder),
        Found::HalfMade => remove(repository, &state.folder),
        Found::Free | Found::Foreign => Ok(()),
    }
}

/// Removes the folder with all that was done in it.
pub(super) fn give_up(repository: &Repository, state: &State) -> Result<()> {
    match look(repository, &state.folder)? {
        Found::Ready(_, shown) if shown.branch != state.target => Ok(()),
        Found::Ready(folder, _) => remove_shown(repository, &folder),
        Found::HalfMade | Found::Free => remove(repository, &state.folder),
        Found::Foreign => Ok(()),
    }
}

/// The conflict of `patch` on `on` as the folder shows it; none if it does not.
pub(super) fn seen(repository: &Repository, state: &State, patch: &ObjectId, on: &ObjectId) -> Result<Option<Seen>> {
    match ready(repository, state)? {
        Some((folder, shown)) if shown.is(&wanted(state, patch, on)) => Ok(Some(Seen {
            stages: folder.stages(repository.git())?,
            offered: rerere::offered(repository, &folder)?,
            given_up: folder.is_given_up(repository.git(), &shown.on)?,
            said: shown.said,
        })),
        _ => Ok(None),
    }
}

fn wanted(state: &State, patch: &ObjectId, on: &ObjectId) -> Shown {
    Shown { branch: state.target.clone(), patch: patch.clone(), on: on.clone(), said: Vec::new(), files: Vec::new() }
}

/// Whether nothing of a person's is in the folder that is needed still: its conflict is decided, or nobody has begun to resolve it.
fn is_ours_to_remove(repository: &Repository, state: &State, folder: &Folder, shown: &Shown) -> Result<bool> {
    if shown.branch != state.target {
        return Ok(false);
    }
    Ok(state.has_decided(&shown.patch, &shown.on) || snapshot::done_since(repository.git(), folder)?.is_none())
}

fn look(repository: &Repository, path: &Path) -> Result<Found> {
    let is_empty = match std::fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(_) => return Ok(Found::Foreign),
    };
    let Some(directory) = git_directory(repository, path) else {
        return Ok(if is_empty { Found::Free } else { Found::Foreign });
    };
    if is_empty || directory.join(GOING).exists() {
        return Ok(Found::HalfMade);
    }
    // The folder may have been removed by hand and replaced with something else.
    let link = std::fs::read(path.join(".git")).unwrap_or_default();
    let leads_here = link.strip_prefix(b"gitdir: ").is_some_and(|link| as_path(link) == directory);
    if !leads_here {
        return Ok(Found::Foreign);
    }
    let shown = std::fs::read(directory.join(SHOWN)).ok().and_then(|text| serde_json::from_slice(&text).ok());
    Ok(match shown {
        Some(shown) => Found::Ready(Folder { path: path.to_owned(), directory }, shown),
        None if is_detached(repository, &directory)? => Found::HalfMade,
        None => Found::Foreign,
    })
}

/// Whether no branch is checked out in a work tree. A reftable does not store that in the HEAD file, so git is asked.
fn is_detached(repository: &Repository, directory: &Path) -> Result<bool> {
    match std::fs::read_to_string(directory.join("HEAD")) {
        Ok(head) if head.trim_end() == "ref: refs/heads/.invalid" => {}
        Ok(head) => return Ok(!head.starts_with("ref:")),
        Err(_) => return Ok(false),
    }
    let call = Call::new("symbolic-ref", "see what is checked out in the folder").of_repository(directory);
    Ok(!repository.git().run(&call.options(&["--quiet"]).operands(["HEAD"]))?.success)
}

/// The git directory of the linked work tree at `path`, which may be gone itself.
fn git_directory(repository: &Repository, path: &Path) -> Option<PathBuf> {
    let linked = std::fs::read_dir(repository.directory().join("worktrees")).ok()?;
    let link = path.join(".git");
    linked
        .flatten()
        .map(|entry| entry.path())
        .find(|directory| std::fs::read(directory.join("gitdir")).is_ok_and(|text| as_path(&text) == link))
}

/// A path as git writes it into a file: its bytes, and a newline.
fn as_path(text: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(text.strip_suffix(b"\n").unwrap_or(text)))
}

/// Removes a folder that `look` recognized. It stays, empty, while a process stands in it: a shell whose folder is gone can do
/// nothing any more, and the operator's is often there.
pub(super) fn remove(repository: &Repository, path: &Path) -> Result<()> {
    empty(repository, path)?;
    if !is_occupied(path) {
        // It is empty, and does no harm if it stays.
        let _ = std::fs::remove_dir(path);
    }
    Ok(())
}

/// Removes a folder that shows a conflict, unless something in it may be nowhere else.
fn remove_shown(repository: &Repository, folder: &Folder) -> Result<()> {
    refuse_repositories(folder, DECIDED)?;
    remove(repository, &folder.path)
}

/// Refuses new files that were not added: nobody has decided about them, and they would be lost with the folder.
pub(super) fn refuse_new(git: &Git, folder: &Folder, hint: &str) -> Result<()> {
    let new = folder.new_files(git)?;
    if new.is_empty() {
        return Ok(());
    }
    Err(Error::refused(format!("new and not added in {}: {}", folder.path.display(), abridged(&new)), hint))
}

/// Refuses to remove what nobody has anywhere else: commits in submodules that were checked out in the folder, and in other
/// repositories below it. `recorded` says what is on record of the command.
pub(super) fn refuse_repositories(folder: &Folder, recorded: &str) -> Result<()> {
    let below = repositories_below(&folder.path)?;
    let path = folder.path.display();
    let what = match below.first() {
        Some(first) => format!(
            "{} is a repository of its own in {path}, and may have commits that are nowhere else",
            first.display()
        ),
        None if has_modules(&folder.directory) => {
            format!("submodules were checked out in {path}, and may have commits that are nowhere else")
        }
        None => return Ok(()),
    };
    Err(Error::refused(
        what,
        format!(
            "{recorded}, and the folder was not touched; push what you have committed there, remove the folder \
             with `git worktree remove --force {}`, and {SAME_COMMAND} again",
            quoted(&folder.path)
        ),
    ))
}

/// Whether a process stands in the folder. Where the system does not tell, one may.
fn is_occupied(path: &Path) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else { return true };
    let stands_in = |process: std::fs::DirEntry| {
        std::fs::read_link(process.path().join("cwd")).is_ok_and(|folder| folder.starts_with(path))
    };
    processes.flatten().any(stands_in)
}

/// Removes what is in a folder that `look` recognized, and git's record of it. If the process is killed meanwhile, the rest is
/// recognized as incomplete and removed the next time.
fn empty(repository: &Repository, path: &Path) -> Result<()> {
    let Some(directory) = git_directory(repository, path) else { return Ok(()) };
    let gone = |path: PathBuf| {
        move |result: std::io::Result<()>| match result {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::File { path, done: "removed", source })
            }
            _ => Ok(()),
        }
    };
    let note = directory.join(GOING);
    gone(note.clone())(std::fs::write(&note, ""))?;
    gone(directory.join(SHOWN))(std::fs::remove_file(directory.join(SHOWN)))?;
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let removed =
            if is_folder { std::fs::remove_dir_all(entry.path()) } else { std::fs::remove_file(entry.path()) };
        gone(entry.path())(removed)?;
    }
    gone(directory.clone())(std::fs::remove_dir_all(&directory))?;
    // As git does: the folder goes with the last work tree. It stays when there are others.
    let _ = std::fs::remove_dir(repository.directory().join("worktrees"));
    Ok(())
}

fn make(repository: &Repository, state: &State, wanted: &Shown) -> Result<()> {
    let call = repository
        .call("worktree", format!("create the folder {} for the conflict", state.folder.display()))
        .options(&["add", "--quiet", "--detach"])
        .setting("worktree.useRelativePaths", "false")
        .operands([state.folder.as_os_str(), wanted.on.as_str().as_ref()]);
    repository.git().output(&call)?;
    let directory = git_directory(repository, &state.folder).ok_or_else(|| foreign(&state.folder))?;
    fill(repository, &Folder { path: state.folder.clone(), directory }, wanted)
}

/// Shows the next conflict in a folder whose conflict is decided. Folders in it that are also part of the next stay the same, so
/// that a shell or an editor in them goes on. Ignored files stay, as they do in a rebase by git.
fn refill(repository: &Repository, folder: &Folder, wanted: &Shown) -> Result<()> {
    let git = repository.git();
    let file = |name: &str, result: std::io::Result<()>| {
        result.map_err(|source| Error::File { path: folder.directory.join(name), done: "changed", source })
    };
    file(GOING, std::fs::write(folder.directory.join(GOING), ""))?;
    file(SHOWN, std::fs::remove_file(folder.directory.join(SHOWN)))?;
    let call = folder
        .call("checkout", format!("go on to the next conflict in {}", folder.path.display()))
        .options(&["--quiet", "--force", "--detach"])
        .operands([wanted.on.as_str()]);
    git.output(&call)?;
    let call = folder.call("clean", format!("remove what was left in {}", folder.path.display()));
    git.output(&call.options(&["--quiet", "-fd"]))?;
    file(GOING, std::fs::remove_file(folder.directory.join(GOING)))?;
    fill(repository, folder, wanted)
}

/// Shows a conflict in a work tree that is clean.
fn fill(repository: &Repository, folder: &Folder, wanted: &Shown) -> Result<()> {
    let said = pick(repository.git(), folder, wanted)?;
    let files = folder.unmerged(repository.git())?.iter().map(|path| path.as_bytes().to_vec()).collect();
    rerere::offer(repository, folder)?;
    Snapshot::keep(repository.git(), folder)?;
    let text = serde_json::to_vec(&Shown { said, files, ..wanted.clone() }).unwrap_or_default();
    let path = folder.directory.join(SHOWN);
    write(&path, &text).map_err(|source| Error::File { path, done: "written", source })
}

/// Cherry-picks the patch, so that stages, markers and message are git's own. It is expected to stop at the conflict. Returns git's
/// words on that.
fn pick(git: &Git, folder: &Folder, wanted: &Shown) -> Result<Vec<String>> {
    let call = folder
        .call("cherry-pick", format!("cherry-pick {} in {}", wanted.patch.short(), folder.path.display()))
        .options(&["--allow-empty", "--no-gpg-sign"])
        .setting("rerere.enabled", "false")
        .setting("core.abbrev", MARK_DIGITS.to_string())
        // The committer does not matter: if git makes a commit after all, only its tree is used.
        .variable("GIT_COMMITTER_NAME", "cutover")
        .variable("GIT_COMMITTER_EMAIL", "cutover")
        .operands([wanted.patch.as_str()]);
    let output = git.run(&call)?;
    if !output.success && folder.unmerged(git)?.is_empty() {
        return Err(Git::failure(&call, &output));
    }
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(words.lines().filter(|line| line.starts_with("CONFLICT")).map(str::to_owned).collect())
}

fn another(path: &Path, shown: &Shown) -> Error {
    Error::refused(
        format!("{} contains another conflict, of {}, that is not resolved", path.display(), shown.patch.short()),
        format!(
            "it was not touched, and no branch was changed; save what you need from it, then `git worktree remove \
             --force {}` and {SAME_COMMAND} again",
            quoted(path)
        ),
    )
}
