//! The tasks that workers run when they are told to stop: named while the stop is late, and on record before a kill.

use cutover_core::deployment::PastStopLimit;
use cutover_core::journal::{Fact, RunningTask};
use cutover_engine::phase::Ending;
use cutover_hosts::celery::{self, Task};
use cutover_hosts::command::Said;
use cutover_hosts::supervisor::State;

use super::super::stage::{Stage, failed, learned};
use super::stopping::{late_workers, stop_workers};

#[test]
fn while_a_stop_is_late_the_tasks_that_still_run_are_named_with_their_age() {
    let mut stage = Stage::new();
    let services = late_workers(&mut stage);
    assert_eq!(stage.conduct(vec![stop_workers(PastStopLimit::Abort)]), Ending::Failed(vec!["stop".into()]));
    assert_eq!(services.calls(), ["stop cms lms"]);
    let mentioned = stage.mentioned.borrow();
    assert_eq!(mentioned[0], "still stopping: cms, lms", "it is not late yet");
    let late = "still stopping: cms, lms; tasks that run there: grades (id-of-grades) for 1m 5";
    assert!(mentioned[1].starts_with(late), "{mentioned:?}");
    let error = stage.error_of("stop");
    let words = "still running on edx-0 after 1m 02s: cms, lms; tasks that run there: grades (id-of-grades) for 2m 32s";
    assert!(error.starts_with(words), "{error}");
}

#[test]
fn killed_programs_are_on_record_with_the_tasks_that_end_with_them_also_when_another_conductor_kills() {
    let mut stage = Stage::new();
    let services = late_workers(&mut stage);
    let tasks =
        RunningTask { name: "mail".into(), id: "7".into(), process: Some(72), process_begun: None, since: None };
    // The process of the last one has ended, and another one has its id.
    let reused = RunningTask { process: Some(71), process_begun: Some(7000), id: "8".into(), ..tasks.clone() };
    let told = Fact::RunningTasks {
        host: "edx-0".into(),
        tasks: vec![tasks.clone(), RunningTask { process: Some(71), ..tasks.clone() }, reused],
        silent: 0,
    };
    services.put(&["cms".into(), "lms".into()], State::Stopping);
    stage.was_begun(vec![stop_workers(PastStopLimit::Kill)], vec![learned("stop", told)]);
    services.is_stubborn.set(false);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(services.calls(), ["kill cms lms"]);
    let killed = Fact::Killed {
        host: "edx-0".into(),
        programs: vec!["cms".into(), "lms".into()],
        tasks: vec![RunningTask { process: Some(71), ..tasks }],
    };
    assert!(stage.facts_of("stop").contains(&killed), "{:?}", stage.facts_of("stop"));
}

#[test]
fn a_stop_goes_on_without_the_tasks_if_celery_does_not_tell() {
    let mut stage = Stage::new();
    let services = late_workers(&mut stage);
    let refused =
        Said { exit: 69, stderr: "Error: No nodes replied within time constraint\n".into(), ..Said::default() };
    services.active.replace(refused);
    assert_eq!(stage.conduct(vec![stop_workers(PastStopLimit::Abort)]), Ending::Failed(vec!["stop".into()]));
    assert_eq!(services.calls(), ["stop cms lms"]);
    let text = "which tasks run on edx-0 is not known: celery says exit status 69: Error: No nodes replied within time \
                constraint";
    assert!(stage.facts_of("stop").contains(&Fact::Note { text: text.into() }), "{:?}", stage.facts_of("stop"));
    let error = stage.error_of("stop");
    assert!(error.contains("cms, lms; which tasks run there is not known, celery did not tell"), "{error}");
}

/// What is printed when `lms` hangs, and so only the worker of `cms` answers.
fn only_one(tasks: &[Task]) -> Said {
    Said { stdout: celery::answer("edx-0", &[("cms@edx-0", tasks)]), ..Said::default() }
}

#[test]
fn a_worker_that_does_not_answer_is_not_said_to_run_no_task() {
    let task =
        Task { worker: "cms@edx-0".into(), name: "mail".into(), id: "7".into(), process: Some(71), running: None };
    let why = "the worker of 1 program did not answer celery";
    let cases = [
        (Vec::new(), "; which tasks run there is not known, ".to_owned() + why),
        (vec![Task { process: Some(79), ..task.clone() }], "; which tasks run there is not known, ".to_owned() + why),
        (vec![task], "; tasks that run there: mail (7); whether others run is not known, ".to_owned() + why),
    ];
    for (tasks, words) in cases {
        let mut stage = Stage::new();
        let services = late_workers(&mut stage);
        services.active.replace(only_one(&tasks));
        assert_eq!(stage.conduct(vec![stop_workers(PastStopLimit::Abort)]), Ending::Failed(vec!["stop".into()]));
        let error = stage.error_of("stop");
        assert!(error.contains(&words), "{error}");
    }
}

#[test]
fn before_a_kill_it_is_put_on_record_that_a_worker_has_not_answered() {
    let mut stage = Stage::new();
    let services = late_workers(&mut stage);
    services.active.replace(only_one(&[]));
    stage.conduct(vec![stop_workers(PastStopLimit::Kill)]);
    let text = "which tasks end with the programs that are killed on edx-0 is not known: the worker of 1 program did not \
                answer celery";
    assert!(stage.facts_of("stop").contains(&Fact::Note { text: text.into() }), "{:?}", stage.facts_of("stop"));
}

/// The record of a task that workers ran when an attempt before was about to tell them to stop.
fn told_before() -> Fact {
    let task =
        RunningTask { name: "reports".into(), id: "7".into(), process: Some(71), process_begun: None, since: None };
    Fact::RunningTasks { host: "edx-0".into(), tasks: vec![task], silent: 0 }
}

#[test]
fn the_tasks_of_an_attempt_before_are_not_named_again() {
    let tasks_named = |does_celery_tell: bool| {
        let mut stage = Stage::new();
        let services = late_workers(&mut stage);
        if !does_celery_tell {
            services.active.replace(Said { exit: 69, ..Said::default() });
        }
        stage.was_begun(vec![stop_workers(PastStopLimit::Abort)], vec![learned("stop", told_before()), failed("stop")]);
        assert_eq!(stage.resume(), Ending::Failed(vec!["stop".into()]));
        let error = stage.error_of("stop");
        assert!(!error.contains("reports"), "its process may run something else by now: {error}");
        error
    };
    let error = tasks_named(true);
    assert!(error.contains("; tasks that run there: grades (id-of-grades) for 2m 32s"), "{error}");
    let error = tasks_named(false);
    assert!(error.contains("; which tasks run there is not known, celery did not tell"), "{error}");
}

#[test]
fn workers_that_are_killed_without_their_tasks_being_known_are_not_said_to_have_run_none() {
    let mut stage = Stage::new();
    let services = late_workers(&mut stage);
    services.put(&["cms".into(), "lms".into()], State::Stopping);
    stage.was_begun(vec![stop_workers(PastStopLimit::Kill)], vec![learned("stop", told_before()), failed("stop")]);
    services.is_stubborn.set(false);
    assert_eq!(stage.resume(), Ending::Finished);
    let text = "which tasks end with the programs that are killed on edx-0 is not known: celery did not tell";
    assert!(stage.facts_of("stop").contains(&Fact::Note { text: text.into() }), "{:?}", stage.facts_of("stop"));
}
