//! Properties of plans for real deployments, and faults that the linter must find.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cutover_core::deployment::{BalancerKind, Deployment, Role};
use cutover_core::journal::Upgrade;
use cutover_core::names::{HostName, ImageId, StepId};
use cutover_core::observation::{MachineImage, Observation};
use cutover_core::plan::{
    Action, Edge, Line, Order, Phase, Plan, Rule, Schedule, Severity, Step, WindowForecast, downtime_steps, lint,
};
use cutover_core::planner::{Blocked, Inputs, forecast, plan};

use support::{PRODUCTION, QA, deployment, observe};

fn forecast_all(deployment: &Deployment, order: Order) -> BTreeMap<Phase, Plan> {
    let (observation, upgrade) = (observe(deployment), Upgrade::default());
    let inputs = Inputs { deployment, observation: &observation, upgrade: &upgrade };
    Phase::ALL.into_iter().map(|phase| (phase, forecast(inputs, phase, order))).collect()
}

fn window(deployment: &Deployment) -> Plan {
    forecast_all(deployment, Order::Overlapped).remove(&Phase::Window).expect("there is one")
}

fn ancestors<'a>(plan: &'a Plan, id: &'a StepId) -> BTreeSet<&'a StepId> {
    let steps: BTreeMap<&StepId, &Step> = plan.steps.iter().map(|step| (&step.id, step)).collect();
    let mut found = BTreeSet::new();
    let mut front = vec![id];
    while let Some(next) = front.pop() {
        front.extend(steps[next].waits_for.iter().map(|edge| &edge.step).filter(|step| found.insert(*step)));
    }
    found
}

#[test]
fn the_plans_of_every_example_pass_the_linter_in_both_orders() {
    for deployment in [PRODUCTION, QA].map(deployment) {
        for order in [Order::Overlapped, Order::Runbook] {
            for (phase, plan) in forecast_all(&deployment, order) {
                assert_eq!(lint(&plan, &deployment), [], "{} {phase} {order}", deployment.name);
            }
        }
    }
}

#[test]
fn every_step_comes_once_and_after_all_that_it_waits_for() {
    for order in [Order::Overlapped, Order::Runbook] {
        for plan in forecast_all(&deployment(PRODUCTION), order).values() {
            let mut seen = BTreeSet::new();
            for step in &plan.steps {
                assert!(step.waits_for.iter().all(|edge| seen.contains(&edge.step)), "{}", step.id);
                assert!(seen.insert(step.id.clone()), "{}", step.id);
            }
        }
    }
}

#[test]
fn the_snapshot_waits_for_the_writers_of_every_fleet_on_the_instance() {
    let deployment = deployment(PRODUCTION);
    let plan = window(&deployment);
    let snapshot = plan.steps.iter().find(|step| step.line == Line::Snapshot).expect("there is a snapshot");
    let before = ancestors(&plan, &snapshot.id);
    let stops = plan.steps.iter().filter(|step| step.line == Line::StopCurrent);
    let stops: Vec<&Step> = stops.filter(|step| matches!(step.action, Action::StopServices(_))).collect();
    let hosts: u32 = deployment.fleets.iter().flat_map(|fleet| fleet.groups().map(|(_, group)| group.count)).sum();
    assert_eq!(stops.len(), hosts as usize, "both fleets, both roles");
    assert!(stops.iter().all(|step| before.contains(&step.id)));
}

#[test]
fn next_hosts_are_registered_in_a_classic_balancer_before_they_serve_and_in_a_target_group_after() {
    for (text, kind) in [(PRODUCTION, BalancerKind::Classic), (QA, BalancerKind::TargetGroup)] {
        let plan = window(&deployment(text));
        for step in plan.steps.iter().filter(|step| matches!(step.action, Action::Register(_))) {
            let waits = ancestors(&plan, &step.id).iter().any(|id| id.as_str().starts_with("window.start."));
            assert_eq!(waits, kind == BalancerKind::TargetGroup, "{}", step.id);
        }
    }
}

