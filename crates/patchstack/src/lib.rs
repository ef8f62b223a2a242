//! A stack of patches on top of the releases of another project: listed, forecast, rebased, verified, published.
//!
//! Nothing here knows of deployments or upgrades. Git does the merging, in a scratch repository that borrows the
//! objects of the operator's; of the operator's repository only refs under `refs/cutover/`, the notes in
//! `refs/notes/cutover`, and what a command names are ever written.
//!
//! There is no clock and no environment in here: callers pass moments and the variables that git may inherit.

pub mod create;
pub mod error;
pub mod forecast;
pub mod git;
pub mod identity;
pub mod ledger;
mod left_behind;
mod marks;
pub mod mirror;
pub mod names;
mod origin;
pub mod patches;
pub mod publish;
pub mod rebase;
pub mod releases;
pub mod remote;
pub mod replay;
pub mod repository;
mod shell;
pub mod stack;
pub mod status;
#[cfg(test)]
mod testing;
mod threads;
mod upstream;
pub mod verify;
pub mod watch;
mod wildcard;
pub mod withdrawn;
