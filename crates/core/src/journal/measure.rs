//! Measures of a phase as it was run: how long it took, which steps determined that, how much is left, and what going
//! back would mean now. For steps that have not ended, their expected time is used.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use jiff::Timestamp;

use super::page::may_have_posted;
use super::{Acted, Fact, Run, RunKind, StepRun, StepStatus, Upgrade};
use crate::names::{DatabaseName, HostName, SnapshotId, StepId};
use crate::plan::{
    Action, Back, Host, InstanceRef, Lane, Line, Migrate, PageMayLift, Phase, Plan, Schedule, Step, StopServices, Undo,
    downtime_steps,
};
use crate::time::between;

/// The chain of steps that determined how long the downtime was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActualPath {
    /// The sum of the steps' times.
    pub length: Duration,
    /// The steps in their order, with the time that each took.
    pub steps: Vec<(StepId, Duration)>,
}

/// The time from the first change of DNS until the last site is served again; nothing until both have happened.
#[must_use]
pub fn window_length(run: &Run) -> Option<Duration> {
    let served: Vec<&Step> = run.plan.steps.iter().filter(|step| brings_back(step)).collect();
    let ended = served.iter().map(|step| done_at(run, step)).collect::<Option<Vec<Timestamp>>>()?;
    Some(between(downtime_began(run)?, ended.into_iter().max()?))
}

/// Since when visitors may see the maintenance page: when the first change of DNS was started of which something says that
/// it may have been made. That a change was started says nothing yet: its conductor may have ended before the call.
#[must_use]
pub fn downtime_began(run: &Run) -> Option<Timestamp> {
    posts_page(run).filter(|(_, run)| may_have_posted(run)).filter_map(|(_, run)| run.acts_since()).min()
}

/// The latest moment at which the window may open. Nothing once something says that the maintenance page may be up, or
/// if the window may open at any time.
#[must_use]
pub fn opens_by(run: &Run) -> Option<Timestamp> {
    run.plan.opens_by().filter(|_| !page_was_posted(run))
}

/// Whether the journal says that visitors may see the maintenance page, or have seen it.
#[must_use]
pub fn page_was_posted(run: &Run) -> bool {
    downtime_began(run).is_some()
}

/// The hosts that a run of the window still needs: the next ones, whose services it starts, and until the maintenance
/// page may be up the current ones too.
pub fn hosts_needed(run: &Run) -> impl Iterator<Item = &Host> {
    let is_down = page_was_posted(run);
    run.plan.steps.iter().filter_map(move |step| match &step.action {
        Action::StartServices(start) => Some(&start.host),
        Action::StopServices(stop) if !is_down => Some(&stop.host),
        _ => None,
    })
}

/// Whether a run of the window needs a host that is known to be gone, so that it has to be planned again.
#[must_use]
pub fn lacks_hosts(run: &Run, upgrade: &Upgrade) -> bool {
    run.kind == RunKind::Window && hosts_needed(run).any(|host| is_gone(host, upgrade))
}

/// Whether all next hosts of a balancer are known to be gone, so that nothing could serve its sites.
#[must_use]
pub fn lacks_all_hosts(run: &Run, upgrade: &Upgrade) -> bool {
    run.plan.steps.iter().any(|step| match &step.action {
        Action::Register(members) => members.hosts.iter().all(|host| is_gone(host, upgrade)),
        _ => false,
    })
}

/// The next hosts whose services a window has started, or may have.
#[must_use]
pub fn started_hosts(upgrade: &Upgrade) -> BTreeSet<&HostName> {
    let windows = upgrade.runs.iter().filter(|run| run.kind == RunKind::Window);
    let started = windows.flat_map(Run::runs).filter_map(|(step, run)| match &step.action {
        Action::StartServices(start) if !run.status.is_untouched() || run.acted != Acted::No => Some(&start.host.name),
        _ => None,
    });
    started.collect()
}

