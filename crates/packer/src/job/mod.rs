//! A build as a process of this machine that outlives cutover, and is never started twice.
//!
//! Each token has a folder of its own:
//!
//! | file | what it is |
//! |---|---|
//! | `lock` | locked by `keeper.sh`, by Packer, and by everything that they start. The kernel unlocks it when the last of them is gone |
//! | `start.json` | the record of the start: where, with what, in which boot |
//! | `began` | empty. From here on Packer may have run |
//! | `output.NUMBER` | what was printed, in pieces of one size. The first and the last ones are kept |
//! | `open`, `ended.STATUS` | what the next one is called until Packer has ended, and then until all of its output is written |
//! | `exit.STATUS` | empty; its name is how Packer ended. Renaming a file needs no room on a disk |
//! | `variables.pkrvars.json` | what the template gets |
//! | `manifest.json` | where the `manifest` post-processor may write |
//!
//! So the lock tells whether a build runs, and which processes it has. No process id is on record, because the kernel gives them
//! again to other processes. `door`, beside the folders, is locked for a moment by each cutover that looks or starts, so that two
//! of them do not take each other for a build.
//!
//! A build has a session of its own, so that it outlives cutover's terminal. It does not outlive what ends all processes at once: a
//! restart of the machine, or the end of a systemd unit or a container that cutover runs in.
//!
//! The folders are of one [`Machine`]. A colleague who takes over on another one does not see them, unless they are shared:
//! whoever starts a build records where, and asks the account for the build's tag before starting one elsewhere.
//!
//! While the disk is full, what is printed is lost, and nothing else.
//!
//! The keeper gets its lock from the one who starts it, as its standard input. A start that was cut off before the keeper began
//! has run nothing, and the build is started anew. One that was cut off later is found.

mod door;
mod machine;
mod output;
mod place;
mod processes;
mod record;
mod remove;
mod signal;
mod start;
mod state;

pub use machine::Machine;
pub use place::Job;
pub use signal::Signalled;
pub use start::{Start, Started};
pub use state::State;

#[cfg(test)]
mod tests;
