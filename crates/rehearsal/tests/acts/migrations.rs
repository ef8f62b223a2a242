//! Migrations: what is waited for, what is never started a second time, and what the operator is told.

use cutover_core::deployment::PastLimit;
use cutover_core::journal::{Event, Fact};
use cutover_core::plan::{Action, Migrate, Step};
use cutover_engine::failure::FailureClass;
use cutover_engine::phase::Ending;
use cutover_hosts::command::{Command, RunAs};
use cutover_hosts::job::JobState;

use super::jobs::{Jobs, exit};
use super::stage::{Stage, failed, host, learned, retry, step};

/// What a migration that applies two migrations prints.
pub(super) const TWO: &str = "Applying lms.0001... OK\nApplying lms.0002... OK\n";

fn migrate_on(id: &str, instance: &str, (service, job): (&str, &str), schema: &str) -> Step {
    let migrate = Migrate {
        job: job.into(),
        host: host("edx-0", instance),
        fleet: "live".into(),
        service: service.to_owned(),
        database: "default".to_owned(),
        schema: schema.into(),
        instance: "rds".into(),
        command: vec!["manage.py".to_owned(), "migrate".to_owned()],
        sequence: None,
        is_locked: false,
        list_command: vec!["manage.py".to_owned(), "showmigrations".to_owned()],
        sql_command: Vec::new(),
        schema_command: Vec::new(),
        directory: "/edx/app".to_owned(),
        user: "edxapp".to_owned(),
        warn_after: None,
        past_limit: PastLimit::Abort,
        backward_compatible: false,
    };
    step(id, Action::Migrate(migrate))
}

pub(crate) fn migrate() -> Step {
    migrate_on("migrate", "i-1", ("lms", "lms"), "edxapp")
}

pub(super) fn job(name: &str, started: bool) -> Fact {
    Fact::Job { host: "edx-0".into(), job: name.into(), started }
}

pub(super) fn job_failed(name: &str) -> Fact {
    Fact::JobFailed { host: "edx-0".into(), job: name.into() }
}

pub(super) fn migrated(applied: u32) -> Fact {
    Fact::Migrated {
        fleet: "live".into(),
        service: "lms".to_owned(),
        database: "default".to_owned(),
        applied,
        ran: Vec::new(),
        moved: Vec::new(),
        peak_memory: None,
    }
}

/// The jobs of the step and how they ended, without what was learned while they ran.
pub(super) fn outcome(stage: &Stage) -> Vec<Fact> {
    let facts = stage.facts_of("migrate").into_iter().filter_map(|fact| match fact {
        Fact::Migrated { applied, .. } => Some(migrated(applied)),
        Fact::Job { .. } | Fact::JobFailed { .. } => Some(fact),
        _ => None,
    });
    facts.collect()
}

pub(super) fn has_failed() -> Ending {
    Ending::Failed(vec!["migrate".into()])
}

#[test]
fn a_migration_is_started_once_and_each_migration_that_it_applies_is_counted_once() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", TWO, 0)]);
    assert_eq!(stage.conduct(vec![migrate()]), Ending::Finished);
    assert_eq!(*jobs.calls.borrow(), ["start lms"]);
    assert_eq!(outcome(&stage), [job("lms", true), migrated(2)]);
    let run_as = RunAs::User("edxapp".to_owned());
    let command = Command { run_as, directory: Some("/edx/app".to_owned()), ..Command::new(["manage.py", "migrate"]) };
    assert_eq!(*jobs.commands.borrow(), [command]);
}

#[test]
fn output_that_is_too_long_for_one_answer_is_read_to_its_end() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", TWO, 0)]);
    jobs.at_once.set(7);
    assert_eq!(stage.conduct(vec![migrate()]), Ending::Finished);
    assert_eq!(outcome(&stage), [job("lms", true), migrated(2)]);
}

