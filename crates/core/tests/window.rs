//! Times in a window's plan: how long its waits are, and how long going back takes.

#[path = "support/planned.rs"]
mod planned;
mod support;

use std::sync::Arc;
use std::time::Duration;

use cutover_core::deployment::{BalancerKind, Deployment, Role};
use cutover_core::digest::Digest;
use cutover_core::journal::{Event, RunNumber, Upgrade};
use cutover_core::names::StepId;
use cutover_core::observation::Observation;
use cutover_core::plan::{Action, AwaitResolvers, CountTasks, Line, Order, Phase, Plan, Rule, Step, Undo, lint};
use cutover_core::planner::{Inputs, forecast, next_hosts};
use cutover_core::time::{earlier, later};
use jiff::Timestamp;

use planned::{CALL_LIMIT, first, planned, step};
use support::{PRODUCTION, QA, deployment, observe};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Whether `step` waits for `before`, also through other steps.
fn comes_after(plan: &Plan, step: &StepId, before: &StepId) -> bool {
    let mut front = vec![step.clone()];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(next) = front.pop() {
        let edges = &plan.step(&next).expect("a step").waits_for;
        front.extend(edges.iter().map(|edge| edge.step.clone()).filter(|step| seen.insert(step.clone())));
    }
    seen.contains(before)
}

/// The journal after `announce` and `prepare` have ended, whose steps ended at `at`.
fn prepared(deployment: &Deployment, observation: &Observation, at: Timestamp) -> Upgrade {
    let mut upgrade = Upgrade::default();
    for (number, phase) in [(1, Phase::Announce), (2, Phase::Prepare)] {
        let plan = forecast(Inputs { deployment, observation, upgrade: &upgrade }, phase, Order::Overlapped);
        let steps: Vec<StepId> = plan.steps.iter().map(|step| step.id.clone()).collect();
        let (run, plan) = (RunNumber(number), Arc::new(plan));
        let started = Event::RunStarted { run, kind: phase.into(), plan, deployment: Digest::of(b"") };
        let held = steps.into_iter().map(|step| Event::StepHeld { step, facts: Vec::new() });
        for event in [started].into_iter().chain(held).chain([Event::RunFinished { run }]) {
            upgrade.apply(at, &event).expect("it can follow");
        }
    }
    upgrade
}

fn draining() -> Deployment {
    let text = QA.replacen(
        "[role.worker]",
        "[role.worker]\ndrain_queues = \"10m\"\ncount_queues = [\"redis-cli\", \"LLEN\", \"celery\"]",
        1,
    );
    assert_ne!(text, QA);
    deployment(&text)
}

#[test]
fn queues_drain_after_the_web_hosts_have_stopped_and_before_the_workers_stop() {
    let deployment = draining();
    let plan = first(&deployment, Phase::Window);
    for fleet in &deployment.fleets {
        let drain = step(&plan, &format!("window.drain.{}", fleet.name));
        assert_eq!((drain.expected, drain.limit), (seconds(30), seconds(600)));
        let Action::DrainQueues { count: Some(CountTasks { host, command }), .. } = &drain.action else {
            panic!("{:?}", drain.action)
        };
        assert!(host.name.as_str().starts_with("edx-worker-") && host.name.as_str().ends_with("-v3"), "{host:?}");
        assert_eq!(command, &["redis-cli", "LLEN", "celery"]);
        let stops =
            plan.steps.iter().filter(|step| step.id.as_str().starts_with("window.stop.") && step.lane == drain.lane);
        let (workers, web): (Vec<&Step>, Vec<&Step>) =
            stops.partition(|step| step.waits_for.iter().any(|edge| edge.rule == Rule::QueuesDrained));
        assert_eq!(workers.len(), fleet.worker.as_ref().map_or(0, |group| group.count as usize), "{}", fleet.name);
        assert!(workers.iter().all(|worker| comes_after(&plan, &worker.id, &drain.id)));
        assert!(!web.is_empty() && web.iter().all(|web| comes_after(&plan, &drain.id, &web.id)));
    }
}

