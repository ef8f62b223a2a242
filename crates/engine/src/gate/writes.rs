//! The gate itself: what entitles a conductor to write, and what is checked before each attempt.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use cutover_core::names::{ChangeId, UpgradeId};
use cutover_core::plan::RecordTarget;

use super::{FaultSource, InjectedFault, NoFaults, Permit};
use crate::failure::{Failure, FailureClass};
use crate::fence::{Mark, Passage, ZoneFence};
use crate::halt::{Halt, WriteError};
use crate::journal::{Journal, JournalError, Reading};
use crate::lease::{ATTEMPT, LEASE, Lease, LeaseLost, Machine, OnClock, within_attempt};
use crate::moment::Moment;
use crate::ports::{Answer, Clock};
use crate::store::{Store, StoreError};

/// For how long one check that no other conductor has continued the journal is relied on.
const FRESH: Duration = Duration::from_secs(2);
/// The time between two looks at a lease that is being renewed.
const LOOK: Duration = Duration::from_secs(1);

/// What entitles a conductor to write.
#[derive(Clone)]
pub enum Authority {
    /// It holds the upgrade's lease.
    Lease(Rc<Lease>),
    /// No other conductor can exist: the state is in this process's memory.
    Alone,
    /// It may not write: this is a dry run. The ports write calls down instead of making them.
    PutDown,
    /// It may not write: this is a dry run, and no write reaches the ports.
    Nothing,
}

/// The one gate for writes.
pub struct Gate {
    authority: Authority,
    pub(super) journal: Rc<Journal>,
    machine: Rc<dyn Machine>,
    faults: Rc<dyn FaultSource>,
    fence: Option<ZoneFence>,
    /// When it was last checked that no other conductor has continued the journal.
    seen: Cell<Option<Moment>>,
    /// How many attempts were started and have not ended.
    under_way: Cell<u32>,
    attempts: RefCell<BTreeMap<&'static str, u64>>,
}

impl Gate {
    /// A gate for the conductor that writes `journal`, without injected faults, in a world without a zone.
    #[must_use]
    pub fn new(authority: Authority, journal: Rc<Journal>, machine: Rc<dyn Machine>) -> Self {
        let (seen, under_way, attempts) = Default::default();
        Self { authority, journal, machine, faults: Rc::new(NoFaults), fence: None, seen, under_way, attempts }
    }

    /// A gate that belongs to no upgrade, for tests that call ports directly.
    #[must_use]
    pub fn alone(clock: &Rc<dyn Clock>) -> Self {
        Self::alone_at(clock, 1)
    }

    /// The same with a given epoch, because hosts may have seen a higher one than 1.
    #[must_use]
    pub fn alone_at(clock: &Rc<dyn Clock>, epoch: u64) -> Self {
        let (store, reading) = (Store::memory(&"none".into()), Reading::default());
        let journal = Journal::open(store, reading, Rc::clone(clock), epoch, "alone".to_owned(), Rc::new(|_| {}));
        Self::new(Authority::Alone, Rc::new(journal), Rc::new(OnClock(Rc::clone(clock))))
    }

    /// The same gate with these injected faults.
    #[must_use]
    pub fn with_faults(self, faults: Rc<dyn FaultSource>) -> Self {
        Self { faults, ..self }
    }

    /// The same gate for a world with a zone, which this fence protects.
    #[must_use]
    pub fn with_zone(self, fence: ZoneFence) -> Self {
        Self { fence: Some(fence), ..self }
    }