#[test]
fn each_way_in_which_a_migration_ends_badly_is_told_as_what_it_is() {
    let out_of_memory = JobState::Ended { exit: 137, out_of_memory: true, peak_memory: Some(3 << 30) };
    for (state, words, first) in [
        (exit(1), "job lms on edx-0 ended with exit status 1: ", "read the job's output"),
        (
            out_of_memory,
            "job lms on edx-0 was killed because the host ran out of memory, after it had used 3072 MB: ",
            "free memory",
        ),
        (exit(143), "somebody has killed job lms on edx-0, with SIGTERM: ", "find out who"),
        (JobState::HostRestarted, "edx-0 was restarted while job lms ran there: ", "find out why"),
        (JobState::Vanished, "somebody has killed all processes of job lms on edx-0", "find out who"),
    ] {
        let mut stage = Stage::new();
        let jobs = Jobs::of(&mut stage, &[]);
        jobs.prints
            .borrow_mut()
            .insert("lms".into(), ("Applying lms.0001... OK\nApplying lms.0002...".to_owned(), state));
        jobs.pending.set(1);
        assert_eq!(stage.conduct(vec![migrate()]), has_failed());
        let error = stage.error_of("migrate");
        let rest = "1 migrations of edxapp were applied, 1 are pending; stuck at lms.0002 The schema";
        assert!(error.starts_with(words) && error.contains(first), "{error}");
        assert!(error.contains(&rest[..60]) && error.contains("--retry migrate"), "{error}");
        assert_eq!(*jobs.calls.borrow(), ["start lms"], "never by itself");
    }
}

#[test]
fn the_lock_of_another_migrator_and_one_of_the_database_are_different_statements() {
    let timeout = "Applying lms.0002_next...Traceback:\n\
                   django.db.utils.OperationalError: (1205, 'Lock wait timeout exceeded; try restarting transaction')\n";
    for (exit, prints, words) in [
        (
            75,
            "ada@bastion has the lock 'migrate edxapp'; nothing was run\n",
            [
                "did not get its lock, because somebody else has it",
                "ada@bastion has the lock",
                "find out who else migrates",
            ],
        ),
        (
            1,
            timeout,
            [
                "it waited too long for a lock that somebody else holds (MySQL 1205",
                "stuck at lms.0002_next",
                "end that session",
            ],
        ),
        // Without a lock command, it is a status like any other.
        (75, "", ["ended with exit status 75", "2 are pending", "read the job's output"]),
    ] {
        let mut stage = Stage::new();
        let jobs = Jobs::of(&mut stage, &[("lms", prints, exit)]);
        let mut step = migrate();
        let Action::Migrate(migrate) = &mut step.action else { panic!("it migrates") };
        migrate.is_locked = !prints.is_empty();
        assert_eq!(stage.conduct(vec![step]), has_failed());
        let error = stage.error_of("migrate");
        assert!(words.iter().all(|words| error.contains(words)), "{error}");
        assert_eq!(stage.resume(), has_failed());
        assert_eq!(*jobs.calls.borrow(), ["start lms"], "never by itself");
    }
}

/// What its command does besides may not be done, so somebody has to say that the schema is complete.
#[test]
fn a_migration_that_has_failed_and_that_somebody_has_completed_ends_well_with_the_next_consent() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", TWO, 1)]);
    jobs.has("lms", 1);
    jobs.pending.set(0);
    stage.was_begun(vec![migrate()], vec![learned("migrate", job("lms", true))]);
    assert_eq!(stage.resume(), has_failed());
    let error = stage.error_of("migrate");
    assert!(error.contains("0 are pending") && error.contains("with --retry migrate: the command then has"), "{error}");
    stage.was_recorded(vec![retry("migrate")]);
    jobs.prints.borrow_mut().insert("lms-run-2".into(), (String::new(), exit(0)));
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(*jobs.calls.borrow(), ["start lms-run-2"]);
}

#[test]
fn nothing_is_started_where_no_migration_is_pending() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[]);
    jobs.pending.set(0);
    assert_eq!(stage.conduct(vec![migrate()]), Ending::Finished);
    assert!(jobs.calls.borrow().is_empty());
    assert_eq!(outcome(&stage), [migrated(0)]);
}

#[test]
fn a_job_that_ends_well_and_leaves_migrations_pending_has_failed_with_where_it_is_stuck() {
    let mut stage = Stage::new();
    let output = "Applying lms.0001... OK\nApplying lms.0002...\n";
    let jobs = Jobs::of(&mut stage, &[("lms", output, 1)]);
    jobs.pending.set(1);
    assert_eq!(stage.conduct(vec![migrate()]), has_failed());
    let error = stage.error_of("migrate");
    assert!(error.contains("1 migrations of edxapp were applied, 1 are pending; stuck at lms.0002"), "{error}");

    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", TWO, 0)]);
    jobs.pending.set(3);
    assert_eq!(stage.conduct(vec![migrate()]), has_failed());
    assert!(stage.error_of("migrate").contains("2 migrations of edxapp were applied, 3 are pending."));
}