#[test]
fn what_is_left_in_queues_is_counted_once_the_workers_have_stopped_and_settled_before_the_migrations() {
    let mut deployment = draining();
    let worker = deployment.role.worker.as_mut().expect("workers");
    worker.drain_queues = None;
    let plan = first(&deployment, Phase::Window);
    for fleet in &deployment.fleets {
        let count = step(&plan, &format!("window.tasks.{}", fleet.name));
        let of = |step: &&Step| step.lane == count.lane;
        let stops = |step: &&Step| step.id.as_str().starts_with("window.stop.edx-worker-");
        let workers: Vec<&Step> = plan.steps.iter().filter(of).filter(stops).collect();
        assert_eq!(workers.len(), fleet.worker.as_ref().map_or(0, |group| group.count as usize), "{}", fleet.name);
        assert!(workers.iter().all(|worker| comes_after(&plan, &count.id, &worker.id)));
        let migrations = plan.steps.iter().filter(of).filter(|step| matches!(step.action, Action::Migrate(_)));
        assert!(migrations.map(|migrate| assert!(comes_after(&plan, &migrate.id, &count.id))).count() > 0);
    }
    assert_eq!(lint(&plan, &deployment), []);
    let mut hasty = plan;
    hasty.steps.iter_mut().for_each(|step| step.waits_for.retain(|edge| edge.rule != Rule::TasksSettled));
    let findings = lint(&hasty, &deployment);
    assert!(findings.iter().any(|finding| finding.message.contains("tasks that old code has queued")), "{findings:?}");
}

#[test]
fn no_migration_begins_before_the_sessions_on_its_database_have_ended() {
    let mut deployment = deployment(PRODUCTION);
    let database = deployment.databases[0].name.clone();
    deployment.databases[0].sessions_command = vec!["database-sessions".to_owned()];
    let plan = first(&deployment, Phase::Window);
    let wait = step(&plan, &format!("window.sessions.{database}"));
    assert_eq!((wait.expected, wait.limit), (seconds(3), seconds(120)));
    for fleet in deployment.fleets_on(&database) {
        assert!(comes_after(&plan, &wait.id, &format!("window.confirm.{}", fleet.name).into()));
    }
    let migrations = plan.steps.iter().filter(|step| match &step.action {
        Action::Migrate(migrate) => migrate.instance == database,
        _ => false,
    });
    assert!(migrations.map(|migrate| assert!(comes_after(&plan, &migrate.id, &wait.id))).count() > 0);
    assert_eq!(lint(&plan, &deployment), []);
    let mut hasty = plan;
    hasty.steps.iter_mut().for_each(|step| step.waits_for.retain(|edge| edge.rule != Rule::SessionsEnded));
    let findings = lint(&hasty, &deployment);
    assert!(findings.iter().any(|finding| finding.message.contains("waiting for the sessions")), "{findings:?}");
}

#[test]
fn no_migration_begins_before_the_free_storage_of_its_database_was_looked_at() {
    let mut deployment = deployment(QA);
    let database = &mut deployment.databases[0];
    database.free_storage_command = vec!["free-storage".to_owned()];
    database.min_free = Some("20 GB".parse().expect("a size"));
    let plan = first(&deployment, Phase::Window);
    let look = step(&plan, &format!("window.storage.{}", deployment.databases[0].name));
    let migrations = plan.steps.iter().filter(|step| matches!(step.action, Action::Migrate(_)));
    assert!(migrations.map(|migrate| assert!(comes_after(&plan, &migrate.id, &look.id))).count() > 0);
    assert_eq!(lint(&plan, &deployment), []);
    let mut hasty = plan;
    hasty.steps.iter_mut().for_each(|step| step.waits_for.retain(|edge| edge.rule != Rule::StorageFree));
    let findings = lint(&hasty, &deployment);
    assert!(findings.iter().any(|finding| finding.message.contains("looking at the free storage")), "{findings:?}");
}

#[test]
fn a_short_limit_on_draining_is_also_its_expected_time() {
    let mut deployment = draining();
    deployment.role.worker.as_mut().expect("workers").drain_queues = Some("12s".parse().expect("a length"));
    let plan = first(&deployment, Phase::Window);
    let drain = step(&plan, &format!("window.drain.{}", deployment.fleets[0].name));
    assert_eq!((drain.expected, drain.limit), (seconds(12), seconds(12)));
}

#[test]
fn how_long_draining_is_expected_to_take_is_in_the_file() {
    let mut deployment = draining();
    deployment.expected.drain_queues = "2m".parse().expect("a length");
    let plan = first(&deployment, Phase::Window);
    let drain = step(&plan, &format!("window.drain.{}", deployment.fleets[0].name));
    assert_eq!((drain.expected, drain.limit), (seconds(120), seconds(600)));
}

#[test]
fn no_queue_is_drained_if_there_are_no_workers_or_the_file_does_not_ask_for_it() {
    let is_drained = |plan: &Plan| plan.steps.iter().any(|step| matches!(step.action, Action::DrainQueues { .. }));
    assert!(!is_drained(&first(&deployment(QA), Phase::Window)));
    let deployment = draining();
    let mut observation = observe(&deployment);
    observation.instances.retain(|instance| instance.role == Role::Edxapp);
    assert!(!is_drained(&planned(&deployment, &observation, &Upgrade::default(), Phase::Window)));
}

