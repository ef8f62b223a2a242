//! The invariants: the right order of calls violates none of them, and each wrong order is found.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use cutover_core::deployment::{Deployment, Role};
use cutover_core::digest::Digest;
use cutover_core::journal::{Event, Fact, RunKind, RunNumber, Upgrade};
use cutover_core::names::DnsName;
use cutover_core::plan::{
    Action, Basis, Lane, Launch, Line, Migrate, Order, PageMayLift, Phase, Plan, RecordTarget, Step, Undo,
};

use crate::testing::{Rig, deployment, deployment_with_target_groups};
use crate::{Invariant, KnownResources};

/// A world just before the window, in which no invariant was violated so far.
fn prepared(deployment: Deployment) -> Rig {
    let rig = Rig::new(deployment);
    rig.prepare();
    assert_eq!(rig.violated(), []);
    rig
}

fn whole_upgrade_is_flawless(deployment: Deployment) {
    let rig = prepared(deployment);
    rig.window();
    rig.retire();
    let violations = rig.cloud.violations();
    assert!(violations.is_empty(), "{violations:#?}");
    let end = rig.cloud.check_end(&rig.known());
    assert!(end.is_empty(), "{end:#?}");
    let visitors = rig.cloud.visitors();
    assert_eq!(visitors.error, 0);
    assert!(visitors.site > 0 && visitors.maintenance > 0 && visitors.error_stale_resolver > 0);
}

#[test]
fn an_upgrade_in_the_right_order_violates_nothing() {
    whole_upgrade_is_flawless(deployment());
}

#[test]
fn an_upgrade_with_target_groups_in_the_right_order_violates_nothing() {
    whole_upgrade_is_flawless(deployment_with_target_groups());
}

#[test]
fn the_real_topologies_upgraded_in_the_right_order_violate_nothing() {
    for text in
        [include_str!("../../../../examples/mitx-production.toml"), include_str!("../../../../examples/mitx-qa.toml")]
    {
        whole_upgrade_is_flawless(cutover_core::deployment::parse(text).expect("an example"));
    }
}

#[test]
fn an_old_process_never_runs_against_a_migrated_schema() {
    let rig = prepared(deployment());
    rig.put_page_up();
    rig.stop(&rig.current(Role::Edxapp), Role::Edxapp);
    let (host, migrate) = rig.first_migration();
    rig.run(rig.begin(&host, &migrate));
    rig.wait(120);
    assert!(rig.violated().contains(&Invariant::OldProcessOnMigratedSchema), "{:?}", rig.violated());
}

#[test]
fn an_old_process_that_comes_back_after_migrations_is_caught() {
    let rig = prepared(deployment());
    rig.put_page_up();
    rig.stop_current();
    rig.snapshot();
    rig.migrate();
    assert_eq!(rig.violated(), []);
    rig.start(&rig.current(Role::Worker)[..1], Role::Worker);
    assert_eq!(rig.violated(), [Invariant::OldProcessOnMigratedSchema]);
}

#[test]
fn old_processes_may_run_when_every_migration_is_backward_compatible() {
    let mut compatible = deployment();
    compatible.databases[0].snapshot = false;
    compatible.migrations.iter_mut().for_each(|migration| migration.backward_compatible = true);
    let rig = prepared(compatible);
    rig.migrate();
    assert_eq!(rig.violated(), []);
}

#[test]
fn two_migrators_never_run_on_one_schema() {
    let rig = prepared(deployment());
    rig.put_page_up();
    rig.stop_current();
    rig.snapshot();
    let (host, migrate) = rig.first_migration();
    rig.run(rig.begin(&host, &migrate));
    rig.run(rig.begin(&host, &migrate));
    assert_eq!(rig.violated(), [], "the same job twice is one job");
    let other = rig.migration(&rig.deployment.fleets[1], &rig.deployment.migrations[0]);
    rig.run(rig.begin(&other.0, &other.1));
    assert_eq!(rig.violated(), [], "another schema");
    let second = rig.migration(&rig.deployment.fleets[0], &rig.deployment.migrations[1]);
    rig.run(rig.begin(&second.0, &second.1));
    assert_eq!(rig.violated(), [Invariant::TwoMigratorsOnOneSchema]);
}

#[test]
fn a_next_worker_never_runs_before_the_window() {
    let rig = prepared(deployment());
    rig.start(&rig.next(Role::Worker)[..1], Role::Worker);
    assert_eq!(rig.violated(), [Invariant::NextWorkerBeforeWindow]);
}

#[test]
fn a_next_worker_that_boots_with_its_services_is_caught() {
    let rig = prepared(deployment());
    let image = rig.build_image(Role::Worker);
    let launch =
        cutover_core::plan::Launch { boot_stopped: false, ..rig.launch(&rig.deployment.fleets[0], Role::Worker, 9) };
    rig.run(rig.write(async |permit| rig.world.compute.launch(permit, &launch, &image, "token").await));
    rig.wait(600);
    assert_eq!(rig.violated(), [Invariant::NextWorkerBeforeWindow]);
}

