//! What an upgrade needs from the account and does not create itself.

use std::collections::{BTreeMap, BTreeSet};

use cutover_core::deployment::{Fleet, HostGroup};

use crate::broken::{Kept, same, that};
use crate::stage::Stage;

fn groups(stage: &Stage) -> impl Iterator<Item = &HostGroup> {
    stage.deployment.fleets.iter().flat_map(Fleet::groups).map(|(_, group)| group)
}

fn subnets(stage: &Stage) -> BTreeSet<String> {
    groups(stage).flat_map(|group| group.subnets.clone()).collect()
}

fn security_groups(stage: &Stage) -> BTreeSet<String> {
    groups(stage).flat_map(|group| group.security_groups.clone()).collect()
}

fn with(ids: &BTreeSet<String>, nobody: &str) -> Vec<String> {
    ids.iter().cloned().chain([nobody.to_owned()]).collect()
}

pub(crate) async fn somebody_acts(stage: &Stage) -> Kept {
    let identity = stage.world.account.identity().await?;
    that(!identity.trim().is_empty(), || "nobody is named".to_owned())
}

pub(crate) async fn subnets_of_the_deployment_have_free_addresses(stage: &Stage) -> Kept {
    let ids = Vec::from_iter(subnets(stage));
    let found = stage.world.account.subnets(&ids).await?;
    for id in ids {
        let usable = found.get(&id).is_some_and(|subnet| subnet.available && subnet.free_addresses > 0);
        that(usable, || format!("{id} is {:?}", found.get(&id)))?;
    }
    Ok(())
}

pub(crate) async fn subnets_that_do_not_exist_are_left_out(stage: &Stage) -> Kept {
    let known = subnets(stage);
    let found = stage.world.account.subnets(&with(&known, "subnet-00000000000000001")).await?;
    same("the subnets found", found.into_keys().collect(), known)
}

pub(crate) async fn security_groups_that_do_not_exist_are_left_out(stage: &Stage) -> Kept {
    let known = security_groups(stage);
    let found = stage.world.account.security_groups(&with(&known, "sg-00000000000000001")).await?;
    same("the security groups found", found, known)
}

pub(crate) async fn no_ids_give_no_subnets_and_no_groups(stage: &Stage) -> Kept {
    let (subnets, groups) = (stage.world.account.subnets(&[]).await?, stage.world.account.security_groups(&[]).await?);
    that(subnets.is_empty() && groups.is_empty(), || format!("no ids gave {subnets:?} and {groups:?}"))
}

pub(crate) async fn quotas_leave_room_for_what_there_is(stage: &Stage) -> Kept {
    let mut launches = BTreeMap::<String, u64>::new();
    for group in groups(stage) {
        *launches.entry(group.instance_type.clone()).or_default() += u64::from(group.count);
    }
    for quota in stage.world.account.quotas(&launches, 1).await? {
        that(quota.used <= quota.limit, || format!("more is used than may be: {quota:?}"))?;
        that(quota.needed > 0 && !quota.name.is_empty(), || format!("the upgrade cannot meet it: {quota:?}"))?;
    }
    Ok(())
}

pub(crate) async fn credentials_hold_at_present(stage: &Stage) -> Kept {
    let until = stage.world.account.credentials_until().await?;
    that(until.is_none_or(|until| until > stage.clock.now()), || format!("they have ended at {until:?}"))
}
