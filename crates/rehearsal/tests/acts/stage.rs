//! A conductor that carries out a few steps in a world in which tests replace single ports.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use jiff::{SignedDuration, Timestamp};

pub(crate) use cutover_contract::step;
use cutover_core::deployment::{Deployment, parse};
use cutover_core::digest::Digest;
use cutover_core::journal::{Event, Fact, RunKind, RunNumber, StepStatus, Upgrade};
use cutover_core::names::{InstanceId, UpgradeId};
use cutover_core::plan::{Basis, Decide, Host, InstanceRef, Order, Phase, Plan, Step};
use cutover_core::progress::Progress;
use cutover_core::time::between;
use cutover_engine::drive::Conductor;
use cutover_engine::fence::ZoneFence;
use cutover_engine::gate::{Authority, FaultSource, Gate, InjectedFault, NoFaults};
use cutover_engine::journal::{Journal, Listener, read};
use cutover_engine::lease::OnClock;
use cutover_engine::phase::{self, Ending};
use cutover_engine::ports::{Clock, Decided, Operator, World};
use cutover_engine::store::Store;
use cutover_rehearsal::{EmbeddedCloud, SimulatedClock, run};

/// Nobody decides anything here.
struct Nobody;

#[async_trait(?Send)]
impl Operator for Nobody {
    async fn decide(&self, _: &Decide) -> Decided {
        std::future::pending().await
    }
}

/// Lets one call wait for 20 seconds inside the gate, and does something meanwhile.
pub(crate) struct Waits<F> {
    pub(crate) clock: Rc<SimulatedClock>,
    pub(crate) call: &'static str,
    pub(crate) meanwhile: RefCell<Option<F>>,
}

#[async_trait(?Send)]
impl<F: FnOnce()> FaultSource for Waits<F> {
    async fn before(&self, call: &'static str) -> Option<InjectedFault> {
        if call == self.call
            && let Some(meanwhile) = self.meanwhile.take()
        {
            self.clock.sleep(Duration::from_secs(20)).await;
            meanwhile();
        }
        None
    }
}

/// Lets every attempt of one call wait for 20 seconds inside the gate.
pub(crate) struct AlwaysWaits {
    pub(crate) clock: Rc<SimulatedClock>,
    pub(crate) call: &'static str,
    pub(crate) waited: Cell<usize>,
}

#[async_trait(?Send)]
impl FaultSource for AlwaysWaits {
    async fn before(&self, call: &'static str) -> Option<InjectedFault> {
        if call == self.call {
            self.waited.set(self.waited.get() + 1);
            self.clock.sleep(Duration::from_secs(20)).await;
        }
        None
    }
}

/// A clock whose date is set by so many seconds, by an operator or by a time server, after so many have passed.
struct SetClock {
    clock: Rc<SimulatedClock>,
    after: u64,
    by: i64,
}

#[async_trait(?Send)]
impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        let by = if self.up().as_secs() < self.after { 0 } else { self.by };
        self.clock.now() + SignedDuration::from_secs(by)
    }

    fn up(&self) -> Duration {
        self.clock.up()
    }

    /// Ends when one of the clocks shows that `length` has passed, as a sleep on the wall clock does.
    fn sleep(&self, length: Duration) -> LocalBoxFuture<'_, ()> {
        let begin = self.moment();
        Box::pin(async move {
            while begin.at_most_until(self.moment()) < length {
                let left = length - begin.at_most_until(self.moment());
                let until_set = Duration::from_secs(self.after).saturating_sub(self.up());
                self.clock.sleep(if until_set.is_zero() { left } else { left.min(until_set) }).await;
            }
        })
    }
}

/// A world and a store, which conductors use one after the other.
pub(crate) struct Stage {
    pub(crate) deployment: Deployment,
    pub(crate) clock: Rc<SimulatedClock>,
    pub(crate) world: World,
    pub(crate) operator: Rc<dyn Operator>,
    pub(crate) faults: Rc<dyn FaultSource>,
    /// Whether the world has a zone, whose fence conductors raise before their first write.
    pub(crate) has_zone: bool,
    store: Store,
    start: Timestamp,
    /// The clock of the conductor's machine. The world has its own.
    conductors_clock: Rc<dyn Clock>,
    /// What steps were said to wait for.
    pub(crate) mentioned: Rc<RefCell<Vec<String>>>,
}

