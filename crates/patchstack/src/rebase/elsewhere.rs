//! Refuses a folder whose HEAD is somewhere else than a resolution can be, and says how to come back.

use super::folder::Shown;
use super::work_tree::Folder;
use crate::error::{Error, Result};
use crate::git::Git;
use crate::names::ObjectId;
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
    let back = || -> Result<String> { Ok(format!("nothing was recorded; {}", way_back(git, folder, shown, &head)?)) };
    if parents != shown.on.as_str() {
        return Err(Error::refused(
            format!("{path} is at {}, not at {} or at one commit on top of it", head.short(), shown.on.short()),
            back()?,
        ));
    }
    if tree != staged.as_str() {
        let what = format!("in {path}, changes are staged on top of commit {}", head.short());
        return Err(Error::refused(what, back()?));
    }
    Ok(())
}

/// How to come back to the head so far. A branch that is checked out in the folder must not be moved by that, and what is staged on
/// another line of commits is no resolution.
fn way_back(git: &Git, folder: &Folder, shown: &Shown, head: &ObjectId) -> Result<String> {
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
    Ok(format!(
        "{made}`git -C {path} switch --detach {on}` returns to the head so far, where --continue shows the conflict again"
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
