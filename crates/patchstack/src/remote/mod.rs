//! Remotes, accessed as the operator: listing refs, fetching, and pushing with explicit leases.
//! What is pushed where, and why, is decided elsewhere.
//!
//! Nothing here waits for a person: there are no prompts, and each call has a time limit.

mod address;

pub use address::{Addresses, Confirmed, addresses};

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::git::{Call, Git, without_secrets};
use crate::names::{ObjectId, RefName};
use crate::repository::Repository;
use crate::wildcard;

/// How long one conversation with a remote may take, unless the caller says otherwise. A first push of a large history
/// takes minutes.
pub const LIMIT: Duration = Duration::from_secs(600);

/// How ssh is called unless the operator has configured it: without prompts, and with a timeout for silent hosts.
const SSH: &str = "ssh -o BatchMode=yes -o ConnectTimeout=20";

/// One ref that is to be pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The commit that it is to have. It must be in this repository.
    pub source: ObjectId,
    /// The ref on the remote.
    pub target: RefName,
    /// The condition for changing it.
    pub guard: Guard,
}

/// The condition for changing a ref on the remote, checked by the remote when it is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// It is at exactly this commit; then it may also move back.
    Holds(ObjectId),
    /// It does not exist.
    Absent,
    /// The push loses no commit of it, or it does not exist.
    Forward,
}

/// Whether the refs of a push change together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Together {
    /// All or none.
    Yes,
    /// Each by itself.
    No,
}

/// What became of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// What became of each ref.
    pub outcomes: BTreeMap<RefName, Outcome>,
    /// What the remote said, for people; may be empty.
    pub said: String,
}

/// What became of one ref of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It changed.
    Done,
    /// It had this commit already.
    Same,
    /// It does not meet the condition.
    Stale,
    /// The push would have lost commits.
    NotForward,
    /// Not changed because of another ref of the same push.
    NotTried,
    /// The remote refused, with the words of git and of the remote.
    Refused {
        /// `pre-receive hook declined`.
        because: String,
    },
}

impl Pushed {
    /// Whether the remote now has all of it.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.outcomes.values().all(|outcome| matches!(outcome, Outcome::Done | Outcome::Same))
    }
}

/// Whether two addresses lead to the same repository, as far as its refs tell: both have the same ones.
///
/// # Errors
/// When one of them does not answer.
pub(crate) fn have_the_same_refs(
    repository: &Repository,
    addresses: [&str; 2],
    limit: Duration,
) -> Result<Option<BTreeMap<RefName, ObjectId>>> {
    let mut all = Vec::new();
    for address in addresses {
        let call =
            conversation(repository, "ls-remote", format!("list the refs of {}", without_secrets(address)), limit)?;
        let call = call.options(&["--refs", "--quiet"]).operands([address]);
        all.push(listed(&repository.git().output(&call)?));
    }
    let (second, first) = (all.pop().unwrap_or_default(), all.pop().unwrap_or_default());
    Ok((first == second).then_some(first))
}

/// The refs that a remote has now and whose full names match one of `patterns`: `refs/heads/mitx/*`.
///
/// # Errors
/// When there is no such remote or it does not answer.
pub fn heads(
    repository: &Repository,
    remote: &str,
    patterns: &[&str],
    limit: Duration,
) -> Result<BTreeMap<RefName, ObjectId>> {
    let call = call(repository, "ls-remote", remote, format!("list the refs of {remote}"), limit)?
        .options(&["--refs", "--quiet"])
        .operands(std::iter::once(&remote).chain(patterns));
    let refs = listed(&repository.git().output(&call)?).into_iter();
    // Git takes a pattern for the end of a name; here it is all of it.
    Ok(refs.filter(|(name, _)| patterns.iter().any(|pattern| wildcard::fits(pattern, name.as_str()))).collect())
}

/// What `ls-remote` prints: `ID TAB NAME`.
fn listed(printed: &[u8]) -> BTreeMap<RefName, ObjectId> {
    let text = String::from_utf8_lossy(printed);
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    lines.filter_map(|(id, name)| Some((RefName::new(name).ok()?, ObjectId::parse(id)?))).collect()
}

