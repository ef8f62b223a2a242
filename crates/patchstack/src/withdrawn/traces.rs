//! What this clone knows of commits that upstream had.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::Deserialize;

use super::Kept;
use super::name::is_named_all_the_same;
use crate::error::Result;
use crate::ledger::{Account, NOTES, Side};
use crate::mirror::MIRRORED;
use crate::names::{ObjectId, RefName};
use crate::releases::{Conventions, bare_name};
use crate::repository::{Ref, Repository};
use crate::watch::Seen;

/// A commit that upstream had.
struct Trace {
    commit: ObjectId,
    /// `it was in upstream/open-release/koa.rc2 until 2020-12-01`.
    known_from: String,
}

/// The commits that upstream had and has in no ref any more, as far as this clone knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gone {
    /// Each with what it is known from, by index.
    commits: BTreeMap<ObjectId, usize>,
    known_from: Vec<String>,
    /// What was decided of them, for the heads that were verified with it.
    kept: Vec<(ObjectId, ObjectId, Kept)>,
}

impl Gone {
    /// How this clone knows that upstream had a commit; none if upstream has it, or nothing is known.
    pub(super) fn known_from(&self, commit: &ObjectId) -> Option<&str> {
        self.commits.get(commit).map(|index| self.known_from[*index].as_str())
    }

    /// The decision to keep a commit as a patch of ours, in the ledger of one of these heads.
    pub(super) fn kept(&self, commit: &ObjectId, is_head: impl Fn(&ObjectId) -> bool) -> Option<&Kept> {
        let mut kept = self.kept.iter().filter(|(head, patch, _)| patch == commit && is_head(head));
        kept.next().map(|(_, _, kept)| kept)
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.commits.is_empty()
    }
}

/// The commits that upstream had and has no more. They are known from earlier commits of its refs, from what was fetched for
/// `mirror`, from what `watch` has seen, and from the bases of ledgers. Copies of its releases on our own remote prove nothing: people push to them.
///
/// # Errors
/// When git cannot list them.
pub(crate) fn gone(repository: &Repository, conventions: &Conventions, upstream: &[Ref]) -> Result<Gone> {
    let mut traces = earlier(repository, upstream)?;
    traces.extend(mirrored(repository, conventions)?);
    traces.extend(watched(repository, conventions));
    let ledgers = ledgers(repository)?;
    traces.extend(bases(conventions, &ledgers));
    let commits = spread(repository, &traces, upstream)?;
    let kept = ledgers.iter().flat_map(Form::kept).collect();
    Ok(Gone { commits, known_from: traces.into_iter().map(|trace| trace.known_from).collect(), kept })
}

/// Each commit that upstream has no more with the first of the traces that contains it: one walk for all of them.
fn spread(repository: &Repository, traces: &[Trace], upstream: &[Ref]) -> Result<BTreeMap<ObjectId, usize>> {
    let mut first: BTreeMap<ObjectId, usize> = BTreeMap::new();
    let mut input = String::new();
    for (index, trace) in traces.iter().enumerate() {
        if let Entry::Vacant(free) = first.entry(trace.commit.clone()) {
            input.push_str(&format!("{}\n", trace.commit));
            free.insert(index);
        }
    }
    if input.is_empty() {
        return Ok(first);
    }
    upstream.iter().for_each(|now| input.push_str(&format!("^{}\n", now.commit)));
    let call = repository
        .call("rev-list", "look for what upstream has no more")
        // A ledger of a colleague can name a base that this clone has never had. A commit comes before its parents.
        .options(&["--ignore-missing", "--topo-order", "--parents", "--stdin"])
        .input(input);
    let mut commits = BTreeMap::new();
    for line in repository.git().text(&call)?.lines() {
        let mut ids = line.split(' ').filter_map(ObjectId::parse);
        let Some((commit, index)) = ids.next().and_then(|commit| first.remove_entry(&commit)) else { continue };
        for parent in ids {
            let known = first.entry(parent).or_insert(index);
            *known = index.min(*known);
        }
        commits.insert(commit, index);
    }
    Ok(commits)
}

/// What was fetched from upstream for `mirror`.
fn mirrored(repository: &Repository, conventions: &Conventions) -> Result<Vec<Trace>> {
    let trace = |found: Ref| {
        let name = found.name.as_str().strip_prefix(MIRRORED)?;
        Some(Trace {
            known_from: format!("it was in {}/{name} when that was mirrored", conventions.upstream),
            commit: found.commit,
        })
    };
    Ok(repository.refs(&[MIRRORED])?.into_iter().filter_map(trace).collect())
}

