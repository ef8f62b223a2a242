//! A release that upstream withdrew after a stack was based on it.

use super::name;
use super::traces::{gone, is_release};
use crate::error::{Error, Result};
use crate::names::ObjectId;
use crate::releases::{Conventions, Release};
use crate::repository::{Ref, Repository, Revision};

/// Refuses a new base that was a release of upstream's by its name, and that no ref of upstream's has any more: its commits would
/// be published as if they were ours.
///
/// # Errors
/// When upstream has it no more, or git fails.
pub(crate) fn refuse_base(
    repository: &Repository,
    conventions: &Conventions,
    branch: &str,
    (base, name): (&ObjectId, &str),
) -> Result<()> {
    let name = name.strip_prefix("is part of ").or_else(|| name.strip_prefix("is ")).unwrap_or(name);
    if !is_release(conventions, name)
        || is_branch_of_ours(repository, conventions, name)?
        || upstream_has(repository, conventions, base)?
    {
        return Ok(());
    }
    let now = repository
        .revision(name)
        .map_or_else(|_| "it is removed".to_owned(), |now| format!("it is {} now", now.commit.short()));
    Err(Error::refused(
        format!("{branch} is rebased onto {} of {name}, which upstream has withdrawn since: {now}", base.short()),
        format!(
            "nothing was changed; `cutover branch rebase --branch {branch} --abort`, then rebase onto what upstream has now: \
             resolutions are offered again. To keep what was withdrawn: `cutover branch rebase --branch {branch} --onto {base}`, \
             then verify again"
        ),
    ))
}

/// Whether a name means a local branch that is not upstream's. It may have a release's name, and moves on as we like.
///
/// # Errors
/// When git fails.
pub(crate) fn is_branch_of_ours(repository: &Repository, conventions: &Conventions, name: &str) -> Result<bool> {
    let Some(reference) = repository.revision(name).ok().and_then(|revision| revision.reference) else {
        return Ok(false);
    };
    // In a mirror, upstream's branches are local ones.
    let is_upstreams = |(found, _): &(Ref, Option<Release>)| found.name == reference;
    Ok(reference.as_str().starts_with("refs/heads/")
        && !conventions.upstream_refs(repository)?.iter().any(is_upstreams))
}

/// The same commit by the name of the ref that it is in now, however it was given: whether upstream withdraws it later is asked by that
/// name. What upstream has withdrawn is called so, and ledgers keep that. Anything else keeps its own name.
///
/// # Errors
/// When git fails.
pub(crate) fn by_its_ref(repository: &Repository, conventions: &Conventions, given: Revision) -> Result<Revision> {
    let upstream: Vec<Ref> = conventions.upstream_refs(repository)?.into_iter().map(|(found, _)| found).collect();
    let same = || upstream.iter().find(|found| found.commit == given.commit).map(|found| found.name.clone());
    let Some(reference) = given.reference.clone().or_else(same) else {
        let gone = gone(repository, conventions, &upstream)?;
        return Ok(match gone.known_from(&given.commit) {
            Some(known) => Revision { name: name::withdrawn(&given.name, known), ..given },
            None => given,
        });
    };
    // A short name can mean another ref than the full one.
    Ok(repository.revision(reference.short()).ok().filter(|named| named.commit == given.commit).unwrap_or(given))
}

/// Whether a ref of upstream's has a commit. Where nothing is known of upstream, it counts as there.
///
/// # Errors
/// When git fails.
pub(crate) fn upstream_has(repository: &Repository, conventions: &Conventions, commit: &ObjectId) -> Result<bool> {
    let upstream = conventions.upstream_refs(repository)?;
    if upstream.is_empty() {
        return Ok(true);
    }
    let mut input = format!("{commit}\n");
    upstream.iter().for_each(|(found, _)| input.push_str(&format!("^{}\n", found.commit)));
    let call = repository
        .call("rev-list", format!("see whether upstream has {}", commit.short()))
        .options(&["--max-count=1", "--stdin"])
        .input(input);
    Ok(repository.git().text(&call)?.is_empty())
}
