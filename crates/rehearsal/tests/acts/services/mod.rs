//! The programs on hosts: stopped, started and killed, and when each of that is over.

mod confirmed;
mod first_contact;
mod host;
mod left;
mod orders;
mod queues;
mod started;
mod steps;
mod stopped;
mod tasks;

pub(crate) use host::Services;
pub(crate) use steps::{start, start_on, stop};
