//! What a window has begun, and what is missing from the file now: migrations, snapshots, and the count of tasks.

use std::collections::BTreeSet;

use crate::deployment::Deployment;
use crate::journal::{BegunMigration, Upgrade, begun_migrations, tasks_to_count};
use crate::names::{DatabaseName, FleetName, InstanceId, SnapshotId};
use crate::plan::Phase;

/// The migrations that were begun, of which nobody knows that they have ended well, and that the file does not name: no step
/// of a plan would observe them, and new code would run beside them.
#[must_use]
pub fn migrations_left(upgrade: &Upgrade, deployment: &Deployment) -> Vec<BegunMigration> {
    let begun = begun_migrations(upgrade).into_iter();
    begun.filter(|migration| !is_in(deployment, migration)).collect()
}

/// Whether the file has that migration, on the schema on which it was begun.
fn is_in(deployment: &Deployment, begun: &BegunMigration) -> bool {
    let Some(fleet) = deployment.fleet(&begun.fleet) else { return false };
    let same = deployment
        .migrations_of(fleet)
        .any(|migration| migration.service == begun.service && migration.database == begun.database);
    same && fleet.schemas.get(&begun.database) == Some(&begun.schema) && deployment.database_of(&begun.schema).is_some()
}

/// The snapshots of the last plan that lack something, with their databases, of which the file takes no snapshot any more: no
/// step of a new plan would ask for an operator's consent to them.
#[must_use]
pub fn snapshots_left(upgrade: &Upgrade, deployment: &Deployment) -> BTreeSet<(DatabaseName, SnapshotId)> {
    let Some(run) = upgrade.run_of(Phase::Window) else { return BTreeSet::new() };
    let planned = run.plan.steps.iter().flat_map(|step| run.snapshots_behind(step));
    let outdated = planned.filter(|id| upgrade.outdated_snapshots.contains(id));
    let of_database = outdated.filter_map(|id| Some((upgrade.begun_snapshots.get(id)?.clone(), id.clone())));
    let is_taken = |name: &DatabaseName| deployment.databases.iter().any(|other| other.name == *name && other.snapshot);
    of_database.filter(|(database, _)| !is_taken(database)).collect()
}

/// The fleets whose tasks have still to be counted, and of which the file does not say any more how: once visitors may see
/// the maintenance page, a new plan would leave them to the next hosts without anybody's consent. Where no current worker
/// `lives`, nothing could count them.
#[must_use]
pub fn counts_left<'a>(
    upgrade: &'a Upgrade,
    deployment: &Deployment,
    lives: impl Fn(&InstanceId) -> bool,
) -> Vec<&'a FleetName> {
    let counts = deployment.role.worker.as_ref().is_some_and(|worker| !worker.count_queues.is_empty());
    if counts { Vec::new() } else { tasks_to_count(upgrade, lives) }
}
