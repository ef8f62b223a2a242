//! Target groups.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::try_join;

use cutover_core::deployment::BalancerKind;
use cutover_core::names::{BalancerName, InstanceId};
use cutover_core::observation::{BalancerState, Health, HealthCheck};
use cutover_engine::failure::Failure;
use cutover_engine::gate::Permit;
use cutover_engine::ports::Answer;

use super::health_check::count;
use crate::connection::Connection;
use crate::error::Error;
use crate::operations::elbv2::{
    DeregisterTargets, DescribeTargetGroupAttributes, DescribeTargetGroups, DescribeTargetHealth, RegisterTargets,
    Target, TargetGroup, TargetHealthDescription,
};

/// The setting that says how long a target that leaves is kept.
const DELAY: &str = "deregistration_delay.timeout_seconds";

/// Those target groups of the region that have one of the names. One that is missing fails the call for all, and says
/// not which: then all of the region are read.
pub(super) async fn named(connection: &Connection, names: &[&str]) -> Answer<Vec<TargetGroup>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = names.iter().map(|name| (*name).to_owned()).collect();
    let pages = match connection.pages(DescribeTargetGroups { names: wanted, ..Default::default() }).await {
        Err(error) if error.is_not_found() => connection.pages(DescribeTargetGroups::default()).await?,
        pages => pages?,
    };
    let all = pages.into_iter().flat_map(|page| page.target_groups);
    Ok(all.filter(|one| names.contains(&one.name.as_str())).collect())
}

/// A target group's settings and members.
pub(super) async fn state(connection: &Connection, group: &TargetGroup) -> Answer<(BalancerName, BalancerState)> {
    let name = group.name.as_str();
    if let Some(kind) = group.target_type.as_deref().filter(|kind| *kind != "instance") {
        return Err(Failure::permanent(format!(
            "the targets of target group {name} are of type {kind}, and cutover registers instances"
        ))
        .with_hint("name a target group of type instance in [[balancers]] of the deployment file"));
    }
    let (draining, members) = try_join(draining(connection, group), health(connection, &group.arn)).await?;
    let interval = count(name, "interval", group.health_check_interval_seconds)?;
    let state = BalancerState {
        kind: BalancerKind::TargetGroup,
        health_check: HealthCheck {
            interval: Duration::from_secs(u64::from(interval)),
            healthy_threshold: count(name, "healthy threshold", group.healthy_threshold_count)?,
            unhealthy_threshold: count(name, "unhealthy threshold", group.unhealthy_threshold_count)?,
        },
        draining,
        members,
    };
    Ok((BalancerName::from(name), state))
}

async fn draining(connection: &Connection, group: &TargetGroup) -> Answer<Duration> {
    let read = DescribeTargetGroupAttributes { target_group_arn: group.arn.clone() };
    let attributes = connection.call(&read).await?.attributes;
    let value = attributes.into_iter().find(|attribute| attribute.key == DELAY).and_then(|attribute| attribute.value);
    let seconds = value.and_then(|value| value.parse().ok()).ok_or_else(|| {
        Failure::permanent(format!("AWS does not say how long target group {} drains ({DELAY})", group.name))
    })?;
    Ok(Duration::from_secs(seconds))
}

/// What a target group thinks of its targets, those that leave too.
pub(super) async fn health(connection: &Connection, arn: &str) -> Answer<BTreeMap<InstanceId, Health>> {
    Ok(opinions(&targets(connection, arn).await?))
}

async fn targets(connection: &Connection, arn: &str) -> Answer<Vec<TargetHealthDescription>> {
    let read = DescribeTargetHealth { target_group_arn: arn.to_owned(), targets: Vec::new() };
    Ok(connection.call(&read).await?.descriptions)
}

pub(super) async fn register(
    connection: &Connection,
    permit: &Permit,
    arn: &str,
    instances: &[InstanceId],
) -> Answer<()> {
    let targets = instances.iter().map(|instance| Target { id: instance.to_string(), port: None }).collect();
    connection.write(permit, &RegisterTargets { target_group_arn: arn.to_owned(), targets }).await?;
    Ok(())
}

