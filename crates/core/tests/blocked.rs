//! What stands in the way of a phase: each thing by itself, and nothing else beside it.

mod support;

use std::sync::Arc;
use std::time::Duration;

use cutover_core::deployment::{BalancerKind, Deployment, Role};
use cutover_core::digest::Digest;
use cutover_core::journal::{Event, Fact, RunNumber, Upgrade};
use cutover_core::names::{DnsName, HostName, StepId};
use cutover_core::observation::{Instance, InstanceState, Observation};
use cutover_core::plan::{CapturedHost, Order, Phase, Plan};
use cutover_core::planner::{Blocked, Inputs, forecast, next_hosts, plan};

use support::{PRODUCTION, QA, deployment, observe};

fn blocked(deployment: &Deployment, observation: &Observation, upgrade: &Upgrade, phase: Phase) -> Vec<Blocked> {
    plan(Inputs { deployment, observation, upgrade }, phase, Order::Overlapped).err().unwrap_or_default()
}

/// The journal after those phases have ended.
fn ended(deployment: &Deployment, observation: &Observation, phases: &[Phase]) -> Upgrade {
    let mut upgrade = Upgrade::default();
    for (run, phase) in (1..).map(RunNumber).zip(phases) {
        let plan = forecast(Inputs { deployment, observation, upgrade: &upgrade }, *phase, Order::Overlapped);
        let held = plan.steps.iter().map(|step| Event::StepHeld { step: step.id.clone(), facts: Vec::new() });
        let held: Vec<Event> = held.collect();
        let kind = (*phase).into();
        let begun = Event::RunStarted { run, kind, plan: Arc::new(plan), deployment: Digest::of(b"") };
        for event in [vec![begun], held, vec![Event::RunFinished { run }]].concat() {
            upgrade.apply(observation.at, &event).expect("it can follow");
        }
    }
    upgrade
}

#[test]
fn a_phase_begins_once_the_one_before_it_has_ended_and_not_again_after_its_own_end() {
    let deployment = deployment(QA);
    let observation = observe(&deployment);
    let none = Upgrade::default();
    let (phase, before) = (Phase::Prepare, Phase::Announce);
    assert_eq!(blocked(&deployment, &observation, &none, phase), [Blocked::NotYet { phase, before }]);
    let announced = ended(&deployment, &observation, &[before]);
    assert_eq!(blocked(&deployment, &observation, &announced, phase), []);
    assert_eq!(blocked(&deployment, &observation, &announced, before), [Blocked::Finished { phase: before }]);
}

#[test]
fn a_window_in_the_past_is_neither_announced_nor_prepared() {
    let deployment = deployment(QA);
    let mut observation = observe(&deployment);
    let announced = ended(&deployment, &observation, &[Phase::Announce]);
    observation.at = deployment.window.start.timestamp;
    let start = Blocked::WindowStarted { start: deployment.window.start.show(observation.at) };
    assert_eq!(blocked(&deployment, &observation, &Upgrade::default(), Phase::Announce), std::slice::from_ref(&start));
    assert_eq!(blocked(&deployment, &observation, &announced, Phase::Prepare), [start]);
}

#[test]
fn hosts_are_prepared_again_for_a_window_that_opens_late() {
    let deployment = deployment(QA);
    let mut observation = observe(&deployment);
    let mut upgrade = ended(&deployment, &observation, &[Phase::Announce]);
    let inputs = Inputs { deployment: &deployment, observation: &observation, upgrade: &upgrade };
    let plan = Arc::new(forecast(inputs, Phase::Prepare, Order::Overlapped));
    let (run, kind) = (upgrade.next_run(), Phase::Prepare.into());
    let begun = Event::RunStarted { run, kind, plan, deployment: Digest::of(b"") };
    upgrade.apply(observation.at, &begun).expect("it can follow");
    observation.at = deployment.window.start.timestamp + Duration::from_secs(600);
    assert_eq!(blocked(&deployment, &observation, &upgrade, Phase::Prepare), []);
}

