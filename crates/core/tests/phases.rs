//! What `prepare`, the opening of the window and `retire` consist of, and what a plan that is made anew keeps.

#[path = "support/planned.rs"]
mod planned;
mod support;

use std::sync::Arc;
use std::time::Duration;

use cutover_core::deployment::{Deployment, Role};
use cutover_core::digest::Digest;
use cutover_core::journal::{Event, RunNumber, Upgrade};
use cutover_core::names::{ImageId, StepId};
use cutover_core::observation::{InstanceState, MachineImage, Observation};
use cutover_core::plan::{Action, Basis, ImageRef, Launch, Line, Order, Phase, Plan, Rule, Step, Undo};
use cutover_core::planner::{Inputs, forecast};
use cutover_core::time::{earlier, later};

use planned::{CALL_LIMIT, first, planned, step};
use support::{PRODUCTION, QA, deployment, observe};

fn launches(plan: &Plan) -> Vec<&Launch> {
    let launches = plan.steps.iter().filter_map(|step| match &step.action {
        Action::Launch(launch) => Some(launch),
        _ => None,
    });
    launches.collect()
}

/// The TTLs that an action gives to records.
fn ttls(action: &Action) -> Vec<u64> {
    let Action::ChangeRecords(change) = action else { panic!("{action:?} changes no records") };
    change.records.iter().map(|record| record.ttl.as_secs()).collect()
}

/// The journal after `prepare` was begun by `plan` and those of its steps have ended well.
fn begun(plan: &Plan, done: impl Fn(&Step) -> bool) -> Upgrade {
    let mut upgrade = Upgrade::default();
    let (run, kind) = (RunNumber(1), plan.phase.into());
    let started = Event::RunStarted { run, kind, plan: Arc::new(plan.clone()), deployment: Digest::of(b"") };
    let held = plan.steps.iter().filter(|step| done(step));
    let held = held.map(|step| Event::StepHeld { step: step.id.clone(), facts: Vec::new() });
    for event in [started].into_iter().chain(held) {
        upgrade.apply(plan.made_at, &event).expect("it can follow");
    }
    upgrade
}

#[test]
fn what_waits_for_the_world_gets_several_times_what_it_is_expected_to_take_and_a_call_beside() {
    let deployment = deployment(QA);
    let (prepare, retire) = (first(&deployment, Phase::Prepare), first(&deployment, Phase::Retire));
    let (boot, sync) = (deployment.expected.boot.duration(), deployment.expected.dns_sync.duration());
    let test = deployment.expected.smoke_test.duration();
    let termination = Duration::from_secs(45);
    let times = |plan: &Plan, line| {
        let step = plan.steps.iter().find(|step| step.line == line).unwrap_or_else(|| panic!("no step of {line:?}"));
        (step.expected, step.limit)
    };
    assert_eq!(times(&prepare, Line::LowerTtl), (sync, CALL_LIMIT + 10 * sync));
    assert_eq!(times(&prepare, Line::SmokeTest), (test, CALL_LIMIT + 5 * test));
    let launch =
        prepare.steps.iter().find(|step| matches!(step.action, Action::Launch(_))).expect("hosts are launched");
    assert_eq!((launch.expected, launch.limit), (boot, CALL_LIMIT + 5 * boot));
    let terminate = retire.steps.iter().find(|step| matches!(step.action, Action::Terminate { .. })).expect("hosts go");
    assert_eq!((terminate.expected, terminate.limit), (termination, CALL_LIMIT + 5 * termination));
    assert_eq!(times(&retire, Line::RaiseTtl), (sync, CALL_LIMIT + 10 * sync));
    let page = step(&first(&deployment, Phase::Announce), "announce.page").clone();
    let shown = deployment.expected.invalidation.duration();
    assert_eq!((page.expected, page.limit), (shown, CALL_LIMIT + 10 * shown));
}

#[test]
fn announce_publishes_the_page_and_then_sends_what_is_scheduled() {
    let plan = first(&deployment(PRODUCTION), Phase::Announce);
    let sent: Vec<&Step> = plan.steps.iter().filter(|step| matches!(step.action, Action::Announce(_))).collect();
    assert!(matches!(step(&plan, "announce.page").action, Action::PublishPage(_)));
    assert!(!sent.is_empty());
    assert!(sent.iter().all(|step| step.waits_for.iter().any(|edge| edge.step == "announce.page".into())));
}