/// Takes instances out. AWS leaves a target that was registered with a port of its own where it is, and says nothing,
/// unless it is named with that port: so targets are named as they are listed. One that is not listed may have been
/// registered a moment ago, and is named all the same.
pub(super) async fn deregister(
    connection: &Connection,
    permit: &Permit,
    arn: &str,
    instances: &[InstanceId],
) -> Answer<()> {
    let there = targets(connection, arn).await?;
    let (mut listed, mut unlisted) = (Vec::new(), Vec::new());
    for instance in instances {
        let known: Vec<_> = there.iter().filter(|one| one.target.id == instance.as_str()).collect();
        if known.is_empty() {
            unlisted.push(Target { id: instance.to_string(), port: None });
        }
        let leaves = |one: &TargetHealthDescription| matches!(opinion(one), None | Some(Health::Draining));
        listed.extend(known.into_iter().filter(|one| !leaves(one)).map(|one| one.target.clone()));
    }
    take_out(connection, permit, arn, listed).await?;
    match take_out(connection, permit, arn, unlisted).await {
        // None of these was there.
        Err(error) if error.code() == Some("InvalidTarget") => Ok(()),
        done => Ok(done?),
    }
}

async fn take_out(connection: &Connection, permit: &Permit, arn: &str, targets: Vec<Target>) -> Result<(), Error> {
    if targets.is_empty() {
        return Ok(());
    }
    let removal = DeregisterTargets { target_group_arn: arn.to_owned(), targets };
    connection.write(permit, &removal).await.map(|_| ())
}

/// An instance that is registered with several ports is only as good as the worst of them.
fn opinions(targets: &[TargetHealthDescription]) -> BTreeMap<InstanceId, Health> {
    let mut opinions = BTreeMap::new();
    for target in targets {
        if let Some(health) = opinion(target) {
            let known = opinions.entry(InstanceId::from(target.target.id.as_str())).or_insert(health);
            if concern(health) > concern(*known) {
                *known = health;
            }
        }
    }
    opinions
}

/// How much there is to worry about a member of that health.
fn concern(health: Health) -> u8 {
    match health {
        Health::Draining => 0,
        Health::InService => 1,
        Health::Registering => 2,
        Health::OutOfService => 3,
    }
}

/// Nothing for a target that is said not to be one.
fn opinion(target: &TargetHealthDescription) -> Option<Health> {
    let health = target.health.as_ref();
    let reason = health.and_then(|health| health.reason.as_deref());
    match (health.map(|health| health.state.as_str()), reason) {
        (Some("unused"), Some("Target.NotRegistered")) => None,
        (Some("initial"), _) => Some(Health::Registering),
        (Some("healthy"), _) => Some(Health::InService),
        (Some("draining"), _) => Some(Health::Draining),
        _ => Some(Health::OutOfService),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::elbv2::TargetHealth;

    fn target(id: &str, state: &str, reason: &str) -> TargetHealthDescription {
        TargetHealthDescription {
            target: Target { id: id.to_owned(), port: Some(443) },
            health: Some(TargetHealth { state: state.to_owned(), reason: Some(reason.to_owned()), description: None }),
        }
    }

    #[test]
    fn states_are_told_apart_as_aws_documents_them() {
        let seen = |state, reason| opinion(&target("i-1", state, reason));
        assert_eq!(seen("initial", "Elb.RegistrationInProgress"), Some(Health::Registering));
        assert_eq!(seen("healthy", ""), Some(Health::InService));
        assert_eq!(seen("draining", "Target.DeregistrationInProgress"), Some(Health::Draining));
        assert_eq!(seen("unused", "Target.NotRegistered"), None);
        assert_eq!(seen("unused", "Target.NotInUse"), Some(Health::OutOfService), "no listener sends it anything");
        assert_eq!(seen("unhealthy", "Target.Timeout"), Some(Health::OutOfService));
        assert_eq!(seen("unavailable", "Elb.InternalError"), Some(Health::OutOfService));
    }

    #[test]
    fn an_instance_with_several_ports_is_as_good_as_the_worst_of_them() {
        let both = [target("i-1", "healthy", ""), target("i-1", "unhealthy", ""), target("i-2", "healthy", "")];
        let seen = opinions(&both);
        assert_eq!(seen[&InstanceId::from("i-1")], Health::OutOfService);
        assert_eq!(seen[&InstanceId::from("i-2")], Health::InService);
    }
}