/// What `watch` has seen of upstream's. It knows of refs that were removed, whose reflogs went with them.
fn watched(repository: &Repository, conventions: &Conventions) -> Vec<Trace> {
    let trace = |(name, commit): (&str, &ObjectId)| Trace {
        commit: commit.clone(),
        known_from: format!("it was in {name} when `branch watch` looked"),
    };
    Seen::all(repository).iter().flat_map(|seen| seen.of_upstream(conventions).into_iter().map(trace)).collect()
}

/// What the reflogs of upstream's refs have. A ref that was removed has none.
fn earlier(repository: &Repository, upstream: &[Ref]) -> Result<Vec<Trace>> {
    // What people do to branches of this clone proves nothing.
    let is_theirs = |name: &&str| name.starts_with("refs/remotes/") || name.starts_with("refs/tags/");
    let refs: Vec<&str> = upstream.iter().map(|found| found.name.as_str()).filter(is_theirs).collect();
    // Without a name, git would read the reflog of HEAD.
    if refs.is_empty() {
        return Ok(Vec::new());
    }
    let call = repository
        .log("read the reflogs of upstream's refs")
        .options(&["--walk-reflogs", "--date=short", "--format=%H %gD"])
        .operands(refs);
    let mut traces = Vec::new();
    // Entries of several refs are mixed, newest first.
    let mut newer: BTreeMap<String, String> = BTreeMap::new();
    for (commit, name, day) in repository.git().text(&call)?.lines().filter_map(entry) {
        let until = newer.insert(name.clone(), day.clone()).unwrap_or(day);
        let name_for_people = RefName::new(name)?;
        traces.push(Trace { commit, known_from: format!("it was in {name_for_people} until {until}") });
    }
    Ok(traces)
}

/// `ID refs/remotes/upstream/open-release/koa.rc2@{2020-12-01}`.
fn entry(line: &str) -> Option<(ObjectId, String, String)> {
    let (commit, selector) = line.split_once(' ')?;
    let (name, day) = selector.strip_suffix('}')?.rsplit_once("@{")?;
    Some((ObjectId::parse(commit)?, name.to_owned(), day.to_owned()))
}

/// What is read of a ledger.
#[derive(Deserialize)]
struct Form {
    old: Side,
    new: Side,
    at: String,
    /// A newer cutover may have accounts that this one does not know.
    #[serde(default)]
    entries: Vec<serde_json::Value>,
}

impl Form {
    /// The patches that were kept although upstream had withdrawn them: the head, the patch, and the decision.
    fn kept(&self) -> impl Iterator<Item = (ObjectId, ObjectId, Kept)> {
        let entries = self.entries.iter().filter_map(|entry| Account::deserialize(entry).ok());
        entries.filter_map(|account| match account {
            Account::Adopted { now, because, by, .. } => Some((self.new.head.clone(), now, Kept { because, by })),
            _ => None,
        })
    }
}

/// All ledgers.
fn ledgers(repository: &Repository) -> Result<Vec<Form>> {
    if repository.find(&RefName::new(NOTES)?)?.is_none() {
        return Ok(Vec::new());
    }
    let call = repository.call("notes", "list the ledgers").option("--ref=", NOTES).options(&["list"]);
    let list = repository.git().text(&call)?;
    let notes: String = list.lines().filter_map(|line| Some(format!("{}\n", line.split_once(' ')?.0))).collect();
    let call = repository.call("cat-file", "read the ledgers").options(&["--batch"]).input(notes);
    let text = repository.git().text(&call)?;
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// The bases of ledgers, where these were releases, or had been withdrawn already.
fn bases(conventions: &Conventions, ledgers: &[Form]) -> Vec<Trace> {
    let sides = ledgers.iter().flat_map(|Form { old, new, at, .. }| [(old, at), (new, at)]);
    let is_upstreams = |name: &str| is_release(conventions, name) || is_named_all_the_same(name);
    let releases = sides.filter(|(side, _)| is_upstreams(&side.base_name));
    let trace = |(side, at): (&Side, &String)| Trace {
        known_from: format!("a ledger of {} has it as upstream's", at.split('T').next().unwrap_or(at)),
        commit: side.base.clone(),
    };
    releases.map(trace).collect()
}

/// Whether the words on a base say that it is a release of upstream's, and not what somebody has named.
pub(super) fn is_release(conventions: &Conventions, found: &str) -> bool {
    let name = found.strip_prefix("is part of ").or_else(|| found.strip_prefix("is ")).unwrap_or(found);
    let remote = format!("refs/remotes/{name}");
    let Ok(remote) = RefName::new(remote) else { return false };
    let bare = bare_name(conventions, &remote);
    bare != remote.short() || conventions.release(name).is_some()
}
