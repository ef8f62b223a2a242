//! The window phase: from the maintenance page to the new release.
//!
//! Each method makes the steps of one line of the runbook, with the edges that its rules demand: `traffic` where
//! visitors are sent, `services` what runs on hosts, `databases` snapshots and migrations, `verify` the looking. Fleets
//! are lanes side by side; they meet only where they share a database instance.

mod databases;
mod ids;
mod lanes;
mod services;
mod traffic;
mod verify;

use lanes::Window;
pub(super) use lanes::{is_late, steps};
