//! What this clone knows of commits that upstream had.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::error::Result;
use crate::ledger::{NOTES, Side};
use crate::names::{ObjectId, RefName};
use crate::releases::{Conventions, bare_name};
use crate::repository::{Ref, Repository, ids};

/// A commit that upstream had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(crate) commit: ObjectId,
    /// `it was in upstream/open-release/koa.rc2 until 2020-12-01`.
    pub(super) known_from: String,
}

/// Commits that upstream had: earlier commits of its refs, the bases of ledgers, and releases on our own remote, which `mirror`
/// never forces.
///
/// # Errors
/// When git cannot list them.
pub(crate) fn traces(repository: &Repository, conventions: &Conventions, upstream: &[Ref]) -> Result<Vec<Trace>> {
    let mut traces = earlier(repository, upstream)?;
    traces.extend(bases(repository, conventions)?);
    let copies = conventions.copies(repository)?.into_iter();
    traces.extend(copies.map(|copy| Trace { known_from: format!("{} has it", copy.name), commit: copy.commit }));
    gone(repository, traces, upstream)
}

/// Of these traces, the ones that upstream does not have any more.
fn gone(repository: &Repository, mut traces: Vec<Trace>, upstream: &[Ref]) -> Result<Vec<Trace>> {
    let mut seen = BTreeSet::new();
    traces.retain(|trace| seen.insert(trace.commit.clone()));
    let mut input: String = traces.iter().map(|trace| format!("{}\n", trace.commit)).collect();
    if input.is_empty() {
        return Ok(traces);
    }
    upstream.iter().for_each(|now| input.push_str(&format!("^{}\n", now.commit)));
    // A ledger of a colleague can name a base that this clone has never had.
    let call = repository
        .call("rev-list", "look for what upstream has no more")
        .options(&["--ignore-missing", "--stdin"])
        .input(input);
    let gone: BTreeSet<ObjectId> = ids(&repository.git().output(&call)?).into_iter().collect();
    traces.retain(|trace| gone.contains(&trace.commit));
    Ok(traces)
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

/// The bases of all ledgers, where these were releases.
fn bases(repository: &Repository, conventions: &Conventions) -> Result<Vec<Trace>> {
    #[derive(Deserialize)]
    struct Form {
        old: Side,
        new: Side,
        at: String,
    }
    if repository.find(&RefName::new(NOTES)?)?.is_none() {
        return Ok(Vec::new());
    }
    let call = repository.call("notes", "list the ledgers").option("--ref=", NOTES).options(&["list"]);
    let list = repository.git().text(&call)?;
    let notes: String = list.lines().filter_map(|line| Some(format!("{}\n", line.split_once(' ')?.0))).collect();
    let call = repository.call("cat-file", "read the ledgers").options(&["--batch"]).input(notes);
    let text = repository.git().text(&call)?;
    let ledgers = text.lines().filter_map(|line| serde_json::from_str::<Form>(line).ok());
    let sides = ledgers.flat_map(|Form { old, new, at }| [(old, at.clone()), (new, at)]);
    let releases = sides.filter(|(side, _)| is_release(conventions, &side.base_name));
    let trace = |(side, at): (Side, String)| Trace {
        known_from: format!("a ledger of {} has it as upstream's", at.split('T').next().unwrap_or(&at)),
        commit: side.base,
    };
    Ok(releases.map(trace).collect())
}

/// Whether the words on a base say that it is a release of upstream's, and not what somebody has named.
fn is_release(conventions: &Conventions, found: &str) -> bool {
    let name = found.strip_prefix("is part of ").or_else(|| found.strip_prefix("is ")).unwrap_or(found);
    let remote = format!("refs/remotes/{name}");
    let Ok(remote) = RefName::new(remote) else { return false };
    let bare = bare_name(conventions, &remote);
    bare != remote.short() || conventions.release(name).is_some()
}
