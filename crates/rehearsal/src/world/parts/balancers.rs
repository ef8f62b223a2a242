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
    /// From when on its checks count. A draining member is gone then.
    pub(crate) from: Timestamp,
    /// When the balancer's opinion changes next, if the host stays as it is.
    pub(crate) due: Option<Timestamp>,
}

impl Balancer {
    /// The members that get requests. A target group whose members all fail their checks sends requests to all of
    /// them; a classic ELB then answers 503 by itself.
    pub(crate) fn receivers(&self) -> impl Iterator<Item = &InstanceId> {
        let receiving = self.received_by(self.in_service().next().is_some());
        self.members.iter().filter(move |(_, member)| member.health == receiving).map(|(instance, _)| instance)
    }

    /// What members must be to get requests, by whether any is in service.
    pub(crate) fn received_by(&self, any_in_service: bool) -> Health {
        match self.kind {
            BalancerKind::TargetGroup if !any_in_service => Health::OutOfService,
            _ => Health::InService,
        }
    }

    /// The members that the balancer believes in.
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
    /// A member that has been serving since before `at`.
    pub(crate) fn in_service(at: Timestamp) -> Self {
        Self { health: Health::InService, from: at, due: None }
    }
}
