//! Timers, and the services that they have started.

use super::host::Host;
use crate::hold::{Order, State, Verb, ask, read};

#[test]
fn on_a_full_disk_a_timer_is_not_said_to_be_held() {
    let host = Host::new("active\n");
    let mut arguments = Order { verb: Verb::Hold, items: host.items() }.command().arguments;
    // No file can grow, as on a full disk.
    let script = format!("trap '' XFSZ; ulimit -f 0\n{}", arguments[2]);
    arguments[2] = script;
    host.run(&arguments);
    assert_eq!(host.states()[1], State::NotHeld);
    assert_eq!(host.read("timer"), "active\n");
    host.order(Verb::Hold);
    host.order(Verb::PutBack);
    assert_eq!(host.read("timer"), "active\n", "it is known that it was active");
}

#[test]
fn a_timer_that_was_not_active_is_not_started() {
    let host = Host::new("inactive\n");
    host.order(Verb::Hold);
    host.order(Verb::PutBack);
    assert_eq!(host.read("timer"), "inactive\n");
}

#[test]
fn a_timer_is_active_again_although_its_order_was_cut_short() {
    let host = Host::new("active\n");
    host.order(Verb::Hold);
    let condition = host.path("etc/systemd/system/nightly.timer.d/cutover-hold.conf");
    std::fs::rename(&condition, condition.with_extension("conf.ending")).expect("it is there");
    assert_eq!(host.states()[1], State::Held, "it is not put back yet");
    host.order(Verb::PutBack);
    assert_eq!((host.states()[1].clone(), host.read("timer")), (State::NotHeld, "active\n".to_owned()));
}

#[test]
fn a_service_that_a_timer_has_started_is_named_while_it_runs() {
    let host = Host::new("active\n");
    host.order(Verb::Hold);
    host.write("timer.service", "activating\n");
    assert_eq!(host.states(), [State::Held, State::Busy("nightly.service".to_owned())]);
}

#[test]
fn a_systemd_that_does_not_answer_is_an_error_and_nothing_is_held() {
    let host = Host::new("active\n");
    let items = host.items();
    let asked = || read(&items, &host.run(&ask(&items).command.arguments));
    for silent in ["show -p ActiveState nightly.timer", "show -p LoadState nightly.timer"] {
        host.silent.set(silent);
        let told = asked().expect_err("it does not tell");
        assert!(told.to_string().contains("systemd does not tell"), "{told}");
    }
    host.silent.set("show -p ActiveState nightly.timer");
    let said = host.run(&Order { verb: Verb::Hold, items: items.clone() }.command().arguments);
    assert_ne!(said.exit, 0);
    assert!(
        !host.path("etc/systemd/system/nightly.timer.d/cutover-hold.conf").exists(),
        "it is not known that it was active"
    );
    assert!(host.path(".edxapp.held-by-cutover").exists(), "the others are held");
    host.silent.set("none");
    host.order(Verb::Hold);
    for silent in
        ["show -p ActiveState -p SubState -p Job -p ControlGroup nightly.service", "show -p Unit nightly.timer"]
    {
        host.silent.set(silent);
        assert!(asked().is_err(), "whether the service runs is not known");
    }
    host.silent.set("none");
    host.order(Verb::PutBack);
    assert_eq!(host.read("timer"), "active\n", "it is known that it was active");
}

#[test]
fn a_service_is_waited_for_in_every_state_but_the_two_in_which_it_does_nothing() {
    let host = Host::new("active\n");
    host.order(Verb::Hold);
    for state in ["active", "activating", "deactivating", "reloading", "maintenance", "refreshing"] {
        host.write("timer.service", &format!("{state}\n"));
        assert_eq!(host.states()[1], State::Busy("nightly.service".to_owned()), "{state}");
    }
    for state in ["inactive", "failed"] {
        host.write("timer.service", &format!("{state}\n"));
        assert_eq!(host.states()[1], State::Held, "{state}");
    }
}

