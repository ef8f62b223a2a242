//! The steps of a publication: the checks, the backup of the old head, the push, and reading the remote back.

use jiff::Timestamp;
use serde::Serialize;

use super::{Request, checks, delivery};
use crate::error::{Error, Result, SAME_COMMAND};
use crate::ledger::{Published, operator};
use crate::names::{ObjectId, RefName};
use crate::releases::Conventions;
use crate::remote::{self, Confirmed, Guard, Together, Update};
use crate::repository::Repository;
use crate::withdrawn;

/// What a remote holds after a publication, as it says itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Publication {
    /// The remote.
    pub remote: String,
    /// Where the remote is fetched from and pushed to, where these are two addresses: both lead to the same repository.
    pub addresses: Option<Confirmed>,
    /// Our branch.
    pub branch: String,
    /// Its commit there before; none when it is new.
    pub was: Option<ObjectId>,
    /// Its commit there now.
    pub is: ObjectId,
    /// The ref that keeps the old commit there.
    pub backup: Option<String>,
    /// Whether the branch did not have to be pushed.
    pub already: bool,
    /// How many patches the ledger accounts for.
    pub patches: usize,
}

/// Publishes a verified head. `now` is when, and goes into the ledger and the name of the backup; `progress` is told
/// what is being done, in words for people.
///
/// # Errors
/// When the branch or the remote is not ours to push to, when there is no complete and fresh ledger, when the branch
/// moved on the remote, when the remote refuses, or when it holds something else afterwards. The branch on the remote
/// is unchanged, unless the error says otherwise.
pub fn publish(
    repository: &Repository,
    conventions: &Conventions,
    request: &Request,
    now: Timestamp,
    progress: &mut dyn FnMut(&str),
) -> Result<Publication> {
    let Request { branch, head, remote, limit, .. } = request;
    let name = checks::ours(conventions, &request.protected, branch)?;
    let addresses = remote::addresses(repository, remote, &conventions.upstream)?;
    let ledger = checks::ledger(repository, conventions, request)?;
    checks::whole(repository, conventions, request, &ledger)?;
    withdrawn::refuse_base(repository, conventions, branch, (&ledger.new.base, &ledger.new.base_name))?;
    let signature = Published { by: operator(repository)?, at: now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string() };

    progress(&format!("asking {remote} for its branches"));
    let confirmed = addresses.confirm(repository, |name| conventions.is_ours(name), *limit)?;
    let was = remote::heads(repository, remote, &[name.as_str()], *limit)?.remove(&name);
    let already = was.as_ref() == Some(head);
    let backup = match &was {
        Some(there) if !already => {
            checks::fresh(repository, request, &ledger, there)?;
            progress(&format!("saving the old head of {branch} on {remote}: {}", there.short()));
            Some(save(repository, request, there, now)?)
        }
        _ => None,
    };
    let expected = was.clone().map_or(Guard::Absent, Guard::Holds);
    let update = (!already).then(|| Update { source: head.clone(), target: name.clone(), guard: expected });
    delivery::deliver(repository, request, &ledger, signature, update.as_ref(), backup.as_ref(), progress)?;

    progress(&format!("reading {branch} back from {remote}"));
    let is = read_back(repository, request, &name)?;
    Ok(Publication {
        remote: remote.clone(),
        addresses: confirmed,
        branch: branch.clone(),
        was,
        is,
        backup: backup.map(|name| name.as_str().to_owned()),
        already,
        patches: ledger.entries.len() + ledger.added.len(),
    })
}

/// Saves the old head on the remote under a dated ref, in a separate push, and checks that it is there. A ref
/// that an earlier attempt has made is used as well.
fn save(repository: &Repository, request: &Request, old: &ObjectId, now: Timestamp) -> Result<RefName> {
    let Request { branch, remote, limit, .. } = request;
    let folder = format!("refs/cutover/backup/{branch}");
    let pattern = format!("{folder}/*");
    let kept = || -> Result<Option<RefName>> {
        let saved = remote::heads(repository, remote, &[&pattern], *limit)?;
        Ok(saved.into_iter().find(|(_, commit)| commit == old).map(|(name, _)| name))
    };
    if let Some(name) = kept()? {
        return Ok(name);
    }
    let target = RefName::new(format!("{folder}/{}-{}", now.strftime("%Y%m%dT%H%M%SZ"), old.short()))?;
    let update = Update { source: old.clone(), target, guard: Guard::Absent };
    let pushed = remote::push(repository, remote, std::slice::from_ref(&update), Together::Yes, *limit)?;
    let untouched = format!("{branch} is unchanged on {remote}: nothing of it was pushed");
    // A colleague may have saved the same head in the same moment.
    if !pushed.is_done() && kept()?.is_none() {
        return Err(Error::refused(
            format!("{remote} refused the backup of {branch}: {}", delivery::reasons(&pushed)),
            format!(
                "{untouched}. Without a backup nothing is published: correct what {remote} complains about, or have it allow \
                 refs/cutover/*"
            ),
        ));
    }
    kept()?.ok_or_else(|| {
        Error::refused(
            format!("{remote} accepted the backup {}, but does not list it afterwards", update.target),
            format!("{untouched}. Have {remote} list refs/cutover/*, then {SAME_COMMAND} again"),
        )
    })
}

/// What the remote holds in the end, which must be the head that was verified.
fn read_back(repository: &Repository, request: &Request, name: &RefName) -> Result<ObjectId> {
    let Request { branch, head, remote, limit, .. } = request;
    let holds = remote::heads(repository, remote, &[name.as_str()], *limit).map_err(|error| match error {
        Error::Git { source, .. } => Error::Git {
            doing: format!("read {branch} back from {remote}"),
            source,
            hint: format!("{remote} accepted the push of {branch}; {SAME_COMMAND} again to check that it is there"),
        },
        other => other,
    })?;
    match holds.get(name) {
        Some(there) if there == head => Ok(there.clone()),
        other => {
            let other = other.map_or("nothing", ObjectId::as_str);
            Err(Error::refused(
                format!("{remote} accepted {head} for {branch}, but has {other} now"),
                format!("somebody pushed at the same time: see `git ls-remote {remote} {name}`, and ask who"),
            ))
        }
    }
}
