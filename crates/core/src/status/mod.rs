//! Where an upgrade is, worked out from its journal: what `status` shows, `--json` prints and pages draw.
//!
//! `upgrade` is the complete status, `window` the window's times, and `refusal` distinguishes a refusal at a gate from
//! a failure. Everything is a pure function of the journal's state, the deployment file and a moment, so that every
//! reader of the journal computes the same status.

mod refusal;
mod upgrade;
mod window;

pub use refusal::{Refusal, only_refused, refusal_of};
pub use upgrade::{
    BackStatus, FailedStep, NextSteps, NoWayBack, PhaseState, PhaseStatus, RunningStep, Status, StatusInputs,
    WaitingGate, approve_command, phase_command,
};
pub use window::{StartStatus, WindowStatus, delayed, safe_start};
