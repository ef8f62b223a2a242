//! What the user data of next workers does to a real supervisor: it starts nothing, at no boot, until the order that starts
//! the workers has been given. From then on it starts them at every boot. A boot is a start of supervisord here, whose
//! files are in a folder of the test.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cutover_core::names::ProgramName;
use cutover_hosts::command::Said;
use cutover_hosts::supervisor::{self, Order, State, Verb, autostart};

use crate::support::from_environment;

const CONFIGURATION: &str = "[supervisord]\nlogfile=FOLDER/log\npidfile=FOLDER/pid\n\
    [unix_http_server]\nfile=FOLDER/socket\n[supervisorctl]\nserverurl=unix://FOLDER/socket\n\
    [rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n\
    [include]\nfiles = FOLDER/conf.d/*.conf\n";

/// As Open edX writes them, and one that says when it starts.
const PROGRAMS: &str = "[program:lms_high_3]\ncommand=sleep 1000\nstopasgroup=true\n\
    [program:lms_low_5]\ncommand=sleep 1000\nautostart = true\n[group:edxapp_worker]\nprograms=lms_high_3,lms_low_5\n";

struct Host {
    folder: tempfile::TempDir,
    /// The folder of supervisor's programs.
    programs: PathBuf,
}

/// supervisord, from a boot to a shutdown.
struct Booted<'a> {
    host: &'a Host,
    process: Child,
}

impl Host {
    fn new() -> Self {
        let host = Self {
            folder: tempfile::tempdir().expect("a folder"),
            programs: from_environment("CUTOVER_SUPERVISOR", "a folder with the programs of supervisor").into(),
        };
        let write = |name: &str, text: &str| std::fs::write(host.folder.path().join(name), text).expect("a file");
        std::fs::create_dir(host.folder.path().join("conf.d")).expect("a folder");
        write("supervisord.conf", &CONFIGURATION.replace("FOLDER", &host.at("")));
        write("workers.available", PROGRAMS);
        let link = host.folder.path().join("conf.d/workers.conf");
        std::os::unix::fs::symlink(host.folder.path().join("workers.available"), link).expect("a link");
        let program = host.programs.join("supervisorctl");
        let options = format!("-c {}", host.at("supervisord.conf"));
        write("supervisorctl", &format!("#!/bin/sh\nexec {} {options} \"$@\"\n", program.display()));
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(host.at("supervisorctl"), mode).expect("it can be run");
        host
    }

    fn at(&self, name: &str) -> String {
        let path = if name.is_empty() { self.folder.path().to_owned() } else { self.folder.path().join(name) };
        path.display().to_string()
    }

    /// Runs a command for a host whose files of supervisor are in the folder.
    fn run(&self, arguments: &[String]) -> Said {
        let arguments: Vec<String> =
            arguments.iter().map(|word| word.replace("/edx/app/supervisor/conf.d", &self.at("conf.d"))).collect();
        let output = Command::new(&arguments[0]).args(&arguments[1..]).output().expect("a program");
        Said {
            exit: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn boot(&self) -> Booted<'_> {
        let process = Command::new(self.programs.join("supervisord"))
            .args(["-n", "-c", &self.at("supervisord.conf")])
            .stdout(Stdio::null())
            .spawn()
            .expect("supervisord");
        Booted { host: self, process }
    }
}

fn programs() -> Vec<ProgramName> {
    ["edxapp_worker:lms_high_3", "edxapp_worker:lms_low_5"].map(Into::into).to_vec()
}

impl Booted<'_> {
    /// The states of both programs, once supervisor answers and neither is on its way to another state.
    fn states(&self) -> Vec<State> {
        let begin = Instant::now();
        loop {
            assert!(
                begin.elapsed() < Duration::from_secs(60),
                "supervisor does not answer, or a program does not start"
            );
            let said = self.host.run(&supervisor::ask(&self.host.at("supervisorctl"), &programs()).command.arguments);
            let states = supervisor::read(&programs(), &said).map(|states| states.into_values().map(|one| one.state));
            if let Ok(states) = states.map(Iterator::collect::<Vec<State>>)
                && !states.contains(&State::Starting)
            {
                return states;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn started_at_boot(&self) -> usize {
        let said = self.host.run(&autostart::ask_loaded(&self.host.at("supervisorctl")).command.arguments);
        autostart::started_at_boot(&programs(), &said).expect("it tells").len()
    }

    fn shut_down(mut self) {
        let pid = self.process.id().to_string();
        let told = Command::new("kill").arg(&pid).status().expect("it can be told");
        assert!(told.success() && self.process.wait().is_ok());
    }
}

#[test]
fn user_data_keeps_a_real_supervisor_from_starting_workers_until_they_are_started_in_the_window() {
    let host = Host::new();
    let as_it_was = host.boot();
    assert_eq!((as_it_was.states(), as_it_was.started_at_boot()), (vec![State::Running; 2], 2), "without user data");
    as_it_was.shut_down();

    assert_eq!(host.run(&autostart::hold()).exit, 0);
    for boot in ["the first boot", "a reboot before the window"] {
        let booted = host.boot();
        assert_eq!((booted.states(), booted.started_at_boot()), (vec![State::Stopped; 2], 0), "{boot}");
        booted.shut_down();
    }

    let booted = host.boot();
    let supervisorctl = host.at("supervisorctl");
    let order = Order { verb: Verb::StartAlways, supervisorctl, programs: programs(), left: Vec::new() };
    host.run(&order.command().arguments);
    assert_eq!(booted.states(), [State::Running; 2]);
    booted.shut_down();

    let months_later = host.boot();
    assert_eq!((months_later.states(), months_later.started_at_boot()), (vec![State::Running; 2], 2));
    months_later.shut_down();
}
