//! The port over SSH keeps the contracts of hosts, on a real sshd with real shells, whose jobs are in a folder of each test.

use std::process::Command as Process;
use std::rc::Rc;
use std::time::Duration;

use cutover_contract::{HostContract, HostStage, WallClock, host_contract_tests};
use cutover_rig::{Host, Plain};
use cutover_ssh::HostsOverSsh;
use futures_util::FutureExt;

use super::support::{Here, hosts};

/// Processes may have ended before they are told to. None is left afterwards.
const RESTART: &str = r#"
set -e
for job in "$1"/*/; do
    [ -e "$job/start" ] || continue
    sed -i 's/boot=[^ ]*/boot=another/' "$job/start"
    [ -e "$job/pids" ] || continue
    read -r pid _ writer <"$job/pids"
    kill -s TERM -- "-$pid" 2>/dev/null || true
    sleep 0.3
    kill -s KILL -- "-$pid" "$writer" 2>/dev/null || true
    while pgrep -g "$pid" >/dev/null; do sleep 0.02; done
done
"#;

/// What a restart of the host would do to the jobs in `folder`: their processes are asked to end and then killed, and the
/// boot id is another one.
fn restart(folder: &str) {
    let output = Process::new("/bin/sh").args(["-c", RESTART, "restart", folder]).output().expect("a shell");
    assert!(output.status.success(), "{output:?}");
}

async fn is_kept(name: &str) {
    let sshd = Plain::start();
    let ssh = Rc::new(hosts(&sshd, "operator"));
    let folder = sshd.operator().path().join("jobs").display().to_string();
    let port = HostsOverSsh::new(Rc::clone(&ssh), Rc::new(Here), folder.clone());
    let jobs = folder.clone();
    let stage = HostStage {
        hosts: Rc::new(port),
        host: "i-1".into(),
        clock: Rc::new(WallClock),
        restart: Box::new(move || {
            restart(&jobs);
            std::future::ready(()).boxed_local()
        }),
        interval: Duration::from_millis(200),
        patience: Duration::from_secs(30),
    };
    let kept = (HostContract::named(name).run)(&stage).await;
    // Whatever still runs ends with the test.
    restart(&folder);
    if let Err(broken) = kept {
        panic!("{name}: {broken}");
    }
}

host_contract_tests!(async is_kept);