#[test]
fn a_window_cannot_be_moved_once_visitors_may_see_the_maintenance_page() {
    let mut deployment = deployment(QA);
    let (observation, mut upgrade) = prepared(&deployment);
    let plan = forecast(
        Inputs { deployment: &deployment, observation: &observation, upgrade: &upgrade },
        Phase::Window,
        Order::Overlapped,
    );
    let posts: Vec<StepId> = plan.steps.iter().filter(|step| step.posts_page()).map(|step| step.id.clone()).collect();
    let begun = Event::RunStarted {
        run: upgrade.next_run(),
        kind: Phase::Window.into(),
        plan: Arc::new(plan),
        deployment: Digest::of(b""),
    };
    upgrade.apply(observation.at, &begun).expect("it can follow");
    let before = deployment.window.start;
    deployment.window.start.timestamp += Duration::from_secs(86_400);
    let of_window = |upgrade: &Upgrade| blocked(&deployment, &observation, upgrade, Phase::Window);
    assert_eq!(of_window(&upgrade), [Blocked::AnnouncedOtherwise]);

    upgrade.apply(observation.at, &Event::StepStarted { step: posts[0].clone(), attempt: 1 }).expect("it can follow");
    let learned =
        Event::StepLearned { step: posts[0].clone(), facts: vec![Fact::RecordsChanged { change: "C1".into() }] };
    upgrade.apply(observation.at, &learned).expect("it can follow");
    let start = before.show(before.timestamp);
    assert_eq!(of_window(&upgrade), [Blocked::MovedWhileDown { start }]);
    deployment.window.start = before;
    assert_eq!(blocked(&deployment, &observation, &upgrade, Phase::Window), [], "it was put back");
}

#[test]
fn a_window_needs_an_announcement_to_the_end_and_goes_on_without_one_once_visitors_may_see_the_page() {
    let deployment = deployment(QA);
    let (mut observation, mut upgrade) = prepared(&deployment);
    let begin = |upgrade: &mut Upgrade, observation: &Observation, phase: Phase| {
        let plan = forecast(Inputs { deployment: &deployment, observation, upgrade }, phase, Order::Overlapped);
        let (run, kind, plan) = (upgrade.next_run(), phase.into(), Arc::new(plan));
        let begun = Event::RunStarted { run, kind, plan, deployment: Digest::of(b"") };
        upgrade.apply(observation.at, &begun).expect("it can follow");
    };
    begin(&mut upgrade, &observation, Phase::Announce);
    let of = |observation: &Observation, upgrade: &Upgrade, phase| blocked(&deployment, observation, upgrade, phase);
    let not_yet = Blocked::NotYet { phase: Phase::Window, before: Phase::Announce };
    assert_eq!(of(&observation, &upgrade, Phase::Window), [not_yet]);
    assert_eq!(of(&observation, &upgrade, Phase::Announce), []);

    // A conductor that ended at the first change of DNS has recorded no more than its start.
    begin(&mut upgrade, &observation, Phase::Window);
    let page = &deployment.maintenance_page.domain;
    observation.records.values_mut().for_each(|record| record.target.clone_from(page));
    assert_eq!(of(&observation, &upgrade, Phase::Window), []);
    assert_eq!(of(&observation, &upgrade, Phase::Announce), [Blocked::TooLateToAnnounce]);
}

#[test]
fn each_group_of_each_fleet_needs_current_hosts_of_its_own() {
    let deployment = deployment(PRODUCTION);
    let mut observation = observe(&deployment);
    let announced = ended(&deployment, &observation, &[Phase::Announce]);
    let fleet = &deployment.fleets[1].name;
    observation.instances.retain(|host| host.fleet != *fleet || host.role != Role::Worker);
    let version = deployment.release.current_version.clone();
    let missing = Blocked::NoCurrentHosts { fleet: fleet.clone(), role: Role::Worker, version };
    assert_eq!(blocked(&deployment, &observation, &announced, Phase::Prepare), [missing]);
}