#[test]
fn taking_current_hosts_out_is_never_on_the_critical_path_and_always_before_verification() {
    for text in [PRODUCTION, QA] {
        let plan = window(&deployment(text));
        let steps = downtime_steps(&plan);
        let schedule = Schedule::of(&steps, |step| step.expected);
        assert!(schedule.critical.iter().all(|index| steps[*index].line != Line::RemoveCurrent));
        for step in plan.steps.iter().filter(|step| step.id.as_str().starts_with("window.verify.")) {
            assert!(ancestors(&plan, &step.id).iter().any(|id| id.as_str().starts_with("window.deregister.")));
        }
    }
}

#[test]
fn in_the_runbooks_order_each_line_ends_on_all_hosts_before_the_next_begins() {
    for plan in forecast_all(&deployment(PRODUCTION), Order::Runbook).values() {
        for step in plan.steps.iter().filter(|step| !matches!(step.action, Action::Milestone)) {
            let before = ancestors(plan, &step.id);
            let earlier = plan.steps.iter().filter(|other| other.line < step.line);
            assert!(earlier.map(|other| &other.id).all(|other| before.contains(other)), "{}", step.id);
        }
    }
}

#[test]
fn migrations_keep_the_files_order_and_fleets_do_not_wait_for_one_another() {
    let deployment = deployment(PRODUCTION);
    let plan = window(&deployment);
    for fleet in &deployment.fleets {
        let of_fleet = |step: &Step| match &step.action {
            Action::Migrate(migrate) => Some((step.id.clone(), migrate.fleet == fleet.name, migrate.clone())),
            _ => None,
        };
        let (planned, others): (Vec<_>, Vec<_>) = plan.steps.iter().filter_map(of_fleet).partition(|step| step.1);
        let wanted: Vec<_> = deployment.migrations_of(fleet).map(|m| (&m.service, &m.database)).collect();
        assert_eq!(planned.iter().map(|(_, _, m)| (&m.service, &m.database)).collect::<Vec<_>>(), wanted);
        for pair in planned.windows(2) {
            assert!(ancestors(&plan, &pair[1].0).contains(&pair[0].0));
        }
        let before = ancestors(&plan, &planned.last().expect("there are some").0);
        assert!(others.iter().all(|(other, _, _)| !before.contains(other)));
    }
}

#[test]
fn next_workers_boot_stopped_and_next_hosts_go_to_subnets_in_turn() {
    let deployment = deployment(PRODUCTION);
    for step in &forecast_all(&deployment, Order::Overlapped)[&Phase::Prepare].steps {
        let Action::Launch(launch) = &step.action else { continue };
        assert_eq!(launch.boot_stopped, launch.role == Role::Worker, "{}", launch.name);
        let subnets = &deployment.fleet(&launch.fleet).expect("known").edxapp.subnets;
        let n: usize = launch.name.as_str().rsplit('-').nth(1).and_then(|n| n.parse().ok()).expect("a number");
        assert_eq!(launch.subnet, subnets[n % subnets.len()]);
    }
}

#[test]
fn hosts_are_named_as_their_operators_name_them() {
    let plans = forecast_all(&deployment(PRODUCTION), Order::Overlapped);
    let launches = plans[&Phase::Prepare].steps.iter().filter_map(|step| match &step.action {
        Action::Launch(launch) => Some(launch.name.clone()),
        _ => None,
    });
    let names: Vec<HostName> = launches.collect();
    assert_eq!(names.len(), 34);
    assert!(names.contains(&"edx-mitx-production-residential-live-0-v4".into()));
    assert!(names.contains(&"edx-worker-mitx-production-residential-draft-3-v4".into()));
}

#[test]
fn ttls_are_lowered_only_where_they_are_too_long() {
    let lowers = |text| {
        let plans = forecast_all(&deployment(text), Order::Overlapped);
        plans[&Phase::Prepare].steps.iter().any(|step| step.line == Line::LowerTtl)
    };
    assert!(!lowers(PRODUCTION), "60 s are short enough");
    assert!(lowers(QA), "300 s are not");
}

