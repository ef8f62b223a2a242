//! Snapshots of database instances. The plan chose their identifiers.

use cutover_core::journal::{Fact, migration_was_begun};
use cutover_core::names::{DatabaseName, SnapshotId};
use cutover_core::plan::Line;

use super::{Seen, StepContext};
use crate::gate::Permit;
use crate::halt::WriteError;
use crate::ports::Answer;

pub(super) async fn taken(context: &StepContext<'_>, database: &DatabaseName, id: &SnapshotId) -> Answer<Seen> {
    match context.ask(async |world| world.databases.snapshot(database, id).await).await? {
        None if comes_too_late(context, database) => Ok(Seen::never(
            format!(
                "{id} is gone, and a migration of {database} was begun since: a snapshot taken now is none to go back to"
            ),
            format!("find out who removed it; to take one all the same: --retry {}", context.step.id),
        )),
        None => Ok(Seen::NotYet),
        Some(snapshot) if snapshot.available => {
            Ok(Seen::Holds(vec![Fact::SnapshotTaken { database: database.clone(), snapshot: id.clone() }]))
        }
        Some(_) => Ok(Seen::UnderWay([id.as_str(), " is being made"].concat())),
    }
}

/// Whether a snapshot of the window would be taken of a database that may be migrated, which nobody has consented to.
fn comes_too_late(context: &StepContext<'_>, database: &DatabaseName) -> bool {
    let is_consented = context.run().retry_approved || context.retries > 0;
    context.step.line == Line::Snapshot && !is_consented && migration_was_begun(&context.journal.upgrade(), database)
}

pub(super) async fn take(
    context: &StepContext<'_>,
    database: &DatabaseName,
    id: &SnapshotId,
) -> Result<(), WriteError> {
    if comes_too_late(context, database) {
        return Ok(());
    }
    // Recorded before the call: whatever is found to run from now on may be missing from it.
    context.learn(Fact::SnapshotBegun { database: database.clone(), snapshot: id.clone() }).await?;
    let databases = &context.world.databases;
    let begin = async |permit: &Permit| databases.begin_snapshot(permit, database, id).await;
    context.write("begin_snapshot", begin).await
}
