//! What every implementation of the engine's ports must keep: one suite, for tests on the embedded cloud and on AWS.
//!
//! A contract is the smallest statement that the engine leans on, told by its name. It stands in a world that is
//! furnished for [`deployment`], perhaps together with all the others: it makes what it needs under names of its own,
//! and changes nothing that another looks at. Hosts and messages to people have no contracts here.
//!
//! Beside it stands what tests of whole upgrades on any implementation begin with: [`crew`], [`planned`] and [`launch`].

mod account;
mod balancers;
mod broken;
mod compute;
mod contracts;
mod crew;
mod databases;
mod dns;
mod images;
mod outside;
mod pages;
mod stage;

pub use broken::{Broken, Kept};
pub use contracts::*;
pub use crew::{crew, planned};
pub use stage::{Stage, deployment, gate, launch};
