//! Migrations that take longer than usual, or than they may.

use std::rc::Rc;
use std::time::Duration;

use cutover_core::deployment::PastLimit;
use cutover_core::journal::Fact;
use cutover_core::plan::{Action, Migrate, Step};
use cutover_engine::failure::FailureClass;
use cutover_engine::phase::Ending;
use cutover_hosts::job::Signal;

use super::jobs::{Jobs, exit};
use super::migrations::{has_failed, job, job_failed, migrate, migrated, outcome};
use super::stage::Stage;

/// A migration that usually takes so many seconds, and may take so many.
fn within(usual: u64, limit: u64, past_limit: PastLimit) -> Step {
    let step = migrate();
    let Action::Migrate(migrate) = step.action else { panic!("{step:?}") };
    let action = Action::Migrate(Migrate { past_limit, ..migrate });
    Step { action, expected: Duration::from_secs(usual), limit: Duration::from_secs(limit), ..step }
}

/// A job that takes a minute or more. It prints a line whenever it is looked at.
fn long(stage: &mut Stage) -> Rc<Jobs> {
    let lines = ["Applying lms.0002_next...\n", &"row\n".repeat(60), " OK\n"].concat();
    Jobs::of(stage, &[("lms", &lines, 0)])
}

fn warnings(stage: &Stage) -> Vec<Fact> {
    let facts = stage.facts_of("migrate").into_iter();
    facts.filter(|fact| matches!(fact, Fact::Slow { .. } | Fact::PastLimit { .. })).collect()
}

#[test]
fn that_a_migration_takes_longer_than_usual_is_told_once() {
    let mut stage = Stage::new();
    long(&mut stage);
    assert_eq!(stage.conduct(vec![within(5, 600, PastLimit::Abort)]), Ending::Finished);
    let told = warnings(&stage);
    let [Fact::Slow { ran, usual, limit, .. }] = &told[..] else { panic!("{told:?}") };
    assert!(*ran >= Duration::from_secs(10) && *ran < Duration::from_secs(20), "{ran:?}");
    assert_eq!((usual.as_secs(), limit.as_secs()), (5, 600));
}

#[test]
fn a_migration_that_ends_in_time_and_one_whose_limit_comes_first_are_not_warned_of() {
    for (usual, limit) in [(600, 900), (5, 9)] {
        let mut stage = Stage::new();
        long(&mut stage);
        stage.conduct(vec![within(usual, limit, PastLimit::Abort)]);
        assert_eq!(warnings(&stage), []);
    }
}

#[test]
fn a_migration_past_its_limit_goes_on_and_is_waited_for() {
    let mut stage = Stage::new();
    let jobs = long(&mut stage);
    let steps = vec![within(5, 12, PastLimit::Abort)];
    assert_eq!(stage.conduct(steps), has_failed());
    assert!(stage.error_of("migrate").contains("not done after 12s; job lms is still running on edx-0"));
    while stage.resume() != Ending::Finished {}
    assert_eq!(*jobs.calls.borrow(), ["start lms"]);
    assert_eq!(outcome(&stage), [job("lms", true), migrated(1)]);
}

#[test]
fn a_migration_past_its_limit_is_ended_if_the_file_says_so_and_that_is_on_record_before() {
    for (ended_by, calls) in
        [(Signal::Term, vec!["start lms", "Term lms"]), (Signal::Kill, vec!["start lms", "Term lms", "Kill lms"])]
    {
        let mut stage = Stage::new();
        let jobs = long(&mut stage);
        *jobs.ended_by.borrow_mut() = vec![ended_by];
        assert_eq!(stage.conduct(vec![within(5, 20, PastLimit::Kill)]), has_failed());
        assert_eq!(*jobs.calls.borrow(), calls);
        let error = stage.error_of("migrate");
        assert!(error.starts_with("job lms on edx-0 was killed by its limit of 20s: 0 migrations"), "{error}");
        assert!(error.contains("stuck at lms.0002_next") && error.contains("its last statement"), "{error}");
        assert_eq!(outcome(&stage), [job("lms", true), job_failed("lms")]);
        let told = Fact::PastLimit { host: "edx-0".into(), job: "lms".into(), limit: Duration::from_secs(20) };
        assert_eq!(warnings(&stage).last(), Some(&told));
        // It is not started again, and is still told as what it was.
        assert_eq!(stage.resume(), has_failed());
        assert!(stage.error_of("migrate").contains("was killed by its limit"));
        assert_eq!(jobs.calls.borrow().len(), calls.len());
    }
}

