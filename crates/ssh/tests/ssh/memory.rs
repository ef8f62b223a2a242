//! Hosts that print without an end, all at the same time, do not use up this computer's memory.

use std::time::Duration;

use cutover_core::plan::Work;
use cutover_hosts::command::Command;
use cutover_rig::{Host, Plain};
use cutover_ssh::{Peer, Settings, SshHosts, Trouble};
use futures_util::future::join_all;

use super::support::{HOST, at, settings};

/// How much memory a conductor may use for a thousand hosts, in kB.
const ROOM: usize = 200 << 10;
/// How many hosts print at the same time here. What each of them needs tells what as many need as the engine asks at once.
const HOSTS: usize = 16;
const LIMIT: Duration = Duration::from_secs(60);

/// A figure about this process's memory, in kB.
fn memory(figure: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells it");
    let line = status.lines().find(|line| line.starts_with(figure)).expect("it is there");
    line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a number")
}

/// The memory that this process uses now. From now on, the most that it has used is measured anew.
fn measured_from_now_on() -> usize {
    std::fs::write("/proc/self/clear_refs", "5").expect("Linux forgets the peak");
    memory("VmRSS:")
}

#[tokio::test]
async fn hosts_that_print_without_an_end_use_little_memory_and_are_told() {
    let sshd = Plain::start();
    // Every name leads to this one sshd, over a connection of its own.
    let port = sshd.port();
    let everywhere = format!("Host host-*\n  HostName {HOST}\n  Port {port}\n  HostKeyAlias [{HOST}]:{port}\n");
    let settings = Settings { connect_timeout: Duration::from_secs(20), ..settings(&sshd, "operator", &everywhere) };
    let hosts = SshHosts::new(settings).expect("a folder for sockets");
    let peers: Vec<Peer> = (0..HOSTS).map(|number| at(&format!("host-{number}"))).collect();
    let ask = async |script: &str| {
        let command = Command::script(script, Vec::<String>::new());
        join_all(peers.iter().map(|peer| hosts.run(peer, &command, b"", LIMIT))).await
    };
    // Connections that are kept. One sshd takes no more than ten at a time that are not signed in yet.
    for few in peers.chunks(8) {
        let answers = join_all(few.iter().map(|peer| hosts.user(peer))).await;
        answers.into_iter().for_each(|user| drop(user.expect("a connection")));
    }
    let before = measured_from_now_on();
    for answer in ask("head -c 4000000 /dev/zero >&2; head -c 1000000 /dev/zero").await {
        let output = answer.expect("an answer");
        assert_eq!(output.stdout.len(), 1_000_000);
        assert!(output.stderr.len() <= 64 << 10, "{}", output.stderr.len());
    }
    for answer in ask("head -c 8000000 /dev/zero").await {
        assert!(matches!(&answer, Err(Trouble::TooLarge(limit)) if limit == "1 MB"), "{answer:?}");
    }
    let each = (memory("VmHWM:") - before) / HOSTS;
    assert!(each >= 900, "{each} kB for each host, although an answer of 1 MB of each was kept");
    let at_once = Work::Connections.side_by_side().expect("a limit");
    let needed = before + at_once * each;
    assert!(needed < ROOM, "{each} kB for each host, and {needed} kB for {at_once} at the same time");
}