/// Seconds by which a clock is set, forward and back.
pub(crate) const SET_BY: [i64; 2] = [3 * 3600, -3 * 3600];

impl Stage {
    pub(crate) fn new() -> Self {
        let deployment = parse(include_str!("../../../../examples/mitx-qa.toml")).expect("the example has no mistakes");
        let start = deployment.window.start.timestamp;
        let clock = SimulatedClock::new(start);
        let cloud =
            EmbeddedCloud::in_memory(EmbeddedCloud::furnish(&deployment, 1, start), Rc::clone(&clock) as Rc<dyn Clock>);
        Self {
            deployment,
            world: cloud.world(),
            operator: Rc::new(Nobody),
            faults: Rc::new(NoFaults),
            has_zone: false,
            store: Store::memory(&upgrade()),
            start,
            conductors_clock: Rc::clone(&clock) as _,
            clock,
            mentioned: Rc::default(),
        }
    }

    /// Lets the conductor's clock be set by `by` seconds, `after` seconds after the start.
    pub(crate) fn set_clock(&mut self, after: u64, by: i64) {
        self.conductors_clock = Rc::new(SetClock { clock: Rc::clone(&self.clock), after, by });
    }

    /// Conducts a new plan with these steps.
    pub(crate) fn conduct(&self, steps: Vec<Step>) -> Ending {
        self.conduct_as(RunKind::Announce, steps)
    }

    /// Conducts a new plan of another phase with these steps.
    pub(crate) fn conduct_as(&self, kind: RunKind, steps: Vec<Step>) -> Ending {
        let phase = kind.phase().expect("it is a phase");
        self.go(phase, Some((Plan { phase, ..plan(steps) }, Digest::of(b""))))
    }

    /// Conducts a new plan with these steps, or continues the one on record.
    pub(crate) fn conduct_or_resume(&self, steps: Vec<Step>) -> Ending {
        let is_begun = !run(&self.clock, read(&self.store)).expect("the journal is consistent").records.is_empty();
        if is_begun { self.resume() } else { self.conduct(steps) }
    }

    /// Another conductor continues the plan on record.
    pub(crate) fn resume(&self) -> Ending {
        self.go(Phase::Announce, None)
    }

    /// Another conductor continues the plan of another phase that is on record.
    pub(crate) fn resume_as(&self, kind: RunKind) -> Ending {
        self.go(kind.phase().expect("it is a phase"), None)
    }

    fn go(&self, phase: Phase, begin: Option<(Plan, Digest)>) -> Ending {
        let journal = Rc::new(self.journal());
        let clock = Rc::clone(&self.conductors_clock);
        let mut gate = Gate::new(Authority::Alone, Rc::clone(&journal), Rc::new(OnClock(Rc::clone(&clock))));
        gate = gate.with_faults(Rc::clone(&self.faults));
        if self.has_zone {
            gate = gate.with_zone(ZoneFence::of(&self.deployment, &self.world, &clock));
        }
        let stop = std::future::pending().boxed_local().shared();
        run(&self.clock, journal.append(took_over())).expect("it can be recorded");
        let conductor = Conductor::new(self.world.clone(), clock, Rc::clone(&self.operator), journal, gate, stop);
        run(&self.clock, phase::run(&conductor, begin, phase)).expect("the journal works")
    }

    fn journal(&self) -> Journal {
        let mentioned = Rc::clone(&self.mentioned);
        let listener: Listener = Rc::new(move |progress| {
            if let Progress::Waiting { detail, .. } = progress {
                mentioned.borrow_mut().push(detail.clone());
            }
        });
        let reading = run(&self.clock, read(&self.store)).expect("the journal is consistent");
        let nonce = format!("conductor-{}", reading.records.len());
        Journal::open(self.store.clone(), reading, Rc::clone(&self.conductors_clock), 1, nonce, listener)
    }

