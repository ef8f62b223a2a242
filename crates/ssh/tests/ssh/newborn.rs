//! A host that the operator's files do not know is known by the keys on its console, and by nothing else.

use std::cell::Cell;
use std::rc::Rc;

use async_trait::async_trait;
use cutover_core::names::InstanceId;
use cutover_engine::failure::FailureClass;
use cutover_engine::ports::{Answer, Hosts};
use cutover_hosts::command::{Ask, Command};
use cutover_rig::{Host, Plain};
use cutover_ssh::{HostKeys, HostsOverSsh, Inventory};

use super::support::hosts;

/// A cloud that shows this console of each of its instances.
struct Cloud {
    console: String,
    looks: Cell<u32>,
}

#[async_trait(?Send)]
impl Inventory for Cloud {
    async fn address(&self, _: &InstanceId) -> Answer<String> {
        Ok("127.0.0.1".to_owned())
    }

    async fn host_keys(&self, _: &InstanceId) -> Answer<HostKeys> {
        self.looks.set(self.looks.get() + 1);
        Ok(HostKeys::of_console(&self.console))
    }
}

fn on(sshd: &Plain, console: String) -> (HostsOverSsh, Rc<Cloud>) {
    let cloud = Rc::new(Cloud { console, looks: Cell::new(0) });
    let inventory = Rc::clone(&cloud) as Rc<dyn Inventory>;
    (HostsOverSsh::new(Rc::new(hosts(sshd, "operator")), inventory, "/nonexistent".to_owned()), cloud)
}

/// A key that nobody has.
const OTHER_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ1dCBub2JvZHkgaGFzIHRoaXMga2V5LCBpdCBpcyB0ZXh0";

/// What a host with this key would have written to its console.
fn console(key: &str) -> String {
    format!("-----BEGIN SSH HOST KEY KEYS-----\r\n{key}\r\n-----END SSH HOST KEY KEYS-----\r\n")
}

fn question() -> Ask {
    Ask::new(Command::new(["true"]))
}

#[tokio::test]
async fn a_newborn_host_is_known_by_the_keys_on_its_console() {
    let sshd = Plain::start();
    sshd.operator().knows_nobody();
    let (hosts, cloud) = on(&sshd, console(sshd.key()));
    for _ in 0..2 {
        let said = hosts.ask(&"i-1".into(), &question()).await.expect("an answer");
        assert_eq!(said.exit, 0);
    }
    assert_eq!(cloud.looks.get(), 1, "the keys are asked for once");
}

#[tokio::test]
async fn a_newborn_host_at_an_address_that_another_host_had_is_known_by_the_keys_on_its_console() {
    let sshd = Plain::start();
    sshd.operator().takes_for(sshd.endpoint(), "stranger");
    let (hosts, _) = on(&sshd, console(sshd.key()));
    hosts.ask(&"i-1".into(), &question()).await.expect("an answer");
}

#[tokio::test]
async fn somebody_with_another_key_than_the_console_shows_is_told_nothing() {
    let sshd = Plain::start();
    sshd.operator().knows_nobody();
    let (hosts, cloud) = on(&sshd, console(OTHER_KEY));
    for _ in 0..2 {
        let failure = hosts.ask(&"i-1".into(), &question()).await.expect_err("it is another host");
        assert_eq!(failure.class, FailureClass::Permanent);
        assert!(failure.to_string().contains("another key than its console shows"), "{failure}");
    }
    assert_eq!((sshd.sign_ins(), cloud.looks.get()), (0, 1));
}

#[tokio::test]
async fn a_host_that_the_operators_files_know_needs_no_console() {
    let sshd = Plain::start();
    let (hosts, cloud) = on(&sshd, String::new());
    hosts.ask(&"i-1".into(), &question()).await.expect("an answer");
    assert_eq!(cloud.looks.get(), 0);
    sshd.operator().knows_nobody();
    let (hosts, _) = on(&sshd, String::new());
    let failure = hosts.ask(&"i-1".into(), &question()).await.expect_err("nobody knows it");
    assert!(failure.to_string().contains("host key is not known"), "{failure}");
}
