//! Snapshots and migrations of the window, large fleets, and the words with which plans tell of them.

#[path = "support/planned.rs"]
mod planned;
mod support;

use std::sync::Arc;
use std::time::Duration;

use cutover_core::deployment::{Deployment, GateBefore, Role};
use cutover_core::digest::Digest;
use cutover_core::journal::{Event, FoundRunning, RunNumber, Upgrade};
use cutover_core::names::{ImageId, SnapshotId};
use cutover_core::observation::{MachineImage, Observation, PendingNames};
use cutover_core::plan::{Action, Lane, Line, Phase, Plan, Step, Undo};
use cutover_core::time::{earlier, human};

use planned::{CALL_LIMIT, first, planned, step};
use support::{PRODUCTION, QA, deployment, observe};

fn snapshot_of(deployment: &Deployment) -> String {
    format!("window.snapshot.{}", deployment.databases[0].name)
}

#[test]
fn the_snapshot_in_the_window_is_short_only_after_one_right_before_it() {
    let mut deployment = deployment(QA);
    let mut observation = observe(&deployment);
    let (full, short) = (deployment.expected.snapshot.duration(), deployment.expected.incremental_snapshot.duration());
    assert!(short < full);
    let id = snapshot_of(&deployment);
    let takes = |deployment: &Deployment, observation: &Observation, upgrade: &Upgrade| {
        step(&planned(deployment, observation, upgrade, Phase::Window), &id).expected
    };
    let plan = first(&deployment, Phase::Window);
    assert_eq!(takes(&deployment, &observation, &Upgrade::default()), short);
    observation.at = earlier(deployment.window.start.timestamp, Duration::from_secs(1));
    assert_eq!(takes(&deployment, &observation, &Upgrade::default()), full, "it is too late for one before it");

    let mut upgrade = Upgrade::default();
    let run = RunNumber(1);
    let (kind, hash) = (Phase::Window.into(), Digest::of(b""));
    let warm_up = format!("window.snapshot.warm-up.{}", deployment.databases[0].name);
    let begun = Event::RunStarted { run, kind, plan: Arc::new(plan), deployment: hash };
    upgrade.apply(observation.at, &begun).expect("it can begin");
    assert_eq!(takes(&deployment, &observation, &upgrade), full, "the one before it was not taken");
    let held = Event::StepHeld { step: warm_up.as_str().into(), facts: Vec::new() };
    upgrade.apply(observation.at, &held).expect("it can follow");
    assert_eq!(takes(&deployment, &observation, &upgrade), short, "it was taken in time");
    deployment.databases[0].warm_up_snapshot = false;
    assert_eq!(takes(&deployment, &observe(&deployment), &Upgrade::default()), full);
}

#[test]
fn a_migration_of_which_nothing_is_pending_takes_no_time_and_all_others_what_the_file_says() {
    let deployment = deployment(QA);
    let mut observation = observe(&deployment);
    let times = |observation: &Observation| {
        let plan = planned(&deployment, observation, &Upgrade::default(), Phase::Window);
        let migrations = plan.steps.into_iter().filter(|step| matches!(step.action, Action::Migrate(_)));
        migrations.map(|step| step.expected).collect::<Vec<_>>()
    };
    let mut wanted: Vec<Duration> = deployment
        .fleets
        .iter()
        .flat_map(|fleet| deployment.migrations_of(fleet).map(|migration| migration.expected.duration()))
        .collect();
    assert_eq!(times(&observation), wanted);
    for pending in &mut observation.pending {
        pending.names = PendingNames::Known(vec!["courseware.0002_x".into()]);
    }
    assert_eq!(times(&observation), wanted);
    observation.pending[1].names = PendingNames::Known(Vec::new());
    wanted[1] = Duration::from_secs(1);
    assert_eq!(times(&observation), wanted);
}

#[test]
fn jobs_are_numbered_in_the_files_order_from_one() {
    let plan = first(&deployment(QA), Phase::Window);
    let jobs = plan.steps.iter().filter_map(|step| match &step.action {
        Action::Migrate(migrate) => Some(migrate.job.to_string()),
        _ => None,
    });
    let jobs: Vec<String> = jobs.collect();
    assert!(jobs[0].ends_with("-1-lms-default") && jobs[2].ends_with("-3-cms-default"), "{jobs:?}");
}

