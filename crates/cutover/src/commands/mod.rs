//! The commands, one file each.

mod approve;
mod branch;
mod check;
mod completions;
mod dispatch;
mod dry_run;
mod image;
mod init;
mod look;
mod phase;
mod plan;
mod policy;
mod rehearse;
mod report;
mod runtime;
mod schema;
mod status;
mod world;

pub use dispatch::run;
use runtime::block_on;
