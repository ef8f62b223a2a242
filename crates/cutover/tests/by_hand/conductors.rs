//! Two conductors of one upgrade: who is kept out, who takes over, and what a conductor does that was suspended while
//! another one took over.

use std::process::Stdio;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::deployment::{Deployment, end_at_once, said, send, suspend, until, wait_for};

/// The name of the conductor that holds the lease: `user@machine`.
fn holder(deployment: &Deployment) -> String {
    let lease = deployment.lease();
    format!("{}@{}", lease["user"].as_str().expect("a user"), lease["machine"].as_str().expect("a machine"))
}

#[test]
fn a_conductor_that_was_suspended_while_another_ended_the_window_changes_nothing() {
    let deployment = Deployment::prepared("asleep");
    let mut first = deployment.start("window");
    // The record is written, and the call is on its way.
    wait_for(&deployment, "window.page.");
    suspend(&deployment, &first);

    let kept_out = deployment.run(&["window"]);
    assert_eq!(kept_out.status.code(), Some(5), "it is suspended, but not dead");
    let second = deployment.command(&["window", "--take-over", &holder(&deployment)]);
    deployment.see_through(deployment.spawn(second));
    assert!(deployment.log().contains("is suspended and is taken over"), "{}", deployment.log());
    let (events, records) = (deployment.events().len(), deployment.records());
    assert!(records.iter().all(|(_, target)| !target.contains("cloudfront")), "the sites are back: {records:?}");

    send(&first, Signal::CONT);
    assert_eq!(first.wait().expect("it ends").code(), Some(5), "{}", deployment.log());
    assert_eq!(deployment.records(), records, "no site was pointed at the page again");
    assert_eq!(deployment.events().len(), events, "and nothing was recorded");
    assert!(!deployment.log().contains("that conductor looks at it again"), "{}", deployment.log());
    assert!(deployment.succeeds(&["report"]).contains("None of it happened"));
}

#[test]
fn only_the_holder_of_the_lease_can_be_taken_over() {
    let deployment = Deployment::new("named");
    deployment.succeeds(&["announce"]);
    let mut first = deployment.start("prepare");
    wait_for(&deployment, "prepare.");
    let refused = deployment.run(&["prepare", "--take-over", "nobody@nowhere"]);
    let words = said(&refused);
    assert_eq!(refused.status.code(), Some(5), "{words}");
    assert!(words.contains("holds the lease, and not nobody@nowhere"), "{words}");
    end_at_once(&mut first);
}

#[test]
fn a_conductor_whose_process_cannot_be_seen_is_watched_and_not_assumed_dead() {
    let deployment = Deployment::new("unseen");
    deployment.succeeds(&["announce"]);
    // The same host name, and a number that no process here has; but another namespace or boot.
    let elsewhere = [("pid_namespace", json!("pid:[1]")), ("boot", json!("another"))];
    for (field, value) in elsewhere {
        let mut lease = deployment.lease();
        for (field, value) in [("released", json!(false)), ("process", json!(4_000_000)), (field, value)] {
            lease[field] = value;
        }
        deployment.write_lease(&lease);
        let mut second = deployment.command(&["prepare"]);
        let mut second = second.stderr(Stdio::piped()).spawn().expect("it starts");
        std::thread::sleep(std::time::Duration::from_millis(1500));
        assert!(second.try_wait().expect("it can be waited for").is_none(), "it watches: {field}");
        send(&second, Signal::TERM);
        let output = second.wait_with_output().expect("it ends");
        let words = said(&output);
        assert!(words.contains("watching for 110 seconds") && words.contains("--take-over"), "{field}: {words}");
        assert!(!deployment.events().iter().any(|event| event["event"] == "run-started" && event["run"] == 2));
    }
}

#[test]
fn a_killed_conductor_of_this_machine_is_replaced_at_once() {
    let deployment = Deployment::new("succeeded");
    deployment.succeeds(&["announce"]);
    let mut first = deployment.start("prepare");
    wait_for(&deployment, "prepare.");
    end_at_once(&mut first);
    let begin = std::time::Instant::now();
    let mut second = deployment.start("prepare");
    until(|| deployment.events().iter().filter(|event| event["event"] == "conductor-took-over").count() == 3);
    assert!(begin.elapsed() < std::time::Duration::from_secs(10));
    end_at_once(&mut second);
}

#[test]
fn a_lease_names_its_holder_its_process_and_the_last_record() {
    let deployment = Deployment::new("lease");
    deployment.succeeds(&["announce"]);
    let lease: Value = deployment.lease();
    assert_eq!((&lease["released"], lease["records"].as_u64()), (&json!(true), Some(deployment.record_count())));
    for field in ["boot", "pid_namespace", "started", "process", "user", "machine"] {
        assert!(!lease[field].is_null(), "{field}: {lease}");
    }
}
