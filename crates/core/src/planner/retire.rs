//! The retire phase: terminate the hosts on record as current, remove images beyond the number to keep, restore TTLs.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Inputs;
use super::build::{CALL_LIMIT, joined, step};
use super::gates::{decided, gates};
use super::hosts::current_hosts;
use crate::deployment::{GateBefore, Role};
use crate::names::ImageId;
use crate::observation::MachineImage;
use crate::plan::{Action, ChangeRecords, Host, InstanceRef, Line, RecordTarget, Rule, Step};
use crate::words::count;

const TERMINATION: Duration = Duration::from_secs(45);

pub(super) fn steps(inputs: Inputs<'_>) -> Vec<Step> {
    let gates = gates(inputs.deployment, GateBefore::Terminate, "retire", Line::Terminate);
    let (terminated, removed) = (terminate(inputs), surplus_images(inputs).map(remove_image).collect::<Vec<Step>>());
    let decided = decided(&gates, terminated.len() + removed.len(), "retire", Line::Terminate);
    let terminated: Vec<Step> =
        terminated.into_iter().map(|step| step.after_all(&decided.ids, Rule::Decision)).collect();
    let ids = terminated.iter().map(|step| step.id.clone()).collect();
    let (rule, title) = (Rule::HostsGone, "all old hosts are terminated");
    let gone = joined(ids, removed.len(), rule, "retire.terminated", Line::Terminate, title);
    let removed = removed
        .into_iter()
        .map(|step| step.after_all(&decided.ids, Rule::Decision).after_all(&gone.ids, Rule::HostsGone));
    let removed: Vec<Step> = removed.collect();
    let milestones = decided.milestone.into_iter().chain(gone.milestone.clone());
    let steps = gates.into_iter().chain(milestones).chain(terminated).chain(removed);
    steps.chain(raise_ttls(inputs)).collect()
}

fn terminate(inputs: Inputs<'_>) -> Vec<Step> {
    let balancers: Vec<_> = inputs.deployment.balancers.iter().map(|balancer| balancer.name.clone()).collect();
    current_hosts(inputs)
        .into_iter()
        .map(|host| {
            let (name, fleet) = (host.name, host.fleet);
            // The step's id contains the instance and not the name, because an old host may have a name that was used
            // before.
            let action = Action::Terminate {
                host: Host { name: name.clone(), instance: InstanceRef::Known(host.instance.clone()) },
                balancers: balancers.clone(),
            };
            let title = format!("terminate {name} ({})", host.instance);
            step(format!("retire.terminate.{}", host.instance), Line::Terminate, title, action)
                .of_fleet(&fleet)
                .takes(TERMINATION, CALL_LIMIT + TERMINATION * 5)
                .never_undone("a terminated host is gone; launch another from its image while that is kept")
        })
        .collect()
}

/// The images beyond the number to keep of their role, oldest first. An image from which a host runs that is not on
/// record is kept, whatever its age.
fn surplus_images<'a>(inputs: Inputs<'a>) -> impl Iterator<Item = &'a MachineImage> {
    let retired: BTreeSet<_> = current_hosts(inputs).into_iter().map(|host| host.instance).collect();
    let instances = inputs.observation.instances.iter();
    let used: BTreeSet<&ImageId> = instances
        .filter(|instance| instance.lives() && !retired.contains(&instance.id))
        .map(|instance| &instance.image)
        .collect();
    let keep = inputs.deployment.release.keep_images as usize;
    Role::ALL.into_iter().flat_map(move |role| {
        let of_role: Vec<&MachineImage> =
            inputs.observation.images.iter().filter(|image| image.role == role && image.available).collect();
        let surplus = of_role.len().saturating_sub(keep);
        let used = used.clone();
        of_role.into_iter().take(surplus).filter(move |image| !used.contains(&image.id))
    })
}

fn remove_image(image: &MachineImage) -> Step {
    let action = Action::RemoveImage { image: image.id.clone(), name: image.name.clone() };
    let title = format!("remove image {}", image.name);
    step(format!("retire.image.{}", image.name), Line::RemoveImages, title, action)
        .never_undone("a removed image must be built again")
}

fn raise_ttls(inputs: Inputs<'_>) -> Option<Step> {
    let deployment = inputs.deployment;
    let (long, short) = (deployment.dns.ttl.duration(), deployment.dns.window_ttl.duration());
    if long == short {
        return None;
    }
    let records = |ttl| {
        let targets = deployment.sites.iter().filter_map(|site| {
            let target = deployment.balancer(&site.balancer)?.domain.clone();
            Some(RecordTarget { name: site.host.clone(), target, ttl })
        });
        Action::ChangeRecords(ChangeRecords { zone: deployment.dns.zone.clone(), records: targets.collect() })
    };
    let sync = deployment.expected.dns_sync.duration();
    let title = format!("put the TTL of {} back to {}", count(deployment.sites.len(), "record"), deployment.dns.ttl);
    Some(
        step("retire.ttl", Line::RaiseTtl, title, records(long))
            .takes(sync, CALL_LIMIT + 10 * sync)
            .undone_by(records(short), sync),
    )
}
