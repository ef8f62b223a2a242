//! How the tests reach a host of the rig.

use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use cutover_contract::WallClock;
use cutover_core::names::InstanceId;
use cutover_engine::gate::Gate;
use cutover_engine::ports::{Answer, Clock, Hosts};
use cutover_hosts::command::Command;
use cutover_hosts::job::{Job, JobStart};
use cutover_rig::{Host, Plain};
use cutover_ssh::{HostKeys, HostsOverSsh, Inventory, Peer, Settings, SshHosts};

/// The address of every host here.
pub(crate) const HOST: &str = "127.0.0.1";

/// The settings of an operator who has this key, with these lines in the configuration of OpenSSH.
pub(crate) fn settings(sshd: &Plain, key: &str, lines: &str) -> Settings {
    Settings { config: Some(sshd.config(key, lines)), connect_timeout: Duration::from_secs(3), ..Settings::default() }
}

/// The hosts as that operator reaches them.
pub(crate) fn hosts(sshd: &Plain, key: &str) -> SshHosts {
    SshHosts::new(settings(sshd, key, "")).expect("a folder for sockets")
}

/// The host at an address that no other host ever has.
pub(crate) fn at(address: &str) -> Peer {
    Peer { instance: address.into(), address: address.to_owned() }
}

/// Every host is this machine.
pub(crate) struct Here;

#[async_trait(?Send)]
impl Inventory for Here {
    async fn address(&self, _: &InstanceId) -> Answer<String> {
        Ok(HOST.to_owned())
    }

    async fn host_keys(&self, _: &InstanceId) -> Answer<HostKeys> {
        Ok(HostKeys::default())
    }
}

/// Starts a job that runs a shell script, which no conductor has started before.
pub(crate) async fn start(port: &HostsOverSsh, name: &str, script: &str) {
    start_job(port, name, Command::script(script, Vec::<String>::new())).await;
}

/// Starts a job that runs a command, which no conductor has started before.
pub(crate) async fn start_job(port: &HostsOverSsh, name: &str, command: Command) {
    start_this(port, &Job::new(name.into(), command)).await;
}

/// Starts a job that no conductor has started before.
pub(crate) async fn start_this(port: &HostsOverSsh, job: &Job) {
    let clock: Rc<dyn Clock> = Rc::new(WallClock);
    port.reach(&"i-1".into()).await.expect("a connection");
    let start = async |permit: &_| port.start_job(permit, &"i-1".into(), job).await;
    assert_eq!(Gate::alone(&clock).write("test", start).await.expect("it starts"), JobStart::Started);
}
