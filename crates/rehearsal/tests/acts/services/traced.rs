//! What programs have started and what nothing shows to be theirs once they have ended: put on record before they are told to
//! stop, and looked for afterwards.

use std::rc::Rc;

use cutover_core::deployment::PastStopLimit;
use cutover_core::journal::{Fact, TracedProcess, Traces};
use cutover_core::names::ProgramName;
use cutover_engine::phase::Ending;
use cutover_hosts::processes;
use cutover_hosts::supervisor::State;

use super::super::stage::{Stage, learned};
use super::confirming::confirm;
use super::stopping::stop;
use super::{Services, with_process};

/// Services of which `lms` has started something without its environment, which outlives it.
fn services_that_leave_something(stage: &mut Stage) -> Rc<Services> {
    let services = Services::of(stage, &[("cms", State::Running), ("lms", State::Running)]);
    let lms = ProgramName::from("lms");
    let with_child = processes::answer(&[(71, &lms)]).replace("@stat\n", "@stat\n72 (writer) S 71 72 6157\n");
    services.listed.replace(Some(with_child));
    services.at_look.replace(Some(Box::new(|services: &Services| {
        let is_down = services.programs.borrow().values().all(|program| program.state.is_down());
        let is_killed = services.calls().iter().any(|call| call.starts_with("kill"));
        if is_down && !is_killed {
            services.listed.replace(Some(with_process("72 (writer) S 1 72 6157")));
        }
    })));
    services
}

fn traced() -> Fact {
    // Both programs have the same process here.
    let process = |pid, begun| TracedProcess { pid, begun, program: Some("lms".into()) };
    let processes = [process(70, 6000), process(72, 6157)].into();
    let traces = Traces { boot: "+0".to_owned(), processes, ..Traces::default() };
    Fact::Traced { instance: "i-1".into(), traces }
}

#[test]
fn a_program_that_leaves_a_process_without_its_environment_has_not_stopped() {
    let mut stage = Stage::new();
    let services = services_that_leave_something(&mut stage);
    assert_eq!(stage.conduct(vec![stop(PastStopLimit::Abort)]), Ending::Failed(vec!["stop".into()]));
    let error = stage.error_of("stop");
    assert!(error.contains("process 72 of lms (`[writer]`)"), "{error}");
    assert_eq!((services.calls(), stage.facts_of("stop").contains(&traced())), (vec!["stop cms lms".to_owned()], true));
}

#[test]
fn such_a_process_is_killed_where_the_file_says_so() {
    let mut stage = Stage::new();
    let services = services_that_leave_something(&mut stage);
    assert_eq!(stage.conduct(vec![stop(PastStopLimit::Kill)]), Ending::Finished);
    assert_eq!(services.calls(), ["stop cms lms", "kill lms 72:6157"]);
}

#[test]
fn another_conductor_and_another_step_find_such_a_process() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    services.listed.replace(Some(with_process("72 (writer) S 1 72 6157")));
    stage.was_begun(vec![stop(PastStopLimit::Abort), confirm()], vec![learned("stop", traced())]);
    assert_eq!(stage.resume(), Ending::Failed(vec!["stop".into(), "confirm".into()]));
    let error = stage.error_of("confirm");
    assert!(error.ends_with("still running: process 72 of lms (`[writer]`) on edx-0"), "{error}");
}

#[test]
fn services_that_have_to_be_stopped_once_more_are_traced_as_well() {
    let mut stage = Stage::new();
    let services = services_that_leave_something(&mut stage);
    assert_eq!(stage.conduct(vec![confirm()]), Ending::Failed(vec!["confirm".into()]));
    assert_eq!(services.calls(), ["stop cms lms"]);
    assert!(stage.facts_of("confirm").contains(&traced()), "{:?}", stage.facts_of("confirm"));
}

#[test]
fn services_are_not_told_to_stop_while_what_they_have_started_is_not_known() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Running)]);
    services.lists_to_cut.set(99);
    assert_eq!(stage.conduct(vec![stop(PastStopLimit::Abort)]), Ending::Failed(vec!["stop".into()]));
    assert_eq!(services.calls(), [""; 0]);
}
