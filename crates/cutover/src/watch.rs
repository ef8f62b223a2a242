//! Who hears of progress: lanes on a terminal, plain lines elsewhere, JSON for scripts.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::rc::Rc;
use std::time::Duration;

use cutover_core::deployment::Deployment;
use cutover_core::journal::Upgrade;
use cutover_core::progress::Progress;
use cutover_engine::journal::Listener;
use jiff::Timestamp;

use crate::output;
use crate::show::{Json, Lanes, Lines, Listener as _};

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// One JSON object a line on standard output.
    Json,
    /// One JSON object a line on standard error, where standard output is for the result.
    JsonBeside,
    /// As suits whoever watches standard error.
    People,
    /// Plain lines on standard error, whoever watches.
    Lines,
}

/// Somebody who hears of progress, and a way to say something beside it.
pub struct Watcher {
    /// Hears of progress.
    pub listener: Listener,
    /// Says something to the operator without tearing the progress apart.
    pub say: Rc<dyn Fn(&str)>,
    /// Shows that time passes, for a watcher who has heard nothing for a while. To be called every [`TICK`].
    pub tick: Rc<dyn Fn(Timestamp)>,
    /// Takes progress off the screen: to be called on every way out, before anything else is printed.
    pub finish: Rc<dyn Fn()>,
}

/// How often a watcher is to be told that time passes.
pub const TICK: Duration = Duration::from_secs(1);
/// After how many ticks plain lines say again what still goes on.
const TICKS_A_LINE: u32 = 60;

/// Watches an upgrade from where it is. `file` is the deployment file as the operator gave it, nothing when nobody is
/// to type decisions.
#[must_use]
pub fn watcher(watch: Watch, upgrade: &Upgrade, deployment: &Deployment, file: Option<&str>) -> Watcher {
    let say: Rc<dyn Fn(&str)> = Rc::new(output::note);
    if matches!(watch, Watch::Json | Watch::JsonBeside) {
        let out: Box<dyn Write> =
            if watch == Watch::Json { Box::new(std::io::stdout()) } else { Box::new(std::io::stderr()) };
        let json = RefCell::new(Json::new(out));
        let listener = Rc::new(move |progress: &Progress| json.borrow_mut().hear(progress));
        return Watcher { listener, say, tick: Rc::new(|_| {}), finish: Rc::new(|| {}) };
    }
    if watch == Watch::People && output::progress_is_watched() {
        let lanes = Rc::new(RefCell::new(Lanes::new(upgrade, deployment, file)));
        let (beside, ticking, finished) = (Rc::clone(&lanes), Rc::clone(&lanes), Rc::clone(&lanes));
        return Watcher {
            listener: Rc::new(move |progress| lanes.borrow_mut().hear(progress)),
            say: Rc::new(move |text| beside.borrow().aside(|| output::note(text))),
            tick: Rc::new(move |now| ticking.borrow().tick(now)),
            finish: Rc::new(move || finished.borrow().finish()),
        };
    }
    let lines = Rc::new(RefCell::new(Lines::new(Box::new(std::io::stderr()), upgrade, deployment, file)));
    let (heard, quiet) = (Rc::clone(&lines), Rc::new(Cell::new(0)));
    let silence = Rc::clone(&quiet);
    let listener = Rc::new(move |progress: &Progress| {
        silence.set(0);
        heard.borrow_mut().hear(progress);
    });
    let tick = Rc::new(move |now| {
        quiet.set(quiet.get() + 1);
        if quiet.get() % TICKS_A_LINE == 0 {
            lines.borrow_mut().tick(now);
        }
    });
    Watcher { listener, say, tick, finish: Rc::new(|| {}) }
}