#[test]
fn a_job_whose_start_was_not_recorded_is_waited_for_and_recorded() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", TWO, 0)]);
    jobs.has("lms", 1);
    stage.was_begun(vec![migrate()], Vec::new());
    assert_eq!(stage.resume(), Ending::Finished);
    assert!(jobs.calls.borrow().is_empty());
    assert_eq!(outcome(&stage), [job("lms", false), migrated(2)]);
}

#[test]
fn a_migration_whose_start_is_on_record_and_of_which_the_host_knows_nothing_is_not_started_again() {
    for fails in [None, Some(FailureClass::InDoubt)] {
        let mut stage = Stage::new();
        let jobs = Jobs::of(&mut stage, &[("lms", TWO, 0)]);
        jobs.remembers.set(false);
        jobs.fails.set(fails);
        for _ in 0..2 {
            assert_eq!(stage.conduct_or_resume(vec![migrate()]), has_failed());
            let error = stage.error_of("migrate");
            let words = "job lms was, or may have been, started on edx-0, which has no record of it now";
            assert!(error.contains(words), "{error}");
        }
        assert_eq!(*jobs.calls.borrow(), ["start lms"]);
        assert_eq!(outcome(&stage), [job("lms", fails.is_none()), job_failed("lms")]);
    }
}

#[test]
fn a_migration_whose_start_was_refused_may_be_started_by_the_next_run() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", TWO, 0)]);
    jobs.fails.set(Some(FailureClass::Permanent));
    assert_eq!(stage.conduct(vec![migrate()]), has_failed());
    stage.was_recorded(vec![retry("migrate")]);
    jobs.prints.borrow_mut().insert("lms-run-2".into(), (TWO.to_owned(), exit(0)));
    assert_eq!(outcome(&stage), []);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(*jobs.calls.borrow(), ["start lms", "start lms-run-2"]);
}

#[test]
fn an_approved_retry_is_a_job_of_its_own_and_its_doubts_are_about_that_job() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", "Applying lms.0001...\n", 1)]);
    jobs.has("lms", 1);
    stage.was_begun(
        vec![migrate()],
        vec![
            learned("migrate", job("lms", true)),
            learned("migrate", job_failed("lms")),
            failed("migrate"),
            retry("migrate"),
        ],
    );
    jobs.fails.set(Some(FailureClass::InDoubt));
    assert_eq!(stage.resume(), has_failed());
    assert_eq!(*jobs.calls.borrow(), ["start lms-run-2"]);
    let error = stage.error_of("migrate");
    assert!(error.contains("job lms-run-2 was, or may have been, started"), "{error}");
}

#[test]
fn a_migration_that_has_failed_runs_again_once_for_each_consent_and_never_without_one() {
    let mut stage = Stage::new();
    let half = "Applying lms.0001... OK\nApplying lms.0002...\nboom\n";
    let jobs = Jobs::of(&mut stage, &[("lms", half, 1), ("lms-run-2", half, 1), ("lms-run-3", TWO, 0)]);
    assert_eq!(stage.conduct(vec![migrate()]), has_failed());
    let again_without_consent = |stage: &Stage, started: &[&str]| {
        for _ in 0..2 {
            assert_eq!(stage.resume(), has_failed());
            assert_eq!(*jobs.calls.borrow(), *started, "it is only looked at");
        }
    };
    again_without_consent(&stage, &["start lms"]);
    stage.was_recorded(vec![retry("migrate")]);
    assert_eq!(stage.resume(), has_failed());
    again_without_consent(&stage, &["start lms", "start lms-run-2"]);
    stage.was_recorded(vec![retry("migrate")]);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(*jobs.calls.borrow(), ["start lms", "start lms-run-2", "start lms-run-3"]);
}

#[test]
fn a_job_that_an_earlier_plan_started_under_another_name_is_waited_for() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms-default", TWO, 0)]);
    jobs.has("lms-default", 1);
    stage.was_begun(vec![migrate()], vec![learned("migrate", job("lms-default", true))]);
    assert_eq!(stage.resume(), Ending::Finished);
    assert!(jobs.calls.borrow().is_empty());
    assert!(outcome(&stage).contains(&migrated(2)));
}

#[test]
fn a_failed_job_of_an_earlier_plan_is_named_and_nothing_is_started() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms-default", "Applying lms.0001...\n", 1)]);
    jobs.has("lms-default", 1);
    stage.was_begun(vec![migrate()], vec![learned("migrate", job("lms-default", true))]);
    assert_eq!(stage.resume(), has_failed());
    assert!(jobs.calls.borrow().is_empty());
    let error = stage.error_of("migrate");
    assert!(error.starts_with("job lms-default on edx-0 ended with exit status 1"), "{error}");
}

