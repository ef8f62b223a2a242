//! Database instances and their snapshots. The migrations of the schemas on them are in `migrations`.

use std::collections::BTreeMap;
use std::time::Duration;

use cutover_core::names::{DatabaseName, SnapshotId};
use cutover_core::observation::{DatabaseState, Snapshot};
use cutover_core::time::{between, later};
use cutover_engine::failure::Failure;
use cutover_engine::ports::Answer;

use super::events::Event;
use super::parts::Database;
use super::state::WorldState;

/// The maximum age of the newest snapshot with which the next one is quick.
const RECENT: Duration = Duration::from_secs(12 * 3600);

impl WorldState {
    pub(crate) fn database_states(&self, names: &[DatabaseName]) -> BTreeMap<DatabaseName, DatabaseState> {
        let snapshots = |name: &DatabaseName, database: &Database| {
            let snapshots = database.snapshots.iter().cloned();
            snapshots.filter_map(|snapshot| self.shown_snapshot(name, snapshot)).collect()
        };
        let state = |name: &DatabaseName| {
            Some(DatabaseState { available: true, snapshots: snapshots(name, self.databases.get(name)?) })
        };
        names.iter().filter_map(|name| Some((name.clone(), state(name)?))).collect()
    }

    pub(crate) fn snapshot(&self, name: &DatabaseName, id: &SnapshotId) -> Answer<Option<Snapshot>> {
        let database = self.databases.get(name).ok_or_else(|| no_database(name))?;
        let found = database.snapshots.iter().find(|snapshot| snapshot.id == *id).cloned();
        Ok(found.and_then(|snapshot| self.shown_snapshot(name, snapshot)))
    }

    pub(crate) fn begin_snapshot(&mut self, name: &DatabaseName, id: &SnapshotId) -> Answer<()> {
        let database = self.databases.get(name).ok_or_else(|| no_database(name))?;
        if database.snapshots.iter().any(|snapshot| snapshot.id == *id) {
            return Err(Failure::permanent(format!("{name} already has a snapshot {id}")));
        }
        let newest = database.snapshots.iter().rfind(|snapshot| snapshot.available);
        let recent = newest.is_some_and(|snapshot| between(snapshot.started, self.now) <= RECENT);
        let expected = &self.deployment.expected;
        let expected = if recent { expected.incremental_snapshot } else { expected.snapshot };
        let due = later(self.now, self.varied(&["snapshot", name.as_str(), id.as_str()], expected.duration()));
        self.writes_snapshot(name, id);
        let started = self.now;
        if let Some(database) = self.databases.get_mut(name) {
            database.snapshots.push(Snapshot { id: id.clone(), started, available: false });
        }
        self.agenda.schedule(due, Event::SnapshotTaken { database: name.clone(), snapshot: id.clone() });
        Ok(())
    }

    pub(crate) fn snapshot_is_taken(&mut self, database: &DatabaseName, id: &SnapshotId) {
        let snapshots = self.databases.get_mut(database).map(|database| &mut database.snapshots);
        if let Some(snapshot) = snapshots.into_iter().flatten().find(|snapshot| snapshot.id == *id) {
            snapshot.available = true;
        }
    }
}

fn no_database(name: &DatabaseName) -> Failure {
    Failure::permanent(format!("there is no database instance {name}; see [[database]] in the deployment file"))
}
