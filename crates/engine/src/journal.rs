//! The journal's writer and reader: events are on record, in order, before anything follows from them.
//!
//! The order of appends is the fence: record n can be created once, so of two conductors one finds its place
//! taken and stops. Each record names the hash of the one before; a gap or a change is found when it is read.

use std::cell::{Cell, Ref, RefCell};
use std::rc::Rc;
use std::time::Duration;

use futures_util::lock::Mutex;

use cutover_core::digest::Digest;
use cutover_core::journal::{Event, IllegalTransition, RECORD_VERSION, Record, Upgrade};
use cutover_core::progress::Progress;

use crate::ports::Clock;
use crate::store::{Created, Store, StoreError};

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
    #[error("the journal does not hold together")]
    Illegal(#[from] IllegalTransition),
    /// An append failed before, so that nothing more is written.
    #[error("the journal could not be written before; nothing more is done")]
    Broken,
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
    let names = match store.list("journal").await {
        Ok(names) => names,
        Err(error) => return (reading, Some(error.into())),
    };
    for name in names {
        if let Err(error) = read_on(store, &mut reading, &name).await {
            return (reading, Some(error));
        }
    }
    (reading, None)
}

async fn read_on(store: &Store, reading: &mut Reading, name: &str) -> Result<(), JournalError> {
    let number = reading.records.len() as u64 + 1;
    if name != record_name(number) {
        return Err(store.damaged(name, format!("record {number} is missing")).into());
    }
    let bytes = store.read(name).await?.ok_or_else(|| store.damaged(name, "it has gone"))?;
    let record = parse(store, name, &bytes)?;
    if record.number != number || record.previous != reading.last {
        return Err(store.damaged(name, "it does not follow on the record before it").into());
    }
    for event in &record.events {
        reading.upgrade.apply(record.at, event)?;
    }
    reading.last = Some(Digest::of(&bytes));
    reading.records.push(record);
    Ok(())
}

fn parse(store: &Store, name: &str, bytes: &[u8]) -> Result<Record, StoreError> {
    #[derive(serde::Deserialize)]
    struct Version {
        version: u32,
    }
    let version: Version = serde_json::from_slice(bytes).map_err(|source| store.damaged(name, source))?;
    if version.version != RECORD_VERSION {
        let because = format!("its format is version {}, and this cutover knows {RECORD_VERSION}", version.version);
        return Err(store.damaged(name, because));
    }
    serde_json::from_slice(bytes).map_err(|source| store.damaged(name, source))
}

/// How often one record is written when the store fails.
const ATTEMPTS: u32 = 4;
/// The wait before the second attempt; it grows by as much with each. A bucket is out of reach for seconds now and then.
const PAUSE: Duration = Duration::from_secs(2);

fn record_name(number: u64) -> String {
    format!("journal/{number:08}.json")
}

/// Hears of everything that is on record, in order, and of what steps wait for.
pub type Listener = Rc<dyn Fn(&Progress)>;

/// The journal of an upgrade, open for appending by one conductor.
pub struct Journal {
    store: Store,
    clock: Rc<dyn Clock>,
    epoch: u64,
    nonce: String,
    listener: Listener,
    upgrade: RefCell<Upgrade>,
    queue: RefCell<Vec<Event>>,
    /// How many events were ever queued.
    queued: Cell<u64>,
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
        store: Store,
        reading: Reading,
        clock: Rc<dyn Clock>,
        epoch: u64,
        nonce: String,
        listener: Listener,
    ) -> Self {
        let writer = Writer { records: reading.records.len() as u64, last: reading.last, written: 0, broken: false };
        Self {
            store,
            clock,
            epoch,
            nonce,
            listener,
            upgrade: RefCell::new(reading.upgrade),
            queue: RefCell::default(),
            queued: Cell::new(0),
            writer: Mutex::new(writer),
        }
    }

    /// What is on record.
    pub fn upgrade(&self) -> Ref<'_, Upgrade> {
        self.upgrade.borrow()
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
        let name = record_name(number);
        let bytes = serde_json::to_vec(&record).map_err(|source| self.store.damaged(&name, source))?;
        let digest = Digest::of(&bytes);
        if self.create(&name, &bytes).await? == Created::Existed {
            self.recognise(&name, number, &digest).await?;
        }
        writer.records = number;
        writer.last = Some(digest);
        writer.written += record.events.len() as u64;
        for event in record.events {
            self.upgrade.borrow_mut().apply(record.at, &event)?;
            (self.listener)(&Progress::Recorded { at: record.at, event });
        }
        Ok(())
    }

    /// Creates a record, again where the store does not say that it has: the same bytes in the same place are this very
    /// record, whichever of the attempts has put them there.
    async fn create(&self, name: &str, bytes: &[u8]) -> Result<Created, StoreError> {
        let mut attempt = 1;
        loop {
            match self.store.create(name, bytes.to_vec()).await {
                Err(_) if attempt < ATTEMPTS => {
                    self.clock.sleep(PAUSE * attempt).await;
                    attempt += 1;
                }
                end => return end,
            }
        }
    }

    /// The place was taken: by this very record when an answer was lost on the way, or by another conductor.
    async fn recognise(&self, name: &str, number: u64, digest: &Digest) -> Result<(), JournalError> {
        let bytes = self.store.read(name).await?.ok_or_else(|| self.store.damaged(name, "it has gone"))?;
        if Digest::of(&bytes) == *digest {
            return Ok(());
        }
        let whose = match parse(&self.store, name, &bytes) {
            Ok(other) => format!("of epoch {}, and this conductor's is {}", other.epoch, self.epoch),
            Err(_) => "not readable".to_owned(),
        };
        Err(JournalError::Fenced { number, whose })
    }
}

#[cfg(test)]
mod tests;
