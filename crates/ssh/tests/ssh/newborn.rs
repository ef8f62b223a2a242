//! A host that the operator's files do not know is known by the keys on its console, and by nothing else.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use async_trait::async_trait;
use cutover_core::names::InstanceId;
use cutover_engine::failure::FailureClass;
use cutover_engine::ports::{Answer, Hosts};
use cutover_hosts::command::{Ask, Command};
use cutover_rig::{Host, Operator, Plain};
use cutover_ssh::{HostKeys, HostsOverSsh, Inventory, Settings, SshHosts};

use super::support::{HOST, hosts};

/// A cloud that shows this console of each of its instances.
struct Cloud {
    console: RefCell<String>,
    looks: Cell<u32>,
    /// Where each instance is, as it was found, and where it will be found after that is forgotten.
    found: RefCell<String>,
    address: RefCell<String>,
}

#[async_trait(?Send)]
impl Inventory for Cloud {
    async fn address(&self, _: &InstanceId) -> Answer<String> {
        Ok(self.found.borrow().clone())
    }

    async fn host_keys(&self, _: &InstanceId) -> Answer<HostKeys> {
        self.looks.set(self.looks.get() + 1);
        Ok(HostKeys::of_console(&self.console.borrow()))
    }

    fn forget(&self, _: &InstanceId) {
        self.found.replace(self.address.borrow().clone());
    }
}

fn on(sshd: &Plain, console: String) -> (HostsOverSsh, Rc<Cloud>) {
    cloud_of(hosts(sshd, "operator"), console)
}

fn cloud_of(ssh: SshHosts, console: String) -> (HostsOverSsh, Rc<Cloud>) {
    let here = || RefCell::new(HOST.to_owned());
    let (console, looks) = (RefCell::new(console), Cell::new(0));
    let cloud = Rc::new(Cloud { console, looks, found: here(), address: here() });
    let inventory = Rc::clone(&cloud) as Rc<dyn Inventory>;
    (HostsOverSsh::new(Rc::new(ssh), inventory, "/nonexistent".to_owned()), cloud)
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

/// What comes of a question. One over a connection that has ended fails, and the next one makes another connection.
async fn asked(hosts: &HostsOverSsh, instance: &str) -> Result<(), String> {
    let ask = async || hosts.ask(&instance.into(), &question()).await;
    let answer = match ask().await {
        Err(failure) if failure.class == FailureClass::NotApplied => ask().await,
        answer => answer,
    };
    answer.map(drop).map_err(|failure| failure.to_string())
}

#[tokio::test]
async fn a_host_that_gets_the_address_of_a_dead_one_is_known_by_its_own_keys_alone() {
    let mut sshd = Plain::start();
    sshd.operator().knows_nobody();
    let (hosts, cloud) = on(&sshd, console(sshd.key()));
    hosts.ask(&"i-1".into(), &question()).await.expect("an answer");
    sshd.replace();
    // The console of somebody else, as if another host had taken the address: nobody is told anything.
    let failure = asked(&hosts, "i-2").await.expect_err("its console shows another key");
    assert!(failure.contains("another key than its console shows"), "{failure}");
    *cloud.console.borrow_mut() = console(sshd.key());
    asked(&hosts, "i-3").await.expect("an answer");
    let failure = asked(&hosts, "i-1").await.expect_err("it is another host");
    assert!(failure.contains("i-1") && failure.contains("another key than its console shows"), "{failure}");
    asked(&hosts, "i-3").await.expect("an answer");
}

#[tokio::test]
async fn a_host_that_has_rebooted_is_known_by_the_keys_that_it_had() {
    let mut sshd = Plain::start();
    sshd.operator().knows_nobody();
    let (hosts, cloud) = on(&sshd, console(sshd.key()));
    hosts.ask(&"i-1".into(), &question()).await.expect("an answer");
    sshd.reboot();
    asked(&hosts, "i-1").await.expect("an answer");
    assert_eq!(cloud.looks.get(), 1, "the keys are asked for once");
}

#[tokio::test]
async fn a_host_whose_address_now_belongs_to_another_one_is_reached_where_it_is() {
    const ELSEWHERE: &str = "127.0.0.2";
    for was_reached in [true, false] {
        let operator = Arc::new(Operator::new());
        let (mut first, moved) = (Plain::at(HOST, &operator), Plain::at(ELSEWHERE, &operator));
        operator.knows_nobody();
        let config = operator.config("operator", "", &[first.endpoint(), moved.endpoint()]);
        let settings = Settings { config: Some(config), ..Settings::default() };
        let ssh = SshHosts::new(settings).expect("a folder for sockets");
        // The instance has both keys: it is the same one before and after.
        let (hosts, cloud) = cloud_of(ssh, console(&format!("{}\r\n{}", first.key(), moved.key())));
        if was_reached {
            asked(&hosts, "i-1").await.expect("an answer");
        }
        first.replace();
        *cloud.address.borrow_mut() = ELSEWHERE.to_owned();
        asked(&hosts, "i-1").await.expect("an answer");
        assert_eq!((first.sign_ins(), moved.sign_ins()), (usize::from(was_reached), 1));
    }
}
