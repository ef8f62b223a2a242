//! The program as an operator runs it, on an embedded cloud that several processes share.
#![expect(clippy::disallowed_methods, reason = "these tests start and kill the real program, and wait for it")]

mod checked;
mod conductors;
mod deployment;
mod edited;
mod gone;
mod images;
mod phases;
mod readers;
mod reports;
mod retried;
mod state;
mod suspended;
