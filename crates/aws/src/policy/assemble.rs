//! Puts a policy together: which methods the phases use, and the statements that these need.

use std::collections::BTreeSet;

use cutover_core::deployment::Deployment;
use cutover_core::plan::Phase;

use super::document::Policy;
use super::methods::{self, Method, When, methods};
use super::statements::{self, builders, has_snapshots, uses_packer};

/// The policy for running `phases` of an upgrade of `deployment`, and for `check`, `plan`, `status`, `approve` and
/// `report`, which anybody who runs a phase needs. An account or a region that is not known is `*`.
#[must_use]
pub fn policy(deployment: &Deployment, phases: &[Phase], account: Option<&str>, region: Option<&str>) -> Policy {
    let used = methods().iter().filter(|method| is_used(method, deployment, phases));
    let used: Vec<&Method> = used.collect();
    let points_sites = used.iter().any(|method| method.name == methods::SEES_SITES_POINTED);
    let (of_store, of_ports): (Vec<&Method>, Vec<&Method>) = used.into_iter().partition(|method| method.is_of_store());
    let (of_store, of_ports) = (actions(&of_store), actions(&of_ports));
    let ports = statements::of_ports(deployment, statements::Location { account, region }, points_sites);
    let ports = ports.into_iter().filter_map(|statement| statement.only(&of_ports));
    let store = statements::of_store(deployment).into_iter().filter_map(|statement| statement.only(&of_store));
    Policy::of(ports.chain(store).collect())
}

/// Whether a policy lets an operation be asked for at all, on whichever resources: `service` is IAM's name for it, such
/// as `ec2`, `operation` the action's, such as `RunInstances`.
#[must_use]
pub fn allows(policy: &Policy, service: &str, operation: &str) -> bool {
    let wanted = format!("{service}:{operation}");
    policy.statement.iter().any(|statement| statement.action.contains(&wanted.as_str()))
}

/// Every action that some of the methods needs.
fn actions(methods: &[&Method]) -> BTreeSet<&'static str> {
    methods.iter().flat_map(|method| method.actions()).collect()
}

fn is_used(method: &Method, deployment: &Deployment, phases: &[Phase]) -> bool {
    if method.is_of_builders() && !has_work_for_builders(method, deployment) {
        return false;
    }
    if method.is_of_packer() && !uses_packer(deployment) {
        return false;
    }
    match method.when {
        When::Always => true,
        When::In(when) => phases.iter().any(|phase| when.contains(phase) && has_work(method, deployment, *phase)),
    }
}

/// Images of Packer have base images, and their instances are listed with the others.
fn has_work_for_builders(method: &Method, deployment: &Deployment) -> bool {
    builders(deployment).next().is_some() || (method.when == When::Always && uses_packer(deployment))
}

/// Whether the file leaves a phase anything to do by that method.
fn has_work(method: &Method, deployment: &Deployment, phase: Phase) -> bool {
    match (method.name, phase) {
        // Records go back to a TTL that they never left.
        (methods::SEES_SITES_POINTED, Phase::Retire) => {
            deployment.dns.ttl.duration() != deployment.dns.window_ttl.duration()
        }
        ("images.remove", Phase::Prepare) => builders(deployment).next().is_some() || uses_packer(deployment),
        ("databases.begin_snapshot", _) => deployment.databases.iter().any(has_snapshots),
        _ => true,
    }
}
