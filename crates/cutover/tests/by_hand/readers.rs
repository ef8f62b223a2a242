//! A reader of a phase's progress may stop reading, go away, or close the terminal: the phase goes on, or stops in an
//! orderly way.

use std::io::{PipeReader, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};

use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;

use super::deployment::{Deployment, send, until, wait_for};

/// The size of a pipe's buffer on Linux; after that its writer has to wait.
const PIPE: usize = 65_536;

/// A pipe that is full, so that the next write waits for its reader.
fn full_pipe() -> (PipeReader, Stdio) {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    writer.write_all(&[b'\n'; PIPE]).expect("it takes so much");
    (reader, writer.into())
}

/// Whether a run of `prepare` has ended, and its lease is released.
fn has_ended(deployment: &Deployment) -> bool {
    let ended = deployment.events().iter().filter(|event| event["event"] == "run-finished").count();
    ended == 2 && deployment.lease()["released"] == true
}

/// The rest of the output.
fn rest(mut reader: PipeReader) -> String {
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("text");
    text.trim_start_matches('\n').to_owned()
}

fn ends_well(mut child: Child) {
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn a_phase_goes_on_to_its_end_while_nobody_reads_its_json() {
    let deployment = Deployment::new("unread-json");
    deployment.succeeds(&["announce"]);
    let (reader, out) = full_pipe();
    let mut command = deployment.command(&["prepare", "--json"]);
    let child = command.stdout(out).stderr(Stdio::null()).spawn().expect("it starts");
    drop(command);
    until(|| {
        deployment.approve_what_waits();
        has_ended(&deployment)
    });
    // A reader that comes back finds everything, in order.
    let text = rest(reader);
    ends_well(child);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(lines.last().expect("a last line")["progress"], "ended");
    let numbers: Vec<(u64, u64)> = lines.iter().filter_map(|line| number(&line["number"])).collect();
    assert!(numbers.is_sorted() && numbers.len() > 20, "{numbers:?}");
}

fn number(text: &Value) -> Option<(u64, u64)> {
    let (record, position) = text.as_str()?.split_once('.')?;
    Some((record.parse().ok()?, position.parse().ok()?))
}

#[test]
fn a_phase_goes_on_to_its_end_while_nobody_reads_its_lines() {
    let deployment = Deployment::new("unread-lines");
    deployment.succeeds(&["announce"]);
    let (reader, err) = full_pipe();
    let mut command = deployment.command(&["prepare"]);
    let child = command.stdout(Stdio::null()).stderr(err).spawn().expect("it starts");
    drop(command);
    until(|| {
        deployment.approve_what_waits();
        has_ended(&deployment)
    });
    let text = rest(reader);
    ends_well(child);
    assert!(text.contains("prepare has succeeded"), "{text}");
}

#[test]
fn a_note_that_nobody_reads_does_not_hold_up_a_phase_that_is_about_to_begin() {
    let deployment = Deployment::new("unread-note");
    let (reader, err) = full_pipe();
    // The pace is not that of the file, which a note says.
    let mut command = deployment.command(&["announce", "--pace", "1000", "--json"]);
    let child = command.stdout(Stdio::null()).stderr(err).spawn().expect("it starts");
    drop(command);
    until(|| deployment.is_released());
    let words = rest(reader).split_whitespace().collect::<Vec<&str>>().join(" ");
    assert!(words.contains("as --pace has set it"), "{words}");
    ends_well(child);
}

#[test]
fn a_phase_goes_on_to_its_end_when_its_reader_has_gone() {
    let deployment = Deployment::new("gone-reader");
    deployment.succeeds(&["announce"]);
    let (reader, out) = full_pipe();
    drop(reader);
    let mut command = deployment.command(&["prepare", "--json"]);
    let child = command.stdout(out).spawn().expect("it starts");
    deployment.see_through(child);
    assert!(has_ended(&deployment));
}

#[test]
fn a_program_that_waits_for_a_reader_at_the_end_says_so_and_can_be_interrupted() {
    let deployment = Deployment::new("leave-reader");
    let (reader, out) = full_pipe();
    let mut command = deployment.command(&["announce"]);
    let log = std::fs::File::create(deployment.folder.join("log")).expect("a log");
    let mut child = command.stdout(out).stderr(log).spawn().expect("it starts");
    drop(command);
    until(|| deployment.log().contains("waiting until standard output is read"));
    assert_eq!(deployment.lease()["released"], true, "the upgrade itself does not wait");
    send(&child, Signal::TERM);
    assert_eq!(child.wait().expect("it ends").code(), Some(0), "{}", deployment.log());
    drop(reader);
}

#[test]
fn a_closed_terminal_stops_a_phase_as_sigterm_does() {
    let deployment = Deployment::new("hangup");
    deployment.succeeds(&["announce"]);
    let mut child = deployment.start("prepare");
    wait_for(&deployment, "prepare.launch.");
    // The end of a session often sends the signal more than once.
    send(&child, Signal::HUP);
    send(&child, Signal::HUP);
    assert_eq!(child.wait().expect("it ends").code(), Some(7), "{}", deployment.log());
    assert_eq!(deployment.lease()["released"], true);
    let events = deployment.events();
    assert_eq!(events.last().expect("an event")["event"], "interrupted");
    let open = events.iter().filter(|event| event["event"] == "step-started").count();
    let ended = events.iter().filter(|event| matches!(event["event"].as_str(), Some("step-done"))).count();
    assert_eq!(open, ended, "what was under way has ended");
}

#[test]
fn a_phase_that_was_started_with_sighup_ignored_outlives_its_session() {
    let deployment = Deployment::new("nohup");
    deployment.succeeds(&["announce"]);
    let phase = deployment.command(&["prepare"]);
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(phase.get_program()).args(phase.get_args());
    command.stdin(Stdio::null());
    let child = deployment.spawn(command);
    wait_for(&deployment, "prepare.launch.");
    send(&child, Signal::HUP);
    deployment.see_through(child);
    assert!(has_ended(&deployment));
}

/// The two ends of a terminal: what shows it, and what programs write to.
fn terminal() -> (OwnedFd, std::fs::File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
    grantpt(&master).expect("granted");
    unlockpt(&master).expect("unlocked");
    let name = ptsname(&master, Vec::new()).expect("a name").into_string().expect("text");
    let slave = std::fs::OpenOptions::new().read(true).write(true).open(name).expect("its other end");
    (master, slave)
}

#[test]
fn a_phase_stops_in_order_when_its_terminal_is_gone() {
    let deployment = Deployment::new("no-terminal");
    deployment.succeeds(&["announce"]);
    let (master, slave) = terminal();
    let mut command = deployment.command(&["prepare"]);
    let mut child = command.stdout(Stdio::null()).stderr(slave).spawn().expect("it starts");
    drop(command);
    wait_for(&deployment, "prepare.launch.");
    // Whatever is written from here on fails.
    drop(master);
    send(&child, Signal::HUP);
    assert_eq!(child.wait().expect("it ends").code(), Some(7));
    assert_eq!(deployment.lease()["released"], true);
    assert_eq!(deployment.events().last().expect("an event")["event"], "interrupted");
}

#[test]
fn whoever_reads_neither_stream_can_be_left() {
    let deployment = Deployment::new("leave-both");
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    writer.write_all(&[b'\n'; PIPE]).expect("it takes so much");
    let both = writer.try_clone().expect("another end");
    let mut command = deployment.command(&["announce", "--json"]);
    let mut child = command.stdout(writer).stderr(both).spawn().expect("it starts");
    drop(command);
    until(|| deployment.is_released());
    send(&child, Signal::TERM);
    let begin = std::time::Instant::now();
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert!(begin.elapsed() < std::time::Duration::from_secs(20), "it waited for nobody");
    drop(reader);
}
