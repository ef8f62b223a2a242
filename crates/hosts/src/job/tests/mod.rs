//! The helper on this machine.

mod failures;
mod systemd;
