#![expect(clippy::disallowed_methods, reason = "a real shell works on a folder that stands for a host")]

use std::fs;
use std::path::Path;
use std::process::Command as Process;

use super::*;

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A folder with what a host that has booted has.
fn host() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    for (path, text) in [
        ("etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
        ("etc/ssh/ssh_host_ed25519_key", "secret"),
        ("etc/ssh/ssh_host_ed25519_key.pub", "public"),
        ("etc/ssh/sshd_config", "Port 22"),
        ("etc/salt/minion_id", "builder"),
        ("var/lib/dbus/machine-id", "0123456789abcdef0123456789abcdef\n"),
        ("var/lib/cloud/instances/i-1/obj.pkl", "x"),
        ("var/lib/systemd/random-seed", "x"),
        ("var/log/journal/0123/system.journal", "x"),
        ("edx/app/edxapp/edx-platform/manage.py", "code"),
    ] {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("its folder");
        fs::write(path, text).expect("its text");
    }
    root
}

fn seal_at(root: &Path, identity: &[&str]) -> (Option<i32>, String) {
    let arguments = seal(root.to_str().expect("UTF-8"), &words(identity));
    let said = Process::new(&arguments[0]).args(&arguments[1..]).output().expect("a shell");
    (said.status.code(), String::from_utf8_lossy(&said.stdout).into_owned())
}

#[test]
fn what_belongs_to_one_host_is_removed_and_nothing_else() {
    let root = host();
    let (exit, said) = seal_at(root.path(), &["/etc/salt/minion_id", "/etc/salt/pki/minion"]);
    assert_eq!((exit, said.trim_end()), (Some(0), "nothing that belongs to one host is left"));
    let is_there = |path: &str| root.path().join(path).exists();
    let gone =
        ["etc/ssh/ssh_host_ed25519_key", "etc/salt/minion_id", "var/lib/dbus/machine-id", "var/lib/cloud/instances"];
    assert!(!gone.into_iter().any(is_there));
    assert!(!is_there("var/lib/systemd/random-seed") && !is_there("var/log/journal/0123"));
    assert!(is_there("etc/ssh/sshd_config") && is_there("edx/app/edxapp/edx-platform/manage.py"));
    assert_eq!(fs::read_to_string(root.path().join("etc/machine-id")).expect("it is empty"), "");
}

#[test]
fn what_could_not_be_removed_fails_the_build_and_is_named() {
    let root = host();
    // A folder under that name cannot be removed as a file.
    fs::create_dir_all(root.path().join("etc/ssh/ssh_host_rsa_key/x")).expect("a folder");
    let (exit, said) = seal_at(root.path(), &[]);
    assert_eq!((exit, said.trim_end()), (Some(9), "left on the builder: /etc/ssh/ssh_host_rsa_key"));
}

#[test]
fn a_machine_id_that_cannot_be_emptied_is_named_and_everything_else_is_removed_all_the_same() {
    let root = host();
    // A folder under that name cannot be written to, and neither can a mount that can only be read.
    fs::remove_file(root.path().join("etc/machine-id")).expect("a file");
    fs::create_dir_all(root.path().join("etc/machine-id/x")).expect("a folder");
    let (exit, said) = seal_at(root.path(), &[]);
    assert_eq!((exit, said.trim_end()), (Some(9), "left on the builder: /etc/machine-id"));
    assert!(!root.path().join("etc/ssh/ssh_host_ed25519_key").exists());
}

#[test]
fn commands_run_in_order_and_the_removal_comes_last() {
    let command =
        command(&[words(&["/usr/bin/ansible-playbook", "edxapp.yml"]), words(&["true"])], &words(&["/etc/x/y"]));
    assert_eq!(
        titles(&command).expect("it is one"),
        ["command 1 (ansible-playbook)", "command 2 (true)", "the removal of what belongs to one host"]
    );
    assert_eq!(titles(&Command::script("true", Vec::<String>::new())), None);
    assert_eq!(command.run_as, RunAs::root());
}
