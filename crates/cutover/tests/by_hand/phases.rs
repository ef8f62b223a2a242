//! Phases as an operator runs them: in their order, with gates decided from elsewhere, stopped, killed and resumed.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::deployment::{Deployment, end_at_once, gate_waits, in_folder, said, send, until, wait_for, walk};

#[test]
fn a_window_that_is_killed_three_times_is_resumed_and_does_no_harm() {
    let deployment = Deployment::prepared("killed");
    for point in ["window.stop.", "window.migrate.", "window.lift."] {
        let mut child = deployment.start("window");
        wait_for(&deployment, point);
        // SIGKILL: nothing is flushed, nothing is released.
        end_at_once(&mut child);
        assert_eq!(deployment.status()["conductor_state"]["state"], "gone", "a dead conductor does not look alive");
    }
    deployment.see_through(deployment.start("window"));
    let again = deployment.run(&["window", "--replan", "--order", "runbook"]);
    assert_eq!(again.status.code(), Some(4), "visitors are not sent to the page again: {}", said(&again));
    deployment.see_through(deployment.start("retire"));

    let report = deployment.succeeds(&["report"]);
    assert!(report.contains("None of it happened"), "{report}");
    let events = deployment.events();
    let count = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    assert_eq!(count("conductor-took-over"), 7);
    assert_eq!(count("run-finished"), 4);
    assert_eq!(count("step-failed"), 0);
    let migrated = events.iter().flat_map(|event| event["facts"].as_array().cloned().unwrap_or_default());
    let migrated: Vec<Value> = migrated.filter(|fact| fact["fact"] == "migrated").collect();
    assert!(migrated.iter().all(|fact| fact["applied"].as_u64() > Some(0)), "each ran once: {migrated:?}");
}

#[test]
fn a_stale_plan_is_refused_with_what_changed_and_leaves_no_lease_behind() {
    let deployment = Deployment::new("stale");
    let plans: Value =
        serde_json::from_str(&deployment.succeeds(&["plan", "--phase", "announce", "--json"])).expect("plans are JSON");
    let hash = plans["plans"][0]["hash"].as_str().expect("a hash").to_owned();
    let text = std::fs::read_to_string(deployment.file()).expect("the file");
    std::fs::write(deployment.file(), text.replace("notice = \"1d\"", "notice = \"2d\"")).expect("written");
    let refused = deployment.run(&["announce", "--plan", &hash]);
    let words = said(&refused);
    assert_eq!(refused.status.code(), Some(4), "{words}");
    assert!(words.contains("stale") && words.contains("deployment file: was"), "{words}");
    assert!(!walk(&deployment.folder).iter().any(|path| in_folder(path, "lease")));
    deployment.succeeds(&["announce"]);
}

#[test]
fn phases_run_in_their_order_and_only_once() {
    let deployment = Deployment::new("order");
    let early = deployment.run(&["window"]);
    assert_eq!(early.status.code(), Some(4));
    assert!(said(&early).contains("cutover announce"), "it says which phase comes first");
    deployment.succeeds(&["announce"]);
    let again = deployment.run(&["announce"]);
    assert_eq!(again.status.code(), Some(4));
    assert!(said(&again).contains("has succeeded already"));
}

#[test]
fn a_gate_that_is_named_before_the_file_is_told_from_a_file_that_does_not_exist() {
    let deployment = Deployment::new("exchanged");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
    let exchanged =
        command.args(["approve", "go"]).arg(deployment.file()).args(["--by", "ada"]).output().expect("it runs");
    let words = said(&exchanged);
    assert_eq!(exchanged.status.code(), Some(4), "{words}");
    assert!(words.contains("the file comes before the gate") && words.contains("qa.toml go"), "{words}");
}

/// Faults for the next calls of a name.
fn failing(call: &str, times: u32, kind: &str) -> Value {
    (1..=times).map(|nth| json!({"fault": "call", "call": call, "nth": nth, "kind": kind})).collect()
}

