//! A supervisord of a test's own, from PyPI: newer than Debian's.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::program::until;

const INSTALL: &str = "run the tests with `cargo xtask test`, or set CUTOVER_SUPERVISOR to a folder with the programs of \
                       PyPI's package `supervisor`";

/// A running supervisord, which ends with this, and its programs with it.
pub(crate) struct Supervisord {
    process: Child,
}

impl Supervisord {
    /// Starts one whose files are in `folder`.
    pub(crate) fn start(folder: &Path) -> Self {
        let bin = std::env::var_os("CUTOVER_SUPERVISOR").map(PathBuf::from);
        let bin = bin.unwrap_or_else(|| panic!("there is no supervisor; {INSTALL}"));
        std::fs::create_dir(folder.join("programs")).expect("a folder");
        let configuration = folder.join("supervisord.conf");
        std::fs::write(&configuration, configured(folder)).expect("written");
        write_control(&folder.join("supervisorctl"), &bin.join("supervisorctl"), &configuration);
        // It ends its programs and itself with the process that started it, even if that is killed.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "TERM"])
            .arg(bin.join("supervisord"))
            .arg("-n")
            .arg("-c")
            .arg(&configuration)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = command.spawn().unwrap_or_else(|error| panic!("no supervisord ({error}); {INSTALL}"));
        let socket = folder.join("supervisor.sock");
        let listens = until(Duration::from_secs(20), || socket.exists().then_some(()));
        let log = || std::fs::read_to_string(folder.join("supervisord.log")).unwrap_or_default();
        assert!(listens.is_some(), "supervisord does not listen: {}", log());
        Self { process }
    }
}

impl Drop for Supervisord {
    fn drop(&mut self) {
        // Its programs would be left running if it were killed.
        for signal in ["CONT", "TERM"] {
            let _ = Command::new("kill").args(["-s", signal, &self.process.id().to_string()]).status();
        }
        if until(Duration::from_secs(10), || self.process.try_wait().ok().flatten()).is_none() {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}

fn configured(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "[supervisord]\nlogfile={folder}/supervisord.log\npidfile={folder}/supervisord.pid\nchildlogdir={folder}\n\
         [unix_http_server]\nfile={folder}/supervisor.sock\n\
         [rpcinterface:supervisor]\n\
         supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n\
         [supervisorctl]\nserverurl=unix://{folder}/supervisor.sock\n\
         [include]\nfiles={folder}/programs/*.conf\n"
    )
}

/// A supervisorctl that needs no options, as a host has it.
fn write_control(path: &Path, program: &Path, configuration: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let text = format!("#!/bin/sh\nexec '{}' -c '{}' \"$@\"\n", program.display(), configuration.display());
    std::fs::write(path, text).expect("written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
}
