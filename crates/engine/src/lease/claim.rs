//! Claiming the next epoch: immediately if the last one certainly has no holder, otherwise after watching its lease.

use std::rc::Rc;
use std::time::Duration;

use cutover_core::status::wake_command;

use super::holder::{Seen, object, read, seen};
use super::keep::Lease;
use super::{Holder, Identity, LEASE, Life, Machine, STANDSTILL};
use crate::store::{Created, Store, StoreError};

/// The time between two looks at a lease whose holder might be dead.
const LOOK: Duration = Duration::from_secs(3);

/// The conductor that claims the epoch, and its options.
pub struct Claim<'a> {
    /// The machine.
    pub machine: Rc<dyn Machine>,
    /// The number of the last record that was read.
    pub records: u64,
    /// The epoch of the conductor that wrote it. The claimed epoch is higher, even if the lease of that one is lost.
    pub epoch: u64,
    /// The holder that the operator wants to succeed immediately, by name.
    pub take_over: Option<&'a str>,
    /// Tells the operator what is waited for.
    pub say: &'a dyn Fn(&str),
}

/// Why the lease could not be claimed.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another conductor conducts the upgrade.
    #[error("{} conducts this upgrade: {why}", .holder.identity)]
    Held {
        /// The holder.
        holder: Box<Holder>,
        /// How it is known that the holder is at work.
        why: &'static str,
    },
    /// Another conductor holds the lease, and its process, on this machine, is suspended.
    #[error("{} conducts this upgrade, and is suspended: it does nothing until it is woken", .holder.identity)]
    Suspended {
        /// The holder.
        holder: Box<Holder>,
    },
    /// The operator wants to succeed a conductor that is not the holder.
    #[error("{} holds the lease, and not {named}", .holder.identity)]
    OtherHolder {
        /// The actual holder.
        holder: Box<Holder>,
        /// The conductor that the operator named.
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
            Self::Suspended { holder } => format!(
                "nothing was changed. To let it go on, type `fg` in its terminal, or: {}\n\
                 If it is not to go on, add this to your command: --take-over {}",
                wake_command(holder.identity.process),
                holder.identity.name(),
            ),
            Self::OtherHolder { .. } => {
                "nothing was changed; make sure that the holder has ended, and give its name as it is shown above"
                    .to_owned()
            }
        }
    }
}

/// Claims the next epoch, unless a running conductor holds the last one.
///
/// # Errors
/// When the store fails, or another conductor conducts the upgrade.
pub async fn claim(store: &Store, claim: Claim<'_>) -> Result<Lease, LeaseError> {
    loop {
        let last = seen(store).await?;
        match &last {
            Some(last) => wait_until_free(store, last, &claim).await?,
            None => tell_not_needed(&claim),
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

/// Returns once the lease has no holder, or immediately if the operator wants to succeed its holder.
async fn wait_until_free(store: &Store, last: &Seen, claim: &Claim<'_>) -> Result<(), LeaseError> {
    let (holder, machine) = (&last.holder, &*claim.machine);
    let life = holder.identity.life(machine);
    if holder.released || life == Life::Gone {
        tell_not_needed(claim);
        return Ok(());
    }
    if let Some(named) = claim.take_over {
        if !holder.identity.is_named(named) {
            return Err(LeaseError::OtherHolder { holder: Box::new(holder.clone()), named: named.to_owned() });
        }
        (claim.say)(&taken_over(&holder.identity, life));
        return Ok(());
    }
    match life {
        Life::Lives => Err(LeaseError::Held {
            holder: Box::new(holder.clone()),
            why: "its process is on this machine (if it will not go on, kill it)",
        }),
        Life::Suspended => Err(LeaseError::Suspended { holder: Box::new(holder.clone()) }),
        Life::Unknown | Life::Gone => watch_until_it_lapses(store, last, claim).await,
    }
}

/// Tells an operator who wants to succeed a holder that there is none.
fn tell_not_needed(claim: &Claim<'_>) {
    if claim.take_over.is_some() {
        (claim.say)("--take-over was not needed: nobody conducts this upgrade");
    }
}

/// What is known of the holder that is succeeded because the operator wants it.
fn taken_over(holder: &Identity, life: Life) -> String {
    match life {
        Life::Lives => format!(
            "WARNING: {holder} is running on this machine, and is taken over all the same. It stops as soon as it notices \
             this, at its next record or renewal; calls that it has already sent may still take effect"
        ),
        Life::Suspended => format!("{holder} is suspended and is taken over; it stops as soon as it is woken"),
        Life::Unknown | Life::Gone => format!(
            "{holder} is taken over; it cannot be seen from here whether it is still running. If it is, it stops as soon \
             as it notices this, at its next record or renewal"
        ),
    }
}

/// Returns once a lease has not changed for so long that its holder cannot have a write under way any more. Only the
/// clock of this machine is used, not the holder's.
async fn watch_until_it_lapses(store: &Store, last: &Seen, claim: &Claim<'_>) -> Result<(), LeaseError> {
    let Seen { epoch, holder, bytes } = last;
    (claim.say)(&format!(
        "{} holds the lease, and it cannot be seen from here whether it is still running; watching for {} seconds \
         whether it renews the lease (if you know that it has ended, use --take-over {} to continue immediately)",
        holder.identity,
        STANDSTILL.as_secs(),
        holder.identity.name(),
    ));
    let begin = claim.machine.moment();
    while begin.at_least_until(claim.machine.moment()) < STANDSTILL {
        claim.machine.sleep(LOOK).await;
        let now = read(store, *epoch).await?;
        if let Some(now) = now.filter(|now| now.bytes != *bytes && !now.holder.released) {
            return Err(LeaseError::Held { holder: Box::new(now.holder), why: "it has just renewed its lease" });
        }
    }
    Ok(())
}

/// A holder that resumed at the moment of the claim may have renewed its lease, and may not know yet that it was
/// succeeded. It notices at its next renewal. Until its lease has expired, nothing may be done.
pub(super) async fn outlive(store: &Store, last: &Seen, claim: &Claim<'_>) -> Result<(), LeaseError> {
    let now = read(store, last.epoch).await?;
    if now.is_some_and(|now| now.bytes != last.bytes && !now.holder.released) && claim.take_over.is_none() {
        (claim.say)(&format!(
            "{} has just resumed; waiting {} seconds until it has noticed that it was succeeded",
            last.holder.identity,
            LEASE.as_secs()
        ));
        claim.machine.sleep(LEASE).await;
    }
    Ok(())
}
