//! How single steps are observed and carried out, against ports whose answers a test decides: what is waited for, what
//! is not done twice, and what is refused. Whole upgrades are in `tests/upgrades`.

mod balancers;
mod before_lift;
mod consents;
mod dns;
mod dry;
mod gone;
mod held;
mod hosts;
mod images;
mod jobs;
mod left_behind;
mod migration_evidence;
mod migration_limits;
mod migration_progress;
mod migrations;
mod pages;
mod removals;
mod rows;
mod sequences;
mod services;
mod sessions;
mod soak;
mod stage;
mod waits;
mod write_checks;
