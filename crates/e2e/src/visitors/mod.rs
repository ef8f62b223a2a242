//! People who use the site all the time, and what they see.

mod connection;
mod habit;
mod seen;
mod tester;
mod visitor;

pub use habit::Habit;
pub use seen::{Counts, Mishap, Seen};
pub use tester::header_at;
pub use visitor::{Visit, Visitors};
