//! Carries commands to hosts over the operator's OpenSSH, and brings their answers back complete or not at all.
//!
//! The `ssh` program makes every connection, so that the operator's configuration holds: agents, keys, certificates, jump
//! hosts, `Match` and `ControlPath`. Each host gets one master connection, which stays open between commands. Commands are
//! sent through its control socket without starting another process.
//!
//! - `settings`: what the deployment file says about connections;
//! - `host_keys`: the keys of a host, as it printed them on its console;
//! - `options`: the options of `ssh` that a conductor depends on;
//! - `arguments`: the command line of `ssh`;
//! - `way`: jump hosts on the way to a host, and commands that lead there;
//! - `effective`: what the operator's configuration says about a host;
//! - `program`: how `ssh` is started;
//! - `turns`: a limit on the connections that are being made at the same time;
//! - `master`: the master connection of one host, from its launch to its end;
//! - `trouble`: why a host could not be asked, read from what `ssh` has logged;
//! - `port`: the engine's port for hosts, on these;
//! - `hosts`: all hosts, each with its master connection;
//! - `limits`: time limits, the only use of timers.

mod arguments;
mod effective;
mod host_keys;
mod hosts;
mod limits;
mod master;
mod options;
mod port;
mod program;
mod settings;
mod trouble;
mod turns;
mod way;

pub use host_keys::HostKeys;
pub use hosts::{Peer, SshHosts};
pub use port::{HostsOverSsh, Inventory};
pub use settings::Settings;
pub use trouble::Trouble;
