//! Measures of a window of a few steps.

use std::sync::Arc;

use super::*;
use crate::digest::Digest;
use crate::journal::{Acted, Event, Fact, RunKind, RunNumber, StepRun, StepStatus, page_is_up};
use crate::plan::{ChangeRecords, CheckSite, Decide, Migrate, Via};
use crate::testing;
use crate::time::later;

fn at(seconds: u64) -> Timestamp {
    later(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds))
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn step(id: &str, line: Line, action: Action, waits_for: &[&str]) -> Step {
    Step { line, expected: seconds(10), limit: seconds(100), ..testing::step(id, action, waits_for) }
}

fn change() -> Action {
    Action::ChangeRecords(ChangeRecords { zone: "z.".to_owned(), records: Vec::new() })
}

fn check() -> Action {
    let (site, host, via, checks) = ("lms".into(), "lms.z".into(), Via::PublicDns, Vec::new());
    Action::CheckSite(CheckSite { site, host, via, checks, requests: 1 })
}

fn decide() -> Action {
    Action::Decide(Decide { gate: "go".into(), question: "Go?".to_owned(), checklist: Vec::new() })
}

fn migrate() -> Action {
    Action::Migrate(Migrate { instance: "d".into(), ..testing::migrate("s") })
}

/// Page 0-10, then a migration 10-40 beside a stop 10-15, a gate 40-60, the last check 60-65, and an
/// announcement that nobody waits for.
fn window() -> Run {
    let migrate = Step {
        undo: Undo::Impossible { because: "gone".into() },
        ..step("migrate", Line::Migrate, migrate(), &["page"])
    };
    let stop = Undo::By { action: Box::new(Action::Milestone), expected: seconds(45) };
    let steps = vec![
        step("open", Line::Open, Action::WaitUntil { moment: at(0), no_later_than: None }, &[]),
        step("page", Line::PostPage, change(), &["open"]),
        migrate,
        Step { undo: stop, ..step("stop", Line::StopCurrent, Action::Milestone, &["page"]) },
        step("gate", Line::Verify, decide(), &["migrate", "stop"]),
        step("served", Line::LiftPage, check(), &["gate"]),
        step("tell", Line::LiftPage, Action::Milestone, &["served"]),
    ];
    let plan = testing::plan(Phase::Window, steps);
    let times = [
        ("open", 0, 0),
        ("page", 0, 10),
        ("migrate", 10, 40),
        ("stop", 10, 15),
        ("gate", 40, 60),
        ("served", 60, 65),
        ("tell", 65, 99),
    ];
    let steps = times.map(|(id, started, ended)| (id.into(), done(started, ended)));
    Run {
        number: RunNumber(1),
        kind: RunKind::Window,
        plan: Arc::new(plan),
        deployment: Digest::of(b""),
        started_at: at(0),
        finished_at: None,
        steps: steps.into(),
    }
}

fn done(started: u64, ended: u64) -> StepRun {
    let (started_at, ended_at) = (Some(at(started)), Some(at(ended)));
    StepRun { status: StepStatus::Done, started_at, ended_at, acted: Acted::Perhaps, ..StepRun::default() }
}

fn open(run: &mut Run, id: &str, started: u64) {
    let status = StepStatus::Running { attempt: 1 };
    run.steps.insert(id.into(), StepRun { status, started_at: Some(at(started)), ..StepRun::default() });
}

fn migrated(applied: u32) -> Upgrade {
    Upgrade { migrated: vec![migrated_fact("live", "lms", "default", applied)], ..Upgrade::default() }
}

fn migrated_fact(fleet: &str, service: &str, database: &str, applied: u32) -> Fact {
    Fact::Migrated {
        fleet: fleet.into(),
        service: service.into(),
        database: database.into(),
        applied,
        ran: Vec::new(),
        moved: Vec::new(),
        peak_memory: None,
    }
}

#[test]
fn the_window_ends_with_the_last_site_that_is_served_and_not_with_the_message_after_it() {
    assert_eq!(window_length(&window()), Some(seconds(65)));
}

