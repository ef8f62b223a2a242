//! Containers on the host have crons of their own.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use super::cron::Cron;
use super::host::Host;
use crate::hold::{State, Verb};

#[test]
fn a_job_of_a_cron_in_a_container_is_not_waited_for() {
    let host = Host::new("active\n");
    let line = "sleep 31.65; true";
    host.write("edxapp", &format!("* * * * * root {line}\n"));
    let (cron, started) = (host.path("cron"), host.path("started"));
    std::fs::copy(std::fs::canonicalize("/bin/sh").expect("a shell"), &cron).expect("a shell");
    let script = format!("SHELL=/bin/sh sh -c \"$1\" & echo >{}; wait", started.display());
    let mut container = Command::new("unshare");
    container.args(["--pid", "--fork", "--kill-child=KILL"]).arg(&cron).args(["-c", &script, "cron", line]);
    let mut container = container.process_group(0).spawn().expect("it runs");
    while !started.exists() {
        // Only root may make a namespace.
        if container.try_wait().expect("its state").is_some() {
            return;
        }
        std::thread::yield_now();
    }
    let container = Cron(container);
    host.order(Verb::Hold);
    assert_eq!(host.states()[0], State::Held);
    drop(container);
}
