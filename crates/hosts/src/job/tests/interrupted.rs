//! Jobs whose command was ended by somebody else, or together with its host: whatever it says then, it has not succeeded.

#![expect(clippy::disallowed_methods, reason = "real processes get signals")]

use std::process::Command as Process;

use crate::command::Command;
use crate::job::request::HELPER;
use crate::job::{Job, JobState, Reply, Request, Signal};

use super::host::Host;

/// Says that it has succeeded when a TERM ends it, as many programs do.
fn says_zero() -> Job {
    Job::new("job".into(), Command::script("trap 'exit 0' TERM; echo $$; while :; do sleep 0.1; done", [""]))
}

/// Starts it, and returns the process ids of its script and its command once it runs.
fn started(host: &Host, helper: &str) -> [String; 2] {
    assert_eq!(host.reply(helper, &Request::Start { job: &says_zero(), epoch: 1 }), Ok(Reply::Started));
    let report = host.until(helper, "job", |report| !report.output.is_empty());
    let pids = std::fs::read_to_string(host.path("jobs/job/pids")).expect("it runs");
    let script = pids.split_whitespace().next().expect("the script's process id");
    [script, String::from_utf8_lossy(&report.output).trim()].map(str::to_owned)
}

/// As systemd ends a unit: the script gets it first.
fn terminate(pids: &[String]) {
    assert!(Process::new("kill").args(pids).status().expect("kill").success());
}

#[test]
fn a_command_that_says_it_has_succeeded_when_its_unit_is_stopped_has_vanished() {
    let host = Host::new();
    terminate(&started(&host, HELPER));
    let report = host.until(HELPER, "job", |report| report.state != JobState::Running);
    assert_eq!(report.state, JobState::Vanished);
    assert!(!report.has_succeeded() && report.was_interrupted, "{report:?}");
}

#[test]
fn a_command_that_says_it_has_succeeded_after_our_signal_has_not() {
    let host = Host::new();
    started(&host, HELPER);
    let term = Request::Signal { name: &"job".into(), epoch: 1, signal: Signal::Term };
    assert_eq!(host.reply(HELPER, &term), Ok(Reply::Signalled));
    let report = host.until(HELPER, "job", |report| report.state != JobState::Running);
    assert!(matches!(report.state, JobState::Ended { exit: 0, .. }) && !report.has_succeeded(), "{report:?}");
}

#[test]
fn a_command_whose_unit_is_stopped_before_it_has_begun_does_not_begin() {
    let host = Host::new();
    // As systemd ends a unit, right when the script has said that it runs. The writer waits for the command then.
    host.has_program(
        "mv",
        "#!/bin/sh\nPATH=/usr/bin:/bin\n\
         [ \"$2\" != pids ] || { read -r script _ writer _ <pids.new; kill \"$script\" \"$writer\"; }\nexec mv \"$@\"\n",
    );
    let begun = host.path("begun");
    let job = Job::new("job".into(), Command::new(["touch".to_owned(), begun.display().to_string()]));
    assert_eq!(host.reply(HELPER, &Request::Start { job: &job, epoch: 1 }), Ok(Reply::Started));
    let report = host.until(HELPER, "job", |report| report.state != JobState::Running);
    assert_eq!((report.state, begun.exists()), (JobState::Vanished, false));
}

/// The helper on a host whose systemd is in the state that is in the file `systemd`, and that has booted as the file `boot` says.
fn with_systemd(host: &Host) -> String {
    let state = host.path("systemd").display().to_string();
    host.has_program("systemctl", &format!("#!/bin/sh\n[ \"$1\" != is-system-running ] || cat {state}\n"));
    let launch = "while [ \"$1\" != /bin/sh ]; do shift; done; \"$@\" </dev/null >/dev/null 2>&1 &";
    host.has_program("systemd-run", &format!("#!/bin/sh\n{launch}\n"));
    HELPER
        .replace("/run/systemd/system", &host.path("").display().to_string())
        .replace("/proc/sys/kernel/random/boot_id", &host.path("boot").display().to_string())
}

#[test]
fn a_job_that_ends_while_its_host_shuts_down_runs_until_the_host_is_up_again_and_has_died_with_it() {
    // It is ended together with its script, alone before it, or killed with all of its processes.
    for ended in ["both", "alone", "killed"] {
        let host = Host::new();
        let helper = with_systemd(&host);
        let says = |file: &str, text: &str| std::fs::write(host.path(file), text).expect("written");
        says("boot", "one");
        says("systemd", "running");
        let [script, command] = started(&host, &helper);
        says("systemd", "stopping");
        match ended {
            "both" => terminate(&[script.clone(), command]),
            "alone" => terminate(&[command]),
            _ => terminate(&["-KILL".to_owned(), script.clone(), command]),
        }
        while std::path::Path::new("/proc").join(&script).exists() {}
        let report = host.until(&helper, "job", |_| true);
        assert_eq!((report.state, report.go_on), (JobState::Running, Vec::new()), "{ended}");
        says("boot", "two");
        says("systemd", "running");
        let report = host.until(&helper, "job", |_| true);
        assert_eq!(report.state, JobState::HostRestarted, "{ended}");
    }
}
