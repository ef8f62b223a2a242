//! The planner: a pure function of the deployment, an observation and the journal.
//!
//! One module a phase builds its steps; `order` adds the runbook's own order where that is asked for; `basis`
//! says what the plan was made from; `blocked` why there is none.

mod announce;
mod basis;
mod blocked;
mod build;
mod gates;
mod hosts;
mod inputs;
mod order;
mod phases;
mod prepare;
mod retire;
mod window;
mod words;

pub use blocked::Blocked;
pub use hosts::{current_hosts, next_host_step, next_hosts};
pub use inputs::Inputs;
pub use phases::{forecast, plan};
pub use words::maintenance_page;
