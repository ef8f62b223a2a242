//! The fence as one conductor sees it: it is raised once, and replaced with every change of records.

use std::rc::Rc;

use futures_util::lock::Mutex;

use cutover_core::deployment::Deployment;
use cutover_core::names::{ChangeId, DnsName, UpgradeId};
use cutover_core::plan::RecordTarget;

use super::{FenceChange, FenceRecord, Mark, ZoneTaken};
use crate::failure::{Failure, FailureClass};
use crate::gate::Permit;
use crate::halt::{Halt, WriteError};
use crate::ports::{Answer, Clock, Dns, World};
use crate::retry;

/// What the fence needs of the gate, which checks every write.
pub(crate) trait Passage {
    /// This conductor's mark for the zone, after it has written `count` marks.
    fn mark(&self, upgrade: &UpgradeId, count: u64) -> Mark;

    /// Whether this conductor may replace the mark of the conductor with this nonce: that one is on record before this
    /// one, or this is a dry run.
    fn may_follow(&self, nonce: &str) -> bool;

    /// Makes one attempt, if this conductor may still write.
    async fn pass<T>(
        &self,
        call: &'static str,
        attempt: impl AsyncFnOnce(&Permit) -> Answer<T>,
    ) -> Result<T, WriteError>;
}

/// The fence as one conductor sees it.
pub struct ZoneFence {
    dns: Rc<dyn Dns>,
    clock: Rc<dyn Clock>,
    zone: String,
    name: DnsName,
    upgrade: UpgradeId,
    standing: Mutex<Standing>,
}

/// The possible states of the record, as far as this conductor knows, the most likely one first: what it wrote last,
/// and what it may have written if an answer was lost. Empty before the fence is raised.
#[derive(Default)]
struct Standing {
    raised: bool,
    candidates: Vec<Option<FenceRecord>>,
    written: u64,
}

impl ZoneFence {
    /// The fence of a deployment's zone, for one conductor. This makes no call.
    #[must_use]
    pub fn of(deployment: &Deployment, world: &World, clock: &Rc<dyn Clock>) -> Self {
        Self {
            dns: Rc::clone(&world.dns),
            clock: Rc::clone(clock),
            zone: deployment.dns.zone.clone(),
            name: deployment.fence(),
            upgrade: deployment.upgrade(),
            standing: Mutex::default(),
        }
    }

    /// Writes this conductor's mark into the record, once, before anything else is written.
    pub(crate) async fn raise(&self, passage: &impl Passage) -> Result<(), WriteError> {
        let mut standing = self.standing.lock().await;
        if standing.raised {
            return Ok(());
        }
        if standing.candidates.is_empty() {
            let found = retry::read(&*self.clock, async || self.dns.fence(&self.zone, &self.name).await).await;
            // A reading call whose answer was lost leaves nothing in doubt.
            let found = found.map_err(|failure| match failure.class {
                FailureClass::InDoubt => Failure { class: FailureClass::NotApplied, ..failure },
                _ => failure,
            })?;
            self.check_mark(passage, found.as_ref())?;
            standing.candidates.push(found);
        }
        match self.batch(passage, &mut standing, ("raise_fence", &|| Ok(())), &self.zone, &[]).await {
            Ok(_) => standing.raised = true,
            // The write that was to follow was not started, so it is known not to have been applied.
            Err(WriteError::Failed(failure)) if failure.class == FailureClass::InDoubt => {
                return Err(
                    Failure::not_applied(format!("{failure}; nothing else is written before this works")).into()
                );
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Changes records and the fence in one batch. Each attempt is made only if it still `may` be.
    pub(crate) async fn change(
        &self,
        passage: &impl Passage,
        zone: &str,
        records: &[RecordTarget],
        may: &dyn Fn() -> Answer<()>,
    ) -> Result<ChangeId, WriteError> {
        let mut standing = self.standing.lock().await;
        self.batch(passage, &mut standing, ("change_records", may), zone, records).await
    }

    /// Tries a batch with each possible state of the record in turn. All of them are this conductor's own, so none of
    /// them exists once another conductor has written.
    async fn batch(
        &self,
        passage: &impl Passage,
        standing: &mut Standing,
        (call, may): (&'static str, &dyn Fn() -> Answer<()>),
        zone: &str,
        records: &[RecordTarget],
    ) -> Result<ChangeId, WriteError> {
        let possible = standing.candidates.clone();
        for was in possible {
            standing.written += 1;
            let next = passage.mark(&self.upgrade, standing.written).record();
            let change = FenceChange { name: self.name.clone(), was, next: next.clone() };
            let attempt = passage.pass(call, async |permit| {
                may()?;
                self.dns.change_records(permit, zone, records, &change).await
            });
            match attempt.await {
                Ok(id) => {
                    standing.candidates = vec![Some(next)];
                    return Ok(id);
                }
                Err(WriteError::Failed(failure)) if failure.class == FailureClass::Superseded => {}
                Err(WriteError::Failed(failure)) if failure.class == FailureClass::InDoubt => {
                    standing.candidates.push(Some(next));
                    return Err(failure.into());
                }
                Err(other) => return Err(other),
            }
        }
        let why = "was changed by another conductor, or by hand".to_owned();
        Err(Halt::from(ZoneTaken { name: self.name.clone(), why }).into())
    }

    /// Refuses to replace the mark of a conductor of which this state has no record.
    fn check_mark(&self, passage: &impl Passage, found: Option<&FenceRecord>) -> Result<(), Halt> {
        let Some(mark) = found.and_then(Mark::of) else { return Ok(()) };
        if !mark.is_unknown(&self.upgrade, |writer| passage.may_follow(writer)) {
            return Ok(());
        }
        let why = format!(
            "was written by conductor {} of {}, of which this state has no record: either that conductor is at work, \
             or {} was started with another state",
            mark.epoch, mark.upgrade, self.upgrade
        );
        Err(ZoneTaken { name: self.name.clone(), why }.into())
    }
}
