//! Signals that ask this process to end.

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use cutover_engine::drive::Stop;

/// The first Ctrl-C, SIGTERM or SIGHUP resolves `stop`. The next Ctrl-C or SIGTERM resolves `abandon`. Another SIGHUP
/// does not, because the end of a session often sends several.
pub fn interruptions() -> (Stop, LocalBoxFuture<'static, ()>) {
    let (first, told) = oneshot::channel();
    let stop: LocalBoxFuture<'static, &'static str> = Box::pin(async move {
        match told.await {
            Ok(why) => why,
            Err(_) => std::future::pending().await,
        }
    });
    let abandon: LocalBoxFuture<'static, ()> = Box::pin(async move {
        let mut signals = Signals::listen();
        let _ = first.send(signals.any().await);
        signals.of_somebody().await;
    });
    (stop.shared(), abandon)
}

/// What stopped a conductor, in words that people and the journal are told.
const INTERRUPTED: &str = "it was interrupted with Ctrl-C (SIGINT)";
const TERMINATED: &str = "it was told to end (SIGTERM)";
const HUNG_UP: &str = "its terminal was closed, or the connection to it was lost (SIGHUP)";

/// Resolves at the next Ctrl-C or SIGTERM from now on.
pub fn interrupted() -> Stop {
    let mut signals = Signals::listen();
    let next: LocalBoxFuture<'static, &'static str> = Box::pin(async move { signals.of_somebody().await });
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

    /// Waits for Ctrl-C, SIGTERM, or the end of the session, and says which it was.
    async fn any(&mut self) -> &'static str {
        tokio::select! {
            () = received(&mut self.interrupt) => INTERRUPTED,
            () = received(&mut self.terminate) => TERMINATED,
            () = received(&mut self.hangup) => HUNG_UP,
        }
    }

    /// Waits for Ctrl-C or SIGTERM, which are sent on purpose.
    async fn of_somebody(&mut self) -> &'static str {
        tokio::select! {
            () = received(&mut self.interrupt) => INTERRUPTED,
            () = received(&mut self.terminate) => TERMINATED,
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