/// The next hosts that were prepared and that this plan of the window goes on without.
#[must_use]
pub fn hosts_left_out(run: &Run) -> Vec<&HostName> {
    let mut expected: Vec<&HostName> = Vec::new();
    let mut known: HashSet<&HostName> = HashSet::new();
    for step in &run.plan.steps {
        match &step.action {
            Action::ConfirmStopped { hosts, .. } if step.line == Line::Migrate => {
                expected.extend(hosts.iter().map(|host| &host.host.name));
            }
            Action::StopServices(stop) => known.extend([&stop.host.name]),
            Action::StartServices(start) => known.extend([&start.host.name]),
            _ => {}
        }
    }
    expected.retain(|host| !known.contains(host));
    expected
}

fn is_gone(host: &Host, upgrade: &Upgrade) -> bool {
    match &host.instance {
        InstanceRef::Known(instance) => upgrade.gone.contains(instance),
        InstanceRef::MadeBy(_) => upgrade.launched.get(&host.name).is_some_and(|id| upgrade.gone.contains(id)),
    }
}

/// The steps that put the maintenance page up.
fn posts_page(run: &Run) -> impl Iterator<Item = (&Step, &StepRun)> {
    let steps = run.plan.steps.iter().filter(|step| step.posts_page());
    steps.map(|step| (step, run.run(&step.id)))
}

/// The longest chain of the window's steps, measured by the time that they really took, from the opening to the last
/// site that is served again.
#[must_use]
pub fn critical_path(run: &Run) -> ActualPath {
    let steps = until_served(run);
    let schedule = Schedule::of_past(&steps, |step| taken(run, step));
    let path = schedule.critical.iter().map(|index| (steps[*index].id.clone(), taken(run, &steps[*index])));
    ActualPath { length: schedule.length, steps: path.collect() }
}

/// The time that the critical path spent on each line of the runbook, in the runbook's order.
#[must_use]
pub fn critical_lines(run: &Run) -> Vec<(Line, Duration)> {
    let mut lines: BTreeMap<Line, Duration> = BTreeMap::new();
    for (step, length) in on_critical_path(run) {
        *lines.entry(step.line).or_default() += length;
    }
    lines.into_iter().collect()
}

/// The time that the critical path spent on people's decisions and on migrations, which no order of steps can
/// shorten.
#[must_use]
pub fn gates_and_migrations(run: &Run) -> Duration {
    let path = on_critical_path(run).into_iter();
    path.filter(|(step, _)| matches!(step.action, Action::Decide(_) | Action::Migrate(_))).map(|(_, taken)| taken).sum()
}

/// How long the rest of the phase is expected to take at `now`; in the window, until the last site is served.
#[must_use]
pub fn remaining(run: &Run, now: Timestamp) -> Duration {
    let steps = if run.plan.phase == Phase::Window { until_served(run) } else { run.plan.steps.clone() };
    let left: Vec<Step> = steps.into_iter().filter(|step| !run.status(&step.id).is_done()).collect();
    Schedule::of(&left, |step| match run.run(&step.id) {
        open if open.status.is_open() => {
            step.expected.saturating_sub(open.started_at.map_or(Duration::ZERO, |at| between(at, now)))
        }
        _ => step.expected,
    })
    .length
}

/// What going back would mean now. Every step that may stand counts. A migration that found nothing to apply is no
/// obstacle.
#[must_use]
pub fn way_back(run: &Run, upgrade: &Upgrade) -> Back {
    // A new plan observes a migration again, and may give its step another name, but does not undo it.
    let was_begun = |action: &Action| match action {
        Action::Migrate(migrate) => upgrade.started_migrations.values().any(|started| started.is_of_the_same(migrate)),
        _ => false,
    };
    let started = run.runs().filter(|(step, run)| may_stand(run) || was_begun(&step.action));
    let started: Vec<Step> = started
        .map(|(step, _)| match &step.action {
            Action::Migrate(migrate) if !may_have_applied(run, upgrade, &step.id, migrate) => {
                Step { undo: Undo::Nothing, ..step.clone() }
            }
            _ => step.clone(),
        })
        .collect();
    Back::of(&started)
}

