//! The master connection of one host, from its launch to its end.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use openssh::Session;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::arguments::{self, KnownBy};
use crate::effective::Effective;
use crate::limits::{LOCAL, within};
use crate::program::{program, unusable};
use crate::settings::Settings;
use crate::trouble::{Trouble, of_log};

/// What is added to the connection's own time limit: authentication by an agent or a jump host can take a while.
const SIGN_IN: Duration = Duration::from_secs(20);
/// The largest answer that is read, in bytes. A list of a thousand processes is about as large; and of the hosts that are
/// asked at the same time, all together must fit into memory.
const LARGEST: usize = 1 << 20;
/// How much of standard error is kept, in bytes. Only a line of it is ever shown.
const COMPLAINTS: usize = 64 << 10;

/// A master connection. It is ended when it is closed, or by itself some time after its last use.
#[derive(Debug)]
pub(crate) struct Master {
    session: Session,
    socket: PathBuf,
    /// The user that commands run as on the host.
    pub user: String,
    /// Whether it is cutover's own and not the operator's.
    is_own: bool,
}

/// What a command printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Printed {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// Whether that is all, and the command did not go on after its time was over.
    pub has_ended: bool,
}

impl Master {
    /// Uses the master that the operator has to `address`, or launches one with its socket in `folder`. `number` is
    /// different for each launch. `keys` is a file with the only keys that the host may have, where they were told.
    /// `effective` is what the operator's configuration says about the host.
    pub(crate) async fn open(
        settings: &Settings,
        address: &str,
        effective: Effective,
        keys: Option<&Path>,
        folder: &Path,
        number: u64,
    ) -> Result<Self, Trouble> {
        if let Some(socket) = &effective.socket
            && is_alive(settings, socket).await
        {
            return Ok(Self::at(socket.clone(), None, effective.user, false));
        }
        // Sockets have short names, because the length of their paths is limited to 104 characters on some systems.
        let (socket, log) = (folder.join(format!("{number}")), folder.join(format!("{number}.log")));
        let known = keys.map_or(KnownBy::Files { global: &effective.global_known_hosts }, KnownBy::Told);
        let words = arguments::master(settings, address, &socket, &log, &known);
        let mut launch = program(settings);
        launch.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let child = launch.spawn().map_err(|error| unusable(settings, &error))?;
        let ended = within(settings.connect_timeout + SIGN_IN, ended(child)).await;
        let logged = std::fs::read_to_string(&log).unwrap_or_default();
        match ended {
            Some(Ok((true, _))) => Ok(Self::at(socket, Some(log), effective.user, true)),
            Some(Ok((false, said))) => Err(of_log(&(logged + &said))),
            Some(Err(error)) => Err(unusable(settings, &error)),
            None => Err(Trouble::Unreachable(format!(
                "not signed in within {} s",
                (settings.connect_timeout + SIGN_IN).as_secs()
            ))),
        }
    }

    fn at(socket: PathBuf, log: Option<PathBuf>, user: String, is_own: bool) -> Self {
        let session = Session::resume_mux(socket.clone().into(), log.map(Into::into));
        Self { session, socket, user, is_own }
    }

    /// Runs a line in the login shell of the host, with `input` on standard input.
    pub(crate) async fn run(&self, line: &str, input: &[u8], limit: Duration) -> Result<Printed, Trouble> {
        let mut command = self.session.raw_command(line);
        command.stdin(openssh::Stdio::piped()).stdout(openssh::Stdio::piped()).stderr(openssh::Stdio::piped());
        let mut child = match within(LOCAL, command.spawn()).await {
            Some(Ok(child)) => child,
            // Without a session on the host, nothing was run there.
            Some(Err(error)) => return Err(Trouble::Unreachable(told(&error))),
            None => return Err(Trouble::Unreachable("the connection does not respond".to_owned())),
        };
        let (stdin, stdout, stderr) = (child.stdin().take(), child.stdout().take(), child.stderr().take());
        let write = async {
            // A command that does not read its input closes it.
            if let Some(mut stdin) = stdin {
                let _ = stdin.write_all(input).await;
                let _ = stdin.shutdown().await;
            }
            Ok(())
        };
        let mut printed = Printed::default();
        let answer = read(stdout, LARGEST, Rest::IsTooMuch, &mut printed.stdout);
        let complaints = read(stderr, COMPLAINTS, Rest::IsDropped, &mut printed.stderr);
        let ended = within(limit, async { tokio::try_join!(write, answer, complaints) }).await;
        let _ = child.disconnect().await;
        match ended {
            Some(Err(trouble)) => Err(trouble),
            Some(Ok(_)) => Ok(Printed { has_ended: true, ..printed }),
            None => Ok(printed),
        }
    }

