//! The domain of cutover, and nothing else: what a deployment is, what was observed about it, the plan that follows
//! from both, and the journal of what happened.
//!
//! Everything here is a pure function of its arguments. There is no clock, no file, no network and no
//! runtime in this crate, so that a plan or a journal means the same in a live run, a resume and a rehearsal.

pub mod account;
pub mod deployment;
pub mod digest;
pub mod inventory;
pub mod journal;
pub mod name_map;
pub mod names;
pub mod observation;
pub mod packing;
pub mod plan;
pub mod planner;
pub mod preflight;
pub mod progress;
pub mod readiness;
pub mod rows;
pub mod shell;
pub mod size;
pub mod status;
#[cfg(test)]
mod testing;
pub mod time;
pub mod unknown_sessions;
pub mod words;
