//! The parser on the output of real supervisors: 4.3.0, and 3.4.0 (on Python 2.7). Both were run with the same
//! programs, one in each state, and their answers are recorded as they were printed.

use std::time::Duration;

use cutover_core::names::ProgramName;
use proptest::prelude::*;

use super::*;
use crate::command::Said;

const RECORDED: [(&str, i32); 2] =
    [(include_str!("recorded/status-3.4.0.txt"), 0), (include_str!("recorded/status-4.3.0.txt"), 3)];

fn names(names: &[&str]) -> Vec<ProgramName> {
    names.iter().map(|name| (*name).into()).collect()
}

fn said(stdout: &str, exit: i32) -> Said {
    Said { exit, stdout: stdout.to_owned(), stderr: String::new() }
}

#[test]
fn every_state_is_read_from_both_generations_of_supervisor() {
    let expected = [
        ("cms", State::Stopped, "Not started"),
        ("edxapp_worker:lms_default_00", State::Running, ""),
        ("flap", State::Backoff, "Exited too quickly (process log may have details)"),
        ("gone", State::Fatal, "can't find command '/nonexistent/x'"),
        ("hang", State::Starting, ""),
        ("slow", State::Stopping, ""),
    ];
    for (text, exit) in RECORDED {
        let asked = names(&expected.map(|(name, ..)| name));
        let states = read(&asked, &said(text, exit)).expect("every program is in the answer");
        assert_eq!(states.len(), expected.len(), "no program that was not asked for");
        for (name, state, description) in expected {
            let found = &states[&ProgramName::from(name)];
            assert_eq!(found.state, state, "{name}");
            assert!(state == State::Running || found.description == description, "{name}: {}", found.description);
        }
        let running = &states[&ProgramName::from("edxapp_worker:lms_default_00")];
        assert!(running.pid.is_some() && running.uptime.is_some_and(|time| time.as_secs() <= 3), "{running:?}");
    }
}

#[test]
fn a_group_stands_for_all_its_programs() {
    let states = read(&names(&["edxapp_worker:*"]), &said(RECORDED[1].0, 3)).expect("they are in the answer");
    assert_eq!(states.len(), 3);
    let empty = read(&names(&["edxapp:*"]), &said(RECORDED[1].0, 3));
    assert!(matches!(empty, Err(NoStatus::NotSaid { .. })), "{empty:?}");
}

#[test]
fn a_program_is_missed_although_a_group_has_as_many_states_as_were_asked_for() {
    let printed = "g:a   STOPPED   Not started\ng:b   STOPPED   Not started\n";
    let answer = read(&names(&["g:*", "lms"]), &said(printed, 3));
    assert!(matches!(&answer, Err(NoStatus::NotSaid { programs, .. }) if *programs == ["lms"]), "{answer:?}");
}

#[test]
fn only_what_is_stopped_has_exited_or_was_given_up_is_down() {
    use State::{Backoff, Exited, Fatal, Running, Starting, Stopped, Stopping, Unknown};
    assert!([Stopped, Exited, Fatal].into_iter().all(State::is_down));
    for state in [Starting, Running, Backoff, Stopping, Unknown] {
        assert!(!state.is_down(), "{state}");
    }
}

#[test]
fn what_supervisorctl_prints_to_standard_error_is_read_as_well() {
    let printed = |stderr: &str| Said { exit: 4, stdout: "lms   STOPPED\n".to_owned(), stderr: stderr.to_owned() };
    let answer = read(&names(&["lms", "nosuch"]), &printed("nosuch: ERROR (no such process)\n"));
    assert_eq!(answer, Err(NoStatus::NoProgram(vec!["nosuch".to_owned()])));
    let refused = "http://127.0.0.1:9001 refused connection";
    assert_eq!(read(&names(&["cms"]), &printed(refused)), Err(NoStatus::NoServer(refused.to_owned())));
}

#[test]
fn a_program_that_supervisor_does_not_know_is_an_error_whatever_the_exit_status() {
    let asked = names(&["lms", "nosuch"]);
    for exit in [0, 3, 4] {
        let answer = read(&asked, &said(include_str!("recorded/unknown-4.3.0.txt"), exit));
        assert_eq!(answer, Err(NoStatus::NoProgram(vec!["nosuch".to_owned(), "nogroup".to_owned()])));
    }
}

#[test]
fn all_programs_of_a_supervisor_are_told_and_one_that_it_does_not_have_is_an_error() {
    for (text, exit) in RECORDED {
        let named = names(&["lms", "edxapp_worker:*"]);
        let states = read_all(&named, &said(text, exit)).expect("every named one is there");
        assert_eq!(states.len(), 11);
        let others: Vec<&str> = states.keys().filter(|name| !is_named(&named, name)).map(ProgramName::as_str).collect();
        assert_eq!(others.len(), 7, "{others:?}");
        let unknown = read_all(&names(&["lms", "xqueue", "none:*"]), &said(text, exit));
        assert_eq!(unknown, Err(NoStatus::NoProgram(vec!["xqueue".to_owned(), "none:*".to_owned()])));
    }
    assert_eq!(read_all(&names(&["lms"]), &said("", 124)), Err(NoStatus::TimedOut));
    let refused = read_all(&names(&["lms"]), &said("http://localhost:9001 refused connection\n", 4));
    assert!(matches!(refused, Err(NoStatus::NoServer(_))), "{refused:?}");
}

