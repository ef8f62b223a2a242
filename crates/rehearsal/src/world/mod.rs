//! The world itself, by subject. `state` holds it and moves it through time, `furnish` makes it from a deployment;
//! each of the others is one part of the cloud, with what calls do to it and what happens to it.
//! `routes` says where a request ends, `visitors` what people saw, `invariants` what must never happen.

mod balancers;
mod chance;
mod compute;
mod databases;
mod dns;
mod events;
mod faults;
mod furnish;
mod images;
mod invariants;
mod late;
mod made;
mod migrations;
mod pages;
mod queues;
mod routes;
mod services;
mod state;
mod tally;
mod visitors;

pub use faults::{Fault, FaultKind};
pub use invariants::{Invariant, KnownResources, Violation};
pub use made::Made;
pub(crate) use state::WORLD_VERSION;
pub use state::WorldState;
pub use visitors::{Seen, Segment, Shares, SiteTimeline, VisitorReport};
