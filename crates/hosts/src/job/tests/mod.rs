//! The helper on this machine.

mod failures;
mod host;
mod processes;
mod systemd;
