//! By what real machines are told from each other.

use cutover_hosts::command::Said;
use cutover_hosts::identity::{Identity, ask, in_common, read};
use cutover_hosts::shell;
use cutover_rig::{Host, Machines};

const AGENT: &str = "/etc/agent.key";

fn identity(host: &dyn Host) -> Identity {
    let ran = host.run(&shell::line(&ask(&[AGENT.to_owned()]).command.arguments));
    let said = Said { exit: ran.exit, stdout: ran.stdout, stderr: String::new() };
    read(&said).unwrap_or_else(|| panic!("{said:?}"))
}

#[test]
fn a_machine_id_and_keys_that_were_baked_into_the_image_of_two_machines_are_found() {
    let machines = Machines::new();
    let [one, other] = [machines.boot(), machines.boot()];
    // Both boot from the same system, in which Debian's packages have made them.
    assert_eq!(
        in_common(&identity(&one), &identity(&other)),
        ["SSH host key ssh_host_ecdsa_key.pub", "SSH host key ssh_host_rsa_key.pub", "machine-id"]
    );

    other.furnish(
        "tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id && rm /etc/ssh/ssh_host_*_key* && ssh-keygen -A && echo own >/etc/agent.key",
    );
    assert_eq!(in_common(&identity(&one), &identity(&other)), [""; 0]);
    one.furnish("echo own >/etc/agent.key");
    assert_eq!(in_common(&identity(&one), &identity(&other)), [AGENT]);
}
