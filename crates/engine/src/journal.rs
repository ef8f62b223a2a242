//! The journal's writer and reader: events are on record, in order, before anything follows from them.
//!
//! The order of appends is the fence: record n can be created once, so of two conductors one finds its place
//! taken and stops. Each record names the hash of the one before; a gap or a change is found when it is read.

use std::cell::{Cell, Ref, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use futures_util::lock::Mutex;

use cutover_core::digest::Digest;
use cutover_core::journal::{Event, IllegalTransition, RECORD_VERSION, Record, StepRun, Upgrade, version_1};
use cutover_core::names::StepId;
use cutover_core::progress::{EventNumber, Progress};

use crate::halt::{GONE, SUPERSEDED};
use crate::ledger::Ledger;
use crate::ports::Clock;
use crate::store::{Created, Store, StoreError, number_of};
use crate::{lease, retry};

mod follow;

pub use follow::{read_more, records_from};

/// The journal cannot be read or appended to. The run stops: nothing may happen that is not on record.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another conductor has gone on with this upgrade.
    #[error("another conductor has taken this upgrade over: record {number} is {whose}; `cutover status` shows who")]
    Fenced {
        /// The record that was to be written.
        number: u64,
        /// Whose it is.
        whose: String,
    },
    /// An event cannot follow on what is on record.
    #[error("the journal is inconsistent")]
    Illegal(#[from] IllegalTransition),
    /// The last record that this conductor wrote or read is not there any more.
    #[error("the state of this upgrade is gone from {place}: record {number} of the journal is not there any more")]
    Gone {
        /// The record.
        number: u64,
        /// Where the state was.
        place: String,
    },
    /// The lease tells of records that are not there.
    #[error("the journal in {place} ends at record {records}, and {known} were written: its end is lost")]
    LostTail {
        /// How many records there are.
        records: u64,
        /// How many the lease's holder knew of.
        known: u64,
        /// Where the state is.
        place: String,
    },
    /// An append failed before, so that nothing more is written.
    #[error("the journal could not be written before; nothing more is done")]
    Broken,
}

impl JournalError {
    /// What the operator can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        let hint = match self {
            Self::Store(error) => return error.hint(),
            Self::Fenced { .. } => SUPERSEDED,
            Self::Gone { .. } => GONE,
            Self::LostTail { .. } => {
                "restore the state from a backup that has all records; do not go on without them: nobody can tell what has \
                 happened since the last one that is there"
            }
            Self::Illegal(_) => {
                "the journal was written by another version of cutover, or edited: use the version that wrote it, or \
                 restore the state from a backup; do not delete records"
            }
            Self::Broken => {
                "make sure that the state can be read and written; then run the same command. Everything on record is kept"
            }
        };
        hint.to_owned()
    }
}

/// Records as they were read, with what they lead to.
#[derive(Debug, Default)]
pub struct Reading {
    /// All records in order.
    pub records: Vec<Record>,
    /// What they lead to.
    pub upgrade: Upgrade,
    last: Option<Digest>,
}

impl Reading {
    /// What records lead to that were never away from this process's memory.
    ///
    /// # Errors
    /// When an event cannot follow on the ones before.
    pub fn in_memory(records: Vec<Record>) -> Result<Self, IllegalTransition> {
        Ok(Self { upgrade: Upgrade::fold(&records)?, records, last: None })
    }
}

/// Reads an upgrade's journal, and sees that no record is missing, changed or illegal.
///
/// # Errors
/// When the store fails or the journal does not hold together.
pub async fn read(store: &Store) -> Result<Reading, JournalError> {
    match read_as_far_as_possible(store).await {
        (reading, None) => Ok(reading),
        (_, Some(error)) => Err(error),
    }
}

/// Reads an upgrade's journal up to the first record that does not hold together, for those who only look: what is
/// readable must be seen most of all when something is not.
pub async fn read_as_far_as_possible(store: &Store) -> (Reading, Option<JournalError>) {
    let mut reading = Reading::default();
    let error = read_all(store, &mut reading).await.err();
    (reading, error)
}

async fn read_all(store: &Store, reading: &mut Reading) -> Result<(), JournalError> {
    // Before the records, of which a conductor may be writing more just now.
    let known = lease::last(store).await?.map_or(0, |(_, holder)| holder.records);
    for name in store.list("journal", |name| number_of(name).is_some()).await? {
        read_on(store, reading, &name).await?;
    }
    let records = reading.records.len() as u64;
    if records < known {
        return Err(JournalError::LostTail { records, known, place: store.place().to_owned() });
    }
    Ok(())
}

async fn read_on(store: &Store, reading: &mut Reading, name: &str) -> Result<(), JournalError> {
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
    reading.last = Some(digest);
    reading.records.push(record);
    Ok(())
}

