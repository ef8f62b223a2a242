//! The port over SSH keeps the contracts of hosts, on a real sshd with real shells, whose jobs are in a folder of each test.

use std::process::{Command as Process, Stdio};
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use cutover_contract::{HOST_CONTRACTS, HostStage, each_host_contract};
use cutover_core::names::InstanceId;
use cutover_engine::ports::{Answer, Clock};
use cutover_rig::{Host, Plain};
use cutover_ssh::{HostKeys, HostsOverSsh, Inventory};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;

use super::support::{HOST, hosts};

/// Every host is this machine.
struct Here;

#[async_trait(?Send)]
impl Inventory for Here {
    async fn address(&self, _: &InstanceId) -> Answer<String> {
        Ok(HOST.to_owned())
    }

    async fn host_keys(&self, _: &InstanceId) -> Answer<HostKeys> {
        Ok(HostKeys::default())
    }
}

/// This machine's clock.
struct WallClock;

#[async_trait(?Send)]
impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn up(&self) -> Duration {
        cutover_core::time::between(Timestamp::UNIX_EPOCH, self.now())
    }

    fn sleep(&self, length: Duration) -> LocalBoxFuture<'_, ()> {
        tokio::time::sleep(length).boxed_local()
    }
}

/// What a restart of the host would do to the jobs in `folder`: their processes are asked to end and then killed, and the
/// boot id is another one.
fn restart(folder: &str) {
    let script = "for job in \"$1\"/*/; do read -r pid _ writer <\"$job/pids\"; kill -s TERM -- \"-$pid\"; sleep 0.3; \
                  kill -s KILL -- \"-$pid\" \"$writer\"; \
                  sed -i 's/boot=[^ ]*/boot=another/' \"$job/start\"; done; true";
    let mut shell = Process::new("/bin/sh");
    let done = shell.args(["-c", script, "restart", folder]).stderr(Stdio::null()).status().expect("a shell");
    assert!(done.success());
}

async fn is_kept(name: &str) {
    let contract = HOST_CONTRACTS.iter().find(|contract| contract.name == name).expect("a contract of that name");
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
    let kept = (contract.run)(&stage).await;
    // Whatever still runs ends with the test.
    restart(&folder);
    if let Err(broken) = kept {
        panic!("{name}: {broken}");
    }
}

macro_rules! tests {
    ($($name:ident),+ $(,)?) => {
        $(#[tokio::test]
        async fn $name() {
            is_kept(stringify!($name)).await;
        })+
    };
}
each_host_contract!(tests);