    /// Whether the connection is still there.
    pub(crate) async fn is_alive(&self, settings: &Settings) -> bool {
        is_alive(settings, &self.socket).await
    }

    /// Begins to end the connection, unless it is the operator's. Returns the process that tells the master.
    #[expect(clippy::disallowed_methods, reason = "this is the one home of starting ssh")]
    pub(crate) fn end(&self, settings: &Settings) -> Option<std::process::Child> {
        if !self.is_own || !self.socket.exists() {
            return None;
        }
        let mut command = std::process::Command::new(&settings.program);
        command.args(arguments::control(&self.socket, "exit"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
    }
}

/// Waits until these processes have ended, for `limit` at most. Those that have not are killed.
#[expect(clippy::disallowed_methods, reason = "it is called when everything else has ended")]
pub(crate) fn wait_for(mut processes: Vec<std::process::Child>, limit: Duration) {
    const STEP: Duration = Duration::from_millis(2);
    let mut left = limit;
    loop {
        processes.retain_mut(|process| matches!(process.try_wait(), Ok(None)));
        if processes.is_empty() || left.is_zero() {
            break;
        }
        std::thread::sleep(STEP);
        left = left.saturating_sub(STEP);
    }
    for process in &mut processes {
        let _ = process.kill();
        let _ = process.wait();
    }
}

/// Waits until the launching process has ended, and returns whether it succeeded and what it said. Its standard error is
/// not read to its end, because the master in the background keeps it open.
async fn ended(mut child: tokio::process::Child) -> std::io::Result<(bool, String)> {
    let status = child.wait().await?;
    let mut said = Vec::new();
    if let (false, Some(mut stderr)) = (status.success(), child.stderr.take()) {
        stderr.read_to_end(&mut said).await?;
    }
    Ok((status.success(), String::from_utf8_lossy(&said).into_owned()))
}

/// What becomes of output beyond its limit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    IsDropped,
    IsTooMuch,
}

/// Reads a stream to its end, and keeps `limit` bytes of it at most.
async fn read(
    stream: Option<impl tokio::io::AsyncRead + Unpin>,
    limit: usize,
    rest: Rest,
    kept: &mut Vec<u8>,
) -> Result<(), Trouble> {
    let Some(mut stream) = stream else { return Ok(()) };
    let mut piece = vec![0; 16 << 10];
    loop {
        let length = stream.read(&mut piece).await.map_err(|error| Trouble::Lost(error.to_string()))?;
        if length == 0 {
            return Ok(());
        }
        let room = limit - kept.len();
        if length > room && rest == Rest::IsTooMuch {
            return Err(Trouble::TooLarge(format!("{} MB", limit >> 20)));
        }
        kept.extend_from_slice(&piece[..length.min(room)]);
    }
}

async fn is_alive(settings: &Settings, socket: &Path) -> bool {
    socket.exists() && control(settings, socket, "check").await
}

async fn control(settings: &Settings, socket: &Path, what: &str) -> bool {
    let mut command = program(settings);
    command.args(arguments::control(socket, what)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.kill_on_drop(true);
    matches!(within(LOCAL, command.status()).await, Some(Ok(status)) if status.success())
}

fn told(error: &openssh::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
