//! Database instances on RDS and their snapshots.
//!
//! RDS lowers the case of identifiers: names are compared without case, and returned as they were given.

use std::collections::BTreeMap;
use std::rc::Rc;

use async_trait::async_trait;

use cutover_core::names::{DatabaseName, DeploymentName, SnapshotId, UpgradeId};
use cutover_core::observation::{DatabaseState, Snapshot};
use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Answer, Clock, Databases};

use super::tags;
use crate::connection::Connection;
use crate::operations::rds;

/// Which snapshots the upgrade takes, and how it tags them.
#[derive(Clone, Debug)]
pub(crate) struct Snapshots {
    /// The deployment that they belong to.
    pub(crate) deployment: DeploymentName,
    /// The upgrade that takes them.
    pub(crate) upgrade: UpgradeId,
    /// The database instances that they are taken of.
    pub(crate) databases: Vec<DatabaseName>,
}

/// Database instances.
pub struct AwsDatabases {
    connection: Rc<Connection>,
    snapshots: Snapshots,
    clock: Rc<dyn Clock>,
}

impl AwsDatabases {
    pub(crate) fn new(connection: &Rc<Connection>, snapshots: Snapshots, clock: Rc<dyn Clock>) -> Self {
        Self { connection: Rc::clone(connection), snapshots, clock }
    }

    /// Refuses members of clusters of which the file wants snapshots: better now than once the sites are down.
    fn none_is_of_a_cluster(&self, instances: &[rds::DBInstance]) -> Answer<()> {
        for database in &self.snapshots.databases {
            let found = instances.iter().find(|instance| same(&instance.identifier, database.as_str()));
            if let Some(cluster) = found.and_then(|found| found.cluster.as_deref()).filter(|name| !name.is_empty()) {
                return Err(Failure::permanent(format!(
                    "database instance {database} is a member of cluster {cluster}, and RDS takes snapshots only of whole \
                     clusters, which cutover does not do"
                ))
                .with_hint(
                    "set `snapshot = false` and `warm_up_snapshot = false` for it, and take the cluster's snapshot yourself",
                ));
            }
        }
        Ok(())
    }

    fn snapshot_of(&self, snapshot: &rds::DBSnapshot, id: SnapshotId) -> Snapshot {
        // Shortly after the call RDS does not give the time yet: then it was just now.
        let created = snapshot.created.unwrap_or_else(|| self.clock.now());
        Snapshot { id, started: created, available: snapshot.status.as_deref() == Some("available") }
    }
}

#[async_trait(?Send)]
impl Databases for AwsDatabases {
    async fn databases(&self, names: &[DatabaseName]) -> Answer<BTreeMap<DatabaseName, DatabaseState>> {
        if names.is_empty() {
            return Ok(BTreeMap::new());
        }
        // Unlike a name, a filter does not fail for what is not there, and takes all names in one call.
        let filters = of_databases(names);
        let request = rds::DescribeDBInstances { filters: filters.clone(), ..Default::default() };
        let pages = self.connection.pages(request).await?;
        let instances: Vec<rds::DBInstance> = pages.into_iter().flat_map(|page| page.instances).collect();
        self.none_is_of_a_cluster(&instances)?;
        let pages = self.connection.pages(rds::DescribeDBSnapshots { filters, ..Default::default() }).await?;
        let snapshots: Vec<rds::DBSnapshot> = pages.into_iter().flat_map(|page| page.snapshots).collect();
        let state = |name: &DatabaseName| {
            let instance = instances.iter().find(|instance| same(&instance.identifier, name.as_str()))?;
            let of_this = |snapshot: &&rds::DBSnapshot| {
                snapshot.instance_identifier.as_deref().is_some_and(|instance| same(instance, name.as_str()))
            };
            let mut snapshots: Vec<Snapshot> = snapshots
                .iter()
                .filter(of_this)
                .map(|snapshot| self.snapshot_of(snapshot, snapshot.identifier.as_str().into()))
                .collect();
            snapshots.sort_by(|one, other| (one.started, &one.id).cmp(&(other.started, &other.id)));
            Some((name.clone(), DatabaseState { available: is_available(instance), snapshots }))
        };
        Ok(names.iter().filter_map(state).collect())
    }

