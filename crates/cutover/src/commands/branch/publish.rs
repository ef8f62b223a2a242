//! `cutover branch publish`: pushes a verified branch.

use cutover_patchstack::names::{ObjectId, RefName};
use cutover_patchstack::publish::{Request, publish};
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
        let here = place.repository.find(&RefName::branch(&publication.branch)?)?;
        output::result(&show::branch::publication_text(&publication, here.as_ref()))?;
    }
    Ok(Exit::Done)
}

/// What is named; else the result of the branch's rebase; else the branch. Whether it was verified, the library asks.
fn head(place: &Place, branch: &str, named: Option<&str>) -> Result<ObjectId, CommandError> {
    if let Some(name) = named {
        return Ok(place.repository.revision(name)?.commit);
    }
    let work = RefName::new(format!("refs/cutover/work/{branch}"))?;
    match place.repository.find(&work)? {
        Some(head) => Ok(head),
        None => Ok(place.repository.revision(branch)?.commit),
    }
}
