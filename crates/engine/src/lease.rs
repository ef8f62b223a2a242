//! The lease: who conducts an upgrade, where, and until when, so that a second conductor keeps out and a dead one
//! does not look alive. It fences nothing; the order of the journal does.
//!
//! An epoch is claimed by creating its object. Only its holder writes that object again, to renew it. Leases use
//! wall time whatever the upgrade's clock shows.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

use cutover_core::time::later;

use crate::store::{Created, Store, StoreError};

/// How long a lease lasts without being renewed.
pub const LEASE: Duration = Duration::from_secs(30);
/// How often it is renewed.
pub const RENEWAL: Duration = Duration::from_secs(10);

/// The wall clock and the machine, for what must not follow an upgrade's own clock.
#[async_trait(?Send)]
pub trait Machine {
    /// What time it is.
    fn now(&self) -> Timestamp;
    /// Waits.
    async fn sleep(&self, length: Duration);
    /// Whether a process of this machine lives.
    fn lives(&self, process: u32) -> bool;
    /// Text that no other process has.
    fn nonce(&self) -> String;
    /// Who runs this process, on which machine, and which process it is.
    fn identity(&self) -> Identity;
}

/// A conductor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The user's name.
    pub user: String,
    /// The machine's name.
    pub machine: String,
    /// The process on that machine.
    pub process: u32,
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{} (process {})", self.user, self.machine, self.process)
    }
}

/// Who holds an epoch, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The conductor.
    #[serde(flatten)]
    pub identity: Identity,
    /// Until when the lease lasts unless it is renewed.
    pub until: Timestamp,
}

/// A lease that this process holds.
#[derive(Clone, Debug)]
pub struct Lease {
    /// The epoch: higher than that of every conductor before.
    pub epoch: u64,
    identity: Identity,
}

/// Why the lease could not be claimed.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody else conducts the upgrade.
    #[error("{} conducts this upgrade; if that process is gone, its lease ends by itself at {}", .0.identity, .0.until)]
    Held(Holder),
}

/// Claims the next epoch, unless a living conductor holds the last.
///
/// # Errors
/// When the store fails or somebody else conducts the upgrade.
pub async fn claim(store: &Store, machine: &dyn Machine) -> Result<Lease, LeaseError> {
    let identity = machine.identity();
    loop {
        let last = last(store).await?;
        if let Some((_, holder)) = &last
            && is_alive(holder, &identity, machine)
        {
            return Err(LeaseError::Held(holder.clone()));
        }
        let lease = Lease { epoch: last.map_or(1, |(epoch, _)| epoch + 1), identity: identity.clone() };
        let bytes = lease.holder(later(machine.now(), LEASE));
        if store.create(&name(lease.epoch), bytes).await? == Created::New {
            return Ok(lease);
        }
    }
}

/// Who holds the last epoch, or held it.
///
/// # Errors
/// When the store fails or the lease is damaged.
pub async fn last(store: &Store) -> Result<Option<(u64, Holder)>, StoreError> {
    let Some(name) = store.list("lease").await?.pop() else { return Ok(None) };
    let bytes = store.read(&name).await?.ok_or_else(|| store.damaged(&name, "it has gone"))?;
    let holder = serde_json::from_slice(&bytes).map_err(|source| store.damaged(&name, source))?;
    let epoch = name.trim_start_matches("lease/").trim_end_matches(".json").parse();
    Ok(Some((epoch.map_err(|source| store.damaged(&name, source))?, holder)))
}

/// A lease that has not lapsed is alive, unless its process is known to be dead.
#[must_use]
pub fn is_alive(holder: &Holder, here: &Identity, machine: &dyn Machine) -> bool {
    let same_machine = holder.identity.machine == here.machine;
    let dead = same_machine && (holder.identity.process == here.process || !machine.lives(holder.identity.process));
    holder.until > machine.now() && !dead
}

impl Lease {
    /// Renews the lease for ever. Ends only with the store's failure, which the journal will meet as well.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn keep(&self, store: &Store, machine: &dyn Machine) -> Result<std::convert::Infallible, StoreError> {
        loop {
            machine.sleep(RENEWAL).await;
            store.replace(&name(self.epoch), self.holder(later(machine.now(), LEASE))).await?;
        }
    }

    /// Gives the lease up, so that the next conductor need not wait.
    ///
    /// # Errors
    /// When the store fails; the lease then lapses by itself.
    pub async fn release(&self, store: &Store, machine: &dyn Machine) -> Result<(), StoreError> {
        store.replace(&name(self.epoch), self.holder(machine.now())).await
    }

    fn holder(&self, until: Timestamp) -> Vec<u8> {
        let holder = Holder { identity: self.identity.clone(), until };
        serde_json::to_vec(&holder).unwrap_or_default()
    }
}

fn name(epoch: u64) -> String {
    format!("lease/{epoch:08}.json")
}
