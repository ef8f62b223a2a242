//! The wall clock, the machine, signals and the keyboard. No other module reads the time.
#![expect(clippy::disallowed_methods, reason = "this is the one home of clock, timers and environment")]

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use futures_util::lock::{Mutex, MutexGuard};
use jiff::Timestamp;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use cutover_aws::Times;
use cutover_core::time::between;
use cutover_engine::drive::Stop;
use cutover_engine::lease::{Identity, Machine, Origin};
use cutover_engine::ports::Clock;
use cutover_rehearsal::WallTime;

/// This machine and its clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThisMachine;

#[async_trait(?Send)]
impl Machine for ThisMachine {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, length: Duration) {
        tokio::time::sleep(length).await;
    }

    fn up(&self) -> Duration {
        // On kernels that have it, this clock also counts while the machine is suspended.
        #[cfg(target_os = "linux")]
        let clock = rustix::time::ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        let clock = rustix::time::ClockId::Monotonic;
        Duration::try_from(rustix::time::clock_gettime(clock)).unwrap_or_default()
    }

    fn lives(&self, process: u32, started: u64) -> bool {
        match origin::start_of(process) {
            Some(start) => start == started,
            // If other users' processes are hidden, a missing permission to signal it still means that it exists.
            None => {
                let id = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw);
                id.is_some_and(|id| rustix::process::test_kill_process(id) == Err(rustix::io::Errno::PERM))
            }
        }
    }

    fn nonce(&self) -> String {
        use std::hash::{BuildHasher, Hasher};
        // The hasher's keys are random for each process, and the time differs between calls.
        let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
        format!("{random:016x}{:x}", Timestamp::now().as_nanosecond() & 0xffff_ffff)
    }

    fn identity(&self) -> Identity {
        let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
        Identity {
            user: user.unwrap_or_else(|_| format!("uid-{}", rustix::process::getuid().as_raw())),
            machine: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            process: std::process::id(),
            origin: origin::of_this_process(),
        }
    }
}

/// The boot and the namespace in which a process number identifies a process. Only Linux provides them.
mod origin {
    use super::Origin;

    /// The boot and namespace of this process.
    pub(super) fn of_this_process() -> Option<Origin> {
        Some(Origin {
            boot: std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned(),
            pid_namespace: std::fs::read_link("/proc/self/ns/pid").ok()?.to_string_lossy().into_owned(),
            started: itself()?,
        })
    }

    /// When this process was started. Nothing if `/proc` shows the processes of another namespace, in which this number
    /// belongs to another process.
    fn itself() -> Option<u64> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let (number, _) = stat.split_once(' ')?;
        (number.parse() == Ok(std::process::id())).then(|| start_in(&stat))?
    }

    /// When a process was started, in ticks since the boot. Nothing if it is gone, or is a zombie.
    pub(super) fn start_of(process: u32) -> Option<u64> {
        start_in(&std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
    }

    fn start_in(stat: &str) -> Option<u64> {
        // The name before it may contain anything, even spaces and parentheses.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let has_ended = matches!(fields.first(), Some(&("Z" | "X")) | None);
        fields.get(19).filter(|_| !has_ended)?.parse().ok()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_process_is_told_from_another_by_its_start() {
            let start = start_of(std::process::id()).expect("this one runs");
            assert!(start > 0);
            assert_eq!(start_of(u32::MAX), None);
            let origin = of_this_process().expect("Linux tells");
            assert!(origin.pid_namespace.starts_with("pid:["), "{origin:?}");
            assert_eq!(origin.started, start);
        }
    }
}

/// The wall clock, for clouds that run in real time.
#[derive(Clone, Copy, Debug, Default)]
pub struct WallClock;

#[async_trait(?Send)]
impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep_until(&self, moment: Timestamp) {
        // Timers stop while a machine is suspended, but the date does not. So the clock is read again and again.
        while Timestamp::now() < moment {
            let left = between(Timestamp::now(), moment);
            tokio::time::sleep(left.min(LONGEST_TIMER)).await;
        }
    }
}

/// How long a timer runs at most before the clock is read again.
const LONGEST_TIMER: Duration = Duration::from_secs(30);

/// The wall clock, for AWS's runtime.
#[must_use]
pub fn aws_times() -> Times {
    Times::of(std::time::SystemTime::now, |length| Box::pin(tokio::time::sleep(length)))
}

/// The wall clock for an embedded cloud whose time passes at a pace.
#[must_use]
pub fn wall_time() -> WallTime {
    WallTime {
        now: Rc::new(Timestamp::now),
        sleeper: Rc::new(|length| -> LocalBoxFuture<'static, ()> { Box::pin(tokio::time::sleep(length)) }),
    }
}

/// Runs `work`. Returns its result and how long it took in wall time.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begin = std::time::Instant::now();
    let result = work();
    (result, begin.elapsed())
}

/// How long something has taken so far.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Starts now.
    #[must_use]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// The time since its start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// The variables of this process, for programs that it starts.
