//! The window phase: from the maintenance page to the new release.
//!
//! Each method makes the steps of one line of the runbook, with the edges that its rules require. `traffic` is about where
//! visitors are sent, `services` about what runs on hosts, `queues` about the tasks of workers, `held` about what else would
//! change hosts meanwhile, `databases` about snapshots and migrations, `sessions` and `storage` about what would hold these up,
//! `statements` about what migrations are about to do, `rows` about what tables have lost, `verify` about checks of the sites, and `soak` about what visitors get before and afterwards.
//! Fleets are independent lanes, unless they share a database instance.

mod databases;
mod held;
mod ids;
mod lanes;
mod queues;
mod rows;
mod services;
mod sessions;
mod soak;
mod statements;
mod storage;
mod traffic;
mod verify;

use lanes::Window;
pub(super) use lanes::{is_late, steps};
