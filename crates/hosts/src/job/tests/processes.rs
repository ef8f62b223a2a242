//! The processes of a job on this machine: which ones are its own, what they can open, and what becomes of those that it leaves.

#![expect(clippy::disallowed_methods, reason = "real processes are looked at and ended")]

use std::io::Read;
use std::process::{Child, Command as Process, Stdio};

use crate::command::{Command, RunAs};
use crate::job::request::HELPER;
use crate::job::{Job, JobState, Reply, Request, Signal};
use crate::secret::Secret;

use super::host::{Host, me};

#[test]
fn a_job_whose_command_was_ended_runs_as_long_as_what_it_has_started() {
    // A wrapper that a signal ends, around a program that the signal does not end. It may say that it has succeeded.
    ends_late("/bin/sh -c \"$1\" & wait", 143);
    ends_late("trap 'exit 0' TERM; /bin/sh -c \"$1\" & wait", 0);
}

#[test]
fn what_a_command_that_has_succeeded_has_left_is_named_and_ended_by_a_signal_and_not_waited_for() {
    let (with, without) = (Host::new(), Host::new());
    without.has_program("unshare", "#!/bin/sh\nexit 1\n");
    for host in [with, without] {
        let job = Job::new("job".into(), Command::script("sleep 600 </dev/null >/dev/null 2>&1 & echo $!", [""]));
        assert_eq!(host.reply(HELPER, &Request::Start { job: &job, epoch: 1 }), Ok(Reply::Started));
        let report = host.until(HELPER, "job", |report| report.state != JobState::Running);
        assert!(matches!(report.state, JobState::Ended { exit: 0, .. }), "{report:?}");
        let process = String::from_utf8_lossy(&report.output).trim().to_owned();
        assert!(matches!(report.go_on.as_slice(), [pid] if pid.to_string() == process), "{report:?}");
        let kill = Request::Signal { name: &job.name, epoch: 1, signal: Signal::Kill };
        assert_eq!(host.reply(HELPER, &kill), Ok(Reply::Signalled));
        let report = host.until(HELPER, "job", |report| report.go_on.is_empty());
        assert!(matches!(report.state, JobState::Ended { exit: 0, .. }) && report.was_signalled, "{report:?}");
        assert_eq!(host.reply(HELPER, &kill), Ok(Reply::NotRunning));
    }
}

