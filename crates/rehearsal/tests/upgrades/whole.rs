//! Whole upgrades on the embedded cloud, without faults and with steps that fail.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use cutover_core::deployment::{Deployment, PastStopLimit, Role, parse};
use cutover_core::journal::{Event, Fact, Record, Run, RunKind};
use cutover_core::names::{ProgramName, StepId};
use cutover_core::plan::{Action, Order, Phase, Plan};
use cutover_core::progress::Progress;
use cutover_core::time::later;
use cutover_engine::gate::{Gate, Permit};
use cutover_engine::ports::Clock;
use cutover_engine::store::Store;
use cutover_rehearsal::{Fault, FaultKind, RehearsalEnding, Rehearsed, WorldState, rehearse, run};

use super::stage::{QA, Stage, qa, start_of_lms};

const PRODUCTION: &str = include_str!("../../../../examples/mitx-production.toml");

fn rehearsed(deployment: &Deployment, seed: u64, faults: impl FnOnce(&mut WorldState)) -> Rehearsed {
    rehearse(deployment, seed, Order::Overlapped, faults, Rc::new(|_| {})).expect("the rehearsal itself works")
}

pub(crate) fn assert_well(rehearsed: &Rehearsed, what: &str) {
    assert_eq!(rehearsed.ending, RehearsalEnding::Completed, "{what}");
    assert_eq!(rehearsed.violations, [], "{what}");
    assert_eq!(rehearsed.visitors.error, 0, "{what}");
}

pub(crate) fn events(records: &[Record]) -> impl Iterator<Item = &Event> {
    records.iter().flat_map(|record| &record.events)
}

