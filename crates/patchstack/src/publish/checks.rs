//! What is checked before anything is pushed: whether the branch is ours, whether it is verified, and whether it moved.

use super::Request;
use crate::error::{Error, Result};
use crate::ledger::Ledger;
use crate::names::{ObjectId, RefName};
use crate::rebase::{State, standing};
use crate::releases::Conventions;
use crate::repository::{Repository, ids};
use crate::wildcard;

/// The ref of the branch, if it is ours to push to.
pub(super) fn ours(conventions: &Conventions, protected: &[String], branch: &str) -> Result<RefName> {
    let name = RefName::branch(branch)?;
    let refused = |because: String| {
        let hint = format!("nothing was changed; our branches are named like {}", conventions.ours);
        Err(Error::refused(format!("{branch} cannot be published: {because}"), hint))
    };
    if let Some(protected) = protected.iter().find(|pattern| wildcard::fits(pattern, branch)) {
        return refused(format!("{protected} is protected"));
    }
    if matches!(branch, "master" | "main") {
        return refused("it is a main branch".to_owned());
    }
    if conventions.release(branch).is_some() {
        return refused("it has the name of a release of upstream (`mirror` copies those)".to_owned());
    }
    match conventions.codename(branch) {
        Some(_) => Ok(name),
        None => refused(format!("it does not match our pattern {}", conventions.ours)),
    }
}

/// The complete ledger of the head that is to be published.
pub(super) fn ledger(repository: &Repository, conventions: &Conventions, request: &Request) -> Result<Ledger> {
    let Request { branch, head, remote, .. } = request;
    let is_result = repository.find(&State::work_ref(branch)?)?.as_ref() == Some(head);
    if is_result && let Some(state) = State::load(repository, branch)? {
        refuse_unfinished(repository, &state, Some(head))?;
        state.refuse_failed_command()?;
    }
    // Without being told which, `verify` is about the result of the rebase.
    let sides = if is_result {
        String::new()
    } else {
        format!(" --old {} --new {}", replaced(repository, conventions, request)?, head.short())
    };
    let verify =
        format!("nothing was changed; `cutover branch verify --branch {branch}{sides}` makes it, then publish again");
    let Some(ledger) = Ledger::read(repository, head)? else {
        return Err(Error::refused(
            format!(
                "{} of {branch} has no ledger in this clone: it was not verified, or a colleague verified it",
                head.short()
            ),
            format!(
                "{verify}. To get the ledger of a colleague: `git fetch {remote} refs/notes/cutover:refs/notes/cutover`"
            ),
        ));
    };
    if ledger.branch != *branch {
        return Err(Error::refused(
            format!("{} was verified as {}, not as {branch}", head.short(), ledger.branch),
            verify,
        ));
    }
    let lost: Vec<String> = ledger
        .unexplained()
        .map(|entry| format!("{} {:?} by {}", entry.patch.commit.short(), entry.patch.subject, entry.author))
        .collect();
    if !lost.is_empty() {
        return Err(Error::refused(
            format!("the ledger of {} does not account for {} patches: {}", head.short(), lost.len(), lost.join("; ")),
            "nothing was changed; explain them and verify again, or rebase again",
        ));
    }
    Ok(ledger)
}

/// Refuses the head so far of a rebase that is not finished: what its ref holds. That may be a commit that was verified: an earlier
/// result, without the patch that the rebase has stopped at, or that a killed command was to take in again.
pub(super) fn refuse_unfinished(repository: &Repository, state: &State, so_far: Option<&ObjectId>) -> Result<()> {
    let branch = &state.target;
    let Some(head) = so_far else {
        return Err(Error::refused(
            format!("{branch} has a rebase on record whose result is gone, as after an --abort that did not end"),
            format!(
                "nothing was changed; `cutover branch rebase --branch {branch} --abort` ends it, then publish again"
            ),
        ));
    };
    if state.result.as_ref() == Some(head) {
        return Ok(());
    }
    let Some(standing) = standing(repository, branch)? else { return Ok(()) };
    let left = match &standing.stop {
        Some(stop) => format!("{} ({}) conflicts", stop.commit.short(), stop.subject),
        None if standing.head == *head => return Ok(()),
        None => format!("{} is not its result", head.short()),
    };
    Err(Error::refused(
        format!("the rebase of {branch} is not finished: {left}"),
        format!(
            "nothing was changed; continue with `cutover branch rebase --branch {branch} --continue`, then verify and publish again"
        ),
    ))
}

