//! The preflight: compares an observation with what the plans rely on, days before the window. It changes nothing.

mod account;
mod check;
mod hosts;
mod item;
mod name_servers;
mod page;
mod platform;
mod readiness;
mod traffic;

pub use account::{StillToMake, account, still_to_make};
pub use check::check;
pub use item::{CheckItem, CheckState};
pub use name_servers::{NameAnswers, name_servers};
pub use readiness::readiness;
