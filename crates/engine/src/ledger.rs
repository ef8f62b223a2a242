//! Where a journal's records are kept: in a store, as bytes chained by digests, or in this process's memory, as values.

use std::cell::{Ref, RefCell};
use std::rc::Rc;

use cutover_core::journal::Record;

use crate::store::Store;

/// Where a journal's records are kept.
#[derive(Clone)]
pub enum Ledger {
    /// In a store, where they outlive this process. Each one contains the digest of the one before.
    Stored(Store),
    /// In memory. No other process can write there and nothing can damage them, so there are no digests.
    InMemory(Rc<InMemory>),
}

/// Records in memory, with a watcher that sees each one.
pub struct InMemory {
    records: RefCell<Vec<Record>>,
    watcher: Box<dyn Fn(&Record)>,
}

impl InMemory {
    /// A ledger that starts with `records`. `watcher` is called with every record that is added later, before anything
    /// is done because of it.
    #[must_use]
    pub fn new(records: Vec<Record>, watcher: impl Fn(&Record) + 'static) -> Rc<Self> {
        Rc::new(Self { records: RefCell::new(records), watcher: Box::new(watcher) })
    }

    /// All records so far, in order.
    pub fn records(&self) -> Ref<'_, Vec<Record>> {
        self.records.borrow()
    }

    /// Takes all records out, when no more will be written.
    pub fn take_records(&self) -> Vec<Record> {
        self.records.take()
    }

    pub(crate) fn add(&self, record: Record) {
        (self.watcher)(&record);
        self.records.borrow_mut().push(record);
    }
}

impl From<Store> for Ledger {
    fn from(store: Store) -> Self {
        Self::Stored(store)
    }
}

impl From<Rc<InMemory>> for Ledger {
    fn from(ledger: Rc<InMemory>) -> Self {
        Self::InMemory(ledger)
    }
}