/// Fetches refs of a remote, each into the ref beside it, whatever that was before. No other ref changes.
///
/// # Errors
/// When there is no such remote, it does not answer, or it lacks one of the refs.
pub fn fetch(repository: &Repository, remote: &str, refs: &[(RefName, RefName)], limit: Duration) -> Result<()> {
    let what: Vec<&str> = refs.iter().take(3).map(|(theirs, _)| theirs.short()).collect();
    let more = if refs.len() > what.len() { ", ..." } else { "" };
    let doing = format!("fetch {}{more} from {remote}", what.join(", "));
    let refspecs = refs.iter().map(|(theirs, ours)| format!("+{}:{}", theirs.as_str(), ours.as_str()));
    // An empty --refmap keeps the remote-tracking branches as they are, whatever is fetched.
    let call = call(repository, "fetch", remote, doing, limit)?
        .options(&["--quiet", "--no-tags", "--no-write-fetch-head", "--refmap=", "--no-prune", "--no-prune-tags"])
        .options(&["--no-recurse-submodules", "--no-auto-maintenance", "--no-write-commit-graph"])
        .operands(std::iter::once(remote.to_owned()).chain(refspecs));
    repository.git().output(&call).map(drop)
}

/// Fetches the branches of a remote into its remote-tracking branches, and the tags that go with them. Nothing else changes,
/// whatever the operator has configured: no ledger, no result of a rebase, and nothing is removed.
///
/// # Errors
/// When there is no such remote, or it does not answer.
pub fn update(repository: &Repository, remote: &str, limit: Duration) -> Result<()> {
    let call = call(repository, "fetch", remote, format!("fetch {remote}"), limit)?
        .options(&["--quiet", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-maintenance"])
        .options(&["--refmap=", "--no-prune", "--no-prune-tags"])
        .operands([remote.to_owned(), format!("+refs/heads/*:refs/remotes/{remote}/*")]);
    repository.git().output(&call).map(drop)
}

/// Pushes. What the remote refuses is in the result and not an error.
///
/// # Errors
/// When there is no such remote, or it fails before it says what became of the refs.
pub fn push(
    repository: &Repository,
    remote: &str,
    updates: &[Update],
    together: Together,
    limit: Duration,
) -> Result<Pushed> {
    let what: Vec<&str> = updates.iter().take(3).map(|update| update.target.short()).collect();
    let more = if updates.len() > what.len() { ", ..." } else { "" };
    let mut call = call(repository, "push", remote, format!("push {}{more} to {remote}", what.join(", ")), limit)?
        // In a mirror clone, git would force everything.
        .setting(format!("remote.{remote}.mirror"), "false")
        .options(&["--porcelain", "--no-progress", "--no-verify", "--no-follow-tags", "--recurse-submodules=no"]);
    if together == Together::Yes {
        call = call.options(&["--atomic"]);
    }
    for update in updates {
        let name = update.target.as_str();
        call = match &update.guard {
            Guard::Holds(commit) => call.option("--force-with-lease=", format!("{name}:{commit}")),
            Guard::Absent => call.option("--force-with-lease=", format!("{name}:")),
            Guard::Forward => call,
        };
    }
    let refspecs = updates.iter().map(|update| format!("{}:{}", update.source, update.target.as_str()));
    let call = call.operands(std::iter::once(remote.to_owned()).chain(refspecs));
    let output = repository.git().run(&call)?;
    let said = said(&output.words);
    let outcomes = outcomes(&String::from_utf8_lossy(&output.stdout), &said);
    let complete = updates.iter().all(|update| outcomes.contains_key(&update.target));
    if complete { Ok(Pushed { outcomes, said }) } else { Err(Git::failure(&call, &output)) }
}

/// A call that talks to a remote of this repository.
fn call(repository: &Repository, name: &'static str, remote: &str, doing: String, limit: Duration) -> Result<Call> {
    require(repository, remote)?;
    conversation(repository, name, doing, limit)
}

/// A call that talks to another repository.
fn conversation(repository: &Repository, name: &'static str, doing: String, limit: Duration) -> Result<Call> {
    // A relative address is meant from the top of the work tree.
    let call = repository.call(name, doing).inside(repository.folder()).as_the_operator().limit(limit);
    Ok(if operator_says_how(repository)? { call } else { call.setting("core.sshCommand", SSH) })
}

/// Whether the operator has configured how ssh is called.
fn operator_says_how(repository: &Repository) -> Result<bool> {
    let environment = repository.git().environment();
    if ["GIT_SSH", "GIT_SSH_COMMAND"].iter().any(|name| environment.get(name).is_some()) {
        return Ok(true);
    }
    let call = repository.call("config", "see how ssh is called").as_the_operator().options(&["--get"]);
    Ok(repository.git().run(&call.operands(["core.sshCommand"]))?.success)
}

/// Fails for a remote that this repository does not have.
///
/// # Errors
/// When it does not have it; the error lists those that it has.
pub fn require(repository: &Repository, remote: &str) -> Result<()> {
    let remotes = repository.remotes()?;
    if remotes.contains_key(remote) {
        return Ok(());
    }
    let there: Vec<String> = remotes.iter().map(|(name, address)| format!("{name} ({address})")).collect();
    let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
    Err(Error::refused(
        format!("{} has no remote {remote:?}; it has: {there}", repository.named().display()),
        "nothing was changed; name one of these, or add one with `git remote add`",
    ))
}

/// What became of each ref, from what `git push --porcelain` writes: `FLAG TAB from:to TAB summary`.
fn outcomes(report: &str, said: &str) -> BTreeMap<RefName, Outcome> {
    let parse = |line: &str| {
        let mut fields = line.splitn(3, '\t');
        let (flag, refspec, summary) = (fields.next()?, fields.next()?, fields.next()?);
        let target = RefName::new(refspec.rsplit(':').next()?).ok()?;
        let outcome = match flag {
            "=" => Outcome::Same,
            "!" => rejected(summary, said),
            _ => Outcome::Done,
        };
        Some((target, outcome))
    };
    report.lines().filter_map(parse).collect()
}

fn rejected(summary: &str, said: &str) -> Outcome {
    let reason = summary.rsplit_once('(').map_or(summary, |(_, reason)| reason.trim_end_matches(')'));
    match reason {
        "stale info" => Outcome::Stale,
        "non-fast-forward" | "fetch first" | "needs force" | "already exists" if summary.starts_with("[rejected]") => {
            Outcome::NotForward
        }
        _ if reason.starts_with("atomic push fail") => Outcome::NotTried,
        _ if said.is_empty() => Outcome::Refused { because: reason.to_owned() },
        _ => Outcome::Refused { because: format!("{reason}; it says: {said}") },
    }
}

/// What the remote said, of all of git's words on a push.
fn said(words: &str) -> String {
    const OURS: [&str; 4] =
        ["failed to push some refs", "atomic push failed for ref", "the remote end hung up", "it printed nothing"];
    let parts = words.split("; ").map(|part| part.strip_prefix("remote:").unwrap_or(part).trim());
    let parts: Vec<&str> =
        parts.filter(|part| !part.is_empty() && !OURS.iter().any(|ours| part.starts_with(ours))).collect();
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ref_of_a_push_has_an_outcome() {
        let report = "To ../r.git\n \ta1:refs/heads/a\t4ee8cbc..a7f0307\n*\tb1:refs/heads/b\t[new branch]\n\
                      =\tc1:refs/heads/c\t[up to date]\n!\td1:refs/heads/d\t[rejected] (stale info)\n\
                      !\te1:refs/heads/e\t[rejected] (fetch first)\n!\tf1:refs/heads/f\t[rejected] (atomic push failed)\n\
                      !\tg1:refs/heads/g\t[remote rejected] (atomic push failure)\n\
                      !\th1:refs/heads/h\t[remote rejected] (non-fast-forward)\nDone\n";
        let outcomes: Vec<Outcome> = outcomes(report, "").into_values().collect();
        let refused = Outcome::Refused { because: "non-fast-forward".to_owned() };
        let rejected = [Outcome::Stale, Outcome::NotForward, Outcome::NotTried, Outcome::NotTried, refused];
        assert_eq!(outcomes[..3], [Outcome::Done, Outcome::Done, Outcome::Same]);
        assert_eq!(outcomes[3..], rejected);
    }

    #[test]
    fn the_remotes_own_words_are_told_apart_from_gits() {
        let words =
            "remote: no pushes on Friday; remote:; remote: error: hook declined; failed to push some refs to 'x'";
        assert_eq!(said(words), "no pushes on Friday; error: hook declined");
        assert_eq!(said("it printed nothing"), "");
        let outcome = rejected("[remote rejected] (pre-receive hook declined)", "no");
        assert_eq!(outcome, Outcome::Refused { because: "pre-receive hook declined; it says: no".to_owned() });
    }
}
