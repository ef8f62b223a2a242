//! Patches that upstream has withdrawn are not ours by themselves: somebody decides whether they are kept.

use super::explanations::{Explanation, Explanations};
use crate::error::Result;
use crate::ledger::{Account, Entry, How};
use crate::releases::Conventions;
use crate::repository::Repository;
use crate::stack::Stack;
use crate::withdrawn::{self, Kept};

/// Replaces the accounts of withdrawn patches that are still in the new stack by the decision to keep them. Where there is none,
/// the patch is unexplained. A decision that a ledger of the old stack has holds.
pub(super) fn apply(
    repository: &Repository,
    conventions: &Conventions,
    old: &Stack,
    entries: &mut [Entry],
    explained: &Explanations,
) -> Result<()> {
    for (patch, kept) in withdrawn::all_of_stack(repository, conventions, old)? {
        let Some(entry) = entries.iter_mut().find(|entry| entry.patch.commit == patch.commit) else { continue };
        let now = explained.get(&patch.commit);
        if let Some(account) = decided(&entry.account, &patch.known_from, kept.as_ref(), now) {
            entry.account = account;
        }
    }
    Ok(())
}

/// The account of a withdrawn patch; none if it stays as it is, because the patch is not in the new stack, or only a change of it
/// is to be explained. `kept` is the decision that holds, `now` what the operator says.
fn decided(account: &Account, known_from: &str, kept: Option<&Kept>, now: Option<&Explanation>) -> Option<Account> {
    let (commit, how, interdiff) = match account {
        Account::Kept { now } => (now, None, String::new()),
        Account::Changed { now, how, interdiff } => (now, Some(how), interdiff.clone()),
        // Both are named, so that one explanation is about both.
        Account::Unexplained { what, now: Some(now), interdiff } if kept.is_none() => {
            let what = format!("{}; and {what}", undecided(known_from));
            return Some(Account::Unexplained { what, now: Some(now.clone()), interdiff: interdiff.clone() });
        }
        _ => return None,
    };
    let said = now.map(|Explanation { because, by }| Kept { because: because.clone(), by: by.clone() });
    let is_of_the_change = matches!(how, Some(How::Explained(_)));
    let decision = if is_of_the_change { kept.cloned().or(said) } else { said.or_else(|| kept.cloned()) };
    Some(match decision {
        Some(Kept { because, by }) => Account::Adopted {
            now: commit.clone(),
            known_from: known_from.to_owned(),
            because,
            by,
            how: how.cloned(),
            interdiff,
        },
        None => Account::Unexplained { what: undecided(known_from), now: Some(commit.clone()), interdiff },
    })
}

fn undecided(known_from: &str) -> String {
    format!(
        "it is not ours: {known_from}, and upstream has withdrawn it. Explain why it is kept, or leave it out of the rebase"
    )
}
