//! An ssh-agent with a key of the operator's.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::operator::{INSTALL, Operator};
use crate::program::{run, until};

/// A running agent, which ends with this.
pub struct Agent {
    process: Child,
    socket: PathBuf,
}

impl Agent {
    /// Starts one that holds the operator's key of this name.
    ///
    /// # Panics
    /// When there is no ssh-agent, or no such key.
    #[must_use]
    pub fn with_key(operator: &Operator, name: &str) -> Self {
        let socket = operator.path().join("agent");
        // It ends with the process that started it, even if that is killed.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "ssh-agent", "-D", "-a"]).arg(&socket).stdout(Stdio::null());
        let process = command.spawn().unwrap_or_else(|error| panic!("no ssh-agent ({error}); {INSTALL}"));
        let agent = Self { process, socket };
        let mut add = Command::new("ssh-add");
        add.arg("-q").arg(operator.path().join(name)).env("SSH_AUTH_SOCK", &agent.socket);
        let added = until(Duration::from_secs(10), || (run(&mut add, "", INSTALL).exit == 0).then_some(()));
        assert!(added.is_some(), "ssh-agent does not take the key {name}");
        agent
    }

    /// Its socket, for `IdentityAgent`.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
