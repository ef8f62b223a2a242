//! Jobs on a host without systemd: with whose processes somebody interferes, and with an input that nobody may see.

use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::rc::Rc;
use std::time::Duration;

use cutover_contract::WallClock;
use cutover_engine::gate::Gate;
use cutover_engine::ports::{Clock, Hosts};
use cutover_hosts::command::Command;
use cutover_hosts::job::{Job, JobState, Signal};
use cutover_hosts::secret::Secret;
use cutover_rig::{Host, Plain};
use cutover_ssh::HostsOverSsh;

use super::support::{Here, hosts, start, start_this};

#[tokio::test]
async fn a_job_has_not_vanished_while_any_process_of_it_runs() {
    let sshd = Plain::start();
    let folder = sshd.operator().path().join("jobs").display().to_string();
    let ssh = Rc::new(hosts(&sshd, "operator"));
    let port = HostsOverSsh::new(Rc::clone(&ssh), Rc::new(Here), folder.clone());
    start(&port, "job", "echo one; sleep 5").await;
    let report = async || port.job(&"i-1".into(), &"job".into(), 0).await.expect("an answer").expect("a job");
    let state = async || report().await.state;
    // Its command has begun.
    while report().await.output.is_empty() {
        assert_eq!(state().await, JobState::Running);
    }
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

/// The files below a folder, and what each process was started with, that contain `text`.
fn seen(text: &[u8], folder: &Path) -> Vec<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("it can be listed").flatten() {
            let kind = entry.file_type().expect("its kind");
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    for process in std::fs::read_dir("/proc").expect("Linux has it").flatten() {
        files.extend(["cmdline", "environ"].map(|file| process.path().join(file)));
    }
    let has = |file: &PathBuf| {
        std::fs::read(file).is_ok_and(|content| content.windows(text.len()).any(|window| window == text))
    };
    files.into_iter().filter(has).collect()
}

#[tokio::test]
async fn the_input_of_a_job_arrives_as_it_is_and_is_seen_nowhere() {
    let sshd = Plain::start();
    let folder = sshd.operator().path().join("jobs");
    let port = HostsOverSsh::new(Rc::new(hosts(&sshd, "operator")), Rc::new(Here), folder.display().to_string());
    let secret = format!("hunter2-{}", std::process::id());
    let input = [secret.as_bytes(), b"\n\0\xff", &[b'x'; 100_000]].concat();
    let job =
        Job { input: Secret::new(input), ..Job::new("with-input".into(), Command::script("wc -c; sleep 100", [""])) };
    start_this(&port, &job).await;
    let report = async || port.job(&"i-1".into(), &job.name, 0).await.expect("an answer").expect("a job");
    let mut printed = report().await.output;
    while printed.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        printed = report().await.output;
    }
    assert_eq!(String::from_utf8_lossy(&printed).trim(), (secret.len() + 3 + 100_000).to_string());
    assert_eq!(seen(secret.as_bytes(), &folder), Vec::<PathBuf>::new());
    assert!(!Path::new("/run/cutover-input-with-input/input").exists());
    let clock: Rc<dyn Clock> = Rc::new(WallClock);
    let kill = async |permit: &_| port.signal_job(permit, &"i-1".into(), &job.name, Signal::Kill).await;
    assert!(Gate::alone(&clock).write("test", kill).await.expect("it is sent"));
}