#[test]
fn ttls_are_lowered_in_prepare_and_put_back_in_retire() {
    let mut deployment = deployment(QA);
    let (long, short) = (deployment.dns.ttl.duration().as_secs(), deployment.dns.window_ttl.duration().as_secs());
    assert!(short < long);
    let undo = |step: &Step| match &step.undo {
        Undo::By { action, .. } => ttls(action),
        other => panic!("it is undone by a change of records: {other:?}"),
    };
    let (prepare, retire) = (first(&deployment, Phase::Prepare), first(&deployment, Phase::Retire));
    let sites = deployment.sites.len();
    let (lower, raise) = (step(&prepare, "prepare.ttl"), step(&retire, "retire.ttl"));
    assert_eq!((ttls(&lower.action), undo(lower)), (vec![short; sites], vec![long; sites]));
    assert_eq!((ttls(&raise.action), undo(raise)), (vec![long; sites], vec![short; sites]));
    deployment.dns.ttl = deployment.dns.window_ttl;
    assert!(first(&deployment, Phase::Retire).step(&"retire.ttl".into()).is_none(), "they are short for good");
}

#[test]
fn a_new_plan_keeps_the_lowering_that_was_begun_and_makes_anew_what_was_not() {
    let deployment = deployment(QA);
    let mut observation = observe(&deployment);
    let plan = planned(&deployment, &observation, &Upgrade::default(), Phase::Prepare);
    observation.records.values_mut().for_each(|record| record.ttl = deployment.dns.window_ttl.duration());
    let lowered = begun(&plan, |step| step.line == Line::LowerTtl || step.line == Line::Capture);
    let anew = planned(&deployment, &observation, &lowered, Phase::Prepare);
    assert_eq!(step(&anew, "prepare.ttl").action, step(&plan, "prepare.ttl").action);
    assert_eq!(step(&anew, "prepare.ttl").undo, step(&plan, "prepare.ttl").undo);
    let untouched = planned(&deployment, &observation, &begun(&plan, |_| false), Phase::Prepare);
    assert!(untouched.step(&"prepare.ttl".into()).is_none(), "somebody else has lowered them");
}

#[test]
fn a_host_that_is_gone_is_launched_again_as_the_next_generation() {
    let deployment = deployment(QA);
    let mut observation = observe(&deployment);
    let plan = planned(&deployment, &observation, &Upgrade::default(), Phase::Prepare);
    let names: Vec<_> = launches(&plan).iter().map(|launch| launch.name.clone()).collect();
    assert!(launches(&plan).iter().all(|launch| launch.generation == 1));
    let mut upgrade = begun(&plan, |_| false);
    for name in &names[..2] {
        let mut host = observation.instances[0].clone();
        (host.id, host.name) = (format!("i-{name}").as_str().into(), name.clone());
        upgrade.launched.insert(name.clone(), host.id.clone());
        observation.instances.push(host);
    }
    observation.instances.last_mut().expect("hosts").state = InstanceState::Terminated;
    let anew = planned(&deployment, &observation, &upgrade, Phase::Prepare);
    let generations: Vec<u32> = launches(&anew).iter().map(|launch| launch.generation).collect();
    assert_eq!(generations[..2], [1, 2]);
    assert!(generations[2..].iter().all(|generation| *generation == 1), "what was not launched is not gone");
    // The next plan counts on from this one.
    let mut upgrade_after = begun(&anew, |_| false);
    upgrade_after.launched = upgrade.launched;
    let after = planned(&deployment, &observation, &upgrade_after, Phase::Prepare);
    assert_eq!(launches(&after)[1].generation, 3);
}

fn image(name: &str, deployment: &Deployment, observation: &Observation) -> MachineImage {
    MachineImage {
        id: ImageId::from(format!("ami-{name}")),
        name: name.into(),
        role: Role::Edxapp,
        codename: deployment.release.codename.as_str().into(),
        version: deployment.release.version.as_str().into(),
        commit: None,
        available: true,
        failed: None,
        created: observation.at,
    }
}

fn image_of_hosts(plan: &Plan, role: Role) -> ImageRef {
    launches(plan).into_iter().find(|launch| launch.role == role).expect("hosts are launched").image.clone()
}

#[test]
fn hosts_are_launched_from_an_image_of_their_role_and_release_that_is_ready_or_from_one_that_is_built() {
    let deployment = deployment(QA);
    let observation = observe(&deployment);
    let images = |change: &dyn Fn(&mut MachineImage)| {
        let mut observation = observation.clone();
        let mut image = image("x-1", &deployment, &observation);
        change(&mut image);
        observation.images.push(image);
        let plan = planned(&deployment, &observation, &Upgrade::default(), Phase::Prepare);
        (image_of_hosts(&plan, Role::Edxapp), image_of_hosts(&plan, Role::Worker))
    };
    let built = |role: Role| ImageRef::MadeBy(format!("prepare.image.{role}").as_str().into());
    let known = ImageRef::Known("ami-x-1".into());
    let both_built = (built(Role::Edxapp), built(Role::Worker));
    assert_eq!(images(&|_| {}), (known.clone(), built(Role::Worker)));
    assert_eq!(images(&|image| image.role = Role::Worker), (built(Role::Edxapp), known));
    assert_eq!(images(&|image| image.available = false), both_built);
    assert_eq!(images(&|image| image.codename = "ficus".into()), both_built);
    assert_eq!(images(&|image| image.version = "0".into()), both_built);
}

