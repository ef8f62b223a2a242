//! The parts of the world, as data. The functions that change them are in the modules next to this folder, and the type
//! that combines them is in `state`.

mod balancers;
mod compute;
mod databases;
mod dns;
mod faults;
mod images;
mod late;
mod migrations;
mod pages;
mod queues;
mod reach;
mod services;
mod tally;
mod visitors;
mod watch;

pub(crate) use balancers::*;
pub(crate) use compute::*;
pub(crate) use databases::*;
pub(crate) use dns::*;
pub use faults::*;
pub(crate) use images::*;
pub(crate) use late::*;
pub(crate) use migrations::*;
pub(crate) use pages::*;
pub(crate) use queues::*;
pub(crate) use reach::*;
pub(crate) use services::*;
pub(crate) use tally::*;
pub use visitors::*;
pub use watch::*;