#[test]
fn hosts_that_the_upgrade_has_launched_or_of_another_version_are_no_current_hosts() {
    let deployment = deployment(PRODUCTION);
    let observation = observe(&deployment);
    let announced = ended(&deployment, &observation, &[Phase::Announce]);
    let changes: [fn(&mut Instance, &Deployment); 3] = [
        |host, deployment| host.upgrade = Some(deployment.upgrade()),
        |host, deployment| host.version = deployment.release.version.clone(),
        |host, _| host.state = InstanceState::Terminated,
    ];
    for change in changes {
        let mut observation = observation.clone();
        observation.instances.iter_mut().for_each(|host| change(host, &deployment));
        let blocked = blocked(&deployment, &observation, &announced, Phase::Prepare);
        assert!(blocked.iter().all(|reason| matches!(reason, Blocked::NoCurrentHosts { .. })), "{blocked:?}");
        assert_eq!(blocked.len(), 4, "two roles of two fleets: {blocked:?}");
    }
}

/// The world and the journal after `prepare`, with every next host.
fn prepared(deployment: &Deployment) -> (Observation, Upgrade) {
    let mut observation = observe(deployment);
    let mut upgrade = ended(deployment, &observation, &[Phase::Announce, Phase::Prepare]);
    let captured = observation.instances.iter().map(|host| CapturedHost {
        name: host.name.clone(),
        instance: host.id.clone(),
        fleet: host.fleet.clone(),
        role: host.role,
    });
    upgrade.captured = Some(captured.collect());
    let inputs = Inputs { deployment, observation: &observation, upgrade: &upgrade };
    let fleets = deployment.fleets.iter();
    let names: Vec<HostName> =
        fleets.flat_map(|fleet| Role::ALL.map(|role| next_hosts(inputs, fleet, role))).flatten().collect();
    for name in names {
        let id = format!("i-{name}").as_str().into();
        let next = Instance { id, name: name.clone(), ..observation.instances[0].clone() };
        upgrade.launched.insert(name, next.id.clone());
        observation.instances.push(next);
    }
    (observation, upgrade)
}

#[test]
fn a_prepared_window_may_begin_and_a_host_that_is_gone_or_was_never_launched_stands_in_its_way() {
    let deployment = deployment(QA);
    let (observation, upgrade) = prepared(&deployment);
    let window =
        |observation: &Observation, upgrade: &Upgrade| blocked(&deployment, observation, upgrade, Phase::Window);
    assert_eq!(window(&observation, &upgrade), []);

    let gone = |name: &HostName| {
        let mut without = observation.clone();
        without.instances.retain(|host| host.name != *name);
        window(&without, &upgrade)
    };
    let current = observation.instances[0].name.clone();
    assert_eq!(gone(&current), [Blocked::CurrentHostGone { host: current.clone() }]);
    let next = upgrade.launched.keys().next().expect("hosts were launched").clone();
    assert_eq!(gone(&next), [Blocked::NextHostGone { host: next.clone() }]);

    let mut fewer = upgrade.clone();
    fewer.launched.remove(&next);
    assert_eq!(window(&observation, &fewer), [Blocked::NextHostMissing { host: next, too_late: false }]);

    let mut surplus = upgrade.clone();
    surplus.launched.insert("surplus".into(), "i-surplus".into());
    assert_eq!(window(&observation, &surplus), [], "a host that the file no longer wants may be gone");
}

/// The world and the journal of a window of which visitors see the page.
fn down(deployment: &Deployment) -> (Observation, Upgrade) {
    let (mut observation, mut upgrade) = prepared(deployment);
    let plan =
        forecast(Inputs { deployment, observation: &observation, upgrade: &upgrade }, Phase::Window, Order::Overlapped);
    let (run, kind, plan) = (upgrade.next_run(), Phase::Window.into(), Arc::new(plan));
    let begun = Event::RunStarted { run, kind, plan, deployment: Digest::of(b"") };
    upgrade.apply(observation.at, &begun).expect("it can follow");
    let page = &deployment.maintenance_page.domain;
    observation.records.values_mut().for_each(|record| record.target.clone_from(page));
    (observation, upgrade)
}

