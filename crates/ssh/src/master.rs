//! The master connection of one host, from its launch to its end.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use cutover_hosts::envelope;
use futures_util::future::{Either, select};
use openssh::Session;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::arguments::{self, KnownBy};
use crate::effective::Effective;
use crate::limits::{LOCAL, pass, within};
use crate::program::{program, unusable};
use crate::settings::Settings;
use crate::trouble::{Trouble, of_log, of_log_and_way};
use crate::way::{self, Way};

/// What is added to the connection's own time limit: authentication by an agent or a jump host can take a while. A host that is
/// silent meanwhile is given up earlier, by `ssh` itself: the limits of `ServerAlive` hold during the sign-in too.
const SIGN_IN: Duration = Duration::from_secs(20);
/// How long a host may take to give a session before it counts as silent.
const SILENCE: Duration = Duration::from_secs(8);
/// The largest answer that is read, in bytes. A list of four thousand processes is about as large; and the answers of all hosts
/// that are asked at the same time must fit into memory.
const LARGEST: usize = 1 << 20;
/// How much of standard error is kept, in bytes. Only its last line is ever shown.
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
            Some(Err(error)) => return Err(no_session(&error)),
            // The request may have reached the host.
            None => return Err(Trouble::Silent("the connection does not respond".to_owned())),
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
        let answer = read(stdout, LARGEST, Excess::IsTooMuch, &mut printed.stdout, envelope::is_complete);
        let complaints = read(stderr, COMPLAINTS, Excess::PushesOut, &mut printed.stderr, |_| false);
        let answered = self.unless_silent(async {
            match select(pin!(async { tokio::try_join!(write, answer) }), pin!(complaints)).await {
                Either::Left((answered, complaints)) => {
                    answered?;
                    within(LINGER, complaints).await.unwrap_or(Ok(()))
                }
                Either::Right((complained, answer)) => complained.and(answer.await.map(drop)),
            }
        });
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
                    return Err(Trouble::Silent("it has fallen silent".to_owned()));
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
enum Excess {
    /// It pushes out what came first.
    PushesOut,
    IsTooMuch,
}

/// How long it is waited for the end of output after a complete answer. What start-up files or a command have left in the
/// background keeps it open for as long as it runs.
const LINGER: Duration = Duration::from_secs(2);

/// Reads a stream to its end, and keeps `limit` bytes of it at most. If nothing follows for a while what `is_complete`, that
/// is taken for its end.
async fn read(
    stream: Option<impl tokio::io::AsyncRead + Unpin>,
    limit: usize,
    excess: Excess,
    kept: &mut Vec<u8>,
    is_complete: impl Fn(&[u8]) -> bool,
) -> Result<(), Trouble> {
    let Some(mut stream) = stream else { return Ok(()) };
    let mut piece = vec![0; 16 << 10];
    loop {
        let more = stream.read(&mut piece);
        let more = if is_complete(kept) { within(LINGER, more).await.unwrap_or(Ok(0)) } else { more.await };
        let length = more.map_err(|error| Trouble::Lost(error.to_string()))?;
        if length == 0 {
            return Ok(());
        }
        kept.extend_from_slice(&piece[..length]);
        let too_much = kept.len().saturating_sub(limit);
        if too_much > 0 && excess == Excess::IsTooMuch {
            return Err(Trouble::TooLarge(format!("{} MB", limit >> 20)));
        }
        kept.drain(..too_much);
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

/// What it means that there is no session. Nothing was run if nobody took the request, or if it was refused. A master that
/// ends after it has read the request may have passed it on to the host.
fn no_session(error: &openssh::Error) -> Trouble {
    use openssh_mux_client::Error::{PermissionDenied, RequestFailure};
    match error {
        // There is no socket, nobody listens there, or the request was left unread.
        openssh::Error::Disconnected | openssh::Error::SshMux(RequestFailure(_) | PermissionDenied(_)) => {
            Trouble::Unreachable(told(error))
        }
        _ => Trouble::Lost(told(error)),
    }
}

fn told(error: &openssh::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    /// How a command fails whose master reads the request for its session, and then answers so, or ends without an answer.
    async fn run_by(answer: Option<&'static [u8]>) -> Trouble {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("master");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let master = std::thread::spawn(move || {
            let (mut client, _) = listener.accept().expect("a client");
            // HELLO, version 4.
            send(&mut client, &[0, 0, 0, 1, 0, 0, 0, 4]);
            receive(&mut client);
            receive(&mut client);
            // Its standard streams, each with a byte.
            client.read_exact(&mut [0; 3]).expect("they come");
            if let Some(answer) = answer {
                send(&mut client, answer);
            }
        });
        let trouble = Master::at(socket, None, "ada".to_owned(), false).run("true", b"", LOCAL).await;
        master.join().expect("the master ends");
        trouble.expect_err("there is no session")
    }

    fn send(client: &mut UnixStream, packet: &[u8]) {
        let length = u32::try_from(packet.len()).expect("a short packet").to_be_bytes();
        client.write_all(&[&length, packet].concat()).expect("it is sent");
    }

    fn receive(client: &mut UnixStream) {
        let mut length = [0; 4];
        client.read_exact(&mut length).expect("a packet");
        client.read_exact(&mut vec![0; u32::from_be_bytes(length) as usize]).expect("a whole packet");
    }

    #[tokio::test]
    async fn a_command_whose_request_a_master_has_read_before_it_ended_may_have_run() {
        let lost = run_by(None).await;
        assert!(lost.may_have_run(), "{lost}");
        // FAILURE of the first request, for this reason.
        let refused = run_by(Some(b"\x80\0\0\x03\0\0\0\0\0\0\0\x07refused")).await;
        assert!(matches!(&refused, Trouble::Unreachable(why) if why.contains("refused")), "{refused}");
        let missing = Master::at("/nonexistent/master".into(), None, "ada".to_owned(), false);
        let missing = missing.run("true", b"", LOCAL).await.expect_err("there is no master");
        assert!(matches!(missing, Trouble::Unreachable(_)), "{missing}");
    }
}
