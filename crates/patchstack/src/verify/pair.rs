//! Pairs patches of the old stack with those of the new one: by author, date and subject, then by what they
//! change, then by similarity. A pair is only a guess at what to compare: `judge` says whether it holds.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::identity::{Likeness, patch_ids};
use crate::names::ObjectId;
use crate::repository::Repository;
use crate::stack::{Author, Patch, Stack};

/// For the index of each paired patch in the old stack: the index of its pair in the new one. No index occurs twice.
pub(super) type Pairs = BTreeMap<usize, usize>;

/// Pairs the patches of two stacks.
pub(super) fn pair(repository: &Repository, old: &Stack, new: &Stack) -> Result<Pairs> {
    let ids = ids(repository, old, new)?;
    let mut pairs = Pairs::new();
    // The most certain first: a patch that has a namesake must not be paired before that one.
    match_up(&mut pairs, old, new, |patch| Some((who(patch), ids.get(&patch.commit))));
    match_up(&mut pairs, old, new, |patch| Some(who(patch)));
    match_up(&mut pairs, old, new, |patch| ids.get(&patch.commit));
    alike(repository, old, new, &mut pairs)?;
    Ok(pairs)
}

/// What a rebase keeps of a patch.
fn who(patch: &Patch) -> (&Author, &str) {
    (&patch.author, &patch.subject)
}

/// Verbatim patch ids of those that are not the same commit on both sides.
fn ids(repository: &Repository, old: &Stack, new: &Stack) -> Result<BTreeMap<ObjectId, String>> {
    let call = |name, doing: &str| repository.call(name, doing);
    let commits = old.patches.iter().chain(&new.patches).map(|patch| &patch.commit);
    patch_ids(repository.git(), &call, commits, Likeness::Verbatim)
}

/// Pairs patches that are not paired yet and have the same key, in order.
fn match_up<'a, Key: Ord>(pairs: &mut Pairs, old: &'a Stack, new: &'a Stack, key: impl Fn(&'a Patch) -> Option<Key>) {
    let taken: Vec<usize> = pairs.values().copied().collect();
    let mut free: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    for (index, patch) in new.patches.iter().enumerate().rev().filter(|(index, _)| !taken.contains(index)) {
        if let Some(key) = key(patch) {
            free.entry(key).or_default().push(index);
        }
    }
    for (index, patch) in old.patches.iter().enumerate() {
        if pairs.contains_key(&index) {
            continue;
        }
        if let Some(found) = key(patch).and_then(|key| free.get_mut(&key)).and_then(Vec::pop) {
            pairs.insert(index, found);
        }
    }
}

/// Pairs what is left on both sides as `git range-diff` would.
fn alike(repository: &Repository, old: &Stack, new: &Stack, pairs: &mut Pairs) -> Result<()> {
    let taken: Vec<usize> = pairs.values().copied().collect();
    if pairs.len() == old.patches.len() || taken.len() == new.patches.len() {
        return Ok(());
    }
    // With --no-merges, git 2.47 prints nothing and succeeds.
    let call = repository
        .call("range-diff", "look for patches that are alike")
        .options(&["--no-patch", "--no-color", "--no-notes"])
        .option("--abbrev=", old.base.commit.as_str().len().to_string())
        .range(&old.base.commit, &old.branch.commit)
        .range(&new.base.commit, &new.branch.commit);
    for line in repository.git().text(&call)?.lines() {
        let Some((old_commit, new_commit)) = both(line) else { continue };
        let index = |stack: &Stack, commit| stack.patches.iter().position(|patch| patch.commit == commit);
        if let (Some(one), Some(other)) = (index(old, old_commit), index(new, new_commit))
            && !pairs.contains_key(&one)
            && !taken.contains(&other)
        {
            pairs.insert(one, other);
        }
    }
    Ok(())
}

/// The two commits of a line such as `1:  <id> ! 2:  <id> subject`; none where one side is missing.
fn both(line: &str) -> Option<(ObjectId, ObjectId)> {
    let mut words = line.split_whitespace();
    let (_, old, _, _, new) = (words.next()?, words.next()?, words.next()?, words.next()?, words.next()?);
    Some((ObjectId::parse(old)?, ObjectId::parse(new)?))
}