#[test]
fn a_next_worker_in_the_window_waits_for_the_migrations() {
    let rig = prepared(deployment());
    rig.put_page_up();
    rig.start(&rig.next(Role::Worker)[..1], Role::Worker);
    assert_eq!(rig.violated(), [Invariant::NextWorkerBeforeWindow]);
}

#[test]
fn visitors_of_a_stopped_host_are_noticed() {
    let rig = prepared(deployment());
    let visitors = rig.cloud.visitors();
    assert_eq!((visitors.error, visitors.maintenance), (0, 0));
    rig.stop(&rig.current(Role::Edxapp)[..1], Role::Edxapp);
    assert!(rig.violated().iter().all(|invariant| *invariant == Invariant::VisitorSawAnError), "{:?}", rig.violated());
    assert!(!rig.violated().is_empty() && rig.cloud.visitors().error > 0);
}

#[test]
fn stopping_right_after_the_change_of_dns_is_too_early_for_visitors() {
    let rig = prepared(deployment());
    let page = &rig.deployment.maintenance_page.domain;
    let records: Vec<RecordTarget> = rig.deployment.sites.iter().map(|site| record(&site.host, page)).collect();
    let change = rig.run(rig.change_records("example.edu", &records));
    rig.until("in sync", || rig.run(rig.world.dns.in_sync(&change)));
    rig.stop_current();
    rig.wait(120);
    assert!(rig.violated().contains(&Invariant::VisitorSawAnError));
}

fn record(name: &DnsName, target: &DnsName) -> RecordTarget {
    RecordTarget { name: name.clone(), target: target.clone(), ttl: std::time::Duration::from_secs(60) }
}

#[test]
fn dns_never_points_at_a_balancer_with_no_healthy_host() {
    let rig = prepared(deployment());
    rig.put_page_up();
    rig.deregister_current();
    assert_eq!(rig.violated(), []);
    let site = &rig.deployment.sites[0];
    rig.run(rig.change_records("example.edu.", &[record(&site.host, &rig.domain(site))]));
    assert_eq!(rig.violated(), [Invariant::DnsToUnhealthyBalancer]);
}

#[test]
fn dns_never_points_at_next_hosts_before_they_are_verified() {
    let rig = prepared(deployment());
    rig.put_page_up();
    rig.stop_current();
    rig.snapshot();
    rig.migrate();
    rig.start_next();
    rig.register_next();
    rig.deregister_current();
    rig.lift_page();
    assert_eq!(rig.violated(), [Invariant::DnsBeforeVerification; 3], "one for each site");
}

#[test]
fn a_verification_that_current_hosts_answered_is_none() {
    let rig = prepared(deployment());
    rig.put_page_up();
    rig.verify();
    rig.stop_current();
    rig.snapshot();
    rig.migrate();
    rig.start_next();
    rig.register_next();
    rig.deregister_current();
    rig.lift_page();
    assert!(rig.violated().contains(&Invariant::DnsBeforeVerification));
}

#[test]
fn next_hosts_that_join_a_balancer_with_visitors_are_caught() {
    let rig = Rig::new(deployment());
    rig.launch_next();
    rig.register_next();
    assert!(rig.violated().contains(&Invariant::DnsBeforeVerification));
}

#[test]
fn a_host_is_never_terminated_while_registered() {
    let rig = prepared(deployment());
    rig.put_page_up();
    let host = rig.current(Role::Edxapp)[0].clone();
    rig.run(rig.write(async |permit| rig.world.compute.terminate(permit, &rig.current(Role::Worker)[0]).await));
    assert_eq!(rig.violated(), [], "workers are in no balancer");
    rig.run(rig.write(async |permit| rig.world.compute.terminate(permit, &host).await));
    assert_eq!(rig.violated(), [Invariant::HostTerminatedWhileRegistered]);
}

#[test]
fn no_migration_starts_without_a_snapshot() {
    let rig = prepared(deployment());
    rig.put_page_up();
    rig.stop_current();
    rig.migrate();
    assert_eq!(rig.violated(), [Invariant::MigrationWithoutSnapshot]);
}

#[test]
fn a_snapshot_started_while_one_fleet_still_wrote_does_not_count_for_the_other() {
    let rig = prepared(deployment());
    rig.put_page_up();
    let draft = rig.current(Role::Edxapp).into_iter().find(|host| is_draft(&rig, host)).expect("a draft host");
    let live: Vec<_> = rig.current(Role::Edxapp).into_iter().filter(|host| *host != draft).collect();
    rig.stop(&live, Role::Edxapp);
    rig.stop(&rig.current(Role::Worker), Role::Worker);
    rig.snapshot();
    rig.stop(&[draft], Role::Edxapp);
    let (host, migrate): (_, Migrate) = rig.first_migration();
    rig.run(rig.begin(&host, &migrate));
    assert_eq!(rig.violated(), [Invariant::MigrationWithoutSnapshot]);
}

fn is_draft(rig: &Rig, host: &cutover_core::names::InstanceId) -> bool {
    rig.run(rig.world.compute.instances())
        .iter()
        .any(|instance| instance.id == *host && instance.fleet.as_str() == "draft")
}

