//! The journal of an upgrade, open for appending by one conductor.

use std::cell::{Cell, Ref, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use futures_util::lock::Mutex;

use cutover_core::digest::Digest;
use cutover_core::journal::{Event, RECORD_VERSION, Record, StepRun, Upgrade};
use cutover_core::names::StepId;
use cutover_core::progress::{EventNumber, Progress};

use super::reading::{parse, record_name};
use super::{JournalError, Reading};
use crate::ledger::Ledger;
use crate::ports::Clock;
use crate::retry;
use crate::store::{Created, Store};

/// A callback for every event that was recorded, in order, and for what steps wait for. It is called while the journal
/// is being written, so it must return immediately. Code that may wait reads a [`Feed`](crate::feed::Feed) instead.
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
    /// The nonces of all conductors that have written records.
    writers: BTreeSet<String>,
    pub(super) writer: Mutex<Writer>,
}

/// The end of the journal. The task that holds the lock writes all queued events.
pub(super) struct Writer {
    records: u64,
    last: Option<Digest>,
    /// How many of the queued events are on record.
    written: u64,
    broken: bool,
}

impl Journal {
    /// Opens the journal for the conductor that holds lease `epoch`. Its `nonce` must be unique.
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

    /// The state according to the journal.
    pub fn upgrade(&self) -> Ref<'_, Upgrade> {
        self.upgrade.borrow()
    }

    /// The state of a step in the current run.
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

    /// The nonce of this conductor, which no other writer of this journal has.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// Checks that no other conductor has written the next record, which would mean that this one was superseded.
    ///
    /// # Errors
    /// When another conductor has written it, or when this cannot be checked.
    pub async fn check_next_is_free(&self) -> Result<(), JournalError> {
        let Ledger::Stored(store) = &self.ledger else { return Ok(()) };
        // The lock excludes that a record of this conductor is being written at the same time.
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

    /// Tells the listener what a step waits for. This is not recorded.
    pub fn mention(&self, step: &cutover_core::names::StepId, detail: &str) {
        let at = self.clock.now();
        (self.listener)(&Progress::Waiting { at, step: step.clone(), detail: detail.to_owned() });
    }

    /// Records an event. It is durable when this returns. Events of steps that run at the same time share a record, so
    /// that a hundred hosts do not wait a hundred times for the disk.
    ///
    /// # Errors
    /// When it could not be written, or another conductor has taken over. After that, every later append fails as well.
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
        // An event that could not be read back must not be recorded: it would make the upgrade's journal unreadable.
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
        self.upgrade.borrow_mut().epoch = self.epoch;
        for (event, position) in record.events.into_iter().zip(1..) {
            self.upgrade.borrow_mut().apply(record.at, &event)?;
            let number = EventNumber { record: number, position };
            (self.listener)(&Progress::Recorded { number, at: record.at, event });
        }
        Ok(())
    }

    /// Writes a record to the store, and returns the digest of its bytes.
    async fn keep(&self, store: &Store, record: &Record) -> Result<Digest, JournalError> {
        let name = record_name(record.number);
        let bytes = serde_json::to_vec(record).map_err(|source| store.damaged(&name, source))?;
        let digest = Digest::of(&bytes);
        if self.create(store, record.number, &bytes).await? == Created::Existed {
            self.recognise(store, &name, record.number, &digest).await?;
        }
        Ok(digest)
    }

    /// Creates a record, and repeats that if the store does not confirm it. An object of the same name with the same
    /// bytes is this record, whichever of the attempts created it.
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

    /// An object of this name exists: it is this record, if an earlier answer was lost, or that of another conductor.
    async fn recognise(&self, store: &Store, name: &str, number: u64, digest: &Digest) -> Result<(), JournalError> {
        let bytes = store.read(name).await?.ok_or_else(|| store.damaged(name, "it was removed"))?;
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

/// A record is written only if the one before it exists. Otherwise, if the state was removed, it would become the first
/// record of an unreadable journal.
async fn create_once(store: &Store, number: u64, bytes: &[u8]) -> Result<Created, JournalError> {
    let before = number - 1;
    if before > 0 && !store.exists(&record_name(before)).await? {
        return Err(JournalError::Gone { number: before, location: store.location().to_owned() });
    }
    Ok(store.create(&record_name(number), bytes.to_vec()).await?)
}
