//! The engine's port for hosts, over SSH: questions as they are, and jobs through the helper that keeps them on a host.

use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;

use cutover_core::names::{InstanceId, JobName};
use cutover_core::words::last_line;
use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Answer, Hosts};
use cutover_hosts::command::{Ask, Command, Said};
use cutover_hosts::envelope::Output;
use cutover_hosts::job::{self, Job, JobReport, JobStart, Reply, Request, Signal};

use crate::host_keys::HostKeys;
use crate::hosts::{Peer, SshHosts};
use crate::trouble::Trouble;

/// How long the helper may take: less than the time that the engine gives to an attempt.
const LIMIT: Duration = Duration::from_secs(15);
/// How long a host may take to shut down and to boot. systemd gives services 90 s to end.
const RESTARTS_WITHIN: Duration = Duration::from_secs(600);
/// How many bytes of a job's output are read at a time.
const AT_ONCE: u64 = 256 << 10;

const ANOTHER_HOST: &str = "find out who answers there before anything else: it may not be this instance";

/// What the cloud knows about its instances: where they are reached, and by which keys they are known.
#[async_trait(?Send)]
pub trait Inventory {
    /// The name or address at which `ssh` reaches an instance.
    async fn address(&self, host: &InstanceId) -> Answer<String>;

    /// The keys of an instance, if the cloud can tell: they are asked for when the operator's files do not know the host,
    /// or know another one at its address.
    async fn host_keys(&self, host: &InstanceId) -> Answer<HostKeys>;

    /// The connection to the host has ended, or none could be made at its address, which may have changed or belong to
    /// another host: the cloud is asked again next time.
    fn forget(&self, _host: &InstanceId) {}
}

/// Hosts that are reached over SSH, as the engine needs them.
pub struct HostsOverSsh {
    ssh: Rc<SshHosts>,
    inventory: Rc<dyn Inventory>,
    /// Where hosts keep their jobs.
    folder: String,
}

/// A host to which there is a connection.
struct Connected {
    peer: Peer,
    /// The user that commands run as there.
    user: String,
}

/// A call, which decides what is known after it has failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Reads,
    Writes,
}

impl HostsOverSsh {
    /// The hosts of this inventory. They keep their jobs in `folder`, an absolute path such as `/var/lib/cutover`.
    #[must_use]
    pub fn new(ssh: Rc<SshHosts>, inventory: Rc<dyn Inventory>, folder: String) -> Self {
        Self { ssh, inventory, folder }
    }

    /// Makes the connection to a host, unless there is one.
    async fn connect(&self, host: &InstanceId) -> Answer<Connected> {
        if let Some((peer, user)) = self.ssh.connected(host) {
            return Ok(Connected { peer, user });
        }
        let mut peer = self.peer(host).await?;
        let mut signed_in = self.sign_in(&peer).await?;
        if signed_in.as_ref().is_err_and(Trouble::is_about_the_host_key) {
            // The address may have become another host's since the cloud was asked.
            self.inventory.forget(host);
            let now = self.peer(host).await?;
            if now != peer {
                signed_in = self.sign_in(&now).await?;
                peer = now;
            }
        }
        signed_in.map_err(|trouble| {
            self.inventory.forget(host);
            self.not_signed_in(&peer, &trouble)
        })
    }

    fn not_signed_in(&self, peer: &Peer, trouble: &Trouble) -> Failure {
        let Peer { instance, address } = peer;
        if trouble.is_about_the_host_key() && self.ssh.knows(instance) {
            let why = format!("{instance}: who answers at {address} has another key than its console shows");
            return Failure::permanent(why).with_hint(ANOTHER_HOST);
        }
        failure(Call::Reads, instance, trouble)
    }

    /// A host, and where the cloud says that it is.
    async fn peer(&self, host: &InstanceId) -> Answer<Peer> {
        Ok(Peer { instance: host.clone(), address: self.inventory.address(host).await? })
    }

