//! Who hears of progress: lanes on a terminal, plain lines elsewhere, JSON for scripts.
//!
//! The conductor pushes into a feed and goes on. Each way of showing progress is a printer: a thread that reads the feed and
//! writes to one stream. A printer whose stream nobody reads waits in its write, and nothing else does.

use std::io::Write;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use cutover_core::deployment::Deployment;
use cutover_core::journal::Upgrade;
use cutover_core::progress::Progress;
use cutover_engine::feed::{Feed, Reader};
use cutover_engine::journal::Listener;
use futures_util::future::{Either, select};
use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::output::{self, NotesThrough, STANDARD_ERROR, STANDARD_OUTPUT, Stream};
use crate::show::{Json, Lanes, Lines, Notes, Screen};
use crate::wall;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// One JSON object a line on standard output, and notes on standard error.
    Json,
    /// One JSON object a line on standard error, where standard output is for the result.
    JsonBeside,
    /// As suits whoever watches standard error.
    People,
    /// Plain lines on standard error, whoever watches.
    Lines,
}

/// How often the upgrade's time is looked at, and shown to whoever watches.
pub const TICK: Duration = Duration::from_secs(1);

/// Progress on its way to those who watch.
pub struct Watcher {
    feed: Arc<Feed>,
    now: Arc<Now>,
    printers: Vec<Printer>,
    /// Until the printers have ended, what is said goes through the feed.
    notes: NotesThrough,
}

impl Watcher {
    /// Shows progress from where `upgrade` is. `file` is the deployment file as the operator gave it, nothing when nobody is
    /// to type decisions.
    #[must_use]
    pub fn begin(watch: Watch, upgrade: &Upgrade, deployment: &Deployment, file: Option<&str>) -> Self {
        let (feed, now) = (Feed::new(), Arc::new(Now::default()));
        let screens: Vec<(&'static Stream, Box<dyn Screen + Send>)> = match watch {
            Watch::Json => vec![
                (&STANDARD_OUTPUT, Box::new(Json::new(Box::new(std::io::stdout())))),
                (&STANDARD_ERROR, Box::new(Notes)),
            ],
            Watch::JsonBeside => vec![(&STANDARD_ERROR, Box::new(Json::new(standard_error())))],
            Watch::People if output::progress_is_watched() => {
                vec![(&STANDARD_ERROR, Box::new(Lanes::new(upgrade, deployment, file)))]
            }
            Watch::People | Watch::Lines => {
                vec![(&STANDARD_ERROR, Box::new(Lines::new(standard_error(), upgrade, deployment, file)))]
            }
        };
        let printers = screens.into_iter().map(|(stream, screen)| Printer::start(stream, screen, feed.read(), &now));
        Self { printers: printers.collect(), notes: output::notes_through(&feed), now, feed }
    }

    /// What hears of progress, and returns at once.
    #[must_use]
    pub fn listener(&self) -> Listener {
        self.feed.listener()
    }

    /// What is to be told the upgrade's time every [`TICK`].
    #[must_use]
    pub fn clock(&self) -> Arc<Now> {
        Arc::clone(&self.now)
    }

    /// Shows what is left to show, and takes progress off the screen: to be called on every way out, before anything else is
    /// printed. Gives up on readers who have stopped reading.
    pub async fn end(self) {
        self.feed.end();
        for printer in self.printers {
            printer.stream.wait_for(printer.ended).await;
        }
        drop(self.notes);
    }
}

fn standard_error() -> Box<dyn Write + Send> {
    Box::new(std::io::stderr())
}

/// The upgrade's time as this conductor last saw it, for printers in other threads.
#[derive(Debug, Default)]
pub struct Now(AtomicI64);

impl Now {
    /// Takes note of the time.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_millisecond(), Ordering::Relaxed);
    }

    /// Nothing before it was first seen.
    fn get(&self) -> Option<Timestamp> {
        let milliseconds = self.0.load(Ordering::Relaxed);
        (milliseconds != 0).then(|| Timestamp::from_millisecond(milliseconds).ok())?
    }
}

/// A thread that shows progress on one stream.
struct Printer {
    stream: &'static Stream,
    /// Told once everything is shown.
    ended: oneshot::Receiver<()>,
}

impl Printer {
    fn start(stream: &'static Stream, mut screen: Box<dyn Screen + Send>, reader: Reader, now: &Arc<Now>) -> Self {
        let ((tell, ended), now) = (oneshot::channel(), Arc::clone(now));
        std::thread::spawn(move || {
            // Without a runtime nothing can be shown; that is no reason to stop an upgrade.
            let _ = wall::block_on(show(&mut *screen, reader, &now));
            screen.finish();
            // Nobody listens where the wait was given up.
            let _ = tell.send(());
        });
        Self { stream, ended }
    }
}

/// Shows everything that `reader` reads, until the feed ends.
async fn show(screen: &mut dyn Screen, mut reader: Reader, now: &Now) {
    loop {
        let next: Option<Arc<Progress>> = match select(pin!(reader.next()), pin!(wall::sleep(TICK))).await {
            Either::Left((next, _)) => next,
            Either::Right(_) => {
                now.get().into_iter().for_each(|now| screen.tick(now));
                continue;
            }
        };
        match next {
            Some(progress) => screen.hear(&progress),
            None => return,
        }
    }
}
