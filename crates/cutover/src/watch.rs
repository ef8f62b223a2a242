//! How progress is shown: as lanes on a terminal, as plain lines elsewhere, as JSON for scripts.
//!
//! The conductor pushes into a feed and goes on. Each printer is a thread that reads the feed and writes to one stream.
//! If nobody reads a stream, only its printer waits.

use std::io::Write;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use cutover_core::deployment::Deployment;
use cutover_core::journal::Upgrade;
use cutover_core::progress::Progress;
use cutover_engine::drive::Stop;
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
    /// On standard error: lanes if it is a terminal, otherwise plain lines.
    People,
    /// Plain lines on standard error, even if it is a terminal.
    Lines,
}

/// How often the upgrade's time is read and shown.
pub const TICK: Duration = Duration::from_secs(1);

/// Shows the progress of an upgrade.
pub struct Watcher {
    feed: Arc<Feed>,
    now: Arc<Now>,
    printers: Vec<Printer>,
    /// Until the printers have ended, notes go through the feed.
    notes: NotesThrough,
}

impl Watcher {
    /// Shows progress that continues the state `upgrade`. `file` is the deployment file as the operator named it, or
    /// nothing if nobody is expected to type decisions.
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

    /// The function that receives progress. It returns at once.
    #[must_use]
    pub fn listener(&self) -> Listener {
        self.feed.listener()
    }

    /// The clock to set to the upgrade's time every [`TICK`].
    #[must_use]
    pub fn clock(&self) -> Arc<Now> {
        Arc::clone(&self.now)
    }

    /// Shows the rest of the progress, and removes progress bars from the screen. It must be called before anything
    /// else is printed, whatever the outcome. It gives up on readers that have stopped reading.
    pub async fn end(self, leave: &Stop) {
        self.feed.end();
        for printer in self.printers {
            printer.stream.wait_for(printer.ended, leave).await;
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
    /// Sets the time.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_millisecond(), Ordering::Relaxed);
    }

    /// The time; nothing if it was never set.
    fn get(&self) -> Option<Timestamp> {
        let milliseconds = self.0.load(Ordering::Relaxed);
        (milliseconds != 0).then(|| Timestamp::from_millisecond(milliseconds).ok())?
    }
}

/// A thread that shows progress on one stream.
struct Printer {
    stream: &'static Stream,
    /// Receives a message once everything is shown.
    ended: oneshot::Receiver<()>,
}

impl Printer {
    fn start(stream: &'static Stream, mut screen: Box<dyn Screen + Send>, reader: Reader, now: &Arc<Now>) -> Self {
        let ((tell, ended), now) = (oneshot::channel(), Arc::clone(now));
        std::thread::spawn(move || {
            // Without a runtime nothing can be shown, but the upgrade goes on.
            let _ = wall::block_on(show(&mut *screen, stream, reader, &now));
            let _ = wall::block_on(stream.writable());
            screen.finish();
            // If the wait was given up, nobody receives this.
            let _ = tell.send(());
        });
        Self { stream, ended }
    }
}

/// Shows everything that `reader` reads, until the feed ends.
async fn show(screen: &mut dyn Screen, stream: &Stream, mut reader: Reader, now: &Now) {
    loop {
        let next = match select(pin!(reader.next()), pin!(wall::sleep(TICK))).await {
            Either::Left((next, _)) => Some(next),
            Either::Right(_) => None,
        };
        stream.writable().await;
        let next: Option<Arc<Progress>> = match next {
            Some(next) => next,
            None => {
                screen.in_background(wall::is_in_background());
                now.get().into_iter().for_each(|now| screen.tick(now));
                continue;
            }
        };
        match next {
            Some(progress) => {
                screen.in_background(wall::is_in_background());
                screen.hear(&progress);
            }
            None => return,
        }
    }
}
