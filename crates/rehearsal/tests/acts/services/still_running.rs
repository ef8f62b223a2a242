//! Programs that were started, and must still run when visitors come back.

use std::time::Duration;

use cutover_core::names::ProgramName;
use cutover_core::plan::{Action, Line, StartServices, Step};
use cutover_core::time::later;
use cutover_engine::phase::Ending;
use cutover_engine::ports::Clock;
use cutover_hosts::supervisor::State;

use super::super::stage::{Stage, retry, step};
use super::starting::runs_in_ec2;
use super::{Services, start};

/// The look right before the lift.
pub(crate) fn still_running() -> Step {
    step_of(vec![started()])
}

fn started() -> StartServices {
    let Action::StartServices(start) = start().action else { panic!("it starts") };
    start
}

fn step_of(hosts: Vec<StartServices>) -> Step {
    Step { line: Line::Verify, ..step("running", Action::ConfirmRunning { hosts }) }
}

fn both() -> [ProgramName; 2] {
    ["cms".into(), "lms".into()]
}

/// What becomes of a look while the programs are in these states.
fn seen(states: &[(&str, State)]) -> (Ending, Stage) {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, states);
    let ending = stage.conduct(vec![still_running()]);
    assert_eq!(services.calls(), [""; 0], "nothing is started");
    (ending, stage)
}

fn has_failed() -> Ending {
    Ending::Failed(vec!["running".into()])
}

#[test]
fn what_runs_is_confirmed_with_one_look() {
    let (ending, stage) = seen(&[("cms", State::Running), ("lms", State::Running)]);
    assert_eq!((ending, stage.elapsed()), (Ending::Finished, 0));
}

#[test]
fn a_program_that_is_down_for_a_minute_keeps_visitors_on_the_page_and_is_named_with_what_starts_it() {
    for state in [State::Stopped, State::Exited, State::Unknown] {
        let (ending, stage) = seen(&[("cms", State::Running), ("lms", state)]);
        assert_eq!((ending, stage.elapsed()), (has_failed(), 60));
        assert_eq!(
            stage.error_of("running"),
            format!(
                "started before, and not running now: lms {state} on edx-0; visitors stay on the maintenance page; read \
                 their logs there, which say what has ended them, start them, on edx-0 with `supervisorctl start lms`, and \
                 run the phase again"
            )
        );
    }
}

#[test]
fn a_program_that_supervisor_has_given_up_has_failed_at_once() {
    let (ending, stage) = seen(&[("cms", State::Running), ("lms", State::Fatal)]);
    assert_eq!((ending, stage.elapsed()), (has_failed(), 0));
    assert!(stage.error_of("running").contains("lms FATAL on edx-0"), "{}", stage.error_of("running"));
}

#[test]
fn a_program_that_is_being_restarted_is_waited_for() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Stopped)]);
    let restarted = later(stage.clock.now(), Duration::from_secs(40));
    services.at_look.replace(Some(Box::new(move |services| {
        let is_down = services.programs.borrow()[&"lms".into()].state == State::Stopped;
        if is_down && services.clock.now() >= restarted {
            services.put(&["lms".into()], State::Running);
        }
    })));
    assert_eq!(stage.conduct(vec![still_running()]), Ending::Finished);
    assert!((45..60).contains(&stage.elapsed()), "{} s", stage.elapsed());
    assert_eq!(stage.mentioned.borrow()[..2], ["lms STOPPED on edx-0", "running for less than 5s: lms on edx-0"]);
}

#[test]
fn a_program_that_keeps_ending_soon_after_its_start_does_not_count_as_running() {
    let (ending, stage) = seen(&[("cms", State::Backoff), ("lms", State::Running)]);
    assert_eq!((ending, stage.elapsed()), (has_failed(), 300));
    assert!(stage.error_of("running").contains("ended at once, and started again by supervisor: cms"));
}

#[test]
fn programs_that_run_and_do_not_answer_do_not_count_as_running() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Running)]);
    services.silent_until.set(Some(later(stage.clock.now(), Duration::from_secs(20))));
    let answers = vec!["127.0.0.1:8000".to_owned()];
    assert_eq!(stage.conduct(vec![step_of(vec![StartServices { answers, ..started() }])]), Ending::Finished);
    assert!((20..25).contains(&stage.elapsed()), "{} s", stage.elapsed());
}

#[test]
fn a_host_that_cannot_be_looked_at_keeps_visitors_on_the_page_until_an_operator_lets_them_back_without_it() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Running)]);
    services.are_silent.set(true);
    for _ in 0..2 {
        assert_eq!(stage.conduct_or_resume(vec![still_running()]), has_failed());
    }
    let error = stage.error_of("running");
    let way = "or, if the site can do without it, let visitors back without a look at it: --retry running";
    assert!(error.starts_with("edx-0: the host cannot be reached") && error.ends_with(way), "{error}");
    stage.was_recorded(vec![retry("running")]);
    assert_eq!(stage.resume(), Ending::Finished);
}

#[test]
fn a_host_that_restarts_is_waited_for_and_nobody_has_to_type_anything() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Running)]);
    runs_in_ec2(&mut stage);
    services.boots_until.set(Some(later(stage.clock.now(), Duration::from_secs(240))));
    assert_eq!(stage.conduct(vec![still_running()]), Ending::Finished);
    assert!((240..270).contains(&stage.elapsed()), "{} s", stage.elapsed());
}

#[test]
fn a_consent_for_a_host_that_could_not_be_looked_at_is_none_to_what_is_found_not_running_there_later() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Running)]);
    services.are_silent.set(true);
    assert_eq!(stage.conduct(vec![still_running()]), has_failed());
    stage.was_recorded(vec![retry("running")]);
    services.are_silent.set(false);
    services.put(&both(), State::Fatal);
    assert_eq!(stage.resume(), has_failed());
    assert!(stage.error_of("running").contains("cms FATAL, lms FATAL on edx-0"), "{}", stage.error_of("running"));
}