/// Whether something may have to be undone: a step whose end is not recorded may have done its work, and so may one that
/// a plan before has done and that is observed again. One that has failed and is known to have changed nothing has not.
fn may_stand(run: &StepRun) -> bool {
    run.status.is_open() || run.acted != Acted::No
}

/// The current hosts whose services a window has stopped, or told to stop, although visitors are not sent to the
/// maintenance page. Nothing while the page is just being put up.
#[must_use]
pub fn stopped_early(upgrade: &Upgrade) -> Vec<&StopServices> {
    let window = upgrade.run_of(Phase::Window).filter(|run| run.is_under_way() && !page_was_posted(run));
    let is_opening = |run: &&Run| upgrade.interrupted.is_none() && posts_page(run).any(|(_, run)| run.status.is_open());
    let runs = window.filter(|run| !is_opening(run)).into_iter().flat_map(Run::runs);
    let stopped = runs.filter_map(|(step, run)| match &step.action {
        Action::StopServices(stop) if may_stand(run) => Some(stop),
        _ => None,
    });
    stopped.collect()
}

/// Whether the maintenance page may be lifted when `step` has failed. It may not once a migration that old code cannot
/// work with was started on the databases of the step's fleet, unless it is known to have applied nothing.
#[must_use]
pub fn page_may_lift(run: &Run, upgrade: &Upgrade, step: &Step) -> PageMayLift {
    let concerns = databases_of(&run.plan, step);
    let in_run = run.runs().filter_map(|(step, run)| match &step.action {
        Action::Migrate(migrate) if !run.status.is_untouched() => Some((&step.id, migrate)),
        _ => None,
    });
    let started = in_run.chain(&upgrade.started_migrations).find(|(id, migrate)| {
        !migrate.backward_compatible
            && concerns.as_ref().is_none_or(|databases| databases.contains(&migrate.instance))
            && may_have_applied(run, upgrade, id, migrate)
    });
    match started {
        None => step.page_may_lift.clone(),
        Some((_, migrate)) => PageMayLift::No {
            because: format!(
                "{} may be migrated ({} {}), and old code must not serve or write on it",
                migrate.schema, migrate.service, migrate.database
            ),
        },
    }
}

/// Whether a migration of a database instance was begun in any window, so that it may have changed it.
#[must_use]
pub fn migration_was_begun(upgrade: &Upgrade, database: &DatabaseName) -> bool {
    let job = |fact: &Fact| matches!(fact, Fact::Job { .. });
    let was_begun = |run: &StepRun| {
        run.status.is_open()
            || run.status.is_done()
            || run.acted != Acted::No
            || run.in_doubt
            || run.facts.iter().any(job)
    };
    upgrade.runs.iter().flat_map(Run::runs).any(|(step, run)| match &step.action {
        Action::Migrate(migrate) => migrate.instance == *database && was_begun(run),
        _ => false,
    })
}

/// Whether a step of a window was not done because a snapshot lacks what was written after it was begun.
#[must_use]
pub fn lacks_snapshot(run: &Run, step: &Step) -> bool {
    run.run(&step.id).facts.iter().any(|fact| matches!(fact, Fact::SnapshotsLack { .. }))
}

/// Whether nothing goes on without an operator's consent to a snapshot that lacks something: no other one can be taken.
#[must_use]
pub fn needs_consent_to_snapshot(run: &Run, upgrade: &Upgrade) -> bool {
    !needs_new_snapshot(run, upgrade) && run.failed().any(|(step, _)| lacks_snapshot(run, step))
}

