//! Sessions that `su` has opened and that may be of programs or of something else: nobody goes past them without a decision.

use std::rc::Rc;
use std::time::Duration;

use cutover_core::deployment::PastStopLimit;
use cutover_core::journal::Fact;
use cutover_core::plan::{Action, Line, Step};
use cutover_engine::phase::Ending;
use cutover_engine::ports::Clock;
use cutover_hosts::supervisor::State;

use super::super::stage::Stage;
use super::confirming::{confirm, look_before_lift};
use super::stopping::stop;
use super::{Services, with_process};

/// The processes of a host on which `/edx/bin/writer` is left in a session of a `su` that has returned.
fn left_by_su() -> String {
    with_process("62 (writer) S 1 62 6157")
        .replace(
            "@cgroup\n",
            "@cgroup\n/proc/62/cgroup:0::/user.slice/user-33.slice/session-c1.scope\n\
             no-audit 62\nsession c1 Name=www-data\nsession c1 Remote=no\nsession c1 Service=su-l\n",
        )
        .replace("@cmdline\n", "@cmdline\n==> /proc/62/cmdline <==\n/bin/sh /edx/bin/writer\n")
}

const SESSION: &str = "session c1: process 62 (`/bin/sh /edx/bin/writer`) of user www-data";

/// Services that leave something in such a session as soon as they are stopped.
fn services(stage: &mut Stage) -> Rc<Services> {
    let services = Services::of(stage, &[("cms", State::Running), ("lms", State::Running)]);
    services.listed.replace(Some(left_by_su()));
    services
}

/// A stage where they are stopped already, and have left it.
fn stopped() -> Stage {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", State::Stopped), ("lms", State::Stopped)]);
    services.listed.replace(Some(left_by_su()));
    stage
}

/// A step on current hosts, before anything is migrated, with what the file lists.
fn of_current_hosts(step: Step, unrelated: &[&str]) -> Step {
    let listed: Vec<String> = unrelated.iter().map(|entry| (*entry).to_owned()).collect();
    let mut step = Step { line: Line::StopCurrent, ..step };
    match &mut step.action {
        Action::StopServices(stop) => stop.unrelated = listed,
        Action::ConfirmStopped { hosts, .. } => hosts.iter_mut().for_each(|host| host.unrelated.clone_from(&listed)),
        _ => panic!("it looks at programs"),
    }
    step
}

#[test]
fn a_stop_waits_until_its_limit_for_a_session_of_su_that_nobody_has_listed_and_then_names_both_ways_on() {
    for past_stop_limit in [PastStopLimit::Abort, PastStopLimit::Kill, PastStopLimit::Wait] {
        let mut stage = Stage::new();
        let services = services(&mut stage);
        let stop = of_current_hosts(stop(past_stop_limit), &["backup-agent"]);
        assert_eq!(stage.conduct(vec![stop]), Ending::Failed(vec!["stop".into()]));
        assert_eq!(services.calls(), ["stop cms lms"], "it is never killed");
        assert!((60..70).contains(&stage.elapsed()), "{}", stage.elapsed());
        let error = stage.error_of("stop");
        assert!(error.contains(SESSION) && error.contains("`systemctl stop session-ID.scope`"), "{error}");
        assert!(error.contains(r#"unrelated_processes = ["backup-agent", "/edx/bin/writer"]"#), "{error}");
        let told = stage.mentioned.borrow();
        assert!(told.iter().any(|told| told.starts_with("stopped, and waiting for what may be left")), "{told:?}");
    }
}

#[test]
fn a_stop_is_done_once_such_a_session_has_ended() {
    let mut stage = Stage::new();
    let services = services(&mut stage);
    let (clock, start) = (Rc::clone(&stage.clock), stage.clock.up());
    services.at_look.replace(Some(Box::new(move |services: &Services| {
        if clock.up() > start + Duration::from_secs(30) {
            services.listed.replace(None);
        }
    })));
    let stop = of_current_hosts(stop(PastStopLimit::Abort), &[]);
    assert_eq!(stage.conduct(vec![stop]), Ending::Finished);
}

#[test]
fn a_session_that_is_listed_holds_nothing_up_and_is_on_record() {
    let mut stage = Stage::new();
    services(&mut stage);
    let steps = [stop(PastStopLimit::Abort), confirm()].map(|step| of_current_hosts(step, &["/edx/bin/writer"]));
    assert_eq!(stage.conduct(steps.to_vec()), Ending::Finished);
    let found = Fact::UnrelatedSessions { host: "edx-0".into(), sessions: vec![SESSION.to_owned()] };
    assert!(stage.facts_of("stop").contains(&found), "{:?}", stage.facts_of("stop"));
}

#[test]
fn the_first_confirmation_does_not_pass_while_such_a_session_goes_on_and_later_ones_only_name_it() {
    let stage = stopped();
    assert_eq!(stage.conduct(vec![of_current_hosts(confirm(), &[])]), Ending::Failed(vec!["confirm".into()]));
    let error = stage.error_of("confirm");
    assert!(error.contains(SESSION) && error.contains(r#"unrelated_processes = ["/edx/bin/writer"]"#), "{error}");
    for look in [confirm(), look_before_lift()] {
        let stage = stopped();
        assert_eq!(stage.conduct(vec![look]), Ending::Finished);
        let found = Fact::UnknownSessions { host: "edx-0".into(), sessions: vec![SESSION.to_owned()] };
        assert!(stage.facts_of("confirm").contains(&found), "{:?}", stage.facts_of("confirm"));
    }
}
