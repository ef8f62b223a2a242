//! The first contact with a next host: its smoke tests, and that none of its programs runs.

use cutover_core::deployment::SmokeTest;
use cutover_core::journal::Fact;
use cutover_core::plan::{Action, Idle, Step};
use cutover_engine::phase::Ending;
use cutover_hosts::command::Said;
use cutover_hosts::processes;
use cutover_hosts::supervisor::State;
use cutover_hosts::supervisor::autostart::OwnEnd;

use super::super::stage::{Stage, host, step};
use super::Services;

#[test]
fn a_smoke_test_that_fails_is_named_with_what_it_said() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[]);
    services.said.replace(Said { exit: 3, stdout: "inactive\n".to_owned(), stderr: String::new() });
    let test = |name: &str| SmokeTest {
        name: name.to_owned(),
        command: ["systemctl", "is-active", name].map(str::to_owned).to_vec(),
        contains: None,
    };
    let smoke = Action::SmokeTest {
        host: host("edx-0", "i-1"),
        tests: vec![test("nginx"), test("supervisor")],
        idle: None,
        identity: None,
    };
    assert_eq!(stage.conduct(vec![step("smoke", smoke)]), Ending::Failed(vec!["smoke".into()]));
    let error = stage.error_of("smoke");
    assert!(
        error.starts_with("2 of 2 smoke tests failed: nginx: exit status 3: inactive; supervisor: exit"),
        "{error}"
    );
}

/// A smoke test that succeeds, on a host that must have booted without its programs.
pub(super) fn smoke_test_of_worker() -> Step {
    let tests = vec![SmokeTest { name: "nginx".to_owned(), command: vec!["true".to_owned()], contains: None }];
    let programs = vec!["cms".into(), "lms".into()];
    let idle = Some(Idle { supervisorctl: "supervisorctl".to_owned(), programs, autostart_is_off: true });
    step("smoke", Action::SmokeTest { host: host("edx-0", "i-1"), tests, idle, identity: None })
}

#[test]
fn a_next_host_is_looked_at_for_programs_that_must_not_run_yet() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    assert_eq!(stage.conduct(vec![smoke_test_of_worker()]), Ending::Finished);
    assert_eq!(services.calls(), [""; 0]);
}

#[test]
fn a_program_that_runs_before_the_window_is_stopped_at_once_and_named() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Running)]);
    assert_eq!(stage.conduct(vec![smoke_test_of_worker()]), Ending::Failed(vec!["smoke".into()]));
    assert_eq!(services.calls(), ["stop lms"]);
    let text = "lms ran on edx-0 before the window, and was told to stop: it may have run tasks of the live site with new code";
    assert!(stage.facts_of("smoke").contains(&Fact::Note { text: text.to_owned() }), "{:?}", stage.facts_of("smoke"));
    assert!(stage.error_of("smoke").starts_with(text), "{}", stage.error_of("smoke"));
    // It is down now, and the operator has seen it.
    assert_eq!(stage.resume(), Ending::Finished);
}

#[test]
fn several_programs_that_run_before_the_window_are_told_of_as_several() {
    let mut stage = Stage::new();
    Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Running)]);
    assert_eq!(stage.conduct(vec![smoke_test_of_worker()]), Ending::Failed(vec!["smoke".into()]));
    let error = stage.error_of("smoke");
    assert!(error.starts_with("cms, lms ran on edx-0 before the window, and were told to stop"), "{error}");
}

#[test]
fn a_host_whose_next_boot_would_start_programs_is_refused() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    services.starts_at_boot.set(true);
    assert_eq!(stage.conduct(vec![smoke_test_of_worker()]), Ending::Failed(vec!["smoke".into()]));
    let error = stage.error_of("smoke");
    assert!(
        error.starts_with("supervisor on edx-0 starts cms, lms whenever the host boots; set `autostart=false`"),
        "{error}"
    );
    // `hold_services` is executed at the first boot, so it would do nothing for this host.
    assert!(error.contains("or terminate the host") && !error.contains("hold_services"), "{error}");
}

#[test]
fn that_cutover_cannot_let_programs_start_at_boot_again_is_on_record_before_the_window() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    services.has_no_files.set(true);
    assert_eq!(stage.conduct(vec![smoke_test_of_worker()]), Ending::Finished);
    let facts = stage.facts_of("smoke");
    let [Fact::LeftToDo { text, .. }] = facts.as_slice() else { panic!("{facts:?}") };
    assert!(
        text.starts_with("After the window, edx-0 will boot without cms, lms: autostart was already off"),
        "{text}"
    );
}

#[test]
fn a_host_whose_own_command_to_hold_services_has_failed_or_left_no_record_is_refused() {
    // Where the file keeps services from starting in another way, supervisor may say what it likes.
    let mut contact = smoke_test_of_worker();
    if let Action::SmokeTest { idle: Some(idle), .. } = &mut contact.action {
        idle.autostart_is_off = false;
    }
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    services.starts_at_boot.set(true);
    services.own_hold.set(OwnEnd::Exit(7));
    assert_eq!(stage.conduct(vec![contact]), Ending::Failed(vec!["smoke".into()]));
    let error = stage.error_of("smoke");
    assert!(error.starts_with("`hold_services` has failed on edx-0 with exit status 7"), "{error}");
    services.own_hold.set(OwnEnd::NoRecord);
    assert_eq!(stage.resume(), Ending::Failed(vec!["smoke".into()]));
    let error = stage.error_of("smoke");
    assert!(error.starts_with("edx-0 has no record that `hold_services` has ended, so services there may"), "{error}");
    services.own_hold.set(OwnEnd::Exit(0));
    assert_eq!(stage.resume(), Ending::Finished);
}

#[test]
fn what_is_left_of_a_program_before_the_window_is_named_although_the_program_is_down() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    services.listed.replace(Some(processes::answer(&[(71, &"lms".into())])));
    assert_eq!(stage.conduct(vec![smoke_test_of_worker()]), Ending::Failed(vec!["smoke".into()]));
    assert_eq!(services.calls(), [""; 0], "there is nothing that supervisor could stop");
    let error = stage.error_of("smoke");
    let text =
        "process 71 of lms (`lms`) ran on edx-0 before the window, and was still running although its program was";
    assert!(error.starts_with(text), "{error}");
}
