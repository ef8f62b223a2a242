//! Classic load balancers.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::try_join;

use cutover_core::deployment::BalancerKind;
use cutover_core::names::{BalancerName, InstanceId};
use cutover_core::observation::{BalancerState, Health, HealthCheck};
use cutover_engine::gate::Permit;
use cutover_engine::ports::Answer;

use super::health_check::count;
use crate::connection::Connection;
use crate::operations::elb::{
    DeregisterInstancesFromLoadBalancer, DescribeInstanceHealth, DescribeLoadBalancerAttributes, DescribeLoadBalancers,
    Instance, InstanceState, LoadBalancer, LoadBalancerAttributes, RegisterInstancesWithLoadBalancer,
};

/// Those balancers of the region that have one of the names. One that is missing fails the call for all, and says not
/// which: then all of the region are read.
pub(super) async fn named(connection: &Connection, names: &[&str]) -> Answer<Vec<LoadBalancer>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let load_balancer_names = names.iter().map(|name| (*name).to_owned()).collect();
    let pages = match connection.pages(DescribeLoadBalancers { load_balancer_names, ..Default::default() }).await {
        Err(error) if error.is_not_found() => connection.pages(DescribeLoadBalancers::default()).await?,
        pages => pages?,
    };
    let all = pages.into_iter().flat_map(|page| page.load_balancers);
    Ok(all.filter(|one| names.contains(&one.name.as_str())).collect())
}

/// A balancer's settings and members.
pub(super) async fn state(connection: &Connection, balancer: &LoadBalancer) -> Answer<(BalancerName, BalancerState)> {
    let name = balancer.name.as_str();
    let attributes = async {
        let read = DescribeLoadBalancerAttributes { load_balancer_name: name.to_owned() };
        Ok(connection.call(&read).await?.attributes)
    };
    let (attributes, members) = try_join(attributes, health(connection, name)).await?;
    let check = balancer.health_check.as_ref();
    let interval = count(name, "interval", check.map(|check| check.interval))?;
    let state = BalancerState {
        kind: BalancerKind::Classic,
        health_check: HealthCheck {
            interval: Duration::from_secs(u64::from(interval)),
            healthy_threshold: count(name, "healthy threshold", check.map(|check| check.healthy_threshold))?,
            unhealthy_threshold: count(name, "unhealthy threshold", check.map(|check| check.unhealthy_threshold))?,
        },
        draining: draining(&attributes),
        members,
    };
    Ok((BalancerName::from(name), state))
}

/// What a balancer thinks of its members, those that leave too.
pub(super) async fn health(connection: &Connection, name: &str) -> Answer<BTreeMap<InstanceId, Health>> {
    let read = DescribeInstanceHealth { load_balancer_name: name.to_owned(), instances: Vec::new() };
    let states = connection.call(&read).await?.instance_states;
    Ok(states.into_iter().map(|state| (InstanceId::from(state.instance_id.as_str()), opinion(&state))).collect())
}

pub(super) async fn register(
    connection: &Connection,
    permit: &Permit,
    name: &str,
    instances: &[InstanceId],
) -> Answer<()> {
    let add =
        RegisterInstancesWithLoadBalancer { load_balancer_name: name.to_owned(), instances: members(instances.iter()) };
    connection.write(permit, &add).await?;
    Ok(())
}

/// Takes instances out. One that is gone fails the call for all: then those that are members are taken out.
pub(super) async fn deregister(
    connection: &Connection,
    permit: &Permit,
    name: &str,
    instances: &[InstanceId],
) -> Answer<()> {
    let without = |instances| DeregisterInstancesFromLoadBalancer { load_balancer_name: name.to_owned(), instances };
    match connection.write(permit, &without(members(instances.iter()))).await {
        Err(error) if error.code() == Some("InvalidInstance") => {
            let there = health(connection, name).await?;
            let left = members(instances.iter().filter(|instance| there.contains_key(*instance)));
            if !left.is_empty() {
                connection.write(permit, &without(left)).await?;
            }
            Ok(())
        }
        done => Ok(done.map(|_| ())?),
    }
}

fn members<'a>(instances: impl Iterator<Item = &'a InstanceId>) -> Vec<Instance> {
    instances.map(|instance| Instance { instance_id: instance.to_string() }).collect()
}

/// How long members that leave are kept; not at all when draining is off, whatever time is set.
fn draining(attributes: &LoadBalancerAttributes) -> Duration {
    let enabled = attributes.connection_draining.as_ref().filter(|draining| draining.enabled);
    let seconds = enabled.and_then(|draining| draining.timeout).unwrap_or(0);
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

fn opinion(state: &InstanceState) -> Health {
    let says = |words: &str| state.description.as_ref().is_some_and(|text| text.to_lowercase().contains(words));
    match (state.state.as_str(), state.reason_code.as_deref()) {
        // Shown as in service until it is gone; the description alone tells.
        _ if says("deregistration currently in progress") => Health::Draining,
        ("InService", _) => Health::InService,
        // The balancer's own reason, not the instance's fault: registration is still under way.
        ("OutOfService", Some("ELB")) | ("Unknown", _) => Health::Registering,
        _ => Health::OutOfService,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::elb::ConnectionDraining;

    fn seen(state: &str, reason: &str, description: &str) -> Health {
        opinion(&InstanceState {
            instance_id: "i-1".to_owned(),
            state: state.to_owned(),
            reason_code: Some(reason.to_owned()),
            description: Some(description.to_owned()),
        })
    }

    #[test]
    fn states_are_told_apart_as_aws_documents_them() {
        let failing = "Instance has failed at least the UnhealthyThreshold number of health checks consecutively.";
        assert_eq!(seen("InService", "N/A", "N/A"), Health::InService);
        assert_eq!(seen("InService", "N/A", "Instance deregistration currently in progress."), Health::Draining);
        assert_eq!(seen("OutOfService", "ELB", "Instance registration is still in progress."), Health::Registering);
        assert_eq!(seen("OutOfService", "Instance", failing), Health::OutOfService);
        assert_eq!(seen("Unknown", "ELB", "A transient error occurred."), Health::Registering);
    }

    #[test]
    fn draining_that_is_off_takes_no_time() {
        let attributes = |enabled| LoadBalancerAttributes {
            connection_draining: Some(ConnectionDraining { enabled, timeout: Some(300) }),
        };
        assert_eq!(draining(&attributes(true)), Duration::from_secs(300));
        assert_eq!(draining(&attributes(false)), Duration::ZERO);
    }
}
