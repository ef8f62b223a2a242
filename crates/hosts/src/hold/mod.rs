//! What else writes on a host by itself: cron files and systemd timers, held back for the window and put back if the
//! upgrade is taken back.
//!
//! A script on the host does it. What is held back stays so when the host is restarted, and nothing is removed.

mod held;

#[cfg(test)]
mod tests;

pub use held::{GIVE_IT_A_FILE, NotTold, Order, State, Verb, answer, ask, asked, read, would_be_lost};
