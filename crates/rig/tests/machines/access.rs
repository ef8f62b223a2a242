//! Steps on a host that cannot be reached or told anything as expected: each ends with a clear statement, nothing is stopped
//! by halves, and running the phase again goes on once the cause is gone.

use std::path::PathBuf;
use std::time::Duration;

use cutover_core::deployment::PastStopLimit;
use cutover_engine::phase::Ending;
use cutover_rig::{Debian, Host};

use crate::services::{FURNITURE, PROGRAMS, furnished, processes, status};
use crate::stage::{Stage, confirm, start, stop, within};
use crate::support::settings;

const RUNNING: &str = "celery:worker RUNNING\ncms RUNNING\nlms RUNNING";
const STOPPED: &str = "celery:worker STOPPED\ncms STOPPED\nlms STOPPED";

/// The stop fails, says all of these words, and stops nothing. Once the cause is gone, another conductor stops everything.
async fn fails_until(host: &Debian, stage: &Stage, words: &[&str], mend: impl FnOnce()) {
    let ending = stage.conduct(vec![within(30, stop(PROGRAMS, 20, PastStopLimit::Abort))]).await;
    assert_eq!(ending, Ending::Failed(vec!["stop".into()]));
    let error = stage.error_of("stop").await;
    words.iter().for_each(|word| assert!(error.contains(word), "{word}: {error}"));
    assert_eq!(processes(host, "^sleep 100"), 4, "everything still runs");
    mend();
    assert_eq!(stage.resume().await, Ending::Finished);
    assert_eq!(status(host), STOPPED);
}

#[tokio::test]
async fn a_host_that_refuses_the_key_is_stopped_once_it_takes_it() {
    let (_machines, host) = furnished(FURNITURE);
    let stage = Stage::with(&host, settings(&host, "stranger", ""));
    let public = std::fs::read_to_string(host.operator().path().join("stranger.pub")).expect("it is there");
    let authorize = || drop(host.furnish(&format!("echo '{}' >>/root/.ssh/authorized_keys", public.trim())));
    fails_until(&host, &stage, &["Permission denied", "ssh-add -l"], authorize).await;
}

#[tokio::test]
async fn a_host_with_another_key_than_before_is_told_nothing_until_somebody_has_looked() {
    let (_machines, host) = furnished(FURNITURE);
    let known_hosts = host.operator().path().join("known_hosts");
    let known = std::fs::read(&known_hosts).expect("it is there");
    host.operator().takes_for(host.endpoint(), "stranger");
    let restore = || std::fs::write(&known_hosts, known).expect("written");
    fails_until(&host, &Stage::on(&host), &["host key has changed", "ssh-keygen -R"], restore).await;
}

#[tokio::test]
async fn a_host_whose_sudo_asks_for_a_password_is_stopped_once_it_does_not() {
    let (_machines, host) = furnished(FURNITURE);
    host.furnish(
        "useradd --create-home --shell /bin/bash ubuntu; echo ubuntu:secret | chpasswd; usermod -aG sudo ubuntu; \
         cp -r /root/.ssh /home/ubuntu/; chown -R ubuntu /home/ubuntu/.ssh",
    );
    let stage = Stage::with(&host, settings(&host, "operator", "User ubuntu"));
    let allow = || drop(host.furnish("echo 'ubuntu ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ubuntu"));
    fails_until(&host, &stage, &["password is required", "/bin/sh as root"], allow).await;
}

#[tokio::test]
async fn a_host_without_supervisorctl_has_no_stopped_services() {
    let (_machines, host) = furnished(FURNITURE);
    host.furnish("mv /usr/bin/supervisorctl /root/");
    let back = || drop(host.furnish("mv /root/supervisorctl /usr/bin/"));
    fails_until(&host, &Stage::on(&host), &["edx-1", "/usr/bin/supervisorctl"], back).await;
}

#[tokio::test]
async fn what_a_supervisor_that_was_killed_has_left_is_found_and_ended_with_the_programs_of_the_next_one() {
    let (_machines, host) = furnished(FURNITURE);
    let stage = Stage::on(&host);
    host.furnish("systemctl kill --signal=KILL --kill-who=main supervisor.service; systemctl stop supervisor.service");
    assert_eq!(processes(&host, "^sleep 100"), 4, "its programs run on");
    let ending = stage.conduct(vec![within(20, stop(PROGRAMS, 5, PastStopLimit::Kill))]).await;
    assert_eq!(ending, Ending::Failed(vec!["stop".into()]));
    let error = stage.error_of("stop").await;
    assert!(error.contains("edx-1") && error.contains("start supervisor there"), "{error}");
    assert_eq!(processes(&host, "^sleep 100"), 4);
    // The next one starts all programs again, beside those that are left.
    host.furnish("systemctl start supervisor.service");
    assert_eq!(stage.resume().await, Ending::Finished);
    assert_eq!((status(&host).as_str(), processes(&host, "^sleep 100")), (STOPPED, 0));
}

#[tokio::test]
async fn services_stop_and_start_on_a_host_that_is_far_away() {
    let (_machines, host) = furnished(FURNITURE);
    let far_away = host.far_away(Duration::from_millis(100), 5);
    let stage = Stage::with(&host, settings(&host, "operator", &far_away.config()));
    let steps = vec![stop(PROGRAMS, 60, PastStopLimit::Abort), confirm(PROGRAMS), start(PROGRAMS)];
    assert_eq!(stage.conduct(steps).await, Ending::Finished);
    assert_eq!(status(&host), RUNNING);
}

#[tokio::test]
async fn a_supervisor_that_is_replaced_by_another_version_after_the_stop_has_its_services_stopped_again() {
    let (_machines, host) = furnished(FURNITURE);
    let stage = Stage::on(&host);
    assert_eq!(host.furnish("supervisorctl version"), "4.2.5");
    assert_eq!(stage.conduct(vec![stop(PROGRAMS, 30, PastStopLimit::Abort)]).await, Ending::Finished);
    // As an update of packages does: the service starts again, and its programs with it.
    host.furnish("rm -r /usr/lib/python3/dist-packages/supervisor");
    host.receives(&newer_supervisor(), "/usr/lib/python3/dist-packages/supervisor");
    host.furnish("systemctl restart supervisor; until supervisorctl status | grep RUNNING; do sleep 0.2; done");
    assert_eq!(host.furnish("supervisorctl version"), "4.3.0");
    let steps = vec![confirm(PROGRAMS), start(PROGRAMS), stop(PROGRAMS, 30, PastStopLimit::Abort)];
    assert_eq!(stage.conduct(steps).await, Ending::Finished);
    assert_eq!((status(&host).as_str(), processes(&host, "^sleep 100")), (STOPPED, 0));
    let facts = format!("{:?}", stage.facts().await);
    assert!(facts.contains("was running again on edx-1"), "{facts}");
}

/// The Python package of another supervisor than Debian's.
fn newer_supervisor() -> PathBuf {
    let bin = std::env::var_os("CUTOVER_SUPERVISOR").map(PathBuf::from).expect("run the tests with `cargo xtask test`");
    let library = bin.parent().expect("an environment of Python").join("lib");
    let versions = std::fs::read_dir(library).expect("it is there").flatten();
    let found = versions.map(|version| version.path().join("site-packages/supervisor")).find(|path| path.is_dir());
    found.expect("supervisor is installed")
}
