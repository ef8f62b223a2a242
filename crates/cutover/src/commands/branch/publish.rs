//! `cutover branch publish`: pushes a verified branch.

use cutover_patchstack::ledger::Ledger;
use cutover_patchstack::names::{ObjectId, RefName};
use cutover_patchstack::publish::{Publication, Request, publish};
use cutover_patchstack::remote::LIMIT;

use super::fork::Fork;
use super::progress::Progress;
use crate::args::branch::PublishArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::{output, show, wall};

pub(super) fn run(args: &PublishArgs) -> Result<Exit, CommandError> {
    let fork = Fork::open(&args.common)?;
    let branch = fork.ours(args.branch.as_deref())?;
    let request = Request {
        head: head(&fork, &branch, args.head.as_deref())?,
        branch,
        remote: fork.conventions.origin.clone(),
        protected: fork.protected.clone(),
        limit: LIMIT,
    };
    let publication = {
        let mut progress = Progress::of(format!("publishing {}", request.branch));
        publish(&fork.repository, &fork.conventions, &request, wall::now(), &mut |doing| progress.hear(doing))?
    };
    if args.common.json {
        output::json(&publication)?;
    } else {
        let here = to_be_moved(&fork, &publication)?;
        output::result(&show::branch::publication_text(&publication, here.as_ref()))?;
    }
    Ok(Exit::Done)
}

/// What is named; else the result of the branch's rebase, unless the branch here has gone on from it; else the branch.
/// Whether it was verified, the library asks.
fn head(fork: &Fork, branch: &str, named: Option<&str>) -> Result<ObjectId, CommandError> {
    if let Some(name) = named {
        return Ok(fork.repository.revision(name)?.commit);
    }
    let result = fork.repository.find(&RefName::new(format!("refs/cutover/rebased/{branch}"))?)?;
    let here = fork.repository.find(&RefName::branch(branch)?)?;
    match (result, here) {
        (Some(result), Some(here)) if went_on(fork, &result, &here)? => Ok(here),
        (Some(result), _) => Ok(result),
        (None, Some(here)) => Ok(here),
        (None, None) => Ok(fork.repository.revision(branch)?.commit),
    }
}

/// Whether the branch here came after the result of its last rebase: it has that in it, or was verified instead of it.
fn went_on(fork: &Fork, result: &ObjectId, here: &ObjectId) -> Result<bool, CommandError> {
    if result == here || fork.repository.is_ancestor(result, here)? {
        return Ok(true);
    }
    let ledger = Ledger::read(&fork.repository, here)?;
    Ok(ledger.is_some_and(|ledger| ledger.old.head == *result))
}

/// What the branch is here, if moving it to what was published loses nothing.
fn to_be_moved(fork: &Fork, publication: &Publication) -> Result<Option<ObjectId>, CommandError> {
    let Some(here) = fork.repository.find(&RefName::branch(&publication.branch)?)? else { return Ok(None) };
    let replaced = replaced(fork, &publication.is)?;
    for commit in publication.was.iter().cloned().chain(replaced).chain([publication.is.clone()]) {
        if fork.repository.is_ancestor(&here, &commit).unwrap_or(false) {
            return Ok(Some(here));
        }
    }
    output::note(&format!(
        "note: {} in this clone is {}, and has commits that were not published: they are in this clone only",
        publication.branch,
        here.short()
    ));
    Ok(None)
}

/// What a head replaced, and what that replaced, as ledgers say: the patches of all of these are accounted for.
fn replaced(fork: &Fork, head: &ObjectId) -> Result<Vec<ObjectId>, CommandError> {
    let mut heads = vec![head.clone()];
    while let Some(ledger) = heads.last().map(|last| Ledger::read(&fork.repository, last)).transpose()?.flatten() {
        // A head that was compared with itself ends it.
        if heads.contains(&ledger.old.head) {
            break;
        }
        heads.push(ledger.old.head);
    }
    Ok(heads)
}
