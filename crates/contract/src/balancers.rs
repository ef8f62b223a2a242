//! Load balancers of both kinds. Each contract is checked for every balancer of the deployment.

use std::collections::{BTreeMap, BTreeSet};

use cutover_core::deployment::{Balancer, Role};
use cutover_core::names::{BalancerName, InstanceId};
use cutover_core::observation::{BalancerState, Health};

use crate::broken::{Broken, Kept, refused_for_good, same, that};
use crate::stage::Stage;

async fn state(stage: &Stage, balancer: &Balancer) -> Result<BalancerState, Broken> {
    let found = stage.world.balancers.balancers(std::slice::from_ref(&balancer.name)).await?.remove(&balancer.name);
    found.ok_or_else(|| Broken(format!("{} was not found", balancer.name)))
}

/// The members that receive requests or may receive them: all except those that drain.
async fn members(stage: &Stage, balancer: &Balancer) -> Result<BTreeSet<InstanceId>, Broken> {
    let health = stage.world.balancers.health(&balancer.name).await?;
    Ok(health.into_iter().filter(|(_, health)| *health != Health::Draining).map(|(instance, _)| instance).collect())
}

/// The health of `instance` in `balancer`, if it is a member.
async fn opinion(stage: &Stage, balancer: &Balancer, instance: &InstanceId) -> Result<Option<Health>, Broken> {
    Ok(stage.world.balancers.health(&balancer.name).await?.remove(instance))
}

async fn becomes_a_member(stage: &Stage, balancer: &Balancer, instance: &InstanceId) -> Kept {
    let what = format!("{instance} is a member of {}", balancer.name);
    stage.holds(&what, async || Ok(members(stage, balancer).await?.contains(instance))).await
}

pub(crate) async fn balancers_that_do_not_exist_are_left_out(stage: &Stage) -> Kept {
    let names: Vec<BalancerName> = stage.deployment.balancers.iter().map(|balancer| balancer.name.clone()).collect();
    let asked: Vec<BalancerName> = [BalancerName::from("nobody")].into_iter().chain(names.clone()).collect();
    let found = stage.world.balancers.balancers(&asked).await?;
    same("the balancers found", found.into_keys().collect::<BTreeSet<_>>(), names.into_iter().collect())
}

pub(crate) async fn no_names_give_no_balancers(stage: &Stage) -> Kept {
    let found = stage.world.balancers.balancers(&[]).await?;
    that(found.is_empty(), || format!("no names gave {found:?}"))
}

pub(crate) async fn a_balancer_is_of_its_kind_with_a_health_check(stage: &Stage) -> Kept {
    for balancer in &stage.deployment.balancers {
        let state = state(stage, balancer).await?;
        same(&format!("the kind of {}", balancer.name), state.kind, balancer.kind)?;
        let check = &state.health_check;
        let sensible = !check.interval.is_zero() && check.healthy_threshold > 0 && check.unhealthy_threshold > 0;
        that(sensible, || format!("the health check of {} is {check:?}", balancer.name))?;
    }
    Ok(())
}

pub(crate) async fn current_hosts_are_in_service(stage: &Stage) -> Kept {
    let instances = stage.world.compute.instances().await?;
    let version = &stage.deployment.release.current_version;
    for fleet in &stage.deployment.fleets {
        let current = instances.iter().filter(|host| host.fleet == fleet.name && host.version == *version);
        for host in current.filter(|host| host.role == Role::Edxapp) {
            for balancer in fleet.edxapp.balancers.iter().filter_map(|name| stage.deployment.balancer(name)) {
                let what = format!("{} in {}", host.name, balancer.name);
                same(&what, opinion(stage, balancer, &host.id).await?, Some(Health::InService))?;
            }
        }
    }
    Ok(())
}

pub(crate) async fn health_names_exactly_the_members(stage: &Stage) -> Kept {
    for balancer in &stage.deployment.balancers {
        let health: BTreeMap<_, _> = stage.world.balancers.health(&balancer.name).await?;
        let described = state(stage, balancer).await?.members;
        let (health, described) = (health.into_keys().collect::<Vec<_>>(), described.into_keys().collect());
        same(&format!("the members of {}", balancer.name), health, described)?;
    }
    Ok(())
}

