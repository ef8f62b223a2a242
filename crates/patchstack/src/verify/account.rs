//! Accounts for every patch of the old stack, and writes the ledger when it is complete.

use super::{Request, decisions, explanations, hints, judge, merges, pair, sides};
use crate::error::Result;
use crate::ledger::{self, Ledger, Named, Side};
use crate::left_behind::{self, left_behind};
use crate::replay::Engine;
use crate::repository::Repository;
use crate::stack::{Base, Stack};

/// Accounts for every patch of the old stack, and writes the ledger when it is complete. An incomplete one is returned
/// and not written. `progress` hears how many patches are accounted for, of how many.
///
/// # Errors
/// When there is no finished rebase and no stacks were given, a stack is not based on its base, the new base lacks
/// commits of the old one and nobody has asked for that, the new one has merges with changes of their own, an explanation is about no patch, or git fails.
pub fn verify(
    repository: &Repository,
    request: &Request,
    at: jiff::Timestamp,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Ledger> {
    let by = ledger::operator(repository)?;
    let sides = sides::of(repository, request)?;
    let (old, new) = (&sides.old, &sides.new);
    let left_behind = left_behind(repository, &old.base.commit, &new.base.commit)?;
    let backwards = request.backwards || sides.rebase.as_ref().is_some_and(|rebase| rebase.backwards);
    let onto = new.base.found.strip_prefix("is ").unwrap_or(&new.base.found);
    let leaves = request.conventions.left(&old.base.found, onto);
    left_behind::refuse(&left_behind, &old.branch.name, onto, leaves.as_ref(), backwards)?;
    let explained = explanations::of(&sides, &request.explained, &by)?;
    let pairs = pair::pair(repository, old, new)?;
    let mut engine = Engine::open(repository, &new.base.commit)?;
    let mut entries = judge::judge(repository, &mut engine, old, new, &pairs, &explained, progress)?;
    entries.extend(merges::accounts(repository, &mut engine, old, &explained)?);
    let added = new.patches.iter().enumerate().filter(|(index, _)| !pairs.values().any(|paired| paired == index));
    decisions::apply(repository, &request.conventions, old, &mut entries, &explained)?;
    hints::add(repository, old, new, &mut entries)?;
    let mut ledger = Ledger {
        version: ledger::VERSION,
        branch: request.branch.clone(),
        old: side(old),
        new: side(new),
        entries,
        added: added.map(|(_, patch)| Named::new(&patch.commit, &patch.subject)).collect(),
        left_behind,
        by,
        at: at.to_string(),
        published: None,
    };
    if ledger.is_complete() {
        keep(repository, &mut ledger)?;
    }
    Ok(ledger)
}

/// Writes a complete ledger, with who published the head if an earlier ledger of the same stacks says so. A head that is only compared
/// with itself keeps the ledger that says what it replaced.
fn keep(repository: &Repository, ledger: &mut Ledger) -> Result<()> {
    let heads = |ledger: &Ledger| (ledger.branch.clone(), ledger.old.head.clone(), ledger.new.head.clone());
    // One that cannot be read is replaced.
    let earlier = Ledger::read(repository, &ledger.new.head).ok().flatten();
    if let Some(earlier) = earlier.filter(|earlier| earlier.is_complete() && earlier.branch == ledger.branch) {
        let is_with_itself = ledger.old.head == ledger.new.head;
        if is_with_itself && earlier.old.head != earlier.new.head {
            return Ok(());
        }
        if heads(&earlier) == heads(ledger) {
            ledger.published = earlier.published;
        }
    }
    ledger.write(repository)
}

fn side(stack: &Stack) -> Side {
    let Base { commit, found } = stack.base.clone();
    Side { head: stack.branch.commit.clone(), base: commit, base_name: found }
}
