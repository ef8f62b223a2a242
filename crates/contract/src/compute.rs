//! Instances.

use std::collections::BTreeSet;
use std::time::Duration;

use cutover_core::deployment::Role;
use cutover_core::names::{HostName, InstanceId};
use cutover_core::observation::InstanceState;
use cutover_core::time::{earlier, later};

use crate::broken::{Broken, Kept, refused_for_good, same, that};
use crate::stage::Stage;

/// The largest difference allowed between the world's clocks and ours.
const SKEW: Duration = Duration::from_secs(60);

/// The hosts of a release-version that are not gone: fleet, role and name.
async fn hosts(stage: &Stage, version: &str) -> Result<BTreeSet<(String, Role, HostName)>, Broken> {
    let instances = stage.world.compute.instances().await?;
    let living = instances.into_iter().filter(|instance| instance.lives() && instance.version == version);
    Ok(living.map(|instance| (instance.fleet.to_string(), instance.role, instance.name)).collect())
}

async fn living_named(stage: &Stage, name: &HostName) -> Result<Vec<InstanceId>, Broken> {
    let instances = stage.world.compute.instances().await?;
    Ok(instances.into_iter().filter(|found| found.lives() && found.name == *name).map(|found| found.id).collect())
}

pub(crate) async fn current_hosts_are_listed_as_they_are_tagged(stage: &Stage) -> Kept {
    let deployment = &stage.deployment;
    let version = &deployment.release.current_version;
    let mut wanted = BTreeSet::new();
    for fleet in &deployment.fleets {
        for (role, group) in fleet.groups() {
            for n in 0..group.current_count.unwrap_or(group.count) {
                let name = group.host_name(deployment.name.as_str(), &fleet.name, n, version);
                wanted.insert((fleet.name.to_string(), role, name));
            }
        }
    }
    same("the current hosts", hosts(stage, version).await?, wanted)?;
    let instances = stage.world.compute.instances().await?;
    for host in instances.into_iter().filter(|instance| instance.version == *version) {
        same(host.name.as_str(), (host.state, host.upgrade), (InstanceState::Running, None))?;
    }
    Ok(())
}

pub(crate) async fn a_launched_instance_is_listed_as_it_was_asked_for(stage: &Stage) -> Kept {
    let (launch, image) = (stage.launch("listed"), stage.image(Role::Edxapp).await?.id);
    let before = earlier(stage.clock.now(), SKEW);
    let id = stage.write(async |permit| stage.world.compute.launch(permit, &launch, &image, "listed").await).await?;
    let found = stage.until("a launched instance is listed", async || stage.listed(&id).await).await?;
    same("its name", found.name, launch.name)?;
    same("its fleet and role", (found.fleet, found.role), (launch.fleet, launch.role))?;
    same("its version", found.version, stage.deployment.release.version.clone())?;
    same("its upgrade", found.upgrade, Some(stage.deployment.upgrade()))?;
    same("its image", found.image, image)?;
    let after = later(stage.clock.now(), SKEW);
    that((before..=after).contains(&found.launched), || format!("it was launched at {}", found.launched))
}

pub(crate) async fn launching_twice_with_one_token_is_launching_once(stage: &Stage) -> Kept {
    let first = stage.launched("launched-twice").await?;
    stage.until("a launched instance is listed", async || stage.listed(&first).await).await?;
    same("the second launch", stage.launched("launched-twice").await?, first.clone())?;
    // Readings may show what was there before for a while, also after one that did not.
    let alone = async || Ok(living_named(stage, &stage.launch("launched-twice").name).await? == [first.clone()]);
    stage.holds("it is the one instance of that name", alone).await
}