#[test]
fn a_migration_says_what_going_back_from_it_would_mean() {
    let mut deployment = deployment(QA);
    let because = |deployment: &Deployment| {
        let plan = first(deployment, Phase::Window);
        let migration = plan.steps.into_iter().find(|step| matches!(step.action, Action::Migrate(_)));
        match migration.expect("there are migrations").undo {
            Undo::Impossible { because } => because,
            other => panic!("a migration is not undone: {other:?}"),
        }
    };
    let other = deployment.fleets[1].name.clone();
    let taken = first(&deployment, Phase::Window).steps.into_iter().find_map(|step| match step.action {
        Action::TakeSnapshot { snapshot, .. } if step.line == Line::Snapshot => Some(snapshot),
        _ => None,
    });
    let (words, snapshot) = (because(&deployment), taken.expect("there is a snapshot"));
    assert!(words.contains(&format!("restore the snapshot {snapshot}, which rewinds {other} too")), "{words}");
    deployment.databases[0].snapshot = false;
    assert!(because(&deployment).contains("there is no snapshot"));
}

#[test]
fn announcements_and_the_page_are_filled_in_with_the_window_and_the_sites() {
    let mut deployment = deployment(QA);
    let template = "{start} | {end} | {length} | {sites}".to_owned();
    deployment.maintenance_page.text = template.clone();
    deployment.announcements.iter_mut().for_each(|announcement| announcement.text = template.clone());
    let (window, sites) = (&deployment.window, deployment.sites.iter().map(|site| site.host.as_str()));
    let (length, sites) = (human(window.whole_length()), sites.collect::<Vec<_>>().join(", "));
    let filled = format!("{} | {} | {length} | {sites}", window.start, window.ends());
    let mut texts = 0;
    for step in first(&deployment, Phase::Announce).steps {
        let text = match step.action {
            Action::PublishPage(page) => page.body,
            Action::Announce(announce) => announce.text,
            _ => continue,
        };
        assert_eq!(text, filled, "{}", step.id);
        texts += 1;
    }
    assert!(texts > 1);
}

#[test]
fn checks_of_sites_get_several_times_what_they_are_expected_to_take() {
    let deployment = deployment(QA);
    let (plan, check) = (first(&deployment, Phase::Window), deployment.expected.site_check.duration());
    for line in [Line::Verify, Line::LiftPage] {
        let of_line = |step: &&Step| step.line == line && matches!(step.action, Action::CheckSite(_));
        let step = plan.steps.iter().find(of_line).expect("sites are checked");
        assert_eq!((step.expected, step.limit), (check, CALL_LIMIT + 5 * check));
    }
}

#[test]
fn sites_are_asked_for_the_new_release_as_often_as_there_are_hosts_and_three_times_at_least() {
    for (hosts, requests) in [(1, 3), (18, 18), (1_000, 50)] {
        let mut deployment = large(hosts);
        deployment.sites[0].checks[0].contains = Some("release {codename}-{version}".to_owned());
        let plan = first(&deployment, Phase::Window);
        let checks = plan.steps.iter().filter_map(|step| match &step.action {
            Action::CheckSite(check) if check.site == deployment.sites[0].name => Some(check),
            _ => None,
        });
        let checks: Vec<_> = checks.collect();
        assert_eq!(checks.len(), 2, "behind the page, and as visitors see it");
        for check in checks {
            assert_eq!(check.requests, requests);
            assert_eq!(check.checks[0].contains.as_deref(), Some("release koa-4"));
        }
    }
}

/// The example with one fleet of so many current hosts, which has one balancer.
fn large(count: u32) -> Deployment {
    let mut deployment = deployment(QA);
    let fleet = &mut deployment.fleets[0];
    (fleet.edxapp.count, fleet.worker) = (count, None);
    fleet.edxapp.balancers.truncate(1);
    deployment
}

#[test]
fn looking_at_many_hosts_takes_as_long_as_the_connections_that_may_be_open_at_once_demand() {
    for count in [10, 250, 600] {
        let deployment = large(count);
        let plan = first(&deployment, Phase::Window);
        let confirm = step(&plan, &format!("window.confirm.{}", deployment.fleets[0].name)).clone();
        let Action::ConfirmStopped { hosts, .. } = &confirm.action else { panic!("it looks at hosts") };
        let expected = u64::try_from(hosts.len().div_ceil(128)).expect("few");
        assert_eq!(confirm.expected, Duration::from_secs(expected));
        assert_eq!(confirm.limit, CALL_LIMIT + Duration::from_secs(5 * (expected - 1)));
    }
}