#[test]
fn the_point_of_no_return_is_the_first_migration_and_both_examples_fit_their_window() {
    for deployment in [PRODUCTION, QA].map(deployment) {
        let (start, end) = (deployment.window.start.timestamp, deployment.window.ends().timestamp);
        let forecast = WindowForecast::of(&window(&deployment), start, end);
        let point = forecast.point_of_no_return.expect("there is one");
        assert!(point.step.as_str().contains(".1-lms-default"), "{}", point.step);
        assert!(forecast.fits && forecast.latest_safe_start > start);
        assert!(forecast.back > Duration::ZERO);
    }
}

#[test]
fn a_plan_has_the_same_hash_until_something_changes_and_then_says_what() {
    let deployment = deployment(PRODUCTION);
    let (mut observation, upgrade) = (observe(&deployment), Upgrade::default());
    let made = |observation: &Observation| {
        forecast(Inputs { deployment: &deployment, observation, upgrade: &upgrade }, Phase::Window, Order::Overlapped)
    };
    let before = made(&observation);
    observation.at = observation.at.checked_add(Duration::from_secs(60)).expect("in range");
    assert_eq!(before.hash(), made(&observation).hash(), "time alone changes nothing");
    observation.records.values_mut().next().expect("there is a record").ttl = Duration::from_secs(300);
    let after = made(&observation);
    assert_ne!(before.hash(), after.hash());
    let changes: Vec<String> = before.basis.changes(&after.basis).iter().map(ToString::to_string).collect();
    assert_eq!(changes.len(), 1);
    assert!(changes[0].starts_with("record ") && changes[0].contains("for 5m"), "{changes:?}");
}

#[test]
fn a_plan_with_other_steps_has_another_hash_whatever_it_was_made_from() {
    let plan = window(&deployment(QA));
    for (index, step) in plan.steps.iter().enumerate() {
        let mut without = plan.clone();
        without.steps.remove(index);
        assert_ne!(without.hash(), plan.hash(), "without {}", step.id);
        let mut slower = plan.clone();
        slower.steps[index].limit += Duration::from_secs(1);
        assert_ne!(slower.hash(), plan.hash(), "another limit of {}", step.id);
    }
    let mut unordered = plan.clone();
    unordered.steps.last_mut().expect("steps").waits_for.clear();
    assert_ne!(unordered.hash(), plan.hash());
}

#[test]
fn the_latest_safe_start_is_not_part_of_a_plans_hash() {
    let plan = window(&deployment(QA));
    let late = plan.clone().without_latest_start();
    assert!(late != plan, "its window has a latest safe start");
    assert_eq!(late.hash(), plan.hash());
}

#[test]
fn a_window_that_opens_late_is_decided_on_again_before_it_opens_and_nothing_else_changes() {
    let plan = window(&deployment(QA));
    let late = plan.clone().opening_late();
    assert_ne!(late.hash(), plan.hash(), "a decision on the other plan is void");
    assert!(late.opens_late() && !plan.opens_late() && late.opens_by().is_none());
    let other = plan.steps.iter().zip(&late.steps).filter(|(one, other)| !one.action.does_the_same(&other.action));
    let other: Vec<&str> = other.map(|(step, _)| step.id.as_str()).collect();
    assert_eq!(other, ["window.gate.go"]);
    assert_eq!(late.clone().opening_late(), late);
}

#[test]
fn everything_that_blocks_a_plan_is_named_at_once() {
    let deployment = deployment(PRODUCTION);
    let (mut observation, upgrade) = (observe(&deployment), Upgrade::default());
    observation.balancers.pop_first();
    observation.databases.clear();
    observation.instances.retain(|instance| instance.role == Role::Edxapp);
    let inputs = Inputs { deployment: &deployment, observation: &observation, upgrade: &upgrade };
    let blocked = plan(inputs, Phase::Prepare, Order::Overlapped).expect_err("it cannot begin");
    let count = |kind: fn(&Blocked) -> bool| blocked.iter().filter(|blocked| kind(blocked)).count();
    assert_eq!(count(|blocked| matches!(blocked, Blocked::NotYet { .. })), 1);
    assert_eq!(count(|blocked| matches!(blocked, Blocked::NoBalancer { .. })), 1);
    assert_eq!(count(|blocked| matches!(blocked, Blocked::NoDatabase { .. })), 1);
    assert_eq!(count(|blocked| matches!(blocked, Blocked::NoCurrentHosts { role: Role::Worker, .. })), 2);
}

