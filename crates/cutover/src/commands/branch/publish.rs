//! `cutover branch publish`: pushes a verified branch.

use cutover_patchstack::ledger::Ledger;
use cutover_patchstack::names::{ObjectId, RefName};
use cutover_patchstack::publish::{Publication, Request, publish};
use cutover_patchstack::remote::LIMIT;

use super::place::Place;
use super::progress::Progress;
use crate::args::branch::PublishArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::{output, show, wall};

pub(super) fn run(args: &PublishArgs) -> Result<Exit, CommandError> {
    let place = Place::open(&args.place)?;
    let branch = place.ours(args.branch.as_deref())?;
    let request = Request {
        head: head(&place, &branch, args.head.as_deref())?,
        branch,
        remote: place.conventions.origin.clone(),
        protected: place.protected.clone(),
        limit: LIMIT,
    };
    let publication = {
        let mut progress = Progress::of(format!("publishing {}", request.branch));
        publish(&place.repository, &place.conventions, &request, wall::now(), &mut |doing| progress.hear(doing))?
    };
    if args.place.json {
        output::json(&publication)?;
    } else {
        let here = to_be_moved(&place, &publication)?;
        output::result(&show::branch::publication_text(&publication, here.as_ref()))?;
    }
    Ok(Exit::Done)
}

/// What is named; else the result of the branch's rebase, unless the branch here has gone on from it; else the branch.
/// Whether it was verified, the library asks.
fn head(place: &Place, branch: &str, named: Option<&str>) -> Result<ObjectId, CommandError> {
    if let Some(name) = named {
        return Ok(place.repository.revision(name)?.commit);
    }
    let result = place.repository.find(&RefName::new(format!("refs/cutover/rebased/{branch}"))?)?;
    let here = place.repository.find(&RefName::branch(branch)?)?;
    match (result, here) {
        (Some(result), Some(here)) if went_on(place, &result, &here)? => Ok(here),
        (Some(result), _) => Ok(result),
        (None, Some(here)) => Ok(here),
        (None, None) => Ok(place.repository.revision(branch)?.commit),
    }
}

/// Whether the branch here came after the result of its last rebase: it has that in it, or was verified in its place.
fn went_on(place: &Place, result: &ObjectId, here: &ObjectId) -> Result<bool, CommandError> {
    if result == here || place.repository.is_ancestor(result, here)? {
        return Ok(true);
    }
    let ledger = Ledger::read(&place.repository, here)?;
    Ok(ledger.is_some_and(|ledger| ledger.old.head == *result))
}

/// What the branch is here, if moving it to what was published loses nothing.
fn to_be_moved(place: &Place, publication: &Publication) -> Result<Option<ObjectId>, CommandError> {
    let Some(here) = place.repository.find(&RefName::branch(&publication.branch)?)? else { return Ok(None) };
    let ledger = Ledger::read(&place.repository, &publication.is)?;
    let replaced = publication.was.iter().cloned().chain(ledger.map(|ledger| ledger.old.head));
    for commit in replaced.chain([publication.is.clone()]) {
        if place.repository.is_ancestor(&here, &commit).unwrap_or(false) {
            return Ok(Some(here));
        }
    }
    output::note(&format!(
        "note: {} here is {}, and has commits that were not published: they stay here only",
        publication.branch,
        here.short()
    ));
    Ok(None)
}
