//! Patches that upstream has withdrawn are not ours by themselves: somebody decides whether they are kept.

use std::collections::BTreeMap;

use super::explanations::{Explanation, Explanations};
use crate::error::Result;
use crate::ledger::{Account, Entry, Ledger};
use crate::names::ObjectId;
use crate::releases::Conventions;
use crate::repository::Repository;
use crate::stack::Stack;
use crate::withdrawn;

/// Replaces the accounts of withdrawn patches that are still in the new stack by the decision to keep them. Where there is none,
/// the patch is unexplained. A decision that the ledger of the old stack has holds.
pub(super) fn apply(
    repository: &Repository,
    conventions: &Conventions,
    old: &Stack,
    entries: &mut [Entry],
    explained: &Explanations,
) -> Result<()> {
    let withdrawn = withdrawn::of_stack(repository, conventions, old)?;
    if withdrawn.is_empty() {
        return Ok(());
    }
    let earlier = earlier(repository, old)?;
    for patch in withdrawn {
        let Some(entry) = entries.iter_mut().find(|entry| entry.patch.commit == patch.commit) else { continue };
        let decision = explained.get(&patch.commit).or_else(|| earlier.get(&patch.commit));
        if let Some(account) = decided(&entry.account, &patch.known_from, decision) {
            entry.account = account;
        }
    }
    Ok(())
}

/// The account of a withdrawn patch; none if it stays as it is, because the patch is not in the new stack.
fn decided(account: &Account, known_from: &str, decision: Option<&Explanation>) -> Option<Account> {
    let (now, interdiff) = match account {
        Account::Kept { now } => (now.clone(), String::new()),
        Account::Changed { now, interdiff, .. } => (now.clone(), interdiff.clone()),
        _ => return None,
    };
    Some(match decision {
        Some(Explanation { because, by }) => Account::Adopted {
            now,
            known_from: known_from.to_owned(),
            because: because.clone(),
            by: by.clone(),
            interdiff,
        },
        None => Account::Unexplained {
            what: format!(
                "it is not ours: {known_from}, and upstream has withdrawn it. Explain why it is kept, or rebase again and \
                 leave it out with --skip"
            ),
            now: Some(now),
            interdiff,
        },
    })
}

/// The decisions that were made when the old stack was verified.
fn earlier(repository: &Repository, old: &Stack) -> Result<BTreeMap<ObjectId, Explanation>> {
    let entries = Ledger::read(repository, &old.branch.commit)?.map(|ledger| ledger.entries).unwrap_or_default();
    let decisions = entries.into_iter().filter_map(|entry| match entry.account {
        Account::Adopted { now, because, by, .. } => Some((now, Explanation { because, by })),
        _ => None,
    });
    Ok(decisions.collect())
}
