//! `cutover branch publish`: pushes a verified branch.

use cutover_patchstack::names::{ObjectId, RefName};
use cutover_patchstack::publish::{self, Publication, Request};
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
    let head = match &args.head {
        Some(name) => fork.repository.revision(name)?.commit,
        None => publish::head(&fork.repository, &branch)?,
    };
    let request = Request {
        head,
        branch,
        remote: fork.conventions.origin.clone(),
        protected: fork.protected.clone(),
        limit: LIMIT,
    };
    let publication = {
        let mut progress = Progress::of(format!("publishing {}", request.branch));
        publish::publish(&fork.repository, &fork.conventions, &request, wall::now(), &mut |doing| progress.hear(doing))?
    };
    if args.common.json {
        output::json(&publication)?;
    } else {
        let here = to_be_moved(&fork, &publication)?;
        output::result(&show::branch::publication_text(&publication, here.as_ref()))?;
    }
    Ok(Exit::Done)
}

/// What the branch is here, if moving it to what was published loses nothing.
fn to_be_moved(fork: &Fork, publication: &Publication) -> Result<Option<ObjectId>, CommandError> {
    let Some(here) = fork.repository.find(&RefName::branch(&publication.branch)?)? else { return Ok(None) };
    let replaced = publish::replaced(&fork.repository, &publication.is)?;
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
