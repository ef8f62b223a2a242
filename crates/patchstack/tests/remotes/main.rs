//! Publishing and mirroring with real git against real remotes: bare repositories beside the clone, and the same
//! behind a real sshd and behind an https server on this machine. No network.

#![expect(clippy::disallowed_methods, reason = "tests run git and sshd as an operator would, with this machine's PATH")]

mod https;
mod mirror;
mod publish;
mod ssh;
mod sshd;
mod support;
mod web;
