//! The master connection of one host, from its launch to its end.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use openssh::Session;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::arguments::{self, KnownBy};
use crate::effective::Effective;
use crate::limits::{LOCAL, pass, within};
use crate::program::{program, unusable};
use crate::settings::Settings;
use crate::trouble::{Trouble, of_log, of_log_and_way};
use crate::way::{self, Way};

/// What is added to the connection's own time limit: authentication by an agent or a jump host can take a while.
const SIGN_IN: Duration = Duration::from_secs(20);
/// How long a host may take to give a session before it counts as silent.
const SILENCE: Duration = Duration::from_secs(8);
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
    /// Whether the host was found silent.
    is_silent: Cell<bool>,
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
    /// Uses the master that the operator has to `address`, or launches one, whose files begin with `path`. `keys` is a file
    /// with the only keys that the host may have, where they were told. `effective` is what the operator's configuration says
    /// about the host.
    pub(crate) async fn open(
        settings: &Settings,
        address: &str,
        effective: Effective,
        keys: Option<&Path>,
        path: &Path,
    ) -> Result<Self, Trouble> {
        if keys.is_none()
            && let Some(master) = Self::of_operator(settings, &effective).await
        {
            return Ok(master);
        }
        Self::launch(settings, address, effective, keys, path).await
    }

    /// The operator's own connection. It is used only if it was made under rules that do not accept unknown host keys, as far
    /// as the configuration tells, and if the host answers over it.
    async fn of_operator(settings: &Settings, effective: &Effective) -> Option<Self> {
        let socket = effective.socket.as_ref().filter(|_| effective.checks_host_keys)?;
        if !is_alive(settings, socket).await {
            return None;
        }
        let master = Self::at(socket.clone(), None, effective.user.clone(), false);
        (master.question().await == Some(true)).then_some(master)
    }

    async fn launch(
        settings: &Settings,
        address: &str,
        effective: Effective,
        keys: Option<&Path>,
        path: &Path,
    ) -> Result<Self, Trouble> {
        let files = Files::beginning_with(path);
        let said = files.prepare(settings, &effective)?;
        let known = keys.map_or(KnownBy::Files { global: &effective.global_known_hosts }, KnownBy::Told);
        let way = effective.way.command(settings, &files.config, &files.said);
        let words = arguments::master(settings, address, &files.socket, &files.log, &known, way);
        let mut launch = program(settings);
        launch.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).kill_on_drop(true);
        // Another `ssh` on the way to the host, in a command of the operator's, must not ask the terminal for anything.
        launch.env("SSH_ASKPASS", "/bin/false").env("SSH_ASKPASS_REQUIRE", "force");
        let mut child = launch.spawn().map_err(|error| unusable(settings, &error))?;
        match within(settings.connect_timeout + SIGN_IN, child.wait()).await {
            Some(Ok(status)) if status.success() => Ok(Self::at(files.socket, Some(files.log), effective.user, true)),
            Some(Ok(_)) => Err(files.told(&effective.way)),
            Some(Err(error)) => Err(unusable(settings, &error)),
            None => Err(Trouble::Unreachable(format!(
                "not signed in within {} s",
                (settings.connect_timeout + SIGN_IN).as_secs()
            ))),
        }
    }

    fn at(socket: PathBuf, log: Option<PathBuf>, user: String, is_own: bool) -> Self {
        let session = Session::resume_mux(socket.clone().into(), log.map(Into::into));
        Self { session, socket, user, is_own, is_silent: Cell::new(false) }
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
        let answered = self.unless_silent(async { tokio::try_join!(write, answer, complaints) });
        let ended = within(limit, answered).await;
        let _ = child.disconnect().await;
        match ended {
            Some(Err(trouble)) => Err(trouble),
            Some(Ok(_)) => Ok(Printed { has_ended: true, ..printed }),
            None => Ok(printed),
        }
    }

    /// Whether the connection is still there. Over the operator's own, the host is asked.
    pub(crate) async fn is_alive(&self, settings: &Settings) -> bool {
        let is_there = !self.is_silent.get() && is_alive(settings, &self.socket).await;
        is_there && (self.is_own || self.question().await == Some(true))
    }

    /// The result of `work`, unless the host falls silent. `ssh` itself notices that on connections of cutover's; how the
    /// operator's own are kept alive is not known, so the host is asked on those.
    async fn unless_silent<T>(&self, work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
        if self.is_own {
            return work.await;
        }
        let silence = async {
            loop {
                pass(Settings::ALIVE.0).await;
                if self.question().await.is_none() {
                    self.is_silent.set(true);
                    return Err(Trouble::Lost("the host has fallen silent".to_owned()));
                }
            }
        };
        tokio::select! { result = work => result, silent = silence => silent }
    }

    /// Asks the host for a session: whether it gave one, or nothing if it has not answered in time.
    async fn question(&self) -> Option<bool> {
        let mut question = self.session.raw_command("exec true");
        question.stdin(openssh::Stdio::null()).stdout(openssh::Stdio::null()).stderr(openssh::Stdio::null());
        let session = within(SILENCE, question.spawn()).await?.ok();
        let is_given = session.is_some();
        if let Some(session) = session {
            let _ = session.disconnect().await;
        }
        Some(is_given)
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

/// The files of a launch.
struct Files {
    /// The control socket. Its name is short, because the length of such paths is limited to 104 characters on some systems.
    socket: PathBuf,
    /// What the master logs.
    log: PathBuf,
    /// What it and the commands on the way to the host say besides. It is no pipe: they keep it open, and nobody reads it.
    said: PathBuf,
    /// The configuration for jump hosts.
    config: PathBuf,
}

impl Files {
    fn beginning_with(path: &Path) -> Self {
        let with = |extension: &str| path.with_extension(extension);
        Self { socket: path.to_owned(), log: with("log"), said: with("said"), config: with("config") }
    }

    /// Writes what is read by the launch, and returns where its standard error goes.
    fn prepare(&self, settings: &Settings, effective: &Effective) -> Result<std::fs::File, Trouble> {
        let write = || {
            if let Way::JumpHosts(_) = &effective.way {
                std::fs::write(&self.config, way::configuration(settings, &effective.global_known_hosts)?)?;
            }
            std::fs::File::options().append(true).create(true).open(&self.said)
        };
        write().map_err(|error| Trouble::Unusable(format!("the files of a connection cannot be written: {error}")))
    }

    /// Why the launch has failed.
    fn told(&self, way: &Way) -> Trouble {
        let text = |file| String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default()).into_owned();
        let (log, said) = (text(&self.log), text(&self.said));
        match way {
            Way::Direct => of_log(&(log + &said)),
            Way::JumpHosts(_) | Way::Command(_) => of_log_and_way(&log, &said),
        }
    }
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