/// Reads the record called `name`, and sees that it is record `number` and follows on the one with the digest `previous`.
/// Returns it with its own digest.
async fn read_link(
    store: &Store,
    name: &str,
    number: u64,
    previous: Option<&Digest>,
) -> Result<(Kept, Digest), JournalError> {
    if name != record_name(number) {
        return Err(store.damaged(name, format!("record {number} is missing")).into());
    }
    let bytes = store.read(name).await?.ok_or_else(|| store.damaged(name, "it has gone"))?;
    let kept = parse(store, name, &bytes)?;
    let (found, before) = kept.place();
    if found != number || before.as_ref() != previous {
        let why = "it does not follow on the record before it: one of the two was changed";
        return Err(store.damaged(name, why).into());
    }
    Ok((kept, Digest::of(&bytes)))
}

/// A record in the format in which it is kept.
enum Kept {
    Today(Record),
    Version1(version_1::Record),
}

impl Kept {
    /// The record's number, and the digest of the one before it.
    const fn place(&self) -> (u64, &Option<Digest>) {
        match self {
            Self::Today(record) => (record.number, &record.previous),
            Self::Version1(record) => (record.number, &record.previous),
        }
    }

    const fn epoch(&self) -> u64 {
        match self {
            Self::Today(record) => record.epoch,
            Self::Version1(record) => record.epoch,
        }
    }
}

