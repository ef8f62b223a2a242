//! What is in scopes of systemd's: that of a program, a stranger's, or something of which nothing shows whose it is.

use cutover_core::deployment::PastStopLimit;
use cutover_core::journal::Fact;
use cutover_core::plan::{Action, Line, Step};
use cutover_engine::phase::Ending;
use cutover_rig::{Debian, Host};

use crate::services::{furnished, processes};
use crate::stage::{Stage, confirm, stop};

/// Starts a process with nothing in its environment, which prints its id.
const STARTS: &str = "setsid env -i sleep 1005 >/dev/null 2>&1 </dev/null & echo $!";

/// Puts a process into a session of logind's as PAM does for a `su -`, which returns at once, and returns the session's id.
pub(crate) fn in_session(host: &Debian, pid: &str) -> String {
    host.furnish(&format!(
        "systemctl start dbus systemd-logind\n\
         busctl call org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager CreateSession \
         'uusssssussbssa(sv)' 33 {pid} su-l unspecified user '' '' 0 '' '' false '' '' 0 >/dev/null\n\
         until grep -qs session- /proc/{pid}/cgroup; do sleep 0.1; done\n\
         sed -n 's|.*/session-\\([^/]*\\)\\.scope.*|\\1|p' /proc/{pid}/cgroup | head -n 1"
    ))
}

#[tokio::test]
async fn a_session_that_got_the_name_of_a_programs_earlier_one_after_a_restart_of_logind_is_not_the_programs() {
    let (_machines, host) = furnished("[program:lms]\ncommand=env -i sleep 1001\n");
    let pid = host.furnish("until pgrep -f '^sleep 1001'; do sleep 0.1; done >/dev/null; supervisorctl pid lms");
    let of_lms = in_session(&host, &pid);
    let stage = Stage::on(&host);
    assert_eq!(stage.conduct(vec![stop(&["lms"], 30, PastStopLimit::Abort)]).await, Ending::Finished);
    let facts = stage.facts().await;
    let is_traced = |fact: &Fact| matches!(fact, Fact::Traced { traces, .. } if !traces.inodes.is_empty());
    assert!(facts.iter().any(is_traced), "{facts:?}");
    host.furnish("systemctl restart systemd-logind");
    let pid = host.furnish(STARTS);
    assert_eq!(in_session(&host, &pid), of_lms);
    assert_eq!(stage.conduct(vec![confirm(&["lms"])]).await, Ending::Finished);
    assert_eq!(processes(&host, "^sleep 1005"), 1, "the stranger's process goes on");
}

/// The stop of a current host's program, before anything is migrated, with what the file lists.
fn stop_current(unrelated: &[&str]) -> Step {
    let mut step = Step { line: Line::StopCurrent, ..stop(&["lms"], 5, PastStopLimit::Kill) };
    if let Action::StopServices(stop) = &mut step.action {
        stop.unrelated = unrelated.iter().map(|entry| (*entry).to_owned()).collect();
    }
    step
}

#[tokio::test]
async fn what_a_su_that_has_returned_has_left_is_no_stopped_service_until_somebody_ends_or_lists_it() {
    is_waited_for("").await;
}

#[tokio::test]
async fn what_a_su_has_left_is_found_although_pam_has_begun_an_audit_session_for_it() {
    // As `pam_loginuid` does.
    is_waited_for("echo 33 >/proc/self/loginuid; ").await;
}

/// What a `su -` that has returned has left, with this done before by PAM, is waited for until somebody lists it or ends it.
async fn is_waited_for(before: &str) {
    let (_machines, host) = furnished("[program:lms]\ncommand=sleep 1001\n");
    let pid = host.furnish(&format!("{before}{STARTS}"));
    let id = in_session(&host, &pid);
    let stage = Stage::on(&host);
    assert_eq!(stage.conduct(vec![stop_current(&[])]).await, Ending::Failed(vec!["stop".into()]));
    assert_eq!((processes(&host, "^sleep 1001"), processes(&host, "^sleep 1005")), (0, 1), "it is not killed");
    let error = stage.error_of("stop").await;
    assert!(error.contains("(`sleep`) of user www-data, since "), "{error}");
    assert!(error.contains(r#"unrelated_processes = ["sleep"]"#), "{error}");
    assert_eq!(Stage::on(&host).conduct(vec![stop_current(&["sleep"])]).await, Ending::Finished);
    // As the message says.
    assert!(
        error.contains(&format!(": session {id}: process {pid} "))
            && error.contains("`systemctl stop session-ID.scope`")
    );
    host.furnish(&format!("systemctl stop session-{id}.scope"));
    assert_eq!(Stage::on(&host).conduct(vec![stop_current(&[])]).await, Ending::Finished);
    assert_eq!(processes(&host, "^sleep 1005"), 0);
}
