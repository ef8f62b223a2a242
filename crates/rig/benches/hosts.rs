//! How fast the services of many hosts are asked for, beside bare `ssh` processes and other tools: `cargo xtask bench hosts`.
//!
//! All hosts are on this computer, so its processors do the work of both sides, and most of it is supervisorctl's,
//! which starts a Python on each host: that takes seconds for all of them here, whoever asks, and 0.2 s where each host has
//! processors of its own. A stand-in for supervisorctl is like that: it waits for 0.2 s and prints what supervisorctl has
//! printed. So what depends on how long the commands themselves take is checked on the stand-in, and only shown with
//! supervisorctl.
//!
//! There are 100 sshds on loopback, which have only the stand-in, and 60 systems that boot. The fewer hosts there are, the
//! more of the time of an answer over connections that exist is the 0.2 s, so that figure is checked with 100 of them.
//!
//! Everything is measured in wall-clock time, and the shortest of some runs counts. What is compared takes turns, so that
//! whatever else the computer does meets all of it.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the wall clock and starts processes")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its table is its result")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cutover_core::names::ProgramName;
use cutover_hosts::command;
use cutover_hosts::envelope::Output;
use cutover_hosts::supervisor;
use cutover_rig::{Debian, Host, Machines, Operator, Plain};
use cutover_ssh::{Peer, Settings, SshHosts};

/// How many systems boot.
const MACHINES: usize = 60;
/// How many sshds listen on loopback.
const PLAIN: u8 = 100;
const RUNS: usize = 3;
const PROGRAMS: [&str; 6] = ["lms", "cms", "worker-high", "worker-default", "worker-low", "xqueue"];
/// Prints what supervisorctl has printed, on a system that boots.
const STAND_IN: &str = "/usr/local/bin/status";
/// How many bare `ssh` processes run at the same time, in the runs of which the fastest is the floor.
const SIDE_BY_SIDE: [usize; 3] = [8, 16, 60];
/// How many hosts are booted at the same time.
const BOOTING: usize = 10;
/// pyinfra's list of hosts.
const PYINFRA_HOSTS: &str = "hosts.py";
const PEERS: &str = "set CUTOVER_PEERS to a folder with `ansible` and `pyinfra`, or run `cargo xtask bench hosts`";

fn main() {
    println!("| figure | measured | bound | of the bound |\n|---|---|---|---|");
    on_loopback();
    on_machines();
}

/// Sshds on loopback, with the stand-in.
fn on_loopback() {
    let operator = Arc::new(Operator::new());
    let stand_in = operator.path().join("status");
    write(&stand_in, &format!("#!/bin/sh\nsleep 0.2\ncat {}.text\n", stand_in.display()));
    write(&stand_in.with_extension("text"), &PROGRAMS.map(running).concat());
    let hosts: Vec<Plain> = (1..=PLAIN).map(|n| Plain::at(&format!("127.0.9.{n}"), &operator)).collect();
    let bench = Bench::of(hosts.iter().map(|host| host as &dyn Host).collect(), &operator);
    let stand_in = command::Command::new(["/bin/sh", &stand_in.display().to_string()]);
    let measured = bench.measure(&stand_in);
    compared_with_ssh(&format!("the stand-in on {PLAIN} sshds of one computer"), &measured, Some(0.1));
    compared_with_ansible("the stand-in", &measured, Some(8.0));
}

/// A line of what supervisorctl prints.
fn running(program: &str) -> String {
    format!("{program:<32} RUNNING   pid 4711, uptime 3 days, 2:01:00\n")
}

/// Systems that boot, with supervisor.
fn on_machines() {
    let machines = Machines::new();
    let begin = Instant::now();
    let hosts: Vec<Debian> = (0..MACHINES / BOOTING).flat_map(|_| machines.boot_several(BOOTING)).collect();
    let programs: String = PROGRAMS.iter().map(|name| format!("[program:{name}]\ncommand=sleep 100000\n")).collect();
    hosts.iter().for_each(|host| furnish(host, &programs));
    eprintln!("{MACHINES} hosts have booted and run their services, after {:.0} s", begin.elapsed().as_secs_f64());
    let bench = Bench::of(hosts.iter().map(|host| host as &dyn Host).collect(), machines.operator());
    for (what, is_stand_in, command) in
        [("supervisorctl", false, question()), ("the stand-in", true, command::Command::new([STAND_IN]))]
    {
        let measured = bench.measure(&command);
        compared_with_ssh(&format!("{what} on {MACHINES} systems"), &measured, None);
        compared_with_ansible(what, &measured, Some(8.0).filter(|_| is_stand_in));
        let pyinfra = bench.pyinfra(&command);
        at_least(&format!("{what} by pyinfra over cutover, both cold"), pyinfra, measured.cold, None);
    }
    memory(&bench);
}

