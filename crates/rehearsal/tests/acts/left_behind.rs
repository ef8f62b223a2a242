//! What commands have started and left behind when they end: what is waited for, and what people are told to look at.

use std::time::Duration;

use cutover_core::deployment::PastLimit;
use cutover_core::journal::Fact;
use cutover_core::plan::{Action, Step};
use cutover_engine::phase::Ending;
use cutover_hosts::job::JobState;

use super::held::{Machine, freeze};
use super::jobs::Jobs;
use super::migrations::{TWO, has_failed, migrate};
use super::stage::{Stage, learned, retry, step};

/// A migration that may take a minute.
fn within_a_minute() -> Step {
    Step { limit: Duration::from_secs(60), ..migrate() }
}

/// The same one, and nothing lists what is pending.
fn unlisted() -> Step {
    let mut step = within_a_minute();
    if let Action::Migrate(migrate) = &mut step.action {
        migrate.list_command.clear();
    }
    step
}

/// What people are told to look at on hosts.
fn left_to_do(stage: &Stage) -> Vec<String> {
    stage.on_record().left_to_do.into_iter().map(|(_, text)| text).collect()
}

#[test]
fn what_a_migration_has_left_is_no_reason_to_wait_where_nothing_lists_what_is_pending() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", TWO, 0)]);
    jobs.go_on.replace(vec![7]);
    assert_eq!(stage.conduct(vec![unlisted()]), Ending::Finished, "{}", stage.error_of("migrate"));
    let left = left_to_do(&stage);
    assert!(left.len() == 1 && left[0].contains("`kill 7`"), "{left:?}");
}

#[test]
fn a_migration_whose_wrapper_has_ended_well_before_it_is_waited_for_and_never_started_beside_it() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", TWO, 0), ("lms-run-2", TWO, 0)]);
    jobs.go_on.replace(vec![7, 12]);
    // Nothing that ends well applies these.
    jobs.pending.set(3);
    assert_eq!(stage.conduct(vec![within_a_minute()]), has_failed());
    let error = stage.error_of("migrate");
    let words = "its command has ended with exit status 0, and what it has started goes on: see `ps -fp 7,12` there, and end it with \
                 `kill 7 12` if nobody needs it";
    assert!(error.contains(words), "{error}");
    stage.was_recorded(vec![retry("migrate")]);
    stage.resume();
    assert_eq!(*jobs.calls.borrow(), ["start lms"]);
    // It has applied them now, and something else goes on.
    jobs.pending.set(0);
    assert_eq!(stage.resume(), Ending::Finished);
    let told = stage.facts_of("migrate").into_iter().filter_map(|fact| match fact {
        Fact::LeftToDo { text, .. } => Some(text),
        _ => None,
    });
    let told: Vec<String> = told.collect();
    assert!(told.len() == 1 && told[0].contains("`kill 7 12`"), "{told:?}");
}

#[test]
fn what_ignores_the_end_of_its_unit_is_waited_for_as_long_as_it_may_migrate_and_no_longer() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", TWO, 0)]);
    jobs.left_in_unit.set(true);
    jobs.go_on.replace(vec![7]);
    assert_eq!(stage.conduct(vec![unlisted()]), has_failed(), "nobody knows what it does");
    assert!(stage.error_of("migrate").contains("`kill -KILL 7`"), "{}", stage.error_of("migrate"));

    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", TWO, 0)]);
    jobs.left_in_unit.set(true);
    jobs.go_on.replace(vec![7]);
    jobs.pending.set(3);
    assert_eq!(stage.conduct(vec![within_a_minute()]), has_failed());
    jobs.pending.set(0);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(*jobs.calls.borrow(), ["start lms"]);
    let left = left_to_do(&stage);
    assert!(left.len() == 1 && left[0].contains("`kill -KILL 7`"), "{left:?}");
}

#[test]
fn what_commands_that_have_succeeded_leave_in_their_unit_is_not_waited_for() {
    let mut stage = Stage::new();
    let machine = Machine::of(&mut stage, &[]);
    machine.ends.replace((String::new(), JobState::Running));
    machine.left.set(Some(0));
    assert_eq!(stage.conduct(vec![freeze()]), Ending::Finished, "{}", stage.error_of("freeze"));
}

#[test]
fn commands_that_have_failed_and_left_something_are_not_waited_for_until_their_limit() {
    let mut stage = Stage::new();
    let machine = Machine::of(&mut stage, &[]);
    machine.ends.replace((String::new(), JobState::Running));
    machine.left.set(Some(1));
    machine.go_on.replace(vec![7]);
    assert_eq!(stage.conduct(vec![freeze()]), Ending::Failed(vec!["freeze".into()]));
    let words = "exit status 1, and what it has started goes on: see `ps -fp 7` there";
    assert!(stage.error_of("freeze").contains(words), "{}", stage.error_of("freeze"));
}

#[test]
fn what_the_limit_has_killed_after_the_end_of_its_command_is_told_as_that() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", TWO, 0)]);
    jobs.go_on.replace(vec![7]);
    jobs.ended_by.borrow_mut().clear();
    jobs.pending.set(3);
    let mut step = within_a_minute();
    if let Action::Migrate(migrate) = &mut step.action {
        migrate.past_limit = PastLimit::Kill;
    }
    assert_eq!(stage.conduct(vec![step]), has_failed());
    assert_eq!(*jobs.calls.borrow(), ["start lms", "Term lms", "Kill lms"]);
    jobs.go_on.replace(Vec::new());
    assert_eq!(stage.resume(), has_failed());
    let error = stage.error_of("migrate");
    let words =
        "job lms on edx-0 ended with exit status 0, and it or what it had started was killed by its limit of 1m: ";
    assert!(error.starts_with(words) && error.contains("its last statement"), "{error}");
}

#[test]
fn what_tells_that_nothing_goes_on_any_more_is_kept_until_it_has_told_so() {
    let mut stage = Stage::new();
    let machine = Machine::of(&mut stage, &[]);
    machine.go_on.replace(vec![7]);
    let launched = Fact::Launched { host: "edx-0".into(), instance: "i-1".into() };
    stage.was_begun(vec![freeze()], vec![learned("freeze", launched)]);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!((left_to_do(&stage).len(), machine.collected.borrow().len()), (1, 0));
    machine.go_on.replace(Vec::new());
    assert_eq!(stage.conduct(vec![step("other", Action::Milestone)]), Ending::Finished);
    assert_eq!((left_to_do(&stage).len(), machine.collected.borrow().len()), (0, 1));
}

#[test]
fn what_has_ended_before_the_end_of_its_phase_is_not_left_to_do_after_it() {
    let mut stage = Stage::new();
    let machine = Machine::of(&mut stage, &[]);
    machine.go_on.replace(vec![7]);
    let launched = Fact::Launched { host: "edx-0".into(), instance: "i-1".into() };
    stage.was_begun(vec![freeze()], vec![learned("freeze", launched)]);
    // The step has seen it.
    machine.goes_on_for.set(1);
    assert_eq!(stage.resume(), Ending::Finished);
    assert!(stage.facts_of("freeze").iter().any(|fact| matches!(fact, Fact::LeftToDo { .. })));
    assert_eq!((left_to_do(&stage).len(), machine.collected.borrow().len()), (0, 1));
}

#[test]
fn a_migration_that_says_it_has_succeeded_when_something_has_ended_it_has_not() {
    let mut stage = Stage::new();
    let jobs = Jobs::of(&mut stage, &[("lms", TWO, 0)]);
    jobs.was_interrupted.set(true);
    assert_eq!(stage.conduct(vec![unlisted()]), has_failed());
}
