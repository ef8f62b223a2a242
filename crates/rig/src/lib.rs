//! Real hosts for tests and benchmarks. It is not part of the program, and knows nothing of cutover's other crates.
//!
//! There are two kinds of hosts behind one interface, [`Host`]:
//! - [`Debian`] is a whole Debian with sshd, supervisor and Python, with an address of its own. It takes root. Usually it boots with
//!   systemd in a second or two, and can be rebooted, have its cable pulled, be far away, and have its disk filled. Where that
//!   cannot be done, it may be [`Kind::Plain`]: processes on loopback that see a Debian, and no other processes.
//! - [`Plain`] is an sshd on loopback with a supervisord of its own, for any user and in 0.2 s.
//!
//! Nothing is left behind, even if the test process is killed. Several processes may use rigs at the same time.
//!
//! - `host`: the interface;
//! - `operator`: the keys, known hosts and OpenSSH configuration with which hosts are reached;
//! - `authority`, `agent`: an authority that signs keys, and an ssh-agent;
//! - `plain`, `supervisord`: servers on loopback;
//! - `machine`: Debian systems, such that boot and plain ones;
//! - `moto`: the server that stands in for AWS, and `http`: messages of those who talk to it;
//! - `program`: how other programs are started.

#![expect(
    clippy::disallowed_methods,
    reason = "a rig starts real programs and waits in real time, with this machine's PATH"
)]

mod agent;
mod authority;
mod host;
mod http;
mod machine;
mod moto;
mod operator;
mod plain;
mod program;
mod supervisord;

pub use agent::Agent;
pub use authority::Authority;
pub use host::Host;
pub use http::HttpMessage;
pub use machine::{Debian, FarAway, Image, Kind, Machines, Outfit};
pub use moto::Moto;
pub use operator::{Endpoint, Operator};
pub use plain::Plain;
pub use program::Ran;
