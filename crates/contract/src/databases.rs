//! Database instances and their snapshots.

use std::time::Duration;

use cutover_core::names::{DatabaseName, SnapshotId};
use cutover_core::observation::{DatabaseState, Snapshot};
use cutover_core::time::{earlier, later};

use crate::broken::{Broken, Kept, refused_for_good, same, that};
use crate::stage::Stage;

/// The largest difference allowed between the world's clocks and ours.
const SKEW: Duration = Duration::from_secs(60);

fn database(stage: &Stage) -> &DatabaseName {
    &stage.deployment.databases[0].name
}

async fn state(stage: &Stage) -> Result<DatabaseState, Broken> {
    let name = database(stage);
    let found = stage.world.databases.databases(std::slice::from_ref(name)).await?.remove(name);
    found.ok_or_else(|| Broken(format!("{name} was not found")))
}

/// Takes a snapshot and waits until it is available.
async fn taken(stage: &Stage, id: &SnapshotId) -> Result<Snapshot, Broken> {
    let databases = &stage.world.databases;
    stage.write(async |permit| databases.begin_snapshot(permit, database(stage), id).await).await?;
    let look = async || Ok(databases.snapshot(database(stage), id).await?.filter(|snapshot| snapshot.available));
    stage.until("a begun snapshot is available", look).await
}

pub(crate) async fn databases_that_do_not_exist_are_left_out(stage: &Stage) -> Kept {
    let asked = [DatabaseName::from("nobody"), database(stage).clone()];
    let found = stage.world.databases.databases(&asked).await?;
    same("the databases found", found.into_keys().collect(), vec![database(stage).clone()])
}

pub(crate) async fn no_names_give_no_databases(stage: &Stage) -> Kept {
    let found = stage.world.databases.databases(&[]).await?;
    that(found.is_empty(), || format!("no names gave {found:?}"))
}

pub(crate) async fn databases_are_available(stage: &Stage) -> Kept {
    same("whether it is available", state(stage).await?.available, true)
}

pub(crate) async fn a_snapshot_that_does_not_exist_is_nothing(stage: &Stage) -> Kept {
    let found = stage.world.databases.snapshot(database(stage), &"contract-nothing".into()).await?;
    same("an unknown snapshot", found, None)
}

pub(crate) async fn a_begun_snapshot_is_available_in_the_end(stage: &Stage) -> Kept {
    let id = SnapshotId::from("contract-available");
    same("the snapshot's identifier", taken(stage, &id).await?.id, id)
}

pub(crate) async fn a_snapshot_is_of_the_moment_when_it_was_begun(stage: &Stage) -> Kept {
    let id = SnapshotId::from("contract-moment");
    let before = earlier(stage.clock.now(), SKEW);
    stage.write(async |permit| stage.world.databases.begin_snapshot(permit, database(stage), &id).await).await?;
    let after = later(stage.clock.now(), SKEW);
    let look = async || Ok(stage.world.databases.snapshot(database(stage), &id).await?);
    let started = stage.until("a begun snapshot is found", look).await?.started;
    that((before..=after).contains(&started), || format!("begun between {before} and {after}, and it says {started}"))
}

pub(crate) async fn an_identifier_that_exists_is_refused_for_good(stage: &Stage) -> Kept {
    let id = SnapshotId::from("contract-once");
    let first = taken(stage, &id).await?;
    let again =
        stage.write(async |permit| stage.world.databases.begin_snapshot(permit, database(stage), &id).await).await;
    refused_for_good("the same identifier", again)?;
    let found = stage.world.databases.snapshot(database(stage), &id).await?;
    same("the snapshot of that identifier", found, Some(first))
}

pub(crate) async fn snapshots_are_listed_with_their_database_oldest_first(stage: &Stage) -> Kept {
    let ids = ["contract-first", "contract-second"].map(SnapshotId::from);
    for id in &ids {
        taken(stage, id).await?;
    }
    let listed = async || {
        let snapshots = state(stage).await?.snapshots;
        let all = ids.iter().all(|id| snapshots.iter().any(|snapshot| snapshot.id == *id));
        Ok(all.then_some(snapshots))
    };
    let snapshots = stage.until("both snapshots are listed", listed).await?;
    that(snapshots.is_sorted_by_key(|snapshot| snapshot.started), || format!("not by age: {snapshots:?}"))?;
    let index = |id: &SnapshotId| snapshots.iter().position(|snapshot| snapshot.id == *id);
    that(index(&ids[0]) < index(&ids[1]), || format!("not in their order: {snapshots:?}"))
}

pub(crate) async fn a_snapshot_of_an_unknown_database_is_refused_for_good(stage: &Stage) -> Kept {
    let answer = stage
        .write(async |permit| {
            stage.world.databases.begin_snapshot(permit, &"nobody".into(), &"contract-of-nobody".into()).await
        })
        .await;
    refused_for_good("a snapshot of nobody", answer)
}
