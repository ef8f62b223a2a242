//! Hints at what may have become of a patch that is missing: commits of upstream's, and patches of the new stack, that say so or
//! that have the same subject. They are shown and prove nothing, so no patch is accounted for by them.

use crate::error::Result;
use crate::ledger::{Account, Entry, Hint, Likeness, Named};
use crate::marks::{self, Marked};
use crate::names::ObjectId;
use crate::repository::Repository;
use crate::stack::Stack;

/// How many hints a patch gets.
const SHOWN: usize = 3;

/// Adds hints to the entries of patches that nothing accounts for and that are paired with no patch of the new stack.
pub(super) fn add(repository: &Repository, old: &Stack, new: &Stack, entries: &mut [Entry]) -> Result<()> {
    let is_missing = |entry: &&mut Entry| matches!(entry.account, Account::Unexplained { now: None, .. });
    let mut missing: Vec<&mut Entry> = entries.iter_mut().filter(is_missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let ours = marks::read(repository, &["--no-walk"], missing.iter().map(|entry| entry.patch.commit.to_string()))?;
    let range = [new.branch.commit.to_string(), format!("^{}", old.base.commit)];
    let theirs = marks::read(repository, &[], range)?;
    for entry in &mut missing {
        let Some(marked) = ours.get(&entry.patch.commit) else { continue };
        let hints = theirs.iter().filter_map(|(commit, other)| {
            let ours = new.patches.iter().any(|patch| patch.commit == *commit);
            Some(Hint { ours, ..hint(&entry.patch.commit, marked, commit, other)? })
        });
        entry.hints = hints.collect();
        entry.hints.sort_by_key(|hint| hint.likeness);
        entry.hints.truncate(SHOWN);
    }
    Ok(())
}

/// What a commit has in common with a patch.
fn hint(patch: &ObjectId, marked: &Marked, commit: &ObjectId, other: &Marked) -> Option<Hint> {
    let likeness = if other.picked_from.contains(patch) || marked.picked_from.contains(commit) {
        Likeness::Picked
    } else if marked.change_id.is_some() && marked.change_id == other.change_id {
        Likeness::ChangeId
    } else if marked.subject == other.subject {
        Likeness::Subject
    } else {
        return None;
    };
    Some(Hint { commit: Named::new(commit, &other.subject), ours: false, likeness })
}