fn furnish(host: &Debian, programs: &str) {
    host.has_programs(programs);
    let status = question().arguments.join(" ");
    host.furnish(&format!(
        "until {status} >/root/status; do sleep 0.2; done\n\
         printf '#!/bin/sh\\nsleep 0.2\\ncat /root/status\\n' >{STAND_IN}; chmod +x {STAND_IN}"
    ));
}

fn compared_with_ssh(what: &str, measured: &Measured, warm_bound: Option<f64>) {
    let Measured { side, floor, cold, warm, .. } = *measured;
    at_most(&format!("{what}, cold, over bare `ssh`, {side} at a time"), cold, floor, Some(1.15));
    at_most(&format!("{what}, over connections that exist, over bare `ssh`"), warm, floor, warm_bound);
}

fn compared_with_ansible(what: &str, measured: &Measured, bound: Option<f64>) {
    let figure = format!("{what} by tuned ansible over cutover, both over connections that exist");
    at_least(&figure, measured.ansible, measured.warm, bound);
}

/// The answers of hosts that print a lot, all of which are kept: as many as a question to 1,000 hosts has.
fn memory(bench: &Bench<'_>) {
    const PRINTED: usize = 64 << 10;
    let command = command::Command::script("head -c \"$1\" /dev/zero | tr '\\0' x", [PRINTED.to_string()]);
    let ssh = bench.ssh();
    let mut answers = Vec::new();
    while answers.len() < 1000 {
        answers.extend(bench.ask(&ssh, &command));
    }
    assert!(answers.iter().all(|answer| answer.stdout.len() == PRINTED), "an answer is not complete");
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux, which boots the machines");
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|rest| rest.split_whitespace().next());
    let megabytes = peak.and_then(|kilobytes| kilobytes.parse::<f64>().ok()).expect("the peak in kB") / 1024.0;
    let figure = format!("peak memory of {} answers of 64 KiB each", answers.len());
    row(&figure, &format!("{megabytes:.0} MB"), "200 MB", &format!("~{:.2}", megabytes / 200.0));
}

/// The shortest times in which all hosts have answered.
struct Measured {
    /// How many bare `ssh` processes at the same time are fastest.
    side: usize,
    /// By bare `ssh` processes.
    floor: Duration,
    /// By cutover, without connections.
    cold: Duration,
    /// By cutover, over connections that exist.
    warm: Duration,
    /// By ansible, over connections that exist.
    ansible: Duration,
}

fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}

/// The two lengths, and the first one in lengths of the second.
fn over(a: Duration, b: Duration) -> String {
    format!("{:.2} s / {:.2} s = {:.2}", a.as_secs_f64(), b.as_secs_f64(), ratio(a, b))
}

fn at_most(figure: &str, a: Duration, b: Duration, bound: Option<f64>) {
    let (bound, part) =
        bound.map(|bound| (bound.to_string(), format!("~{:.2}", ratio(a, b) / bound))).unwrap_or_default();
    row(figure, &over(a, b), &bound, &part);
}

fn at_least(figure: &str, a: Duration, b: Duration, bound: Option<f64>) {
    let (bound, part) =
        bound.map(|bound| (format!("at least {bound}"), format!("~{:.2}", bound / ratio(a, b)))).unwrap_or_default();
    row(figure, &over(a, b), &bound, &part);
}

fn row(figure: &str, measured: &str, bound: &str, part: &str) {
    println!("| {figure} | {measured} | {bound} | {part} |");
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
    hosts: Vec<&'a dyn Host>,
    folder: PathBuf,
    config: PathBuf,
    runtime: tokio::runtime::Runtime,
}

impl<'a> Bench<'a> {
    fn of(hosts: Vec<&'a dyn Host>, operator: &Operator) -> Self {
        let endpoints: Vec<_> = hosts.iter().map(|host| host.endpoint()).collect();
        let config = operator.config("operator", "", &endpoints);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { hosts, folder: operator.path().to_owned(), config, runtime }
    }

