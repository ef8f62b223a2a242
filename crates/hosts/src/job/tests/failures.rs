//! The helper on this machine, when something goes wrong in the middle.

#![expect(clippy::disallowed_methods, reason = "a real shell runs the helper")]

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command as Process;

use tempfile::TempDir;

use crate::command::Command;
use crate::job::request::HELPER;
use crate::job::{Job, JobReport, JobState, NotUnderstood, Reply, Request, Signal, read};

/// A folder of jobs, and the programs that the helper finds before those of the system.
struct Host {
    folder: TempDir,
}

impl Host {
    fn new() -> Self {
        let host = Self { folder: tempfile::tempdir().expect("a folder") };
        std::fs::create_dir(host.path("programs")).expect("a folder");
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn has_program(&self, name: &str, script: &str) {
        let program = self.path("programs").join(name);
        std::fs::write(&program, script).expect("it is written");
        std::fs::set_permissions(program, PermissionsExt::from_mode(0o755)).expect("it can be run");
    }

    /// What this helper answers.
    fn reply(&self, helper: &str, request: &Request<'_>) -> Result<Reply, NotUnderstood> {
        let me = Process::new("id").arg("-un").output().expect("a user").stdout;
        let me = String::from_utf8(me).expect("a name");
        let mut arguments = request.command(&self.path("jobs").display().to_string(), me.trim()).arguments;
        let path = format!("\nPATH={}:", self.path("programs").display());
        arguments[2] = helper.replacen("\nPATH=", &path, 1);
        let output = Process::new(&arguments[0]).args(&arguments[1..]).output().expect("a shell");
        read(&output.stdout, 0)
    }
}

fn nothing_to_do() -> Job {
    Job::new("job".into(), Command::new(["true"]))
}

#[test]
fn a_helper_that_fails_once_a_job_may_run_does_not_say_that_nothing_was_done() {
    let job = nothing_to_do();
    let request = Request::Start { job: &job, epoch: 1 };
    let failing = |line: &str| {
        let helper = HELPER.replacen(line, &format!("    false\n{line}"), 1);
        assert_ne!(helper, HELPER, "{line}");
        Host::new().reply(&helper, &request)
    };
    assert_eq!(Host::new().reply(HELPER, &request), Ok(Reply::Started));
    assert!(matches!(failing("    launch\n    answer"), Ok(Reply::NotNow(_))), "it was not launched");
    let open = failing("    answer \"started ");
    assert!(open.is_err(), "{open:?}");
}

/// Starts a job with these programs in front of the system's, and with a lock that nobody waits for.
fn start_with(programs: &[(&str, &str)]) -> Reply {
    let host = Host::new();
    for (program, script) in programs {
        host.has_program(program, &format!("#!/bin/sh\n{script}\n"));
    }
    let helper = HELPER.replace("/run/systemd/system", "/").replace("flock -w 10", "flock -w 0");
    host.reply(&helper, &Request::Start { job: &nothing_to_do(), epoch: 1 }).expect("it is complete")
}

#[test]
fn what_may_pass_by_itself_is_told_apart_from_what_needs_somebody() {
    let passes = [
        ("flock", "exit 1", "another change on this host has held the lock for 10 s"),
        ("sync", "exit 1", "the helper of jobs could not go on"),
        ("systemd-run", "echo 'Failed to connect to bus: Connection timed out' >&2; exit 1", "Connection timed out"),
    ];
    for (program, script, why) in passes {
        let reply = start_with(&[(program, script)]);
        assert!(matches!(&reply, Reply::NotNow(said) if said.contains(why)), "{program}: {reply:?}");
    }
    let stays = [
        ("id", "[ \"$1\" = -un ]", "there is no user"),
        ("systemd-run", "echo 'Unknown assignment: OOMPolicy=continue' >&2; exit 1", "Unknown assignment"),
    ];
    for (program, script, why) in stays {
        let reply = start_with(&[(program, script)]);
        assert!(matches!(&reply, Reply::Failed(said) if said.contains(why)), "{program}: {reply:?}");
    }
    let full = start_with(&[("df", "echo; echo / / / 0 /"), ("sync", "exit 1")]);
    assert!(matches!(&full, Reply::Failed(said) if said.contains("is full")), "{full:?}");
    let host = Host::new();
    std::fs::create_dir(host.path("jobs")).expect("a folder");
    std::fs::write(host.path("jobs/epoch"), "").expect("written");
    let damaged = host.reply(HELPER, &Request::Start { job: &nothing_to_do(), epoch: 1 });
    assert!(matches!(&damaged, Ok(Reply::Failed(said)) if said.contains("damaged")), "{damaged:?}");
}

#[test]
fn whether_a_launch_was_lost_does_not_depend_on_the_hosts_clock() {
    let host = Host::new();
    host.has_program("systemd-run", "#!/bin/sh\n");
    host.has_program("systemctl", "#!/bin/sh\n");
    let uptime = host.path("uptime");
    let helper = HELPER.replace("/run/systemd/system", "/").replace("/proc/uptime", &uptime.display().to_string());
    let at = |up: &str, clock: &str| {
        std::fs::write(&uptime, format!("{up} 7.00\n")).expect("written");
        host.has_program("date", &format!("#!/bin/sh\necho {clock}\n"));
    };
    let job = nothing_to_do();
    let state = || match host.reply(&helper, &Request::Read { name: &job.name, offset: 0, maximum: 9 }) {
        Ok(Reply::Report(report)) => Some(report.state),
        Ok(Reply::None) => None,
        other => panic!("{other:?}"),
    };
    at("100.25", "1795922178");
    assert_eq!(host.reply(&helper, &Request::Start { job: &job, epoch: 1 }), Ok(Reply::Started));
    at("101.00", "1795925778");
    assert_eq!(state(), Some(JobState::Running), "the clock was put forward by an hour");
    at("115.50", "1795918578");
    assert_eq!(state(), None, "the clock was put back by an hour");
    // Whatever counts the seconds has begun again.
    at("3.00", "1795922178");
    assert_eq!(state(), None);
}

#[test]
fn what_a_host_must_remember_is_on_the_disk_before_it_is_relied_on() {
    let host = Host::new();
    // Each program says what it does, by the last parts of its paths.
    for name in ["sync", "mv"] {
        let script = format!(
            "#!/bin/sh\nwords={name}; for path in \"$@\"; do words=\"$words ${{path##*/}}\"; done\n\
             echo \"$words\" >>{}; PATH=/usr/bin:/bin; exec {name} \"$@\"\n",
            host.path("done").display()
        );
        host.has_program(name, &script);
    }
    let job = nothing_to_do();
    assert_eq!(host.reply(HELPER, &Request::Start { job: &job, epoch: 7 }), Ok(Reply::Started));
    let done = std::fs::read_to_string(host.path("done")).expect("it was written");
    let expected = [
        "sync epoch.new",
        "mv epoch.new epoch",
        "sync jobs",
        "mv start.new start",
        "sync start run job.new",
        "mv job.new job",
        "sync jobs",
    ];
    assert_eq!(done.lines().take(expected.len()).collect::<Vec<_>>(), expected);
}

#[test]
fn a_job_that_runs_without_a_record_here_is_neither_started_again_nor_said_to_be_none() {
    let host = Host::new();
    host.has_program("systemd-run", "#!/bin/sh\n");
    let helper = HELPER.replace("/run/systemd/system", "/");
    let job = nothing_to_do();
    let requests = [
        Request::Start { job: &job, epoch: 1 },
        Request::Read { name: &job.name, offset: 0, maximum: 9 },
        Request::Signal { name: &job.name, epoch: 1, signal: Signal::Term },
    ];
    for state in ["active", "activating", "deactivating"] {
        host.has_program("systemctl", &format!("#!/bin/sh\n[ \"$1\" != show ] || echo ActiveState={state}\n"));
        for request in &requests {
            let reply = host.reply(&helper, request);
            assert!(matches!(&reply, Ok(Reply::Failed(said)) if said.contains("no record of it")), "{reply:?}");
        }
    }
    host.has_program("systemctl", "#!/bin/sh\n[ \"$1\" != show ] || echo ActiveState=inactive\n");
    assert_eq!(host.reply(&helper, &requests[1]), Ok(Reply::None));
    assert_eq!(host.reply(&helper, &requests[0]), Ok(Reply::Started));
}

/// Asks for a job until it is like that.
fn until(host: &Host, name: &str, is_so: impl Fn(&JobReport) -> bool) -> JobReport {
    let name = name.into();
    let request = Request::Read { name: &name, offset: 0, maximum: 100 };
    let looks = (0..600).map(|_| host.reply(HELPER, &request)).filter_map(|reply| match reply {
        Ok(Reply::Report(report)) => Some(*report),
        _ => None,
    });
    let mut slow = looks.inspect(|_| std::thread::sleep(std::time::Duration::from_millis(50)));
    slow.find(is_so).expect("it comes to this within half a minute")
}

#[test]
fn a_job_whose_command_was_ended_runs_as_long_as_what_it_has_started() {
    // A wrapper that a signal ends, around a program that the signal does not end. It may say that it has succeeded.
    ends_late("/bin/sh -c \"$1\" & wait", 143);
    ends_late("trap 'exit 0' TERM; /bin/sh -c \"$1\" & wait", 0);
}

#[test]
fn what_a_command_that_has_succeeded_has_left_is_named_and_not_waited_for() {
    let host = Host::new();
    let job = Job::new("job".into(), Command::script("sleep 600 </dev/null >/dev/null 2>&1 & echo $!", [""]));
    assert_eq!(host.reply(HELPER, &Request::Start { job: &job, epoch: 1 }), Ok(Reply::Started));
    let report = until(&host, "job", |report| report.state != JobState::Running);
    assert!(matches!(report.state, JobState::Ended { exit: 0, .. }), "{report:?}");
    let process = String::from_utf8_lossy(&report.output).trim().to_owned();
    assert!(matches!(report.go_on.as_slice(), [pid] if pid.to_string() == process), "{report:?}");
    assert!(Process::new("kill").arg(&process).status().expect("kill").success());
    until(&host, "job", |report| report.go_on.is_empty());
}

#[test]
fn a_job_without_a_process_has_vanished_whatever_gets_its_mark_later() {
    let host = Host::new();
    let job = Job::new("job".into(), Command::new(["sleep", "600"]));
    assert_eq!(host.reply(HELPER, &Request::Start { job: &job, epoch: 1 }), Ok(Reply::Started));
    until(&host, "job", |report| report.state == JobState::Running && host.path("jobs/job/pids").exists());
    let pids = std::fs::read_to_string(host.path("jobs/job/pids")).expect("it runs");
    let words: Vec<&str> = pids.split_whitespace().collect();
    let [script, _, writer, mark] = words.as_slice() else { panic!("{pids}") };
    assert!(Process::new("kill").args(["-KILL", script, writer]).status().expect("kill").success());
    let name = "job".into();
    let kill = Request::Signal { name: &name, epoch: 1, signal: Signal::Kill };
    assert_eq!(host.reply(HELPER, &kill), Ok(Reply::Signalled));
    until(&host, "job", |report| report.state == JobState::Vanished);
    let other = if mark.starts_with("uts:") {
        std::fs::read_link("/proc/self/ns/uts").expect("it has one").display().to_string()
    } else {
        "1".to_owned()
    };
    std::fs::write(host.path("jobs/job/pids"), pids.replace(mark, &other)).expect("written");
    until(&host, "job", |report| report.state == JobState::Vanished);
}

fn ends_late(start: &str, status: i32) {
    let host = Host::new();
    let inner = "trap '' TERM; echo begun; while :; do sleep 0.1; done";
    let wrapper = ["/bin/sh", "-c", start, "wrapper", inner];
    let job = Job::new("job".into(), Command::new(wrapper));
    assert_eq!(host.reply(HELPER, &Request::Start { job: &job, epoch: 1 }), Ok(Reply::Started));
    until(&host, "job", |report| report.output == b"begun\n");
    let name = "job".into();
    let signal = |signal| host.reply(HELPER, &Request::Signal { name: &name, epoch: 1, signal });
    assert_eq!(signal(Signal::Term), Ok(Reply::Signalled));
    let report = until(&host, "job", |report| report.left.is_some() || report.state != JobState::Running);
    assert_eq!((report.state, report.left), (JobState::Running, Some(status)));
    assert_eq!(host.reply(HELPER, &Request::Start { job: &job, epoch: 1 }), Ok(Reply::Found));
    assert_eq!(signal(Signal::Kill), Ok(Reply::Signalled), "the next signal reaches what is left");
    let report = until(&host, "job", |report| report.state != JobState::Running);
    assert!(matches!(report.state, JobState::Ended { exit, .. } if exit == status), "{report:?}");
}
