//! A dry run: goes through a plan, observes the subject of each step, and says what the step would do. Nothing is
//! recorded, no decision is waited for, and nothing runs on hosts.
//!
//! Later steps assume the results of earlier ones: the ids of hosts and images that do not exist yet are placeholders,
//! and what an earlier step would have changed is not observed. The descriptions of steps are in `words`.

mod walk;
mod words;

pub use walk::{DryOutcome, DryStep, Writes, walk};
