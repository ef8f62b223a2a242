//! The helper on a host whose systemd is of another version: `systemd-run` refuses a property that it does not know.

use crate::command::Command;
use crate::job::request::HELPER;
use crate::job::{Job, JobReport, JobState, Reply, Request};

use super::host::Host;

/// Knows properties as systemd of `$VERSION` does, and runs the command in the background.
const SYSTEMD_RUN: &str = r#"
for word in "$@"; do
    case $word in
    --property=OOMPolicy=*) [ "$VERSION" -ge 243 ] || { echo "Unknown assignment: ${word#--property=}" >&2; exit 1; } ;;
    esac
done
echo "$@" >"$CALLS"
while [ "$1" != /bin/sh ]; do shift; done
"$@" </dev/null >/dev/null 2>&1 &
"#;

/// A host whose `systemctl --version` prints this first, and the helper there.
fn with_systemd(version: &str) -> (Host, String) {
    let host = Host::new();
    let number: String = version.chars().filter(char::is_ascii_digit).take(3).collect();
    let calls = host.path("calls").display().to_string();
    host.has_program("systemd-run", &format!("#!/bin/sh\nVERSION={number} CALLS={calls}{SYSTEMD_RUN}"));
    host.has_program("systemctl", &format!("#!/bin/sh\n[ \"$1\" != --version ] || echo '{version}'\n"));
    let helper = HELPER.replace("/run/systemd/system", &host.path("").display().to_string());
    (host, helper)
}

/// Starts a job on such a host. Returns the reply, and how the unit was launched.
fn start(version: &str) -> (Reply, String) {
    let (host, helper) = with_systemd(version);
    let job = Job::new("job".into(), Command::new(["true"]));
    let reply = host.reply(&helper, &Request::Start { job: &job, epoch: 1 });
    (reply.expect("it is complete"), std::fs::read_to_string(host.path("calls")).unwrap_or_default())
}

#[test]
fn a_job_is_a_unit_with_the_properties_that_its_systemd_knows() {
    // Ubuntu 16.04 and 18.04, Debian 10, the first that knows it, Debian 12, and a release candidate.
    let old = ["systemd 229", "systemd 237", "systemd 241 (241)"];
    let newer = ["systemd 243 (243.4)", "systemd 252 (252.22-1~deb12u1)", "systemd 256~rc1 (256~rc1)"];
    for (version, knows) in old.map(|version| (version, false)).into_iter().chain(newer.map(|version| (version, true)))
    {
        let (reply, launched) = start(version);
        assert_eq!(reply, Reply::Started, "{version}");
        assert!(launched.contains("--unit=cutover-job-job"), "{launched}");
        assert_eq!(launched.contains("--property=OOMPolicy=continue"), knows, "{version}: {launched}");
    }
}

/// The report of a job that has ended on a host with these control groups: `/proc/self/cgroup`, and files with what is in them. Its
/// command writes the last of them anew.
fn report_with(groups: &str, files: &[(&str, &str)]) -> JobReport {
    let (host, helper) = with_systemd("systemd 245 (245.4-4ubuntu3)");
    let groups_file = host.path("groups");
    std::fs::write(&groups_file, groups).expect("written");
    for (path, text) in files {
        let path = host.path(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    }
    let replaced = [("/proc/self/cgroup", groups_file), ("/sys/fs/cgroup", host.path(""))];
    let helper = replaced.iter().fold(helper, |helper, (real, path)| helper.replace(real, &path.display().to_string()));
    let (events, _) = files.last().expect("a file");
    let kill = format!("echo 'oom_kill 1' >{}; exit 137", host.path(events).display());
    let job = Job::new("job".into(), Command::script(&kill, [""]));
    assert_eq!(host.reply(&helper, &Request::Start { job: &job, epoch: 1 }), Ok(Reply::Started));
    host.until(&helper, "job", |report| report.state != JobState::Running)
}

#[test]
fn memory_is_read_from_control_groups_of_both_versions() {
    let unit = "system.slice/cutover-job-job.service";
    let ended = |out_of_memory, peak_memory| JobState::Ended { exit: 137, out_of_memory, peak_memory };
    let second = [(&*format!("{unit}/memory.peak"), "4096\n"), (&*format!("{unit}/memory.events"), "oom_kill 0\n")];
    assert_eq!(report_with(&format!("0::/{unit}\n"), &second).state, ended(true, Some(4096)));
    let first = [
        (&*format!("memory/{unit}/memory.max_usage_in_bytes"), "8192\n"),
        (&*format!("memory/{unit}/memory.oom_control"), "under_oom 0\noom_kill 0\n"),
    ];
    assert_eq!(report_with(&format!("9:memory:/{unit}\n0::/{unit}\n"), &first).state, ended(true, Some(8192)));
    // The group of all, where units have none: what others need and lose is not the job's.
    let all = [("memory/memory.max_usage_in_bytes", "8192\n"), ("memory/memory.oom_control", "oom_kill 0\n")];
    assert_eq!(report_with(&format!("9:memory:/\n0::/{unit}\n"), &all).state, ended(false, None));
}
