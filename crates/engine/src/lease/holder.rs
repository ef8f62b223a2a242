//! The holder of a lease, according to the lease's object in the store.

use std::time::Duration;

use cutover_core::status::ConductorState;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Identity, Life, Machine};
use crate::store::{Store, StoreError, number_of};

/// How long a lease lasts without being renewed.
pub const LEASE: Duration = Duration::from_secs(90);
/// How often it is renewed.
pub const RENEWAL: Duration = Duration::from_secs(15);
/// The time limit of one attempt of a write. An attempt is started only while the lease will last longer than this.
pub const ATTEMPT: Duration = Duration::from_secs(20);
/// How long a lease must stay unchanged before a successor on another machine assumes that its holder is dead. By then,
/// any attempt that the holder started at the last moment has ended.
pub const STANDSTILL: Duration = Duration::from_secs(LEASE.as_secs() + ATTEMPT.as_secs());

/// The conductor that holds an epoch, or held it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The conductor.
    #[serde(flatten)]
    pub identity: Identity,
    /// When the lease expires unless it is renewed, by the holder's own clock.
    pub until: Timestamp,
    /// How often it was renewed.
    #[serde(default)]
    pub renewals: u64,
    /// The number of the last record that the holder knew of. The journal has at least as many.
    #[serde(default)]
    pub records: u64,
    /// Whether the holder was asked to stop, and waits for the steps that are under way.
    #[serde(default)]
    pub stopping: bool,
    /// Whether the holder has released the lease.
    #[serde(default)]
    pub released: bool,
}

impl Holder {
    /// The holder of a lease that cannot be read. Nothing is known about it, and it may still be running.
    fn unknown() -> Self {
        let identity = Identity { user: "unknown".to_owned(), machine: "unknown".to_owned(), process: 0, origin: None };
        Self { identity, until: Timestamp::MAX, renewals: 0, records: 0, stopping: false, released: false }
    }

    /// What the holder seems to do, for commands that only show the state.
    #[must_use]
    pub fn state(&self, machine: &dyn Machine) -> ConductorState {
        let life = if self.released { Life::Gone } else { self.identity.life(machine) };
        let at_work = if self.stopping { ConductorState::Stopping } else { ConductorState::AtWork };
        match life {
            Life::Lives => at_work,
            Life::Suspended => ConductorState::Suspended { process: self.identity.process, name: self.identity.name() },
            Life::Gone => ConductorState::Gone,
            Life::Unknown if self.until == Timestamp::MAX => ConductorState::Unknown,
            // This is only a hint, because the clocks of two machines may differ.
            Life::Unknown if self.until > machine.now() => at_work,
            Life::Unknown => ConductorState::Gone,
        }
    }
}

/// The conductor that holds the last epoch, or held it.
///
/// # Errors
/// When the store fails.
pub async fn last(store: &Store) -> Result<Option<(u64, Holder)>, StoreError> {
    Ok(seen(store).await?.map(|seen| (seen.epoch, seen.holder)))
}

/// The last lease as it was read.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) epoch: u64,
    pub(super) holder: Holder,
    pub(super) bytes: bytes::Bytes,
}

pub(super) async fn seen(store: &Store) -> Result<Option<Seen>, StoreError> {
    let Some(name) = store.list("lease", |name| number_of(name).is_some()).await?.pop() else { return Ok(None) };
    let epoch = name.strip_prefix("lease/").and_then(number_of).unwrap_or_default();
    Ok(Some(read(store, epoch).await?.ok_or_else(|| store.damaged(&name, "it was removed"))?))
}

pub(super) async fn read(store: &Store, epoch: u64) -> Result<Option<Seen>, StoreError> {
    let name = object(epoch);
    let bytes = store.read(&name).await?;
    Ok(bytes.map(|bytes| {
        let holder = serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            store.warn(&format!(
                "{name} in {} cannot be read ({error}): it is not known who holds it, or if the journal's end is lost",
                store.location()
            ));
            Holder::unknown()
        });
        Seen { epoch, holder, bytes }
    }))
}

pub(super) fn object(epoch: u64) -> String {
    format!("lease/{epoch:08}.json")
}
