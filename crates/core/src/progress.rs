//! The one stream of progress, from which the terminal, `--json`, the status and the report are made.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::journal::Event;
use crate::names::StepId;

/// Something to show while an upgrade runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "progress", rename_all = "kebab-case")]
pub enum Progress {
    /// An event that is now in the journal.
    Recorded {
        /// Its number. A reader that has lost its connection asks for the events after the last number it has seen.
        number: EventNumber,
        /// When, by the upgrade's clock.
        at: Timestamp,
        /// What happened.
        event: Event,
    },
    /// What a step that is under way waits for now. It is not recorded, and is out of date a moment later.
    Waiting {
        /// When, by the upgrade's clock.
        at: Timestamp,
        /// The step.
        step: StepId,
        /// What it waits for, such as `7 of 18 hosts in service`.
        detail: String,
    },
    /// Something that the conductor tells its readers, such as a question at a gate or a warning. It is not recorded.
    Said {
        /// The text, on one line or several.
        text: String,
    },
}

/// The number of an event: that of its record, and its position there. Numbers increase in the order of events, and are
/// the same for every reader of a journal. The third event of record 12 is shown and serialized as `12.3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventNumber {
    /// The record's number in the journal, from 1.
    pub record: u64,
    /// The event's position in that record, from 1.
    pub position: u32,
}

impl std::fmt::Display for EventNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.record, self.position)
    }
}

impl std::str::FromStr for EventNumber {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.split_once('.').and_then(|(record, position)| {
            Some(Self { record: record.parse().ok()?, position: position.parse().ok()? })
        });
        parsed.ok_or_else(|| format!("`{text}` is not the number of an event, such as `12.3`"))
    }
}

impl Serialize for EventNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_events_rise_within_a_record_and_from_record_to_record() {
        let numbers = ["2.1", "2.10", "10.1"].map(|text| text.parse::<EventNumber>().expect("a number"));
        assert!(numbers.is_sorted());
        assert_eq!(numbers.map(|number| number.to_string()), ["2.1", "2.10", "10.1"]);
        assert!("2".parse::<EventNumber>().is_err() && "2.x".parse::<EventNumber>().is_err());
    }
}