#[test]
fn a_classic_balancer_needs_its_whole_threshold_and_a_target_group_one_check() {
    for (text, kind, until) in [(PRODUCTION, BalancerKind::Classic, 3 * 30), (QA, BalancerKind::TargetGroup, 30)] {
        let deployment = deployment(text);
        let plan = first(&deployment, Phase::Window);
        for balancer in &deployment.balancers {
            assert_eq!(balancer.kind, kind);
            let healthy = step(&plan, &format!("window.healthy.{}", balancer.name));
            assert_eq!((healthy.expected, healthy.limit), (seconds(until), CALL_LIMIT + 3 * seconds(until)));
        }
    }
}

#[test]
fn going_back_takes_the_start_of_a_current_host_and_the_checks_of_its_balancer() {
    for (text, until) in [(PRODUCTION, 3 * 30), (QA, 30)] {
        let deployment = deployment(text);
        let plan = first(&deployment, Phase::Window);
        let start = deployment.role.edxapp.start_expected.duration();
        for balancer in &deployment.balancers {
            let undo = &step(&plan, &format!("window.deregister.{}", balancer.name)).undo;
            let Undo::By { action, expected } = undo else { panic!("{undo:?}") };
            assert!(matches!(**action, Action::Register(_)));
            assert_eq!(*expected, start + seconds(until), "{}", balancer.name);
        }
    }
}

/// How long the plan waits for resolvers to forget the sites' records, and the whole wait.
fn forget(plan: &Plan, deployment: &Deployment) -> (Duration, Duration) {
    let diverted = step(plan, &format!("window.diverted.{}", deployment.fleets[0].name));
    match &diverted.action {
        Action::AwaitResolvers(AwaitResolvers { forget, .. }) => (*forget, diverted.expected),
        other => panic!("{other:?}"),
    }
}

/// QA's records live for 300 s, and for 60 s once `prepare` has lowered that.
const OLD: Duration = seconds(300);
const SHORT: Duration = seconds(60);

#[test]
fn before_prepare_has_run_the_plan_assumes_the_lowered_ttl() {
    let deployment = deployment(QA);
    let settle = deployment.dns.settle.duration();
    assert_eq!(forget(&first(&deployment, Phase::Window), &deployment), (SHORT, SHORT + settle));
}

#[test]
fn the_plan_waits_for_a_ttl_that_somebody_has_raised_since() {
    let deployment = deployment(QA);
    let observation = observe(&deployment);
    let upgrade = prepared(&deployment, &observation, observation.at);
    assert_eq!(
        forget(&planned(&deployment, &observation, &upgrade, Phase::Window), &deployment).0,
        OLD,
        "it is observed"
    );
}

/// The observation `before` the window's start, with the TTLs lowered.
fn lowered(deployment: &Deployment, before: Duration) -> Observation {
    let mut observation = observe(deployment);
    observation.at = earlier(deployment.window.start.timestamp, before);
    observation.records.values_mut().for_each(|record| record.ttl = SHORT);
    observation
}

#[test]
fn the_plan_waits_for_the_rest_of_a_ttl_that_was_lowered_shortly_before_the_window() {
    let deployment = deployment(QA);
    let (start, before) = (deployment.window.start.timestamp, observe(&deployment));
    for (lowered_at, posted_in, rest) in [
        // Long before: resolvers have forgotten the old one when the page goes up.
        (earlier(start, seconds(3600)), seconds(600), SHORT),
        // 100 s before the start: 200 s of the old 300 are left then.
        (earlier(start, seconds(100)), seconds(90), seconds(200)),
        (earlier(start, seconds(10)), seconds(5), seconds(290)),
    ] {
        let upgrade = prepared(&deployment, &before, lowered_at);
        let plan = planned(&deployment, &lowered(&deployment, posted_in), &upgrade, Phase::Window);
        assert_eq!(forget(&plan, &deployment).0, rest, "lowered at {lowered_at}");
    }
}

#[test]
fn the_rest_of_an_old_ttl_counts_from_now_if_the_window_has_already_started() {
    let deployment = deployment(QA);
    let (start, before) = (deployment.window.start.timestamp, observe(&deployment));
    let upgrade = prepared(&deployment, &before, start);
    let mut observation = lowered(&deployment, Duration::ZERO);
    observation.at = later(start, seconds(50));
    assert_eq!(forget(&planned(&deployment, &observation, &upgrade, Phase::Window), &deployment).0, seconds(250));
}

