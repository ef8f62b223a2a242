//! Snapshots of database instances, under identifiers that the plan chose.

use cutover_core::journal::Fact;
use cutover_core::names::{DatabaseName, SnapshotId};

use super::{Scene, Seen};
use crate::ports::Answer;

pub(super) async fn taken(scene: &Scene<'_>, database: &DatabaseName, id: &SnapshotId) -> Answer<Seen> {
    match scene.world.databases.snapshot(database, id).await? {
        None => Ok(Seen::NotYet),
        Some(snapshot) if snapshot.available => {
            Ok(Seen::Holds(vec![Fact::SnapshotTaken { database: database.clone(), snapshot: id.clone() }]))
        }
        Some(_) => Ok(Seen::UnderWay(format!("{id} is being made"))),
    }
}
