//! Reads the resolution of a conflict from the folder, and refuses one that is not finished.

use super::elsewhere;
use super::folder::{Shown, refuse_new};
use super::work_tree::{Folder, MARK_DIGITS};
use crate::error::{Error, Result};
use crate::git::Git;
use crate::names::{GitPath, ObjectId, abridged};

/// A resolution.
pub(super) struct Taken {
    /// What is staged in the folder, or the one commit that was made there.
    pub(super) tree: ObjectId,
    /// The message of that commit, if it is not the patch's.
    pub(super) message: Option<String>,
}

/// Reads the resolution.
pub(super) fn take(git: &Git, folder: &Folder, shown: &Shown) -> Result<Taken> {
    refuse_unmerged(git, folder)?;
    refuse_loose(git, folder)?;
    let call = folder.call("write-tree", "write what is staged in the folder");
    let text = git.text(&call)?;
    let tree = ObjectId::parse(&text).ok_or_else(|| Error::refused(format!("git wrote the tree {text:?}"), ""))?;
    elsewhere::refuse(git, folder, shown, &tree)?;
    let changed = changed(git, folder, &shown.on, &tree)?;
    if changed.is_empty() {
        return Err(Error::refused(
            format!("the resolution in {} leaves nothing of {}", folder.path.display(), shown.patch.short()),
            format!(
                "nothing was recorded; if that is intended, say why: --skip {} --because \"...\"",
                shown.patch.short()
            ),
        ));
    }
    elsewhere::refuse_given_up(git, folder, shown, &changed)?;
    refuse_marks(git, folder, shown, &tree, &changed)?;
    Ok(Taken { tree, message: edited_message(git, folder, shown)? })
}

/// Refuses what would be lost when the folder is filled again: edited and new files.
pub(super) fn refuse_loose(git: &Git, folder: &Folder) -> Result<()> {
    refuse_unstaged(git, folder)?;
    // They would be lost silently.
    refuse_new(git, folder, ADD_OR_MOVE_AWAY)
}

fn refuse_unmerged(git: &Git, folder: &Folder) -> Result<()> {
    let unmerged = folder.unmerged(git)?;
    if unmerged.is_empty() {
        return Ok(());
    }
    Err(Error::refused(
        format!("unresolved in {}: {}", folder.path.display(), abridged(&unmerged)),
        "nothing was recorded; edit the files there, `git add` (or `git rm`) them, then --continue",
    ))
}

/// Refuses changes that were edited but not staged: they would be lost silently.
fn refuse_unstaged(git: &Git, folder: &Folder) -> Result<()> {
    // Says with its status whether anything differs, which is asked right after.
    let refresh = folder.call("update-index", "look at the files of the folder").as_the_operator();
    git.run(&refresh.options(&["-q", "--refresh"]))?;
    let call = folder.call("diff-files", "look for changes that are not staged").as_the_operator().options(&[
        "--name-only",
        "-z",
        "--ignore-submodules=all",
    ]);
    let unstaged = GitPath::list(&git.output(&call)?);
    if unstaged.is_empty() {
        return Ok(());
    }
    Err(Error::refused(
        format!("edited but not staged in {}: {}", folder.path.display(), abridged(&unstaged)),
        "nothing was recorded; `git add` them there, or `git restore` them, then --continue",
    ))
}

const ADD_OR_MOVE_AWAY: &str =
    "nothing was recorded; `git add` what belongs to the patch, remove or move away the rest, then --continue";

/// The message of the commit in the folder, if somebody edited it. Git adds the list of conflicting files to it as a comment, and
/// does not always remove that.
fn edited_message(git: &Git, folder: &Folder, shown: &Shown) -> Result<Option<String>> {
    let head = folder.head(git)?;
    if head == shown.on {
        return Ok(None);
    }
    let message = |commit: &ObjectId| -> Result<String> {
        let call = folder
            .call("log", "read the message of the commit in the folder")
            .options(&["--no-walk", "--no-show-signature", "--no-decorate", "--encoding=UTF-8", "--format=%B"])
            .operands([commit.as_str()]);
        let text = git.text(&call)?;
        let text = text.split("\n# Conflicts:\n").next().unwrap_or_default();
        let lines: Vec<&str> = text.trim().lines().map(str::trim_end).collect();
        Ok(lines.join("\n") + "\n")
    };
    let (now, was) = (message(&head)?, message(&shown.patch)?);
    // `git commit` takes lines that begin like this for comments of its own.
    let without_comments =
        |text: &str| text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<&str>>().join("\n");
    let is_the_same = without_comments(&now).trim() == without_comments(&was).trim();
    Ok((!is_the_same).then_some(now))
}

fn changed(git: &Git, folder: &Folder, on: &ObjectId, tree: &ObjectId) -> Result<Vec<GitPath>> {
    let call = folder
        .call("diff-tree", "see what the resolution changes")
        .options(&["-r", "-z", "--name-only", "--no-renames", "--no-ext-diff"])
        .operands([on.as_str(), tree.as_str()]);
    Ok(GitPath::list(&git.output(&call)?))
}

/// Refuses files that still contain the conflict markers that git wrote. Lines that were there before are allowed.
fn refuse_marks(git: &Git, folder: &Folder, shown: &Shown, tree: &ObjectId, changed: &[GitPath]) -> Result<()> {
    let mut marked = marked(git, folder, shown, tree, changed)?;
    if !marked.is_empty() {
        let before =
            [marked_in(git, folder, shown, &shown.on, &marked)?, marked_in(git, folder, shown, &shown.patch, &marked)?];
        marked.retain(|path| !before.iter().any(|before| before.contains(path)));
    }
    if marked.is_empty() {
        return Ok(());
    }
    Err(Error::refused(
        format!("conflict marks (<<<<<<< and >>>>>>>) remain in {}", abridged(&marked)),
        format!("nothing was recorded; edit them in {}, `git add` them, then --continue", folder.path.display()),
    ))
}

fn marked(git: &Git, folder: &Folder, shown: &Shown, tree: &ObjectId, paths: &[GitPath]) -> Result<Vec<GitPath>> {
    // Arguments have a limit in length.
    let mut marked = Vec::new();
    for some in paths.chunks(500) {
        marked.extend(marked_in(git, folder, shown, tree, some)?);
    }
    Ok(marked)
}

fn marked_in(git: &Git, folder: &Folder, shown: &Shown, tree: &ObjectId, files: &[GitPath]) -> Result<Vec<GitPath>> {
    let patch = &shown.patch.as_str()[..MARK_DIGITS];
    let call = folder
        .call("grep", "look for conflict marks")
        .options(&["-I", "-l", "-z", "--full-name", "--no-color", "--no-recurse-submodules", "--extended-regexp", "-e"])
        .option("", format!("^(<{{3,}} HEAD\r?$|[|]{{3,}} parent of {patch}|>{{3,}} {patch})"))
        .object(tree)
        .paths(files.iter().map(GitPath::as_bytes));
    let output = git.run(&call)?;
    match output.code {
        // Each is `<tree>:<path>`.
        Some(0) => Ok(GitPath::list(&output.stdout)
            .iter()
            .map(|path| GitPath::new(&path.as_bytes()[tree.as_str().len() + 1..]))
            .collect()),
        Some(1) => Ok(Vec::new()),
        _ => Err(Git::failure(&call, &output)),
    }
}
