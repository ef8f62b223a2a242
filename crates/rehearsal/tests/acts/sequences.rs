//! Migrations that are more than one command: what their job runs, and what is said of a part that fails.

use cutover_core::deployment::Fake;
use cutover_core::journal::Fact;
use cutover_core::plan::{Action, Sequence, Step};
use cutover_engine::phase::Ending;

use super::jobs::Jobs;
use super::migrations::{TWO, has_failed, job, migrate, migrated, outcome};
use super::stage::{Stage, host, retry};

/// A migration with other commands before and after it, and a migration that is recorded without being run.
fn in_sequence(lock_command: &[&str], fakes: &[&str]) -> Step {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let fake = |name: &&str| Fake { name: (*name).into(), reason: "its index was added in May".to_owned() };
    let mut step = migrate();
    if let Action::Migrate(migrate) = &mut step.action {
        migrate.is_locked = !lock_command.is_empty();
        migrate.sequence = Some(Box::new(Sequence {
            lock_command: words(lock_command),
            before: vec![words(&["manage.py", "clearsessions"])],
            fake: fakes.iter().map(fake).collect(),
            command: migrate.command.clone(),
            after: vec![words(&["manage.py", "reindex"])],
        }));
    }
    step
}

#[test]
fn commands_before_and_after_a_migration_are_parts_of_its_job_and_under_its_lock() {
    let mut stage = Stage::new();
    let printed = format!("@cutover-part run manage.py migrate\n{TWO}  Applying lms.0002_next... FAKED\n");
    let jobs = Jobs::of(&mut stage, &[("lms", &printed, 0)]);
    assert_eq!(stage.conduct(vec![in_sequence(&["with-lock"], &["lms.0002_next"])]), Ending::Finished);
    let commands = jobs.commands.borrow();
    let [lock, shell, _, script] = commands[0].arguments.as_slice() else { panic!("{commands:?}") };
    assert_eq!((lock.as_str(), shell.as_str()), ("with-lock", "/bin/sh"));
    let parts: Vec<&str> = script.lines().filter_map(|line| line.strip_prefix("part '")).collect();
    assert_eq!(
        parts,
        [
            "run manage.py clearsessions' manage.py clearsessions",
            "look whether lms.0002_next is next' is_next lms.0002_next manage.py showmigrations --plan",
            "record lms.0002_next without running it' manage.py migrate --fake lms 0002_next",
            "run manage.py migrate' manage.py migrate",
            "run manage.py reindex' manage.py reindex",
        ]
    );
    let reason = "its index was added in May".to_owned();
    let faked = Fact::Faked { fleet: "live".into(), migration: "lms.0002_next".into(), reason };
    assert_eq!(outcome(&stage), [job("lms", true), migrated(2)]);
    assert!(stage.facts_of("migrate").contains(&faked));
}

/// The same migration on another host. Unless something else of it is new as well, it stays done.
fn on_another_host(mut step: Step) -> Step {
    if let Action::Migrate(migrate) = &mut step.action {
        migrate.host = host("edx-1", "i-2");
    }
    step
}

#[test]
fn a_sequence_that_was_done_is_not_run_again_when_a_new_plan_looks_at_it_on_another_host() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", TWO, 0)]);
    assert_eq!(stage.conduct(vec![in_sequence(&[], &[])]), Ending::Finished);
    assert_eq!(stage.conduct(vec![on_another_host(in_sequence(&["with-lock"], &[]))]), Ending::Finished);
    assert_eq!(*jobs.calls.borrow(), ["start lms"]);
}

#[test]
fn a_migration_that_was_done_is_begun_on_another_host_with_consent_for_what_is_pending_there() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", TWO, 0), ("lms-run-2", TWO, 0)]);
    assert_eq!(stage.conduct(vec![in_sequence(&[], &[])]), Ending::Finished);
    jobs.pending.set(2);
    assert_eq!(stage.conduct(vec![on_another_host(in_sequence(&["with-lock"], &[]))]), has_failed());
    let error = stage.error_of("migrate");
    assert!(
        error.starts_with("edxapp was migrated from edx-0, and 2 migrations are pending for the code of edx-1"),
        "{error}"
    );
    stage.was_recorded(vec![retry("migrate")]);
    assert_eq!(stage.resume(), Ending::Finished, "{}", stage.error_of("migrate"));
    assert_eq!(*jobs.calls.borrow(), ["start lms", "start lms-run-2"]);
}

#[test]
fn whoever_completes_a_schema_by_hand_is_told_that_the_commands_around_the_migration_run_again() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", TWO, 1)]);
    jobs.pending.set(0);
    assert_eq!(stage.conduct(vec![in_sequence(&[], &[])]), has_failed());
    let error = stage.error_of("migrate");
    assert!(error.contains("the commands before and after it are run again, with nothing to apply"), "{error}");
}

#[test]
fn a_part_that_fails_is_named_and_its_status_is_not_taken_for_that_of_the_lock() {
    let mut stage = Stage::new();
    Jobs::of(&mut stage, &[("lms", "@cutover-part run manage.py clearsessions\nno table\n", 75)]);
    assert_eq!(stage.conduct(vec![in_sequence(&["with-lock"], &[])]), has_failed());
    let error = stage.error_of("migrate");
    assert!(error.contains("exit status 75 in the part `run manage.py clearsessions`"), "{error}");
}

#[test]
fn a_migration_that_the_code_does_not_have_is_not_faked_and_nothing_is_started() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", TWO, 0)]);
    assert_eq!(stage.conduct(vec![in_sequence(&[], &["lms.0009_gone"])]), has_failed());
    let error = stage.error_of("migrate");
    assert!(error.contains("there is no migration lms.0009_gone") && error.contains("correct `fake`"), "{error}");
    assert_eq!(*jobs.calls.borrow(), [""; 0]);
}
