//! The tasks of workers that are late to stop.

use std::rc::Rc;
use std::time::Duration;

use cutover_core::deployment::PastStopLimit;
use cutover_core::journal::{Fact, RunningTask};
use cutover_core::plan::{Action, Step};
use cutover_core::time::later;
use cutover_engine::phase::Ending;
use cutover_engine::ports::Clock;
use cutover_hosts::command::Said;
use cutover_hosts::supervisor::State;
use cutover_hosts::{celery, processes};

use super::host::Services;
use super::steps::stop;
use crate::stage::{Stage, learned};

pub(super) fn inspect() -> Vec<String> {
    ["celery", "inspect", "active", "--json"].map(str::to_owned).to_vec()
}

/// The step that stops workers, whose tasks celery names, and is expected to take 20 seconds.
fn stop_workers(past_stop_limit: PastStopLimit) -> Step {
    let mut stop = stop(past_stop_limit);
    if let Action::StopServices(stop) = &mut stop.action {
        stop.running_tasks = inspect();
    }
    let limit = if past_stop_limit == PastStopLimit::Wait { Duration::from_secs(86_400) } else { stop.limit };
    Step { expected: Duration::from_secs(20), limit, ..stop }
}

/// Workers that begin to stop and never end, and run two tasks, of which one ends.
fn late_workers(stage: &mut Stage) -> Rc<Services> {
    let services = Services::of(stage, &[("cms", State::Running), ("lms", State::Running)]);
    services.is_stubborn.set(true);
    services.obeys_late.set(true);
    let task = |name: &str, process| celery::Task {
        worker: "celery@edx-0".to_owned(),
        name: name.to_owned(),
        id: format!("id-of-{name}"),
        process: Some(process),
        running: Some(Duration::from_secs(90)),
    };
    let tasks = [task("grades", 71), task("mail", 72)];
    services.active.replace(Said { stdout: celery::answer("edx-0", "celery@edx-0", &tasks), ..Said::default() });
    services.listed.replace(Some(processes::answer(&[(71, &"lms".into())])));
    services
}

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
    let words = "still running on edx-0 after 1m: cms, lms; tasks that run there: grades (id-of-grades) for 2m 30s";
    assert!(error.starts_with(words), "{error}");
}

#[test]
fn killed_programs_are_on_record_with_the_tasks_that_end_with_them_also_when_another_conductor_kills() {
    let mut stage = Stage::new();
    let services = late_workers(&mut stage);
    let tasks = RunningTask { name: "mail".into(), id: "7".into(), process: Some(72), since: None };
    let told = Fact::RunningTasks {
        host: "edx-0".into(),
        tasks: vec![tasks.clone(), RunningTask { process: Some(71), ..tasks.clone() }],
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

#[test]
fn past_the_limit_a_stop_waits_if_the_file_says_so_and_says_for_what() {
    let mut stage = Stage::new();
    let services = late_workers(&mut stage);
    let ends = later(stage.clock.now(), Duration::from_secs(4000));
    services.at_look.replace(Some(Box::new(move |services: &Services| {
        if services.clock.now() >= ends {
            services.put(&["cms".into(), "lms".into()], State::Exited);
            services.listed.replace(None);
        }
    })));
    assert_eq!(stage.conduct(vec![stop_workers(PastStopLimit::Wait)]), Ending::Finished);
    assert_eq!(services.calls(), ["stop cms lms"]);
    let words = "past the limit of 1m, and waiting for: cms, lms; tasks that run there: grades (id-of-grades) for 2m 3";
    assert!(stage.mentioned.borrow().iter().any(|told| told.starts_with(words)), "{:?}", stage.mentioned.borrow());
    assert!((4000..4060).contains(&stage.elapsed()), "{} s", stage.elapsed());
}
