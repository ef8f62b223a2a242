//! How each kind of action is observed and carried out, only through the ports. There is one module for each subject.
//!
//! An observation says whether the action's effect is there already, is under way, was not requested yet, or can never
//! come. Carrying out an action makes its call once and does not wait: to wait means to observe again.

mod again;
mod balancers;
mod before_lift;
mod builds;
mod commands;
mod context;
mod dispatch;
mod dns;
mod dns_evidence;
mod evidence;
mod fate;
mod first_contact;
mod found;
mod gone;
mod held;
mod hosts;
mod images;
mod kept_down;
mod last_look;
mod late;
mod manner;
mod migration_evidence;
mod migration_failure;
mod migration_limit;
mod migration_progress;
mod migrations;
mod named;
mod orders;
mod output;
mod packed;
mod packed_rests;
mod pages;
mod programs;
mod queues;
mod recorded;
mod requests;
mod rows;
mod sequence;
mod sessions;
mod snapshots;
mod soak;
mod soak_tally;
mod statements;
mod still_running;
mod storage;
mod supervised;
mod tasks;
mod unlisted;
mod unseen;
mod write_checks;

pub(crate) use builds::without_builders;
pub(crate) use context::{Seen, StepContext};
pub(crate) use dispatch::{act, observe};
pub(crate) use found::Found;
pub(crate) use gone::{may_be_restarting, missed, without};
pub(crate) use late::too_late;
pub(crate) use manner::{Manner, grace, interval, manner, shortest_interval};
pub(crate) use migration_limit::end_job;
pub(crate) use migrations::failed_jobs;
pub(crate) use packed_rests::without_packer;
