//! The command line, as data. The commands themselves are in `commands/`, one file each.

pub mod branch;
mod cli;
pub mod image;
mod mistyped;

pub use cli::{
    ApproveArgs, Cli, Command, FileArgs, InitArgs, LookArgs, OrderName, PhaseArgs, PhaseName, PlanArgs, PolicyArgs,
    RehearseArgs, ReportArgs,
};
pub use mistyped::explained;