    /// Signs in to a host. If nobody knows its key, the cloud is asked for it.
    async fn sign_in(&self, peer: &Peer) -> Answer<Result<Connected, Trouble>> {
        let mut user = self.ssh.user(peer).await;
        if user.as_ref().is_err_and(Trouble::is_about_the_host_key) && self.learns_keys(&peer.instance).await? {
            user = self.ssh.user(peer).await;
        }
        Ok(user.map(|user| Connected { peer: peer.clone(), user }))
    }

    /// The connection to a host as it was made before. A write uses no other one: it would wait for it with its permit.
    fn existing(&self, host: &InstanceId) -> Answer<Connected> {
        let connected = self.ssh.connected(host).map(|(peer, user)| Connected { peer, user });
        connected
            .ok_or_else(|| Failure::not_applied(format!("{host}: there is no connection to it, so nothing was sent")))
    }

    /// Asks the cloud for the keys of a host, unless that was done before. Returns whether there are any.
    async fn learns_keys(&self, host: &InstanceId) -> Answer<bool> {
        if self.ssh.knows(host) {
            return Ok(false);
        }
        let keys = self.inventory.host_keys(host).await?;
        if keys.is_empty() {
            return Ok(false);
        }
        self.ssh.know(host, &keys).map_err(|error| {
            Failure::permanent(format!("{host}: its host keys could not be written to a temporary folder: {error}"))
        })?;
        Ok(true)
    }

    /// Runs a command. A connection that has ended by then is made at the address that the cloud tells next.
    async fn run(&self, peer: &Peer, command: &Command, input: &[u8], limit: Duration) -> Result<Output, Trouble> {
        let output = self.ssh.run(peer, command, input, limit).await;
        if output.is_err() && self.ssh.connected(&peer.instance).is_none() {
            self.inventory.forget(&peer.instance);
        }
        output
    }

    /// What the helper on a host replies to a request. `offset` is where its output was asked from.
    async fn reply(&self, call: Call, host: &InstanceId, request: &Request<'_>, offset: u64) -> Answer<Reply> {
        let Connected { peer, user } = match call {
            Call::Reads => self.connect(host).await?,
            Call::Writes => self.existing(host)?,
        };
        let command = request.command(&self.folder, &user);
        let output = self.run(&peer, &command, request.input(), LIMIT).await;
        let output = output.map_err(|trouble| failure(call, host, &trouble))?;
        match job::read(&output.stdout, offset) {
            Ok(Reply::Superseded(seen)) => Err(Failure::new(
                FailureClass::Superseded,
                format!("{host} has seen the conductor of epoch {seen}, and refuses what an earlier one wants"),
            )),
            Ok(Reply::Failed(why)) => {
                Err(Failure::permanent(format!("{host}: {why}{}", because(&output.said().stderr))))
            }
            Ok(Reply::NotNow(why)) => {
                Err(Failure::not_applied(format!("{host}: {why}{}", because(&output.said().stderr))))
            }
            Ok(reply) => Ok(reply),
            // The helper was interrupted, or something else answered: a write may have been carried out.
            Err(why) => Err(unclear(call, format!("{host}: {why}; it says: {}", output.said().last_line()))),
        }
    }
}

/// What a program of the host has complained about, as the end of a message.
fn because(stderr: &str) -> String {
    let line = last_line(stderr);
    line.map(|line| format!(" ({line})")).unwrap_or_default()
}

fn unclear(call: Call, message: String) -> Failure {
    match call {
        Call::Reads => Failure::not_applied(message),
        Call::Writes => Failure::in_doubt(message),
    }
}

/// What is known after a command had no answer.
fn failure(call: Call, host: &InstanceId, trouble: &Trouble) -> Failure {
    let failure = Failure::new(class(call, trouble), format!("{host}: {trouble}")).with_hint(trouble.hint());
    if trouble.may_be_a_restart() { failure.passes_within(RESTARTS_WITHIN) } else { failure }
}