#[test]
fn a_window_whose_page_may_be_up_does_not_go_on_before_that_is_known() {
    let deployment = Deployment::prepared("unseen-zone");
    deployment.change_world(|world| world["faults"] = failing("change_records", 30, "not-applied"));
    let mut first = deployment.start("window");
    wait_for(&deployment, "window.page.");
    end_at_once(&mut first);
    deployment.change_world(|world| world["faults"] = failing("records", 20, "permanent"));
    let (events, records) = (deployment.events().len(), deployment.records());
    let refused = deployment.run(&["window"]);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert_eq!((deployment.events().len(), deployment.records()), (events, records), "nothing was done");
    deployment.change_world(|world| world["faults"] = json!([]));
    deployment.see_through(deployment.start("window"));
}

#[test]
fn a_window_is_opened_although_a_host_did_not_answer_once() {
    let deployment = Deployment::prepared("unready-once");
    deployment.change_world(|world| world["faults"] = failing("readiness", 1, "permanent"));
    deployment.see_through(deployment.start("window"));
}

#[test]
fn a_window_is_not_opened_while_a_host_would_fail_in_it() {
    let deployment = Deployment::prepared("unready");
    // Hosts that do not answer are asked once more.
    deployment.change_world(|world| world["faults"] = failing("readiness", 60, "permanent"));
    let refused = deployment.run(&["window"]);
    let words = said(&refused);
    assert_eq!(refused.status.code(), Some(4), "{words}");
    assert!(words.contains("hosts are not ready") && words.contains("unreachable hosts: edx-"), "{words}");
    assert!(!deployment.events().iter().any(|event| event["kind"]["phase"] == "window"), "nothing is on record");
    // The host answers again.
    deployment.change_world(|world| world["faults"] = json!([]));
    deployment.see_through(deployment.start("window"));
}

#[test]
fn a_second_conductor_is_kept_out_and_told_who_is_at_work() {
    let deployment = Deployment::new("second");
    deployment.succeeds(&["announce"]);
    let mut first = deployment.start("prepare");
    wait_for(&deployment, "prepare.");
    let second = deployment.run(&["prepare"]);
    let words = said(&second);
    assert_eq!(second.status.code(), Some(5), "{words}");
    assert!(words.contains(&format!("process {}", first.id())), "{words}");
    end_at_once(&mut first);
}

#[test]
fn a_refusal_at_a_gate_stops_the_phase_and_an_approval_later_resumes_it() {
    let deployment = Deployment::prepared("refused");
    let mut window = deployment.start("window");
    until(|| gate_waits(&deployment));
    let gate = deployment.status()["gates"][0]["gate"].as_str().expect("a gate").to_owned();
    deployment.succeeds(&["approve", &gate, "--by", "bob", "--refuse", "--note", "the exam is not over"]);
    assert_eq!(window.wait().expect("it ends").code(), Some(6));
    let failed = deployment.status()["failed"][0]["error"].as_str().expect("an error").to_owned();
    assert!(failed.contains("bob") && failed.contains("the exam is not over"), "{failed}");
    deployment.see_through(deployment.start("window"));
}

#[test]
fn after_a_first_signal_steps_under_way_end_and_the_same_command_resumes_at_once() {
    use rustix::process::Signal;
    let deployment = Deployment::new("signal");
    deployment.succeeds(&["announce"]);
    for signal in [Signal::INT, Signal::TERM] {
        let before = deployment.events().len();
        let mut prepare = deployment.start("prepare");
        until(|| deployment.events()[before..].iter().any(|event| event["event"] == "step-started"));
        send(&prepare, signal);
        assert_eq!(prepare.wait().expect("it ends").code(), Some(7));
        assert_eq!(deployment.events().last().expect("events")["event"], "interrupted");
        assert_eq!(deployment.status()["running"].as_array().map(Vec::len), Some(0), "nothing is left under way");
    }
    deployment.see_through(deployment.start("prepare"));
}

#[test]
fn a_second_signal_stops_at_once_and_says_so() {
    let deployment = Deployment::new("abandon");
    deployment.succeeds(&["announce", "--pace", "1000"]);
    // A pace at which launching a host takes minutes.
    let mut prepare = deployment.spawn(deployment.command(&["prepare", "--pace", "1"]));
    // It has said so itself. The journal has it a moment earlier.
    until(|| deployment.log().contains("build image"));
    send(&prepare, rustix::process::Signal::INT);
    // Two signals that come before one of them is handled are one.
    until(|| deployment.log().contains("Ctrl-C or SIGTERM again"));
    send(&prepare, rustix::process::Signal::INT);
    let status = prepare.wait().expect("it ends");
    let words = deployment.log();
    assert_eq!(status.code(), Some(7), "{words}");
    assert!(words.contains("these steps end first") && words.contains("stopped at once"), "{words}");
}