#[must_use]
pub fn variables() -> Vec<(OsString, OsString)> {
    std::env::vars_os().collect()
}

/// The current folder.
///
/// # Errors
/// When it does not exist any more, or may not be read.
pub fn current_folder() -> std::io::Result<PathBuf> {
    std::env::current_dir()
}

/// The time on the wall clock.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Runs a command's future on this thread, with timers and signals.
///
/// # Errors
/// When the operating system cannot provide another runtime.
pub fn block_on<T>(future: impl Future<Output = T>) -> std::io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(future);
    // A thread that still waits for a disk must not keep the process from ending.
    runtime.shutdown_background();
    Ok(result)
}

/// Waits for a length of wall time.
pub async fn sleep(length: Duration) {
    tokio::time::sleep(length).await;
}

/// The first Ctrl-C, SIGTERM or SIGHUP resolves `stop`. The next Ctrl-C or SIGTERM resolves `abandon`. Another SIGHUP does
/// not, because the end of a session often sends several.
pub fn interruptions() -> (Stop, LocalBoxFuture<'static, ()>) {
    let (until_first, first) = futures_util::future::abortable(std::future::pending::<()>());
    let stop: LocalBoxFuture<'static, ()> = Box::pin(async move {
        let _ = until_first.await;
    });
    let abandon: LocalBoxFuture<'static, ()> = Box::pin(async move {
        let mut signals = Signals::listen();
        signals.any().await;
        first.abort();
        signals.of_somebody().await;
    });
    (stop.shared(), abandon)
}

/// Resolves at the next Ctrl-C or SIGTERM from now on.
pub fn interrupted() -> Stop {
    let mut signals = Signals::listen();
    let next: LocalBoxFuture<'static, ()> = Box::pin(async move { signals.of_somebody().await });
    next.shared()
}

/// The signals that ask a conductor to end. A signal that cannot be handled is treated as if it never arrived.
struct Signals {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    hangup: Option<Signal>,
}

impl Signals {
    fn listen() -> Self {
        // A process that was started under nohup should outlive the session.
        let hangup = (!hangup_is_ignored()).then(|| signal(SignalKind::hangup()).ok()).flatten();
        Self {
            interrupt: signal(SignalKind::interrupt()).ok(),
            terminate: signal(SignalKind::terminate()).ok(),
            hangup,
        }
    }

    /// Waits for Ctrl-C, SIGTERM, or the end of the session.
    async fn any(&mut self) {
        tokio::select! {
            () = received(&mut self.interrupt) => {}
            () = received(&mut self.terminate) => {}
            () = received(&mut self.hangup) => {}
        }
    }

    /// Waits for Ctrl-C or SIGTERM, which are sent on purpose.
    async fn of_somebody(&mut self) {
        tokio::select! {
            () = received(&mut self.interrupt) => {}
            () = received(&mut self.terminate) => {}
        }
    }
}

async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            let _ = signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Whether SIGHUP was ignored when this process started; known on Linux only. Called once, before the signal is
/// handled.
fn hangup_is_ignored() -> bool {
    static IGNORED: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *IGNORED.get_or_init(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
        // The first bit stands for signal 1, which is SIGHUP.
        mask & 1 != 0
    })
}

/// The lines that are typed at the terminal. One thread reads them for the whole process, from the first question on: a
/// separate reader for each question would consume the line that answers the next one.
#[derive(Default)]
pub struct Keyboard {
    lines: Mutex<Option<UnboundedReceiver<String>>>,
}

impl Keyboard {
    /// The keyboard, if standard input is a terminal.
    #[must_use]
    pub fn of_this_terminal() -> Option<Self> {
        std::io::stdin().is_terminal().then(Self::default)
    }

    /// A keyboard for tests to type on.
    #[cfg(test)]
    pub(crate) fn of_lines(lines: UnboundedReceiver<String>) -> Self {
        Self { lines: Mutex::new(Some(lines)) }
    }

    /// Waits until nobody else listens. Lines that were typed before are dropped: they do not answer the new question.
    pub async fn listen(&self) -> Listening<'_> {
        let mut lines = self.lines.lock().await;
        let typed = lines.get_or_insert_with(read_keyboard);
        while typed.try_recv().is_ok() {}
        Listening { lines }
    }
}

/// The right to receive what is typed, as long as this exists.
pub struct Listening<'a> {
    lines: MutexGuard<'a, Option<UnboundedReceiver<String>>>,
}

impl Listening<'_> {
    /// The next line that is typed; waits for ever after the end of input.
    pub async fn line(&mut self) -> String {
        let line = match self.lines.as_mut() {
            Some(lines) => lines.recv().await,
            None => None,
        };
        match line {
            Some(line) => line,
            None => std::future::pending().await,
        }
    }
}

fn read_keyboard() -> UnboundedReceiver<String> {
    let (typed, lines) = unbounded_channel();
    std::thread::spawn(move || {
        // Ends with the input, or when nobody listens any more.
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if typed.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// Whether the operator has turned colours off (`NO_COLOR`, <https://no-color.org>).
#[must_use]
pub fn wants_no_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
