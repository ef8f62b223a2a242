//! What the engine's own tests share: a clock that the test sets, and a way to run futures without a runtime. Whole
//! upgrades on an embedded cloud are tested in the rehearsal crate.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;

use cutover_core::names::UpgradeId;
use cutover_core::time::{between, later};

use crate::ports::Clock;
use crate::store::Store;

/// The output of a future that does not wait: stores in memory and in folders answer immediately.
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("nothing here waits")
}

/// The moment this many seconds after the one at which all tests start.
pub(crate) fn at(seconds: u64) -> Timestamp {
    let start = "2021-01-04T09:00:00Z".parse().expect("a moment");
    later(start, Duration::from_secs(seconds))
}

pub(crate) fn upgrade() -> UpgradeId {
    "qa-koa-v4".into()
}

pub(crate) fn memory() -> Store {
    Store::memory(&upgrade())
}

/// A clock whose time changes only when the test sets it or a task sleeps.
pub(crate) struct HandClock(Cell<Timestamp>);

impl HandClock {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self(Cell::new(at(0))))
    }

    pub(crate) fn set(&self, moment: Timestamp) {
        self.0.set(moment);
    }
}

#[async_trait(?Send)]
impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        self.0.get()
    }

    fn up(&self) -> Duration {
        between(at(0), self.now())
    }

    fn sleep(&self, length: Duration) -> LocalBoxFuture<'_, ()> {
        let end = later(self.now(), length);
        Box::pin(async move { self.set(self.now().max(end)) })
    }
}