/// Whether a window has failed because a snapshot lacks what was written after it was begun, and another one can be taken
/// instead: no migration has been begun, and the window is planned again.
#[must_use]
pub fn needs_new_snapshot(run: &Run, upgrade: &Upgrade) -> bool {
    run.failed().any(|(step, _)| {
        let behind = run.snapshots_behind(step).iter();
        let outdated: Vec<&SnapshotId> = behind.filter(|id| upgrade.outdated_snapshots.contains(id)).collect();
        !outdated.is_empty() && can_be_taken_again(upgrade, outdated)
    })
}

/// Whether a new plan may take other snapshots instead of these: none of their databases may be migrated.
fn can_be_taken_again<'a>(upgrade: &Upgrade, snapshots: impl IntoIterator<Item = &'a SnapshotId>) -> bool {
    let databases = snapshots.into_iter().map(|id| upgrade.begun_snapshots.get(id));
    databases.into_iter().all(|database| database.is_some_and(|name| !migration_was_begun(upgrade, name)))
}

/// Whether visitors of at least one fleet are sent to the maintenance page now.
#[must_use]
pub fn page_is_up(run: &Run) -> bool {
    let lifted = run.runs().filter(|(step, run)| step.lifts_page() && run.status.is_done());
    let lifted: BTreeSet<&Lane> = lifted.map(|(step, _)| &step.lane).collect();
    let mut posted = posts_page(run).filter(|(_, run)| may_have_posted(run) && run.acts_since().is_some());
    posted.any(|(step, _)| !lifted.contains(&step.lane))
}

/// The migrations that old code cannot work with: on the databases of the step's fleet or, if the step belongs to no
/// fleet, on all databases.
#[must_use]
pub fn migrations_beside<'a>(plan: &'a Plan, step: &Step) -> Vec<&'a Step> {
    let concerns = databases_of(plan, step);
    let migrations = plan.steps.iter().filter(|step| match &step.action {
        Action::Migrate(migrate) => {
            !migrate.backward_compatible
                && concerns.as_ref().is_none_or(|databases| databases.contains(&migrate.instance))
        }
        _ => false,
    });
    migrations.collect()
}

/// The databases that the step's fleet migrates; nothing when the step may concern all databases.
fn databases_of<'a>(plan: &'a Plan, step: &Step) -> Option<BTreeSet<&'a DatabaseName>> {
    let Lane::Fleet(fleet) = &step.lane else { return None };
    let databases: BTreeSet<&DatabaseName> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Migrate(migrate) if migrate.fleet == *fleet => Some(&migrate.instance),
            _ => None,
        })
        .collect();
    (!databases.is_empty()).then_some(databases)
}

/// Whether a migration that was started may have applied anything. It certainly has not if nothing was started, or if it never
/// failed, has succeeded, and reported that it applied nothing.
fn may_have_applied(run: &Run, upgrade: &Upgrade, step: &StepId, migrate: &Migrate) -> bool {
    let step = run.run(step);
    match step.status {
        StepStatus::Waiting | StepStatus::Done | StepStatus::Held | StepStatus::Undone => {
            step.failures > 0 || applied(upgrade, migrate)
        }
        StepStatus::Failed { .. } => step.acted != Acted::No,
        _ => true,
    }
}

/// Whether a migration that has ended applied anything. If the journal does not say, it may have.
fn applied(upgrade: &Upgrade, migrate: &Migrate) -> bool {
    let mut of_migrate = upgrade.migrated.iter().filter_map(|fact| match fact {
        Fact::Migrated { fleet, service, database, applied }
            if *fleet == migrate.fleet && *service == migrate.service && *database == migrate.database =>
        {
            Some(*applied)
        }
        _ => None,
    });
    let first = of_migrate.next();
    first.is_none_or(|count| count > 0) || of_migrate.any(|count| count > 0)
}