pub(crate) async fn another_token_is_another_instance(stage: &Stage) -> Kept {
    let (launch, image) = (stage.launch("again"), stage.image(Role::Edxapp).await?.id);
    let first =
        stage.write(async |permit| stage.world.compute.launch(permit, &launch, &image, "again-1").await).await?;
    stage.write(async |permit| stage.world.compute.terminate(permit, &first).await).await?;
    let second =
        stage.write(async |permit| stage.world.compute.launch(permit, &launch, &image, "again-2").await).await?;
    that(first != second, || format!("both launches gave {first}"))
}

pub(crate) async fn an_instance_is_up_only_after_a_while(stage: &Stage) -> Kept {
    let id = stage.launched("not-yet-up").await?;
    let found = stage.until("a launched instance is listed", async || stage.listed(&id).await).await?;
    let early = matches!(found.state, InstanceState::Pending | InstanceState::Booting);
    that(early, || format!("right after its launch it is {:?}", found.state))
}

pub(crate) async fn an_instance_runs_in_the_end(stage: &Stage) -> Kept {
    let id = stage.launched("up").await?;
    let runs = async || {
        let state = stage.listed(&id).await?.map(|found| found.state);
        let on_its_way = matches!(state, None | Some(InstanceState::Pending | InstanceState::Booting));
        that(on_its_way || state == Some(InstanceState::Running), || format!("on its way up it is {state:?}"))?;
        Ok(state == Some(InstanceState::Running))
    };
    stage.holds("a launched instance runs", runs).await
}

pub(crate) async fn a_launch_from_an_unknown_image_is_refused_for_good(stage: &Stage) -> Kept {
    let launch = stage.launch("without-image");
    let answer = stage
        .write(async |permit| {
            stage.world.compute.launch(permit, &launch, &"ami-00000000000000001".into(), "without-image").await
        })
        .await;
    refused_for_good("a launch from an unknown image", answer)
}

pub(crate) async fn a_terminated_instance_is_gone_in_the_end(stage: &Stage) -> Kept {
    let id = stage.running("gone").await?;
    stage.write(async |permit| stage.world.compute.terminate(permit, &id).await).await?;
    let going = async || Ok(stage.listed(&id).await?.is_none_or(|found| !found.lives()));
    stage.holds("a terminated instance is going", going).await?;
    let gone = async || Ok(stage.listed(&id).await?.is_none_or(|found| found.state == InstanceState::Terminated));
    stage.holds("a terminated instance is gone", gone).await
}

pub(crate) async fn terminating_twice_is_terminating_once(stage: &Stage) -> Kept {
    let id = stage.running("terminated-twice").await?;
    stage.write(async |permit| stage.world.compute.terminate(permit, &id).await).await?;
    stage.write(async |permit| stage.world.compute.terminate(permit, &id).await).await?;
    let gone = async || Ok(stage.listed(&id).await?.is_none_or(|found| found.state == InstanceState::Terminated));
    stage.holds("a terminated instance is gone", gone).await
}

pub(crate) async fn terminating_an_unknown_instance_is_refused_for_good(stage: &Stage) -> Kept {
    let nobody = InstanceId::from("i-00000000000000001");
    refused_for_good(
        "terminating nobody",
        stage.write(async |permit| stage.world.compute.terminate(permit, &nobody).await).await,
    )
}

pub(crate) async fn what_is_not_of_the_deployment_is_not_listed(stage: &Stage) -> Kept {
    let instances = stage.world.compute.instances().await?;
    let foreign = instances.iter().find(|instance| {
        stage.foreign_instances.contains(&instance.id) || stage.deployment.fleet(&instance.fleet).is_none()
    });
    that(foreign.is_none(), || format!("listed as the deployment's: {foreign:?}"))
}

pub(crate) async fn what_is_not_of_the_deployment_is_never_terminated(stage: &Stage) -> Kept {
    that(!stage.foreign_instances.is_empty(), || "nothing to try it on".to_owned())?;
    for foreign in &stage.foreign_instances {
        refused_for_good(
            &format!("terminating {foreign}"),
            stage.write(async |permit| stage.world.compute.terminate(permit, foreign).await).await,
        )?;
    }
    Ok(())
}