#[test]
fn a_window_has_no_length_before_all_sites_are_served() {
    let mut run = window();
    open(&mut run, "served", 60);
    assert_eq!(window_length(&run), None);
}

#[test]
fn the_critical_path_follows_the_time_that_steps_really_took() {
    let path = critical_path(&window());
    let ids: Vec<&str> = path.steps.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!((ids, path.length), (vec!["page", "migrate", "gate", "served"], seconds(65)));
}

#[test]
fn gates_and_migrations_are_counted_on_the_critical_path_only() {
    assert_eq!(gates_and_migrations(&window()), seconds(50));
    let mut run = window();
    run.steps.insert("stop".into(), done(10, 50));
    assert_eq!(gates_and_migrations(&run), seconds(20), "the migration is not on the path now");
}

#[test]
fn the_critical_path_is_divided_by_the_runbooks_lines() {
    let lines = [(Line::PostPage, 10), (Line::Migrate, 30), (Line::Verify, 20), (Line::LiftPage, 5)];
    assert_eq!(critical_lines(&window()), lines.map(|(line, length)| (line, seconds(length))));
}

#[test]
fn the_remaining_time_falls_while_a_step_runs_and_is_never_negative() {
    let mut run = window();
    for id in ["gate", "served", "tell"] {
        run.steps.remove(&id.into());
    }
    open(&mut run, "migrate", 10);
    assert_eq!(remaining(&run, at(14)), seconds(26));
    assert_eq!(remaining(&run, at(500)), seconds(20));
}

#[test]
fn a_migration_that_applied_something_ends_the_way_back() {
    assert!(way_back(&window(), &migrated(3)).impossible.contains_key(&"migrate".into()));
}

#[test]
fn a_migration_that_applied_nothing_leaves_the_way_back_open() {
    let back = way_back(&window(), &migrated(0));
    assert!(back.impossible.is_empty());
    assert_eq!((back.steps, back.length), (vec!["stop".into()], seconds(45)));
}

#[test]
fn a_migration_whose_end_is_not_known_ends_the_way_back() {
    let mut run = window();
    open(&mut run, "migrate", 10);
    assert!(!way_back(&run, &Upgrade::default()).impossible.is_empty());
    let failed =
        Event::StepFailed { step: "migrate".into(), error: "exit 1".into(), in_doubt: false, changed_nothing: false };
    let status = crate::journal::next_status(&"migrate".into(), run.status(&"migrate".into()), &failed);
    let status = status.expect("it may fail");
    run.steps.entry("migrate".into()).and_modify(|step| step.follow(at(40), status, &failed));
    assert!(!way_back(&run, &Upgrade::default()).impossible.is_empty());
}

#[test]
fn a_migration_whose_step_has_another_name_in_a_new_plan_still_ends_the_way_back() {
    let mut run = window();
    run.steps.remove(&"migrate".into());
    let step =
        Arc::make_mut(&mut run.plan).steps.iter_mut().find(|step| step.id == "migrate".into()).expect("a migration");
    let Action::Migrate(migrate) = step.action.clone() else { panic!("a migration") };
    step.id = "2-migrate".into();
    let upgrade = Upgrade { started_migrations: [("migrate".into(), migrate)].into(), ..Upgrade::default() };
    assert!(way_back(&run, &upgrade).impossible.contains_key(&"2-migrate".into()));
}

/// A confirmation for that fleet, which runs at the same time as migrations.
fn confirm(fleet: &str) -> Step {
    Step { lane: Lane::Fleet(fleet.into()), ..step("confirm", Line::Migrate, Action::Milestone, &["page"]) }
}

fn stays(run: &Run, upgrade: &Upgrade, step: &Step) -> bool {
    matches!(page_may_lift(run, upgrade, step), PageMayLift::No { .. })
}

#[test]
fn after_a_migration_has_started_no_failure_lifts_the_page() {
    let mut run = window();
    assert!(stays(&run, &migrated(3), &confirm("live")));
    assert!(!stays(&run, &migrated(0), &confirm("live")), "it is known to have applied nothing");
    open(&mut run, "migrate", 10);
    assert!(stays(&run, &Upgrade::default(), &confirm("live")));
    run.steps.remove(&"migrate".into());
    assert!(!stays(&run, &Upgrade::default(), &confirm("live")), "it was not started");
}

