//! Reading a journal, and checking that no record is missing, changed or illegal.

use cutover_core::digest::Digest;
use cutover_core::journal::{IllegalTransition, RECORD_VERSION, Record, Upgrade, version_1};

use super::JournalError;
use crate::lease;
use crate::store::{Store, StoreError, number_of};

/// The records that were read, with the state that results from them.
#[derive(Debug, Default)]
pub struct Reading {
    /// All records in order.
    pub records: Vec<Record>,
    /// The state that results from them.
    pub upgrade: Upgrade,
    pub(super) last: Option<Digest>,
}

impl Reading {
    /// A reading of records that were only in this process's memory.
    ///
    /// # Errors
    /// When an event is not possible after the ones before.
    pub fn in_memory(records: Vec<Record>) -> Result<Self, IllegalTransition> {
        Ok(Self { upgrade: Upgrade::fold(&records)?, records, last: None })
    }
}

/// Reads an upgrade's journal, and checks that no record is missing, changed or illegal.
///
/// # Errors
/// When the store fails or the journal is inconsistent.
pub async fn read(store: &Store) -> Result<Reading, JournalError> {
    match read_as_far_as_possible(store).await {
        (reading, None) => Ok(reading),
        (_, Some(error)) => Err(error),
    }
}

/// Reads an upgrade's journal up to the first inconsistent record, for commands that only show it: the readable part is
/// most needed when another part is damaged.
pub async fn read_as_far_as_possible(store: &Store) -> (Reading, Option<JournalError>) {
    let mut reading = Reading::default();
    let error = read_all(store, &mut reading).await.err();
    (reading, error)
}

pub(super) async fn read_all(store: &Store, reading: &mut Reading) -> Result<(), JournalError> {
    // Read before the records, because a conductor may be writing more of them at the same time.
    let known = lease::last(store).await?.map_or(0, |(_, holder)| holder.records);
    for name in store.list("journal", |name| number_of(name).is_some()).await? {
        read_on(store, reading, &name).await?;
    }
    let records = reading.records.len() as u64;
    if records < known {
        return Err(JournalError::LostTail { records, known, location: store.location().to_owned() });
    }
    Ok(())
}

pub(super) async fn read_on(store: &Store, reading: &mut Reading, name: &str) -> Result<(), JournalError> {
    let number = reading.records.len() as u64 + 1;
    let (kept, digest) = read_link(store, name, number, reading.last.as_ref()).await?;
    let record = match kept {
        Kept::Today(record) => {
            for event in &record.events {
                reading.upgrade.apply(record.at, event)?;
            }
            record
        }
        Kept::Version1(record) => version_1::replay(&mut reading.upgrade, record)?,
    };
    reading.upgrade.epoch = reading.upgrade.epoch.max(record.epoch);
    reading.last = Some(digest);
    reading.records.push(record);
    Ok(())
}

/// Reads the record called `name`, and checks that it is record `number` and follows the one with the digest
/// `previous`. Returns it with its own digest.
pub(super) async fn read_link(
    store: &Store,
    name: &str,
    number: u64,
    previous: Option<&Digest>,
) -> Result<(Kept, Digest), JournalError> {
    if name != record_name(number) {
        return Err(store.damaged(name, format!("record {number} is missing")).into());
    }
    let bytes = store.read(name).await?.ok_or_else(|| store.damaged(name, "it was removed"))?;
    let kept = parse(store, name, &bytes)?;
    let (found, before) = kept.location();
    if found != number || before.as_ref() != previous {
        let why = "it does not follow the record before it: one of the two was changed";
        return Err(store.damaged(name, why).into());
    }
    Ok((kept, Digest::of(&bytes)))
}

/// A record in the format in which it was written.
pub(super) enum Kept {
    Today(Record),
    Version1(version_1::Record),
}

impl Kept {
    /// The record's number, and the digest of the one before it.
    pub(super) const fn location(&self) -> (u64, &Option<Digest>) {
        match self {
            Self::Today(record) => (record.number, &record.previous),
            Self::Version1(record) => (record.number, &record.previous),
        }
    }

    pub(super) const fn epoch(&self) -> u64 {
        match self {
            Self::Today(record) => record.epoch,
            Self::Version1(record) => record.epoch,
        }
    }
}

pub(super) fn parse(store: &Store, name: &str, bytes: &[u8]) -> Result<Kept, StoreError> {
    #[derive(serde::Deserialize)]
    struct Version {
        version: u32,
    }
    let damaged = |source: serde_json::Error| store.damaged(name, source);
    let version: Version = serde_json::from_slice(bytes).map_err(damaged)?;
    match version.version {
        RECORD_VERSION => serde_json::from_slice(bytes).map(Kept::Today).map_err(damaged),
        version_1::VERSION => serde_json::from_slice(bytes).map(Kept::Version1).map_err(damaged),
        other => {
            let because = format!("its format is version {other}, and this cutover knows those up to {RECORD_VERSION}");
            Err(store.damaged(name, because))
        }
    }
}

pub(super) fn record_name(number: u64) -> String {
    format!("journal/{number:08}.json")
}
