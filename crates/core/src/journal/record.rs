//! The envelope in which events are kept, and the hash chain that shows that no record is missing or changed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Event;
use crate::digest::Digest;

/// The version of the record format that this program writes.
pub const RECORD_VERSION: u32 = 2;

/// A journal record: events that were recorded together, and the link to the record before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The format, [`RECORD_VERSION`].
    pub version: u32,
    /// The record's number in the journal, from 1.
    pub number: u64,
    /// The writer's lease epoch.
    pub epoch: u64,
    /// A value that no other writer uses, so that a writer recognises its own record.
    pub nonce: String,
    /// The digest of the bytes of the record before; nothing in the first record.
    pub previous: Option<Digest>,
    /// When it was written, by the upgrade's clock.
    pub at: Timestamp,
    /// What happened.
    pub events: Vec<Event>,
}
