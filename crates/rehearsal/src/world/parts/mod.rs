//! The parts of the world, as data. The functions that change them are in the modules next to this folder, and the type
//! that combines them is in `state`.

mod balancers;
mod compute;
mod databases;
mod dns;
mod faults;
mod images;
mod jobs;
mod known_resources;
mod late;
mod migrations;
mod packing;
mod pages;
mod queues;
mod reach;
mod script;
mod services;
mod tally;
mod visitors;
mod watch;

pub(crate) use balancers::{Balancer, Member};
pub(crate) use compute::{Building, Host};
pub(crate) use databases::Database;
pub(crate) use dns::{Cache, Change, Left, Resolver, Server, Zone};
pub use faults::{Fault, FaultKind};
pub(crate) use images::Image;
pub(crate) use jobs::{Ending, Job, Work};
pub use known_resources::KnownResources;
pub(crate) use late::{Before, Earlier};
pub(crate) use migrations::{APPS, FAILURE, Migrations, begin_of, list_of, name_of};
pub(crate) use packing::Packing;
pub(crate) use pages::{Pages, location};
pub(crate) use queues::Queue;
pub(crate) use reach::Reach;
pub(crate) use script::Script;
pub(crate) use services::{Process, Program};
pub(crate) use tally::{Counted, Tally};
pub use visitors::{Seen, Segment, Shares, SiteTimeline, VisitorReport};
pub(crate) use visitors::{Streams, Visitors, WHOLE, part, split, visit_time};
pub(crate) use watch::Watch;
pub use watch::{Invariant, Violation};
