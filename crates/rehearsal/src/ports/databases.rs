//! Database instances.

use std::collections::BTreeMap;

use async_trait::async_trait;

use cutover_core::names::{DatabaseName, SnapshotId};
use cutover_core::observation::{DatabaseState, Snapshot};
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Answer, Databases};

use crate::EmbeddedCloud;

#[async_trait(?Send)]
impl Databases for EmbeddedCloud {
    async fn databases(&self, names: &[DatabaseName]) -> Answer<BTreeMap<DatabaseName, DatabaseState>> {
        self.look("databases", |world| Ok(world.database_states(names))).await
    }

    async fn snapshot(&self, database: &DatabaseName, id: &SnapshotId) -> Answer<Option<Snapshot>> {
        self.look("snapshot", |world| world.snapshot(database, id)).await
    }

    async fn begin_snapshot(&self, permit: &Permit, database: &DatabaseName, id: &SnapshotId) -> Answer<()> {
        let (database, id) = (database.clone(), id.clone());
        self.change("begin_snapshot", permit, move |world| world.begin_snapshot(&database, &id)).await
    }
}
