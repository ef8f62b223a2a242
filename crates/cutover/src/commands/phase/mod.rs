//! `cutover announce`, `prepare`, `window` and `retire`: runs a phase, or resumes one that has started.
//!
//! `run` is the command, from the plan to the end. `refuse` has what it refuses, `hold` the lease, `conduct` the work
//! under it, `end` what is printed after it, and `status` what is printed about the upgrade meanwhile.

mod conduct;
mod end;
mod hold;
mod refuse;
mod run;
pub(super) mod status;

pub(super) use conduct::told;
pub(super) use hold::release;
pub(super) use run::{refuse_without_journal, run, run_part};