#[test]
fn a_new_plan_keeps_the_step_that_builds_an_image_unless_it_is_to_build_something_else() {
    let mut deployment = deployment(QA);
    let mut observation = observe(&deployment);
    // In the runbook's order every step waits for the line before it.
    let inputs = Inputs { deployment: &deployment, observation: &observation, upgrade: &Upgrade::default() };
    let plan = forecast(inputs, Phase::Prepare, Order::Runbook);
    let id: StepId = "prepare.image.edxapp".into();
    let name = |plan: &Plan| match &step(plan, id.as_str()).action {
        Action::BuildImage(build) => build.name.clone(),
        other => panic!("{other:?} builds nothing"),
    };
    // The image is there already, under the name that the step gave it.
    let mut half_built = image(name(&plan).as_str(), &deployment, &observation);
    half_built.available = false;
    observation.images.push(half_built);
    let upgrade = begun(&plan, |step| step.line == Line::Capture);
    let anew = planned(&deployment, &observation, &upgrade, Phase::Prepare);
    assert_eq!(name(&anew), name(&plan), "the build goes on");
    assert!(step(&anew, id.as_str()).waits_for.is_empty());
    assert_eq!(image_of_hosts(&anew, Role::Edxapp), ImageRef::MadeBy(id.clone()));
    deployment.role.edxapp.image.branch = "another".to_owned();
    let other = planned(&deployment, &observation, &upgrade, Phase::Prepare);
    assert_ne!(name(&other), name(&plan), "another branch is another image");
    let done = begun(&plan, |step| step.line == Line::Capture || step.id == id);
    assert_eq!(name(&planned(&deployment, &observation, &done, Phase::Prepare)), name(&plan), "it is built");
}

#[test]
fn the_window_opens_after_a_warm_up_snapshot_and_a_decision_where_there_is_time_for_them() {
    let deployment = deployment(QA);
    let mut observation = observe(&deployment);
    let (start, snapshot) = (deployment.window.start.timestamp, deployment.expected.snapshot.duration());
    let opening = |observation: &Observation| {
        let plan = planned(&deployment, observation, &Upgrade::default(), Phase::Window);
        let edges = step(&plan, "window.open").waits_for.iter().map(|edge| edge.rule).collect::<Vec<_>>();
        let lead = plan.step(&"window.lead".into()).map(|lead| match lead.action {
            Action::WaitUntil { moment, .. } => moment,
            _ => panic!("it waits"),
        });
        (lead, edges)
    };
    let lead = earlier(start, snapshot + Duration::from_secs(900));
    assert_eq!(opening(&observation), (Some(lead), vec![Rule::WarmUpFirst, Rule::Decision]));
    observation.at = earlier(start, snapshot);
    assert_eq!(opening(&observation).0, Some(lead), "a snapshot begun now is just ready in time");
    observation.at = later(observation.at, Duration::from_secs(1));
    assert_eq!(opening(&observation), (None, vec![Rule::Decision]));
}

#[test]
fn a_plan_says_what_it_was_made_from() {
    let deployment = deployment(QA);
    let mut observation = observe(&deployment);
    observation.images.push(image("x-1", &deployment, &observation));
    observation.images.push(MachineImage { available: false, ..image("x-2", &deployment, &observation) });
    observation.instances[0].state = InstanceState::Terminated;
    let mut upgrade = Upgrade::default();
    upgrade.launched.insert("next".into(), observation.instances[1].id.clone());
    upgrade.launched.insert("lost".into(), "i-lost".into());
    let facts = |phase| {
        let basis = planned(&deployment, &observation, &upgrade, phase).basis;
        let facts = Basis::default().changes(&basis).into_iter();
        facts.map(|fact| (fact.subject, fact.is.unwrap_or_default())).collect::<std::collections::BTreeMap<_, _>>()
    };
    let announce: Vec<String> = facts(Phase::Announce).into_keys().collect();
    assert_eq!(announce, ["deployment file"]);
    let prepare = facts(Phase::Prepare);
    let phases = |facts: &std::collections::BTreeMap<String, String>| {
        facts.keys().filter(|subject| subject.starts_with("phase ")).cloned().collect::<Vec<_>>()
    };
    assert_eq!(phases(&prepare), ["phase announce"]);
    assert_eq!(prepare["next host next"], observation.instances[1].id.as_str());
    assert_eq!(prepare["next host lost"], "gone");
    assert_eq!(
        prepare[&format!("current host {}", observation.instances[1].name)],
        observation.instances[1].id.as_str()
    );
    assert_eq!((prepare["image x-1"].as_str(), prepare.get("image x-2")), ("ami-x-1", None));
    assert!(prepare.keys().all(|subject| !subject.starts_with("database ")));
    let window = facts(Phase::Window);
    assert_eq!(phases(&window), ["phase announce", "phase prepare"]);
    assert_eq!(window[&format!("database {}", deployment.databases[0].name)], "available");
    assert_eq!(window["time for a snapshot before the window"], "enough");
}