#[test]
fn an_image_that_exists_is_used_and_the_next_name_counts_up() {
    let deployment = deployment(PRODUCTION);
    let (mut observation, upgrade) = (observe(&deployment), Upgrade::default());
    let created = observation.at;
    let image = |name: &str, codename: &str, version: &str| MachineImage {
        id: ImageId::from(format!("ami-{name}")),
        name: name.into(),
        role: Role::Edxapp,
        codename: codename.into(),
        version: version.into(),
        commit: None,
        available: true,
        failed: None,
        created,
    };
    let builds = |observation: &Observation| -> Vec<String> {
        let inputs = Inputs { deployment: &deployment, observation, upgrade: &upgrade };
        let plan = forecast(inputs, Phase::Prepare, Order::Overlapped);
        let builds = plan.steps.into_iter().filter_map(|step| match step.action {
            Action::BuildImage(build) => Some(build.name.to_string()),
            _ => None,
        });
        builds.collect()
    };
    observation.images.push(image("edxapp_mitx-production_juniper_base_release_7", "juniper", "3"));
    assert!(builds(&observation)[0].ends_with("_8"), "{:?}", builds(&observation));
    observation.images.push(image("edxapp_mitx-production_koa_base_release_8", "koa", "4"));
    assert_eq!(builds(&observation).len(), 1, "only the worker image is left to build");
}

#[test]
fn the_linter_finds_every_missing_safety_edge() {
    let expected = [
        (PRODUCTION, Rule::SnapshotFirst, "without a snapshot"),
        (PRODUCTION, Rule::WritersStopped, "without looking again"),
        (PRODUCTION, Rule::OneMigrator, "may run beside"),
        (PRODUCTION, Rule::MigratedFirst, "starts new code before"),
        (PRODUCTION, Rule::VerifiedFirst, "before it is verified"),
        (PRODUCTION, Rule::VisitorsDiverted, "while visitors are still sent"),
        (QA, Rule::ServesFirst, "in a target group before it serves"),
    ];
    for (text, rule, words) in expected {
        let deployment = deployment(text);
        let mut plan = window(&deployment);
        plan.steps.iter_mut().for_each(|step| step.waits_for.retain(|edge| edge.rule != rule));
        let findings = lint(&plan, &deployment);
        let found = findings.iter().any(|f| f.severity == Severity::Error && f.message.contains(words));
        assert!(found, "without {rule:?}: {findings:?}");
    }
}

#[test]
fn the_linter_warns_if_no_gate_precedes_what_cannot_be_undone() {
    let mut deployment = deployment(PRODUCTION);
    deployment.gates.clear();
    let findings = lint(&forecast_all(&deployment, Order::Overlapped)[&Phase::Retire], &deployment);
    assert!(!findings.is_empty());
    assert!(findings.iter().all(|finding| finding.severity == Severity::Warning));
}

#[test]
fn the_linter_refuses_cycles_and_unknown_steps() {
    let deployment = deployment(QA);
    let mut plan = window(&deployment);
    let last = plan.steps.last().expect("there are steps").id.clone();
    plan.steps[0].waits_for.push(Edge { step: last, rule: Rule::Follows });
    assert_eq!(lint(&plan, &deployment)[0].severity, Severity::Error);
    plan.steps[0].waits_for = vec![Edge { step: "nowhere".into(), rule: Rule::Follows }];
    assert_eq!(lint(&plan, &deployment)[0].severity, Severity::Error);
}

