//! Images of machines: what must differ between two hosts of one image does, if the image was cleared of it.

use std::collections::BTreeSet;

use cutover_hosts::bake;
use cutover_rig::{Debian, Host, Image, Machines, Outfit, Ran};

/// What belongs to one host only besides what every image is cleared of.
const AGENT: &str = "/etc/agent/id";
/// An agent that gives itself an id at its first boot, as those of salt and datadog do.
const AGENT_UNIT: &str = "[Unit]\nConditionPathExists=!/etc/agent/id\n[Service]\nType=oneshot\nExecStart=sh -c 'mkdir -p /etc/agent && \
                          cat /proc/sys/kernel/random/uuid >/etc/agent/id'\n";
/// What each host has of its own.
const IDENTITIES: [&str; 3] = ["cat /etc/machine-id", "cat /etc/ssh/ssh_host_*_key.pub", "cat /etc/agent/id"];

fn builder(machines: &Machines) -> Debian {
    let unit = "/etc/systemd/system/agent.service";
    let outfit =
        Outfit::default().file(unit, AGENT_UNIT).link("/etc/systemd/system/sysinit.target.wants/agent.service", unit);
    let builder = machines.launch_at(&machines.address(10), &outfit);
    builder.wait_until_up();
    builder.furnish("grep -q . /etc/agent/id");
    builder
}

/// Runs on it what cutover runs on a builder.
fn bake(builder: &Debian, provision: &str) -> Ran {
    let provision = ["/bin/sh", "-c", provision].map(str::to_owned).to_vec();
    let words = bake::command(&[provision], &[AGENT.to_owned()]).arguments;
    let quoted: Vec<String> = words.iter().map(|word| format!("'{}'", word.replace('\'', r"'\''"))).collect();
    builder.run(&quoted.join(" "))
}

fn image(builder: &Debian) -> Image {
    builder.power_off();
    builder.image()
}

/// Two hosts of an image.
fn two_of(machines: &Machines, image: &Image) -> [Debian; 2] {
    let launch = |number| machines.launch_from(image, &machines.address(number), &Outfit::default());
    let hosts = [launch(11), launch(12)];
    hosts.iter().for_each(Debian::wait_until_up);
    hosts
}

/// Which of the identities are the same on both.
fn shared(hosts: &[Debian; 2]) -> Vec<&'static str> {
    let differs = |question: &&str| {
        let answers: BTreeSet<String> = hosts.iter().map(|host| host.furnish(question)).collect();
        assert!(!answers.contains(""), "{question}");
        answers.len() == 2
    };
    IDENTITIES.into_iter().filter(|question| !differs(question)).collect()
}

#[test]
fn two_hosts_of_one_image_have_its_files_and_identities_of_their_own() {
    let machines = Machines::new();
    let builder = builder(&machines);
    let before: Vec<String> = IDENTITIES.iter().map(|question| builder.furnish(question)).collect();
    let baked = bake(&builder, "echo baked >/opt/code; rm -r /etc/nginx; mkdir /etc/nginx");
    assert_eq!(baked.exit, 0, "{baked:?}");
    let image = image(&builder);
    drop(builder);
    let hosts = two_of(&machines, &image);
    for host in &hosts {
        assert_eq!(host.furnish("cat /opt/code; ls /etc/nginx"), "baked", "what was removed is not there");
        let now: Vec<String> = IDENTITIES.iter().map(|question| host.furnish(question)).collect();
        assert!(now.iter().zip(&before).all(|(now, before)| now != before), "{now:?}");
    }
    assert_eq!(shared(&hosts), Vec::<&str>::new());
    hosts[0].furnish("echo changed >/opt/code");
    assert_eq!(hosts[1].furnish("cat /opt/code"), "baked");
}

#[test]
fn a_machine_id_that_was_baked_in_is_the_same_on_both_hosts_and_one_that_stays_fails_the_build() {
    let machines = Machines::new();
    let builder = builder(&machines);
    let kept = bake(&builder, "mount --bind --options ro /etc/machine-id /etc/machine-id");
    assert_ne!(kept.exit, 0);
    assert!(kept.stdout.ends_with("left on the builder: /etc/machine-id"), "{kept:?}");
    builder.furnish("umount /etc/machine-id");
    // An image of it all the same, as if somebody else had made it.
    let image = image(&builder);
    drop(builder);
    assert_eq!(shared(&two_of(&machines, &image)), IDENTITIES[..1]);
}
