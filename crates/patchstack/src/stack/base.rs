//! Finds where a stack begins: the newest commit of upstream's that the branch has. Never taken from what a branch
//! happens to track, which across releases would take upstream's own backports for patches of ours.

use super::Base;
use crate::error::{Error, Result};
use crate::names::{ObjectId, RefName};
use crate::releases::Conventions;
use crate::repository::{Ref, Repository, Revision, ids};

/// Where the stack of `branch` begins, computed from upstream's refs and from `onto`, if given.
///
/// # Errors
/// When the branch has no commit of upstream's, or several newest ones of which none contains the others.
pub fn compute(
    repository: &Repository,
    conventions: &Conventions,
    branch: &Revision,
    onto: Option<&Revision>,
) -> Result<Base> {
    let refs: Vec<Ref> = conventions.upstream_refs(repository)?.into_iter().map(|(upstream, _)| upstream).collect();
    compute_among(repository, conventions, &refs, branch, onto)
}

/// The same, where upstream's refs have been listed already.
///
/// # Errors
/// As [`compute`].
pub(crate) fn compute_among(
    repository: &Repository,
    conventions: &Conventions,
    refs: &[Ref],
    branch: &Revision,
    onto: Option<&Revision>,
) -> Result<Base> {
    let commit = commit_among(repository, conventions, refs, branch, onto)?;
    let found = found(repository, &commit, refs, onto)?;
    Ok(Base { commit, found })
}

/// The commit alone, for callers that have a name for it.
///
/// # Errors
/// As [`compute`].
pub(crate) fn commit_among(
    repository: &Repository,
    conventions: &Conventions,
    refs: &[Ref],
    branch: &Revision,
    onto: Option<&Revision>,
) -> Result<ObjectId> {
    let mut upstream: Vec<ObjectId> = refs.iter().map(|upstream| upstream.commit.clone()).collect();
    upstream.extend(onto.map(|onto| onto.commit.clone()));
    upstream.sort();
    upstream.dedup();
    if upstream.is_empty() {
        return Err(no_upstream(conventions));
    }
    let newest = newest_of_upstream(repository, branch, &upstream)?;
    match &newest[..] {
        [commit] => Ok(commit.clone()),
        [] => Err(Error::refused(
            format!("{} has no commit in common with upstream", branch.name),
            "nothing was changed; name where its patches begin with --base",
        )),
        several => Err(ambiguous(branch, several, refs)),
    }
}

/// The commits of upstream's that the branch has and that no other of them contains.
fn newest_of_upstream(repository: &Repository, branch: &Revision, upstream: &[ObjectId]) -> Result<Vec<ObjectId>> {
    let mut input = format!("{}\n", branch.commit);
    upstream.iter().for_each(|commit| input.push_str(&format!("^{commit}\n")));
    let call = repository
        .call("rev-list", format!("find where the patches of {} begin", branch.name))
        .options(&["--boundary", "--stdin"])
        .input(input);
    let text = repository.git().text(&call)?;
    if text.is_empty() {
        // Upstream has all of the branch: there is no patch, and the stack begins at its head.
        return Ok(vec![branch.commit.clone()]);
    }
    let edges: Vec<ObjectId> =
        text.lines().filter_map(|line| line.strip_prefix('-')).filter_map(ObjectId::parse).collect();
    if edges.len() < 2 {
        return Ok(edges);
    }
    let call = repository
        .call("merge-base", format!("find where the patches of {} begin", branch.name))
        .options(&["--independent"])
        .operands(edges.iter().map(ObjectId::as_str));
    Ok(ids(&repository.git().output(&call)?))
}

/// The name of the base: a ref at that commit, or one that contains it.
fn found(repository: &Repository, base: &ObjectId, refs: &[Ref], onto: Option<&Revision>) -> Result<String> {
    if let Some(exact) = refs.iter().find(|upstream| upstream.commit == *base) {
        return Ok(format!("is {}", exact.name));
    }
    let containing = containing(repository, base, refs)?.map(|name| name.to_string());
    let name = containing.or_else(|| onto.map(|onto| onto.name.clone()));
    Ok(name.map_or_else(|| "newest commit of upstream in the branch".to_owned(), |name| format!("is part of {name}")))
}

/// The first of these refs that contains a commit.
fn containing(repository: &Repository, commit: &ObjectId, refs: &[Ref]) -> Result<Option<RefName>> {
    // Without a name, for-each-ref would go through all refs of the repository.
    if refs.is_empty() {
        return Ok(None);
    }
    let call = repository
        .call("for-each-ref", "see which release the base belongs to")
        .option("--contains=", commit.as_str())
        .options(&["--format=%(refname)"])
        .operands(refs.iter().map(|upstream| upstream.name.as_str()));
    let text = repository.git().text(&call)?;
    Ok(text.lines().next().and_then(|line| RefName::new(line).ok()))
}

fn no_upstream(conventions: &Conventions) -> Error {
    Error::refused(
        format!(
            "this clone knows nothing of upstream: no branch of the remote `{}` and no tag matches {}",
            conventions.upstream,
            conventions.theirs.join(" or ")
        ),
        format!(
            "nothing was changed; `git remote add {0} ADDRESS` and `git fetch {0}`; say which remote is upstream's with --upstream and how its releases are named with --theirs; or \
             name where the patches begin with --base",
            conventions.upstream
        ),
    )
}

fn ambiguous(branch: &Revision, several: &[ObjectId], refs: &[Ref]) -> Error {
    let name = |commit: &ObjectId| match refs.iter().find(|upstream| upstream.commit == *commit) {
        Some(upstream) => format!("{} ({})", upstream.name, commit.short()),
        None => commit.short().to_owned(),
    };
    let names: Vec<String> = several.iter().map(name).collect();
    Error::refused(
        format!(
            "{} has merged upstream in such a way that there are {} newest commits of upstream, none of which contains the others: {}",
            branch.name,
            several.len(),
            names.join(", ")
        ),
        "nothing was changed; name the one that its patches are based on with --base",
    )
}