#[test]
fn a_masked_timer_counts_as_held_and_as_put_back_and_is_left_masked() {
    let host = Host::new("active\n");
    host.write("timer.load", "masked\n");
    host.write("timer.file", "UnitFileState=masked\n");
    assert_eq!(host.states()[1], State::NotHeld, "it was active when it was masked");
    host.order(Verb::Hold);
    assert_eq!(host.states(), [State::Held, State::Masked(None)]);
    host.write("timer.service", "activating\n");
    assert_eq!(host.states()[1], State::Masked(Some("nightly.service".to_owned())));
    host.write("timer.service", "inactive\n");
    host.order(Verb::PutBack);
    assert_eq!(host.states(), [State::NotHeld, State::Masked(None)]);
    assert!(!host.path("etc/systemd/system/nightly.timer.d").exists());

    // This mask ends with the next restart of the host.
    host.write("timer.file", "UnitFileState=masked-runtime\n");
    assert_eq!(host.states()[1], State::NotHeld);
    host.order(Verb::Hold);
    assert_eq!(host.states()[1], State::Held);
}

#[test]
fn a_timer_that_somebody_masks_while_it_is_held_stays_masked() {
    let host = Host::new("active\n");
    host.order(Verb::Hold);
    host.write("timer.load", "masked\n");
    host.write("timer.file", "UnitFileState=masked\n");
    assert_eq!(host.states()[1], State::Held);
    host.order(Verb::PutBack);
    assert_eq!((host.states()[1].clone(), host.read("timer")), (State::Masked(None), "inactive\n".to_owned()));
}

#[test]
fn a_timer_whose_file_systemd_does_not_understand_is_not_missing() {
    let host = Host::new("active\n");
    host.write("timer.load", "bad-setting\n");
    host.order(Verb::Hold);
    assert_eq!(host.states()[1], State::Held);
}

#[test]
fn a_service_that_systemd_has_still_to_start_is_waited_for() {
    let host = Host::new("active\n");
    host.order(Verb::Hold);
    host.write("timer.job", "138\n");
    assert_eq!(host.states()[1], State::Busy("nightly.service".to_owned()));
    // Some versions of systemd print it of a service without a job, too.
    for none in ["", "0\n"] {
        host.write("timer.job", none);
        assert_eq!(host.states()[1], State::Held, "{none:?}");
    }
}

#[test]
fn a_timer_of_systemd_run_is_never_stopped() {
    let host = Host::new("active\n");
    host.write("timer.transient", "");
    assert_eq!(host.states()[1], State::Transient);
    let said = host.run(&Order { verb: Verb::Hold, items: host.items() }.command().arguments);
    assert_ne!(said.exit, 0);
    assert!(said.stderr.contains("nightly.timer was made by systemd-run"), "{}", said.stderr);
    assert_eq!((host.read("timer").as_str(), host.read("timer.load").as_str()), ("active\n", "loaded\n"));
    assert!(!host.path("etc/systemd/system/nightly.timer.d").exists());
    assert_eq!(host.states()[0], State::NotHeld, "nothing is held");
    host.order(Verb::PutBack);
    assert_eq!(host.read("timer"), "active\n");
}

#[test]
fn a_service_that_has_exited_and_stays_active_has_no_work() {
    let host = Host::new("active\n");
    host.order(Verb::Hold);
    host.write("timer.service", "active exited\n");
    for group in ["", "/system.slice/no-such-process.service\n"] {
        host.write("timer.group", group);
        assert_eq!(host.states()[1], State::Held, "{group:?}");
    }
    host.write("timer.job", "138\n");
    assert_eq!(host.states()[1], State::Busy("nightly.service".to_owned()), "it begins again");
}

#[test]
fn a_process_that_a_service_has_left_behind_is_waited_for() {
    let host = Host::new("active\n");
    host.order(Verb::Hold);
    // The control group of this test, which has a process.
    let groups = std::fs::read_to_string("/proc/self/cgroup").expect("the groups");
    let group = groups.lines().find_map(|line| line.split_once("::").or_else(|| line.split_once(":name=systemd:")));
    let (_, group) = group.expect("one of systemd's");
    for state in ["active exited\n", "inactive dead\n", "failed failed\n"] {
        host.write("timer.service", state);
        host.write("timer.group", "");
        assert_eq!(host.states()[1], State::Held, "{state}");
        host.write("timer.group", &format!("{group}\n"));
        assert_eq!(host.states()[1], State::Busy("nightly.service".to_owned()), "{state}");
    }
}
