//! The files that make a machine out of the system that all machines share: its name, its address, its keys.

use std::path::Path;

use super::outfit::Outfit;
use crate::operator::{make_key, public_key};

/// Gives the machine its address before sshd starts, and nginx, which binds to it and waits for `network-online.target` alone. There
/// is nothing else on its network that would.
const ADDRESS_UNIT: &str = "\
[Unit]
Description=The address of this machine
Before=ssh.service network.target network-online.target
Wants=network.target
After=sysinit.target
DefaultDependencies=no
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=ip address add ADDRESS/24 dev host0
ExecStart=ip link set host0 up
";

/// Writes the files of a machine into an empty folder, and returns the public half of its host key. `names` are its own, and what
/// `/etc/hosts` says.
pub(super) fn write(folder: &Path, names: &[String; 2], address: &str, authorized: &str) -> String {
    let [machine, hosts] = names;
    let unit = "/etc/systemd/system/rig-address.service";
    Outfit::default()
        .file("/etc/hostname", &format!("{machine}\n"))
        .file("/etc/hosts", hosts)
        .file("/root/.ssh/authorized_keys", &format!("{authorized}\n"))
        .file(unit, &ADDRESS_UNIT.replace("ADDRESS", address))
        .link("/etc/systemd/system/multi-user.target.wants/rig-address.service", unit)
        .write(folder);
    std::fs::create_dir_all(folder.join("etc/ssh")).expect("a folder");
    let key = folder.join("etc/ssh/ssh_host_ed25519_key");
    make_key(&key);
    public_key(&key)
}
