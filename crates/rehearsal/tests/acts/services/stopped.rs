//! Programs that are stopped, and killed when their time is over.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use cutover_core::deployment::PastStopLimit;
use cutover_core::plan::{Action, Edge, Line, Rule, Step};
use cutover_core::time::later;
use cutover_engine::phase::Ending;
use cutover_engine::ports::Clock;
use cutover_hosts::supervisor::State;

use super::host::Services;
use super::steps::stop;
use crate::stage::{SET_BY, Stage, Waits, step};

#[test]
fn services_are_not_stopped_when_their_call_waited_past_the_latest_safe_start() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Running)]);
    let latest = later(stage.clock.now(), Duration::from_secs(15));
    let open = Action::WaitUntil { moment: stage.clock.now(), no_later_than: Some(latest) };
    let open = Step { line: Line::Open, ..step("open", open) };
    let mut stop = Step { line: Line::StopCurrent, ..stop(PastStopLimit::Kill) };
    stop.waits_for = vec![Edge { step: "open".into(), rule: Rule::RunbookLine }];
    let (clock, meanwhile) = (Rc::clone(&stage.clock), RefCell::new(Some(|| ())));
    stage.faults = Rc::new(Waits { clock, call: "stop", meanwhile });
    assert_eq!(stage.conduct(vec![open, stop]), Ending::Failed(vec!["stop".into()]));
    assert_eq!(services.calls(), [""; 0]);
    assert!(stage.error_of("stop").contains("latest safe start had passed"), "{}", stage.error_of("stop"));
}

#[test]
fn programs_that_are_told_to_stop_are_not_killed_before_their_time() {
    for past_limit in [PastStopLimit::Kill, PastStopLimit::Abort, PastStopLimit::Wait] {
        let mut stage = Stage::new();
        let states = [("cms", State::Stopping), ("lms", State::Running)];
        let services = Services::of(&mut stage, &states);
        assert_eq!(stage.conduct(vec![stop(past_limit)]), Ending::Finished);
        assert_eq!(services.calls(), ["stop cms lms"]);
    }
}

#[test]
fn a_program_that_the_file_does_not_allow_to_kill_is_not_killed_however_long_it_takes() {
    let mut stage = Stage::new();
    let states = [("cms", State::Stopping), ("lms", State::Running)];
    let services = Services::of(&mut stage, &states);
    stage.was_begun(vec![stop(PastStopLimit::Abort)], Vec::new());
    stage.pass(100);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(services.calls(), ["stop cms lms"]);
}

#[test]
fn a_program_that_does_not_stop_is_killed_when_its_time_is_over() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopping), ("lms", State::Stopped)]);
    assert_eq!(stage.conduct(vec![stop(PastStopLimit::Kill)]), Ending::Finished);
    assert_eq!(services.calls(), ["kill cms"]);
    let (_, seconds) = services.calls.borrow()[0];
    assert!((60..62).contains(&seconds), "{seconds} s");
}

#[test]
fn a_clock_that_is_set_neither_shortens_nor_lengthens_the_time_that_programs_have_to_stop() {
    for by in SET_BY {
        let mut stage = Stage::new();
        stage.set_clock(30, by);
        let services = Services::of(&mut stage, &[("cms", State::Stopping), ("lms", State::Stopped)]);
        assert_eq!(stage.conduct(vec![stop(PastStopLimit::Kill)]), Ending::Finished);
        let (_, seconds) = services.calls.borrow()[0];
        assert!((60..62).contains(&seconds), "{seconds} s, set by {by} s");
    }
}

#[test]
fn a_crash_takes_nothing_from_the_time_that_programs_have_to_stop() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopping), ("lms", State::Stopped)]);
    // The step was started, and nothing says that anybody told the programs to stop.
    stage.was_begun(vec![stop(PastStopLimit::Kill)], Vec::new());
    stage.pass(100);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(services.calls(), ["kill cms"]);
    let (_, seconds) = services.calls.borrow()[0];
    assert!((160..165).contains(&seconds), "{seconds} s");
}

#[test]
fn a_program_of_which_supervisor_says_nothing_does_not_count_as_stopped() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped)]);
    assert_eq!(stage.conduct(vec![stop(PastStopLimit::Kill)]), Ending::Failed(vec!["stop".into()]));
    assert_eq!(services.calls(), [""; 0]);
    let error = stage.error_of("stop");
    assert!(error.starts_with("edx-0: supervisorctl did not say how lms is"), "{error}");
}
