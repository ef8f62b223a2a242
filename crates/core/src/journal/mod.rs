//! The journal: what happened, in the order in which it happened, and the one transition function for events.
//!
//! `record` is the envelope that the store keeps, `event` is what can happen, `decision` and `running_task` are parts of it, `kind` is what a run is for, `step` has the
//! statuses of steps and the transitions between them, `run` is a plan as it was run, `state` is the fold of all events,
//! `dns_answer` is what servers have answered, `late_requests` what still arrived at current hosts, `begun` lists migrations that were begun, `migrations` works out what their jobs have applied, of which `ran` is the data,
//! `old_code` is what was found running on a migrated schema, `outdated` has the snapshots that lack something and `snapshots` what follows from that, `tasks` is about those that workers
//! have left, `traces` about processes that show nothing once their program has ended, `hosts` about those that a window needs
//! or goes on without, `page` about the maintenance page, `page_seen` is what checks of sites have seen, and `measure` computes the times of a run. `version_1` reads the
//! first format of records.

mod answered;
mod begun;
mod decision;
mod dns_answer;
mod event;
mod hosts;
mod kind;
mod late_requests;
mod measure;
mod migrations;
mod old_code;
mod outdated;
mod page;
mod page_seen;
mod ran;
mod record;
mod run;
mod running_task;
mod snapshots;
mod state;
mod step;
mod tasks;
mod traces;
pub mod version_1;

pub use answered::Answered;
pub use begun::{BegunMigration, begun_migrations, migration_was_begun, was_done_by};
pub use decision::Decision;
pub use dns_answer::{DnsAnswer, DnsServer};
pub use event::{Event, Fact};
pub use hosts::{
    hosts_left_out, hosts_needed, lacks_all_hosts, lacks_hosts, must_be_down, must_run, started_hosts, stopped_early,
};
pub use kind::{RunKind, RunNumber};
pub use late_requests::LateRequests;
pub use measure::{
    ActualPath, critical_lines, critical_path, gates_and_migrations, migrations_beside, opens_by, page_may_lift,
    remaining, way_back, window_length,
};
pub use migrations::{MigrationProgress, moved, progress_of, ran, warning};
pub use old_code::OldCode;
pub use outdated::{FoundRunning, OutdatedSnapshots};
pub use page::{downtime_began, page_is_up, page_was_posted};
pub use page_seen::PageSeen;
pub use ran::{Applying, Moved, Ran, ZERO};
pub use record::{RECORD_VERSION, Record};
pub use run::{LastLook, Run};
pub use running_task::RunningTask;
pub use snapshots::{lacks_snapshot, needs_consent_to_snapshot, needs_new_snapshot};
pub use state::Upgrade;
pub use step::{Acted, IllegalTransition, StepRun, StepStatus, next_status, unseen};
pub use tasks::{needs_another_worker, tasks_left, tasks_to_count};
pub use traces::{TracedProcess, Traces};
