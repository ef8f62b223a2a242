//! Hosts that boot, as cutover reaches them over SSH. `cargo xtask test` leaves these tests out where machines cannot be
//! booted, and says so.

#![expect(clippy::disallowed_methods, reason = "tests start programs and wait in real time")]
#![expect(clippy::print_stdout, reason = "a test says why a step has failed that it expected to succeed")]

mod access;
mod background;
mod bad_days;
mod celery;
mod checked;
mod connections;
mod contracts;
mod fakes;
mod held;
mod identity;
mod images;
mod jobs;
mod rig;
mod scopes;
mod services;
mod stage;
mod supervisors;
mod support;
mod takeover;
mod units;
