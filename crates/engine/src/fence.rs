//! The zone's fence: one TXT record that says which conductor has changed records last. Every batch replaces it too, by
//! deleting the value that this conductor wrote last and creating the next. Once another conductor has written, that value
//! is gone, and Route 53 refuses the whole batch of the one that slept.
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
use crate::ports::{Answer, Clock, Dns, World};
use crate::retry;

/// The writer in marks of a dry run. The zone has such a mark only if somebody has run the printed commands by hand.
pub(crate) const DRY: &str = "dry-run";
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

/// The zone's record is not one that this conductor may replace.
#[derive(Debug, thiserror::Error)]
#[error("this conductor may not change records of the zone: {name} {why}. What was refused changed nothing")]
pub struct ZoneTaken {
    name: DnsName,
    why: String,
}

impl ZoneTaken {
    /// What the operator can do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        "this conductor begins nothing more. If `cutover status` shows another conductor, leave the upgrade to it. If not, \
         find out who wrote the record: somebody by hand, or this upgrade with another state. Once that is settled, delete \
         the record and run the same command, which writes it anew"
    }
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

    /// Whether a conductor of this upgrade left it that is not on record here: that one is at work, or the upgrade was
    /// begun with another state.
    #[must_use]
    pub fn is_unknown(&self, upgrade: &UpgradeId, is_on_record: impl Fn(&str) -> bool) -> bool {
        self.upgrade == *upgrade && self.writer != DRY && !is_on_record(&self.writer)
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
                FailureClass::InDoubt => Failure { class: FailureClass::NotApplied, ..failure },
                _ => failure,
            })?;
            self.check_mark(gate, found.as_ref())?;
            standing.candidates.push(found);
        }
        match self.batch(gate, &mut standing, ("raise_fence", &|| Ok(())), &self.zone, &[]).await {
            Ok(_) => standing.raised = true,
            // What was to follow was not begun, and is in no doubt.
            Err(Hitch::Failed(failure)) if failure.class == FailureClass::InDoubt => {
                return Err(Failure::not_applied(format!("{failure}; before that nothing else is written")).into());
            }
            Err(hitch) => return Err(hitch),
        }
        Ok(())
    }

    /// Changes records and the fence in one batch. Each attempt is made only if it still `may` be.
    pub(crate) async fn change(
        &self,
        gate: &Gate,
        zone: &str,
        records: &[RecordTarget],
        may: &dyn Fn() -> Answer<()>,
    ) -> Result<ChangeId, Hitch> {
        let mut standing = self.standing.lock().await;
        self.batch(gate, &mut standing, ("change_records", may), zone, records).await
    }

    /// Makes a batch on what the record may be, one possibility after the other. Each is of this conductor's own, so that
    /// none of them is there once another has written.
    async fn batch(
        &self,
        gate: &Gate,
        standing: &mut Standing,
        (call, may): (&'static str, &dyn Fn() -> Answer<()>),
        zone: &str,
        records: &[RecordTarget],
    ) -> Result<ChangeId, Hitch> {
        let possible = standing.candidates.clone();
        for was in possible {
            standing.written += 1;
            let next = gate.mark(&self.upgrade, standing.written).record();
            let change = FenceChange { name: self.name.clone(), was, next: next.clone() };
            let attempt = gate.pass(call, async |permit| {
                may()?;
                self.dns.change_records(permit, zone, records, &change).await
            });
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
        let why = "was changed by another conductor, or by hand".to_owned();
        Err(Halt::from(ZoneTaken { name: self.name.clone(), why }).into())
    }

    /// Refuses to follow a conductor of which this state has no record.
    fn check_mark(&self, gate: &Gate, found: Option<&FenceRecord>) -> Result<(), Halt> {
        let Some(mark) = found.and_then(Mark::of) else { return Ok(()) };
        if !mark.is_unknown(&self.upgrade, |writer| gate.may_follow(writer)) {
            return Ok(());
        }
        let why = format!(
            "was written by conductor {} of {}, of which this state has no record: either that conductor is at work, or \
             {} was begun with another state",
            mark.epoch, mark.upgrade, self.upgrade
        );
        Err(ZoneTaken { name: self.name.clone(), why }.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_conductor_of_the_same_upgrade_that_is_not_on_record_is_unknown() {
        let mark =
            |upgrade: &str, writer: &str| Mark { upgrade: upgrade.into(), epoch: 1, writer: writer.into(), count: 1 };
        let is_unknown = |mark: Mark| mark.is_unknown(&"mitx-2024-12".into(), |writer| writer == "ada");
        assert!(is_unknown(mark("mitx-2024-12", "eve")));
        assert!(!is_unknown(mark("mitx-2024-12", "ada")), "it is on record");
        assert!(!is_unknown(mark("mitx-2024-12", DRY)), "somebody has typed what a dry run printed");
        assert!(!is_unknown(mark("mitx-2024-06", "eve")), "another upgrade's, which is over");
    }
}
