//! How fast the services of many hosts are asked for, beside bare `ssh` processes and other tools: `cargo xtask bench hosts`.
//!
//! All hosts are machines on this computer, so its processors do the work of both sides. Most of that is supervisorctl's own,
//! which starts a Python on each host. It is measured too, without SSH, because in reality each host has a processor for it.
//! Every figure is the shortest of some runs in wall-clock time, on a computer that does nothing else.
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
    hosts.iter().for_each(|host| host.has_programs(&programs));
    eprintln!("{HOSTS} hosts have booted and run their services, after {:.0} s", begin.elapsed().as_secs_f64());
    let folder = machines.operator().path().to_owned();
    let config = machines.operator().config("operator", "", &[hosts[0].endpoint()]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    print(&Bench { hosts: &hosts, folder, config, runtime });
}

fn print(bench: &Bench<'_>) {
    println!("| figure | measured | bound | of the bound |\n|---|---|---|---|");
    let (side, floor) = bench.floor();
    let (cold, warm, alone) = (bench.cold(), bench.warm(), shortest(|| bench.on_hosts_alone()));
    let ratio = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64();
    let row = |figure: &str, measured: &str, bound: &str, part: &str| {
        println!("| {figure} | {measured} | {bound} | {part} |");
    };
    let seconds = |length: Duration| format!("{:.2} s", length.as_secs_f64());
    let over = |a: Duration, b: Duration| format!("{} / {} = {:.2}", seconds(a), seconds(b), ratio(a, b));
    let figure = format!("status of services on {HOSTS} hosts, cold, over bare `ssh`, {side} at a time");
    row(&figure, &over(cold, floor), "1.15", &format!("~{:.2}", ratio(cold, floor) / 1.15));
    let figure = "the same over connections that exist, over bare `ssh`, with supervisorctl's own work";
    row(figure, &over(warm, floor), "", "");
    row("supervisorctl's own work on those hosts, all at a time, without SSH", &seconds(alone), "", "");
    let way = warm.saturating_sub(alone);
    let figure = "status over connections that exist, over bare `ssh`, without supervisorctl's own work";
    row(figure, &over(way, floor), "0.1", &format!("~{:.2}", ratio(way, floor) / 0.1));
    let (ansible, pyinfra) = (bench.ansible(), bench.pyinfra());
    let figure = "status by ansible (50 forks, pipelining, warm ControlPersist) over that on connections that exist";
    row(figure, &over(ansible, warm), "at least 8", &format!("~{:.2}", 8.0 / ratio(ansible, warm)));
    row("status by pyinfra over that of cutover, both cold", &over(pyinfra, cold), "", "");
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
    fn line() -> String {
        question().arguments.join(" ")
    }

    /// The shortest time that bare `ssh` processes take, and how many of them ran at the same time.
    fn floor(&self) -> (usize, Duration) {
        let side_by_side = SIDE_BY_SIDE.iter();
        let runs = side_by_side.map(|side| (*side, shortest(|| timed(|| self.bare(*side)))));
        runs.min_by_key(|(_, length)| *length).expect("some runs")
    }

    fn bare(&self, side: usize) {
        let line = Self::line();
        let start = |host: &Debian| {
            let mut ssh = Command::new("ssh");
            ssh.arg("-F").arg(&self.config).args(["-o", "BatchMode=yes", host.address(), &line]);
            ssh.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("ssh")
        };
        all(self.hosts, side, start);
    }

    /// The same command on all hosts at a time, without the network.
    fn on_hosts_alone(&self) -> Duration {
        let line = Self::line();
        timed(|| {
            all(self.hosts, self.hosts.len(), |host| {
                host.command(&line).stdout(Stdio::null()).spawn().expect("nsenter")
            });
        })
    }

    fn ask_all(&self, ssh: &SshHosts) -> Duration {
        let command = question();
        timed(|| {
            self.runtime.block_on(async {
                let asks =
                    self.hosts.iter().map(|host| ssh.run(host.address(), &command, b"", Duration::from_secs(60)));
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

    fn cold(&self) -> Duration {
        shortest(|| self.ask_all(&self.ssh()))
    }

    fn warm(&self) -> Duration {
        let ssh = self.ssh();
        self.ask_all(&ssh);
        shortest(|| self.ask_all(&ssh))
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

    fn ansible(&self) -> Duration {
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
            ansible.args(["all", "-i", "inventory", "-m", "command", "-a", &Self::line()]);
            timed(|| assert!(ansible.status().expect("ansible").success(), "ansible failed"))
        };
        // The first run makes the connections.
        run();
        shortest(run)
    }

    fn pyinfra(&self) -> Duration {
        let key = self.folder.join("operator").display().to_string();
        shortest(|| {
            let mut pyinfra = self.peer("pyinfra");
            pyinfra.args(["-y", "--ssh-user", "root", "--ssh-key", &key]);
            pyinfra.args(["--data", "ssh_strict_host_key_checking=off", &self.addresses(",")]);
            pyinfra.args(["exec", "--", &Self::line()]);
            timed(|| assert!(pyinfra.status().expect("pyinfra").success(), "pyinfra failed"))
        })
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
