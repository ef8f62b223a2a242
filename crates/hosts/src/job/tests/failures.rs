//! The helper on this machine, when something goes wrong in the middle.

use crate::command::Command;
use crate::job::request::HELPER;
use crate::job::{Job, JobState, Reply, Request, Signal};

use super::host::Host;

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
    host.until(HELPER, "job", |report| report.state != JobState::Running);
    // Whoever reads the end reads all of it, also after a power cut between the two.
    let expected = ["sync exit.new", "mv exit.new exit", "sync ."];
    let ends = || {
        let done = std::fs::read_to_string(host.path("done")).expect("it was written");
        done.lines().rev().take(expected.len()).map(str::to_owned).collect::<Vec<_>>()
    };
    while !ends().first().is_some_and(|last| last.starts_with("sync")) {}
    assert!(ends().iter().rev().eq(expected.iter()), "{:?}", ends());
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

#[test]
fn a_conductor_that_takes_over_needs_no_room_on_a_hosts_disk() {
    let host = Host::new();
    assert_eq!(host.reply(HELPER, &Request::Start { job: &nothing_to_do(), epoch: 9 }), Ok(Reply::Started));
    // No other file can be written there.
    for name in ["epoch.new", "epoch.old"] {
        std::fs::create_dir(host.path("jobs").join(name)).expect("a folder");
    }
    let name = "another".into();
    let signal = |epoch| host.reply(HELPER, &Request::Signal { name: &name, epoch, signal: Signal::Term });
    assert_eq!(signal(10), Ok(Reply::NotRunning));
    assert_eq!(signal(9), Ok(Reply::Superseded(10)));
    assert_eq!(signal(10), Ok(Reply::NotRunning));
}
