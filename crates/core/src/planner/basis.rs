//! The facts that a phase's plan was made from: those in the file and in the world on which its steps depend.

use super::hosts::living;
use super::window::is_late;
use super::{Inputs, current_hosts};
use crate::digest::Digest;
use crate::observation::PendingNames;
use crate::plan::{Basis, Phase};
use crate::time::human;

pub(super) fn of(inputs: Inputs<'_>, deployment: &Digest, phase: Phase) -> Basis {
    let mut basis = Basis::default();
    basis.state("deployment file", deployment.short());
    for before in Phase::ALL.iter().take_while(|before| **before < phase) {
        let finished = if inputs.upgrade.finished(*before) { "finished" } else { "not finished" };
        basis.state(format!("phase {before}"), finished);
    }
    if phase == Phase::Announce {
        return basis;
    }
    hosts(inputs, &mut basis);
    traffic(inputs, &mut basis);
    images(inputs, &mut basis);
    if phase == Phase::Window {
        databases(inputs, &mut basis);
    }
    basis
}

fn hosts(inputs: Inputs<'_>, basis: &mut Basis) {
    let living = living(inputs);
    for host in current_hosts(inputs) {
        let lives = living.contains(&host.instance);
        basis.state(format!("current host {}", host.name), if lives { host.instance.as_str() } else { "gone" });
    }
    for (name, instance) in &inputs.upgrade.launched {
        let lives = living.contains(instance);
        basis.state(format!("next host {name}"), if lives { instance.as_str() } else { "gone" });
    }
}

fn traffic(inputs: Inputs<'_>, basis: &mut Basis) {
    for (name, record) in &inputs.observation.records {
        basis.state(format!("record {name}"), format!("{} for {}", record.target, human(record.ttl)));
    }
    for (name, balancer) in &inputs.observation.balancers {
        let check = &balancer.health_check;
        basis.state(
            format!("health check of {name}"),
            format!(
                "every {}, {} to get in, {} to drain",
                human(check.interval),
                check.healthy_threshold,
                human(balancer.draining)
            ),
        );
        let members: Vec<&str> = balancer.members.keys().map(crate::names::InstanceId::as_str).collect();
        basis.state(format!("members of {name}"), members.join(" "));
    }
}

fn images(inputs: Inputs<'_>, basis: &mut Basis) {
    for image in inputs.observation.images.iter().filter(|image| image.available) {
        basis.state(format!("image {}", image.name), image.id.as_str());
    }
}

fn databases(inputs: Inputs<'_>, basis: &mut Basis) {
    let time = if is_late(inputs) { "too little" } else { "enough" };
    basis.state("time for a snapshot before the window", time);
    for (name, database) in &inputs.observation.databases {
        basis.state(format!("database {name}"), if database.available { "available" } else { "not available" });
    }
    for pending in &inputs.observation.pending {
        let count = match &pending.names {
            PendingNames::Known(names) => names.len().to_string(),
            PendingNames::NoNextHost | PendingNames::NoListCommand | PendingNames::NotKnown { .. } => {
                "unknown".to_owned()
            }
        };
        let subject = format!("pending migrations of {} {} {}", pending.fleet, pending.service, pending.database);
        basis.state(subject, count);
    }
}