    /// The attempts so far by the name of their call, including those into which a fault was injected.
    #[must_use]
    pub fn attempts(&self) -> BTreeMap<&'static str, u64> {
        self.attempts.borrow().clone()
    }

    /// Whether every attempt that was started has ended, so that a successor does not have to wait for any.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.under_way.get() == 0
    }

    /// Makes one attempt of a write, after raising the zone's fence before the first.
    ///
    /// # Errors
    /// When the attempt failed, or this conductor may not write any more.
    pub async fn write<T>(
        &self,
        call: &'static str,
        attempt: impl AsyncFnOnce(&Permit) -> Answer<T>,
    ) -> Result<T, WriteError> {
        if let Some(fence) = &self.fence {
            fence.raise(self).await?;
        }
        self.pass(call, attempt).await
    }

    /// Changes records of the zone. The batch fails if another conductor has changed any since.
    ///
    /// # Errors
    /// When the attempt failed, or this conductor may not write any more.
    pub async fn change_records(&self, zone: &str, records: &[RecordTarget]) -> Result<ChangeId, WriteError> {
        self.change_records_while(&|| Ok(()), zone, records).await
    }

    /// The same, with a condition: `may` is called right before each attempt, after every wait and all checks, and its
    /// failure prevents the attempt.
    ///
    /// # Errors
    /// When the attempt failed, or this conductor may not write any more.
    pub async fn change_records_while(
        &self,
        may: &dyn Fn() -> Answer<()>,
        zone: &str,
        records: &[RecordTarget],
    ) -> Result<ChangeId, WriteError> {
        let Some(fence) = &self.fence else {
            return Err(Failure::permanent(format!("this conductor has no fence in zone {zone}")).into());
        };
        fence.raise(self).await?;
        fence.change(self, zone, records, may).await
    }

    /// This moment, for [`Gate::since`].
    pub(crate) fn moment(&self) -> Moment {
        self.machine.moment()
    }

    /// How much time has passed since a moment, on the machine's clocks.
    pub(crate) fn since(&self, moment: Moment) -> Duration {
        moment.at_most_until(self.machine.moment())
    }

    /// The epoch of the conductor.
    pub(crate) fn epoch(&self) -> u64 {
        self.journal.epoch()
    }

    /// Returns once it is certain that no other conductor has continued the journal, and that the lease will outlast an
    /// attempt.
    async fn wait_for_permission(&self) -> Result<(), Halt> {
        let Authority::Lease(lease) = &self.authority else { return Ok(()) };
        let begin = self.machine.moment();
        loop {
            let unread = self.look_for_a_successor().await?;
            if unread.is_none() && lease.outlasts_an_attempt() {
                return Ok(());
            }
            // A bucket can be unreachable for some seconds, and the lease is being renewed at the same time.
            if begin.at_most_until(self.machine.moment()) > LEASE {
                return Err(match unread.filter(|_| lease.outlasts_an_attempt()) {
                    Some(error) => JournalError::Store(error).into(),
                    None => LeaseLost::NotRenewed { since: lease.since_renewal() }.into(),
                });
            }
            self.machine.sleep(LOOK).await;
        }
    }

    /// Checks that no other conductor has continued the journal, unless that was checked a moment ago. Returns the
    /// error of the store if this could not be checked.
    async fn look_for_a_successor(&self) -> Result<Option<StoreError>, JournalError> {
        if self.seen.get().is_some_and(|seen| seen.at_most_until(self.machine.moment()) < FRESH) {
            return Ok(None);
        }
        let look = self.machine.moment();
        match self.journal.check_next_is_free().await {
            Ok(()) => self.seen.set(Some(look)),
            Err(JournalError::Store(error)) => return Ok(Some(error)),
            Err(error) => return Err(error),
        }
        Ok(None)
    }
}

impl Passage for Gate {
    fn may_follow(&self, nonce: &str) -> bool {
        matches!(self.authority, Authority::PutDown | Authority::Nothing) || self.journal.knows(nonce)
    }

    fn mark(&self, upgrade: &UpgradeId, count: u64) -> Mark {
        Mark { upgrade: upgrade.clone(), epoch: self.epoch(), writer: self.journal.nonce().to_owned(), count }
    }

    async fn pass<T>(
        &self,
        call: &'static str,
        attempt: impl AsyncFnOnce(&Permit) -> Answer<T>,
    ) -> Result<T, WriteError> {
        let epoch = self.epoch();
        match self.authority {
            Authority::Nothing => return Err(Failure::permanent(format!("{call}: a dry run changes nothing")).into()),
            Authority::PutDown => return Ok(attempt(&Permit::new(epoch, true)).await?),
            Authority::Lease(_) | Authority::Alone => {}
        }
        *self.attempts.borrow_mut().entry(call).or_default() += 1;
        let fault = self.faults.before(call).await;
        if let Some(InjectedFault::Fails(class)) = fault {
            return Err(Failure::new(class, format!("{call}: {} (injected fault)", words(class))).into());
        }
        let late_by = match fault {
            Some(InjectedFault::EffectDelayed(length)) => Some(length),
            _ => None,
        };
        let permit = Permit::new(epoch, false).late(late_by);
        self.wait_for_permission().await?;
        self.under_way.set(self.under_way.get() + 1);
        // An attempt that is dropped here stays counted, because its outcome is unknown.
        let answer = bounded(&*self.machine, call, attempt(&permit)).await;
        self.under_way.set(self.under_way.get() - 1);
        let answer = answer?;
        match fault {
            Some(_) => {
                let why = format!("{call}: the connection was lost before the answer came (injected fault)");
                Err(Failure::in_doubt(why).into())
            }
            None => Ok(answer),
        }
    }
}

/// Makes an attempt within its time limit. Without an answer by then, it is in doubt.
async fn bounded<T>(machine: &dyn Machine, call: &str, attempt: impl Future<Output = Answer<T>>) -> Answer<T> {
    let answer = within_attempt(machine, attempt).await;
    answer.unwrap_or_else(|| Err(Failure::in_doubt(format!("{call}: no answer within {} s", ATTEMPT.as_secs()))))
}

const fn words(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Throttled => "rate exceeded",
        FailureClass::NotApplied => "the service was unavailable and did nothing",
        FailureClass::Busy => "busy with something else",
        FailureClass::Superseded => "another conductor has written since",
        FailureClass::InDoubt => "the connection was lost",
        FailureClass::Permanent => "the call was refused",
    }
}
