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
        None if comes_too_late(context, database) => Ok(too_late(context, database, id)),
        None => Ok(Seen::NotYet),
        Some(snapshot) if snapshot.available => {
            Ok(Seen::Holds(vec![Fact::SnapshotTaken { database: database.clone(), snapshot: id.clone() }]))
        }
        Some(_) => Ok(Seen::UnderWay([id.as_str(), " is being made"].concat())),
    }
}

fn too_late(context: &StepContext<'_>, database: &DatabaseName, id: &SnapshotId) -> Seen {
    let what = match context.journal.upgrade().begun_snapshots.contains_key(id) {
        true => format!("{id} is gone"),
        false => format!("no snapshot of {database} was taken"),
    };
    let why = format!("{what}, and a migration of {database} was begun: a snapshot taken now is none to go back to");
    Seen::never(why, format!("to take one all the same: --retry {}", context.step.id))
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
