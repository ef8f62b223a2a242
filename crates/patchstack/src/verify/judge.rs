//! Judges patches: a pair by comparing it with the result of git applying the old patch to the new base, and a patch
//! without a pair by whether any part of it is missing.

use std::collections::BTreeMap;

use super::explanations::{Explanation, Explanations};
use super::interdiff::interdiff;
use super::pair::Pairs;
use crate::error::Result;
use crate::identity::{Likeness, patch_ids};
use crate::ledger::{Account, Entry, How, Named};
use crate::names::{GitPath, ObjectId, abridged};
use crate::origin::{Line, Origin};
use crate::replay::{Conflict, Engine, Merged, changes_attributes};
use crate::repository::Repository;
use crate::stack::{Patch, Stack};
use crate::upstream::{UpstreamCommit, twins};

/// What becomes of every patch of the old stack.
pub(super) fn judge(
    repository: &Repository,
    engine: &mut Engine,
    old: &Stack,
    new: &Stack,
    pairs: &Pairs,
    explained: &Explanations,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<Entry>> {
    let ids = ids(repository, old, new, pairs)?;
    let attributes = attributes(new);
    let line = Line::new(
        repository,
        &old.base.commit,
        &new.base.commit,
        new.patches.iter().map(|patch| (patch, Some(&patch.commit))),
    );
    let twins = twins_of_missing(repository, old, new, pairs)?;
    let mut entries = Vec::new();
    for (index, patch) in old.patches.iter().enumerate() {
        let word = explained.get(&patch.commit);
        let account = match (pairs.get(&index), word) {
            (Some(paired), word) => {
                let now = &new.patches[*paired];
                engine.heed(&attributes[*paired])?;
                let is_same = ids.get(&patch.commit) == ids.get(&now.commit);
                pair(repository, engine, patch, now, is_same, word)?
            }
            (None, Some(Explanation { because, by })) => Account::Dropped { because: because.clone(), by: by.clone() },
            (None, None) => {
                engine.heed(&attributes[new.patches.len()])?;
                missing(engine, &line, patch, new, twins.get(&patch.commit))?
            }
        };
        entries.push(Entry {
            patch: Named::new(&patch.commit, &patch.subject),
            author: patch.author.to_string(),
            account,
            hints: Vec::new(),
        });
        progress(entries.len(), old.patches.len());
    }
    engine.heed(&new.base.commit)?;
    Ok(entries)
}

/// For patches without a pair: the commits of upstream's that are the same patches.
fn twins_of_missing(
    repository: &Repository,
    old: &Stack,
    new: &Stack,
    pairs: &Pairs,
) -> Result<BTreeMap<ObjectId, UpstreamCommit>> {
    let missing = old.patches.iter().enumerate().filter(|(index, _)| !pairs.contains_key(index));
    let missing: Vec<&Patch> = missing.map(|(_, patch)| patch).collect();
    match missing.is_empty() {
        true => Ok(BTreeMap::new()),
        false => twins(repository, &[new.base.commit.as_str().to_owned(), format!("^{}", old.base.commit)], &missing),
    }
}

/// For each position in the new stack, and for its end, the commit whose attributes (`.gitattributes`) git uses for
/// merges there.
fn attributes(new: &Stack) -> Vec<ObjectId> {
    let mut heeded = vec![new.base.commit.clone()];
    for (index, patch) in new.patches.iter().enumerate() {
        let then = if changes_attributes(patch) { patch.commit.clone() } else { heeded[index].clone() };
        heeded.push(then);
    }
    heeded
}

fn ids(repository: &Repository, old: &Stack, new: &Stack, pairs: &Pairs) -> Result<BTreeMap<ObjectId, String>> {
    let pairs = pairs.iter().map(|(one, other)| [&old.patches[*one].commit, &new.patches[*other].commit]);
    let differing = pairs.filter(|[one, other]| one != other).flatten();
    let call = |name, doing: &str| repository.call(name, doing);
    patch_ids(repository.git(), &call, differing, Likeness::Verbatim)
}

/// What became of a patch that has a pair.
fn pair(
    repository: &Repository,
    engine: &mut Engine,
    old: &Patch,
    now: &Patch,
    is_same: bool,
    word: Option<&Explanation>,
) -> Result<Account> {
    if old.commit == now.commit {
        return Ok(Account::Kept { now: now.commit.clone() });
    }
    let before = [parent(engine, old)?, parent(engine, now)?];
    let how = match engine.merge(&before[0], &before[1], &old.commit)? {
        Merged::Clean(tree) if tree == now.tree && is_same => match reworded(engine, old, now)? {
            words if words.is_empty() => return Ok(Account::Kept { now: now.commit.clone() }),
            words => Ok(How::Reworded(words)),
        },
        Merged::Clean(tree) if tree == now.tree => Ok(How::Merged),
        Merged::Clean(tree) => {
            let files = abridged(&engine.difference(&tree, &now.tree)?);
            Err(format!("it applies cleanly, but its changes to {files} are different now"))
        }
        Merged::Conflict(conflict) => resolved(engine, &conflict, now)?,
    };
    let how = match (how, word) {
        (Err(_), Some(word)) => Ok(How::Explained(word.because.clone())),
        (how, _) => how,
    };
    let (commit, interdiff) = (now.commit.clone(), interdiff(repository, old, now)?);
    Ok(match how {
        Ok(how) => Account::Changed { now: commit, how, interdiff },
        Err(what) => Account::Unexplained { what, now: Some(commit), interdiff },
    })
}

/// What of a patch's author and message is different.
fn reworded(engine: &mut Engine, old: &Patch, now: &Patch) -> Result<Vec<String>> {
    let (old, now) = (engine.words(&old.commit)?, engine.words(&now.commit)?);
    let differ = [("author", old.author != now.author), ("message", old.message != now.message)];
    Ok(differ.into_iter().filter(|(_, differ)| *differ).map(|(what, _)| what.to_owned()).collect())
}

/// How a conflict was resolved: any change is allowed in the files that conflicted, and no change in other files.
fn resolved(engine: &Engine, conflict: &Conflict, now: &Patch) -> Result<std::result::Result<How, String>> {
    let files = conflict.paths();
    let said = conflict.messages.iter().filter(|message| message.kind.starts_with("CONFLICT"));
    let concerned: Vec<&GitPath> = files.iter().chain(said.flat_map(|message| &message.paths)).collect();
    let mut strays = engine.difference(&conflict.tree, &now.tree)?;
    strays.retain(|path| !concerned.contains(&path));
    if strays.is_empty() {
        return Ok(Ok(How::Resolved(files.iter().map(ToString::to_string).collect())));
    }
    Ok(Err(format!("it conflicts in {}, but {} was changed as well", abridged(&files), abridged(&strays))))
}

/// What became of a patch that has no pair, and that nobody has explained. One that would conflict stays unexplained even if
/// upstream has the same patch: upstream may have applied it and reverted it later.
fn missing(
    engine: &mut Engine,
    line: &Line<'_>,
    old: &Patch,
    new: &Stack,
    twin: Option<&UpstreamCommit>,
) -> Result<Account> {
    let head = &new.branch.commit;
    let tree = engine.tree_of(head)?;
    let before = parent(engine, old)?;
    let what = match engine.merge(&before, head, &old.commit)? {
        Merged::Clean(merged) if merged == tree => {
            return Ok(contained(line.origin(engine, old, new.patches.len(), twin)?, new));
        }
        Merged::Clean(merged) => {
            let files = abridged(&engine.difference(&tree, &merged)?);
            format!("it is missing: its changes are not in {files}")
        }
        Merged::Conflict(conflict) => {
            format!("it is missing, and would conflict in {}", abridged(&conflict.paths()))
        }
    };
    let also = twin.map(|twin| format!("; upstream has the same patch as {} ({})", twin.commit.short(), twin.subject));
    Ok(unexplained(what + &also.unwrap_or_default()))
}

/// The account of a patch that has no pair, and whose content is there.
fn contained(origin: Origin, new: &Stack) -> Account {
    let named = |by: UpstreamCommit| Some(Named { commit: by.commit, subject: by.subject });
    match origin {
        Origin::Same(by) => Account::Upstreamed { by: named(by), is_same: true },
        Origin::Upstream(by) => Account::Upstreamed { by: named(by), is_same: false },
        Origin::Ours { index, is_same } => {
            let ours = &new.patches[index];
            Account::Included { within: Named::new(&ours.commit, &ours.subject), number: index + 1, is_same }
        }
        Origin::Before => Account::Unneeded,
        Origin::Unknown => unexplained(
            "it is missing: the new base has its content, and none of upstream's commits is known to bring it"
                .to_owned(),
        ),
    }
}

fn unexplained(what: String) -> Account {
    Account::Unexplained { what, now: None, interdiff: String::new() }
}

/// The parent of a patch; for a root commit, an empty commit.
fn parent(engine: &mut Engine, patch: &Patch) -> Result<ObjectId> {
    patch.parent.clone().map_or_else(|| engine.void(), Ok)
}
