//! The wall clock, the machine and the terminal's signals: their one home. Nothing else asks what time it is.
#![expect(clippy::disallowed_methods, reason = "this is the one home of clock, timers and environment")]

use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;

use cutover_engine::drive::Stop;
use cutover_engine::lease::{Identity, Machine};
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

    fn lives(&self, process: u32) -> bool {
        let id = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw);
        // No permission to signal it still means that it is there.
        id.is_some_and(|id| rustix::process::test_kill_process(id) != Err(rustix::io::Errno::SRCH))
    }

    fn nonce(&self) -> String {
        use std::hash::{BuildHasher, Hasher};
        // The hasher's keys are random for each process, and the moment tells its calls apart.
        let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
        format!("{random:016x}{:x}", Timestamp::now().as_nanosecond() & 0xffff_ffff)
    }

    fn identity(&self) -> Identity {
        let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
        Identity {
            user: user.unwrap_or_else(|_| format!("uid {}", rustix::process::getuid().as_raw())),
            machine: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            process: std::process::id(),
        }
    }
}

/// The wall clock for an embedded cloud whose time passes at a pace.
#[must_use]
pub fn wall_time() -> WallTime {
    WallTime {
        now: Rc::new(Timestamp::now),
        sleeper: Rc::new(|length| -> LocalBoxFuture<'static, ()> { Box::pin(tokio::time::sleep(length)) }),
    }
}

/// How long `work` takes on the wall, with what it came to.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begin = std::time::Instant::now();
    let result = work();
    (result, begin.elapsed())
}

/// Runs a command's future on this thread, with timers and signals.
///
/// # Errors
/// When the operating system has no room for another runtime.
pub fn block_on<T>(future: impl Future<Output = T>) -> std::io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(future);
    // A thread that still waits for the keyboard must not keep the process.
    runtime.shutdown_background();
    Ok(result)
}

/// Resolves at the first Ctrl-C or SIGTERM, through `stop`; the second resolves `abandon`.
#[must_use]
pub fn interruptions() -> (Stop, LocalBoxFuture<'static, ()>) {
    let (until_first, first) = futures_util::future::abortable(std::future::pending::<()>());
    let stop: LocalBoxFuture<'static, ()> = Box::pin(async move {
        let _ = until_first.await;
    });
    let abandon: LocalBoxFuture<'static, ()> = Box::pin(async move {
        signal().await;
        first.abort();
        signal().await;
    });
    (stop.shared(), abandon)
}

async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        biased;
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// Reads one line from the keyboard, without holding up anything else; nothing at the end of input.
pub async fn line_from_keyboard() -> Option<String> {
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        let length = std::io::stdin().read_line(&mut line).ok()?;
        (length > 0).then_some(line)
    });
    read.await.ok().flatten()
}

/// Whether the operator wants no colour (`NO_COLOR`, https://no-color.org).
#[must_use]
pub fn wants_no_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
