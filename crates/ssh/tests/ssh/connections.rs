//! Commands reach the host as they are, over one connection that is made again when it has ended.

use std::process::Command as Process;
use std::rc::Rc;
use std::time::Duration;

use cutover_contract::WallClock;
use cutover_engine::failure::FailureClass;
use cutover_engine::gate::Gate;
use cutover_engine::ports::{Clock, Hosts};
use cutover_hosts::command::{Command, EXIT_TIMED_OUT};
use cutover_hosts::job::Job;
use cutover_rig::{Host, Plain};
use cutover_ssh::{HostsOverSsh, SshHosts};

use super::support::{HOST, Here, at, hosts};

const LIMIT: Duration = Duration::from_secs(5);

async fn said(hosts: &SshHosts, words: &[&str]) -> (i32, String) {
    let output = hosts.run(&at(HOST), &Command::new(words.iter().copied()), b"", LIMIT).await.expect("an answer");
    (output.exit, String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test]
async fn arguments_input_output_and_exit_status_arrive_as_they_are() {
    let sshd = Plain::start();
    let hosts = hosts(&sshd, "operator");
    let words = ["printf", "%s|", "two words", "$HOME", "it's", "", "a\nline", "*"];
    assert_eq!(said(&hosts, &words).await, (0, "two words|$HOME|it's||a\nline|*|".to_owned()));
    let input = vec![b'x'; 1 << 20];
    let counted = hosts.run(&at(HOST), &Command::new(["wc", "-c"]), &input, LIMIT).await.expect("an answer");
    assert_eq!(String::from_utf8_lossy(&counted.stdout).trim(), input.len().to_string());
    let large = Command::script("head -c 1000000 /dev/zero; echo oops >&2; exit 7", Vec::<String>::new());
    let output = hosts.run(&at(HOST), &large, b"", LIMIT).await.expect("an answer");
    assert_eq!((output.exit, output.stdout.len(), output.stderr), (7, 1_000_000, b"oops\n".to_vec()));
    // What a command complains about last is why it failed, however much it has said before.
    let long = Command::script(
        "head -c 1000000 /dev/zero | tr '\\0' x >&2; echo; echo >&2; echo 'no route' >&2; exit 7",
        [""],
    );
    let output = hosts.run(&at(HOST), &long, b"", LIMIT).await.expect("an answer");
    assert_eq!((output.said().last_line(), output.stdout), ("no route", b"\n".to_vec()));
    // Neither a missing program nor a killed one is taken for a lost connection.
    assert_eq!(said(&hosts, &["/nonexistent"]).await.0, 127);
    assert_eq!(said(&hosts, &["sh", "-c", "kill -9 $$"]).await.0, 137);
    assert_eq!(said(&hosts, &["true"]).await, (0, String::new()));
    assert_eq!(sshd.sign_ins(), 1, "one connection for all of them");
}

#[tokio::test]
async fn an_answer_is_complete_although_something_in_the_background_keeps_its_output_open() {
    let sshd = Plain::start();
    let hosts = hosts(&sshd, "operator");
    let leaves = Command::script("sleep 600.5 & echo done; echo said >&2", Vec::<String>::new());
    // Without a limit of its own, the answer would be waited for as long as the process runs.
    let peer = at(HOST);
    let answer = hosts.run(&peer, &leaves, b"", Duration::from_secs(500));
    let answer = tokio::time::timeout(Duration::from_secs(100), answer).await;
    Process::new("pkill").args(["-f", "sleep 600.5"]).status().expect("pkill");
    let output = answer.expect("the answer is not waited for to the end of its limit").expect("an answer");
    assert_eq!((output.exit, output.stdout, output.stderr), (0, b"done\n".to_vec(), b"said\n".to_vec()));
    assert_eq!(said(&hosts, &["true"]).await, (0, String::new()));
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_ended_on_the_host() {
    let sshd = Plain::start();
    let hosts = hosts(&sshd, "operator");
    let slow = Command::new(["sleep", "600.75"]);
    let output = hosts.run(&at(HOST), &slow, b"", Duration::from_secs(1)).await.expect("an answer");
    assert_eq!(output.exit, EXIT_TIMED_OUT);
    let left = Process::new("pgrep").args(["-f", "sleep 600.75"]).status().expect("pgrep");
    assert!(!left.success(), "it still runs");
}

#[tokio::test]
async fn commands_at_the_same_time_share_a_connection_and_each_gets_its_own_answer() {
    let sshd = Plain::start();
    let hosts = hosts(&sshd, "operator");
    let numbers: Vec<String> = (0..8).map(|number| number.to_string()).collect();
    let words: Vec<[&str; 2]> = numbers.iter().map(|number| ["echo", number.as_str()]).collect();
    let (a, b, c, d, e, f, g, h) = tokio::join!(
        said(&hosts, &words[0]),
        said(&hosts, &words[1]),
        said(&hosts, &words[2]),
        said(&hosts, &words[3]),
        said(&hosts, &words[4]),
        said(&hosts, &words[5]),
        said(&hosts, &words[6]),
        said(&hosts, &words[7])
    );
    for (number, (exit, said)) in [a, b, c, d, e, f, g, h].into_iter().enumerate() {
        assert_eq!((exit, said.trim()), (0, numbers[number].as_str()));
    }
    assert_eq!(sshd.sign_ins(), 1);
}

#[tokio::test]
async fn a_connection_that_has_ended_is_made_again() {
    let sshd = Plain::start();
    let hosts = hosts(&sshd, "operator");
    assert_eq!(said(&hosts, &["echo", "one"]).await.1, "one\n");
    sshd.end_connections();
    let mut again = hosts.run(&at(HOST), &Command::new(["echo", "two"]), b"", LIMIT).await;
    if again.is_err() {
        again = hosts.run(&at(HOST), &Command::new(["echo", "two"]), b"", LIMIT).await;
    }
    assert_eq!(again.expect("a new connection").stdout, b"two\n");
}

#[tokio::test]
async fn an_order_is_sent_over_a_connection_that_exists_and_never_makes_one() {
    let sshd = Plain::start();
    let folder = sshd.operator().path().join("jobs").display().to_string();
    let port = HostsOverSsh::new(Rc::new(hosts(&sshd, "operator")), Rc::new(Here), folder);
    let clock: Rc<dyn Clock> = Rc::new(WallClock);
    let job = Job::new("job".into(), Command::new(["true"]));
    let start = async || {
        let start = async |permit: &_| port.start_job(permit, &"i-1".into(), &job).await;
        Gate::alone(&clock).write("test", start).await.map_err(|error| error.into_failure().class)
    };
    assert_eq!(start().await, Err(FailureClass::NotApplied));
    assert_eq!(sshd.sign_ins(), 0);
    port.reach(&"i-1".into()).await.expect("a connection");
    assert!(start().await.is_ok());
    // A connection that has ended is noticed, and made again by whoever reaches the host.
    sshd.end_connections();
    assert!(start().await.is_err());
    assert_eq!(start().await, Err(FailureClass::NotApplied));
    port.reach(&"i-1".into()).await.expect("a connection");
    assert!(start().await.is_ok());
    assert_eq!(sshd.sign_ins(), 2);
}

#[tokio::test]
async fn connections_end_with_the_value_that_made_them() {
    let sshd = Plain::start();
    let hosts = hosts(&sshd, "operator");
    assert_eq!(said(&hosts, &["true"]).await.0, 0);
    assert_eq!(sshd.connections(), 1);
    drop(hosts);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(sshd.connections(), 0);
}
