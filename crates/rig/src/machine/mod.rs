//! Systems that boot: Debian in a container of systemd-nspawn, with an address on a network of its own.

mod control_groups;
mod debian;
mod far_away;
mod furniture;
mod network;
mod outfit;

pub use debian::{Debian, Machines};
pub use far_away::FarAway;
pub use outfit::Outfit;