#[test]
fn once_the_page_is_up_a_new_plan_keeps_the_wait_of_the_one_before() {
    let deployment = deployment(QA);
    let (start, before) = (deployment.window.start.timestamp, observe(&deployment));
    let mut upgrade = prepared(&deployment, &before, earlier(start, seconds(10)));
    let before_it = planned(&deployment, &lowered(&deployment, seconds(5)), &upgrade, Phase::Window);
    let run = RunNumber(3);
    let page = StepId::from(format!("window.page.{}", deployment.fleets[0].name));
    for event in [
        Event::RunStarted { run, kind: Phase::Window.into(), plan: Arc::new(before_it), deployment: Digest::of(b"") },
        Event::StepStarted { step: page, attempt: 1 },
    ] {
        upgrade.apply(start, &event).expect("it can follow");
    }
    let mut observation = lowered(&deployment, Duration::ZERO);
    observation.at = later(start, seconds(250));
    assert_eq!(forget(&planned(&deployment, &observation, &upgrade, Phase::Window), &deployment).0, seconds(290));
}

#[test]
fn every_next_host_is_started_and_every_current_host_stopped() {
    for deployment in [PRODUCTION, QA].map(deployment) {
        let (observation, upgrade) = (observe(&deployment), Upgrade::default());
        let inputs = Inputs { deployment: &deployment, observation: &observation, upgrade: &upgrade };
        let plan = planned(&deployment, &observation, &upgrade, Phase::Window);
        for fleet in &deployment.fleets {
            for host in fleet.groups().flat_map(|(role, _)| next_hosts(inputs, fleet, role)) {
                step(&plan, &format!("window.start.{host}"));
            }
        }
        for instance in &observation.instances {
            step(&plan, &format!("window.stop.{}", instance.name));
        }
    }
}

#[test]
fn what_else_writes_is_held_back_before_services_stop_and_comes_back_only_on_the_way_back() {
    // The example has these keys in comments.
    let in_comments = |text: String, key: &str| text.replacen(&format!("# {key} = "), &format!("{key} = "), 1);
    let deployment = deployment(&["hold_back", "freeze", "release"].into_iter().fold(QA.to_owned(), in_comments));
    let plan = first(&deployment, Phase::Window);
    let of = |prefix: &str| plan.steps.iter().filter(|step| step.id.as_str().starts_with(prefix)).collect::<Vec<_>>();
    let ages = |steps: &[&Step]| steps.iter().map(|step| step.id.as_str().ends_with("-v3")).collect::<Vec<_>>();
    let (holds, freezes, releases) = (of("window.hold."), of("window.freeze."), of("window.release."));
    assert_eq!(ages(&holds), [true, true], "current workers, as only [role.worker] has the keys");
    assert_eq!(ages(&freezes), [true, false, true, false]);
    assert_eq!(ages(&releases), [false, false], "old code must not be started on the migrated schema");
    let back = |step: &Step| match &step.undo {
        Undo::By { action, .. } => (**action).clone(),
        other => panic!("{other:?}"),
    };
    for hold in &holds {
        let (Action::HoldBack(held), Action::PutBack(put)) = (&hold.action, back(hold)) else { panic!("{hold:?}") };
        assert_eq!((held, held.items.len()), (&put, 2));
    }
    for freeze in &freezes {
        let Action::RunCommands(run) = back(freeze) else { panic!("{freeze:?}") };
        assert_eq!(run.commands, [["systemctl", "start", "ansible-pull.timer"]]);
    }
    for worker in of("window.stop.edx-worker-") {
        for before in ["window.hold.", "window.freeze."] {
            let before = StepId::from(worker.id.as_str().replacen("window.stop.", before, 1));
            assert!(comes_after(&plan, &worker.id, &before), "{}", worker.id);
        }
    }
    for (fleet, freeze) in deployment.fleets.iter().zip([freezes[1], freezes[3]]) {
        let confirmed = StepId::from(format!("window.confirm.{}", fleet.name));
        assert!(comes_after(&plan, &confirmed, &freeze.id));
    }
    for release in releases {
        assert!(release.waits_for.iter().any(|edge| edge.step.as_str().starts_with("window.returned.")));
    }
}

