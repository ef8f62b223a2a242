//! The servers of a site that are not on its hosts. They are Debian's, in a system of their own (`CUTOVER_SERVERS`), so that
//! nothing is installed on this computer for them, and they run in its network. Each is a value, and ends with it.
//!
//! - `room`: the folder in which the servers of a run keep their files, and how they are started there;
//! - `process`: a server that runs, and ends even if this process is killed;
//! - `database`: MariaDB; `broker`: Redis;
//! - `balancers`: HAProxy, which sends visitors to hosts, and `edge`, one that stands in for CloudFront; `haproxy` and `runtime`:
//!   how both are started, and told what to change;
//! - `names`: knot, which serves zones, `resolver`: unbound, which asks it and keeps the answers, and `question`: how both
//!   are asked;
//! - `certificates`: an authority that exists for one run.

mod balancers;
mod broker;
mod certificates;
mod database;
mod edge;
mod haproxy;
mod names;
mod process;
mod question;
mod resolver;
mod room;
mod runtime;

pub use balancers::{Balancer, Balancers, Checks, Health};
pub use broker::Broker;
pub use certificates::Authority;
pub use database::{Database, Session};
pub use edge::{CACHE_HEADER, Edge, Page};
pub use names::{NameServers, Zone};
pub use question::{Answer, ask};
pub use resolver::Resolver;
pub use room::{Room, system};
