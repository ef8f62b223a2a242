//! Processes that are left of programs that supervisor calls stopped.

use cutover_core::deployment::PastStopLimit;
use cutover_core::journal::Fact;
use cutover_core::names::ProgramName;
use cutover_engine::phase::Ending;
use cutover_hosts::processes;
use cutover_hosts::supervisor::State;

use super::host::Services;
use super::steps::stop;
use crate::stage::Stage;

#[test]
fn what_is_still_there_after_a_kill_is_named() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Stopped)]);
    // A child of what was cms, which has overwritten its environment, and waits for a disk.
    let stat = "99 (title) D 1 70 70 0 -1 4194560 2026 2186 4 1 3 2 1 0 20 0 1 0 6157 12550144";
    services.listed.replace(Some(format!("@environ\n@stat\n1 (systemd) S 0 1 1\n{stat}\n@cmdline\n@end\n")));
    services.at_look.replace(Some(Box::new(|services: &Services| {
        services.is_stubborn.set(services.programs.borrow()[&ProgramName::from("cms")].state == State::Stopped);
    })));
    assert_eq!(stage.conduct(vec![stop(PastStopLimit::Kill)]), Ending::Failed(vec!["stop".into()]));
    let calls = services.calls();
    assert_eq!(calls[..2], ["stop cms lms", "kill cms 99:6157"]);
    assert!((4..9).contains(&calls.len()), "{calls:?}");
    let error = stage.error_of("stop");
    assert!(error.starts_with("process 99 of cms (`[title]`) on edx-0: still there after they were killed"), "{error}");
}

#[test]
fn a_program_whose_processes_are_left_has_not_stopped() {
    let left = || processes::answer(&[(71, &"cms".into())]);
    let stops = |past_limit| {
        let mut stage = Stage::new();
        let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Exited)]);
        services.listed.replace(Some(left()));
        let ending = stage.conduct(vec![stop(past_limit)]);
        (stage, services, ending)
    };
    let (stage, services, ending) = stops(PastStopLimit::Abort);
    assert_eq!((ending, services.calls()), (Ending::Failed(vec!["stop".into()]), Vec::new()));
    let error = stage.error_of("stop");
    assert!(error.starts_with("still running on edx-0 after 1m: process 71 of cms (`cms`)"), "{error}");
    let (stage, services, ending) = stops(PastStopLimit::Kill);
    assert_eq!((ending, services.calls()), (Ending::Finished, vec!["kill cms".to_owned()]));
    let killed = Fact::Killed { host: "edx-0".into(), programs: vec!["cms".into()], tasks: Vec::new() };
    assert!(stage.facts_of("stop").contains(&killed), "{:?}", stage.facts_of("stop"));
}

#[test]
fn a_process_that_no_longer_shows_its_program_is_found_by_the_process_id_that_the_program_had() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Running), ("lms", State::Stopped)]);
    // It was started by the process that was cms, and has overwritten its own environment.
    let listed = "@environ\n@stat\n1 (systemd) S 0 1 1\n99 (title) S 1 70 70\n@cmdline\n@end\n";
    services.listed.replace(Some(listed.to_owned()));
    assert_eq!(stage.conduct(vec![stop(PastStopLimit::Abort)]), Ending::Failed(vec!["stop".into()]));
    assert_eq!(services.calls(), ["stop cms lms"]);
    let error = stage.error_of("stop");
    assert!(error.starts_with("still running on edx-0 after 1m: process 99 of cms (`[title]`)"), "{error}");
}
