//! The world itself. `parts` has the data of its parts, `state` combines them, `furnish` creates a world from a
//! deployment, and `life` advances it in time. Each of the other modules is about one part: what calls and events do to
//! it. `routes` says where a request ends, `visitors` what visitors see, and `invariants` what must never happen.
//!
//! Modules depend on one another in this order: `chance` and `events`, `parts`, `state`, and everything else.

mod balancers;
mod builders;
mod chance;
mod compute;
mod databases;
mod dns;
mod events;
mod faults;
mod furnish;
mod images;
mod invariants;
mod jobs;
mod late;
mod life;
mod made;
mod migrations;
mod packing;
mod pages;
mod parts;
mod questions;
mod queues;
mod requests;
mod routes;
mod rows;
mod schema;
mod services;
mod sessions;
mod soak;
mod state;
mod storage;
mod tally;
mod visitors;

pub use made::Made;
pub use parts::{
    Fault, FaultKind, Invariant, KnownResources, Seen, Segment, Shares, SiteTimeline, Violation, VisitorReport,
};
pub(crate) use questions::Question;
pub(crate) use state::WORLD_VERSION;
pub use state::WorldState;
