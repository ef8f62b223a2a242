//! What a rebase refuses before it changes anything.

use std::path::{Path, PathBuf};

use super::Request;
use crate::error::{Error, Result};
use crate::forecast::flattening;
use crate::names::{ObjectId, RefName, abridged};
use crate::repository::Repository;
use crate::stack::Stack;

/// Refuses a result for a branch that is upstream's.
pub(super) fn target(request: &Request) -> Result<()> {
    let target = RefName::branch(&request.target)?;
    let conventions = &request.conventions;
    let is_onto =
        request.onto.reference.as_ref().is_some_and(|onto| {
            *onto == target || onto.short() == format!("{}/{}", conventions.upstream, request.target)
        });
    if conventions.release(&request.target).is_none() && !is_onto {
        return Ok(());
    }
    Err(Error::refused(
        format!("{} is upstream's branch, and the result of a rebase is for one of ours", request.target),
        "nothing was changed; say which branch of ours it is for with --as",
    ))
}

/// Refuses while the operator's own git is rebasing the branch, in any of its work trees.
pub(super) fn operators_own_rebase<'a>(
    repository: &Repository,
    branches: impl Iterator<Item = &'a RefName>,
) -> Result<()> {
    let branches: Vec<&RefName> = branches.collect();
    for directory in git_directories(repository) {
        for kind in ["rebase-merge", "rebase-apply"] {
            let Ok(head) = std::fs::read_to_string(directory.join(kind).join("head-name")) else { continue };
            if let Some(branch) = branches.iter().find(|branch| branch.as_str() == head.trim()) {
                let folder = work_tree(&directory);
                return Err(Error::refused(
                    format!("git is in the middle of a rebase of {branch} in {}", folder.display()),
                    "nothing was changed; there, `git rebase --continue` it or `git rebase --abort` it first",
                ));
            }
        }
    }
    Ok(())
}

/// Refuses a loss that nobody vouches for; gives why it is right, if there is one.
pub(super) fn loss(repository: &Repository, request: &Request) -> Result<Option<String>> {
    let lost = flattening(repository, &request.stack)?.lost;
    if lost.is_empty() {
        return Ok(None);
    }
    match &request.accept_loss {
        Some(because) if !because.trim().is_empty() => Ok(Some(because.clone())),
        _ => Err(Error::refused(
            format!(
                "the merges of {} hold changes that its patches in a row do not give: {}",
                request.stack.branch.name,
                abridged(&lost)
            ),
            "nothing was changed; make a commit of those changes first, or say why they can go with --accept-loss \"...\"",
        )),
    }
}

/// Refuses to leave out what is no patch of the stack, or to do so without a reason.
pub(super) fn skip(stack: &Stack, patch: &ObjectId, because: &str) -> Result<()> {
    if because.trim().is_empty() {
        return Err(Error::refused(
            format!("{} can be left out only for a reason", patch.short()),
            "nothing was changed; say it with --because \"...\": it goes into the ledger",
        ));
    }
    if stack.patches.iter().any(|other| other.commit == *patch) {
        return Ok(());
    }
    Err(Error::refused(
        format!("{} is no patch of {}", patch.short(), stack.branch.name),
        "nothing was changed; `cutover branch patches` lists them",
    ))
}

/// The git directories of all work trees.
fn git_directories(repository: &Repository) -> Vec<PathBuf> {
    let mut directories = vec![repository.directory().to_owned()];
    let linked = std::fs::read_dir(repository.directory().join("worktrees"));
    directories.extend(linked.into_iter().flatten().flatten().map(|entry| entry.path()));
    directories.sort();
    directories
}

/// The work tree of a git directory, for people.
fn work_tree(directory: &Path) -> PathBuf {
    let named = std::fs::read_to_string(directory.join("gitdir")).ok().map(|text| PathBuf::from(text.trim()));
    let dot_git = named.unwrap_or_else(|| directory.to_owned());
    if dot_git.ends_with(".git") { dot_git.parent().map_or(dot_git.clone(), Path::to_owned) } else { dot_git }
}
