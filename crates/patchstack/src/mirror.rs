//! Copies of upstream's release branches on our remote, under the same names. They are never forced.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use crate::error::{Error, Result, SAME_COMMAND};
use crate::names::{ObjectId, RefName};
use crate::releases::Conventions;
use crate::remote::{self, Guard, Together, Update};
use crate::repository::Repository;
use crate::wildcard;

/// Where the releases are that were fetched from upstream to be copied.
pub(crate) const MIRRORED: &str = "refs/cutover/upstream/";

/// One of upstream's release branches, and our remote's copy of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mirrored {
    /// The name on both remotes: `open-release/koa.rc3`.
    pub branch: String,
    /// Upstream's commit.
    pub commit: ObjectId,
    /// What became of the copy.
    pub outcome: Outcome,
}

/// What became of a copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Outcome {
    /// It was there already.
    Same,
    /// It was created.
    Created,
    /// It was moved forward.
    Updated {
        /// From this commit.
        was: ObjectId,
    },
    /// It has commits that upstream's branch lacks; it was not changed.
    Diverged {
        /// Its commit on the remote.
        is: ObjectId,
    },
    /// The remote refused.
    Refused {
        /// In the remote's words.
        because: String,
    },
}

/// Copies upstream's release branches to our remote: those whose names match `pattern`, as in a shell, as a whole or
/// from the last slash on (`koa.*`); all without one. `limit` is for each conversation with a remote.
///
/// What a remote refuses, and copies that have commits of their own, are in the result and not errors.
///
/// # Errors
/// When a remote is missing or does not answer, both have the same address, or no release matches.
pub fn mirror(
    repository: &Repository,
    conventions: &Conventions,
    pattern: Option<&str>,
    limit: Duration,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<Mirrored>> {
    let Conventions { upstream, origin, .. } = conventions;
    remote::require(repository, upstream)?;
    let addresses = remote::addresses(repository, origin, upstream)?;
    addresses.confirm(repository, |name| conventions.is_ours(name), limit)?;
    progress(&format!("asking {upstream} for its releases"));
    let mut releases = chosen(conventions, remote::heads(repository, upstream, &["refs/heads/*"], limit)?, pattern)?;
    progress(&format!("asking {origin} for its copies"));
    let copies = remote::heads(repository, origin, &["refs/heads/*"], limit)?;

    let news: Vec<RefName> = releases
        .iter()
        .filter(|(name, commit)| copies.get(name) != Some(commit))
        .map(|(name, _)| name.clone())
        .collect();
    let missing = missing(repository, news.iter().map(|name| &releases[name]))?;
    let missing: Vec<RefName> = news.iter().filter(|name| missing.contains(&releases[*name])).cloned().collect();
    if !missing.is_empty() {
        progress(&format!("fetching {} branches from {upstream}", missing.len()));
        bring(repository, upstream, &missing, &mut releases, limit)?;
    }
    let mut updates = Vec::new();
    for name in news {
        let source = releases[&name].clone();
        if copies.get(&name).map_or(Ok(true), |copy| leads_to(repository, copy, &source))? {
            updates.push(Update { source, target: name, guard: Guard::Forward });
        }
    }
    let pushed = if updates.is_empty() {
        None
    } else {
        progress(&format!("pushing {} branches to {origin}", updates.len()));
        Some(remote::push(repository, origin, &updates, Together::No, limit)?)
    };
    let mirrored = releases.into_iter().map(|(name, commit)| {
        let outcome =
            outcome(copies.get(&name), &commit, pushed.as_ref().and_then(|pushed| pushed.outcomes.get(&name)));
        Mirrored { branch: name.short().to_owned(), commit, outcome }
    });
    Ok(in_order_of_release(conventions, mirrored.collect()))
}

/// The releases of upstream that were asked for.
fn chosen(
    conventions: &Conventions,
    heads: BTreeMap<RefName, ObjectId>,
    pattern: Option<&str>,
) -> Result<BTreeMap<RefName, ObjectId>> {
    let releases: BTreeMap<RefName, ObjectId> =
        heads.into_iter().filter(|(name, _)| conventions.release(name.short()).is_some()).collect();
    let fits = |name: &str, pattern: &str| {
        let last = name.rsplit('/').next().unwrap_or(name);
        wildcard::fits(pattern, name) || wildcard::fits(pattern, last)
    };
    let wanted = |name: &RefName| pattern.is_none_or(|pattern| fits(name.short(), pattern));
    if releases.keys().any(wanted) {
        return Ok(releases.into_iter().filter(|(name, _)| wanted(name)).collect());
    }
    let upstream = &conventions.upstream;
    let (total, first): (usize, Vec<&str>) = (releases.len(), releases.keys().take(10).map(RefName::short).collect());
    let there = match total {
        0 => format!("has no branch that matches {}", conventions.theirs.join(" or ")),
        1..=10 => format!("has: {}", first.join(", ")),
        _ => format!("has {total} releases, such as {}", first.join(", ")),
    };
    let what = pattern.map_or_else(|| "no release".to_owned(), |pattern| format!("no release {pattern:?}"));
    Err(Error::refused(
        format!("there is {what} on {upstream}: it {there}"),
        "nothing was changed; give a name or a pattern such as 'open-release/koa.*'",
    ))
}

/// The commits that are not in this repository.
fn missing<'a>(repository: &Repository, commits: impl Iterator<Item = &'a ObjectId>) -> Result<BTreeSet<ObjectId>> {
    let asked: String = commits.map(|commit| format!("{commit}\n")).collect();
    if asked.is_empty() {
        return Ok(BTreeSet::new());
    }
    let call = repository.call("cat-file", "see which commits are here").options(&["--batch-check"]).input(asked);
    let text = repository.git().text(&call)?;
    Ok(text.lines().filter_map(|line| ObjectId::parse(line.strip_suffix(" missing")?)).collect())
}

