//! A whole upgrade, from announce to retire, and what came of it.
//!
//! - `phase`: one phase by the real program, with somebody who approves at its gates;
//! - `whole`: all phases, with visitors throughout;
//! - `runbook`: the state at the end, compared with what the runbook asks for;
//! - `outcome`: all of that as one JSON object.

mod outcome;
mod phase;
mod runbook;
mod whole;

pub use outcome::{Hosts, Line, Outcome, Tasks, Visitors};
pub use phase::{Phase, Tell, conduct, follow};
pub use runbook::{after_prepare, after_publish, after_retire, after_window, at_manual_tests};
pub use whole::{publish, run, upgrade};