    async fn snapshot(&self, database: &DatabaseName, id: &SnapshotId) -> Answer<Option<Snapshot>> {
        let request = rds::DescribeDBSnapshots {
            instance_identifier: Some(database.to_string()),
            snapshot_identifier: Some(id.to_string()),
            ..Default::default()
        };
        let pages = match self.connection.pages(request).await {
            Err(error) if error.is_not_found() => return Ok(None),
            answer => answer?,
        };
        let found = pages.into_iter().flat_map(|page| page.snapshots).find(|one| same(&one.identifier, id.as_str()));
        if let Some(failed) = found.as_ref().filter(|one| one.status.as_deref() == Some("failed")) {
            return Err(Failure::permanent(format!("snapshot {} of {database} has failed", failed.identifier))
                .with_hint("find out why in the events of RDS, delete it, and run the phase again"));
        }
        Ok(found.map(|snapshot| self.snapshot_of(&snapshot, id.clone())))
    }

    async fn begin_snapshot(&self, permit: &Permit, database: &DatabaseName, id: &SnapshotId) -> Answer<()> {
        let tag = |key: &str, value: String| rds::Tag { key: key.to_owned(), value };
        let request = rds::CreateDBSnapshot {
            snapshot_identifier: id.to_string(),
            instance_identifier: database.to_string(),
            tags: vec![
                tag(tags::ENVIRONMENT, self.snapshots.deployment.to_string()),
                tag(tags::UPGRADE, self.snapshots.upgrade.to_string()),
            ],
        };
        match self.connection.write(permit, &request).await {
            Ok(_) => Ok(()),
            Err(error) if error.class == FailureClass::Busy => Err(Failure::new(
                error.class,
                format!(
                    "{error}; snapshot {id} of {database} was not started: RDS is making a backup of the instance, or changing \
                     it"
                ),
            )
            .with_hint("wait until the instance is available, and run the phase again")),
            Err(error) if error.code() == Some("SnapshotQuotaExceeded") => {
                Err(Failure::permanent(format!("{error}; snapshot {id} of {database} was not started")).with_hint(
                    "delete manual snapshots that nobody needs, or have the quota raised (Service Quotas, RDS, manual DB \
                     instance snapshots)",
                ))
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn of_databases(names: &[DatabaseName]) -> Vec<rds::Filter> {
    let values = names.iter().map(|name| name.as_str().to_ascii_lowercase()).collect();
    vec![rds::Filter { name: "db-instance-id".to_owned(), values }]
}

fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// Whether an instance is available, with nothing that changes at the next maintenance. While its storage is optimized,
/// which may take a day, it works as ever, and snapshots are made.
fn is_available(instance: &rds::DBInstance) -> bool {
    let works = matches!(instance.status.as_deref(), Some("available" | "storage-optimization"));
    let pending = instance.pending.as_ref().is_some_and(|pending| *pending != rds::PendingModifiedValues::default());
    works && !pending
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(status: &str, pending: Option<rds::PendingModifiedValues>) -> rds::DBInstance {
        rds::DBInstance { status: Some(status.to_owned()), pending, ..Default::default() }
    }

    #[test]
    fn a_database_with_a_change_pending_is_not_available() {
        assert!(is_available(&instance("available", None)));
        assert!(is_available(&instance("available", Some(rds::PendingModifiedValues::default()))));
        let version = rds::PendingModifiedValues { engine_version: Some("8.0.40".to_owned()), ..Default::default() };
        assert!(!is_available(&instance("available", Some(version))));
    }

    #[test]
    fn a_database_that_is_being_backed_up_is_not_available() {
        assert!(!is_available(&instance("backing-up", None)));
    }

    #[test]
    fn a_database_whose_storage_is_optimized_is_available() {
        assert!(is_available(&instance("storage-optimization", None)));
    }
}
