//! Makes the ledger: holds the new stack against the old one, patch by patch, without trusting how it was made.
//!
//! Patches are paired first (`pair`); then each pair is judged by what git itself makes of the old patch in the new
//! place (`judge`), and each old patch that has no pair by whether anything of it is missing. Only what somebody said
//! in words is taken on trust, and is recorded under that name.

mod explanations;
mod interdiff;
mod judge;
mod merges;
mod pair;
mod sides;
#[cfg(test)]
mod tests;

use crate::error::Result;
use crate::ledger::{self, Ledger, Named, Side};
use crate::replay::Engine;
use crate::repository::{Repository, Revision};
use crate::stack::{Base, Patch, Stack};

/// What is to be verified.
#[derive(Clone, Debug)]
pub struct Request {
    /// Our branch, without `refs/heads/`: `mitx/koa`.
    pub branch: String,
    /// The stack as it was; none for that of the rebase that is under way for the branch.
    pub old: Option<(Revision, Base)>,
    /// The stack as it is; none for the result of that rebase.
    pub new: Option<(Revision, Base)>,
    /// Patches of the old stack by their (abbreviated) ids, and in words why they are left out or otherwise than git would
    /// have them.
    pub explained: Vec<(String, String)>,
}

/// Accounts for every patch of the old stack, and writes the ledger when it is complete. One that is not is given back and
/// not written. `progress` hears how many patches are accounted for, of how many.
///
/// # Errors
/// When no rebase that came to its end is under way and no stacks were given, a stack does not stand on its base, the new
/// one has merges that hold changes of their own, an explanation is about no patch, or git breaks off.
pub fn verify(
    repository: &Repository,
    request: &Request,
    at: jiff::Timestamp,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Ledger> {
    let by = ledger::operator(repository)?;
    let sides = sides::of(repository, request)?;
    let (old, new) = (&sides.old, &sides.new);
    let explained = explanations::of(&sides, &request.explained, &by)?;
    let pairs = pair::pair(repository, old, new)?;
    let mut engine = Engine::open(repository, &new.base.commit)?;
    let mut entries = judge::judge(repository, &mut engine, old, new, &pairs, &explained, progress)?;
    entries.extend(merges::accounts(repository, &mut engine, old, &explained)?);
    let added = new.patches.iter().enumerate().filter(|(place, _)| !pairs.values().any(|paired| paired == place));
    let ledger = Ledger {
        version: ledger::VERSION,
        branch: request.branch.clone(),
        old: side(old),
        new: side(new),
        entries,
        added: added.map(|(_, patch)| named(patch)).collect(),
        by,
        at: at.to_string(),
        published: None,
    };
    if ledger.is_complete() {
        ledger.write(repository)?;
    }
    Ok(ledger)
}

fn side(stack: &Stack) -> Side {
    let Base { commit, found } = stack.base.clone();
    Side { head: stack.branch.commit.clone(), base: commit, base_name: found }
}

fn named(patch: &Patch) -> Named {
    Named { commit: patch.commit.clone(), subject: patch.subject.clone() }
}
