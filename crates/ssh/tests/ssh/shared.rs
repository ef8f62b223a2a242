//! Connections that the operator shares (`ControlPath`): used as they are where the same rules hold for them, and left alone
//! elsewhere.

use std::path::PathBuf;
use std::process::{Command as Process, ExitStatus};
use std::time::{Duration, Instant};

use cutover_hosts::command::Command;
use cutover_rig::{Host, Plain};
use cutover_ssh::{HostKeys, Settings, SshHosts, Trouble};

use super::support::{HOST, at, settings};

const LIMIT: Duration = Duration::from_secs(5);

/// An operator's connection, which other processes share. It ends with this.
struct Shared {
    settings: Settings,
    config: PathBuf,
}

impl Shared {
    /// Signs in to a host, with these lines in the configuration.
    fn open(sshd: &Plain, lines: &str) -> Self {
        let socket = sshd.operator().path().join("own");
        let path = format!("Match host {HOST}\n  ControlPath {}\n", socket.display());
        let settings = settings(sshd, "operator", &format!("{lines}\n{path}"));
        let config = settings.config.clone().expect("a configuration");
        let shared = Self { settings, config };
        assert!(shared.ssh(&["-f", "-N", "-M", HOST]).success());
        shared
    }

    fn ssh(&self, words: &[&str]) -> ExitStatus {
        Process::new("ssh").arg("-F").arg(&self.config).args(words).status().expect("ssh")
    }

    fn is_open(&self) -> bool {
        self.ssh(&["-O", "check", HOST]).success()
    }

    fn hosts(&self) -> SshHosts {
        SshHosts::new(self.settings.clone()).expect("a folder for sockets")
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.ssh(&["-O", "exit", HOST]);
    }
}

async fn answers(hosts: &SshHosts) -> Result<(), Trouble> {
    hosts.run(&at(HOST), &Command::new(["true"]), b"", LIMIT).await.map(drop)
}

#[tokio::test]
async fn the_operators_own_shared_connection_is_used_and_left_open() {
    let sshd = Plain::start();
    let shared = Shared::open(&sshd, "");
    let hosts = shared.hosts();
    answers(&hosts).await.expect("an answer");
    drop(hosts);
    assert_eq!(sshd.sign_ins(), 1, "the operator's own");
    assert!(shared.is_open(), "it is the operator's");
}

#[tokio::test]
async fn a_shared_connection_that_may_have_been_made_to_anybody_is_not_used() {
    for accepts in ["no", "accept-new"] {
        let sshd = Plain::start();
        let shared = Shared::open(&sshd, &format!("StrictHostKeyChecking {accepts}"));
        answers(&shared.hosts()).await.expect("an answer");
        assert_eq!(sshd.sign_ins(), 2, "one more of cutover's own");
        sshd.operator().knows_nobody();
        let unknown = answers(&shared.hosts()).await.expect_err("nobody knows the host");
        assert!(matches!(unknown, Trouble::HostKeyUnknown(_)), "{unknown}");
        assert!(shared.is_open());
    }
}

#[tokio::test]
async fn a_shared_connection_to_a_host_whose_keys_were_told_is_not_used() {
    let sshd = Plain::start();
    let shared = Shared::open(&sshd, "");
    let hosts = shared.hosts();
    let console = format!("-----BEGIN SSH HOST KEY KEYS-----\n{}\n-----END SSH HOST KEY KEYS-----\n", sshd.key());
    hosts.know(&HOST.into(), &HostKeys::of_console(&console)).expect("written");
    answers(&hosts).await.expect("an answer");
    assert_eq!(sshd.sign_ins(), 2, "one more of cutover's own");
}

#[tokio::test]
async fn silence_is_noticed_over_a_shared_connection_that_does_not_notice_it() {
    let sshd = Plain::start();
    let shared = Shared::open(&sshd, "ServerAliveInterval 0");
    let hosts = shared.hosts();
    let started = sshd.operator().path().join("started");
    let slow = Command::script("touch \"$1\"; sleep 600.5", [started.display().to_string()]);
    let peer = at(HOST);
    let run = hosts.run(&peer, &slow, b"", Duration::from_secs(60));
    let (silent, since) = tokio::join!(run, async {
        while !started.exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        sshd.fall_silent();
        Instant::now()
    });
    assert!(matches!(&silent, Err(Trouble::Silent(why)) if why.contains("silent")), "{silent:?}");
    assert!(since.elapsed() < Duration::from_secs(15), "{:?}", since.elapsed());
    assert!(shared.is_open(), "its own end has not noticed");
}
