//! Snapshots of database instances. The plan chose their identifiers.

use cutover_core::journal::Fact;
use cutover_core::names::{DatabaseName, SnapshotId};

use super::{Seen, StepContext};
use crate::gate::Permit;
use crate::halt::WriteError;
use crate::ports::Answer;

pub(super) async fn taken(context: &StepContext<'_>, database: &DatabaseName, id: &SnapshotId) -> Answer<Seen> {
    match context.ask(async |world| world.databases.snapshot(database, id).await).await? {
        None => Ok(Seen::NotYet),
        Some(snapshot) if snapshot.available => {
            Ok(Seen::Holds(vec![Fact::SnapshotTaken { database: database.clone(), snapshot: id.clone() }]))
        }
        Some(_) => Ok(Seen::UnderWay([id.as_str(), " is being made"].concat())),
    }
}

pub(super) async fn take(
    context: &StepContext<'_>,
    database: &DatabaseName,
    id: &SnapshotId,
) -> Result<(), WriteError> {
    let databases = &context.world.databases;
    let begin = async |permit: &Permit| databases.begin_snapshot(permit, database, id).await;
    context.write("begin_snapshot", begin).await
}