/// Whether this process may make and mount namespaces.
fn has_namespaces(host: &Host) -> bool {
    let file = host.path("tried");
    std::fs::write(&file, "").expect("written");
    let tried = |program: &str, argument: &str| {
        let status = Process::new(program).arg(argument).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    tried("unshare", &format!("--uts={}", file.display())) && tried("umount", &file.display().to_string())
}

/// What a job has on record of its processes: the script's number, when it began, the writer's number, and what they have in common.
fn pids(host: &Host) -> [String; 4] {
    let text = std::fs::read_to_string(host.path("jobs/job/pids")).expect("it runs");
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    words.try_into().expect("four words")
}

/// Kills processes, and waits until they run no more.
fn kill_hard(pids: &[&str]) {
    assert!(Process::new("kill").arg("-KILL").args(pids).status().expect("kill").success());
    let runs =
        |pid: &&str| std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
    while pids.iter().any(runs) {}
}

/// Starts a job that sleeps, and returns once its command runs, with its number.
fn sleeping(host: &Host) -> String {
    let job = Job::new("job".into(), Command::script("echo $$; exec sleep 600", [""]));
    assert_eq!(host.reply(HELPER, &Request::Start { job: &job, epoch: 1 }), Ok(Reply::Started));
    let report = host.until(HELPER, "job", |report| !report.output.is_empty());
    String::from_utf8_lossy(&report.output).trim().to_owned()
}

#[test]
fn what_runs_in_later_namespaces_is_never_a_jobs_that_nobody_saw_end() {
    let host = Host::new();
    if !has_namespaces(&host) {
        return;
    }
    let command = sleeping(&host);
    let [script, _, writer, its] = pids(&host);
    assert_eq!(number(&command).expect("it runs"), its);
    kill_hard(&[&script, &writer, &command]);
    while number(&command).is_ok() {}
    // The kernel gives away the lowest number that is free.
    let mut others: Vec<Child> = (0..8).map(|_| apart()).collect();
    let name = "job".into();
    let kill = Request::Signal { name: &name, epoch: 1, signal: Signal::Kill };
    assert_eq!(host.reply(HELPER, &kill), Ok(Reply::NotRunning));
    assert_eq!(host.until(HELPER, "job", |_| true).state, JobState::Vanished);
    for other in &mut others {
        assert_ne!(number(&other.id().to_string()).expect("it runs"), its);
        other.kill().expect("nobody else has killed it");
        other.wait().expect("it ends");
    }
    assert_eq!(host.reply(HELPER, &Request::Collect { name: &name, epoch: 1 }), Ok(Reply::Collected));
    assert!(!host.path("jobs/job").exists());
}

/// The number of the namespace of host names of a process.
fn number(pid: &str) -> std::io::Result<String> {
    Ok(std::fs::read_link(format!("/proc/{pid}/ns/uts"))?.display().to_string())
}

#[test]
fn a_job_whose_namespace_somebody_has_unmounted_is_not_said_to_have_vanished_until_a_person_says_so() {
    let host = Host::new();
    if !has_namespaces(&host) {
        return;
    }
    let command = sleeping(&host);
    let [script, _, writer, _] = pids(&host);
    assert!(Process::new("umount").arg(host.path("jobs/job/namespace")).status().expect("umount").success());
    // As long as its script lives, it keeps the namespace.
    assert_eq!(host.until(HELPER, "job", |_| true).state, JobState::Running);
    kill_hard(&[&script, &writer]);
    let name = "job".into();
    let read = Request::Read { name: &name, offset: 0, maximum: 100 };
    for request in [
        read.clone(),
        Request::Signal { name: &name, epoch: 1, signal: Signal::Kill },
        Request::Collect { name: &name, epoch: 1 },
    ] {
        let Ok(Reply::Failed(why)) = host.reply(HELPER, &request) else { panic!("{request:?}") };
        assert!(why.contains(&format!("it is not known whether job job goes on: see `ps -f {command} `")), "{why}");
        assert!(why.contains("/jobs/job/gone` there"), "{why}");
    }
    std::fs::write(host.path("jobs/job/gone"), "").expect("written");
    let Ok(Reply::Report(report)) = host.reply(HELPER, &read) else { panic!("no report") };
    assert_eq!(report.state, JobState::Vanished);
    kill_hard(&[&command]);
}

#[test]
fn a_job_that_is_killed_after_its_commands_end_has_ended_with_the_status_of_its_command() {
    let (with, without) = (Host::new(), Host::new());
    without.has_program("unshare", "#!/bin/sh\nexit 1\n");
    for host in [with, without] {
        let job = Job::new("job".into(), Command::script("sleep 600 & exit 7", [""]));
        assert_eq!(host.reply(HELPER, &Request::Start { job: &job, epoch: 1 }), Ok(Reply::Started));
        let report = host.until(HELPER, "job", |report| report.left.is_some());
        let [script, _, _, _] = pids(&host);
        kill_hard(&[&script, &report.go_on[0].to_string()]);
        let report = host.until(HELPER, "job", |report| report.state != JobState::Running);
        assert!(matches!(report.state, JobState::Ended { exit: 7, .. }), "{report:?}");
        assert_eq!((report.go_on, report.left), (Vec::new(), Some(7)));
    }
}

/// A process in a namespace of its own.
fn apart() -> Child {
    let mut unshare = Process::new("unshare");
    unshare.args(["--uts", "sh", "-c", "echo; exec sleep 600"]).stdout(Stdio::piped());
    let mut child = unshare.spawn().expect("unshare");
    child.stdout.as_mut().expect("piped").read_exact(&mut [0]).expect("it says that it is there");
    child
}

#[test]
fn where_no_namespace_can_be_made_a_jobs_session_is_its_mark_until_it_has_vanished() {
    let host = Host::new();
    host.has_program("unshare", "#!/bin/sh\nexit 1\n");
    let command = sleeping(&host);
    let [script, _, writer, session] = pids(&host);
    kill_hard(&[&script, &writer]);
    assert_eq!(host.until(HELPER, "job", |_| true).state, JobState::Running);
    kill_hard(&[&command]);
    host.until(HELPER, "job", |report| report.state == JobState::Vanished);
    let text = std::fs::read_to_string(host.path("jobs/job/pids")).expect("a record");
    // The session of the first process, as if the number were given away again.
    std::fs::write(host.path("jobs/job/pids"), text.replace(&format!(" {session} "), " 1 ")).expect("written");
    assert_eq!(host.until(HELPER, "job", |_| true).state, JobState::Vanished);
}

#[test]
fn a_command_of_any_user_can_open_its_input_output_and_errors_once_more() {
    let host = Host::new();
    let user = match me().as_str() {
        "root" => "nobody".to_owned(),
        me => me.to_owned(),
    };
    let script = "cat /dev/stdin >/dev/stdout; echo two | tee /dev/stderr; id -un";
    // Its input lies in a folder that all hosts on this machine share.
    let name = format!("job-{}", std::process::id());
    let mut job = Job::new(name.as_str().into(), Command::script(script, [""]));
    job.command.run_as = RunAs::User(user.clone());
    job.input = Secret::new(b"one\n".to_vec());
    assert_eq!(host.reply(HELPER, &Request::Start { job: &job, epoch: 1 }), Ok(Reply::Started));
    let report = host.until(HELPER, &name, |report| report.state != JobState::Running);
    assert_eq!(String::from_utf8_lossy(&report.output), format!("one\ntwo\ntwo\n{user}\n"));
    let collect = Request::Collect { name: &job.name, epoch: 1 };
    assert_eq!(host.reply(HELPER, &collect), Ok(Reply::Collected));
}

fn ends_late(start: &str, status: i32) {
    let host = Host::new();
    let inner = "trap '' TERM; echo begun; while :; do sleep 0.1; done";
    let wrapper = ["/bin/sh", "-c", start, "wrapper", inner];
    let job = Job::new("job".into(), Command::new(wrapper));
    assert_eq!(host.reply(HELPER, &Request::Start { job: &job, epoch: 1 }), Ok(Reply::Started));
    host.until(HELPER, "job", |report| report.output == b"begun\n");
    let name = "job".into();
    let signal = |signal| host.reply(HELPER, &Request::Signal { name: &name, epoch: 1, signal });
    assert_eq!(signal(Signal::Term), Ok(Reply::Signalled));
    let report = host.until(HELPER, "job", |report| report.left.is_some() || report.state != JobState::Running);
    assert_eq!((report.state, report.left), (JobState::Running, Some(status)));
    assert_eq!(host.reply(HELPER, &Request::Start { job: &job, epoch: 1 }), Ok(Reply::Found));
    assert_eq!(signal(Signal::Kill), Ok(Reply::Signalled), "the next signal reaches what is left");
    let report = host.until(HELPER, "job", |report| report.state != JobState::Running);
    assert!(matches!(report.state, JobState::Ended { exit, .. } if exit == status), "{report:?}");
}
