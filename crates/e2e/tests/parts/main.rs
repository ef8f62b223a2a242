//! The parts of the end-to-end run, one by one. `cargo xtask test` leaves these tests out where machines cannot be booted,
//! and says so.

#![expect(clippy::disallowed_methods, reason = "tests start programs and wait in real time")]

mod balancers;
mod databases;
mod lock;
mod names;
mod sites;
mod support;
