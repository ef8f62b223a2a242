//! How fast many hosts are asked, beside bare `ssh` processes and other tools: `cargo xtask bench hosts`.
//!
//! All hosts are machines on this computer, so that its processors do the work of both sides. Every figure is the shortest
//! of some runs, in wall-clock time.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the wall clock and starts processes")]
#![expect(clippy::print_stdout, reason = "its table is its result")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use cutover_core::names::ProgramName;
use cutover_hosts::command::Ask;
use cutover_hosts::supervisor::{self, State};
use cutover_rig::{Debian, Host, Machines};
use cutover_ssh::{Settings, SshHosts};

const HOSTS: usize = 60;
const RUNS: usize = 3;
const PROGRAMS: [&str; 6] = ["lms", "cms", "worker-high", "worker-default", "worker-low", "xqueue"];

fn main() {
    let count = std::env::var("RIG_HOSTS").ok().and_then(|count| count.parse().ok()).unwrap_or(HOSTS);
    let machines = Machines::new();
    let begin = Instant::now();
    let hosts = machines.boot_several(count);
    eprintln!("{count} hosts booted in {:.1} s", begin.elapsed().as_secs_f64());
    let programs: String = PROGRAMS.iter().map(|name| format!("[program:{name}]\ncommand=sleep 100000\n")).collect();
    hosts.iter().for_each(|host| host.has_programs(&programs));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let bench = Bench { hosts: &hosts, config: machines.operator().config("operator", "", &[&hosts[0]]), runtime };

    for (name, words) in [("true", vec!["true".to_owned()]), ("status", status().command.arguments)] {
        let floors: Vec<(usize, Duration)> =
            [4, 8, 16, 30, 60].map(|side| (side, shortest(|| bench.bare(side, &words)))).to_vec();
        println!("{name} floor {floors:?}");
        let command = cutover_hosts::command::Command::new(words.clone());
        println!("{name} cold {:?}", shortest(|| bench.cold(&command)));
        println!("{name} warm {:?}", bench.warm(&command));
    }
    let _ = (Rc::new(0), State::Running, PathBuf::new(), Path::new(""));
}

fn shortest(run: impl Fn() -> Duration) -> Duration {
    (0..RUNS).map(|_| run()).min().expect("at least one run")
}

fn status() -> Ask {
    let programs: Vec<ProgramName> = PROGRAMS.iter().map(|name| (*name).into()).collect();
    supervisor::ask("/usr/bin/supervisorctl", &programs)
}

struct Bench<'a> {
    hosts: &'a [Debian],
    config: PathBuf,
    runtime: tokio::runtime::Runtime,
}

impl Bench<'_> {
    fn bare(&self, side: usize, words: &[String]) -> Duration {
        let begin = Instant::now();
        let (mut waiting, mut running) = (self.hosts.iter(), Vec::new());
        loop {
            while running.len() < side {
                let Some(host) = waiting.next() else { break };
                let mut ssh = Command::new("ssh");
                ssh.arg("-F").arg(&self.config).args(["-o", "BatchMode=yes", host.address(), &words.join(" ")]);
                running.push(ssh.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("ssh"));
            }
            if running.is_empty() {
                return begin.elapsed();
            }
            running.retain_mut(|ssh| ssh.try_wait().expect("its state").is_none());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn settings(&self) -> Settings {
        Settings { config: Some(self.config.clone()), ..Settings::default() }
    }

    async fn ask_all(&self, ssh: &SshHosts, command: &cutover_hosts::command::Command) {
        let asks = self.hosts.iter().map(|host| ssh.run(host.address(), command, b"", Duration::from_secs(60)));
        for answer in futures_util::future::join_all(asks).await {
            assert_eq!(answer.expect("an answer").exit, 0);
        }
    }

    fn cold(&self, command: &cutover_hosts::command::Command) -> Duration {
        self.runtime.block_on(async {
            let ssh = SshHosts::new(self.settings()).expect("a folder");
            let begin = Instant::now();
            self.ask_all(&ssh, command).await;
            let length = begin.elapsed();
            length
        })
    }

    fn warm(&self, command: &cutover_hosts::command::Command) -> Duration {
        self.runtime.block_on(async {
            let ssh = SshHosts::new(self.settings()).expect("a folder");
            self.ask_all(&ssh, command).await;
            let mut lengths = Vec::new();
            for _ in 0..RUNS {
                let begin = Instant::now();
                self.ask_all(&ssh, command).await;
                lengths.push(begin.elapsed());
            }
            lengths.into_iter().min().expect("some runs")
        })
    }
}
