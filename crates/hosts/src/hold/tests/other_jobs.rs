//! What is left of a job in cron's service, and whether another job of cron explains it.

use std::process::Command;

use super::cron::{Cron, is_held_after};
use super::host::{Host, Place};
use crate::hold::{State, Verb};

/// A process that a job has started and left in cron's service. It ends with this.
struct Left(String);

impl Left {
    /// `report`, a script in the folder of a host whose cron file runs another script.
    fn behind(host: &Host) -> Self {
        host.place.set(Place::CronService);
        host.write("edxapp", &format!("* * * * * root {}\n", host.path("nightly").display()));
        host.write_script("report", "#!/bin/sh\ntail -f /dev/null\ntrue\n");
        host.order(Verb::Hold);
        let report = format!("{} >/dev/null 2>&1 & echo $!", host.path("report").display());
        let started = Command::new("sh").args(["-c", &report]).output().expect("a shell");
        Self(String::from_utf8(started.stdout).expect("a number").trim().to_owned())
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        // The shell is ended after what it waits for.
        let _ = Command::new("sh").args(["-c", "kill -9 $(cat /proc/$1/task/$1/children) $1", "", &self.0]).status();
    }
}

/// Whether the process that is left counts as one of the held file, where a file of cron contains `text`. `REPORT` there is the
/// path of the process, and `ROOT` the folder of the host.
fn is_waited_for(host: &Host, file: &str, text: &str) -> bool {
    let (report, root) = (host.path("report").display().to_string(), host.path("").display().to_string());
    let text = text.replace("REPORT", &report).replace("ROOT/", &root);
    match file.strip_prefix("script:") {
        Some(file) => host.write_script(file, &text),
        None => host.write(file, &text),
    }
    let is_busy = match &host.states()[0] {
        State::Held => false,
        state => {
            assert_eq!(*state, State::Busy(report));
            true
        }
    };
    std::fs::remove_file(host.path(file.strip_prefix("script:").unwrap_or(file))).expect("it is there");
    is_busy
}

/// As it is on a real host: PAM begins an audit session for each login and for each job of cron.
#[test]
fn what_a_job_has_left_in_a_session_of_its_own_is_waited_for_and_what_somebody_has_started_who_signed_in_is_not() {
    let host = Host::new("active\n");
    let _left = Left::behind(&host);
    let waits = |audit_session, pam_service| {
        host.place.set(Place::Scope { audit_session, pam_service });
        is_waited_for(&host, "etc/cron.d/other", "0 3 * * * root true\n")
    };
    for pam_service in ["su-l", "runuser", "crond"] {
        assert!(waits("7", pam_service), "{pam_service}");
    }
    assert!(waits("7", ""), "the job has entered a scope, and logind knows no session of that number");
    for pam_service in ["sshd", "login"] {
        assert!(!waits("7", pam_service), "{pam_service}");
    }
    assert!(!waits("", "su-l"), "systemd has started it, such as for a program of supervisor's");
    host.place.set(Place::Scope { audit_session: "7", pam_service: "su-l" });
    assert!(!is_waited_for(&host, "etc/cron.d/other", JOB), "another job explains it");
}

#[test]
fn what_systemd_run_runs_is_waited_for_if_the_file_contains_its_path() {
    let host = Host::new("active\n");
    let _left = Left::behind(&host);
    host.place.set(Place::Transient);
    assert!(!is_waited_for(&host, "etc/cron.d/other", "0 3 * * * root true\n"), "the file has another path");
    host.write("edxapp", &format!("* * * * * root systemd-run -q {}\n", host.path("report").display()));
    host.order(Verb::Hold);
    assert!(is_waited_for(&host, "etc/cron.d/other", "0 3 * * * root true\n"));
}

const JOB: &str = "0 3 * * * root REPORT\n";

#[test]
fn a_job_in_a_table_that_cron_reads_explains_what_is_left() {
    let host = Host::new("active\n");
    let _left = Left::behind(&host);
    assert!(is_waited_for(&host, "etc/cron.d/other", "0 3 * * * root true\n"), "nothing explains it");
    for table in
        ["etc/crontab", "etc/anacrontab", "etc/cron.d/other", "var/spool/cron/root", "var/spool/cron/crontabs/root"]
    {
        assert!(!is_waited_for(&host, table, JOB), "{table}");
    }
    for text in [
        "  5 4 * * * root  test -x REPORT && REPORT >/dev/null 2>&1\n",
        "@daily root (cd /; 'REPORT')\n",
        "0 3 * * * root echo \\%d | REPORT --day \\%d%input\n",
        "MAILTO=root\n*/5 * * * * root /bin/sh REPORT",
    ] {
        assert!(!is_waited_for(&host, "etc/cron.d/other", text), "{text}");
    }
}

