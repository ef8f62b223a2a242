//! The tasks that wait in queues.

use std::time::Duration;

use cutover_core::journal::{Event, StepStatus};
use cutover_core::plan::{Action, CountTasks, Step};
use cutover_engine::phase::Ending;
use cutover_hosts::command::Said;

use super::super::stage::{Stage, host, step};
use super::Services;

fn drain() -> Action {
    let command = vec!["redis-cli".to_owned(), "LLEN".to_owned(), "celery".to_owned()];
    Action::DrainQueues { fleet: "live".into(), count: Some(CountTasks { host: host("worker-0", "i-1"), command }) }
}

#[test]
fn a_queue_is_drained_once_nothing_is_left_in_it() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[]);
    services.queued.replace([3, 2, 1].into());
    assert_eq!(stage.conduct(vec![step("drain", drain())]), Ending::Finished);
    let left = |tasks: u32| format!("{tasks} tasks of live are waiting");
    let none = "0 tasks of live are waiting; they are counted again".to_owned();
    assert_eq!(*stage.mentioned.borrow(), [left(3), left(2), left(1), none]);
    assert_eq!((stage.starts_of("drain"), stage.status("drain")), (1, StepStatus::Done));
}

#[test]
fn a_queue_that_is_empty_at_one_look_may_be_filled_by_a_worker_that_holds_tasks() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[]);
    services.queued.replace([0, 2, 0, 0, 0].into());
    assert_eq!(stage.conduct(vec![step("drain", drain())]), Ending::Finished);
    assert_eq!(*services.queued.borrow(), [0; 0], "counted until it had been empty for some seconds");
    assert!((8..13).contains(&stage.elapsed()), "{} s", stage.elapsed());
}

#[test]
fn tasks_that_are_left_to_the_next_hosts_are_counted_twice_too() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[]);
    services.queued.replace([2; 40].into());
    let drain = || Step { limit: Duration::from_secs(20), ..step("drain", drain()) };
    assert_eq!(stage.conduct(vec![drain()]), Ending::Failed(vec!["drain".into()]));
    stage.was_recorded(vec![Event::StepRetryApproved { step: "drain".into(), by: "ada".to_owned() }]);
    services.queued.replace([2, 3, 2, 2, 2].into());
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(*services.queued.borrow(), [0; 0]);
}

#[test]
fn a_queue_that_cannot_be_counted_for_a_moment_is_counted_again() {
    for words in ["LOADING Redis is loading the dataset in memory\n", ""] {
        let mut stage = Stage::new();
        let services = Services::of(&mut stage, &[]);
        services.not_counted.replace([Some(words); 3].into());
        assert_eq!(stage.conduct(vec![step("drain", drain())]), Ending::Finished);

        let mut stage = Stage::new();
        Services::of(&mut stage, &[]).not_counted.replace([Some(words); 99].into());
        assert_eq!(stage.conduct(vec![step("drain", drain())]), Ending::Failed(vec!["drain".into()]));
        assert!(stage.error_of("drain").contains("correct it in the deployment file"), "{}", stage.error_of("drain"));
    }
}

#[test]
fn a_queue_was_not_empty_all_the_time_if_it_could_not_be_counted_meanwhile() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[]);
    services.not_counted.replace([None, Some("LOADING\n")].into());
    assert_eq!(stage.conduct(vec![step("drain", drain())]), Ending::Finished);
    // Counted again a second after that, and for five more.
    assert!(stage.elapsed() >= 3 + 1 + 5, "{} s", stage.elapsed());
}

#[test]
fn a_queue_that_cannot_be_counted_is_never_drained() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[]);
    let refused = "Could not connect to Redis at 127.0.0.1:6379: Connection refused\n";
    services.said.replace(Said { exit: 1, stdout: String::new(), stderr: refused.to_owned() });
    let mut drain = drain();
    if let Action::DrainQueues { count: Some(count), .. } = &mut drain {
        count.command[1] = "llen".to_owned();
    }
    assert_eq!(stage.conduct(vec![step("drain", drain)]), Ending::Failed(vec!["drain".into()]));
    let error = stage.error_of("drain");
    assert!(
        error.starts_with("the tasks of live could not be counted on worker-0: exit status 1: Could not"),
        "{error}"
    );
    assert!(error.contains("count_queues"), "{error}");
}

#[test]
fn queues_of_an_old_plan_that_does_not_say_how_to_count_them_are_not_taken_for_empty() {
    let mut stage = Stage::new();
    Services::of(&mut stage, &[]);
    let drain = Action::DrainQueues { fleet: "live".into(), count: None };
    assert_eq!(stage.conduct(vec![step("drain", drain)]), Ending::Failed(vec!["drain".into()]));
    let error = stage.error_of("drain");
    assert!(error.contains("does not say how the tasks of live are counted; plan the window again"), "{error}");
}
