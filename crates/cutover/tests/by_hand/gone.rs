//! Hosts and services that are missing while a window is under way: what is said of them, and every command that is
//! printed works.

use std::time::Duration;

use serde_json::{Value, json};

use super::deployment::{Deployment, end_at_once, gate_waits, said, until, wait_for};
use super::edited::next_command;

const NEXT: &str = "edx-mitx-qa-residential-live-0-v4";
const CURRENT: &str = "edx-mitx-qa-residential-live-0-v3";

/// Types what status prints, and approves what waits, until it has ended; its exit code.
pub(super) fn type_next(deployment: &Deployment) -> Option<i32> {
    let arguments = next_command(deployment);
    let mut typed = deployment.spawn(deployment.command(&arguments.iter().map(String::as_str).collect::<Vec<&str>>()));
    loop {
        if let Some(status) = typed.try_wait().expect("it can be waited for") {
            return status.code();
        }
        deployment.approve_what_waits();
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A command as every text prints it.
fn with_new_plan(deployment: &Deployment, phase: &str) -> String {
    format!("`cutover {phase} {} --replan`", deployment.file().display())
}

/// What `check` says should be done about the hosts whose item begins with that word.
fn remedies(deployment: &Deployment, subject: &str) -> String {
    let checked = deployment.run(&["check", "--json"]);
    let items: Vec<Value> = serde_json::from_slice(&checked.stdout).expect("items");
    let concerned =
        items.iter().filter(|item| item["subject"].as_str().is_some_and(|other| other.starts_with(subject)));
    concerned.map(Value::to_string).collect()
}

#[test]
fn a_window_that_loses_hosts_once_its_page_is_up_is_led_on_without_them() {
    let deployment = Deployment::prepared("gone-down");
    let mut window = deployment.start("window");
    wait_for(&deployment, "window.deregister.");
    end_at_once(&mut window);
    deployment.lose(&[NEXT, CURRENT]);
    let remedy = remedies(&deployment, "next edxapp");
    assert!(remedy.contains(&with_new_plan(&deployment, "window")), "{remedy}");
    assert_eq!(next_command(&deployment), ["window"]);
    assert_eq!(type_next(&deployment), Some(6), "{}", deployment.log());
    assert_eq!(next_command(&deployment), ["window", "--replan"]);
    assert!(
        deployment.log().contains(&format!("{NEXT} is gone; to go on without what is gone")),
        "{}",
        deployment.log()
    );
    assert_eq!(type_next(&deployment), Some(0), "{}", deployment.log());
    assert!(deployment.log().contains("so the window goes on without"), "{}", deployment.log());
    let status = deployment.succeeds(&["status"]);
    assert!(status.contains(&format!("MISSING  {NEXT}: gone")), "{status}");
    assert_eq!(deployment.status()["phases"][2]["state"], "finished");
}

#[test]
fn a_window_that_loses_hosts_before_its_page_is_up_does_not_open_until_they_are_prepared_again() {
    let deployment = Deployment::prepared("gone-up");
    let mut window = deployment.start("window");
    until(|| gate_waits(&deployment));
    end_at_once(&mut window);
    deployment.lose(&[NEXT, CURRENT]);
    let late = next_command(&deployment);
    let refused = deployment.run(&late.iter().map(String::as_str).collect::<Vec<&str>>());
    assert_eq!(refused.status.code(), Some(4), "{}", said(&refused));
    for host in [NEXT, CURRENT] {
        assert!(said(&refused).contains(host), "{}", said(&refused));
    }
    let prepare = with_new_plan(&deployment, "prepare");
    assert!(said(&refused).contains(&prepare), "{}", said(&refused));
    for subject in ["next edxapp", "current edxapp"] {
        let remedy = remedies(&deployment, subject);
        assert!(remedy.contains(&prepare), "{remedy}");
    }
    deployment.see_through(deployment.spawn(deployment.command(&["prepare", "--replan"])));
    assert_eq!(next_command(&deployment)[0], "window");
    assert_eq!(type_next(&deployment), Some(0), "{}", deployment.log());
}

#[test]
fn a_window_does_not_open_onto_a_host_that_is_stopped_in_ec2_and_the_remedy_works() {
    for (host, subject) in [(NEXT, "next edxapp"), (CURRENT, "current edxapp")] {
        let deployment = Deployment::prepared("stopped-host");
        deployment.put_hosts(&[host], "stopped");
        let remedy = remedies(&deployment, subject);
        assert!(remedy.contains(r#""state":"problem""#) && remedy.contains("start them in EC2"), "{remedy}");
        let refused = deployment.run(&["window"]);
        let words = said(&refused).split_whitespace().collect::<Vec<&str>>().join(" ");
        assert_eq!(refused.status.code(), Some(4), "{words}");
        assert!(words.contains(host) && words.contains("is stopped in EC2; start it, or terminate it"), "{words}");
        let not_yet = deployment.run(&["prepare", "--replan"]);
        assert_eq!(not_yet.status.code(), Some(4), "{}", said(&not_yet));
        assert!(said(&not_yet).contains(host), "{}", said(&not_yet));
        deployment.put_hosts(&[host], "running");
        let mut window = deployment.start("window");
        until(|| gate_waits(&deployment));
        end_at_once(&mut window);
        // As the refusal says: terminated, and prepared again.
        deployment.lose(&[host]);
        deployment.see_through(deployment.spawn(deployment.command(&["prepare", "--replan"])));
        assert_eq!(remedies(&deployment, subject).matches(r#""state":"problem""#).count(), 0);
    }
}

#[test]
fn after_a_window_all_of_whose_next_hosts_are_gone_nothing_is_said_to_be_retired() {
    let deployment = Deployment::prepared("gone-after");
    deployment.see_through(deployment.start("window"));
    assert_eq!(next_command(&deployment), ["retire"]);
    deployment.lose(&[NEXT, "edx-mitx-qa-residential-live-1-v4"]);
    let status = deployment.status();
    assert!(status["next_command"].is_null(), "{status}");
    let text = deployment.succeeds(&["status"]);
    let retire = format!("sites are served again:\n  cutover retire {}\n", deployment.file().display());
    assert!(text.contains("so nothing is retired") && text.ends_with(&retire), "{text}");
}

#[test]
fn no_command_is_printed_when_no_next_host_is_left_that_could_serve() {
    let deployment = Deployment::prepared("gone-all");
    let mut window = deployment.start("window");
    wait_for(&deployment, "window.deregister.");
    end_at_once(&mut window);
    let next: Vec<String> =
        ["residential-live", "residential-draft"].map(|fleet| format!("edx-mitx-qa-{fleet}-0-v4")).into();
    deployment.lose(&next.iter().map(String::as_str).collect::<Vec<&str>>());
    let remedy = remedies(&deployment, "next edxapp");
    assert!(remedy.contains("go back by hand") && !remedy.contains("--replan"), "{remedy}");
    assert_eq!(type_next(&deployment), Some(6), "{}", deployment.log());
    let log = deployment.log();
    assert!(log.contains("no command goes on from here"), "{log}");
    let status = deployment.succeeds(&["status"]);
    let lines = status.split_whitespace().collect::<Vec<&str>>().join(" ");
    assert!(lines.contains("no host is left that could serve"), "{status}");
    assert!(!log.contains("--replan") && !status.contains("--replan"), "{log}\n{status}");
}

#[test]
fn a_window_that_has_stopped_workers_and_could_not_put_its_page_up_is_not_moved_in_silence() {
    let deployment = Deployment::prepared("stopped-workers");
    let refused = |nth: u32| json!({"fault": "call", "call": "change_records", "nth": nth, "kind": "permanent"});
    deployment.change_world(|world| world["faults"] = json!([refused(1), refused(2)]));
    assert_eq!(next_command(&deployment), ["window"]);
    assert_eq!(type_next(&deployment), Some(6), "{}", deployment.log());
    let is_shown = || {
        let status = deployment.succeeds(&["status"]);
        let lines = status.split_whitespace().collect::<Vec<&str>>().join(" ");
        assert!(lines.contains("STOPPED visitors are not sent to the maintenance page"), "{status}");
        assert!(
            lines.contains("on edx-worker-mitx-qa-residential-live-0-v3, edx-worker-mitx-qa-residential-draft-0-v3:"),
            "{status}"
        );
        assert!(lines.contains("supervisorctl start edxapp_worker:cms_low_5"), "{status}");
        let problem = remedies(&deployment, "services of current hosts");
        assert!(problem.contains(r#""state":"problem""#), "{problem}");
    };
    is_shown();
    deployment.edit("start = 2020-12-14T10:00:00-05:00", "start = 2020-12-15T10:00:00-05:00");
    let moved = deployment.run(&["announce", "--replan"]);
    assert!(moved.status.success() && said(&moved).contains("has stopped services"), "{}", said(&moved));
    is_shown();
    // Once the window has opened, they are to be stopped.
    assert_eq!(type_next(&deployment), Some(0), "{}", deployment.log());
    assert_eq!(remedies(&deployment, "services of current hosts"), "");
}
