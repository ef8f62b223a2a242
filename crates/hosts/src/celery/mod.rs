//! Tasks of celery's workers.
//!
//! - `active`: the tasks that the workers of a host run;
//! - `python`: dictionaries in Python's notation, in which celery prints them unless it is told to print JSON.

mod active;
mod python;

pub use active::{Active, NotTold, Task, answer, ask, is_asked, read};
