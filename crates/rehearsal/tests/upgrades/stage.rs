//! A world and a store before anything has happened, which the conductors of a test share.

use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{AbortHandle, Abortable};

use cutover_core::deployment::{Deployment, parse};
use cutover_core::journal::Event;
use cutover_core::plan::Order;
use cutover_core::progress::Progress;
use cutover_core::time::earlier;
use cutover_engine::journal::{Journal, Listener, Reading, read};
use cutover_engine::ports::Clock;
use cutover_engine::store::Store;
use cutover_hosts::job::Job;
use cutover_hosts::supervisor::{self, Verb};
use cutover_rehearsal::{EmbeddedCloud, RehearsalError, Rehearsed, SimulatedClock, WorldState, conduct, run};

pub(crate) const QA: &str = include_str!("../../../../examples/mitx-qa.toml");

pub(crate) fn qa() -> Deployment {
    parse(QA).expect("the example has no mistakes")
}

/// The same with few migrations, for tests that run an upgrade for each of its records: each migration has some.
pub(crate) fn qa_with_few_migrations() -> Deployment {
    let mut deployment = qa();
    deployment.embedded.pending_migrations = 2;
    deployment
}

/// A job with which a person starts lms, beside any conductor.
pub(crate) fn start_of_lms(deployment: &Deployment) -> Job {
    let supervisorctl = deployment.role.edxapp.supervisorctl.clone();
    let order = supervisor::Order { verb: Verb::Start, supervisorctl, programs: vec!["lms".into()], left: Vec::new() };
    Job::new("by-hand".into(), order.command())
}

/// A world and a store.
pub(crate) struct Stage {
    pub(crate) deployment: Deployment,
    pub(crate) clock: Rc<SimulatedClock>,
    pub(crate) cloud: Rc<EmbeddedCloud>,
    pub(crate) store: Store,
}

impl Stage {
    /// Five days before the window.
    pub(crate) fn new(deployment: Deployment, faults: impl FnOnce(&mut WorldState)) -> Self {
        Self::before_window(Duration::from_secs(5 * 86_400), deployment, 1, faults)
    }

    /// That long before the window.
    pub(crate) fn before_window(
        length: Duration,
        deployment: Deployment,
        seed: u64,
        faults: impl FnOnce(&mut WorldState),
    ) -> Self {
        let start = earlier(deployment.window.start.timestamp, length);
        let clock = SimulatedClock::new(start);
        let mut world = EmbeddedCloud::furnish(&deployment, seed, start);
        faults(&mut world);
        let cloud = EmbeddedCloud::in_memory(world, Rc::clone(&clock) as Rc<dyn Clock>);
        let store = Store::memory(&deployment.upgrade());
        Self { deployment, clock, cloud, store }
    }

    pub(crate) fn clock(&self) -> Rc<dyn Clock> {
        Rc::clone(&self.clock) as Rc<dyn Clock>
    }

    /// A conductor that continues as far as it can.
    pub(crate) async fn conduct(&self, listener: Listener) -> Result<Rehearsed, RehearsalError> {
        conduct(&self.deployment, Order::Overlapped, &self.cloud, self.clock(), &self.store, listener).await
    }

    /// How a conductor ends that continues as far as it can.
    pub(crate) fn conducted(&self) -> Rehearsed {
        run(&self.clock, self.conduct(Rc::new(|_| {}))).expect("the rehearsal itself works")
    }

    /// A conductor that dies at the first progress of that kind.
    pub(crate) fn die_at(&self, last: impl Fn(&Progress) -> bool + 'static) {
        let (dies, registration) = AbortHandle::new_pair();
        let listener: Listener = Rc::new(move |progress| {
            if last(progress) {
                dies.abort();
            }
        });
        let died = run(&self.clock, Abortable::new(self.conduct(listener), registration));
        assert!(died.is_err(), "it was to die before its end");
    }

    /// The journal as it is now.
    pub(crate) fn reading(&self) -> Reading {
        run(&self.clock, read(&self.store)).expect("the journal is consistent")
    }

    /// Records events that come from outside of the conductors.
    pub(crate) fn record(&self, events: impl IntoIterator<Item = Event>) {
        let reading = self.reading();
        let epoch = reading.records.last().map_or(1, |last| last.epoch);
        let nonce = "beside".to_owned();
        let journal = Journal::open(self.store.clone(), reading, self.clock(), epoch, nonce, Rc::new(|_| {}));
        for event in events {
            run(&self.clock, journal.append(event)).expect("it can be recorded");
        }
    }
}
