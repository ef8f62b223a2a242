//! How fast the services of many hosts are asked for, beside bare `ssh` processes and other tools: `cargo xtask bench hosts`.
//!
//! All hosts are machines on this computer, so its processors do the work of both sides. Most of it is supervisorctl's, which
//! starts a Python on each host: that takes seconds for all of them here, and 0.2 s where each host has processors of its own. So a
//! stand-in is measured too, which waits for 0.2 s and prints what supervisorctl has printed: there the way to the hosts counts.
//! Every figure is the shortest of some runs in wall-clock time.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the wall clock and starts processes")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its table is its result")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cutover_core::names::ProgramName;
use cutover_hosts::command;
use cutover_hosts::supervisor;
use cutover_rig::{Debian, Host, Machines};
use cutover_ssh::{Settings, SshHosts};

const HOSTS: usize = 60;
const RUNS: usize = 3;
const PROGRAMS: [&str; 6] = ["lms", "cms", "worker-high", "worker-default", "worker-low", "xqueue"];
/// Prints what supervisorctl has printed.
const STAND_IN: &str = "/usr/local/bin/status";
/// How many bare `ssh` processes run at the same time, in the runs of which the fastest is the floor.
const SIDE_BY_SIDE: [usize; 3] = [8, 16, 60];
/// How many hosts are booted at the same time.
const BOOTING: usize = 10;
const PEERS: &str = "set CUTOVER_PEERS to a folder with `ansible` and `pyinfra`, or run `cargo xtask bench hosts`";

fn main() {
    let machines = Machines::new();
    let begin = Instant::now();
    let hosts: Vec<Debian> = (0..HOSTS / BOOTING).flat_map(|_| machines.boot_several(BOOTING)).collect();
    let programs: String = PROGRAMS.iter().map(|name| format!("[program:{name}]\ncommand=sleep 100000\n")).collect();
    hosts.iter().for_each(|host| furnish(host, &programs));
    eprintln!("{HOSTS} hosts have booted and run their services, after {:.0} s", begin.elapsed().as_secs_f64());
    let folder = machines.operator().path().to_owned();
    let config = machines.operator().config("operator", "", &[hosts[0].endpoint()]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    print(&Bench { hosts: &hosts, folder, config, runtime });
}

fn furnish(host: &Debian, programs: &str) {
    host.has_programs(programs);
    let status = question().arguments.join(" ");
    host.furnish(&format!(
        "until {status} >/root/status; do sleep 0.2; done\n\
         printf '#!/bin/sh\\nsleep 0.2\\ncat /root/status\\n' >{STAND_IN}; chmod +x {STAND_IN}"
    ));
}

fn print(bench: &Bench<'_>) {
    println!("| figure | measured | bound | of the bound |\n|---|---|---|---|");
    let (status, stand_in) = (question(), command::Command::new([STAND_IN]));
    let (side, floor, cold) = bench.floor_and_cold(&status);
    let (warm, ansible) = (bench.warm(&status), bench.ansible(&status));
    let figure = format!("status of services on {HOSTS} hosts, cold, over bare `ssh`, {side} at a time");
    bounded(&figure, cold, floor, 1.15);
    row("the same over connections that exist, over bare `ssh`", &over(warm, floor), "", "");
    row("the same by ansible (50 forks, pipelining, warm ControlPersist) over cutover's", &over(ansible, warm), "", "");
    let pyinfra = bench.pyinfra(&status).map_or_else(|| "it failed".to_owned(), |pyinfra| over(pyinfra, cold));
    row("the same by pyinfra over cutover's, both cold", &pyinfra, "", "");
    let (side, floor, cold) = bench.floor_and_cold(&stand_in);
    let (warm, ansible) = (bench.warm(&stand_in), bench.ansible(&stand_in));
    let figure = format!("status from a stand-in for supervisorctl, cold, over bare `ssh`, {side} at a time");
    row(&figure, &over(cold, floor), "", "");
    bounded("the same over connections that exist, over bare `ssh`", warm, floor, 0.1);
    let figure = "the same by ansible (50 forks, pipelining, warm ControlPersist) over cutover's";
    row(figure, &over(ansible, warm), "at least 8", &format!("~{:.2}", 8.0 / ratio(ansible, warm)));
}

fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}

/// The two lengths, and the first one in lengths of the second.
fn over(a: Duration, b: Duration) -> String {
    format!("{:.2} s / {:.2} s = {:.2}", a.as_secs_f64(), b.as_secs_f64(), ratio(a, b))
}

fn bounded(figure: &str, a: Duration, b: Duration, bound: f64) {
    row(figure, &over(a, b), &bound.to_string(), &format!("~{:.2}", ratio(a, b) / bound));
}

fn row(figure: &str, measured: &str, bound: &str, part: &str) {
    println!("| {figure} | {measured} | {bound} | {part} |");
}

fn shortest(run: impl Fn() -> Duration) -> Duration {
    (0..RUNS).map(|_| run()).min().expect("at least one run")
}

fn timed(run: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    run();
    begin.elapsed()
}

