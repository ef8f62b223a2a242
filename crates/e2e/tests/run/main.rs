//! Upgrades on real parts, by the real program: a whole one, and bad days.
//!
//! `CUTOVER_BIN` may name the program; otherwise it is the one that cargo has built beside this.

#![expect(clippy::disallowed_methods, reason = "tests send signals to the program")]

mod booted;
mod conductors;
mod database;
mod killed;
mod migrations;
mod support;
mod whole;
