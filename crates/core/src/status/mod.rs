//! Where an upgrade is, worked out from its journal: what `status` shows, `--json` prints and pages draw.
//!
//! `upgrade` is the complete status, `inputs` what it is made from, `phases` where each phase is, `window` the window's
//! times, `conductor` what is known of who conducts it, `edited` whether the file still says what is under way, `commands`
//! what to type, `evidence` what can be proved of it, `held` which current hosts stay as the window has left them, `stopped` which current hosts do not work
//! although visitors need them, and `refusal` distinguishes a refusal at a gate from a failure. Everything is a pure
//! function of the journal's state, the deployment file and a moment, so that every reader of the journal computes the same
//! status.

mod by_hand;
mod commands;
mod conductor;
mod edited;
mod evidence;
mod held;
mod in_aws;
mod inputs;
mod phases;
mod refusal;
mod stopped;
mod upgrade;
mod window;

pub use by_hand::ByHand;
pub use commands::{PhaseOptions, approve_command, look_command, phase_command, phase_command_with, wake_command};
pub use conductor::ConductorState;
pub use edited::{Edited, PutBack};
pub use evidence::{Evidence, Passed, Said};
pub use held::HeldHost;
pub use inputs::StatusInputs;
pub use phases::{PhaseState, PhaseStatus};
pub use refusal::{Refusal, only_refused, refusal_of};
pub use stopped::{StoppedServices, put_back_command};
pub use upgrade::{BackStatus, BackSteps, FailedStep, NextSteps, NoWayBack, RunningStep, Status, WaitingGate};
pub use window::{Downtime, StartStatus, WindowStatus, delayed, forecast_now, safe_start, until_words};
