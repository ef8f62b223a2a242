//! Pushes the branch and the ledgers together, all or nothing, and again if only the ledgers were changed by others in
//! the meantime.

use std::collections::BTreeMap;

use super::{Request, checks};
use crate::error::{Error, Result, SAME_COMMAND};
use crate::ledger::{Ledger, NOTES, Published, hold};
use crate::names::{ObjectId, RefName};
use crate::remote::{self, Guard, Outcome, Pushed, Together, Update};
use crate::repository::Repository;

/// How often the push is tried when colleagues push ledgers at the same time.
const ATTEMPTS: usize = 3;

/// Pushes the branch, if it has to change, and the signed ledger with all others. If the push fails, the local ledger
/// is restored.
pub(super) fn deliver(
    repository: &Repository,
    request: &Request,
    ledger: &Ledger,
    signature: Published,
    branch: Option<&Update>,
    backup: Option<&RefName>,
    progress: &mut dyn FnMut(&str),
) -> Result<()> {
    let signed = Ledger { published: Some(signature), ..ledger.clone() };
    let delivered = attempts(repository, request, &signed, branch, backup, progress);
    if delivered.is_err() {
        // The operator must see the failure of the push. If restoring fails too, the next attempt corrects the extra
        // signature.
        let _ = ledger.write(repository);
    }
    delivered
}

fn attempts(
    repository: &Repository,
    request: &Request,
    signed: &Ledger,
    branch: Option<&Update>,
    backup: Option<&RefName>,
    progress: &mut dyn FnMut(&str),
) -> Result<()> {
    let Request { branch: name, head, remote, limit, .. } = request;
    let mut branch = branch;
    for _ in 0..ATTEMPTS {
        let theirs = bring_ledgers(repository, request)?;
        let signed_there = || Ok(Ledger::read(repository, head)?.is_some_and(|ledger| ledger.published.is_some()));
        if branch.is_none() && theirs.is_some() && signed_there()? {
            return Ok(());
        }
        signed.write(repository)?;
        let ledgers = ledgers(repository, theirs.clone())?;
        // Git does not lock notes against concurrent writes: another cutover here may have overwritten what was just
        // merged.
        if let Some(theirs) = &theirs
            && !repository.is_ancestor(theirs, &ledgers.source)?
        {
            continue;
        }
        let mut updates: Vec<Update> = branch.into_iter().cloned().collect();
        updates.push(ledgers);
        progress(&match branch {
            Some(_) => format!("pushing {name} and its ledger to {remote}"),
            None => format!("{remote} has {name} already; pushing its ledger"),
        });
        let pushed = remote::push(repository, remote, &updates, Together::Yes, *limit)
            .map_err(|error| unknown(error, request))?;
        if pushed.is_done() {
            return Ok(());
        }
        let names: Vec<&str> = updates.iter().map(|update| update.target.as_str()).collect();
        let holds = remote::heads(repository, remote, &names, *limit)?;
        if let Some(update) = branch.filter(|update| moved(update, &holds)) {
            if holds.get(&update.target) == Some(head) {
                // A colleague has just published the same commit. Only the ledger remains to be pushed.
                branch = None;
                continue;
            }
            return Err(lost_lease(repository, request, holds.get(&update.target), backup)?);
        }
        if holds.get(&RefName::new(NOTES)?) == theirs.as_ref() {
            return Err(refused(request, &pushed, backup));
        }
    }
    Err(Error::refused(
        format!("the ledgers on {remote} moved {ATTEMPTS} times while {name} was pushed with them"),
        format!("{}; colleagues are publishing: wait a minute, then {SAME_COMMAND} again", untouched(request, backup)),
    ))
}