/// The window plan of the production example with so many hosts.
fn with_hosts(hosts: u32) -> (Deployment, Plan) {
    let mut deployment = deployment(PRODUCTION);
    for (fleet, part) in deployment.fleets.iter_mut().zip([6, 2]) {
        fleet.edxapp.count = hosts * part / 10;
        fleet.worker.as_mut().expect("both have workers").count = hosts / 10;
    }
    let plan = window(&deployment);
    (deployment, plan)
}

fn milestones(plan: &Plan) -> impl Iterator<Item = &Step> {
    plan.steps.iter().filter(|step| matches!(step.action, Action::Milestone))
}

#[test]
fn small_groups_are_joined_by_edges_and_large_ones_by_milestones() {
    for deployment in [PRODUCTION, QA].map(deployment) {
        for plan in forecast_all(&deployment, Order::Overlapped).values() {
            assert_eq!(milestones(plan).count(), 0, "{} {}", deployment.name, plan.phase);
        }
    }
    let (deployment, plan) = with_hosts(1000);
    assert!(milestones(&plan).count() > 0);
    assert_eq!(lint(&plan, &deployment), []);
    let edges: usize = plan.steps.iter().map(|step| step.waits_for.len()).sum();
    assert!(edges < 2 * plan.steps.len(), "{edges} edges of {} steps", plan.steps.len());
    let size = serde_json::to_vec(&plan).expect("a plan is JSON").len();
    assert!(size < 5_000_000, "{size} bytes");
}

#[test]
fn behind_a_milestone_the_same_steps_are_waited_for_as_without() {
    // The fewest hosts of which a group gets a milestone, and those of the next smaller plan, which has none.
    let (_, small) = with_hosts(40);
    let (_, large) = with_hosts(400);
    assert_eq!((milestones(&small).count(), milestones(&large).count() > 0), (0, true));
    for plan in [&small, &large] {
        let hosts = |start: &str| plan.steps.iter().filter(|step| step.id.as_str().starts_with(start)).count();
        let before = |id: &str, start: &str| {
            ancestors(plan, &id.into()).iter().filter(|step| step.as_str().starts_with(start)).count()
        };
        let snapshot = plan.steps.iter().find(|step| step.line == Line::Snapshot).expect("there is one");
        assert_eq!(before(snapshot.id.as_str(), "window.stop."), hosts("window.stop."));
        let healthy =
            plan.steps.iter().find(|step| step.id.as_str().starts_with("window.healthy.")).expect("there is one");
        let Action::AwaitHealthy(members) = &healthy.action else { panic!("{:?}", healthy.action) };
        assert_eq!(before(healthy.id.as_str(), "window.start."), members.hosts.len());
    }
}

#[test]
fn the_linter_finds_what_is_missing_behind_a_milestone() {
    let (deployment, mut plan) = with_hosts(1000);
    for step in plan.steps.iter_mut().filter(|step| matches!(step.action, Action::Milestone)) {
        step.waits_for.clear();
    }
    // Snapshots begin before anything is stopped, but the edges that the linter knows of are all there; a target group
    // that is told of hosts before they serve is found.
    for step in &mut plan.steps {
        if let Action::Register(members) = &mut step.action {
            members.kind = BalancerKind::TargetGroup;
        }
    }
    let findings = lint(&plan, &deployment);
    assert!(findings.iter().any(|finding| finding.message.contains("before it serves")), "{findings:?}");
}

#[test]
fn the_number_of_edges_grows_linearly_with_the_hosts() {
    let mut deployment = deployment(PRODUCTION);
    let size = |deployment: &Deployment, order| {
        let plan = forecast_all(deployment, order).remove(&Phase::Window).expect("there is one");
        (plan.steps.len(), plan.steps.iter().map(|step| step.waits_for.len()).sum::<usize>())
    };
    for order in [Order::Overlapped, Order::Runbook] {
        deployment.fleets[0].edxapp.count = 100;
        let (steps, edges) = size(&deployment, order);
        deployment.fleets[0].edxapp.count = 800;
        let (many_steps, many_edges) = size(&deployment, order);
        assert!(many_edges * steps * 5 < many_steps * edges * 6, "{order}: {edges} -> {many_edges}");
    }
}