#[test]
fn a_window_whose_page_is_up_goes_on_without_hosts_that_are_gone() {
    let deployment = deployment(PRODUCTION);
    let (observation, upgrade) = down(&deployment);
    let plan_of = |observation: &Observation| {
        plan(Inputs { deployment: &deployment, observation, upgrade: &upgrade }, Phase::Window, Order::Overlapped)
    };
    let whole = plan_of(&observation).expect("nothing is gone");
    let without = |gone: &[&HostName]| {
        let mut without = observation.clone();
        without.instances.retain(|host| !gone.contains(&&host.name));
        plan_of(&without)
    };
    let current = upgrade.captured.iter().flatten().next().expect("hosts were recorded").name.clone();
    assert_eq!(without(&[&current]).expect("it counts as stopped").steps, whole.steps);

    let fleet = &deployment.fleets[0];
    let inputs = Inputs { deployment: &deployment, observation: &observation, upgrade: &upgrade };
    let next = next_hosts(inputs, fleet, Role::Edxapp);
    let fewer = without(&[&next[0]]).expect("others can serve");
    let start = |host: &HostName| StepId::from(format!("window.start.{host}").as_str());
    assert!(fewer.step(&start(&next[0])).is_none() && fewer.step(&start(&next[1])).is_some());
    let confirm = StepId::from(format!("window.confirm.{}", fleet.name).as_str());
    let confirmed = |plan: &Plan| plan.step(&confirm).expect("it is planned").action.clone();
    assert_eq!(confirmed(&fewer), confirmed(&whole), "that host must not run anything either");

    let all: Vec<&HostName> = next.iter().collect();
    assert_eq!(without(&all).expect_err("nothing would serve"), [Blocked::NoNextHosts { fleet: fleet.name.clone() }]);
    let workers = next_hosts(inputs, fleet, Role::Worker);
    assert!(without(&workers.iter().collect::<Vec<_>>()).is_ok(), "sites are served without workers");
}

#[test]
fn next_hosts_are_not_missed_while_prepare_is_still_to_come() {
    let deployment = deployment(QA);
    let observation = observe(&deployment);
    let (phase, before) = (Phase::Window, Phase::Prepare);
    let announced = ended(&deployment, &observation, &[Phase::Announce]);
    assert_eq!(blocked(&deployment, &observation, &announced, phase), [Blocked::NotYet { phase, before }]);
}

#[test]
fn balancers_are_there_and_of_their_kind_and_every_site_has_its_record() {
    let deployment = deployment(PRODUCTION);
    let observation = observe(&deployment);
    let announced = ended(&deployment, &observation, &[Phase::Announce]);
    let site = &deployment.sites[1];
    let mut without = observation.clone();
    without.records.remove(&site.host);
    let no_record = Blocked::NoRecord { site: site.name.clone(), host: site.host.clone() };
    assert_eq!(blocked(&deployment, &without, &announced, Phase::Prepare), [no_record]);
    let balancer = deployment.balancers[1].name.clone();
    let mut other = observation.clone();
    other.balancers.get_mut(&balancer).expect("it is there").kind = BalancerKind::TargetGroup;
    assert_eq!(blocked(&deployment, &other, &announced, Phase::Prepare), [Blocked::OtherKind { balancer }]);
}

#[test]
fn the_page_is_served_for_every_site_or_it_is_said_why_that_cannot_be_seen() {
    let deployment = deployment(QA);
    let (observation, upgrade) = prepared(&deployment);
    let window = |change: &dyn Fn(&mut Observation)| {
        let mut observation = observation.clone();
        change(&mut observation);
        blocked(&deployment, &observation, &upgrade, Phase::Window)
    };
    let hosts: Vec<DnsName> = deployment.sites.iter().map(|site| site.host.clone()).collect();
    let not_served = |hosts: &[DnsName]| -> Vec<Blocked> {
        hosts.iter().map(|host| Blocked::PageNotServed { host: host.clone() }).collect()
    };
    assert_eq!(window(&|seen| seen.distribution = None), not_served(&hosts));
    let page = |change: &dyn Fn(&mut cutover_core::observation::Distribution)| {
        window(&|seen| change(seen.distribution.as_mut().expect("it is there")))
    };
    assert_eq!(page(&|page| page.deployed = false), not_served(&hosts));
    assert_eq!(page(&|page| page.aliases.retain(|host| *host != hosts[0])), not_served(&hosts[..1]));
    assert_eq!(page(&|page| page.certified.retain(|host| *host != hosts[0])), not_served(&hosts[..1]));
    let why = "nobody may look".to_owned();
    let uncertain = page(&|page| (page.certified, page.uncertain) = (Vec::new(), Some(why.clone())));
    assert_eq!(uncertain, [Blocked::PageUncertain { why }]);
}
