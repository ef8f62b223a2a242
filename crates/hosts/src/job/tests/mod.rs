//! The helper on this machine.

mod failures;
mod host;
mod interrupted;
mod processes;
mod systemd;