fn parse(store: &Store, name: &str, bytes: &[u8]) -> Result<Kept, StoreError> {
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

fn record_name(number: u64) -> String {
    format!("journal/{number:08}.json")
}

/// Hears of everything that is on record, in order, and of what steps wait for. It is called while the journal is being
/// written, so it returns at once: whatever may wait reads a [`Feed`](crate::feed::Feed).
pub type Listener = Rc<dyn Fn(&Progress)>;

/// The journal of an upgrade, open for appending by one conductor.
pub struct Journal {
    ledger: Ledger,
    clock: Rc<dyn Clock>,
    epoch: u64,
    nonce: String,
    listener: Listener,
    upgrade: RefCell<Upgrade>,
    queue: RefCell<Vec<Event>>,
    /// How many events were ever queued.
    queued: Cell<u64>,
    /// How many records there are.
    recorded: Cell<u64>,
    /// What tells those who have written records apart.
    writers: BTreeSet<String>,
    writer: Mutex<Writer>,
}

/// The end of the journal. Whoever holds the lock writes all that is queued.
struct Writer {
    records: u64,
    last: Option<Digest>,
    /// How many of the queued events are on record.
    written: u64,
    broken: bool,
}

impl Journal {
    /// Opens the journal for a conductor that holds lease `epoch` and whose `nonce` no other has.
    #[must_use]
    pub fn open(
        ledger: impl Into<Ledger>,
        reading: Reading,
        clock: Rc<dyn Clock>,
        epoch: u64,
        nonce: String,
        listener: Listener,
    ) -> Self {
        let writer = Writer { records: reading.records.len() as u64, last: reading.last, written: 0, broken: false };
        Self {
            ledger: ledger.into(),
            clock,
            epoch,
            nonce,
            listener,
            upgrade: RefCell::new(reading.upgrade),
            queue: RefCell::default(),
            queued: Cell::new(0),
            recorded: Cell::new(writer.records),
            writers: reading.records.iter().map(|record| record.nonce.clone()).collect(),
            writer: Mutex::new(writer),
        }
    }

    /// What is on record.
    pub fn upgrade(&self) -> Ref<'_, Upgrade> {
        self.upgrade.borrow()
    }

    /// Where a step of the current run is.
    pub(crate) fn step_run(&self, step: &StepId) -> Ref<'_, StepRun> {
        Ref::map(self.upgrade.borrow(), |upgrade| upgrade.step_run(step))
    }

    /// How many records there are.
    pub fn records(&self) -> u64 {
        self.recorded.get()
    }

    /// The lease epoch of the conductor that writes it.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether the conductor with this nonce has written records before this one.
    pub fn knows(&self, nonce: &str) -> bool {
        self.writers.contains(nonce)
    }

    /// What no other writer of this journal has.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// Sees that nobody else has written the next record: then this conductor is still the one.
    ///
    /// # Errors
    /// When somebody has, or that cannot be seen.
    pub async fn check_next_is_free(&self) -> Result<(), JournalError> {
        let Ledger::Stored(store) = &self.ledger else { return Ok(()) };
        // While one of our own is being written, its place is taken by us.
        let writer = self.writer.lock().await;
        if writer.broken {
            return Err(JournalError::Broken);
        }
        let number = writer.records + 1;
        let name = record_name(number);
        match store.read(&name).await? {
            None => Ok(()),
            Some(bytes) => Err(JournalError::Fenced { number, whose: self.whose(store, &name, &bytes) }),
        }
    }

    /// Tells the listener what a step waits for; nothing of that is on record.
    pub fn mention(&self, step: &cutover_core::names::StepId, detail: &str) {
        let at = self.clock.now();
        (self.listener)(&Progress::Waiting { at, step: step.clone(), detail: detail.to_owned() });
    }

    /// Puts an event on record. It is durable when this returns. Events of steps that run side by side share a
    /// record, so that a hundred hosts do not wait a hundred times for the disk.
    ///
    /// # Errors
    /// When it could not be written, or another conductor has taken over; then no later append succeeds either.
    pub async fn append(&self, event: Event) -> Result<(), JournalError> {
        self.queue.borrow_mut().push(event);
        self.queued.set(self.queued.get() + 1);
        let ticket = self.queued.get();
        let mut writer = self.writer.lock().await;
        if writer.written >= ticket {
            return Ok(());
        }
        if writer.broken {
            return Err(JournalError::Broken);
        }
        let events = self.queue.take();
        writer.broken = true;
        self.write(&mut writer, events).await?;
        writer.broken = false;
        Ok(())
    }

    async fn write(&self, writer: &mut Writer, events: Vec<Event>) -> Result<(), JournalError> {
        let number = writer.records + 1;
        let record = Record {
            version: RECORD_VERSION,
            number,
            epoch: self.epoch,
            nonce: self.nonce.clone(),
            previous: writer.last.clone(),
            at: self.clock.now(),
            events,
        };
        // What could not be read back must not come on record: it would end the upgrade's journal for good.
        self.upgrade.borrow().check(record.at, &record.events)?;
        writer.last = match &self.ledger {
            Ledger::Stored(store) => Some(self.keep(store, &record).await?),
            Ledger::InMemory(ledger) => {
                ledger.add(record.clone());
                None
            }
        };
        writer.records = number;
        self.recorded.set(number);
        writer.written += record.events.len() as u64;
        for (event, position) in record.events.into_iter().zip(1..) {
            self.upgrade.borrow_mut().apply(record.at, &event)?;
            let number = EventNumber { record: number, position };
            (self.listener)(&Progress::Recorded { number, at: record.at, event });
        }
        Ok(())
    }

    /// Keeps a record in the store. The digest of its bytes.
    async fn keep(&self, store: &Store, record: &Record) -> Result<Digest, JournalError> {
        let name = record_name(record.number);
        let bytes = serde_json::to_vec(record).map_err(|source| store.damaged(&name, source))?;
        let digest = Digest::of(&bytes);
        if self.create(store, record.number, &bytes).await? == Created::Existed {
            self.recognise(store, &name, record.number, &digest).await?;
        }
        Ok(digest)
    }

    /// Creates a record, again where the store does not say that it has: the same bytes in the same place are this very
    /// record, whichever of the attempts has put them there.
    async fn create(&self, store: &Store, number: u64, bytes: &[u8]) -> Result<Created, JournalError> {
        let mut made = 1;
        loop {
            let failed = match create_once(store, number, bytes).await {
                Err(JournalError::Store(failed)) => failed,
                end => return end,
            };
            let Some(wait) = retry::RECORD.wait(made) else { return Err(failed.into()) };
            store.warn(&format!("record {number} of the journal could not be written; trying again ({failed})"));
            self.clock.sleep(wait).await;
            made += 1;
        }
    }

    /// The place was taken: by this very record when an answer was lost on the way, or by another conductor.
    async fn recognise(&self, store: &Store, name: &str, number: u64, digest: &Digest) -> Result<(), JournalError> {
        let bytes = store.read(name).await?.ok_or_else(|| store.damaged(name, "it has gone"))?;
        if Digest::of(&bytes) == *digest {
            return Ok(());
        }
        Err(JournalError::Fenced { number, whose: self.whose(store, name, &bytes) })
    }

    fn whose(&self, store: &Store, name: &str, bytes: &[u8]) -> String {
        match parse(store, name, bytes) {
            Ok(other) => format!("by conductor {}, and this is conductor {}", other.epoch(), self.epoch),
            Err(_) => "not readable".to_owned(),
        }
    }
}

/// A record is written only beside the one before it: in a folder that somebody has removed it would be the first of a
/// journal that nobody can read.
async fn create_once(store: &Store, number: u64, bytes: &[u8]) -> Result<Created, JournalError> {
    let before = number - 1;
    if before > 0 && !store.exists(&record_name(before)).await? {
        return Err(JournalError::Gone { number: before, place: store.place().to_owned() });
    }
    Ok(store.create(&record_name(number), bytes.to_vec()).await?)
}

#[cfg(test)]
mod tests;
