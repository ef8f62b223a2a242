//! Claiming the next epoch: at once where nobody can hold the last, after watching it where somebody might.

use std::rc::Rc;
use std::time::Duration;

use super::holder::{Seen, object, read, seen};
use super::keep::Lease;
use super::{Holder, LEASE, Life, Machine, Moment, STANDSTILL};
use crate::store::{Created, Store, StoreError};

/// How often a lease that might be dead is looked at.
const LOOK: Duration = Duration::from_secs(3);

/// Who claims, and how.
pub struct Claim<'a> {
    /// The machine.
    pub machine: Rc<dyn Machine>,
    /// The number of the last record that was read.
    pub records: u64,
    /// The epoch of the conductor that wrote it: the next one's is higher, also where its lease is lost.
    pub epoch: u64,
    /// Whom the operator wants to succeed at once, by name.
    pub take_over: Option<&'a str>,
    /// Says to the operator what is waited for.
    pub say: &'a dyn Fn(&str),
}

/// Why the lease could not be claimed.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody else conducts the upgrade.
    #[error("{} conducts this upgrade: {why}", .holder.identity)]
    Held {
        /// Who.
        holder: Box<Holder>,
        /// How that is known.
        why: &'static str,
    },
    /// The operator wants to succeed somebody who is not the holder.
    #[error("{} holds the lease, and not {named}", .holder.identity)]
    OtherHolder {
        /// Who does.
        holder: Box<Holder>,
        /// Whom the operator named.
        named: String,
    },
}

impl LeaseError {
    /// What the operator can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Store(error) => error.hint(),
            Self::Held { .. } => {
                "`cutover status` shows what that conductor is doing; nothing was changed from here".to_owned()
            }
            Self::OtherHolder { .. } => {
                "nothing was changed; make sure that the holder is dead, and give its name as it is shown above"
                    .to_owned()
            }
        }
    }
}

/// Claims the next epoch, unless a living conductor holds the last.
///
/// # Errors
/// When the store fails or somebody else conducts the upgrade.
pub async fn claim(store: &Store, claim: Claim<'_>) -> Result<Lease, LeaseError> {
    loop {
        let last = seen(store).await?;
        if let Some(last) = &last {
            wait_until_free(store, last, &claim).await?;
        }
        let epoch = last.as_ref().map_or(0, |last| last.epoch).max(claim.epoch) + 1;
        let lease = Lease::new(store.clone(), Rc::clone(&claim.machine), epoch);
        if store.create(&object(epoch), lease.bytes(claim.records)).await? == Created::Existed {
            continue;
        }
        if let Some(last) = last {
            outlive(store, &last, &claim).await?;
        }
        return Ok(lease);
    }
}

/// Returns once nobody holds the lease, or the operator wants its holder succeeded at once.
async fn wait_until_free(store: &Store, last: &Seen, claim: &Claim<'_>) -> Result<(), LeaseError> {
    let (holder, machine) = (&last.holder, &*claim.machine);
    let life = holder.identity.life(machine);
    if holder.released || life == Life::Gone {
        return Ok(());
    }
    if let Some(named) = claim.take_over {
        return match holder.identity.is_named(named) {
            true => Ok(()),
            false => Err(LeaseError::OtherHolder { holder: Box::new(holder.clone()), named: named.to_owned() }),
        };
    }
    match life {
        Life::Lives => Err(LeaseError::Held {
            holder: Box::new(holder.clone()),
            why: "its process is on this machine (if it will not go on, kill it)",
        }),
        _ => watch_until_it_lapses(store, last, claim).await,
    }
}

/// Returns once a lease has not changed for as long as it may take until its holder can have no write under way. The
/// holder's clock says nothing: only this machine's is read.
async fn watch_until_it_lapses(store: &Store, last: &Seen, claim: &Claim<'_>) -> Result<(), LeaseError> {
    let Seen { epoch, holder, bytes } = last;
    (claim.say)(&format!(
        "{} holds the lease, and whether it lives cannot be seen from here; watching for {} seconds whether it renews it \
         (to go on at once, if you know that it is dead: --take-over {}@{})",
        holder.identity,
        STANDSTILL.as_secs(),
        holder.identity.user,
        holder.identity.machine,
    ));
    let begin = Moment::now(&*claim.machine);
    while begin.certainly(&*claim.machine) < STANDSTILL {
        claim.machine.sleep(LOOK).await;
        let now = read(store, *epoch).await?;
        if let Some(now) = now.filter(|now| now.bytes != *bytes && !now.holder.released) {
            return Err(LeaseError::Held { holder: Box::new(now.holder), why: "it has just renewed its lease" });
        }
    }
    Ok(())
}

/// A holder that came back at the very moment in which its lease was claimed has renewed it, and does not know yet that it
/// was succeeded. Its next renewal shows it; until its lease has lapsed, nothing may be done.
pub(super) async fn outlive(store: &Store, last: &Seen, claim: &Claim<'_>) -> Result<(), LeaseError> {
    let now = read(store, last.epoch).await?;
    if now.is_some_and(|now| now.bytes != last.bytes && !now.holder.released) && claim.take_over.is_none() {
        (claim.say)(&format!(
            "{} has come back at this very moment; waiting {} seconds until it has noticed that it was succeeded",
            last.holder.identity,
            LEASE.as_secs()
        ));
        claim.machine.sleep(LEASE).await;
    }
    Ok(())
}
