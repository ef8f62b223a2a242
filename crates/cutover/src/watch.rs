//! Who hears of progress: lanes on a terminal, plain lines elsewhere, JSON for scripts.

use std::cell::RefCell;
use std::rc::Rc;

use cutover_core::deployment::Deployment;
use cutover_core::journal::Upgrade;
use cutover_engine::journal::Listener;

use crate::output;
use crate::show::{Json, Lanes, Lines, Listener as _};

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// One JSON object a line on standard output.
    Json,
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
}

/// Watches an upgrade from where it is.
#[must_use]
pub fn watcher(watch: Watch, upgrade: &Upgrade, deployment: &Deployment, file: &str) -> Watcher {
    if watch == Watch::People && output::progress_is_watched() {
        let lanes = Rc::new(RefCell::new(Lanes::new(upgrade, deployment, file)));
        let beside = Rc::clone(&lanes);
        return Watcher {
            listener: Rc::new(move |progress| lanes.borrow_mut().hear(progress)),
            say: Rc::new(move |text| beside.borrow().aside(|| output::note(text))),
        };
    }
    let say: Rc<dyn Fn(&str)> = Rc::new(output::note);
    if watch == Watch::Json {
        let json = RefCell::new(Json::new(Box::new(std::io::stdout())));
        return Watcher { listener: Rc::new(move |progress| json.borrow_mut().hear(progress)), say };
    }
    let lines = RefCell::new(Lines::new(Box::new(std::io::stderr()), upgrade, deployment, file));
    Watcher { listener: Rc::new(move |progress| lines.borrow_mut().hear(progress)), say }
}
