//! The processes that want a lease, on machines whose time the test controls.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::time::later;
use jiff::Timestamp;

use super::super::*;
use crate::journal::{Journal, read as read_journal};
use crate::store::Store;
use crate::testing::{HandClock, at, now};

/// A process on a machine whose time the test controls. A sleep ends once the test advances the time.
pub(super) struct Process {
    pub(super) identity: Identity,
    pub(super) wall: Cell<Timestamp>,
    pub(super) up: Cell<Duration>,
    /// The processes of its machine and namespace, with their starts.
    pub(super) living: RefCell<Vec<(u32, u64)>>,
    /// Whether all of them are suspended.
    pub(super) suspended: Cell<bool>,
}

/// Where the processes of these tests run unless they say otherwise.
pub(super) fn origin() -> Origin {
    Origin { boot: "boot".to_owned(), pid_namespace: "pid:[1]".to_owned(), started: 1 }
}

impl Process {
    pub(super) fn of(user: &str, machine: &str, process: u32, origin: Option<Origin>) -> Rc<Self> {
        Rc::new(Self {
            identity: Identity { user: user.to_owned(), machine: machine.to_owned(), process, origin },
            wall: Cell::new(at(0)),
            up: Cell::new(Duration::ZERO),
            living: RefCell::new(vec![(10, 1), (11, 1)]),
            suspended: Cell::new(false),
        })
    }

    pub(super) fn pass(&self, seconds: u64) {
        self.wall.set(later(self.wall.get(), Duration::from_secs(seconds)));
        self.up.set(self.up.get() + Duration::from_secs(seconds));
    }
}

#[async_trait(?Send)]
impl Machine for Process {
    fn now(&self) -> Timestamp {
        self.wall.get()
    }

    fn up(&self) -> Duration {
        self.up.get()
    }

    async fn sleep(&self, length: Duration) {
        let until = self.up.get() + length;
        std::future::poll_fn(|_| if self.up.get() >= until { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    fn lives(&self, process: u32, started: u64) -> bool {
        self.living.borrow().contains(&(process, started))
    }

    fn is_suspended(&self, _process: u32, _started: u64) -> bool {
        self.suspended.get()
    }

    fn nonce(&self) -> String {
        self.identity.to_string()
    }

    fn identity(&self) -> Identity {
        self.identity.clone()
    }
}

pub(super) fn ada() -> Rc<Process> {
    Process::of("ada", "left", 10, Some(origin()))
}

/// Another process of ada's machine.
pub(super) fn bob() -> Rc<Process> {
    Process::of("bob", "left", 11, Some(origin()))
}

/// A process of another machine.
pub(super) fn eve() -> Rc<Process> {
    let origin = Origin { boot: "another".to_owned(), ..origin() };
    Process::of("eve", "right", 10, Some(origin))
}

pub(super) fn begin<'a>(
    store: &'a Store,
    machine: &Rc<Process>,
    take_over: Option<&'a str>,
) -> Pin<Box<dyn Future<Output = Result<Lease, LeaseError>> + 'a>> {
    let machine = Rc::clone(machine) as Rc<dyn Machine>;
    Box::pin(claim(store, Claim { machine, records: 0, epoch: 0, take_over, say: &|_| {} }))
}

pub(super) fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

pub(super) fn claimed(store: &Store, machine: &Rc<Process>) -> Lease {
    now(begin(store, machine, None)).expect("it is free")
}

pub(super) fn assert_held(store: &Store, machine: &Rc<Process>) {
    let error = now(begin(store, machine, None)).err().expect("it is held");
    let LeaseError::Held { holder, .. } = &error else { panic!("{error}") };
    assert_eq!(holder.identity, ada().identity);
    let words =
        "ada@left (process 10) conducts this upgrade: its process is on this machine (if it will not go on, kill it)";
    assert_eq!(error.to_string(), words);
    assert!(error.hint().contains("`cutover status` shows what that conductor is doing"), "{}", error.hint());
}

pub(super) fn journal(store: &Store) -> Journal {
    let reading = now(read_journal(store)).expect("the journal is consistent");
    Journal::open(store.clone(), reading, HandClock::new(), 1, "n".to_owned(), Rc::new(|_| {}))
}