    fn measure(&self, command: &command::Command) -> Measured {
        let side = SIDE_BY_SIDE.into_iter().min_by_key(|side| timed(|| self.bare(*side, command))).expect("some");
        let ssh = self.ssh();
        self.ask_all(&ssh, command);
        self.prepare_ansible();
        // The first run makes the connections.
        self.ansible(command);
        let rounds: Vec<[Duration; 4]> = (0..RUNS)
            .map(|_| {
                [
                    timed(|| self.bare(side, command)),
                    self.ask_all(&self.ssh(), command),
                    self.ask_all(&ssh, command),
                    self.ansible(command),
                ]
            })
            .collect();
        let shortest = |nth: usize| rounds.iter().map(|round| round[nth]).min().expect("some rounds");
        let [floor, cold, warm, ansible] = [0, 1, 2, 3].map(shortest);
        Measured { side, floor, cold, warm, ansible }
    }

    fn bare(&self, side: usize, command: &command::Command) {
        let line = command.arguments.join(" ");
        let start = |host: &dyn Host| {
            let mut ssh = Command::new("ssh");
            ssh.arg("-F").arg(&self.config).args(["-o", "BatchMode=yes", host.address(), &line]);
            ssh.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("ssh")
        };
        all(&self.hosts, side, start);
    }

    fn ask_all(&self, ssh: &SshHosts, command: &command::Command) -> Duration {
        timed(|| assert!(self.ask(ssh, command).iter().all(|answer| answer.exit == 0), "the command failed on a host"))
    }

    /// The answer of each host.
    fn ask(&self, ssh: &SshHosts, command: &command::Command) -> Vec<Output> {
        self.runtime.block_on(async {
            let at = |host: &&dyn Host| Peer { instance: host.address().into(), address: host.address().to_owned() };
            let peers: Vec<Peer> = self.hosts.iter().map(at).collect();
            let asks = peers.iter().map(|peer| ssh.run(peer, command, b"", Duration::from_secs(60)));
            let answers = futures_util::future::join_all(asks).await;
            answers.into_iter().map(|answer| answer.expect("an answer")).collect()
        })
    }

    fn ssh(&self) -> SshHosts {
        let settings = Settings { config: Some(self.config.clone()), ..Settings::default() };
        SshHosts::new(settings).expect("a folder for sockets")
    }

    fn peer(&self, name: &str) -> Command {
        let bin = PathBuf::from(std::env::var_os("CUTOVER_PEERS").unwrap_or_else(|| panic!("no {name}; {PEERS}")));
        let mut command = Command::new(bin.join(name));
        command.current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    fn addresses(&self, between: &str) -> String {
        self.hosts.iter().map(|host| host.address()).collect::<Vec<_>>().join(between)
    }

    fn prepare_ansible(&self) {
        write(&self.folder.join("inventory"), &self.addresses("\n"));
        let settings = format!(
            "[defaults]\nforks = 50\ninterpreter_python = /usr/bin/python3\n[ssh_connection]\npipelining = True\n\
             control_path_dir = {}\nssh_args = -F {} -o ControlMaster=auto -o ControlPersist=120s\n",
            self.folder.join("cp").display(),
            self.config.display()
        );
        write(&self.folder.join("ansible.cfg"), &settings);
    }

    /// ansible with 50 forks, pipelining, and connections that persist.
    fn ansible(&self, command: &command::Command) -> Duration {
        let mut ansible = self.peer("ansible");
        ansible.args(["all", "-i", "inventory", "-m", "command", "-a", &command.arguments.join(" ")]);
        timed(|| succeed(&mut ansible))
    }

    /// pyinfra with new connections, which it does not keep.
    fn pyinfra(&self, command: &command::Command) -> Duration {
        write(&self.folder.join(PYINFRA_HOSTS), &format!("hosts = '{}'.split()\n", self.addresses(" ")));
        let key = self.folder.join("operator").display().to_string();
        let known = format!("ssh_known_hosts_file={}", self.folder.join("known_hosts").display());
        let mut pyinfra = self.peer("pyinfra");
        // It gives connections up that take longer than 10 s, as more of them at a time do here.
        pyinfra.args(["-y", "--parallel", "10", "--user", "root", "--key", &key, "--data", &known]);
        pyinfra.args(["--data", "ssh_connect_retries=5"]);
        pyinfra.args([PYINFRA_HOSTS, "exec", "--", &command.arguments.join(" ")]);
        timed(|| succeed(&mut pyinfra))
    }
}

/// Runs another tool. What it has printed is shown if it fails.
fn succeed(tool: &mut Command) {
    let output = tool.output().expect("it starts");
    let printed = || String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{tool:?}\n{}", printed());
}

/// Runs a process for each host, `side` at a time.
fn all(hosts: &[&dyn Host], side: usize, start: impl Fn(&dyn Host) -> Child) {
    let (mut waiting, mut running) = (hosts.iter(), Vec::new());
    loop {
        running.extend(waiting.by_ref().take(side - running.len()).map(|host| start(*host)));
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