#[test]
fn snapshots_and_gates_wait_until_all_current_hosts_of_a_fleet_were_seen_stopped() {
    let mut deployment = large(150);
    let fleet = deployment.fleets[0].name.clone();
    let confirm = |deployment: &Deployment| {
        let plan = first(deployment, Phase::Window);
        plan.step(&format!("window.stopped.{fleet}").as_str().into()).cloned()
    };
    let confirms = confirm(&deployment).expect("the snapshot waits for it");
    let Action::ConfirmStopped { hosts, snapshots } = &confirms.action else { panic!("it looks at hosts") };
    assert_eq!((hosts.len(), snapshots.len(), confirms.waits_for.len()), (150, 1, 150));
    let stop_limit = deployment.role.edxapp.stop_limit.duration();
    assert!(confirms.limit > stop_limit, "it may have to stop them");
    let plan = first(&deployment, Phase::Window);
    let snapshot = plan.steps.iter().find(|step| step.line == Line::Snapshot).expect("there is one");
    assert!(snapshot.waits_for.iter().any(|edge| edge.step == confirms.id));
    deployment.databases.iter_mut().for_each(|database| database.snapshot = false);
    assert!(confirm(&deployment).is_none(), "only the look before the migrations waits for them");
    let mut gate = deployment.gates[0].clone();
    (gate.name, gate.before) = ("migrate".into(), GateBefore::Migrate);
    deployment.gates.push(gate);
    assert!(confirm(&deployment).is_some(), "a person decides in between");
}

#[test]
fn the_starts_of_many_hosts_are_joined_where_several_steps_wait_for_all_of_them() {
    let mut deployment = large(150);
    let fleet = deployment.fleets[0].name.clone();
    let started = |deployment: &Deployment| {
        let plan = first(deployment, Phase::Window);
        plan.step(&format!("window.started.{fleet}").as_str().into()).cloned()
    };
    let joined = started(&deployment).expect("two steps of its balancer wait for 150");
    assert_eq!(joined.lane, Lane::Fleet(fleet.clone()));
    deployment.fleets[0].edxapp.count = 100;
    assert!(started(&deployment).is_none(), "200 edges are few");
}

#[test]
fn instead_of_a_snapshot_that_lacks_what_was_written_later_another_one_is_taken() {
    let deployment = large(2);
    let taken = |upgrade: &Upgrade| {
        let plan = planned(&deployment, &observe(&deployment), upgrade, Phase::Window);
        let snapshots = plan.steps.iter().filter(|step| step.line == Line::Snapshot);
        let named = snapshots.map(|step| match &step.action {
            Action::TakeSnapshot { snapshot, .. } => snapshot.clone(),
            _ => panic!("it takes a snapshot"),
        });
        named.collect::<Vec<_>>()
    };
    let mut upgrade = Upgrade::default();
    let first = taken(&upgrade)[0].clone();
    let database = deployment.databases[0].name.clone();
    let begin = |upgrade: &mut Upgrade, id: &SnapshotId| upgrade.begun_snapshots.insert(id.clone(), database.clone());
    begin(&mut upgrade, &first);
    assert_eq!(taken(&upgrade)[0], first, "it is taken once");
    let ran = |upgrade: &mut Upgrade, id: &SnapshotId| {
        upgrade.outdated_snapshots.found(&"edx-0".into(), &["lms".into()], std::slice::from_ref(id));
    };
    ran(&mut upgrade, &first);
    let second = taken(&upgrade)[0].clone();
    assert_eq!(second.to_string(), format!("{first}-2"));
    begin(&mut upgrade, &second);
    assert_eq!(taken(&upgrade)[0], second);
    upgrade.outdated_snapshots.accept(std::slice::from_ref(&first), &FoundRunning::new());
    assert_eq!(taken(&upgrade)[0], second, "the last one that was begun");
    ran(&mut upgrade, &second);
    assert_eq!(taken(&upgrade)[0].to_string(), format!("{first}-3"));
}

