//! A job on a host without systemd, with whose processes somebody interferes.

use std::process::Command as Process;
use std::rc::Rc;
use std::time::Duration;

use cutover_engine::ports::Hosts;
use cutover_hosts::job::JobState;
use cutover_rig::{Host, Plain};
use cutover_ssh::HostsOverSsh;

use super::support::{Here, hosts, start};

#[tokio::test]
async fn a_job_has_not_vanished_while_any_process_of_it_runs() {
    let sshd = Plain::start();
    let folder = sshd.operator().path().join("jobs").display().to_string();
    let ssh = Rc::new(hosts(&sshd, "operator"));
    let port = HostsOverSsh::new(Rc::clone(&ssh), Rc::new(Here), folder.clone());
    start(&port, "job", "echo one; sleep 5").await;
    let state = async || port.job(&"i-1".into(), &"job".into(), 0).await.expect("an answer").expect("a job").state;
    assert_eq!(state().await, JobState::Running);
    let runner = std::fs::read_to_string(format!("{folder}/job/pids")).expect("it runs");
    let runner = runner.split(' ').next().expect("its process id").to_owned();
    assert!(Process::new("kill").args(["-s", "KILL", &runner]).status().expect("kill").success());
    while std::path::Path::new("/proc").join(&runner).exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(state().await, JobState::Running, "its command is left");
    let mut looks = 0;
    while state().await == JobState::Running && looks < 40 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        looks += 1;
    }
    assert_eq!(state().await, JobState::Vanished, "nobody has recorded its end");
}
