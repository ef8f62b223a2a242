//! The preflight: compares an observation with what the plans rely on, days before the window. While an upgrade is under
//! way, what it has changed itself is expected (`under_way`). It changes nothing.

mod account;
mod basics;
mod check;
mod databases;
mod flaw;
mod hosts;
mod item;
mod name_servers;
mod page;
mod platform;
mod readiness;
mod sites;
mod traffic;
mod under_way;
mod unready;

pub use account::{StillToMake, account, still_to_make};
pub use check::check;
pub use item::{CheckItem, CheckState};
pub use name_servers::{NameAnswers, name_servers};
pub use readiness::{left_running, readiness};
pub use sites::{SiteAnswer, sites, sites_are_served};
pub use unready::unready;