#[test]
fn a_migration_that_failed_and_then_found_nothing_to_apply_keeps_the_page() {
    let mut run = window();
    run.steps.entry("migrate".into()).and_modify(|step| step.failures = 1);
    assert!(stays(&run, &migrated(0), &confirm("live")));
    assert!(!way_back(&run, &migrated(0)).impossible.is_empty());
}

#[test]
fn a_new_plan_does_not_make_a_migration_undone() {
    let mut upgrade = Upgrade::default();
    let mut run = window();
    open(&mut run, "migrate", 10);
    run.steps.remove(&"open".into());
    upgrade.runs.push(run.clone());
    let (number, kind, plan) = (RunNumber(2), RunKind::Window, Arc::clone(&run.plan));
    let anew = Event::RunStarted { run: number, kind, plan, deployment: Digest::of(b"") };
    upgrade.apply(at(50), &anew).expect("a plan");
    let run = upgrade.current_run().expect("the new run");
    assert_eq!(*run.status(&"migrate".into()), StepStatus::Waiting, "it is observed again");
    assert!(stays(run, &upgrade, &confirm("live")));
    assert!(!way_back(run, &upgrade).impossible.is_empty());
}

#[test]
fn after_a_backward_compatible_migration_the_step_itself_decides_whether_the_page_may_lift() {
    let mut run = window();
    for step in &mut Arc::make_mut(&mut run.plan).steps {
        if let Action::Migrate(migrate) = &mut step.action {
            migrate.backward_compatible = true;
        }
    }
    assert!(!stays(&run, &migrated(3), &confirm("live")));
    assert!(migrations_beside(&run.plan, &confirm("live")).is_empty());
}

#[test]
fn the_page_is_up_from_its_first_change_until_every_fleet_is_back() {
    let mut run = window();
    assert!(page_is_up(&run));
    Arc::make_mut(&mut run.plan).steps.push(step("lift", Line::LiftPage, change(), &["gate"]));
    run.steps.insert("lift".into(), done(60, 61));
    assert!(!page_is_up(&run));
    run.steps.clear();
    assert!(!page_is_up(&run));
}

#[test]
fn a_refused_change_does_not_begin_the_downtime() {
    let mut run = window();
    let (started_at, ended_at) = (Some(at(0)), Some(at(1)));
    let status = StepStatus::Failed { attempts: 1, error: "too late".to_owned(), in_doubt: false };
    let refused = StepRun { status, started_at, ended_at, failures: 1, ..StepRun::default() };
    run.steps = [("page".into(), refused.clone())].into();
    assert_eq!((downtime_began(&run), page_is_up(&run)), (None, false));
    run.steps = [("page".into(), StepRun { acted: Acted::Perhaps, ..refused })].into();
    assert_eq!((downtime_began(&run), page_is_up(&run)), (Some(at(0)), true));
}

#[test]
fn a_window_must_open_in_time_only_until_the_page_may_be_up() {
    let mut run = window();
    let latest = Action::WaitUntil { moment: at(0), no_later_than: Some(at(7)) };
    Arc::make_mut(&mut run.plan).steps[0].action = latest;
    assert_eq!(opens_by(&run), None, "the page is up");
    run.steps.clear();
    assert_eq!(opens_by(&run), Some(at(7)));
    run.plan = Arc::new(Plan::clone(&run.plan).without_latest_start());
    assert_eq!(opens_by(&run), None);
}

#[test]
fn steps_that_were_not_started_need_no_way_back() {
    let mut run = window();
    run.steps.clear();
    assert_eq!(way_back(&run, &Upgrade::default()).steps, Vec::<StepId>::new());
}