/// The question. Its command runs as root, who signs in.
fn question() -> command::Command {
    let programs: Vec<ProgramName> = PROGRAMS.iter().map(|name| (*name).into()).collect();
    supervisor::ask("/usr/bin/supervisorctl", &programs).command
}

struct Bench<'a> {
    hosts: &'a [Debian],
    folder: PathBuf,
    config: PathBuf,
    runtime: tokio::runtime::Runtime,
}

impl Bench<'_> {
    /// How many bare `ssh` processes at the same time are fastest, the shortest time that they take, and that of cutover
    /// without connections. The two take turns, so that whatever else the computer does meets both.
    fn floor_and_cold(&self, command: &command::Command) -> (usize, Duration, Duration) {
        let side = SIDE_BY_SIDE.into_iter().min_by_key(|side| timed(|| self.bare(*side, command))).expect("some");
        let runs = (0..RUNS).map(|_| {
            let cold = self.ask_all(&self.ssh(), command);
            (timed(|| self.bare(side, command)), cold)
        });
        let (floors, colds): (Vec<Duration>, Vec<Duration>) = runs.unzip();
        let shortest = |lengths: Vec<Duration>| lengths.into_iter().min().expect("some runs");
        (side, shortest(floors), shortest(colds))
    }

    fn bare(&self, side: usize, command: &command::Command) {
        let line = command.arguments.join(" ");
        let start = |host: &Debian| {
            let mut ssh = Command::new("ssh");
            ssh.arg("-F").arg(&self.config).args(["-o", "BatchMode=yes", host.address(), &line]);
            ssh.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("ssh")
        };
        all(self.hosts, side, start);
    }

    fn ask_all(&self, ssh: &SshHosts, command: &command::Command) -> Duration {
        timed(|| {
            self.runtime.block_on(async {
                let asks = self.hosts.iter().map(|host| ssh.run(host.address(), command, b"", Duration::from_secs(60)));
                for answer in futures_util::future::join_all(asks).await {
                    assert_eq!(answer.expect("an answer").exit, 0);
                }
            });
        })
    }

    fn ssh(&self) -> SshHosts {
        let settings = Settings { config: Some(self.config.clone()), ..Settings::default() };
        SshHosts::new(settings).expect("a folder for sockets")
    }

    fn warm(&self, command: &command::Command) -> Duration {
        let ssh = self.ssh();
        self.ask_all(&ssh, command);
        shortest(|| self.ask_all(&ssh, command))
    }

    fn peer(&self, name: &str) -> Command {
        let bin = PathBuf::from(std::env::var_os("CUTOVER_PEERS").unwrap_or_else(|| panic!("no {name}; {PEERS}")));
        let mut command = Command::new(bin.join(name));
        command.current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn addresses(&self, between: &str) -> String {
        self.hosts.iter().map(Host::address).collect::<Vec<_>>().join(between)
    }

    fn ansible(&self, command: &command::Command) -> Duration {
        write(&self.folder.join("inventory"), &self.addresses("\n"));
        let settings = format!(
            "[defaults]\nforks = 50\ninterpreter_python = /usr/bin/python3\n[ssh_connection]\npipelining = True\n\
             control_path_dir = {}\nssh_args = -F {} -o ControlMaster=auto -o ControlPersist=120s\n",
            self.folder.join("cp").display(),
            self.config.display()
        );
        write(&self.folder.join("ansible.cfg"), &settings);
        let run = || {
            let mut ansible = self.peer("ansible");
            ansible.args(["all", "-i", "inventory", "-m", "command", "-a", &command.arguments.join(" ")]);
            timed(|| assert!(ansible.status().expect("ansible").success(), "ansible failed"))
        };
        // The first run makes the connections.
        run();
        shortest(run)
    }

    /// The shortest time that pyinfra takes with new connections; nothing if it does not come to its end.
    fn pyinfra(&self, command: &command::Command) -> Option<Duration> {
        let key = self.folder.join("operator").display().to_string();
        let known = format!("ssh_known_hosts_file={}", self.folder.join("known_hosts").display());
        let run = || {
            let mut pyinfra = self.peer("pyinfra");
            // It gives connections up that take longer than 10 s, as more of them at a time do here.
            pyinfra.args(["-y", "--parallel", "10", "--user", "root", "--key", &key]);
            pyinfra.args(["--data", &known, &self.addresses(",")]).args(["exec", "--", &command.arguments.join(" ")]);
            let begin = Instant::now();
            pyinfra.status().expect("pyinfra").success().then(|| begin.elapsed())
        };
        (0..RUNS).filter_map(|_| run()).min()
    }
}

/// Runs a process for each host, `side` at a time.
fn all(hosts: &[Debian], side: usize, start: impl Fn(&Debian) -> Child) {
    let (mut waiting, mut running) = (hosts.iter(), Vec::new());
    loop {
        running.extend(waiting.by_ref().take(side - running.len()).map(&start));
        if running.is_empty() {
            return;
        }
        running.retain_mut(|process| match process.try_wait().expect("its state") {
            Some(status) => {
                assert!(status.success(), "{status}");
                false
            }
            None => true,
        });
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn write(file: &Path, text: &str) {
    std::fs::write(file, text).expect("written");
}