#[test]
fn what_cron_never_reads_explains_nothing() {
    let host = Host::new("active\n");
    let _left = Left::behind(&host);
    for file in [
        "etc/cron.d/edxapp.bak",
        "etc/cron.d/edxapp.dpkg-old",
        "etc/cron.d/edxapp~",
        "etc/cron.d/.placeholder",
        "etc/cron.d/.other.held-by-cutover",
        "etc/cron.d/.other.held-by-cutover.1",
        "etc/cron.d/folder/other",
        "var/spool/cron/crontabs/tmp.Xy12",
        "var/spool/cron/crontabs/no-such-user",
        "var/spool/cron/atjobs/a0001",
        "etc/cron.daily/of-no-table",
    ] {
        assert!(is_waited_for(&host, file, JOB), "{file}");
    }
    // With a folder of users' tables, cron reads none beside it.
    assert!(is_waited_for(&host, "var/spool/cron/root", JOB));
    for text in [
        "# 0 3 * * * root REPORT\n",
        "0 3 * * * root true # before: REPORT\n",
        "0 3 * * * root true\n#\\\n# REPORT\n",
        "SCRIPT=REPORT\n",
        "runs REPORT every night\n",
        "0 3 * * * root mail bob%REPORT is late\n",
    ] {
        assert!(is_waited_for(&host, "etc/cron.d/other", text), "{text}");
    }
}

#[test]
fn a_part_of_a_path_explains_nothing() {
    let host = Host::new("active\n");
    let _left = Left::behind(&host);
    for text in ["REPORT.old", "/mnt/REPORT", "REPORT/../else", "cat --with=REPORT"] {
        assert!(is_waited_for(&host, "etc/cron.d/other", &JOB.replace("REPORT", text)), "{text}");
    }
}

#[test]
fn a_table_that_somebody_else_may_write_to_is_not_read() {
    let host = Host::new("active\n");
    let _left = Left::behind(&host);
    let table = host.path("etc/cron.d/other");
    host.write("etc/cron.d/other", &JOB.replace("REPORT", &host.path("report").display().to_string()));
    assert_eq!(host.states()[0], State::Held);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o664);
    std::fs::set_permissions(&table, mode).expect("it is there");
    assert!(matches!(host.states()[0], State::Busy(_)));
}

#[test]
fn scripts_in_a_folder_explain_what_is_left_while_a_table_runs_all_of_them() {
    let host = Host::new("active\n");
    let _left = Left::behind(&host);
    let waits = |file: &str, text: &str| is_waited_for(&host, file, text);
    host.write(
        "etc/crontab",
        "25 6 * * * root test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }\n",
    );
    assert!(!waits("script:etc/cron.daily/other", "#!/bin/sh\nset -e\n\tREPORT &\n"));
    assert!(waits("script:etc/cron.daily/other", "#!/bin/sh\n# REPORT\n"));
    assert!(waits("etc/cron.daily/other", "#!/bin/sh\nREPORT\n"), "it cannot be run");
    assert!(waits("script:etc/cron.daily/other.sh", "#!/bin/sh\nREPORT\n"));
    assert!(waits("script:etc/cron.weekly/other", "#!/bin/sh\nREPORT\n"), "no table names the folder");
    // The table that runs them is held back itself.
    std::fs::rename(host.path("etc/crontab"), host.path("etc/.crontab.held-by-cutover")).expect("it is there");
    assert!(waits("script:etc/cron.daily/other", "#!/bin/sh\nREPORT\n"));
}

#[test]
fn a_job_that_the_file_calls_by_another_path_is_waited_for() {
    for called in ["nightly.sh --all", "$HOME/bin/nightly.sh --all", "\"$HOME\"/bin/nightly.sh --all >/dev/null"] {
        let host = Host::new("active\n");
        host.write_script("bin/nightly.sh", "#!/bin/sh\nsleep 31.65\ntrue\n");
        host.write("edxapp", &format!("* * * * * root {called}\n"));
        let script = host.path("bin/nightly.sh").display().to_string();
        let cron = Cron::runs(&host, "/bin/sh", &format!("{script} --all"));
        host.order(Verb::Hold);
        let State::Busy(job) = host.states()[0].clone() else { panic!("{called} runs: {:?}", host.states()) };
        assert!(job.starts_with(&script), "{job}");
        // Another file has it by its whole path.
        host.write("etc/cron.d/other", &format!("* * * * * root {script} --all\n"));
        assert_eq!(host.states()[0], State::Held, "{called}");
        std::fs::remove_file(host.path("etc/cron.d/other")).expect("it is there");
        is_held_after(&host, cron);
    }
}

#[test]
fn a_job_of_a_version_of_the_file_that_was_written_again_is_waited_for() {
    let host = Host::new("active\n");
    host.write("edxapp", "* * * * * root sleep 31.85; true\n");
    let cron = Cron::runs(&host, "/bin/sh", "sleep 31.85; true");
    host.order(Verb::Hold);
    host.write("edxapp", "* * * * * root true\n");
    host.order(Verb::Hold);
    assert_eq!(host.states()[0], State::Busy("sleep 31.85; true".to_owned()));
    is_held_after(&host, cron);
}