#[test]
fn a_job_that_no_signal_ends_is_named_and_one_that_cannot_be_told_too() {
    let mut stage = Stage::new();
    let jobs = long(&mut stage);
    jobs.ended_by.borrow_mut().clear();
    assert_eq!(stage.conduct(vec![within(1, 3, PastLimit::Kill)]), has_failed());
    assert_eq!(*jobs.calls.borrow(), ["start lms", "Term lms", "Kill lms"]);
    let error = stage.error_of("migrate");
    let words = "job lms is still running on edx-0 (0 of 2 applied; now lms.0002_next), although it was killed";
    assert!(error.contains(words), "{error}");

    let mut stage = Stage::new();
    let jobs = long(&mut stage);
    jobs.finds_processes.set(false);
    assert_eq!(stage.conduct(vec![within(1, 3, PastLimit::Kill)]), has_failed());
    let error = stage.error_of("migrate");
    let words = "and could not be killed, because the host does not find any process of it that runs";
    assert!(error.contains(words) && !error.contains("although"), "{error}");

    let mut stage = Stage::new();
    let jobs = long(&mut stage);
    jobs.fails_to_signal.set(Some(FailureClass::Permanent));
    assert_eq!(stage.conduct(vec![within(1, 3, PastLimit::Kill)]), has_failed());
    let error = stage.error_of("migrate");
    assert!(error.contains("it could not be told to end: the host did not answer"), "{error}");
}

#[test]
fn a_job_is_said_to_be_killed_only_if_a_signal_has_reached_it() {
    for (class, words) in [
        (FailureClass::Permanent, "job lms on edx-0 ended with exit status 1: "),
        (
            FailureClass::InDoubt,
            "job lms on edx-0 has ended after it was, or may have been, killed by its limit of 20s: ",
        ),
    ] {
        let mut stage = Stage::new();
        // It ends by itself before it is killed.
        let jobs = Jobs::of(&mut stage, &[("lms", &"row\n".repeat(24), 1)]);
        jobs.fails_to_signal.set(Some(class));
        jobs.ended_by.borrow_mut().clear();
        assert_eq!(stage.conduct(vec![within(5, 20, PastLimit::Kill)]), has_failed());
        while stage.error_of("migrate").contains("still running") {
            assert_eq!(stage.resume(), has_failed());
        }
        assert!(stage.error_of("migrate").starts_with(words), "{}", stage.error_of("migrate"));
    }
}

#[test]
fn a_job_that_a_signal_has_ended_was_killed_by_its_limit_although_the_answer_was_lost() {
    let mut stage = Stage::new();
    let jobs = long(&mut stage);
    // The signal was sent, and nobody has heard of it. Afterwards the job does not run, so nothing more is sent.
    jobs.fails_to_signal.set(Some(FailureClass::Permanent));
    jobs.ended_by.borrow_mut().clear();
    jobs.prints.borrow_mut().insert("lms".into(), ("row\n".repeat(12), exit(143)));
    jobs.was_signalled.set(true);
    assert_eq!(stage.conduct(vec![within(5, 20, PastLimit::Kill)]), has_failed());
    while stage.error_of("migrate").contains("still running") {
        assert_eq!(stage.resume(), has_failed());
    }
    let error = stage.error_of("migrate");
    assert!(error.starts_with("job lms on edx-0 was killed by its limit of 20s"), "{error}");
}
