//! The library behind the `cutover` command. The binary only calls it.

pub mod absent;
pub mod args;
pub mod commands;
pub mod commands_to_type;
pub mod error;
pub mod exit;
pub mod harmless;
pub mod image_branches;
pub mod layout;
pub mod operator;
pub mod output;
pub mod over_ssh;
pub mod packer_builds;
pub mod patience;
pub mod planning;
mod program;
pub mod ready;
pub mod session;
pub mod show;
mod text_file;
pub mod wall;
pub mod watch;

pub use program::{command, main};
