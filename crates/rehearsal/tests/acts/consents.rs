//! What an operator's consent to another run of a migration covers: the failures that were shown when it was given.

use cutover_core::journal::Fact;
use cutover_engine::phase::Ending;

use super::jobs::Jobs;
use super::migrations::{TWO, has_failed, job, migrate, outcome};
use super::stage::{Stage, failed, learned, retry};

/// A migration that has failed while its job ran, of which another run was requested then. The job ends with this status.
fn retried_while_it_runs(exit: i32) -> (Stage, std::rc::Rc<Jobs>) {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", TWO, exit), ("lms-run-2", TWO, 0)]);
    stage.was_begun(vec![migrate()], vec![learned("migrate", job("lms", true)), failed("migrate"), retry("migrate")]);
    (stage, jobs)
}

/// The consent that is given once the failure was shown starts another run, which ends well.
fn goes_on_with_consent(stage: &Stage, jobs: &Jobs) {
    stage.was_recorded(vec![retry("migrate")]);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(*jobs.calls.borrow(), ["start lms-run-2"]);
}

#[test]
fn a_consent_that_is_given_while_the_job_runs_does_not_cover_its_failure() {
    let (stage, jobs) = retried_while_it_runs(1);
    jobs.has("lms", 0);
    for _ in 0..2 {
        assert_eq!(stage.resume(), has_failed());
        let error = stage.error_of("migrate");
        assert!(error.starts_with("job lms on edx-0 ended with exit status 1"), "{error}");
        assert!(jobs.calls.borrow().is_empty());
    }
    goes_on_with_consent(&stage, &jobs);
}

#[test]
fn a_consent_that_is_given_while_the_job_runs_is_not_needed_if_it_ends_well() {
    let (stage, jobs) = retried_while_it_runs(0);
    jobs.has("lms", 0);
    assert_eq!(stage.resume(), Ending::Finished);
    assert!(jobs.calls.borrow().is_empty());
}

#[test]
fn a_consent_that_is_given_while_the_job_runs_does_not_cover_the_loss_of_its_record() {
    let (stage, jobs) = retried_while_it_runs(0);
    for _ in 0..2 {
        assert_eq!(stage.resume(), has_failed());
        let error = stage.error_of("migrate");
        assert!(
            error.contains("job lms was, or may have been, started on edx-0, which has no record of it now"),
            "{error}"
        );
        assert!(jobs.calls.borrow().is_empty());
    }
    goes_on_with_consent(&stage, &jobs);
}

#[test]
fn a_failure_that_was_shown_is_on_record_once() {
    let (stage, jobs) = retried_while_it_runs(1);
    jobs.has("lms", 0);
    for _ in 0..2 {
        assert_eq!(stage.resume(), has_failed());
    }
    let shown = Fact::JobFailed { host: "edx-0".into(), job: "lms".into() };
    assert_eq!(outcome(&stage), [job("lms", true), shown]);
}