#[test]
fn every_example_is_upgraded_in_both_orders_whatever_the_seed() {
    for text in [QA, PRODUCTION] {
        let deployment = parse(text).expect("the example has no mistakes");
        for seed in 1..=8 {
            for order in [Order::Overlapped, Order::Runbook] {
                let rehearsed = rehearse(&deployment, seed, order, |_| {}, Rc::new(|_| {})).expect("it works");
                assert_well(&rehearsed, &format!("{} seed {seed} {order}", deployment.name));
            }
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_journal_and_another_seed_another() {
    let [first, second, other] = [1, 1, 2].map(|seed| rehearsed(&qa(), seed, |_| {}).records);
    assert_eq!(first, second);
    assert_ne!(first, other);
}

/// The calls that change the world, by the names of their ports' methods.
const CHANGES: [&str; 13] = [
    "change_records",
    "register",
    "deregister",
    "launch",
    "terminate",
    "build",
    "remove",
    "begin_snapshot",
    "put_page",
    "stop",
    "start",
    "start_job",
    "announce",
];

#[test]
fn a_call_that_is_refused_for_good_fails_its_step_and_stops_the_phase() {
    for call in CHANGES {
        let refused = Fault::Call { call: call.to_owned(), nth: 1, kind: FaultKind::Permanent };
        let rehearsed = rehearsed(&qa(), 1, |world| world.faults.push(refused));
        assert!(matches!(&rehearsed.ending, RehearsalEnding::Failed(_, steps) if steps.len() == 1), "{call}");
        assert_eq!(rehearsed.violations, [], "{call}");
    }
}

#[test]
fn a_failed_migration_is_diagnosed_and_never_retried_automatically() {
    let rehearsed = rehearsed(&qa(), 1, |world| world.faults.push(failing_migration(&qa())));
    let RehearsalEnding::Failed(Phase::Window, steps) = &rehearsed.ending else { panic!("{:?}", rehearsed.ending) };
    let step = &steps[0];
    let starts =
        events(&rehearsed.records).filter(|event| matches!(event, Event::StepStarted { step: s, .. } if s == step));
    assert_eq!(starts.count(), 1);
    let run = rehearsed.upgrade.run_of(Phase::Window).expect("the window");
    let (_, error) = run.failed().next().expect("the step has failed");
    for word in ["3 migrations", "pending", "stuck at", "--retry", "restore the snapshot"] {
        assert!(error.contains(word), "`{word}` is missing in: {error}");
    }
    assert_eq!((rehearsed.violations.len(), rehearsed.visitors.error), (0, 0));
}

#[test]
fn a_program_that_never_stops_is_killed_or_named_as_the_file_says() {
    let mut deployment = qa();
    let host = deployment.fleets[0].edxapp.host_name(
        deployment.name.as_str(),
        &deployment.fleets[0].name,
        0,
        &deployment.release.current_version,
    );
    let hangs = Fault::ProgramNeverStops { host: host.clone(), program: "lms".into() };
    let killed = rehearsed(&deployment, 1, |world| world.faults.push(hangs.clone()));
    assert_well(&killed, "killed");
    let on_record =
        events(&killed.records).any(|event| event.facts().iter().any(|fact| matches!(fact, Fact::Killed { .. })));
    assert!(on_record, "what was killed is on record");

    deployment.role.edxapp.past_stop_limit = PastStopLimit::Abort;
    let named = rehearsed(&deployment, 1, |world| world.faults.push(hangs));
    let run = named.upgrade.run_of(Phase::Window).expect("the window");
    let (_, error) = run.failed().next().expect("the step has failed");
    assert!(error.contains("lms") && error.contains(host.as_str()), "{error}");
}

#[test]
fn a_worker_that_never_stops_is_killed_with_its_tasks_on_record() {
    let mut deployment = qa();
    let group = deployment.fleets[0].worker.as_ref().expect("workers");
    let (name, fleet, release) = (&deployment.name, &deployment.fleets[0].name, &deployment.release);
    let host = group.host_name(name.as_str(), fleet, 0, &release.current_version);
    let program = ProgramName::from("edxapp_worker:lms_high_3");
    let worker = deployment.role.worker.as_mut().expect("workers");
    worker.running_tasks = ["celery", "inspect", "active", "--json"].map(str::to_owned).to_vec();
    let hangs = Fault::ProgramNeverStops { host: host.clone(), program: program.clone() };
    let killed = rehearsed(&deployment, 1, |world| world.faults.push(hangs));
    assert_well(&killed, "killed");
    let facts = events(&killed.records).flat_map(Event::facts);
    let with: Vec<_> = facts
        .filter_map(|fact| match fact {
            Fact::Killed { host: on, programs, tasks } if *on == host && *programs == [program.clone()] => Some(tasks),
            _ => None,
        })
        .collect();
    assert!(matches!(with[..], [tasks] if tasks.len() == 1), "{with:?}");
}

#[test]
fn other_writers_are_held_back_and_frozen_hosts_are_released_where_new_code_runs() {
    let mut deployment = qa();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    for services in [&mut deployment.role.edxapp].into_iter().chain(deployment.role.worker.as_mut()) {
        services.hold_back.cron = words(&["/etc/cron.d/edxapp"]);
        services.hold_back.timers = words(&["edx-nightly.timer"]);
        services.freeze = vec![words(&["systemctl", "stop", "ansible-pull.timer"])];
        services.release = vec![words(&["systemctl", "start", "ansible-pull.timer"])];
    }
    for order in [Order::Overlapped, Order::Runbook] {
        let rehearsed = rehearse(&deployment, 1, order, |_| {}, Rc::new(|_| {})).expect("the rehearsal itself works");
        assert_well(&rehearsed, "held back");
        let run = rehearsed.upgrade.run_of(Phase::Window).expect("the window");
        let done = |prefix: &str| {
            let steps = run.runs().filter(|(step, run)| step.id.as_str().starts_with(prefix) && run.status.is_done());
            steps.count()
        };
        assert_eq!([done("window.hold."), done("window.freeze."), done("window.release.")], [5, 10, 5]);
        for (step, of_step) in run.runs().filter(|(step, _)| step.id.as_str().starts_with("window.stop.")) {
            for before in ["window.hold.", "window.freeze."] {
                let before = StepId::from(step.id.as_str().replacen("window.stop.", before, 1));
                assert!(run.run(&before).ended_at <= of_step.started_at, "{}", step.id);
            }
        }
    }
}

fn failing_migration(deployment: &Deployment) -> Fault {
    Fault::MigrationFails {
        fleet: deployment.fleets[0].name.clone(),
        service: "lms".to_owned(),
        database: "default".to_owned(),
        after: 3,
    }
}

/// How many jobs of a step the hosts have really started.
fn jobs_started(records: &[Record], step: &StepId) -> usize {
    let of_step = events(records).filter(|event| event.step() == Some(step));
    let facts = of_step.flat_map(|event| event.facts().iter());
    facts.filter(|fact| matches!(fact, Fact::Job { started: true, .. })).count()
}

#[test]
fn a_failed_migration_is_looked_at_again_by_every_run_and_started_again_only_by_consent() {
    // Hosts that keep their records of jobs, and hosts that lose them, where the name of a job does not prevent a
    // second start.
    for forgetful in [false, true] {
        let deployment = qa();
        let (fault, fleet) = (failing_migration(&deployment), deployment.fleets[0].name.clone());
        let stage = Stage::new(deployment, |world| {
            world.faults.push(fault);
            if forgetful {
                world.faults.push(Fault::HostForgetsJobs { fleet });
            }
        });
        let first = stage.conducted();
        let RehearsalEnding::Failed(Phase::Window, steps) = &first.ending else { panic!("it must fail") };
        assert_eq!(jobs_started(&first.records, &steps[0]), 1);
        for _ in 0..3 {
            let again = stage.conducted();
            assert_eq!(again.ending, RehearsalEnding::Failed(Phase::Window, steps.clone()), "its journal still holds");
            assert!(again.violations.is_empty());
            assert_eq!(jobs_started(&again.records, &steps[0]), 1, "nobody wanted it, forgetful: {forgetful}");
        }
        stage.record([Event::StepRetryApproved { step: steps[0].clone(), by: "alice".to_owned() }]);
        for _ in 0..3 {
            let retried = stage.conducted();
            assert_eq!(jobs_started(&retried.records, &steps[0]), 2, "by consent, once, forgetful: {forgetful}");
            let run = retried.upgrade.run_of(Phase::Window).expect("the window");
            let (_, error) = run.failed().next().expect("the fault is still there");
            assert!(error.contains("-run-2"), "a job of its own: {error}");
        }
    }
}

#[test]
fn a_migration_that_may_have_started_is_not_started_again_even_if_the_host_has_no_record_of_it() {
    // The answer is lost, the migration fails, and the host loses its record of it: once before the first observation,
    // once after it.
    for after in [0, 3] {
        let deployment = qa();
        let (migration, fleet) = (failing_migration(&deployment), deployment.fleets[0].name.clone());
        let Fault::MigrationFails { fleet: of, service, database, .. } = migration else { panic!("a migration") };
        let stage = Stage::new(deployment, |world| {
            world.faults.push(Fault::MigrationFails { fleet: of, service, database, after });
            world.faults.push(Fault::HostForgetsJobs { fleet });
            for nth in 1..=9 {
                let call = "start_job".to_owned();
                world.faults.push(Fault::Call { call, nth, kind: FaultKind::LostAnswer });
            }
        });
        for _ in 0..3 {
            let ended = stage.conducted();
            let of_live = |event: &&Event| {
                matches!(event, Event::StepLearned { step, facts }
                    if step.as_str().starts_with("window.migrate.residential-live.1")
                        && facts.iter().any(|fact| matches!(fact, Fact::Job { .. })))
            };
            assert_eq!(events(&ended.records).filter(of_live).count(), 1, "after {after}: it has begun once");
            assert!(ended.upgrade.run_of(Phase::Window).is_some_and(Run::is_under_way), "and not ended well");
        }
    }
}

#[test]
fn a_state_that_knows_nothing_of_who_wrote_the_fence_changes_nothing_however_often_it_is_tried() {
    let stage = Stage::new(qa(), |_| {});
    assert_eq!(stage.conducted().ending, RehearsalEnding::Completed);
    // The state was lost, or the file names another location, so the upgrade seems not to have started.
    let mut deployment = stage.deployment.clone();
    deployment.window.start.timestamp = later(stage.clock.now(), Duration::from_secs(30 * 86_400));
    let other = Stage { store: Store::memory(&deployment.upgrade()), deployment, ..stage };
    for _ in 0..4 {
        let before = other.cloud.writes();
        let ended = run(&other.clock, other.conduct(Rc::new(|_| {})));
        let halted = ended.expect_err("another state conducted it").to_string();
        assert!(halted.contains("of which this state has no record"), "{halted}");
        assert_eq!(other.cloud.writes(), before);
    }
}

#[test]
fn a_migration_with_another_name_in_a_new_plan_starts_again_only_with_approval() {
    let stage = Stage::new(qa(), |world| world.faults.push(failing_migration(&qa())));
    let RehearsalEnding::Failed(Phase::Window, steps) = stage.conducted().ending else { panic!("it must fail") };
    let step = steps[0].clone();
    // A run was requested twice and started once, so no job has the number in between.
    let approval = Event::StepRetryApproved { step: step.clone(), by: "alice".to_owned() };
    stage.record([approval.clone(), approval]);
    let approved = step.clone();
    stage.die_at(move |progress| {
        matches!(progress, Progress::Waiting { step, detail, .. } if *step == approved && detail.contains("applied"))
    });

    let reading = stage.reading();
    let started = reading.upgrade.run_of(Phase::Window).expect("it was begun");
    let plan = serde_json::to_string(&started.plan).expect("JSON").replace(".1-lms-default", ".9-lms-default");
    let plan = plan.replace("-1-lms-default", "-9-lms-default");
    let plan = Arc::new(serde_json::from_str(&plan).expect("a plan"));
    let renamed = StepId::from(step.as_str().replace("1-lms-default", "9-lms-default").as_str());
    assert!(started.plan.step(&step).is_some() && started.plan.step(&renamed).is_none());
    let (run, deployment) = (reading.upgrade.next_run(), started.deployment.clone());
    stage.record([Event::RunStarted { run, kind: RunKind::Window, plan, deployment }]);

    let jobs = |records: &[Record]| jobs_started(records, &step) + jobs_started(records, &renamed);
    for _ in 0..2 {
        let again = stage.conducted();
        assert_eq!(again.ending, RehearsalEnding::Failed(Phase::Window, vec![renamed.clone()]));
        assert_eq!(jobs(&again.records), 2, "nobody wanted another");
        let run = again.upgrade.run_of(Phase::Window).expect("the window");
        let (_, error) = run.failed().next().expect("it has failed");
        assert!(error.contains("-1-lms-default-run-3 on"), "it was waited for: {error}");
    }
    stage.record([Event::StepRetryApproved { step: renamed.clone(), by: "alice".to_owned() }]);
    let again = stage.conducted();
    assert_eq!((jobs(&again.records), &again.violations), (3, &Vec::new()), "by consent");
}

#[test]
fn a_replan_while_hosts_are_pending_launches_none_of_them_twice() {
    let stage = Stage::new(qa(), |_| {});
    stage.die_at(|progress| match progress {
        Progress::Recorded { event, .. } => event.facts().iter().any(|fact| matches!(fact, Fact::Launched { .. })),
        _ => false,
    });

    let reading = stage.reading();
    let started = reading.upgrade.run_of(Phase::Prepare).expect("it was begun");
    let mut plan = Plan::clone(&started.plan);
    for step in &mut plan.steps {
        if let Action::Launch(launch) = &mut step.action {
            launch.tags.insert("owner".to_owned(), "ops".to_owned());
        }
    }
    let (run, plan, deployment) = (reading.upgrade.next_run(), Arc::new(plan), started.deployment.clone());
    stage.record([Event::RunStarted { run, kind: RunKind::Prepare, plan, deployment }]);
    // At the end, nothing may have been created that the journal cannot name.
    let ended = stage.conducted();
    assert_eq!((&ended.ending, &ended.violations), (&RehearsalEnding::Completed, &Vec::new()));
}

#[test]
fn every_step_may_fail_twice_and_be_gone_on_with() {
    for call in CHANGES {
        let stage = Stage::new(qa(), |world| {
            for nth in 1..=2 {
                world.faults.push(Fault::Call { call: call.to_owned(), nth, kind: FaultKind::Permanent });
            }
        });
        let mut ended = stage.conducted();
        for _ in 0..8 {
            if ended.ending == RehearsalEnding::Completed {
                break;
            }
            ended = stage.conducted();
        }
        assert_eq!((&ended.ending, &ended.violations), (&RehearsalEnding::Completed, &Vec::new()), "{call}");
    }
}

#[test]
fn old_code_that_was_started_again_is_found_before_each_migration() {
    let deployment = qa();
    let fault = failing_migration(&deployment);
    let stage = Stage::new(deployment, |world| world.faults.push(fault));
    let failed = stage.conducted();
    let RehearsalEnding::Failed(Phase::Window, steps) = &failed.ending else { panic!("it must fail") };
    let fleet = &stage.deployment.fleets[0].name;
    let mut captured = failed.upgrade.captured.iter().flatten();
    let current = captured.find(|host| host.fleet == *fleet && host.role == Role::Edxapp).expect("on record");
    run(&stage.clock, async {
        let (hosts, clock) = (stage.cloud.world().hosts, stage.clock());
        // A person on the host itself, without any record in the journal.
        let job = start_of_lms(&stage.deployment);
        let start = async |permit: &Permit| hosts.start_job(permit, &current.instance, &job).await;
        let epoch = failed.records.last().map_or(1, |last| last.epoch);
        Gate::alone_at(&clock, epoch).write("start", start).await.expect("it starts");
        stage.clock.sleep(Duration::from_secs(300)).await;
    });
    stage.record([Event::StepRetryApproved { step: steps[0].clone(), by: "alice".to_owned() }]);
    let again = stage.conducted();
    let (_, error) = again.upgrade.run_of(Phase::Window).expect("the window").failed().next().expect("it must fail");
    assert!(error.contains("running again: lms on") && error.contains(current.name.as_str()), "{error}");
}

#[test]
fn a_migration_whose_host_was_restarted_is_told_as_that_and_not_started_again() {
    let stage = Stage::new(qa(), |_| {});
    stage.die_at(|progress| matches!(progress, Progress::Waiting { detail, .. } if detail.contains("of 24 applied; ")));
    let reading = stage.reading();
    let window = reading.upgrade.run_of(Phase::Window).expect("the window");
    let runs = window.runs().find_map(|(step, run)| match &step.action {
        Action::Migrate(migrate) if run.status.is_open() => Some((step.id.clone(), migrate.host.name.clone())),
        _ => None,
    });
    let (step, host) = runs.expect("a migration runs");
    let instance = &reading.upgrade.launched[&host];
    stage.cloud.restart_host(instance).expect("restarted");
    run(&stage.clock, stage.clock.sleep(Duration::from_secs(600)));
    let ended = stage.conducted();
    let (_, error) = ended.upgrade.run_of(Phase::Window).expect("the window").failed().next().expect("it has failed");
    assert!(error.starts_with(&format!("{host} was restarted while job ")), "{error}");
    assert!(error.contains(&format!("--retry {step}")), "{error}");
    assert_eq!(jobs_started(&ended.records, &step), 1);
}

#[test]
fn ttls_that_were_lowered_shortly_before_the_window_are_waited_for() {
    let mut deployment = qa();
    deployment.dns.ttl = "2d 1h".parse().expect("a span");
    deployment.dns.resolvers.clear();
    deployment.window.length = Some("12h".parse().expect("a span"));
    // The rehearsal prepares two days before, so that an hour of the old TTL is left when the window opens.
    assert_well(&rehearsed(&deployment, 1, |_| {}), "a long TTL");
}
