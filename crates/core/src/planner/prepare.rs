//! The prepare phase: record the current hosts, lower TTLs, build images, launch next hosts, smoke-test them and shut
//! their services down. Visitors do not notice any of this.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Inputs;
use super::build::{CALL_LIMIT, GATE_LIMIT, step};
use super::gates::{decided, gates};
use super::hosts::{living, next_host_step, next_names, observed_current_hosts};
use super::images::{commit_in, image_of};
use super::prepared::planned;
use crate::deployment::{Deployment, Fleet, GateBefore, HostGroup, PastStopLimit, Role, Services, SmokeTest};
use crate::names::{HostName, ImageId, StepId};
use crate::plan::{
    Action, ChangeRecords, Host, Idle, ImageRef, InstanceRef, Launch, Line, RecordTarget, Rule, Step, StopServices,
};
use crate::words::count;

pub(super) fn steps(inputs: Inputs<'_>) -> Vec<Step> {
    let deployment = inputs.deployment;
    let mut steps = vec![capture(inputs)];
    steps.extend(lower_ttls(inputs));
    let gates = gates(deployment, GateBefore::Launch, "prepare", Line::Launch);
    let hosts: u32 = deployment.fleets.iter().flat_map(Fleet::groups).map(|(_, group)| group.count).sum();
    let decided = decided(&gates, hosts as usize, "prepare", Line::Launch);
    steps.extend(gates);
    steps.extend(decided.milestone);
    let mut images = BTreeMap::new();
    for role in deployment.fleets.iter().flat_map(|fleet| fleet.groups().map(|(role, _)| role)) {
        images.entry(role).or_insert_with(|| image_of(inputs, role, &mut steps));
    }
    let living = living(inputs);
    let generations = generations(inputs);
    for fleet in &deployment.fleets {
        for (role, group) in fleet.groups() {
            let Some(services) = deployment.role.services(role) else { continue };
            for (n, name) in next_names(deployment, fleet, group).enumerate() {
                let gone = inputs.upgrade.launched.get(&name).is_some_and(|id| !living.contains(id));
                let generation = generations.get(&name).copied().unwrap_or(1) + u32::from(gone);
                let image = images[&role].clone();
                let tests = tests_of(services, commit_in(inputs, &steps, &image).as_deref());
                let launch = Launch { image, generation, ..launch(deployment, fleet, role, group, n, &name) };
                steps.extend(host_steps(deployment, services, launch, tests, &decided.ids));
            }
        }
    }
    steps
}

fn capture(inputs: Inputs<'_>) -> Step {
    let hosts = observed_current_hosts(inputs);
    let title = format!("record {}", count(hosts.len(), "current host"));
    step("prepare.capture", Line::Capture, title, Action::Capture { hosts })
}

/// Lowers the TTLs that are too long for the window, so that the old ones have expired in resolvers days before it.
fn lower_ttls(inputs: Inputs<'_>) -> Option<Step> {
    // When the phase is planned again, the step that was started is kept, because it contains the TTLs that resolvers
    // may still use.
    if let Some(started) = planned(inputs, |step| step.line == Line::LowerTtl, |status| !status.is_untouched()) {
        return Some(started);
    }
    let dns = &inputs.deployment.dns;
    let short = dns.window_ttl.duration();
    let long: Vec<RecordTarget> = inputs
        .deployment
        .sites
        .iter()
        .filter_map(|site| Some((site, inputs.observation.records.get(&site.host)?)))
        .filter(|(_, record)| record.ttl > short)
        .map(|(site, record)| RecordTarget { name: site.host.clone(), target: record.target.clone(), ttl: record.ttl })
        .collect();
    if long.is_empty() {
        return None;
    }
    let lowered = long.iter().map(|record| RecordTarget { ttl: short, ..record.clone() }).collect();
    let title = format!("lower the TTL of {} to {}", count(long.len(), "record"), dns.window_ttl);
    let sync = inputs.deployment.expected.dns_sync.duration();
    let change = |records| Action::ChangeRecords(ChangeRecords { zone: dns.zone.clone(), records });
    Some(
        step("prepare.ttl", Line::LowerTtl, title, change(lowered))
            .takes(sync, CALL_LIMIT + 10 * sync)
            .undone_by(change(long), sync),
    )
}

fn launch(deployment: &Deployment, fleet: &Fleet, role: Role, group: &HostGroup, n: usize, name: &HostName) -> Launch {
    let mut tags = group.tags.clone();
    tags.extend([
        ("Name".to_owned(), name.to_string()),
        ("environment".to_owned(), deployment.name.to_string()),
        ("purpose".to_owned(), fleet.name.to_string()),
        ("role".to_owned(), deployment.role_tag(role).to_owned()),
        ("edx_codename".to_owned(), deployment.release.codename.clone()),
        ("release-version".to_owned(), deployment.release.version.clone()),
        ("cutover-upgrade".to_owned(), deployment.upgrade().to_string()),
    ]);
    Launch {
        name: name.clone(),
        fleet: fleet.name.clone(),
        role,
        image: ImageRef::Known(ImageId::from("")),
        instance_type: group.instance_type.clone(),
        subnet: group.subnets[n % group.subnets.len()].clone(),
        security_groups: group.security_groups.clone(),
        profile: group.profile.clone(),
        tags,
        boot_stopped: deployment.boots_stopped(role),
        generation: 1,
    }
}