#[test]
fn a_migration_needs_no_snapshot_where_the_file_wants_none_or_nothing_is_pending() {
    let mut unwanted = deployment();
    unwanted.databases[0].snapshot = false;
    let mut nothing = deployment();
    nothing.embedded.pending_migrations = 0;
    for deployment in [unwanted, nothing] {
        let rig = prepared(deployment);
        rig.put_page_up();
        rig.stop_current();
        rig.migrate();
        assert_eq!(rig.violated(), []);
    }
}

#[test]
fn what_the_journal_cannot_name_is_found_at_the_end() {
    let rig = prepared(deployment());
    rig.window();
    rig.retire();
    let known = rig.known();
    let forgotten = KnownResources { instances: known.instances.iter().skip(1).cloned().collect(), ..known.clone() };
    let end = rig.cloud.check_end(&forgotten);
    assert_eq!(end.iter().map(|violation| violation.invariant).collect::<Vec<_>>(), [Invariant::ResourceNotInJournal]);
    let nothing = rig.cloud.check_end(&KnownResources::default());
    assert_eq!(nothing.len(), known.instances.len() + 2 + 1, "hosts, two images, a snapshot");
}

/// A journal with one step, to launch `launch`, and these events of it.
fn journal(launch: &Launch, events: Vec<Event>) -> Upgrade {
    let step = Step {
        id: "launch".into(),
        lane: Lane::Deployment,
        line: Line::Launch,
        title: String::new(),
        action: Action::Launch(launch.clone()),
        waits_for: Vec::new(),
        undo: Undo::Nothing,
        page_may_lift: PageMayLift::Yes,
        expected: Duration::ZERO,
        limit: Duration::ZERO,
    };
    let plan = Plan {
        upgrade: "qa".into(),
        phase: Phase::Prepare,
        order: Order::Overlapped,
        made_at: Timestamp::UNIX_EPOCH,
        basis: Basis::default(),
        pending: Vec::new(),
        steps: vec![step],
    };
    let (kind, plan) = (RunKind::Prepare, Arc::new(plan));
    let started = Event::RunStarted { run: RunNumber(1), kind, plan, deployment: Digest::of(b"") };
    let mut upgrade = Upgrade::default();
    for event in [started].into_iter().chain(events) {
        upgrade.apply(Timestamp::UNIX_EPOCH, &event).expect("it can follow");
    }
    upgrade
}

#[test]
fn a_host_whose_launch_is_in_doubt_is_named_by_its_step_and_by_nothing_else() {
    let rig = Rig::new(deployment());
    let image = rig.build_image(Role::Edxapp);
    let launch = rig.launch(&rig.deployment.fleets[0], Role::Edxapp, 0);
    let make =
        |token: &str| rig.run(rig.write(async |permit| rig.world.compute.launch(permit, &launch, &image, token).await));
    let id = make("once");
    let unnamed = |events: Vec<Event>| {
        let mut known = KnownResources::of(&journal(&launch, events));
        known.images.insert(image.clone());
        rig.cloud.check_named(&known).len()
    };
    let step = || "launch".into();
    let started = || Event::StepStarted { step: step(), attempt: 1 };
    let in_doubt = || Event::StepInDoubt { step: step(), error: "lost".to_owned() };
    let failed = || Event::StepFailed { step: step(), error: "no".to_owned(), in_doubt: false, changed_nothing: false };
    let learned = || Event::StepLearned {
        step: step(),
        facts: vec![Fact::Launched { host: launch.name.clone(), instance: id.clone() }],
    };
    assert_eq!(unnamed(vec![]), 1, "nothing of it is on record");
    assert_eq!(unnamed(vec![started()]), 0, "its call may have been made");
    assert_eq!(unnamed(vec![started(), in_doubt(), failed()]), 0, "nobody has found out since");
    assert_eq!(unnamed(vec![started(), failed()]), 1, "its call is known to have failed");
    assert_eq!(unnamed(vec![started(), learned(), failed()]), 0, "its id is known");
    make("twice");
    assert_eq!(unnamed(vec![started(), in_doubt()]), 2, "one step makes one host");
    assert_eq!(unnamed(vec![started(), learned(), in_doubt()]), 1, "and the journal says which");
}

#[test]
fn an_upgrade_that_ends_at_the_maintenance_page_is_not_ended() {
    let rig = prepared(deployment());
    rig.put_page_up();
    let end = rig.cloud.check_end(&rig.known());
    assert_eq!(end.iter().map(|violation| violation.invariant).collect::<Vec<_>>(), [Invariant::SiteNotServed; 3]);
}

#[test]
fn a_violation_is_reported_once_for_each_subject() {
    let rig = prepared(deployment());
    rig.stop(&rig.current(Role::Edxapp), Role::Edxapp);
    rig.wait(3600);
    assert_eq!(rig.violated(), [Invariant::VisitorSawAnError; 3]);
    assert!(rig.cloud.violations().iter().all(|violation| !violation.detail.is_empty()));
}
