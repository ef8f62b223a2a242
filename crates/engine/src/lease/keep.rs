//! Keeping a lease: renewing it, knowing for how long it holds, and noticing that it was lost.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use cutover_core::time::later;

use super::holder::{object, read, seen};
use super::{ATTEMPT, Holder, Identity, LEASE, LeaseLost, Machine, Moment, RENEWAL};
use crate::halt::Halt;
use crate::journal::{Journal, JournalError};
use crate::store::{Store, StoreError};

/// How soon a renewal that failed is tried again: often enough before the lease lapses.
const RENEWAL_AFTER_FAILURE: Duration = Duration::from_secs(2);
/// A wait that took so much longer than it was asked to was a pause: the process was suspended, or the machine.
const PAUSE: Duration = Duration::from_secs(10);

/// A lease that this process holds.
pub struct Lease {
    /// The epoch: higher than that of every conductor before.
    pub epoch: u64,
    identity: Identity,
    machine: Rc<dyn Machine>,
    store: Store,
    /// When the last renewal that worked was begun.
    renewed: Cell<Moment>,
    renewals: Cell<u64>,
    /// The number of the last record that was told of.
    records: Cell<u64>,
}

/// What somebody who keeps a lease says to the operator.
pub enum News<'a> {
    /// It could not be renewed. Told once for each run of failures.
    NotRenewed(&'a StoreError),
    /// This process, or its machine, stood still for so long, and nobody has taken over meanwhile.
    StoodStill(Duration),
}

impl Lease {
    pub(super) fn new(store: Store, machine: Rc<dyn Machine>, epoch: u64) -> Self {
        let (identity, renewed) = (machine.identity(), Cell::new(Moment::now(&*machine)));
        Self { epoch, identity, machine, store, renewed, renewals: Cell::new(0), records: Cell::new(0) }
    }

    /// Whether the lease is held now and will outlast an attempt.
    #[must_use]
    pub fn outlasts_an_attempt(&self) -> bool {
        self.since_renewal() + ATTEMPT <= LEASE
    }

    /// The time since the last renewal that worked.
    pub(crate) fn since_renewal(&self) -> Duration {
        self.renewed.get().elapsed(&*self.machine)
    }

    /// Renews the lease until it is lost. A renewal that fails is tried again soon. After a pause that nobody planned it is
    /// first looked whether another conductor has gone on with the journal. `tell` hears what the operator should know.
    pub async fn keep(&self, journal: &Journal, tell: &dyn Fn(News<'_>)) -> Halt {
        let mut failing = false;
        loop {
            let (asked, begin) = (if failing { RENEWAL_AFTER_FAILURE } else { RENEWAL }, Moment::now(&*self.machine));
            self.machine.sleep(asked).await;
            let slept = begin.elapsed(&*self.machine);
            if slept > asked + PAUSE {
                match journal.check_next_is_free().await {
                    // A store that cannot be read says nothing; the renewal tells of it.
                    Ok(()) => tell(News::StoodStill(slept)),
                    Err(JournalError::Store(_)) => {}
                    Err(error) => return error.into(),
                }
            }
            match self.renew(journal.records()).await {
                Ok(None) => failing = false,
                Ok(Some(lost)) => return lost.into(),
                Err(error) => {
                    if !failing {
                        tell(News::NotRenewed(&error));
                    }
                    failing = true;
                }
            }
        }
    }

    /// Renews once, and says when the lease is lost. First the object is written and then it is looked who has claimed the
    /// next epoch: whoever claims it afterwards sees that it was renewed.
    pub(crate) async fn renew(&self, records: u64) -> Result<Option<LeaseLost>, StoreError> {
        let begin = Moment::now(&*self.machine);
        let name = object(self.epoch);
        if read(&self.store, self.epoch).await?.is_none() {
            return Ok(Some(LeaseLost::Gone { what: name, location: self.store.location().to_owned() }));
        }
        self.renewals.set(self.renewals.get() + 1);
        self.store.replace(&name, self.bytes(records)).await?;
        if let Some(other) = seen(&self.store).await?.filter(|last| last.epoch > self.epoch) {
            return Ok(Some(LeaseLost::Superseded { by: other.holder.identity, epoch: other.epoch }));
        }
        self.renewed.set(begin);
        Ok(None)
    }

    /// Gives the lease up, so that the next conductor need not wait.
    ///
    /// # Errors
    /// When the store fails; the lease then lapses by itself.
    pub async fn release(&self, records: u64) -> Result<(), StoreError> {
        // What is gone stays gone, and a successor's object is not ours.
        if read(&self.store, self.epoch).await?.is_none() {
            return Ok(());
        }
        let holder = Holder { released: true, ..self.holder(records) };
        self.store.replace(&object(self.epoch), json(&holder)).await
    }

    pub(super) fn bytes(&self, records: u64) -> Vec<u8> {
        json(&self.holder(records))
    }

    fn holder(&self, records: u64) -> Holder {
        // Records do not become fewer.
        let records = records.max(self.records.get());
        self.records.set(records);
        let (identity, renewals) = (self.identity.clone(), self.renewals.get());
        Holder { identity, until: later(self.machine.now(), LEASE), renewals, records, released: false }
    }
}

fn json(holder: &Holder) -> Vec<u8> {
    serde_json::to_vec(holder).unwrap_or_default()
}
