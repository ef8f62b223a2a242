//! Refuses a folder whose HEAD is somewhere else than a resolution can be, and says how to come back.

use super::folder::Shown;
use super::work_tree::Folder;
use crate::error::{Error, Result};
use crate::git::Git;
use crate::names::{GitPath, ObjectId, abridged};
use crate::shell::quoted;

/// Refuses a folder that is not at the head so far, or at one commit on top of it with nothing else staged.
pub(super) fn refuse(git: &Git, folder: &Folder, shown: &Shown, staged: &ObjectId) -> Result<()> {
    let head = folder.head(git)?;
    if head == shown.on {
        return Ok(());
    }
    let call = folder
        .call("log", "see what was committed in the folder")
        .options(&["--no-walk", "--no-show-signature", "--no-decorate", "--format=%P %T"])
        .operands([head.as_str()]);
    let text = git.text(&call)?;
    let (parents, tree) = text.rsplit_once(' ').unwrap_or_default();
    let path = folder.path.display();
    let is_staged = tree != staged.as_str();
    let back = || -> Result<String> {
        Ok(format!("nothing was recorded; {}", way_back(git, folder, shown, &head, is_staged)?))
    };
    if parents != shown.on.as_str() {
        return Err(Error::refused(
            format!("{path} is at {}, not at {} or at one commit on top of it", head.short(), shown.on.short()),
            back()?,
        ));
    }
    if is_staged {
        let what = format!("in {path}, changes are staged on top of commit {}", head.short());
        return Err(Error::refused(what, back()?));
    }
    Ok(())
}

/// How to come back to the head so far. A branch that is checked out in the folder must not be moved by that, and what is staged on
/// another line of commits is no resolution.
fn way_back(git: &Git, folder: &Folder, shown: &Shown, head: &ObjectId, is_staged: bool) -> Result<String> {
    let (path, on) = (quoted(&folder.path), &shown.on);
    if is_ancestor(git, folder, on, head)? {
        let detach = match folder.branch(git)? {
            Some(branch) => format!("`git -C {path} switch --detach` leaves {branch} as it is, then "),
            None => String::new(),
        };
        return Ok(format!("{detach}`git -C {path} reset --soft {on}` returns to it and keeps your files"));
    }
    let made = match committed_there(git, folder, on)? {
        Some(commit) => format!("`git -C {path} switch --detach {commit}` returns to what was committed there, or "),
        None => String::new(),
    };
    let aside =
        if is_staged { format!("`git -C {path} stash` puts aside what is staged, then ") } else { String::new() };
    Ok(format!(
        "{aside}{made}`git -C {path} switch --detach {on}` returns to the head so far, where --continue shows the conflict again"
    ))
}

/// Refuses what is staged at the head so far after somebody has given the cherry-pick up, if it touches no file of the conflict: it is
/// something else than a resolution.
pub(super) fn refuse_given_up(git: &Git, folder: &Folder, shown: &Shown, changed: &[GitPath]) -> Result<()> {
    let of_conflict = |path: &GitPath| shown.files.iter().any(|file| file == path.as_bytes());
    if shown.files.is_empty() || changed.iter().any(of_conflict) {
        return Ok(());
    }
    if folder.head(git)? != shown.on || folder.is_picking(git)? {
        return Ok(());
    }
    let path = &folder.path;
    Err(Error::refused(
        format!(
            "the cherry-pick of {} in {} was given up, and what is staged there touches none of the files that conflict: {}",
            shown.patch.short(),
            path.display(),
            abridged(changed)
        ),
        format!(
            "nothing was recorded; `git -C {} stash` puts that aside, then --continue shows the conflict again",
            quoted(path)
        ),
    ))
}

fn is_ancestor(git: &Git, folder: &Folder, earlier: &ObjectId, later: &ObjectId) -> Result<bool> {
    let call = folder.call("merge-base", "see what the folder is based on").options(&["--is-ancestor"]);
    Ok(git.run(&call.operands([earlier.as_str(), later.as_str()]))?.success)
}

/// The last commit that was made in the folder on top of the head so far.
fn committed_there(git: &Git, folder: &Folder, on: &ObjectId) -> Result<Option<ObjectId>> {
    let call = folder
        .call("log", "look for what was committed in the folder")
        .options(&["--walk-reflogs", "--no-show-signature", "--no-decorate", "--format=%H %P"])
        .operands(["HEAD"]);
    let output = git.run(&call)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    Ok(lines.find(|(_, parents)| *parents == on.as_str()).and_then(|(commit, _)| ObjectId::parse(commit)))
}
