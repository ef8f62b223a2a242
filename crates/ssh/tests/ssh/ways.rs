//! Ways in: through jump hosts, with an agent, and with certificates. cutover's rules hold on all of them.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cutover_engine::failure::FailureClass;
use cutover_engine::ports::Hosts;
use cutover_hosts::command::Command;
use cutover_rig::{Agent, Authority, Host, Operator, Plain};
use cutover_ssh::{HostKeys, HostsOverSsh, Peer, Settings, SshHosts, Trouble};

use super::support::{HOST, Here, at, hosts, settings};

const LIMIT: Duration = Duration::from_secs(5);
const JUMP_HOST: &str = "127.0.0.2";

/// A host, and a jump host on the way to it.
struct Behind {
    operator: Arc<Operator>,
    host: Plain,
    jump_host: Plain,
}

impl Behind {
    fn start() -> Self {
        let operator = Arc::new(Operator::new());
        let (host, jump_host) = (Plain::at(HOST, &operator), Plain::at(JUMP_HOST, &operator));
        Self { operator, host, jump_host }
    }

    /// The settings of an operator with these lines first in the configuration.
    fn settings(&self, lines: &str) -> Settings {
        let lines = format!("{lines}\nHost {HOST}\n  ProxyJump {JUMP_HOST}\n");
        let both = [self.host.endpoint(), self.jump_host.endpoint()];
        let config = self.host.operator().config("operator", &lines, &both);
        Settings { config: Some(config), connect_timeout: Duration::from_secs(3), ..Settings::default() }
    }

    fn hosts(&self, lines: &str) -> SshHosts {
        SshHosts::new(self.settings(lines)).expect("a folder for sockets")
    }
}

async fn answers(hosts: &SshHosts) -> Result<(), Trouble> {
    hosts.run(&at(HOST), &Command::new(["true"]), b"", LIMIT).await.map(drop)
}