fn on_critical_path(run: &Run) -> Vec<(&Step, Duration)> {
    let path = critical_path(run).steps.into_iter();
    path.filter_map(|(id, length)| Some((run.plan.step(&id)?, length))).collect()
}

/// The steps from the opening on that must end before visitors return, including the last checks.
fn until_served(run: &Run) -> Vec<Step> {
    let mut steps = downtime_steps(&run.plan);
    let mut needed: HashSet<StepId> =
        steps.iter().filter(|step| brings_back(step)).map(|step| step.id.clone()).collect();
    if needed.is_empty() {
        return steps;
    }
    for step in steps.iter().rev() {
        if needed.contains(&step.id) {
            needed.extend(step.waits_for.iter().map(|edge| edge.step.clone()));
        }
    }
    steps.retain(|step| needed.contains(&step.id));
    steps
}

/// Whether a step shows that a site is served again.
fn brings_back(step: &Step) -> bool {
    step.line == Line::LiftPage && matches!(step.action, Action::CheckSite(_))
}

fn taken(run: &Run, step: &Step) -> Duration {
    let step_run = run.run(&step.id);
    match (step_run.started_at, step_run.ended_at) {
        (Some(started), Some(ended)) => between(started, ended),
        _ => step.expected,
    }
}

fn done_at(run: &Run, step: &Step) -> Option<Timestamp> {
    let step_run = run.run(&step.id);
    step_run.ended_at.filter(|_| step_run.status.is_done())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::digest::Digest;
    use crate::journal::{Event, RunKind, RunNumber};
    use crate::plan::{ChangeRecords, CheckSite, Decide, Lane, PageMayLift, Plan, Via};
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
        let check = CheckSite { site: "lms".into(), host: "lms.z".into(), via: Via::PublicDns, checks: Vec::new() };
        Action::CheckSite(check)
    }

    fn decide() -> Action {
        Action::Decide(Decide { gate: "go".into(), question: "Go?".to_owned(), checklist: Vec::new() })
    }

    fn migrate() -> Action {
        Action::Migrate(crate::testing::migrate("s"))
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
        let fact = Fact::Migrated { fleet: "live".into(), service: "lms".into(), database: "default".into(), applied };
        Upgrade { migrated: vec![fact], ..Upgrade::default() }
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
        let failed = Event::StepFailed {
            step: "migrate".into(),
            error: "exit 1".into(),
            in_doubt: false,
            changed_nothing: false,
        };
        let status = crate::journal::next_status(&"migrate".into(), run.status(&"migrate".into()), &failed);
        let status = status.expect("it may fail");
        run.steps.entry("migrate".into()).and_modify(|step| step.follow(at(40), status, &failed));
        assert!(!way_back(&run, &Upgrade::default()).impossible.is_empty());
    }

    #[test]
    fn a_migration_whose_step_has_another_name_in_a_new_plan_still_ends_the_way_back() {
        let mut run = window();
        run.steps.remove(&"migrate".into());
        let step = Arc::make_mut(&mut run.plan)
            .steps
            .iter_mut()
            .find(|step| step.id == "migrate".into())
            .expect("a migration");
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
        let fact = |fleet: &str, service: &str, database: &str, applied| Fact::Migrated {
            fleet: fleet.into(),
            service: service.into(),
            database: database.into(),
            applied,
        };
        let stays =
            |facts: Vec<Fact>| stays(&window(), &Upgrade { migrated: facts, ..Upgrade::default() }, &confirm("live"));
        let own = |applied| fact("live", "lms", "default", applied);
        assert!(!stays(vec![own(0), own(0)]));
        assert!(stays(vec![own(0), own(2)]));
        assert!(stays(vec![own(2), own(0)]));
        let others =
            [fact("draft", "lms", "default", 9), fact("live", "cms", "default", 9), fact("live", "lms", "b", 9)];
        for other in others {
            assert!(!stays(vec![own(0), other.clone()]), "{other:?}");
        }
    }
}