/// Fetches branches into refs of ours. Their commits count from then on: upstream may have moved since it was asked.
fn bring(
    repository: &Repository,
    upstream: &str,
    names: &[RefName],
    releases: &mut BTreeMap<RefName, ObjectId>,
    limit: Duration,
) -> Result<()> {
    let ours = |name: &RefName| RefName::new(format!("{MIRRORED}{}", name.short()));
    let pairs: Vec<(RefName, RefName)> =
        names.iter().map(|name| Ok((name.clone(), ours(name)?))).collect::<Result<_>>()?;
    remote::fetch(repository, upstream, &pairs, limit)?;
    for (name, copy) in pairs {
        if let Some(commit) = repository.find(&copy)? {
            releases.insert(name, commit);
        }
    }
    Ok(())
}

/// Whether `commit` contains `copy`. A commit in this repository cannot contain one that is not in it.
fn leads_to(repository: &Repository, copy: &ObjectId, commit: &ObjectId) -> Result<bool> {
    Ok(missing(repository, std::iter::once(copy))?.is_empty() && repository.is_ancestor(copy, commit)?)
}

/// What became of a copy that was `copy` before.
fn outcome(copy: Option<&ObjectId>, commit: &ObjectId, pushed: Option<&remote::Outcome>) -> Outcome {
    match (pushed, copy) {
        (None, Some(copy)) if copy == commit => Outcome::Same,
        (None, Some(copy)) => Outcome::Diverged { is: copy.clone() },
        (Some(remote::Outcome::Same), _) => Outcome::Same,
        (Some(remote::Outcome::Done), Some(copy)) => Outcome::Updated { was: copy.clone() },
        (Some(remote::Outcome::Done), None) => Outcome::Created,
        (Some(remote::Outcome::Refused { because }), _) => Outcome::Refused { because: because.clone() },
        (Some(_) | None, _) => Outcome::Refused { because: format!("it moved at the same time; {SAME_COMMAND} again") },
    }
}

fn in_order_of_release(conventions: &Conventions, mut mirrored: Vec<Mirrored>) -> Vec<Mirrored> {
    mirrored.sort_by_cached_key(|one| (conventions.release(&one.branch), one.branch.clone()));
    mirrored
}
