//! A server that runs. It ends with this, even if this process is killed.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Keeps a server until standard input ends. The server ends with its keeper, too. Nobody kills its number once it has ended by
/// itself: that may soon be the number of another process.
const KEEPER: &str = "exec 3<&0 </dev/null
setpriv --pdeathsig KILL \"$@\" 3<&- &
server=$!
{ cat <&3 >/dev/null; kill -s KILL \"$server\"; } 2>/dev/null &
killer=$!
exec 3<&-
status=0
wait \"$server\" || status=$?
kill \"$killer\" 2>/dev/null
exit \"$status\"";

/// A server and its keeper.
pub(super) struct Process {
    keeper: Child,
}

impl Process {
    /// Starts a command, which prints to the file `log`.
    pub(super) fn start(command: &[String], log: &Path) -> Self {
        let log = File::options().create(true).append(true).open(log).expect("a log");
        // In a session of its own, so that it lives on for a moment if somebody interrupts this process.
        let mut keeper = Command::new("setsid");
        keeper.args(["sh", "-c", KEEPER, "keeper"]).args(command).stdin(Stdio::piped());
        keeper.stdout(log.try_clone().expect("a second descriptor")).stderr(log);
        Self { keeper: keeper.spawn().expect("setsid, of the package util-linux") }
    }

    /// Whether the server has ended by itself.
    pub(super) fn has_ended(&mut self) -> bool {
        self.keeper.try_wait().is_ok_and(|status| status.is_some())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
