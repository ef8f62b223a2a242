//! What is looked at right before a migration: all hosts of all fleets that write to the database instance. The last look of
//! each fleet is on record as done, but may be old, and another fleet may have begun its migrations since.

use cutover_core::journal::{LastLook, Upgrade, started_hosts};
use cutover_core::names::{HostName, SnapshotId};
use cutover_core::plan::{HostPrograms, Lane, Migrate};

use super::StepContext;

/// The hosts of one fleet on which nothing may run, and the snapshots that must hold all that they have written.
pub(super) struct MustBeStopped {
    pub(super) hosts: Vec<HostPrograms>,
    pub(super) snapshots: Vec<SnapshotId>,
}

/// Those of all fleets that write to the database instance that this step migrates.
pub(super) fn must_be_stopped(context: &StepContext<'_>, migrate: &Migrate) -> Vec<MustBeStopped> {
    let upgrade = context.journal.upgrade();
    let looks = upgrade.current_run().into_iter().flat_map(|run| run.last_looks_before(migrate));
    looks.map(|look| without_started(&upgrade, look, &context.step.lane)).collect()
}

/// Whether services may run on this host: the window has already started them there for another fleet. It is asked after the
/// host has answered, because they may be started while hosts are looked at.
pub(super) fn may_run(context: &StepContext<'_>, host: &HostName) -> bool {
    let upgrade = context.journal.upgrade();
    let own = upgrade.current_run().and_then(|run| run.last_look(&context.step.lane));
    let is_own = own.is_some_and(|look| look.hosts.iter().any(|known| known.host.name == *host));
    !is_own && started_hosts(&upgrade).contains(host)
}

/// Another fleet may have migrated already: the next services that the window has started there are right.
fn without_started(upgrade: &Upgrade, look: LastLook<'_>, own: &Lane) -> MustBeStopped {
    let started = if look.lane == own { Default::default() } else { started_hosts(upgrade) };
    let hosts = look.hosts.iter().filter(|host| !started.contains(&host.host.name));
    MustBeStopped { hosts: hosts.cloned().collect(), snapshots: look.snapshots.to_vec() }
}
