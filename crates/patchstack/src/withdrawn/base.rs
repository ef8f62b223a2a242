//! A release that upstream withdrew after a stack was based on it.

use super::traces::is_release;
use crate::error::{Error, Result};
use crate::names::ObjectId;
use crate::releases::Conventions;
use crate::repository::Repository;

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
    if !is_release(conventions, name) || upstream_has(repository, conventions, base)? {
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