#[test]
fn a_step_that_failed_and_is_known_to_have_changed_nothing_needs_no_way_back() {
    let way_back_of = |acted| {
        let mut run = window();
        run.steps = [("open", done(0, 0))].map(|(id, run)| (id.into(), run)).into();
        let status = StepStatus::Failed { attempts: 1, error: "too late".to_owned(), in_doubt: false };
        let failed = StepRun { status, started_at: Some(at(0)), acted, ..StepRun::default() };
        run.steps.insert("stop".into(), failed);
        way_back(&run, &Upgrade::default()).length
    };
    assert_eq!(way_back_of(Acted::Perhaps), seconds(45));
    assert_eq!(way_back_of(Acted::No), Duration::ZERO);
}

#[test]
fn the_page_may_be_lifted_after_a_migration_that_failed_before_anything_was_begun() {
    let stays_after = |acted| {
        let mut run = window();
        let migrate = Arc::make_mut(&mut run.plan)
            .steps
            .iter_mut()
            .find(|step| step.id == "migrate".into())
            .expect("a migration");
        migrate.page_may_lift = PageMayLift::No { because: "the schema may be migrated".to_owned() };
        let migrate = migrate.clone();
        let status = StepStatus::Failed { attempts: 1, error: "a host does not answer".to_owned(), in_doubt: false };
        run.steps.insert("migrate".into(), StepRun { status, started_at: Some(at(10)), acted, ..StepRun::default() });
        stays(&run, &Upgrade::default(), &migrate)
    };
    assert_eq!((stays_after(Acted::Perhaps), stays_after(Acted::No)), (true, false));
}

#[test]
fn of_a_step_that_has_failed_the_whole_expected_time_remains() {
    let mut run = window();
    for id in ["gate", "served", "tell"] {
        run.steps.remove(&id.into());
    }
    let status = StepStatus::Failed { attempts: 1, error: "exit 1".to_owned(), in_doubt: false };
    let failed = StepRun { status, started_at: Some(at(10)), ended_at: Some(at(12)), ..StepRun::default() };
    run.steps.insert("migrate".into(), failed);
    assert_eq!(remaining(&run, at(14)), seconds(30));
}

/// The window with a second fleet, which migrates another database.
fn two_fleets() -> Run {
    let mut run = window();
    let mut other = step("other", Line::Migrate, migrate(), &["page"]);
    if let Action::Migrate(migrate) = &mut other.action {
        (migrate.fleet, migrate.instance) = ("draft".into(), "e".into());
    }
    Arc::make_mut(&mut run.plan).steps.push(other);
    run
}

#[test]
fn a_step_of_a_fleet_has_that_fleets_migrations_beside_it_and_any_other_step_has_all() {
    let run = two_fleets();
    let beside = |step: &Step| {
        let migrations = migrations_beside(&run.plan, step).into_iter();
        migrations.map(|step| step.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(beside(&confirm("live")), ["migrate"]);
    assert_eq!(beside(&confirm("draft")), ["other"]);
    assert_eq!(beside(&confirm("static")), ["migrate", "other"], "a fleet that migrates nothing itself");
    assert_eq!(beside(&step("open", Line::Open, Action::Milestone, &[])), ["migrate", "other"]);
}

#[test]
fn a_migration_keeps_the_page_of_its_own_fleet_only() {
    let mut run = two_fleets();
    open(&mut run, "other", 10);
    assert!(!stays(&run, &migrated(0), &confirm("live")));
    assert!(stays(&run, &migrated(0), &confirm("draft")));
}

#[test]
fn a_migration_applied_something_when_any_word_of_it_says_so_and_no_word_of_another_counts() {
    let stays =
        |facts: Vec<Fact>| stays(&window(), &Upgrade { migrated: facts, ..Upgrade::default() }, &confirm("live"));
    let own = |applied| migrated_fact("live", "lms", "default", applied);
    assert!(!stays(vec![own(0), own(0)]));
    assert!(stays(vec![own(0), own(2)]));
    assert!(stays(vec![own(2), own(0)]));
    let others = [("draft", "lms", "default"), ("live", "cms", "default"), ("live", "lms", "b")]
        .map(|(fleet, service, database)| migrated_fact(fleet, service, database, 9));
    for other in others {
        assert!(!stays(vec![own(0), other.clone()]), "{other:?}");
    }
}