fn class(call: Call, trouble: &Trouble) -> FailureClass {
    match trouble {
        Trouble::OnTheWay(trouble) => class(call, trouble),
        trouble if call == Call::Writes && trouble.may_have_run() => FailureClass::InDoubt,
        Trouble::Lost(_)
        | Trouble::Silent(_)
        | Trouble::StuckBefore(_)
        | Trouble::Unreachable(_)
        | Trouble::NotBegun(_)
        // A host that has too many processes to list may have fewer soon.
        | Trouble::TooLarge(_) => FailureClass::NotApplied,
        Trouble::KeyRefused(_)
        | Trouble::HostKeyUnknown(_)
        | Trouble::HostKeyChanged { .. }
        | Trouble::Unusable(_)
        | Trouble::NoSudo(_) => FailureClass::Permanent,
    }
}

/// A reply that does not belong to the request.
fn other<T>(call: Call, host: &InstanceId, reply: &Reply) -> Answer<T> {
    Err(unclear(call, format!("{host} gave a reply about another request: {reply:?}")))
}

/// A dry run changes nothing on hosts.
fn check(permit: &Permit) -> Answer<u64> {
    match permit.is_dry() {
        true => Err(Failure::permanent("a dry run changes nothing on hosts")),
        false => Ok(permit.epoch()),
    }
}

#[async_trait(?Send)]
impl Hosts for HostsOverSsh {
    async fn ask(&self, host: &InstanceId, ask: &Ask) -> Answer<Said> {
        let Connected { peer, .. } = self.connect(host).await?;
        let output = self.run(&peer, &ask.command, b"", ask.limit).await;
        output.map(|output| output.said()).map_err(|trouble| failure(Call::Reads, host, &trouble))
    }

    async fn reach(&self, host: &InstanceId) -> Answer<()> {
        self.connect(host).await.map(drop)
    }

    async fn start_job(&self, permit: &Permit, host: &InstanceId, job: &Job) -> Answer<JobStart> {
        let request = Request::Start { job, epoch: check(permit)? };
        match self.reply(Call::Writes, host, &request, 0).await? {
            Reply::Started => Ok(JobStart::Started),
            Reply::Found => Ok(JobStart::Found),
            reply => other(Call::Writes, host, &reply),
        }
    }

    async fn job(&self, host: &InstanceId, name: &JobName, offset: u64) -> Answer<Option<JobReport>> {
        let request = Request::Read { name, offset, maximum: AT_ONCE };
        match self.reply(Call::Reads, host, &request, offset).await? {
            Reply::None => Ok(None),
            Reply::Report(report) => Ok(Some(*report)),
            reply => other(Call::Reads, host, &reply),
        }
    }

    async fn signal_job(&self, permit: &Permit, host: &InstanceId, name: &JobName, signal: Signal) -> Answer<bool> {
        let request = Request::Signal { name, epoch: check(permit)?, signal };
        match self.reply(Call::Writes, host, &request, 0).await? {
            Reply::Signalled => Ok(true),
            Reply::NotRunning => Ok(false),
            reply => other(Call::Writes, host, &reply),
        }
    }

    async fn collect_job(&self, permit: &Permit, host: &InstanceId, name: &JobName) -> Answer<()> {
        let request = Request::Collect { name, epoch: check(permit)? };
        match self.reply(Call::Writes, host, &request, 0).await? {
            Reply::Collected => Ok(()),
            reply => other(Call::Writes, host, &reply),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_answer_leaves_a_write_in_doubt_and_what_was_never_sent_does_not() {
        let class = |call, trouble: Trouble| failure(call, &"i-1".into(), &trouble).class;
        for may_have_run in
            [Trouble::Lost, Trouble::Silent, Trouble::StuckBefore, Trouble::TooLarge].map(|of| of(String::new()))
        {
            assert_eq!(class(Call::Writes, may_have_run.clone()), FailureClass::InDoubt);
            assert_eq!(class(Call::Reads, may_have_run), FailureClass::NotApplied);
        }
        for sent_nothing in [Trouble::Unreachable(String::new()), Trouble::NotBegun(String::new())] {
            assert_eq!(class(Call::Writes, sent_nothing), FailureClass::NotApplied);
        }
        for needs_somebody in
            [Trouble::KeyRefused, Trouble::HostKeyUnknown, Trouble::NoSudo].map(|of| of(String::new()))
        {
            assert_eq!(class(Call::Reads, needs_somebody), FailureClass::Permanent);
        }
    }
}