#[test]
fn a_lost_job_of_an_earlier_plan_is_started_again_only_with_approval() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", TWO, 0), ("lms-run-2", TWO, 0)]);
    let facts = vec![learned("migrate", job("lms-default", true)), failed("migrate")];
    stage.was_begun(vec![migrate()], facts);
    assert_eq!(stage.resume(), has_failed());
    assert!(jobs.calls.borrow().is_empty());
    let error = stage.error_of("migrate");
    assert!(error.contains("job lms-default was, or may have been, started on edx-0, which has no record"), "{error}");
    assert!(error.contains("--retry migrate"), "{error}");
    stage.was_recorded(vec![retry("migrate")]);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(*jobs.calls.borrow(), ["start lms-run-2"]);
}

#[test]
fn a_start_in_doubt_is_looked_for_before_its_job_counts_as_lost() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", TWO, 0)]);
    jobs.has("lms", 1);
    jobs.unseen.replace(1..4);
    let in_doubt = Event::StepInDoubt { step: "migrate".into(), error: "the host did not answer".to_owned() };
    stage.was_begun(vec![migrate()], vec![in_doubt, learned("migrate", job("lms", false))]);
    assert_eq!(stage.resume(), Ending::Finished);
    assert!(jobs.calls.borrow().is_empty());
}

#[test]
fn a_job_of_an_earlier_plan_that_its_host_forgets_is_not_replaced_without_approval() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms-default", TWO, 0), ("lms", TWO, 0)]);
    jobs.has("lms-default", 0);
    stage.was_begun(vec![migrate()], vec![learned("migrate", job("lms-default", true))]);
    // It is there once, and never again.
    jobs.unseen.replace(2..u32::MAX);
    assert_eq!(stage.resume(), has_failed());
    assert!(jobs.calls.borrow().is_empty());
    let error = stage.error_of("migrate");
    assert!(error.contains("job lms-default was, or may have been, started on edx-0, which has no record"), "{error}");
}

/// The ending of `migrate` after an earlier plan has started a job of another service, on that host and schema.
fn after_another_plan(instance: &str, schema: &str, is_done: bool) -> (Ending, Vec<String>, Stage) {
    after_a_job_of_another_plan("old", instance, schema, is_done)
}

/// The same with the name of that job.
fn after_a_job_of_another_plan(
    name: &str,
    instance: &str,
    schema: &str,
    is_done: bool,
) -> (Ending, Vec<String>, Stage) {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("old", TWO, 0), ("lms", TWO, 0)]);
    jobs.has_on(instance, name, 0);
    let old = migrate_on("old", instance, ("cms", name), schema);
    let ended = match is_done {
        true => Event::StepDone { step: "old".into(), facts: vec![job(name, true)] },
        false => learned("old", job(name, true)),
    };
    stage.was_begun(vec![old, migrate_on("never", "i-gone", ("xqueue", "never"), "edxapp")], vec![ended]);
    let ending = stage.conduct(vec![migrate()]);
    let calls = jobs.calls.borrow().clone();
    (ending, calls, stage)
}

#[test]
fn no_migration_is_started_while_another_plans_job_migrates_the_same_schema() {
    let (ending, calls, stage) = after_another_plan("i-2", "edxapp", false);
    assert_eq!((ending, calls), (has_failed(), Vec::new()));
    let error = stage.error_of("migrate");
    assert!(error.contains("job old of an earlier plan is still migrating edxapp"), "{error}");
}

#[test]
fn a_job_of_another_plan_on_the_same_host_or_with_the_same_name_is_not_taken_for_ones_own() {
    for (name, instance) in [("old", "i-1"), ("lms", "i-2")] {
        let (ending, calls, stage) = after_a_job_of_another_plan(name, instance, "edxapp", false);
        assert_eq!((ending, calls), (has_failed(), Vec::new()), "{name} on {instance}");
        let error = stage.error_of("migrate");
        assert!(error.contains(&format!("job {name} of an earlier plan is still migrating edxapp")), "{error}");
    }
}

#[test]
fn a_job_on_another_schema_does_not_matter() {
    let (ending, calls, _) = after_another_plan("i-2", "xqueue", false);
    assert_eq!((ending, calls), (Ending::Finished, vec!["start lms".to_owned()]));
}

#[test]
fn hosts_of_migrations_that_are_done_or_were_never_started_are_not_asked() {
    let (ending, calls, _) = after_another_plan("i-gone", "edxapp", true);
    assert_eq!((ending, calls), (Ending::Finished, vec!["start lms".to_owned()]));
}
