//! What follows from snapshots that lack what was written after they were begun: another one is taken, or somebody consents.

use super::begun::migration_was_begun;
use super::{Fact, Run, Upgrade};
use crate::names::SnapshotId;
use crate::plan::Step;

/// Whether a step of a window was not done because a snapshot lacks what was written after it was begun.
#[must_use]
pub fn lacks_snapshot(run: &Run, step: &Step) -> bool {
    run.run(&step.id).facts.iter().any(|fact| matches!(fact, Fact::SnapshotsLack { .. }))
}

/// Whether nothing goes on without an operator's consent to a snapshot that lacks something: no other one can be taken.
#[must_use]
pub fn needs_consent_to_snapshot(run: &Run, upgrade: &Upgrade) -> bool {
    !needs_new_snapshot(run, upgrade) && run.failed().any(|(step, _)| lacks_snapshot(run, step))
}

/// Whether a window has failed because a snapshot lacks what was written after it was begun, and another one can be taken
/// instead: no migration has been begun, and the window is planned again.
#[must_use]
pub fn needs_new_snapshot(run: &Run, upgrade: &Upgrade) -> bool {
    run.failed().any(|(step, _)| {
        let behind = run.snapshots_behind(step).iter();
        let outdated: Vec<&SnapshotId> = behind.filter(|id| upgrade.outdated_snapshots.contains(id)).collect();
        !outdated.is_empty() && can_be_taken_again(upgrade, outdated)
    })
}

/// Whether a new plan may take other snapshots instead of these: none of their databases may be migrated.
fn can_be_taken_again<'a>(upgrade: &Upgrade, snapshots: impl IntoIterator<Item = &'a SnapshotId>) -> bool {
    let databases = snapshots.into_iter().map(|id| upgrade.begun_snapshots.get(id));
    databases.into_iter().all(|database| database.is_some_and(|name| !migration_was_begun(upgrade, name)))
}