pub(crate) async fn registering_twice_is_registering_once(stage: &Stage) -> Kept {
    let instance = stage.running("registered-twice").await?;
    for balancer in &stage.deployment.balancers {
        let mut wanted = members(stage, balancer).await?;
        wanted.insert(instance.clone());
        for _ in 0..2 {
            stage
                .write(async |permit| {
                    stage.world.balancers.register(permit, &balancer.name, std::slice::from_ref(&instance)).await
                })
                .await?;
            becomes_a_member(stage, balancer, &instance).await?;
        }
        same(&format!("the members of {}", balancer.name), members(stage, balancer).await?, wanted)?;
    }
    Ok(())
}

pub(crate) async fn several_are_registered_at_once(stage: &Stage) -> Kept {
    let instances = [stage.running("registered-1").await?, stage.running("registered-2").await?];
    for balancer in &stage.deployment.balancers {
        stage.write(async |permit| stage.world.balancers.register(permit, &balancer.name, &instances).await).await?;
        for instance in &instances {
            becomes_a_member(stage, balancer, instance).await?;
        }
    }
    Ok(())
}

pub(crate) async fn a_running_host_comes_into_service(stage: &Stage) -> Kept {
    let instance = stage.running("into-service").await?;
    for balancer in &stage.deployment.balancers {
        stage
            .write(async |permit| {
                stage.world.balancers.register(permit, &balancer.name, std::slice::from_ref(&instance)).await
            })
            .await?;
        let what = format!("a running host is in service in {}", balancer.name);
        let serves = async || Ok(opinion(stage, balancer, &instance).await? == Some(Health::InService));
        stage.holds(&what, serves).await?;
    }
    Ok(())
}

pub(crate) async fn a_removed_host_is_draining_or_gone_and_gone_in_the_end(stage: &Stage) -> Kept {
    let instance = stage.running("removed").await?;
    for balancer in &stage.deployment.balancers {
        stage
            .write(async |permit| {
                stage.world.balancers.register(permit, &balancer.name, std::slice::from_ref(&instance)).await
            })
            .await?;
        becomes_a_member(stage, balancer, &instance).await?;
        stage
            .write(async |permit| {
                stage.world.balancers.deregister(permit, &balancer.name, std::slice::from_ref(&instance)).await
            })
            .await?;
        let what = format!("a removed host gets no requests from {}", balancer.name);
        let out =
            async || Ok(opinion(stage, balancer, &instance).await?.is_none_or(|health| health == Health::Draining));
        stage.holds(&what, out).await?;
        let what = format!("a removed host is gone from {}", balancer.name);
        stage.holds(&what, async || Ok(opinion(stage, balancer, &instance).await?.is_none())).await?;
    }
    Ok(())
}

pub(crate) async fn removing_what_is_not_there_changes_nothing(stage: &Stage) -> Kept {
    let instance = stage.running("never-registered").await?;
    for balancer in &stage.deployment.balancers {
        let before = members(stage, balancer).await?;
        stage
            .write(async |permit| {
                stage.world.balancers.deregister(permit, &balancer.name, std::slice::from_ref(&instance)).await
            })
            .await?;
        same(&format!("the members of {}", balancer.name), members(stage, balancer).await?, before)?;
    }
    Ok(())
}

pub(crate) async fn an_unknown_balancer_is_refused_for_good(stage: &Stage) -> Kept {
    let instance = [stage.launched("nowhere-to-register").await?];
    let balancers = &stage.world.balancers;
    let nobody = BalancerName::from("nobody");
    refused_for_good("its health", balancers.health(&nobody).await)?;
    let registered = stage.write(async |permit| balancers.register(permit, &nobody, &instance).await).await;
    refused_for_good("registering there", registered)?;
    let removed = stage.write(async |permit| balancers.deregister(permit, &nobody, &instance).await).await;
    refused_for_good("removing from there", removed)
}

pub(crate) async fn an_unknown_instance_is_refused_for_good(stage: &Stage) -> Kept {
    let nobody = [InstanceId::from("i-00000000000000001")];
    for balancer in &stage.deployment.balancers {
        let answer =
            stage.write(async |permit| stage.world.balancers.register(permit, &balancer.name, &nobody).await).await;
        refused_for_good(&format!("an unknown instance in {}", balancer.name), answer)?;
    }
    Ok(())
}