/// What is wrong on the way.
fn on_the_way(answer: Result<(), Trouble>) -> Trouble {
    match answer {
        Err(Trouble::OnTheWay(trouble)) => *trouble,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_host_is_reached_through_a_jump_host() {
    let behind = Behind::start();
    answers(&behind.hosts("")).await.expect("an answer");
    assert_eq!((behind.host.sign_ins(), behind.jump_host.sign_ins()), (1, 1));
}

#[tokio::test]
async fn a_newborn_host_behind_a_jump_host_is_known_by_its_console_and_the_jump_host_by_the_operators_files() {
    let behind = Behind::start();
    let known = std::fs::read_to_string(behind.operator.path().join("known_hosts")).expect("it is there");
    let jump_host: String = known.lines().filter(|line| line.contains(JUMP_HOST)).collect();
    behind.operator.knows_lines(&(jump_host + "\n"));
    let hosts = behind.hosts("");
    let unknown = answers(&hosts).await.expect_err("nobody knows the host");
    assert!(matches!(&unknown, Trouble::HostKeyUnknown(why) if why.contains(HOST)), "{unknown}");
    let console =
        format!("-----BEGIN SSH HOST KEY KEYS-----\n{}\n-----END SSH HOST KEY KEYS-----\n", behind.host.key());
    hosts.know(&HOST.into(), &HostKeys::of_console(&console)).expect("written");
    answers(&hosts).await.expect("an answer");
}

#[tokio::test]
async fn several_jump_hosts_lead_to_a_host_and_the_key_of_each_is_checked() {
    let behind = Behind::start();
    let operator = &behind.operator;
    let first = Plain::at("127.0.0.3", operator);
    let lines = format!(
        "StrictHostKeyChecking no\nHost {HOST}\n  ProxyJump {}:{},{JUMP_HOST}\n",
        first.address(),
        first.port()
    );
    answers(&behind.hosts(&lines)).await.expect("an answer");
    let sign_ins = [&first, &behind.jump_host, &behind.host].map(Plain::sign_ins);
    assert_eq!(sign_ins, [1, 1, 1]);
    let known = std::fs::read_to_string(operator.path().join("known_hosts")).expect("it is there");
    let others: String =
        known.lines().filter(|line| !line.contains(first.address())).map(|line| format!("{line}\n")).collect();
    operator.knows_lines(&others);
    on_the_way(answers(&behind.hosts(&lines)).await);
    assert_eq!(first.sign_ins(), 1);
}

#[tokio::test]
async fn the_key_of_a_jump_host_is_checked_whatever_the_configuration_accepts() {
    let behind = Behind::start();
    let known = std::fs::read_to_string(behind.operator.path().join("known_hosts")).expect("it is there");
    let without_jump_host: String = known.lines().filter(|line| !line.contains(JUMP_HOST)).collect();
    behind.operator.knows_lines(&(without_jump_host + "\n"));
    for accepts in ["no", "accept-new"] {
        let hosts = behind.hosts(&format!("StrictHostKeyChecking {accepts}"));
        let unknown = on_the_way(answers(&hosts).await);
        assert!(matches!(&unknown, Trouble::HostKeyUnknown(why) if why.contains(JUMP_HOST)), "{unknown}");
    }
    assert_eq!(behind.jump_host.sign_ins(), 0);
}

#[tokio::test]
async fn a_jump_host_that_nobody_knows_is_not_taken_for_the_host() {
    let behind = Behind::start();
    behind.operator.knows_nobody();
    let port = HostsOverSsh::new(Rc::new(behind.hosts("")), Rc::new(Here), "/nonexistent".to_owned());
    let failure = port.reach(&"i-1".into()).await.expect_err("nobody knows it");
    assert_eq!(failure.class, FailureClass::Permanent);
    assert!(failure.to_string().contains("on the way to it: its host key is not known"), "{failure}");
    assert!(!failure.to_string().contains("console shows"), "{failure}");
}

#[tokio::test]
async fn a_jump_host_that_does_not_accept_the_key_is_told_apart_from_the_host() {
    let behind = Behind::start();
    let stranger = behind.operator.path().join("stranger").display().to_string();
    let settings = behind.settings("");
    let config = settings.config.as_ref().expect("a configuration");
    let text = std::fs::read_to_string(config).expect("it was written");
    let operator = behind.operator.path().join("operator").display().to_string();
    let of_host = format!("Host {HOST}\n  IdentityFile {operator}\nHost {JUMP_HOST}\n  IdentityFile {stranger}\n");
    std::fs::write(config, of_host + &text.replace(&format!("  IdentityFile {operator}\n"), "")).expect("written");
    let hosts = SshHosts::new(settings).expect("a folder for sockets");
    let refused = on_the_way(answers(&hosts).await);
    assert!(matches!(&refused, Trouble::KeyRefused(why) if why.contains(JUMP_HOST)), "{refused}");
}

#[tokio::test]
async fn a_silent_jump_host_is_given_up_within_the_connect_timeout_and_noticed_later() {
    let behind = Behind::start();
    let patient = "ConnectTimeout 600\nServerAliveInterval 0\n";
    let hosts = behind.hosts(patient);
    answers(&hosts).await.expect("an answer");
    behind.jump_host.fall_silent();
    let start = Instant::now();
    let slow = Command::new(["sleep", "60"]);
    let silent = hosts.run(&at(HOST), &slow, b"", Duration::from_secs(60)).await.expect_err("nobody answers");
    assert!(matches!(silent, Trouble::Lost(_) | Trouble::Silent(_) | Trouble::Unreachable(_)), "{silent}");
    assert!(start.elapsed() < Duration::from_secs(16), "{:?}", start.elapsed());
    let start = Instant::now();
    let unreachable = on_the_way(answers(&behind.hosts(patient)).await);
    assert!(matches!(unreachable, Trouble::Unreachable(_)), "{unreachable}");
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_command_that_leads_to_a_host_is_used_and_heard() {
    let behind = Behind::start();
    let config = behind.settings("").config.expect("a configuration");
    let way = behind.operator.path().join("way");
    std::fs::copy(config, &way).expect("written");
    let leads = format!("Host {HOST}\n  ProxyCommand ssh -F {} -W %h:%p {JUMP_HOST}\n", way.display());
    answers(&behind.hosts(&leads)).await.expect("an answer");
    assert_eq!(behind.jump_host.sign_ins(), 1);
    let fails = format!("Host {HOST}\n  ProxyCommand sh -c 'echo the VPN is down >&2; exit 1'\n");
    let unreachable = on_the_way(answers(&behind.hosts(&fails)).await);
    assert!(matches!(&unreachable, Trouble::Unreachable(why) if why == "the VPN is down"), "{unreachable}");
}

#[tokio::test]
async fn many_hosts_are_reached_through_a_jump_host_that_takes_ten_at_a_time() {
    let behind = Behind::start();
    let (port, key) = (behind.host.port(), format!("[{HOST}]:{}", behind.host.port()));
    let lines =
        format!("Host host-*\n  HostName {HOST}\n  Port {port}\n  HostKeyAlias {key}\n  ProxyJump {JUMP_HOST}\n");
    let hosts = behind.hosts(&lines);
    let peers: Vec<Peer> = (0..15).map(|number| at(&format!("host-{number}"))).collect();
    let users = futures_util::future::join_all(peers.iter().map(|peer| hosts.user(peer))).await;
    users.into_iter().for_each(|user| drop(user.expect("a connection")));
    assert_eq!(behind.jump_host.sign_ins(), peers.len());
}

#[tokio::test]
async fn a_key_that_only_an_agent_has_is_used() {
    let sshd = Plain::start();
    let agent = Agent::with_key(sshd.operator(), "operator");
    let lines = format!("IdentityAgent {}\nIdentitiesOnly no", agent.socket().display());
    let hosts = SshHosts::new(settings(&sshd, "stranger", &lines)).expect("a folder for sockets");
    answers(&hosts).await.expect("an answer");
}

/// A host that proves who it is by a certificate of this authority.
fn certified(authority: &Authority, address: &str, operator: &Arc<Operator>) -> Plain {
    Plain::configured(address, operator, |key: &Path| {
        vec![format!("HostCertificate {}", authority.sign_host(key, address).display())]
    })
}

#[tokio::test]
async fn hosts_with_a_certificate_of_a_host_authority_are_known_by_it() {
    let operator = Arc::new(Operator::new());
    let authority = Authority::new(&operator, "host-ca");
    let sshd = certified(&authority, HOST, &operator);
    operator.knows_nobody();
    let unknown = answers(&hosts(&sshd, "operator")).await.expect_err("nobody knows the authority");
    assert!(matches!(unknown, Trouble::HostKeyUnknown(_)), "{unknown}");
    operator.knows_lines(&authority.known_line());
    answers(&hosts(&sshd, "operator")).await.expect("known by the operator's own file");
    operator.knows_nobody();
    let file = operator.path().join("authorities");
    std::fs::write(&file, authority.known_line()).expect("written");
    let named = Settings { known_hosts: Some(file), ..settings(&sshd, "operator", "") };
    answers(&SshHosts::new(named).expect("a folder for sockets")).await.expect("known by the deployment's file");
}

#[tokio::test]
async fn jump_hosts_are_known_by_the_authority_that_the_deployment_file_names() {
    let operator = Arc::new(Operator::new());
    let authority = Authority::new(&operator, "host-ca");
    let (host, jump_host) = (certified(&authority, HOST, &operator), certified(&authority, JUMP_HOST, &operator));
    operator.knows_nobody();
    let file = operator.path().join("authorities");
    std::fs::write(&file, authority.known_line()).expect("written");
    let behind = Behind { operator, host, jump_host };
    let settings = Settings { known_hosts: Some(file), ..behind.settings("") };
    answers(&SshHosts::new(settings).expect("a folder for sockets")).await.expect("both are known");
}

#[tokio::test]
async fn a_certificate_of_the_operators_opens_hosts_that_know_only_its_authority() {
    let operator = Arc::new(Operator::new());
    let authority = Authority::new(&operator, "user-ca");
    let trusts = format!("TrustedUserCAKeys {}", authority.public_file().display());
    let sshd = Plain::configured(HOST, &operator, |_| vec!["AuthorizedKeysFile none".to_owned(), trusts]);
    let refused = answers(&hosts(&sshd, "stranger")).await.expect_err("its key is not certified");
    assert!(matches!(refused, Trouble::KeyRefused(_)), "{refused}");
    authority.sign_user(&operator.path().join("stranger"), &sshd.endpoint().user);
    answers(&hosts(&sshd, "stranger")).await.expect("an answer");
}
