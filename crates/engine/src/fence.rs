//! The zone's fence: one TXT record that says which conductor has changed records last. Every batch replaces it too, by
//! deleting the value that this conductor wrote last and creating the next. Of a conductor that slept while another went
//! on, the value is not there any more, and Route 53 refuses its whole batch.
//!
//! A successor replaces the record before its first other write, of whatever kind. It is read then, and never again: who
//! read it in order to try again would get past it.

use std::rc::Rc;
use std::time::Duration;

use futures_util::lock::Mutex;
use serde::{Deserialize, Serialize};

use cutover_core::deployment::Deployment;
use cutover_core::names::{ChangeId, DnsName, UpgradeId};
use cutover_core::plan::RecordTarget;

use crate::failure::{Failure, FailureClass};
use crate::gate::Gate;
use crate::halt::{Halt, Hitch};
use crate::ports::{Clock, Dns, World};
use crate::retry;

/// The writer of the marks that a dry run puts down, which somebody may have typed.
pub const DRY: &str = "dry-run";
/// How long resolvers may keep the record. Nobody asks them for it.
const TTL: Duration = Duration::from_secs(60);

/// The record as it is listed: to delete it, all of it must be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FenceRecord {
    /// Its values, without quotes. Ours has one.
    pub values: Vec<String>,
    /// How long resolvers may keep it.
    #[serde(rename = "ttl_seconds", with = "cutover_core::time::seconds")]
    pub ttl: Duration,
}

/// The fence's part of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FenceChange {
    /// The record's name.
    pub name: DnsName,
    /// What it must be for the batch to be made; nothing when it must not be there.
    pub was: Option<FenceRecord>,
    /// What it becomes.
    pub next: FenceRecord,
}

/// The zone does not say that this conductor has changed it last.
#[derive(Debug, thiserror::Error)]
#[error("the record {name} is not as this conductor left it: {why}; nothing was changed by this conductor since")]
pub struct ZoneTaken {
    name: DnsName,
    why: String,
}

/// What a value of ours says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The upgrade whose conductor wrote it.
    pub upgrade: UpgradeId,
    /// That conductor's epoch.
    pub epoch: u64,
    /// What tells the conductor from every other.
    pub writer: String,
    /// How many values it wrote before this one.
    pub count: u64,
}

impl Mark {
    /// What a record says, where it is one of ours.
    #[must_use]
    pub fn of(record: &FenceRecord) -> Option<Self> {
        let [value] = record.values.as_slice() else { return None };
        let words: Vec<&str> = value.split(' ').collect();
        let ["cutover", upgrade, epoch, writer, count] = words.as_slice() else { return None };
        let (upgrade, writer) = (UpgradeId::from(*upgrade), (*writer).to_owned());
        Some(Self { upgrade, epoch: epoch.parse().ok()?, writer, count: count.parse().ok()? })
    }

    fn record(&self) -> FenceRecord {
        let value = format!("cutover {} {} {} {}", self.upgrade, self.epoch, self.writer, self.count);
        FenceRecord { values: vec![value], ttl: TTL }
    }
}

/// The fence as one conductor keeps it.
pub struct ZoneFence {
    dns: Rc<dyn Dns>,
    clock: Rc<dyn Clock>,
    zone: String,
    name: DnsName,
    upgrade: UpgradeId,
    standing: Mutex<Standing>,
}

/// What the record may be, as far as this conductor knows, likeliest first: what it wrote last, and what it may have
/// written where an answer was lost. Empty before it was raised.
#[derive(Default)]
struct Standing {
    raised: bool,
    candidates: Vec<Option<FenceRecord>>,
    written: u64,
}

impl ZoneFence {
    /// The fence of a deployment's zone, for one conductor. Nothing is asked yet.
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

    /// Makes the record this conductor's, once: before that nothing else is written.
    pub(crate) async fn raise(&self, gate: &Gate) -> Result<(), Hitch> {
        let mut standing = self.standing.lock().await;
        if standing.raised {
            return Ok(());
        }
        if standing.candidates.is_empty() {
            let found = retry::read(&*self.clock, async || self.dns.fence(&self.zone, &self.name).await).await;
            // A question whose answer was lost leaves nothing in doubt.
            let found = found.map_err(|failure| match failure.class {
                FailureClass::InDoubt => Failure::not_applied(failure.message),
                _ => failure,
            })?;
            self.is_of_this_journal(gate, found.as_ref())?;
            standing.candidates.push(found);
        }
        match self.batch(gate, &mut standing, "raise_fence", &self.zone, &[]).await {
            Ok(_) => standing.raised = true,
            // What was to follow was not begun, and is in no doubt.
            Err(Hitch::Failed(failure)) if failure.class == FailureClass::InDoubt => {
                return Err(Failure::not_applied(format!("{failure}; before that nothing else is written")).into());
            }
            Err(hitch) => return Err(hitch),
        }
        Ok(())
    }

    /// Changes records and the fence in one batch.
    pub(crate) async fn change(&self, gate: &Gate, zone: &str, records: &[RecordTarget]) -> Result<ChangeId, Hitch> {
        let mut standing = self.standing.lock().await;
        self.batch(gate, &mut standing, "change_records", zone, records).await
    }

    /// Makes a batch on what the record may be, one possibility after the other. Each is of this conductor's own, so that
    /// none of them is there once another has written.
    async fn batch(
        &self,
        gate: &Gate,
        standing: &mut Standing,
        call: &'static str,
        zone: &str,
        records: &[RecordTarget],
    ) -> Result<ChangeId, Hitch> {
        let possible = standing.candidates.clone();
        for was in possible {
            standing.written += 1;
            let next = gate.mark(&self.upgrade, standing.written).record();
            let change = FenceChange { name: self.name.clone(), was, next: next.clone() };
            let attempt = gate.pass(call, async |permit| self.dns.change_records(permit, zone, records, &change).await);
            match attempt.await {
                Ok(id) => {
                    standing.candidates = vec![Some(next)];
                    return Ok(id);
                }
                Err(Hitch::Failed(failure)) if failure.class == FailureClass::Superseded => {}
                Err(Hitch::Failed(failure)) if failure.class == FailureClass::InDoubt => {
                    standing.candidates.push(Some(next));
                    return Err(failure.into());
                }
                Err(other) => return Err(other),
            }
        }
        let why = "another conductor has changed records, or somebody has changed this one by hand".to_owned();
        Err(Halt::from(ZoneTaken { name: self.name.clone(), why }).into())
    }

    /// A mark of this upgrade that no conductor on record has left says that another one is at work, or that this state is
    /// not the one with which the upgrade was begun.
    fn is_of_this_journal(&self, gate: &Gate, found: Option<&FenceRecord>) -> Result<(), Halt> {
        let Some(mark) = found.and_then(Mark::of) else { return Ok(()) };
        if mark.upgrade != self.upgrade || mark.writer == DRY || gate.may_follow(&mark.writer) {
            return Ok(());
        }
        let why = format!(
            "conductor {} of {} wrote it, and this state knows nothing of that conductor: either it is at work, or {} was \
             begun with another state",
            mark.epoch, mark.upgrade, self.upgrade
        );
        Err(ZoneTaken { name: self.name.clone(), why }.into())
    }
}
