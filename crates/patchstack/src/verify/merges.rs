//! Accounts for changes that merges in the old stack contain beyond its patches, which a rebase loses.

use super::explanations::{Explanation, Explanations};
use crate::error::Result;
use crate::forecast::flattening;
use crate::ledger::{Account, Entry, Named};
use crate::names::{ObjectId, abridged};
use crate::replay::{Engine, Merged};
use crate::repository::Repository;
use crate::stack::Stack;

/// An entry for each merge with changes of its own, if flattening the stack loses something; else none.
pub(super) fn accounts(
    repository: &Repository,
    engine: &mut Engine,
    old: &Stack,
    explained: &Explanations,
) -> Result<Vec<Entry>> {
    let lost = flattening(repository, old)?.lost;
    if lost.is_empty() {
        return Ok(Vec::new());
    }
    let mut merges = Vec::new();
    for merge in &old.merges {
        let merge = read(repository, merge)?;
        if holds_something(repository, engine, &merge)? {
            merges.push(merge);
        }
    }
    // Lost all the same: then it is the order of the patches, and the newest merge stands for it.
    if merges.is_empty() {
        merges.extend(old.merges.last().map(|merge| read(repository, merge)).transpose()?);
    }
    let what = format!("this merge contains changes that are in no patch, and they are lost: {}", abridged(&lost));
    let entry = |merge: Merge| {
        let account = match explained.get(&merge.named.commit) {
            Some(Explanation { because, by }) => Account::Dropped { because: because.clone(), by: by.clone() },
            None => Account::Unexplained { what: what.clone(), now: None, interdiff: String::new() },
        };
        Entry { patch: merge.named, author: merge.author, account, hints: Vec::new() }
    };
    Ok(merges.into_iter().map(entry).collect())
}

struct Merge {
    named: Named,
    author: String,
    tree: String,
    parents: Vec<ObjectId>,
}

fn read(repository: &Repository, commit: &ObjectId) -> Result<Merge> {
    let call = repository
        .log("read a merge")
        .options(&["--no-walk", "--format=%T%x00%P%x00%an <%ae>%x00%s"])
        .operands([commit.as_str()]);
    let text = repository.git().text(&call)?;
    let mut fields = text.split('\0').map(str::to_owned);
    let mut next = || fields.next().unwrap_or_default();
    let (tree, parents, author, subject) = (next(), next(), next(), next());
    let parents = parents.split(' ').filter_map(ObjectId::parse).collect();
    Ok(Merge { named: Named { commit: commit.clone(), subject }, author, tree, parents })
}

/// Whether a merge differs from what git makes of its parents.
fn holds_something(repository: &Repository, engine: &mut Engine, merge: &Merge) -> Result<bool> {
    let [ours, theirs] = &merge.parents[..] else { return Ok(true) };
    let bases = repository.merge_bases(ours, theirs)?;
    let [base] = &bases[..] else { return Ok(true) };
    Ok(!matches!(engine.merge(base, ours, theirs)?, Merged::Clean(tree) if tree.as_str() == merge.tree))
}
