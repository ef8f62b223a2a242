//! Where a journal's records go: into a store, as bytes chained by digests, or into this process's memory, as they are.

use std::cell::{Ref, RefCell};
use std::rc::Rc;

use cutover_core::journal::Record;

use crate::store::Store;

/// Where a journal's records go.
#[derive(Clone)]
pub enum Ledger {
    /// Into a store, where they outlive this process. Each is bound to the one before by its digest.
    Stored(Store),
    /// Into memory. Nobody else can write there, and nothing can damage them: there are no digests.
    InMemory(Rc<InMemory>),
}

/// Records in memory, and who hears of each.
pub struct InMemory {
    records: RefCell<Vec<Record>>,
    watcher: Box<dyn Fn(&Record)>,
}

impl InMemory {
    /// A ledger that begins with `records`; `watcher` hears of every record that is added, as soon as it is on record and
    /// before anything follows from it.
    #[must_use]
    pub fn new(records: Vec<Record>, watcher: impl Fn(&Record) + 'static) -> Rc<Self> {
        Rc::new(Self { records: RefCell::new(records), watcher: Box::new(watcher) })
    }

    /// All records so far, in order.
    pub fn records(&self) -> Ref<'_, Vec<Record>> {
        self.records.borrow()
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
