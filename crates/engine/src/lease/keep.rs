//! Keeping a lease: renewing it, knowing when it expires, and noticing that it was lost.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use cutover_core::time::later;

use super::holder::{object, read, seen};
use super::{ATTEMPT, Holder, Identity, LEASE, LeaseLost, Machine, RENEWAL, within_attempt};
use crate::halt::Halt;
use crate::journal::{Journal, JournalError};
use crate::moment::Moment;
use crate::store::{Store, StoreError};

/// The wait after a failed renewal. It leaves time for several attempts before the lease expires.
const RENEWAL_AFTER_FAILURE: Duration = Duration::from_secs(2);
/// A wait that took this much longer than requested counts as a pause: the process or the machine was suspended.
const PAUSE: Duration = Duration::from_secs(10);

/// How often it is looked whether a renewal has ended.
const SETTLING: Duration = Duration::from_millis(10);

/// A lease that this process holds.
pub struct Lease {
    /// The epoch: higher than that of every conductor before.
    pub epoch: u64,
    identity: Identity,
    machine: Rc<dyn Machine>,
    store: Store,
    /// When the last successful renewal was started.
    renewed: Cell<Moment>,
    renewals: Cell<u64>,
    /// The number of the last record that the lease's object names.
    records: Cell<u64>,
    /// Whether this conductor was asked to stop.
    stopping: Cell<bool>,
    /// Whether a renewal is on its way to the store.
    on_its_way: Cell<bool>,
}

/// What is reported to the operator while a lease is kept.
pub enum News<'a> {
    /// It could not be renewed. This is reported once for each series of failures.
    NotRenewed(&'a StoreError),
    /// This process or its machine was suspended for this long, and no other conductor has taken over in the meantime.
    StoodStill(Duration),
}

impl Lease {
    pub(super) fn new(store: Store, machine: Rc<dyn Machine>, epoch: u64) -> Self {
        let (identity, renewed) = (machine.identity(), Cell::new(machine.moment()));
        Self {
            epoch,
            identity,
            machine,
            store,
            renewed,
            renewals: Cell::new(0),
            records: Cell::new(0),
            stopping: Cell::new(false),
            on_its_way: Cell::new(false),
        }
    }

    /// Whether the lease is held now and will outlast an attempt.
    #[must_use]
    pub fn outlasts_an_attempt(&self) -> bool {
        self.since_renewal() + ATTEMPT <= LEASE
    }

    /// The time since the last successful renewal.
    pub(crate) fn since_renewal(&self) -> Duration {
        self.renewed.get().at_most_until(self.machine.moment())
    }

    /// Renews the lease until it is lost. A failed renewal is repeated soon. After an unplanned pause it is first
    /// checked whether another conductor has continued the journal. `tell` is called with what the operator should
    /// know.
    pub async fn keep(&self, journal: &Journal, tell: &dyn Fn(News<'_>)) -> Halt {
        let mut failing = false;
        loop {
            let (asked, begin) = (if failing { RENEWAL_AFTER_FAILURE } else { RENEWAL }, self.machine.moment());
            self.machine.sleep(asked).await;
            let slept = begin.at_most_until(self.machine.moment());
            if slept > asked + PAUSE {
                match within_attempt(&*self.machine, journal.check_next_is_free()).await {
                    // If the store cannot be read, nothing is known; the renewal reports that.
                    Some(Ok(())) => tell(News::StoodStill(slept)),
                    Some(Err(JournalError::Store(_))) | None => {}
                    Some(Err(error)) => return error.into(),
                }
            }
            let renewed = within_attempt(&*self.machine, self.renew(journal.records())).await;
            match renewed.unwrap_or_else(|| Err(self.store.silent(&object(self.epoch), "renewed"))) {
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

    /// Renews the lease once, and says if it is lost. The object is written first, and only then it is checked whether
    /// the next epoch was claimed: a conductor that claims it later sees that the lease was renewed.
    pub(crate) async fn renew(&self, records: u64) -> Result<Option<LeaseLost>, StoreError> {
        let begin = self.machine.moment();
        let name = object(self.epoch);
        if read(&self.store, self.epoch).await?.is_none() {
            return Ok(Some(LeaseLost::Gone { what: name, location: self.store.location().to_owned() }));
        }
        self.renewals.set(self.renewals.get() + 1);
        self.write(&name, self.bytes(records)).await?;
        if let Some(other) = seen(&self.store).await?.filter(|last| last.epoch > self.epoch) {
            return Ok(Some(LeaseLost::Superseded { by: other.holder.identity, epoch: other.epoch }));
        }
        self.renewed.set(begin);
        Ok(None)
    }

    /// Says in the lease that this conductor was asked to stop, so that others are told. If that cannot be written now,
    /// the next renewal says it.
    pub async fn stops(&self, records: u64) {
        self.stopping.set(true);
        let _ = within_attempt(&*self.machine, self.renew(records)).await;
    }

    /// Releases the lease, so that the next conductor does not have to wait.
    ///
    /// # Errors
    /// When the store fails. The lease then expires automatically.
    pub async fn release(&self, records: u64) -> Result<(), StoreError> {
        // An object that was removed is not written again, and a successor's object is not changed.
        if read(&self.store, self.epoch).await?.is_none() {
            return Ok(());
        }
        let holder = Holder { released: true, ..self.holder(records) };
        self.write(&object(self.epoch), json(&holder)).await
    }

    /// Waits until no renewal is on its way to the store, or has had its time. One that is given up on its way could still
    /// arrive after the lease was released, and undo that. Whoever waits must let the renewals go on meanwhile.
    pub async fn settled(&self) {
        let wait = async {
            while self.on_its_way.get() {
                self.machine.sleep(SETTLING).await;
            }
        };
        let _ = within_attempt(&*self.machine, wait).await;
    }

    async fn write(&self, name: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        self.on_its_way.set(true);
        let written = self.store.replace(name, bytes).await;
        self.on_its_way.set(false);
        written
    }

    pub(super) fn bytes(&self, records: u64) -> Vec<u8> {
        json(&self.holder(records))
    }

    fn holder(&self, records: u64) -> Holder {
        // The number of records never decreases.
        let records = records.max(self.records.get());
        self.records.set(records);
        let (identity, renewals, stopping) = (self.identity.clone(), self.renewals.get(), self.stopping.get());
        Holder { identity, until: later(self.machine.now(), LEASE), renewals, records, stopping, released: false }
    }
}

fn json(holder: &Holder) -> Vec<u8> {
    serde_json::to_vec(holder).unwrap_or_default()
}
