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
        format!("{} is a branch of upstream, and the result of a rebase must be for one of ours", request.target),
        "nothing was changed; name the branch of ours that it is for with --as",
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
                    format!("git is rebasing {branch} in {}", folder.display()),
                    "nothing was changed; finish that rebase first: `git rebase --continue` or `git rebase --abort` in that folder",
                ));
            }
        }
    }
    Ok(())
}

/// Refuses a loss that nobody has accepted; returns the reason for accepting it, if there is a loss.
pub(super) fn loss(repository: &Repository, request: &Request) -> Result<Option<String>> {
    let lost = flattening(repository, &request.stack)?.lost;
    if lost.is_empty() {
        return Ok(None);
    }
    match &request.accept_loss {
        Some(because) if !because.trim().is_empty() => Ok(Some(because.clone())),
        _ => Err(Error::refused(
            format!(
                "the merges of {} contain changes that are in none of its patches: {}",
                request.stack.branch.name,
                abridged(&lost)
            ),
            "nothing was changed; commit those changes first, or say why they can be lost with --accept-loss \"...\"",
        )),
    }
}

/// Refuses to leave out a commit that is not a patch of the stack, or to do so without a reason.
pub(super) fn skip(stack: &Stack, patch: &ObjectId, because: &str) -> Result<()> {
    if because.trim().is_empty() {
        return Err(Error::refused(
            format!("leaving {} out needs a reason", patch.short()),
            "nothing was changed; give it with --because \"...\"; it is recorded in the ledger",
        ));
    }
    if stack.patches.iter().any(|other| other.commit == *patch) {
        return Ok(());
    }
    Err(Error::refused(
        format!("{} is not a patch of {}", patch.short(), stack.branch.name),
        format!("nothing was changed; `cutover branch patches --branch {}` lists them", stack.branch.name),
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
