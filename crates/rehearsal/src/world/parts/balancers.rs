//! Balancers and their members.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use cutover_core::deployment::BalancerKind;
use cutover_core::names::{DnsName, InstanceId};
use cutover_core::observation::Health;

/// A balancer and its members.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Balancer {
    pub(crate) kind: BalancerKind,
    pub(crate) domain: DnsName,
    pub(crate) members: BTreeMap<InstanceId, Member>,
}

/// A host in a balancer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) health: Health,
    /// The time from which its checks count. For a draining member, the time at which it is removed.
    pub(crate) from: Timestamp,
    /// When its health changes next, if the host does not change.
    pub(crate) due: Option<Timestamp>,
}

impl Balancer {
    /// The members that get requests. If all members fail their checks, a target group sends requests to all of them,
    /// and a classic ELB answers 503 itself.
    pub(crate) fn receivers(&self) -> impl Iterator<Item = &InstanceId> {
        let receiving = self.received_by(self.in_service().next().is_some());
        self.members.iter().filter(move |(_, member)| member.health == receiving).map(|(instance, _)| instance)
    }

    /// The health that members must have to get requests, depending on whether any member is in service.
    pub(crate) fn received_by(&self, any_in_service: bool) -> Health {
        match self.kind {
            BalancerKind::TargetGroup if !any_in_service => Health::OutOfService,
            _ => Health::InService,
        }
    }

    /// The members in service.
    pub(crate) fn in_service(&self) -> impl Iterator<Item = &InstanceId> {
        self.members.iter().filter(|(_, member)| member.health == Health::InService).map(|(instance, _)| instance)
    }

    /// Whether `instance` is registered: a draining member no longer is.
    pub(crate) fn has(&self, instance: &InstanceId) -> bool {
        self.members.get(instance).is_some_and(|member| member.health != Health::Draining)
    }

    pub(crate) fn health(&self) -> BTreeMap<InstanceId, Health> {
        self.members.iter().map(|(instance, member)| (instance.clone(), member.health)).collect()
    }
}

impl Member {
    /// A member that was already in service before `at`.
    pub(crate) fn in_service(at: Timestamp) -> Self {
        Self { health: Health::InService, from: at, due: None }
    }
}
