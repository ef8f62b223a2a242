//! A dry run: walks a plan, looks at what each step is about, and says what it would do. Nothing is put on record,
//! nobody is waited for, and nothing runs on hosts.
//!
//! What a step would leave behind is imagined for the steps after it: the ids of hosts and images that are not there
//! yet are placeholders, and what an earlier step would have changed is not looked at. What steps say in words is in
//! `words`.

mod walk;
mod words;

pub use walk::{DryOutcome, DryStep, Writes, walk};
