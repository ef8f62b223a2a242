//! `cutover check` on hosts that are reached over SSH: all of moto's instances are one real sshd, with a real supervisor.

use cutover_rig::{Host, Plain};
use serde_json::Value;

use crate::account::Account;
use crate::operator::Operator;

/// Every program that the deployment file names, as a sleep.
const PROGRAMS: [&str; 3] = ["lms", "cms", "lms_default_4"];

/// A host whose supervisor knows these programs.
fn host(programs: &[&str]) -> Plain {
    let host = Plain::start().with_supervisor();
    let sections = programs.iter().map(|name| format!("[program:{name}]\ncommand=sleep 1000\n"));
    host.has_programs(&sections.collect::<String>());
    host
}

/// An operator who reaches this host under the address of each instance, with the key of that name.
fn operator(account: &Account, host: &Plain, key: &str) -> Operator {
    let text = account.file();
    let control = format!("supervisorctl = \"{}\"\nprograms = ", host.supervisorctl());
    let operator = Operator::at(account.endpoint(), &text.replace("programs = ", &control));
    let lines = format!("Host *\n  HostName {}\n  Port {}\n", host.address(), host.port());
    let config = std::fs::read_to_string(host.config(key, &lines)).expect("it was written");
    operator.write("ssh_config", &config);
    operator
}

/// What `check` says about hosts, without the ids of instances: their items, as `state subject: seen`.
fn said(operator: &Operator) -> Vec<String> {
    let ran = operator.run(&["check", "--json"]);
    let items: Vec<Value> = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}", ran.err));
    let line = |item: &Value| {
        let text = |key: &str| item[key].as_str().expect("text").to_owned();
        format!("{} {}: {}", text("state"), text("subject"), text("seen"))
    };
    items.iter().map(line).filter(|line| line.contains("hosts:")).collect()
}

fn has(said: &[String], beginning: &str, words: &str) -> bool {
    said.iter().any(|line| line.starts_with(beginning) && line.contains(words))
}

#[test]
fn check_asks_every_host_whether_it_is_ready() {
    let (account, host) = (Account::furnish(), host(&PROGRAMS));
    let said = said(&operator(&account, &host, "operator"));
    // One supervisor stands in for those of all hosts, so each seems to run the programs of the other role as well.
    assert!(has(&said, "warning other programs of hosts", "supervisor also runs cms, lms"), "{said:#?}");
    assert!(said.iter().all(|item| !item.starts_with("problem")), "{said:#?}");
}

#[test]
fn check_names_hosts_that_do_not_accept_the_key_or_have_another_one() {
    let (account, host) = (Account::furnish(), host(&PROGRAMS));
    let refused = said(&operator(&account, &host, "stranger"));
    assert!(has(&refused, "problem unreachable hosts", "does not accept this operator's key"), "{refused:#?}");
    host.operator().takes_for(host.endpoint(), "stranger");
    let changed = said(&operator(&account, &host, "operator"));
    assert!(has(&changed, "problem unreachable hosts", "its host key has changed"), "{changed:#?}");
}

#[test]
fn check_names_programs_that_supervisor_does_not_know_and_a_supervisor_that_is_not_there() {
    let (account, host) = (Account::furnish(), host(&["cms", "lms_default_4"]));
    let operator = operator(&account, &host, "operator");
    let unknown = said(&operator);
    assert!(has(&unknown, "problem programs of hosts", "lms"), "{unknown:#?}");
    std::fs::remove_file(host.supervisorctl()).expect("it was there");
    let missing = said(&operator);
    assert!(has(&missing, "problem supervisor on hosts", "there is no "), "{missing:#?}");
}

#[test]
fn files_for_ssh_that_cannot_be_read_are_mistakes_at_their_lines() {
    let account = Account::furnish();
    let names = "config = \".\"\nknown_hosts = \"net/known_host\"";
    let text = account.file().replace("config = \"ssh_config\"", names);
    let operator = Operator::at(account.endpoint(), &text);
    for command in ["check", "plan"] {
        let said = operator.run(&[command]).failed(3);
        for words in
            ["`ssh.known_hosts` names a file that cannot be read", "net/known_host", "`ssh.config` names", "folder"]
        {
            assert!(said.contains(words), "{words}: {said}");
        }
    }
}
