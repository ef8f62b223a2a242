//! `cutover branch`: release branches. One file a command; what they share is `fork` (which clone, which names, which
//! branch) and `progress`.

mod create;
mod dispatch;
mod exec;
mod forecast;
mod fork;
mod imaged;
mod mirror;
mod patches;
mod person;
mod progress;
mod publish;
mod rebase;
mod status;
mod taken_back;
mod verify;
mod watch;

pub(super) use imaged::check as check_imaged_branches;

pub(super) use dispatch::run;
use person::{needs_a_person, with_reasons};