    /// Records events like a conductor that ended right after them.
    pub(crate) fn was_recorded(&self, events: Vec<Event>) {
        let journal = self.journal();
        for event in events {
            run(&self.clock, journal.append(event)).expect("the event is possible");
        }
    }

    /// Records that a conductor began these steps, started the first of them, and ended after `events`.
    pub(crate) fn was_begun(&self, steps: Vec<Step>, events: Vec<Event>) {
        let started = Event::StepStarted { step: steps[0].id.clone(), attempt: 1 };
        let run = RunNumber(1);
        let begun = Event::RunStarted {
            run,
            kind: RunKind::Announce,
            plan: Arc::new(plan(steps)),
            deployment: Digest::of(b""),
        };
        self.was_recorded([took_over(), begun, started].into_iter().chain(events).collect());
    }

    pub(crate) fn pass(&self, seconds: u64) {
        run(&self.clock, self.clock.sleep(Duration::from_secs(seconds)));
    }

    /// All events of a step, in order.
    pub(crate) fn events_of(&self, id: &str) -> Vec<Event> {
        let records = run(&self.clock, read(&self.store)).expect("the journal is consistent").records;
        let events = records.into_iter().flat_map(|record| record.events);
        events.filter(|event| event.step().is_some_and(|step| step.as_str() == id)).collect()
    }

    /// How often a step was started.
    pub(crate) fn starts_of(&self, id: &str) -> usize {
        self.events_of(id).iter().filter(|event| matches!(event, Event::StepStarted { .. })).count()
    }

    /// Every fact on record for a step, as often as it was recorded.
    pub(crate) fn facts_of(&self, id: &str) -> Vec<Fact> {
        let facts = self.events_of(id).into_iter().map(|event| match event {
            Event::StepLearned { facts, .. } | Event::StepDone { facts, .. } | Event::StepHeld { facts, .. } => facts,
            _ => Vec::new(),
        });
        facts.flatten().collect()
    }

    /// The upgrade as it is on record.
    pub(crate) fn on_record(&self) -> Upgrade {
        run(&self.clock, read(&self.store)).expect("the journal is consistent").upgrade
    }

    pub(crate) fn status(&self, id: &str) -> StepStatus {
        self.on_record().run_of(Phase::Announce).expect("it was begun").status(&id.into()).clone()
    }

    pub(crate) fn error_of(&self, id: &str) -> String {
        self.error_of_phase(Phase::Announce, id)
    }

    pub(crate) fn error_of_window(&self, id: &str) -> String {
        self.error_of_phase(Phase::Window, id)
    }

    fn error_of_phase(&self, phase: Phase, id: &str) -> String {
        match self.on_record().run_of(phase).expect("it was begun").status(&id.into()).clone() {
            StepStatus::Failed { error, .. } => error,
            other => panic!("{id} has not failed: {other:?}"),
        }
    }

    /// The seconds since the stage was made.
    pub(crate) fn elapsed(&self) -> u64 {
        between(self.start, self.clock.now()).as_secs()
    }
}

pub(crate) fn upgrade() -> UpgradeId {
    "qa-koa-v4".into()
}

pub(crate) fn took_over() -> Event {
    Event::ConductorTookOver { upgrade: upgrade(), conductor: "ada@left".to_owned() }
}

pub(crate) fn learned(step: &str, fact: Fact) -> Event {
    Event::StepLearned { step: step.into(), facts: vec![fact] }
}

pub(crate) fn failed(step: &str) -> Event {
    Event::StepFailed { step: step.into(), error: "no".to_owned(), in_doubt: false, changed_nothing: false }
}

pub(crate) fn retry(step: &str) -> Event {
    Event::StepRetryApproved { step: step.into(), by: "ada".to_owned() }
}

pub(crate) fn host(name: &str, instance: &str) -> Host {
    Host { name: name.into(), instance: InstanceRef::Known(InstanceId::from(instance)) }
}

pub(crate) fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        upgrade: upgrade(),
        phase: Phase::Announce,
        order: Order::Overlapped,
        made_at: Timestamp::UNIX_EPOCH,
        basis: Basis::default(),
        pending: Vec::new(),
        steps,
    }
}