#[test]
fn writes_are_tried_on_one_next_host_of_each_fleet_after_its_pages_and_before_its_visitors() {
    let check = |name: &str| format!("\n[[write_check]]\nname = \"{name}\"\ncommand = [\"manage.py\", \"{name}\"]\n");
    let deployment = deployment(&format!("{QA}{}{}", check("enrol"), check("submit")));
    let plan = first(&deployment, Phase::Window);
    for fleet in &deployment.fleets {
        let ids = ["enrol", "submit"].map(|name| StepId::from(format!("window.write.{}.{name}", fleet.name)));
        let [enrol, submit] = ids.clone().map(|id| step(&plan, id.as_str()));
        let Action::WriteCheck(check) = &enrol.action else { panic!("{:?}", enrol.action) };
        assert!(check.host.name.as_str().ends_with("-0-v4"), "{:?}", check.host);
        assert!(comes_after(&plan, &submit.id, &enrol.id), "one after the other");
        for site in deployment.sites_of(fleet) {
            assert!(comes_after(&plan, &enrol.id, &format!("window.verify.{}", site.name).into()));
        }
        let lift = format!("window.lift.{}", fleet.name).into();
        for id in &ids {
            assert!(comes_after(&plan, &lift, id) && comes_after(&plan, &"window.gate.manual-checks".into(), id));
        }
    }
}

#[test]
fn what_does_not_belong_to_the_site_is_in_the_stops_of_its_role_and_in_the_gates_before_the_migrations() {
    let gate = "[[gate]]\nname = \"migrate\"\nquestion = \"Go?\"\nbefore = \"migrate\"\n";
    let text = QA.replace("[role.worker]\n", "[role.worker]\nunrelated_processes = [\"/opt/agent\"]\n") + gate;
    let plan = first(&deployment(&text), Phase::Window);
    for step in &plan.steps {
        match &step.action {
            Action::StopServices(stop) if step.looks_at_first() => {
                let is_worker = stop.host.name.as_str().contains("worker");
                assert_eq!(stop.unrelated.iter().any(|entry| entry == "/opt/agent"), is_worker, "{}", step.id);
            }
            Action::Decide(decide) => {
                let is_named =
                    decide.checklist.iter().any(|item| item.ends_with("writes nothing to the site: /opt/agent"));
                assert_eq!(is_named, step.line == Line::Migrate, "{}: {:?}", step.id, decide.checklist);
            }
            _ => {}
        }
    }
}

#[test]
fn rows_are_counted_before_all_migrations_and_after_them_and_before_visitors_come_back() {
    let mut deployment = deployment(PRODUCTION);
    let database = &mut deployment.databases[0];
    database.count_rows_command = vec!["count-rows".to_owned()];
    database.tables = vec![format!("{}.auth_user", database.schemas[0])];
    let name = database.name.clone();
    let plan = first(&deployment, Phase::Window);
    let (before, after) =
        (step(&plan, &format!("window.rows.{name}")), step(&plan, &format!("window.rows-after.{name}")));
    let migrations = plan.steps.iter().filter(|step| match &step.action {
        Action::Migrate(migrate) => migrate.instance == name,
        _ => false,
    });
    let between = migrations.map(|migrate| {
        assert!(comes_after(&plan, &migrate.id, &before.id) && comes_after(&plan, &after.id, &migrate.id));
    });
    assert!(between.count() > 1);
    let lifts = plan.steps.iter().filter(|step| step.lifts_page());
    assert!(lifts.map(|lift| assert!(comes_after(&plan, &lift.id, &after.id))).count() > 0);
    assert_eq!(lint(&plan, &deployment), []);
    let mut hasty = plan;
    hasty.steps.iter_mut().for_each(|step| step.waits_for.retain(|edge| edge.rule != Rule::RowsCounted));
    let messages: Vec<String> = lint(&hasty, &deployment).into_iter().map(|finding| finding.message).collect();
    for part in ["without counting the rows on", "counts rows before"] {
        assert!(messages.iter().any(|message| message.contains(part)), "{part}: {messages:?}");
    }
}

#[test]
fn what_migrations_will_change_is_read_once_the_window_is_near_and_before_the_page() {
    let mut deployment = deployment(PRODUCTION);
    for migration in &mut deployment.migrations {
        migration.sql_command = vec!["sqlmigrate".to_owned()];
    }
    let plan = first(&deployment, Phase::Window);
    let mut reads = 0;
    for migrates in plan.steps.iter() {
        let Action::Migrate(migrate) = &migrates.action else { continue };
        let read = step(&plan, &migrates.id.as_str().replacen("migrate", "statements", 1));
        assert!(
            matches!(&read.action, Action::ReadStatements(read) if read.is_of(migrate) && read.host == migrate.host)
        );
        assert!(comes_after(&plan, &read.id, &"window.lead".into()), "it would be out of date");
        assert!(comes_after(&plan, &format!("window.page.{}", migrate.fleet).into(), &read.id));
        reads += 1;
    }
    assert!(reads > 0);
}
