//! The fence's record in the zone: how a batch replaces it, and what its values mean.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use cutover_core::names::{DnsName, UpgradeId};

use crate::hints::SAME_COMMAND;

/// The writer in marks of a dry run. The zone has such a mark only if a person has run the printed commands by hand.
pub(crate) const DRY: &str = "dry-run";
/// How long resolvers may cache the record. It does not matter, because no resolver is asked for it.
const TTL: Duration = Duration::from_secs(60);

/// The record as it is listed. To delete it, all of these fields must be given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FenceRecord {
    /// Its values, without quotes. A record of this program has one value.
    pub values: Vec<String>,
    /// How long resolvers may cache it.
    #[serde(rename = "ttl_seconds", with = "cutover_core::time::seconds")]
    pub ttl: Duration,
}

/// The fence's part of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FenceChange {
    /// The record's name.
    pub name: DnsName,
    /// What the record must be for the batch to be applied; `None` if it must not exist.
    pub was: Option<FenceRecord>,
    /// What it becomes.
    pub next: FenceRecord,
}

/// The zone's record is not one that this conductor may replace.
#[derive(Debug, thiserror::Error)]
#[error("this conductor may not change records of the zone: {name} {why}. What was refused changed nothing")]
pub struct ZoneTaken {
    pub(crate) name: DnsName,
    pub(crate) why: String,
}

impl ZoneTaken {
    /// What the operator can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        format!(
            "this conductor starts nothing more. If `cutover status` shows another conductor, leave the upgrade to it. \
             If not, find out who wrote the record: a person by hand, or this upgrade with another state. Once that is \
             settled, delete the record and {SAME_COMMAND}, which writes it again"
        )
    }
}

/// The content of a value that this program wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The upgrade whose conductor wrote it.
    pub upgrade: UpgradeId,
    /// That conductor's epoch.
    pub epoch: u64,
    /// Text that identifies the conductor uniquely.
    pub writer: String,
    /// How many values it wrote before this one.
    pub count: u64,
}

impl Mark {
    /// The content of a record, if this program wrote it.
    #[must_use]
    pub fn of(record: &FenceRecord) -> Option<Self> {
        let [value] = record.values.as_slice() else { return None };
        let words: Vec<&str> = value.split(' ').collect();
        let ["cutover", upgrade, epoch, writer, count] = words.as_slice() else { return None };
        let (upgrade, writer) = (UpgradeId::from(*upgrade), (*writer).to_owned());
        Some(Self { upgrade, epoch: epoch.parse().ok()?, writer, count: count.parse().ok()? })
    }

    /// Whether it was left by a conductor of this upgrade that is not on record here. Either that conductor is at work,
    /// or the upgrade was started with another state.
    #[must_use]
    pub fn is_unknown(&self, upgrade: &UpgradeId, is_on_record: impl Fn(&str) -> bool) -> bool {
        self.upgrade == *upgrade && self.writer != DRY && !is_on_record(&self.writer)
    }

    pub(crate) fn record(&self) -> FenceRecord {
        let value = format!("cutover {} {} {} {}", self.upgrade, self.epoch, self.writer, self.count);
        FenceRecord { values: vec![value], ttl: TTL }
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
        assert!(!is_unknown(mark("mitx-2024-12", DRY)), "a person has run what a dry run printed");
        assert!(!is_unknown(mark("mitx-2024-06", "eve")), "another upgrade's, which is over");
    }
}
