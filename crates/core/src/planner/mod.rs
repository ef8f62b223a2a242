//! The planner: a pure function of the deployment, an observation and the journal.
//!
//! The steps of each phase are built in a separate module. `order` adds the runbook's own order if that is requested,
//! `basis` says what the plan was made from, and `blocked` says why a phase cannot be planned.

mod announce;
mod basis;
mod begun;
mod blocked;
mod blocked_by_journal;
mod blocked_by_world;
mod build;
mod gates;
mod hosts;
mod images;
mod inputs;
mod order;
mod phases;
mod prepare;
mod prepared;
mod recorded;
mod retire;
mod window;
mod words;

pub use announce::{is_announced, is_announced_otherwise, is_down};
pub use begun::{counts_left, migrations_left, snapshots_left};
pub use blocked::Blocked;
pub use blocked_by_journal::{added_migrations, posts_again};
pub use blocked_by_world::{blocked_by_world, cannot_serve};
pub use hosts::{current_hosts, left_out, next_host_step, next_hosts, unprepared_hosts};
pub use images::image_to_build;
pub use inputs::Inputs;
pub use phases::{cannot_open, forecast, plan, plan_digested};
pub use recorded::would_post_again;
pub use words::maintenance_page;
