//! Everything that an upgrade needs, put together: hosts that boot at the addresses that moto gives them, the servers of the
//! site, the account, the operator's files, and the program as the operator starts it.
//!
//! - `deployment`: what there is, and the deployment file that describes it;
//! - `addresses`: where servers listen;
//! - `zones`: what the name servers know;
//! - `world`: the effects of what is written to the account;
//! - `members`: who is in the balancers, as AWS would say it;
//! - `program`: the program, started as an operator starts it;
//! - `furnished`: all of that, started in the right order.

mod addresses;
mod deployment;
mod furnished;
mod members;
mod pace;
mod program;
mod world;
mod zones;

pub use deployment::{BRANCH, BUCKET, Deployment, FleetSize};
pub use furnished::Stage;
pub use program::{Conductor, Program, Ran};
pub use world::World;