#[test]
fn a_window_that_was_stopped_before_the_page_is_up_resumes_only_while_it_fits() {
    let deployment = Deployment::prepared("late");
    let mut window = deployment.start("window");
    until(|| gate_waits(&deployment));
    send(&window, rustix::process::Signal::TERM);
    assert_eq!(window.wait().expect("it ends").code(), Some(7));
    // Two hours at this pace.
    until(|| deployment.status()["now"].as_str().is_some_and(|now| now > "2020-12-14T17:00:00Z"));
    let late = deployment.run(&["window"]);
    let words = said(&late);
    assert_eq!(late.status.code(), Some(4), "{words}");
    assert!(words.contains("latest safe start") && words.contains("--late"), "{words}");
    // The command for a changed file works as it is printed, too.
    let before = std::fs::read_to_string(deployment.file()).expect("the file");
    std::fs::write(deployment.file(), before.replace("Terminate the old hosts?", "Ready?")).expect("it can be written");
    let changed = deployment.run(&["window"]);
    std::fs::write(deployment.file(), before).expect("it can be written");
    let words = String::from_utf8_lossy(&changed.stderr).into_owned();
    assert!(words.contains("--replan --late"), "{words}");
    // What was started late is resumed without being asked again.
    let asked = deployment.log().matches("GATE ").count();
    let mut window = deployment.spawn(deployment.command(&["window", "--late"]));
    until(|| deployment.log().matches("GATE ").count() > asked);
    send(&window, rustix::process::Signal::TERM);
    assert_eq!(window.wait().expect("it ends").code(), Some(7));
    let window = deployment.command(&["window"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    deployment.see_through(window.expect("it starts"));
}

#[test]
fn a_refused_phase_leaves_the_pace_as_it_was() {
    let deployment = Deployment::new("pace");
    deployment.succeeds(&["announce"]);
    assert_eq!(deployment.run(&["retire", "--pace", "7"]).status.code(), Some(4));
    let pace = || {
        let worlds = walk(&deployment.folder).into_iter().filter(|path| in_folder(path, "embedded-cloud"));
        worlds.map(|path| std::fs::read_to_string(path).expect("the world")).collect::<String>()
    };
    assert!(pace().contains("\"pace\":400") && !pace().contains("\"pace\":7,"));
}

#[test]
fn only_a_failed_step_can_be_tried_again() {
    let deployment = Deployment::new("retry");
    let refused = deployment.run(&["announce", "--retry", "window.migrate.residential"]);
    let words = said(&refused);
    assert_eq!(refused.status.code(), Some(4), "{words}");
    assert!(words.contains("not a failed step") && words.contains("there is none now"), "{words}");
    assert_eq!(deployment.events().len(), 0);
}

#[test]
fn the_progress_of_a_phase_is_json_lines_and_the_last_is_the_status() {
    let deployment = Deployment::new("json");
    let out = deployment.succeeds(&["announce", "--json"]);
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (last, before) = lines.split_last().expect("lines");
    assert_eq!((&last["progress"], &last["status"]["phases"][0]["state"]), (&"ended".into(), &"finished".into()));
    assert!(before.iter().any(|line| line["progress"] == "recorded"));
    assert!(before.iter().all(|line| line["progress"] != "ended"));
}

#[test]
fn the_progress_of_a_rehearsal_is_not_mixed_with_its_result() {
    let deployment = Deployment::new("beside");
    let output = deployment.run(&["rehearse", "--json", "--verbose"]);
    let result: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(result["outcome"], "completed");
    let progress = String::from_utf8(output.stderr).expect("text");
    assert!(progress.lines().count() > 100);
    assert!(
        progress.lines().all(|line| serde_json::from_str::<Value>(line).is_ok_and(|line| line["progress"].is_string()))
    );
}
