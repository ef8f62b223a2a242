//! What goes wrong with a host is told apart, and nothing waits without an end.

use std::process::Command as Process;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cutover_hosts::command::Command;
use cutover_rig::{Host, Operator, Plain};
use cutover_ssh::{Settings, SshHosts, Trouble};

use super::support::{HOST, at, hosts, settings};

const LIMIT: Duration = Duration::from_secs(5);

async fn trouble(hosts: &SshHosts, command: &Command, limit: Duration) -> Trouble {
    hosts.run(&at(HOST), command, b"", limit).await.expect_err("it cannot work")
}

#[tokio::test]
async fn a_wrong_key_an_unknown_host_and_a_changed_host_key_are_told_apart() {
    let sshd = Plain::start();
    let command = Command::new(["true"]);
    let refused = trouble(&hosts(&sshd, "stranger"), &command, LIMIT).await;
    assert!(matches!(&refused, Trouble::KeyRefused(_)), "{refused}");
    sshd.operator().knows_nobody();
    let unknown = trouble(&hosts(&sshd, "operator"), &command, LIMIT).await;
    assert!(matches!(&unknown, Trouble::HostKeyUnknown(_)), "{unknown}");
    sshd.operator().takes_for(sshd.endpoint(), "stranger");
    let changed = trouble(&hosts(&sshd, "operator"), &command, LIMIT).await;
    let Trouble::HostKeyChanged { old: Some(old), .. } = &changed else { panic!("{changed:?}") };
    // The command that is told works as it is typed.
    let hint = changed.hint();
    let typed = hint.split('`').nth(1).expect("a command");
    let lines = |file: &str| std::fs::read_to_string(file).expect("a file of known hosts").lines().count();
    let before = lines(&old.file);
    let ran = std::process::Command::new("sh").args(["-c", typed]).output().expect("a shell");
    assert!(ran.status.success() && lines(&old.file) < before, "{typed}: {ran:?}");
    assert_eq!(sshd.sign_ins(), 0);
}

#[tokio::test]
async fn a_host_where_nothing_listens_cannot_be_reached_and_may_be_later() {
    let sshd = Plain::start();
    let mut settings = settings(&sshd, "operator", "");
    settings.config = Some(sshd.operator().path().join("other"));
    std::fs::write(sshd.operator().path().join("other"), "Host *\n  Port 1\n").expect("written");
    let hosts = SshHosts::new(settings).expect("a folder for sockets");
    let unreachable = trouble(&hosts, &Command::new(["true"]), LIMIT).await;
    assert!(matches!(&unreachable, Trouble::Unreachable(why) if why.contains("refused")), "{unreachable}");
}

#[tokio::test]
async fn a_missing_ssh_and_a_wrong_configuration_are_named() {
    let sshd = Plain::start();
    let missing = Settings { program: "/nonexistent/ssh".into(), ..settings(&sshd, "operator", "") };
    let wrong = settings(&sshd, "operator", "Kolour yes");
    for (settings, word) in [(missing, "/nonexistent/ssh"), (wrong, "kolour")] {
        let unusable = trouble(&SshHosts::new(settings).expect("a folder"), &Command::new(["true"]), LIMIT).await;
        assert!(matches!(&unusable, Trouble::Unusable(why) if why.contains(word)), "{unusable}");
    }
}

#[tokio::test]
async fn a_host_that_falls_silent_is_noticed_within_fifteen_seconds() {
    let sshd = Plain::start();
    let hosts = hosts(&sshd, "operator");
    hosts.run(&at(HOST), &Command::new(["true"]), b"", LIMIT).await.expect("an answer");
    sshd.fall_silent();
    let start = Instant::now();
    let silent = trouble(&hosts, &Command::new(["true"]), Duration::from_secs(60)).await;
    assert!(silent.may_have_run(), "the request may have reached the host: {silent}");
    assert!(start.elapsed() < Duration::from_secs(16), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_host_that_falls_silent_during_the_sign_in_is_noticed_within_fifteen_seconds() {
    let me = Process::new("id").arg("-un").output().expect("a user").stdout;
    let me = format!("AuthorizedKeysCommandUser {}", String::from_utf8(me).expect("a name").trim());
    // It looks for the key without an end, and says nothing meanwhile.
    let looks = ["AuthorizedKeysFile none", "AuthorizedKeysCommand /bin/sleep 60", &me].map(str::to_owned).to_vec();
    let sshd = Plain::configured(HOST, &Arc::new(Operator::new()), |_| looks);
    let start = Instant::now();
    let silent = trouble(&hosts(&sshd, "operator"), &Command::new(["true"]), LIMIT).await;
    assert!(matches!(&silent, Trouble::Unreachable(why) if why.contains("timed out")), "{silent}");
    assert!(start.elapsed() < Duration::from_secs(16), "{:?}", start.elapsed());
}

#[tokio::test]
async fn an_answer_that_was_cut_off_leaves_it_open_whether_the_command_ran() {
    let sshd = Plain::start();
    let hosts = hosts(&sshd, "operator");
    let command = Command::script("touch \"$1\"; sleep 9", [sshd.operator().path().join("ran").display().to_string()]);
    let lost = tokio::join!(trouble(&hosts, &command, LIMIT), async {
        while !sshd.operator().path().join("ran").exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        sshd.end_connections();
    });
    assert!(matches!(lost.0, Trouble::Lost(_)), "{}", lost.0);
}