/// The generation of each host that the recorded prepare plan launches. If a host is gone, the next generation is
/// launched under the same name.
fn generations<'a>(inputs: Inputs<'a>) -> BTreeMap<&'a HostName, u32> {
    let run = inputs.upgrade.run_of(crate::plan::Phase::Prepare);
    let launches = run.into_iter().flat_map(|run| &run.plan.steps).filter_map(|step| match &step.action {
        Action::Launch(launch) => Some((&launch.name, launch.generation)),
        _ => None,
    });
    launches.collect()
}

/// The steps of one next host before the window: launch, smoke-test, shut down.
fn host_steps(
    deployment: &Deployment,
    services: &Services,
    launch: Launch,
    tests: Vec<SmokeTest>,
    gates: &[StepId],
) -> Vec<Step> {
    let (name, fleet, boot) = (launch.name.clone(), launch.fleet.clone(), deployment.expected.boot.duration());
    let boots_stopped = launch.boot_stopped;
    let image = match &launch.image {
        ImageRef::MadeBy(step) => Some(step.clone()),
        ImageRef::Known(_) => None,
    };
    let host = Host { name: name.clone(), instance: InstanceRef::MadeBy(next_host_step(&name)) };
    let launched = step(next_host_step(&name), Line::Launch, format!("launch {name}"), Action::Launch(launch))
        .of_fleet(&fleet)
        .after(&"prepare.capture".into(), Rule::CaptureFirst)
        .after_all(&image, Rule::ImageFirst)
        .after_all(gates, Rule::Decision)
        .takes(boot, CALL_LIMIT + 5 * boot)
        .undone_by(Action::Terminate { host: host.clone(), balancers: Vec::new() }, Duration::from_secs(30));
    // A restart before the window must not start new code on a schema that is not migrated yet.
    let stop = stop_services(services, host.clone(), deployment.turns_autostart_off());
    let stopped = step(format!("prepare.stop.{name}"), Line::ShutDown, format!("shut services down on {name}"), stop)
        .of_fleet(&fleet)
        .takes(services.stop_expected.duration(), stop_takes(services));
    let idle = boots_stopped.then(|| Idle {
        supervisorctl: services.supervisorctl.clone(),
        programs: services.programs.clone(),
        autostart_is_off: deployment.turns_autostart_off(),
    });
    let identity = services.image.identity().map(<[String]>::to_vec);
    if services.smoke_tests.is_empty() && idle.is_none() && identity.is_none() {
        let stopped = stopped.after(&launched.id, Rule::HostIsUp);
        return vec![launched, stopped];
    }
    let expected = deployment.expected.smoke_test.duration();
    let title = format!("smoke-test {name}");
    let tested = step(
        format!("prepare.smoke-test.{name}"),
        Line::SmokeTest,
        title,
        Action::SmokeTest { host, tests, idle, identity },
    )
    .of_fleet(&fleet)
    .after(&launched.id, Rule::HostIsUp)
    .takes(expected, CALL_LIMIT + 5 * expected);
    let stopped = stopped.after(&tested.id, Rule::TestedFirst);
    vec![launched, tested, stopped]
}

/// The smoke tests of a host with the commit that its image contains. If that is not known, a test that asks for it cannot pass.
fn tests_of(services: &Services, commit: Option<&str>) -> Vec<SmokeTest> {
    let fill = |text: &String| commit.map_or_else(|| text.clone(), |commit| text.replace("{commit}", commit));
    let tests = services.smoke_tests.iter();
    tests.map(|test| SmokeTest { contains: test.contains.as_ref().map(fill), ..test.clone() }).collect()
}

/// How long the step that stops services may take.
pub(super) fn stop_takes(services: &Services) -> Duration {
    match services.past_stop_limit {
        PastStopLimit::Abort | PastStopLimit::Kill => services.stop_limit.duration() + CALL_LIMIT,
        // A task may run for days, and only the operator decides that it has run for too long.
        PastStopLimit::Wait => GATE_LIMIT,
    }
}

/// Stops all of a role's programs on a host, `for_good` also if it boots again.
pub(super) fn stop_services(services: &Services, host: Host, for_good: bool) -> Action {
    Action::StopServices(StopServices {
        host,
        supervisorctl: services.supervisorctl.clone(),
        programs: services.programs.clone(),
        stop_limit: services.stop_limit.duration(),
        past_stop_limit: services.past_stop_limit,
        running_tasks: services.running_tasks.clone(),
        unrelated: services.unrelated_processes.clone(),
        count_requests: Vec::new(),
        for_good,
    })
}