/// What a head that is no result of a rebase is to be compared with: what the remote has of the branch, or, of a branch that is new
/// there, our branch of the release before it. Where there is none, the branch itself, which then accounts for nothing but itself.
fn replaced(repository: &Repository, conventions: &Conventions, request: &Request) -> Result<String> {
    let there = RefName::new(format!("refs/remotes/{}/{}", request.remote, request.branch))?;
    if repository.find(&there)?.is_some() {
        return Ok(there.short().to_owned());
    }
    let Some(codename) = conventions.codename(&request.branch) else { return Ok(request.head.short().to_owned()) };
    let survey = conventions.survey(repository)?;
    let before = survey.ours.iter().rev().find(|ours| ours.codename < codename);
    let name = before.and_then(|ours| ours.refs().next()).map(|found| found.name.short().to_owned());
    // From one release to the next, something of upstream's is nearly always left behind.
    Ok(name.map_or_else(|| request.head.short().to_owned(), |name| format!("{name} --backwards")))
}

/// Refuses when the old stack goes on below the base that it was verified with: what is there is in no ledger, and a
/// base that somebody named may stand anywhere. Where nothing is known to be upstream's, nobody can tell.
pub(super) fn whole(
    repository: &Repository,
    conventions: &Conventions,
    request: &Request,
    ledger: &Ledger,
) -> Result<()> {
    let upstream = conventions.upstream_refs(repository)?;
    if upstream.is_empty() {
        return Ok(());
    }
    let (branch, base) = (&request.branch, &ledger.old.base);
    let mut range = format!("{base}\n^{}\n", request.head);
    upstream.iter().for_each(|(found, _)| range.push_str(&format!("^{}\n", found.commit)));
    let call = repository
        .call("rev-list", format!("look for patches of {branch} that are in no ledger"))
        .options(&["--no-merges", "--topo-order", "--stdin"])
        .input(range);
    let lost = ids(&repository.git().output(&call)?);
    if lost.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = lost.iter().take(10).map(ObjectId::short).collect();
    let more = if lost.len() > names.len() { ", ..." } else { "" };
    let backwards = if ledger.left_behind.is_empty() { "" } else { " --backwards" };
    Err(Error::refused(
        format!(
            "{branch} was verified from {} on, and below that are {} commits that are neither upstream's nor in the ledger: {}{more}",
            base.short(),
            lost.len(),
            names.join(", ")
        ),
        format!(
            "nothing was changed; account for them too: `cutover branch verify --branch {branch} --old {} --new {}{backwards}`, \
             with --explain for those that are left out, then publish again",
            ledger.old.head.short(),
            request.head.short()
        ),
    ))
}

/// Refuses when the remote holds something other than what the ledger accounts for.
pub(super) fn fresh(repository: &Repository, request: &Request, ledger: &Ledger, there: &ObjectId) -> Result<()> {
    if *there == ledger.old.head {
        return Ok(());
    }
    let message = format!(
        "{} on {} is at {}{}, and the verified head replaces {}",
        request.branch,
        request.remote,
        there.short(),
        made_by(repository, there)?,
        ledger.old.head.short()
    );
    if replaces_earlier_result(repository, ledger, there)? {
        // The rebase began before that was published. The patches in it are in this head, too, which only needs to be accounted for.
        let hint = format!(
            "nothing was changed; what is there is an earlier result of the same rebase: `cutover branch verify --branch {} --old \
             {there} --new {}` compares this one with it, then publish again",
            request.branch, request.head
        );
        return Err(Error::refused(message, hint));
    }
    Err(Error::refused(message, format!("nothing was changed; {}", start_over(repository, request)?)))
}

/// Whether what is on the remote was made from the same old head: something was decided anew after it was published.
fn replaces_earlier_result(repository: &Repository, ledger: &Ledger, there: &ObjectId) -> Result<bool> {
    let earlier = Ledger::read(repository, there)?;
    Ok(earlier.is_some_and(|earlier| earlier.branch == ledger.branch && earlier.old.head == ledger.old.head))
}

/// What to do when the branch moved. A rebase that is on record would be in the way of the next one.
pub(super) fn start_over(repository: &Repository, request: &Request) -> Result<String> {
    let Request { remote, branch, .. } = request;
    let abort = match State::load(repository, branch)? {
        Some(_) => format!(
            "end the rebase here with `cutover branch rebase --branch {branch} --abort` (its resolutions are offered again), "
        ),
        None => String::new(),
    };
    Ok(format!(
        "`git fetch {remote}`, {abort}rebase what it has (--branch {remote}/{branch}), then verify and publish again"
    ))
}

/// ` (committed by Bob on 2026-05-01T04:00:00Z)` when the commit is known here, else a note that it is not.
pub(super) fn made_by(repository: &Repository, commit: &ObjectId) -> Result<String> {
    let call = repository
        .log(format!("see who made {}", commit.short()))
        .options(&["--no-walk", "--format=%cn <%ce> on %cI"])
        .operands([commit.as_str()]);
    let output = repository.git().run(&call)?;
    let words = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(if output.success { format!(" (committed by {words})") } else { " (a commit that this clone lacks)".to_owned() })
}