#[test]
fn no_snapshot_is_replaced_once_a_migration_of_its_database_was_begun() {
    let deployment = large(2);
    let database = deployment.databases[0].name.clone();
    let plan_after = |upgrade: &Upgrade| planned(&deployment, &observe(&deployment), upgrade, Phase::Window);
    let taken = |plan: &Plan| {
        let snapshots = plan.steps.iter().filter(|step| step.line == Line::Snapshot);
        let mut names = snapshots.filter_map(|step| match &step.action {
            Action::TakeSnapshot { snapshot, .. } => Some(snapshot.clone()),
            _ => None,
        });
        names.next().expect("there is one")
    };
    let mut upgrade = Upgrade::default();
    let plan = plan_after(&upgrade);
    let first = taken(&plan);
    let migration = plan.steps.iter().find(|step| matches!(step.action, Action::Migrate(_))).expect("there are some");
    let migration = migration.id.clone();
    let (run, kind, plan) = (RunNumber(1), Phase::Window.into(), Arc::new(plan));
    let begun = Event::RunStarted { run, kind, plan, deployment: Digest::of(b"") };
    upgrade.apply(deployment.window.start.timestamp, &begun).expect("it can begin");
    upgrade.begun_snapshots.insert(first.clone(), database);
    upgrade.outdated_snapshots.found(&"edx-0".into(), &["lms".into()], std::slice::from_ref(&first));
    assert_eq!(taken(&plan_after(&upgrade)).to_string(), format!("{first}-2"));
    let started = Event::StepStarted { step: migration, attempt: 1 };
    upgrade.apply(deployment.window.start.timestamp, &started).expect("it can follow");
    assert_eq!(taken(&plan_after(&upgrade)), first, "only it is of the time before the migration");
}

fn image(role: Role, number: u32, observation: &Observation) -> MachineImage {
    MachineImage {
        id: ImageId::from(format!("ami-{role}-{number}")),
        name: format!("{role}-{number}").as_str().into(),
        role,
        codename: "koa".into(),
        version: "1".into(),
        commit: None,
        available: true,
        failed: None,
        created: observation.at,
    }
}

#[test]
fn the_oldest_images_of_each_role_go_past_the_number_to_keep_unless_a_host_runs_from_them() {
    let mut deployment = deployment(PRODUCTION);
    let mut observation = observe(&deployment);
    deployment.release.keep_images = 2;
    for (role, count) in [(Role::Edxapp, 5), (Role::Worker, 2)] {
        for number in 0..count {
            observation.images.push(MachineImage { available: number != 4, ..image(role, number, &observation) });
        }
    }
    let removed = |observation: &Observation| {
        let plan = planned(&deployment, observation, &Upgrade::default(), Phase::Retire);
        let images = plan.steps.into_iter().filter_map(|step| match step.action {
            Action::RemoveImage { image, .. } => Some(image.to_string()),
            _ => None,
        });
        images.collect::<Vec<_>>()
    };
    assert_eq!(removed(&observation), ["ami-edxapp-0", "ami-edxapp-1"]);
    let mut other = observation.instances[0].clone();
    (other.id, other.version, other.image) = ("i-other".into(), "9".to_owned(), "ami-edxapp-0".into());
    observation.instances.push(other);
    assert_eq!(removed(&observation), ["ami-edxapp-1"], "somebody else's host runs from it");
    observation.instances[0].image = "ami-edxapp-1".into();
    assert_eq!(removed(&observation), ["ami-edxapp-1"], "the host that runs from it is retired");
}

#[test]
fn gates_are_joined_where_all_that_they_hold_back_would_be_many_edges() {
    let joins = |hosts: u32, images: u32| {
        let mut deployment = large(hosts);
        deployment.fleets.truncate(1);
        deployment.release.keep_images = 0;
        let gate = deployment.gates.iter().find(|gate| gate.before == GateBefore::Terminate).expect("there is one");
        let gate = gate.clone();
        deployment.gates =
            ["a", "b", "c"].map(|name| cutover_core::deployment::Gate { name: name.into(), ..gate.clone() }).into();
        let mut observation = observe(&deployment);
        observation.images = (0..images).map(|number| image(Role::Edxapp, number, &observation)).collect();
        planned(&deployment, &observation, &Upgrade::default(), Phase::Retire).step(&"retire.decided".into()).is_some()
    };
    assert!(!joins(80, 5), "3 times 85 edges are few");
    assert!(joins(90, 0), "3 times 90 are not");
    assert!(joins(83, 5), "images are held back too");
}
