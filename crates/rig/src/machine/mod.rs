//! Debian systems: such that boot, in a container of systemd-nspawn with an address on a network of its own, and plain ones on
//! loopback.

mod control_groups;
mod debian;
mod far_away;
mod furniture;
mod image;
mod keeper;
mod kind;
mod network;
mod outfit;

pub use debian::{Debian, Machines};
pub use far_away::FarAway;
pub use image::Image;
pub use kind::Kind;
pub use outfit::Outfit;