/// Fetches the remote's ledgers and merges them into the local ones. If both have an entry for a commit, the remote's
/// is kept, because it was published. Returns what the remote has.
fn bring_ledgers(repository: &Repository, request: &Request) -> Result<Option<ObjectId>> {
    let Request { remote, limit, .. } = request;
    let notes = RefName::new(NOTES)?;
    if remote::heads(repository, remote, &[NOTES], *limit)?.is_empty() {
        return Ok(None);
    }
    let copy = RefName::new(format!("refs/cutover/notes/{remote}"))?;
    remote::fetch(repository, remote, &[(notes, copy.clone())], *limit)?;
    let call = repository
        .call("notes", format!("merge the ledgers of {remote} into those of this clone"))
        .as_the_operator()
        .option("--ref=", NOTES)
        .options(&["merge", "--quiet", "--strategy=theirs"])
        .operands([copy.as_str()]);
    let hold = hold(repository)?;
    repository.git().output(&call)?;
    drop(hold);
    repository.find(&copy)
}

/// The push that replaces `theirs` with all local ledgers.
fn ledgers(repository: &Repository, theirs: Option<ObjectId>) -> Result<Update> {
    let target = RefName::new(NOTES)?;
    let source = repository.find(&target)?.ok_or_else(|| {
        Error::refused(format!("{NOTES} is gone"), "nothing was pushed; verify the branch again, then publish")
    })?;
    Ok(Update { source, target, guard: theirs.map_or(Guard::Absent, Guard::Holds) })
}

/// Whether a ref has moved away from what the lease expects.
fn moved(update: &Update, holds: &BTreeMap<RefName, ObjectId>) -> bool {
    match (&update.guard, holds.get(&update.target)) {
        (Guard::Holds(expected), there) => there != Some(expected),
        (Guard::Absent, there) => there.is_some(),
        (Guard::Forward, _) => false,
    }
}

fn lost_lease(
    repository: &Repository,
    request: &Request,
    there: Option<&ObjectId>,
    backup: Option<&RefName>,
) -> Result<Error> {
    let Request { branch, remote, .. } = request;
    let holds = match there {
        Some(there) => format!("is at {}{} now", there.short(), checks::made_by(repository, there)?),
        None => "is gone now".to_owned(),
    };
    Ok(Error::refused(
        format!("{branch} on {remote} moved while it was being published: it {holds}"),
        format!("{}; {}", untouched(request, backup), checks::start_over(repository, request)?),
    ))
}

fn refused(request: &Request, pushed: &Pushed, backup: Option<&RefName>) -> Error {
    let Request { branch, remote, .. } = request;
    Error::refused(
        format!("{remote} refused {branch}: {}", reasons(pushed)),
        format!("{}. Correct what {remote} complains about, then {SAME_COMMAND} again", untouched(request, backup)),
    )
}

fn untouched(request: &Request, backup: Option<&RefName>) -> String {
    let Request { branch, remote, .. } = request;
    let kept = backup.map_or_else(String::new, |name| format!(" (its head was also saved as {name})"));
    format!("nothing of {branch} was pushed to {remote}{kept}")
}

/// Why refs were refused: each reason once, with its refs.
pub(super) fn reasons(pushed: &Pushed) -> String {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, outcome) in &pushed.outcomes {
        let reason = match outcome {
            Outcome::Done | Outcome::Same | Outcome::NotTried => continue,
            Outcome::Stale => "it moved at the same time",
            Outcome::NotForward => "it has commits that would be lost",
            Outcome::Refused { because } => because,
        };
        reasons.entry(reason).or_default().push(name.short());
    }
    let lines = reasons.iter().map(|(reason, names)| format!("{}: {reason}", names.join(", ")));
    lines.collect::<Vec<String>>().join("; ")
}

/// After a push that failed midway it is not known what the remote did.
fn unknown(error: Error, request: &Request) -> Error {
    let Request { branch, remote, .. } = request;
    match error {
        Error::Git { doing, source, .. } => Error::Git {
            doing,
            source,
            hint: format!(
                "it is not known whether {remote} accepted {branch}: the push takes effect as a whole or not at all. To \
                 find out, {SAME_COMMAND} again: it checks first"
            ),
        },
        other => other,
    }
}