#[test]
fn a_program_that_is_missing_from_the_answer_is_an_error_and_not_stopped() {
    let (text, exit) = RECORDED[1];
    let answer = read(&names(&["lms", "xqueue"]), &said(text, exit)).expect_err("xqueue is not in the answer");
    assert_eq!(
        answer.to_string(),
        "supervisorctl did not report the state of xqueue; it printed `slow                                                             STOPPING`"
    );
    for nothing in ["", "\n", "Python warning\n", "lms\n", "lms NEWSTATE x\n"] {
        assert!(read(&names(&["lms"]), &said(nothing, 0)).is_err(), "{nothing:?}");
    }
}

#[test]
fn a_supervisor_that_does_not_run_is_told_as_that() {
    let printed = [
        ("unix:///var/run/supervisor.sock no such file\n", 4),
        ("http://127.0.0.1:9001 refused connection\n", 4),
        ("unix:///var/run/supervisor.sock refused connection\n", 0),
        ("unix:///tmp/nosock no such file", 7),
    ];
    for (text, exit) in printed {
        let answer = read(&names(&["lms"]), &said(text, exit));
        assert_eq!(answer, Err(NoStatus::NoServer(text.trim().to_owned())));
    }
}

#[test]
fn a_supervisor_that_is_restarted_while_it_is_asked_is_told_as_one_that_does_not_run() {
    let at = "file: /usr/lib/python3.11/socket.py line: 706";
    for error in [
        "<class 'ConnectionResetError'>, [Errno 104] Connection reset by peer",
        "<class 'BrokenPipeError'>, [Errno 32] Broken pipe",
        "<class 'ConnectionRefusedError'>, [Errno 111] Connection refused",
        "<class 'http.client.RemoteDisconnected'>, Remote end closed connection without response",
        "<class 'http.client.IncompleteRead'>, IncompleteRead(0 bytes read, 212 more expected)",
        "<class 'socket.timeout'>, timed out",
        "<class 'socket.error'>, [Errno 104] Connection reset by peer",
        "<class 'httplib.BadStatusLine'>, ''",
        "<class 'xmlrpc.client.Fault'>, <Fault 6: 'SHUTDOWN_STATE'>",
    ] {
        let line = format!("error: {error}: {at}");
        assert_eq!(read(&names(&["lms"]), &said(&line, 1)), Err(NoStatus::NoServer(line)));
    }
    for lasting in [
        "<class 'PermissionError'>, [Errno 13] Permission denied",
        "<class 'socket.error'>, [Errno 13] Permission denied",
    ] {
        let answer = read(&names(&["lms"]), &said(&format!("error: {lasting}: {at}"), 1));
        assert!(matches!(answer, Err(NoStatus::NotSaid { .. })), "{answer:?}");
    }
}

#[test]
fn a_missing_supervisorctl_and_a_late_answer_are_told_as_that() {
    let missing = Said { exit: 127, stdout: String::new(), stderr: "sh: 1: supervisorctl: not found\n".to_owned() };
    assert!(matches!(read(&names(&["lms"]), &missing), Err(NoStatus::NoSupervisorctl(_))));
    assert_eq!(read(&names(&["lms"]), &said("", 124)), Err(NoStatus::TimedOut));
}

#[test]
fn warnings_among_the_lines_do_not_hide_states() {
    let text =
        "/usr/lib/python3: UserWarning: pkg_resources is deprecated\n\nlms   RUNNING   pid 7, uptime 1 day, 2:03:04\n";
    let states = read(&names(&["lms"]), &said(text, 0)).expect("it is in the answer");
    let lms = &states[&ProgramName::from("lms")];
    assert_eq!((lms.pid, lms.uptime), (Some(7), Some(Duration::from_secs(86_400 + 7384))));
}

#[test]
fn two_lines_that_contradict_each_other_are_an_error() {
    let text = "lms   STOPPED   Not started\nlms   RUNNING   pid 7, uptime 0:00:01\n";
    assert!(read(&names(&["lms"]), &said(text, 0)).is_err());
}

#[test]
fn a_simulation_prints_what_supervisorctl_prints() {
    let mut printed = String::new();
    print_other(&mut printed, "cms", State::Stopped, "Not started");
    print_running(&mut printed, "edxapp_worker:lms_default_00", 18916, Duration::from_secs(2));
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    // supervisorctl makes the first column as wide as the longest name of all programs.
    let first = words(printed.lines().next().expect("a line"));
    assert!(RECORDED[1].0.lines().any(|line| words(line) == first), "{printed}");
    assert!(printed.ends_with("pid 18916, uptime 0:00:02\n"), "{printed}");
}

proptest! {
    #[test]
    fn what_a_simulation_prints_is_read_as_it_was_meant(pid in 1..99_999_u32, seconds in 0..9_999_999_u64) {
        let name = ProgramName::from("edxapp_worker:lms_high_3");
        let mut printed = String::new();
        print_running(&mut printed, name.as_str(), pid, Duration::from_secs(seconds));
        let states = read(std::slice::from_ref(&name), &said(&printed, 0)).expect("one program");
        let ProgramStatus { state, pid: found, uptime, .. } = &states[&name];
        prop_assert_eq!((*state, *found, *uptime), (State::Running, Some(pid), Some(Duration::from_secs(seconds))));
    }

    #[test]
    fn no_answer_makes_the_parser_panic_or_invent_programs(text in "(lms|cms|RUNNING|STOPPED|pid|: ERROR \\(| |\n|uptime 1:|[^\0]){0,40}") {
        if let Ok(states) = read(&names(&["lms"]), &said(&text, 0)) {
            prop_assert_eq!(states.len(), 1);
        }
    }
}
