//! Databases, snapshots and migrations; and messages.

use cutover_core::names::SnapshotId;
use cutover_core::plan::Announce;
use cutover_engine::failure::FailureClass;
use cutover_engine::ports::Clock;
use cutover_hosts::job::{JobReport, JobState};

use crate::Fault;
use crate::testing::{Rig, deployment};

/// A world whose next hosts can migrate.
fn quiet(faults: Vec<Fault>) -> Rig {
    let rig = Rig::with_faults(deployment(), faults);
    rig.prepare();
    rig.put_page_up();
    rig.stop_current();
    rig.snapshot();
    rig
}

fn text(report: &JobReport) -> String {
    String::from_utf8(report.output.clone()).expect("it is text")
}

fn ended(exit: i32) -> JobState {
    JobState::Ended { exit, out_of_memory: false, peak_memory: None }
}

#[test]
fn a_snapshot_soon_after_another_is_short_and_an_identifier_is_used_once() {
    let rig = Rig::new(deployment());
    let length = |id: &str| {
        let (name, id) = ("rds".into(), SnapshotId::from(id));
        let start = rig.clock.now();
        rig.run(rig.write(async |permit| rig.world.databases.begin_snapshot(permit, &name, &id).await));
        rig.until("taken", || {
            rig.run(rig.world.databases.snapshot(&name, &id)).is_some_and(|snapshot| snapshot.available)
        });
        rig.clock.now().duration_since(start).as_secs()
    };
    let (first, second) = (length("one"), length("two"));
    assert!((800..=1000).contains(&first) && (80..=110).contains(&second), "{first} {second}");
    let again = crate::run(
        &rig.clock,
        rig.write(async |permit| rig.world.databases.begin_snapshot(permit, &"rds".into(), &"one".into()).await),
    );
    assert_eq!(again.expect_err("refused").class, FailureClass::Permanent);
    let databases = rig.run(rig.world.databases.databases(&["rds".into(), "other".into()]));
    assert_eq!(databases.len(), 1);
    assert_eq!(databases.values().next().map(|database| database.snapshots.len()), Some(3));
}

#[test]
fn migrations_are_applied_one_by_one_and_the_job_says_so() {
    let rig = quiet(Vec::new());
    let (host, migrate) = rig.first_migration();
    assert_eq!(rig.run(rig.pending(&host, &migrate)), 24);
    assert_eq!(rig.run(rig.world.hosts.job(&host, &migrate.job, 0)), None);
    let start = rig.clock.now();
    rig.run(rig.begin(&host, &migrate));
    rig.wait(300);
    let pending = rig.run(rig.pending(&host, &migrate));
    assert!((8..=16).contains(&pending), "{pending}");
    rig.until("done", || rig.job(&host, &migrate.job).state != JobState::Running);
    let length = rig.clock.now().duration_since(start).as_secs();
    assert!((540..=670).contains(&length), "{length}");
    let whole = rig.job(&host, &migrate.job);
    let output = text(&whole);
    assert_eq!((&whole.state, output.matches("... OK\n").count()), (&ended(0), 24));
    assert!(output.contains("  Applying courseware.0012_koa... OK\n"), "{output}");
    let offset = whole.output.len() as u64 - 3;
    let tail = rig.run(rig.world.hosts.job(&host, &migrate.job, offset)).expect("a job");
    assert_eq!((text(&tail), tail.next), ("OK\n".to_owned(), whole.size));
    rig.run(rig.begin(&host, &migrate));
    assert_eq!(rig.job(&host, &migrate.job), whole, "a name started twice is one job");
}

#[test]
fn a_failing_migration_stays_half_applied_and_fails_again() {
    let fault =
        Fault::MigrationFails { fleet: "live".into(), service: "lms".into(), database: "default".into(), after: 5 };
    let rig = quiet(vec![fault]);
    let (host, mut migrate) = rig.first_migration();
    rig.run(rig.begin(&host, &migrate));
    rig.until("ended", || rig.job(&host, &migrate.job).state != JobState::Running);
    let job = rig.job(&host, &migrate.job);
    assert_eq!((&job.state, text(&job).matches("... OK").count()), (&ended(1), 5));
    assert!(text(&job).contains("OperationalError"));
    migrate.job = "again".into();
    rig.run(rig.begin(&host, &migrate));
    rig.until("ended", || rig.job(&host, &migrate.job).state != JobState::Running);
    assert_eq!(rig.job(&host, &migrate.job).state, ended(1));
    assert_eq!(rig.run(rig.pending(&host, &migrate)), 19);
}

#[test]
fn a_job_dies_with_its_host() {
    let rig = quiet(Vec::new());
    let (host, migrate) = rig.first_migration();
    rig.run(rig.begin(&host, &migrate));
    rig.wait(60);
    let other = rig.migration(&rig.deployment.fleets[1], &rig.deployment.migrations[0]).0;
    let pending = || rig.run(rig.pending(&other, &migrate));
    rig.run(rig.write(async |permit| rig.world.compute.terminate(permit, &host).await));
    let left = pending();
    rig.wait(3600);
    assert!(left > 0 && pending() == left);
}

#[test]
fn a_message_sent_twice_with_one_token_was_sent_once() {
    let rig = Rig::new(deployment());
    let message = Announce { announcement: "notice".into(), to: "mailto:a@b".to_owned(), text: "Soon.".to_owned() };
    assert_eq!(rig.run(rig.world.announcer.announced("token")), Some(false));
    rig.run(rig.write(async |permit| rig.world.announcer.announce(permit, &message, "token").await));
    rig.run(rig.write(async |permit| rig.world.announcer.announce(permit, &message, "token").await));
    assert_eq!(rig.run(rig.world.announcer.announced("token")), Some(true));
}
