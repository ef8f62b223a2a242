//! Durable, named jobs: they outlive the connection and the conductor, and starting one twice finds the first.
//!
//! `request` makes the command that a host runs for each verb, `answer` reads what it prints, and `helper.sh` is what runs
//! there.

mod answer;
mod request;
#[cfg(test)]
mod tests;

pub use answer::{JobReport, JobState, NotUnderstood, Reply, read};
pub use request::{Job, JobStart, Request, Signal};
