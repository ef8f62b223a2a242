//! The rig itself: machines are what they are said to be, and nothing of them is left behind.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use cutover_rig::{Host, Kind, Machines, Outfit};

#[test]
fn a_machine_boots_is_rebooted_and_keeps_its_files() {
    let machines = Machines::new();
    let host = machines.boot();
    assert_eq!(host.furnish("ps -o comm= -p 1; id -un"), "systemd\nroot");
    let before = host.boot_id();
    host.furnish("echo kept >/root/file");
    host.reboot();
    host.wait_until_up();
    assert_ne!(host.boot_id(), before);
    assert_eq!(host.furnish("cat /root/file"), "kept");
}

#[test]
fn machines_share_nothing_but_their_system() {
    let machines = Machines::new();
    let hosts = machines.boot_several(2);
    hosts[0].furnish("systemd-run --unit=one sleep 1000; echo one >/root/file");
    hosts[1].furnish("systemd-run --unit=one sleep 1000; systemctl stop one.service");
    assert_eq!(hosts[0].run("systemctl is-active one.service").stdout, "active");
    assert_ne!(hosts[1].run("cat /root/file").exit, 0);
    assert_ne!(hosts[0].boot_id(), hosts[1].boot_id());
}

#[test]
fn a_machine_has_what_it_was_given_at_the_address_that_was_chosen() {
    let machines = Machines::new();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("file"), "shared").expect("written");
    let outfit = Outfit::default()
        .program("/opt/program", "#!/bin/sh\necho it runs\n")
        .link("/opt/link", "program")
        .mount(folder.path(), "/opt/shared");
    let launch = || machines.launch_at(&machines.address(77), &outfit);
    let host = launch();
    host.wait_until_up();
    assert_eq!(host.address(), machines.address(77));
    assert_eq!(host.furnish("/opt/link; cat /opt/shared/file"), "it runs\nshared");
    assert_ne!(host.run("echo changed >/opt/shared/file").exit, 0);
    host.reboot();
    host.wait_until_up();
    assert_eq!(host.furnish("cat /opt/shared/file"), "shared");
    let before = host.key().to_owned();
    drop(host);
    let next = launch();
    next.wait_until_up();
    assert_ne!(next.key(), before, "it is another machine");
    let server = std::net::TcpListener::bind((machines.add_address(201), 0)).expect("an address of this computer");
    let port = server.local_addr().expect("an address").port();
    next.furnish(&format!("bash -c 'exec 3<>/dev/tcp/{}/{port}'", machines.address(201)));
}

#[test]
fn a_plain_machine_is_a_debian_of_its_own_on_loopback_and_its_processes_end_with_it() {
    let machines = Machines::of(Kind::Plain);
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("file"), "shared").expect("written");
    let boot = "#!/bin/sh\nsleep 1000 &\necho $! >/root/started\n";
    let outfit = Outfit::default().program("/etc/rc.plain", boot).mount(folder.path(), "/opt/shared");
    let hosts = [77, 78].map(|number| machines.launch_at(&machines.address(number), &outfit));
    hosts.iter().for_each(cutover_rig::Debian::wait_until_up);
    assert_eq!(hosts[0].address(), machines.address(77));
    assert!(hosts[0].address().starts_with("127."), "{}", hosts[0].address());
    hosts[0].has_programs("[program:lms]\ncommand=sleep 1000");
    assert_eq!(hosts[0].run("pgrep -c '^sleep$'").stdout, "2");
    assert_eq!(hosts[1].run("pgrep -c '^sleep$'").stdout, "1");
    assert_eq!(hosts[1].furnish("kill -0 $(cat /root/started); id -un; getent hosts localhost | cut -d' ' -f1"), {
        format!("root\n{}", machines.address(78))
    });
    assert_ne!(hosts[1].run("echo changed >/opt/shared/file").exit, 0);
    assert!(hosts.iter().all(|host| host.run("test -d /run/systemd/system").exit != 0));
    let ours = || Command::new("pgrep").args(["-f", &format!("ListenAddress={}", machines.address(77))]).output();
    assert!(!ours().expect("pgrep").stdout.is_empty());
    drop(hosts);
    assert!(ours().expect("pgrep").stdout.is_empty(), "nothing is left");
}

/// Set in a process that boots a machine and is then killed.
const IS_KILLED: &str = "RIG_TEST_IS_KILLED";

#[test]
fn nothing_is_left_of_a_process_that_was_killed() {
    if std::env::var_os(IS_KILLED).is_some() {
        let machines = Machines::new();
        let host = machines.boot();
        println!("\nbooted {}", host.furnish("hostname"));
        std::thread::sleep(Duration::from_secs(60));
        return;
    }
    for keeper_too in [false, true] {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", "--nocapture", "rig::nothing_is_left_of_a_process_that_was_killed"]);
        let mut process = command.env(IS_KILLED, "yes").stdout(Stdio::piped()).spawn().expect("this program");
        let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines().map_while(Result::ok);
        let machine = lines.find_map(|line| line.strip_prefix("booted ").map(str::to_owned)).expect("it boots");
        assert!(exists(&machine));
        if keeper_too {
            let keeper = format!("^/bin/sh -c .* {machine} ");
            assert!(Command::new("pkill").args(["-KILL", "-f", &keeper]).status().expect("pkill").success());
        }
        process.kill().expect("it runs");
        process.wait().expect("it ends");
        for _ in 0..100 {
            if exists(&machine) {
                std::thread::sleep(Duration::from_millis(50));
                // Nobody is there to end it but the next process that wants machines.
                keeper_too.then(Machines::new);
            }
        }
        assert!(!exists(&machine), "{machine} is left, the keeper was killed too: {keeper_too}");
    }
}

/// Whether anything is left of a machine.
fn exists(machine: &str) -> bool {
    let groups = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"];
    let cable = format!("/sys/class/net/vb-{machine}");
    groups.iter().any(|folder| Path::new(folder).join(machine).exists()) || Path::new(&cable).exists()
}
