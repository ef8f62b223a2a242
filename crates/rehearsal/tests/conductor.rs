//! What the conductor does with one step or a few: how often a call is made, what happens in case of doubt, and what is
//! not done after a failure, a stop or a takeover. Messages stand for any kind of change, and the test controls their
//! channel. Whole upgrades are in `upgrade.rs`.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use jiff::Timestamp;

use cutover_core::deployment::{self, BalancerKind, parse};
use cutover_core::digest::Digest;
use cutover_core::journal::{Decision, Event, Record, RunKind, RunNumber, StepStatus, Upgrade};
use cutover_core::names::UpgradeId;
use cutover_core::plan::{
    Action, Announce, AskedSite, Basis, Decide, Edge, Host, InstanceRef, Membership, Order, Phase, Plan, Rule, Soak,
    Step, Work,
};
use cutover_core::progress::Progress;
use cutover_core::time::{Span, between, later};
use cutover_engine::drive::{Conductor, Stop};
use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::gate::{Authority, Gate, Permit};
use cutover_engine::halt::Halt;
use cutover_engine::journal::{Journal, JournalError, Listener, read};
use cutover_engine::lease::OnClock;
use cutover_engine::phase::{Ending, run as conduct};
use cutover_engine::ports::{Announcer, Answer, Clock, Decided, Operator, World};
use cutover_engine::retry::refused;
use cutover_engine::store::Store;
use cutover_rehearsal::{EmbeddedCloud, SimulatedClock, rehearse, run};

const QA: &str = include_str!("../../../examples/mitx-qa.toml");

/// How long sending a message takes.
const SENDING: Duration = seconds(10);

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What a channel does with a message.
#[derive(Clone, Copy)]
enum Sends {
    /// It returns a failure of that class, and sends nothing.
    Fails(FailureClass),
    /// It sends the message, but the answer is lost.
    Loses,
    /// It refuses the message because it has it already, which shows from now on.
    IsThere,
    /// It sends the message immediately.
    Works,
}

/// A channel for messages that the test controls, and that records its calls.
struct Channel {
    clock: Rc<SimulatedClock>,
    /// What it does with the next calls for a message; afterwards it sends.
    orders: RefCell<BTreeMap<String, VecDeque<Sends>>>,
    /// When each sent message becomes visible, by token.
    sent: RefCell<BTreeMap<String, Timestamp>>,
    /// How long a sent message is not visible.
    unseen_for: Cell<Duration>,
    /// The messages in the order of the calls, with the times.
    asked: RefCell<Vec<(String, Timestamp)>>,
    under_way: Cell<usize>,
    most_under_way: Cell<usize>,
    /// Whether it cannot be read.
    cannot_be_read_back: Cell<bool>,
    /// What else happens while a message is sent.
    meanwhile: RefCell<Option<Box<dyn FnOnce()>>>,
}

impl Channel {
    fn asked(&self) -> Vec<String> {
        self.asked.borrow().iter().map(|(name, _)| name.clone()).collect()
    }

    fn order(&self, message: &str, orders: &[Sends]) {
        self.orders.borrow_mut().insert(message.to_owned(), orders.iter().copied().collect());
    }

    fn send(&self, token: &str) {
        let visible = later(self.clock.now(), self.unseen_for.get());
        self.sent.borrow_mut().insert(token.to_owned(), visible);
    }
}

#[async_trait(?Send)]
impl Announcer for Channel {
    async fn announce(&self, _permit: &Permit, message: &Announce, token: &str) -> Answer<()> {
        let name = message.announcement.to_string();
        self.asked.borrow_mut().push((name.clone(), self.clock.now()));
        self.under_way.set(self.under_way.get() + 1);
        self.most_under_way.set(self.most_under_way.get().max(self.under_way.get()));
        let order = self.orders.borrow_mut().get_mut(&name).and_then(VecDeque::pop_front);
        if let Some(meanwhile) = self.meanwhile.take() {
            meanwhile();
        }
        if order.is_none() {
            self.clock.sleep(SENDING).await;
        }
        self.under_way.set(self.under_way.get() - 1);
        match order {
            Some(Sends::Fails(class)) => Err(Failure::new(class, format!("{name}: the channel is out of order"))),
            Some(Sends::Loses) => {
                self.send(token);
                Err(Failure::in_doubt(format!("{name}: the answer was lost")))
            }
            Some(Sends::IsThere) => {
                self.send(token);
                Err(Failure::permanent(format!("{name}: there is such a message")))
            }
            Some(Sends::Works) | None => {
                self.send(token);
                Ok(())
            }
        }
    }

    async fn announced(&self, token: &str) -> Answer<Option<bool>> {
        if self.cannot_be_read_back.get() {
            return Ok(None);
        }
        Ok(Some(self.sent.borrow().get(token).is_some_and(|visible| *visible <= self.clock.now())))
    }
}

/// An operator who gives the same decision at every gate, or never decides.
struct Person(Option<Decision>);

#[async_trait(?Send)]
impl Operator for Person {
    async fn decide(&self, _: &Decide) -> Decided {
        match &self.0 {
            Some(decision) => Decided { decision: decision.clone(), object: None },
            None => std::future::pending().await,
        }
    }
}

/// A world, a store and a channel, which conductors use one after the other.
struct Stage {
    clock: Rc<SimulatedClock>,
    world: World,
    channel: Rc<Channel>,
    store: Store,
    person: Rc<Person>,
    /// When the operator asks the conductor to stop, counted from now.
    stop_after: Option<Duration>,
    /// What steps were said to wait for.
    mentioned: Rc<RefCell<Vec<String>>>,
}

impl Stage {
    fn new() -> Self {
        let deployment = parse(QA).expect("the example has no mistakes");
        let start = deployment.window.start.timestamp;
        let clock = SimulatedClock::new(start);
        let state = EmbeddedCloud::furnish(&deployment, 1, start);
        let cloud = EmbeddedCloud::in_memory(state, Rc::clone(&clock) as Rc<dyn Clock>);
        let channel = Rc::new(Channel {
            clock: Rc::clone(&clock),
            orders: RefCell::default(),
            sent: RefCell::default(),
            unseen_for: Cell::default(),
            asked: RefCell::default(),
            under_way: Cell::default(),
            most_under_way: Cell::default(),
            cannot_be_read_back: Cell::default(),
            meanwhile: RefCell::default(),
        });
        Self {
            world: World { announcer: Rc::clone(&channel) as _, ..cloud.world() },
            clock,
            channel,
            store: Store::memory(&upgrade()),
            person: Rc::new(Person(None)),
            stop_after: None,
            mentioned: Rc::default(),
        }
    }

    fn journal(&self) -> Journal {
        let mentioned = Rc::clone(&self.mentioned);
        let listener: Listener = Rc::new(move |progress| {
            if let Progress::Waiting { detail, .. } = progress {
                mentioned.borrow_mut().push(detail.clone());
            }
        });
        let reading = run(&self.clock, read(&self.store)).expect("it holds together");
        let nonce = format!("conductor-{}", reading.records.len());
        Journal::open(self.store.clone(), reading, Rc::clone(&self.clock) as _, 1, nonce, listener)
    }

    /// Conducts a phase with those steps, from its start.
    fn conduct(&self, steps: Vec<Step>) -> Result<Ending, Box<Halt>> {
        self.go(Some((plan(steps), Digest::of(b""))))
    }

    /// Another conductor continues the phase on record.
    fn resume(&self) -> Result<Ending, Box<Halt>> {
        self.go(None)
    }

    fn go(&self, begin: Option<(Plan, Digest)>) -> Result<Ending, Box<Halt>> {
        let clock = Rc::clone(&self.clock);
        let stop_after = self.stop_after;
        let stop: Stop = async move {
            match stop_after {
                Some(length) => clock.sleep(length).await,
                None => std::future::pending().await,
            }
            "it was told to end"
        }
        .boxed_local()
        .shared();
        let (clock, person) = (Rc::clone(&self.clock) as _, Rc::clone(&self.person) as _);
        let journal = Rc::new(self.journal());
        let machine = Rc::new(OnClock(Rc::clone(&self.clock) as _));
        let gate = Gate::new(Authority::Alone, Rc::clone(&journal), machine);
        let conductor = Conductor::new(self.world.clone(), clock, person, journal, gate, stop);
        run(&self.clock, conduct(&conductor, begin, Phase::Announce)).map_err(Box::new)
    }

    /// Records events like a conductor that died right after them.
    fn was_recorded(&self, events: Vec<Event>) {
        let journal = self.journal();
        for event in events {
            run(&self.clock, journal.append(event)).expect("it can be written");
        }
    }

    fn records(&self) -> Vec<Record> {
        run(&self.clock, read(&self.store)).expect("it holds together").records
    }

    /// The events of one step with their times.
    fn events_of(&self, id: &str) -> Vec<(Timestamp, Event)> {
        let events = self.records().into_iter().flat_map(|record| {
            let at = record.at;
            record.events.into_iter().map(move |event| (at, event))
        });
        events.filter(|(_, event)| event.step().is_some_and(|step| step.as_str() == id)).collect()
    }

    fn starts_of(&self, id: &str) -> usize {
        self.events_of(id).iter().filter(|(_, event)| matches!(event, Event::StepStarted { .. })).count()
    }

    fn status(&self, id: &str) -> StepStatus {
        let upgrade = Upgrade::fold(&self.records()).expect("it holds together");
        upgrade.run_of(Phase::Announce).expect("it was begun").status(&id.into()).clone()
    }

    fn error_of(&self, id: &str) -> String {
        match self.status(id) {
            StepStatus::Failed { error, .. } => error,
            other => panic!("{id} has not failed: {other:?}"),
        }
    }

    /// Why the last run ended before its end.
    fn interruption(&self) -> Option<String> {
        let events = self.records().into_iter().flat_map(|record| record.events);
        events.filter_map(|event| if let Event::Interrupted { because } = event { Some(because) } else { None }).last()
    }

    fn elapsed(&self) -> Duration {
        let deployment = parse(QA).expect("the example has no mistakes");
        between(deployment.window.start.timestamp, self.clock.now())
    }
}

fn upgrade() -> UpgradeId {
    "qa-koa-v4".into()
}

fn plan(steps: Vec<Step>) -> Plan {
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

fn run_started(plan: Arc<Plan>) -> Event {
    Event::RunStarted { run: RunNumber(1), kind: RunKind::Announce, plan, deployment: Digest::of(b"") }
}

fn step(id: &str, action: Action, waits_for: &[&str]) -> Step {
    let waits_for = waits_for.iter().map(|step| Edge { step: (*step).into(), rule: Rule::Follows }).collect();
    Step { waits_for, expected: SENDING, limit: seconds(60), ..cutover_contract::step(id, action) }
}

/// A step that sends a message with its own name.
fn message(id: &str, waits_for: &[&str]) -> Step {
    let announce = Announce { announcement: id.into(), to: "all".to_owned(), text: id.to_owned() };
    step(id, Action::Announce(announce), waits_for)
}

fn gate(id: &str) -> Step {
    step(id, Action::Decide(Decide { gate: id.into(), question: "Go?".to_owned(), checklist: Vec::new() }), &[])
}

fn decision(approved: bool, note: Option<&str>) -> Decision {
    let (at, note) = (Timestamp::UNIX_EPOCH, note.map(str::to_owned));
    Decision { gate: "go".into(), approved, by: "ada".to_owned(), at, note, plan: None }
}

fn failed(step: &str) -> Ending {
    Ending::Failed(vec![step.into()])
}

#[test]
fn a_call_that_was_not_applied_is_made_again_after_growing_waits_and_five_times_at_most() {
    for class in [FailureClass::NotApplied, FailureClass::Throttled] {
        let stage = Stage::new();
        stage.channel.order("notice", &[Sends::Fails(class); 9]);
        assert_eq!(stage.conduct(vec![message("notice", &[])]).expect("the journal holds"), failed("notice"));
        let asked: Vec<Timestamp> = stage.channel.asked.borrow().iter().map(|(_, at)| *at).collect();
        let waits: Vec<f64> = asked.windows(2).map(|pair| between(pair[0], pair[1]).as_secs_f64()).collect();
        let grow = waits.iter().zip([1.0, 2.0, 4.0, 8.0]).all(|(wait, most)| (most / 2.0..=most).contains(wait));
        assert!(waits.len() == 4 && grow, "{class:?}: {waits:?}");
        assert_eq!(stage.error_of("notice"), "notice: the channel is out of order (5 attempts)");
    }
}

#[test]
fn a_call_that_works_in_the_end_has_all_its_attempts_on_record() {
    let stage = Stage::new();
    stage.channel.order("notice", &[Sends::Fails(FailureClass::Throttled), Sends::Fails(FailureClass::NotApplied)]);
    assert_eq!(stage.conduct(vec![message("notice", &[])]).expect("the journal holds"), Ending::Finished);
    let events: Vec<Event> = stage.events_of("notice").into_iter().map(|(_, event)| event).collect();
    let (started, retried) = (
        |attempt| Event::StepStarted { step: "notice".into(), attempt },
        || Event::StepRetried { step: "notice".into(), error: "notice: the channel is out of order".to_owned() },
    );
    assert_eq!(events[..5], [started(1), retried(), started(2), retried(), started(3)]);
    assert!(matches!(&events[5..], [Event::StepLearned { .. }, Event::StepDone { .. }]), "{events:?}");
}

#[test]
fn a_call_that_is_refused_for_good_is_made_once() {
    let stage = Stage::new();
    stage.channel.order("notice", &[Sends::Fails(FailureClass::Permanent)]);
    assert_eq!(stage.conduct(vec![message("notice", &[])]).expect("the journal holds"), failed("notice"));
    assert_eq!(stage.channel.asked(), ["notice"]);
    assert_eq!(stage.error_of("notice"), "notice: the channel is out of order");
    assert_eq!(stage.elapsed(), Duration::ZERO, "and nothing is waited for");
}

#[test]
fn a_call_whose_answer_was_lost_is_not_made_twice_when_it_worked() {
    let stage = Stage::new();
    stage.channel.order("notice", &[Sends::Loses]);
    // A write is not visible immediately, so an early observation would find nothing.
    stage.channel.unseen_for.set(seconds(9));
    assert_eq!(stage.conduct(vec![message("notice", &[])]).expect("the journal holds"), Ending::Finished);
    assert_eq!(stage.channel.asked(), ["notice"]);
    let events = stage.events_of("notice");
    assert!(events.iter().any(|(_, event)| matches!(event, Event::StepInDoubt { .. })), "{events:?}");
    assert_eq!(*stage.mentioned.borrow(), ["not known whether the call worked; looking again"]);
}

#[test]
fn a_call_that_is_refused_because_it_has_worked_before_is_looked_for_again() {
    let stage = Stage::new();
    stage.channel.order("notice", &[Sends::Works, Sends::Fails(FailureClass::Permanent)]);
    // It is not visible for longer than the grace period, so the call is repeated, and is refused because its effect is
    // there.
    stage.channel.unseen_for.set(seconds(15));
    assert_eq!(stage.conduct(vec![message("notice", &[])]).expect("the journal holds"), Ending::Finished);
    assert_eq!(stage.channel.asked(), ["notice", "notice"]);
}

#[test]
fn a_call_in_doubt_that_did_not_work_is_made_again() {
    let stage = Stage::new();
    stage.channel.order("notice", &[Sends::Fails(FailureClass::InDoubt)]);
    assert_eq!(stage.conduct(vec![message("notice", &[])]).expect("the journal holds"), Ending::Finished);
    assert_eq!(stage.channel.asked(), ["notice", "notice"]);
}

#[test]
fn a_call_that_stays_in_doubt_fails_after_five_attempts() {
    let stage = Stage::new();
    stage.channel.order("notice", &[Sends::Fails(FailureClass::InDoubt); 9]);
    assert_eq!(stage.conduct(vec![message("notice", &[])]).expect("the journal holds"), failed("notice"));
    assert_eq!(stage.channel.asked().len(), 5);
}

/// A channel that cannot be read.
fn unreadable() -> Stage {
    let stage = Stage::new();
    stage.channel.cannot_be_read_back.set(true);
    stage
}

#[test]
fn an_unobservable_step_is_done_once_and_its_answer_is_trusted() {
    let stage = unreadable();
    assert_eq!(stage.conduct(vec![message("notice", &[])]).expect("the journal holds"), Ending::Finished);
    assert_eq!((stage.channel.asked(), stage.status("notice")), (vec!["notice".to_owned()], StepStatus::Done));
    assert_eq!(stage.elapsed(), SENDING, "and nothing is waited for");
}

#[test]
fn an_unobservable_step_in_doubt_is_never_repeated_automatically() {
    let stage = unreadable();
    stage.channel.order("notice", &[Sends::Loses]);
    assert_eq!(stage.conduct(vec![message("notice", &[])]).expect("the journal holds"), failed("notice"));
    for _ in 0..3 {
        assert_eq!(stage.resume().expect("the journal holds"), failed("notice"));
    }
    assert_eq!(stage.channel.asked(), ["notice"]);
    let error = stage.error_of("notice");
    for words in ["in doubt", "--retry notice", "--accept notice"] {
        assert!(error.contains(words), "`{words}` is missing in: {error}");
    }
}

#[test]
fn an_unobservable_step_in_doubt_has_failed_with_the_answer_to_its_call() {
    let stage = unreadable();
    stage.channel.order("notice", &[Sends::Loses]);
    assert_eq!(stage.conduct(vec![message("notice", &[])]).expect("the journal holds"), failed("notice"));
    assert!(stage.error_of("notice").contains("(notice: the answer was lost)"), "{}", stage.error_of("notice"));
}

#[test]
fn a_step_that_can_be_observed_again_after_a_lost_answer_is_settled_by_what_is_seen() {
    let stage = unreadable();
    stage.channel.order("notice", &[Sends::Loses]);
    let channel = Rc::clone(&stage.channel);
    stage.channel.meanwhile.replace(Some(Box::new(move || channel.cannot_be_read_back.set(false))));
    assert_eq!(stage.conduct(vec![message("notice", &[])]).expect("the journal holds"), Ending::Finished);
    assert_eq!((stage.channel.asked(), stage.status("notice")), (vec!["notice".to_owned()], StepStatus::Done));
}

#[test]
fn an_unobservable_step_is_in_doubt_if_its_conductor_died_during_it() {
    let stage = unreadable();
    let plan = Arc::new(plan(vec![message("notice", &[])]));
    let took_over = Event::ConductorTookOver { upgrade: upgrade(), conductor: "ada@left".to_owned() };
    let started = Event::StepStarted { step: "notice".into(), attempt: 1 };
    stage.was_recorded(vec![took_over, run_started(plan), started]);
    assert_eq!(stage.resume().expect("the journal holds"), failed("notice"));
    assert_eq!(stage.channel.asked(), Vec::<String>::new());
    assert!(stage.events_of("notice").iter().any(|(_, event)| matches!(event, Event::StepInDoubt { .. })));
}

#[test]
fn an_unobservable_step_in_doubt_is_settled_by_a_person() {
    let retry = Event::StepRetryApproved { step: "notice".into(), by: "ada".to_owned() };
    let accept = Event::StepAccepted { step: "notice".into(), by: "ada".to_owned(), because: "it came".to_owned() };
    for (word, sent) in [(retry, 2), (accept, 1)] {
        let stage = unreadable();
        stage.channel.order("notice", &[Sends::Loses]);
        assert_eq!(stage.conduct(vec![message("notice", &[])]).expect("the journal holds"), failed("notice"));
        stage.was_recorded(vec![word]);
        assert_eq!(stage.resume().expect("the journal holds"), Ending::Finished);
        assert_eq!(stage.channel.asked().len(), sent);
    }
}

#[test]
fn an_unobservable_step_is_repeated_if_it_is_known_not_to_have_been_applied() {
    let stage = unreadable();
    stage.channel.order("notice", &[Sends::Fails(FailureClass::NotApplied), Sends::Fails(FailureClass::Permanent)]);
    assert_eq!(stage.conduct(vec![message("notice", &[])]).expect("the journal holds"), failed("notice"));
    assert_eq!(stage.resume().expect("the journal holds"), Ending::Finished);
    assert_eq!(stage.channel.asked().len(), 3);
}

#[test]
fn what_is_busy_is_asked_again_until_the_steps_limit() {
    let stage = Stage::new();
    stage.channel.order("notice", &[Sends::Fails(FailureClass::Busy); 99]);
    assert_eq!(stage.conduct(vec![message("notice", &[])]).expect("the journal holds"), failed("notice"));
    assert!(stage.channel.asked().len() > 3, "{:?}", stage.channel.asked());
    assert!(stage.elapsed() <= seconds(60), "{:?}", stage.elapsed());
}

#[test]
fn what_holds_already_is_recorded_so_and_not_done() {
    let stage = Stage::new();
    assert_eq!(stage.conduct(vec![step("done", Action::Milestone, &[])]).expect("the journal holds"), Ending::Finished);
    assert_eq!(stage.status("done"), StepStatus::Held);
    assert_eq!(stage.starts_of("done"), 0);
}

#[test]
fn a_call_made_right_before_a_crash_is_looked_for_before_it_is_made_again() {
    let stage = Stage::new();
    stage.channel.unseen_for.set(seconds(5));
    // The first conductor dies after its call was made, and before the answer came.
    let started = Event::StepStarted { step: "notice".into(), attempt: 1 };
    let step = message("notice", &[]);
    let token = Digest::of_json(&(Some(upgrade()), &step.id, &step.action)).as_str()[..32].to_owned();
    let plan = Arc::new(plan(vec![step]));
    let took_over = Event::ConductorTookOver { upgrade: upgrade(), conductor: "ada@left".to_owned() };
    stage.was_recorded(vec![took_over, run_started(plan), started]);
    stage.channel.send(&token);
    assert_eq!(stage.resume().expect("the journal holds"), Ending::Finished);
    assert_eq!(stage.channel.asked(), Vec::<String>::new());
    assert_eq!(stage.status("notice"), StepStatus::Done, "the upgrade itself has done it");
}

#[test]
fn a_refusal_after_a_crash_may_mean_that_the_call_before_the_crash_has_worked() {
    let stage = Stage::new();
    let plan = Arc::new(plan(vec![message("notice", &[])]));
    let took_over = Event::ConductorTookOver { upgrade: upgrade(), conductor: "ada@left".to_owned() };
    let started = Event::StepStarted { step: "notice".into(), attempt: 1 };
    stage.was_recorded(vec![took_over, run_started(plan), started]);
    stage.channel.order("notice", &[Sends::IsThere]);
    assert_eq!(stage.resume().expect("the journal holds"), Ending::Finished);
    assert_eq!((stage.channel.asked(), stage.status("notice")), (vec!["notice".to_owned()], StepStatus::Done));
}

#[test]
fn a_call_is_not_made_again_at_the_limit_of_its_step_or_later() {
    let why = Failure::not_applied("no");
    let wait = refused(&why, 1, "notice").expect("it may be made again");
    for (limit, calls) in [(wait, 1), (wait + seconds(1), 2)] {
        let stage = Stage::new();
        stage.channel.order("notice", &[Sends::Fails(FailureClass::NotApplied)]);
        let step = Step { limit, ..message("notice", &[]) };
        stage.conduct(vec![step]).expect("the journal holds");
        assert_eq!(stage.channel.asked().len(), calls, "{limit:?}");
    }
}

#[test]
fn a_failed_step_is_tried_again_when_the_phase_is_run_again() {
    let stage = Stage::new();
    stage.channel.order("first", &[Sends::Fails(FailureClass::Permanent)]);
    let steps = vec![message("first", &[]), message("second", &["first"])];
    assert_eq!(stage.conduct(steps).expect("the journal holds"), failed("first"));
    assert_eq!(stage.resume().expect("the journal holds"), Ending::Finished);
    assert_eq!(stage.channel.asked(), ["first", "first", "second"]);
}

#[test]
fn a_step_past_its_limit_has_failed_with_what_it_waited_for_last() {
    let stage = Stage::new();
    let balancer = parse(QA).expect("the example has no mistakes").balancers[0].name.clone();
    let host = Host { name: "nowhere".into(), instance: InstanceRef::Known("i-none".into()) };
    let members = Membership { balancer: balancer.clone(), kind: BalancerKind::Classic, hosts: vec![host] };
    let steps = vec![step("healthy", Action::AwaitHealthy(members), &[])];
    assert_eq!(stage.conduct(steps).expect("the journal holds"), failed("healthy"));
    let words = format!("0 of 1 hosts in service in {balancer}; nowhere: not a member");
    let error = stage.error_of("healthy");
    assert!(error.starts_with(&format!("not done after 1m: {words}; ask such a host")), "{error}");
    assert!(error.ends_with("once it answers, run the phase again"), "{error}");
    assert_eq!(*stage.mentioned.borrow(), [words], "the same words are said once");
    assert!((60..65).contains(&stage.elapsed().as_secs()), "{:?}", stage.elapsed());
}

#[test]
fn after_a_failed_step_no_others_start_and_those_under_way_end() {
    let stage = Stage::new();
    stage.channel.order("fails", &[Sends::Fails(FailureClass::NotApplied), Sends::Fails(FailureClass::Permanent)]);
    let steps = vec![
        message("fails", &[]),
        message("under-way", &[]),
        message("after-failed", &["fails"]),
        message("after-under-way", &["under-way"]),
    ];
    assert_eq!(stage.conduct(steps).expect("the journal holds"), failed("fails"));
    assert_eq!(stage.status("under-way"), StepStatus::Done);
    for later in ["after-failed", "after-under-way"] {
        assert_eq!(stage.status(later), StepStatus::Waiting, "{later}");
    }
    assert_eq!(stage.elapsed(), SENDING, "and is not waited for any longer");
    assert_eq!(stage.interruption().as_deref(), Some("a step failed"));
}

#[test]
fn all_steps_that_fail_side_by_side_are_named() {
    let stage = Stage::new();
    for step in ["one", "two"] {
        stage.channel.order(step, &[Sends::Fails(FailureClass::Permanent)]);
    }
    let ending = stage.conduct(vec![message("one", &[]), message("two", &[])]).expect("the journal holds");
    let Ending::Failed(mut steps) = ending else { panic!("{ending:?}") };
    steps.sort();
    assert_eq!(steps, ["one".into(), "two".into()]);
    assert_eq!(stage.interruption().as_deref(), Some("2 steps failed"));
}

#[test]
fn stopping_ends_waits_for_people_and_the_calendar_at_once_and_lets_other_steps_end() {
    let mut stage = Stage::new();
    stage.stop_after = Some(seconds(4));
    let tomorrow = later(stage.clock.now(), seconds(86_400));
    let steps = vec![
        gate("go"),
        step("date", Action::WaitUntil { moment: tomorrow, no_later_than: None }, &[]),
        message("under-way", &[]),
        message("later", &["under-way"]),
    ];
    assert_eq!(stage.conduct(steps).expect("the journal holds"), Ending::Stopped);
    assert_eq!(stage.elapsed(), SENDING);
    assert_eq!(stage.status("under-way"), StepStatus::Done);
    assert_eq!(stage.status("later"), StepStatus::Waiting);
    for waits in ["go", "date"] {
        assert_eq!(stage.status(waits), StepStatus::Running { attempt: 1 }, "{waits}");
    }

    stage.stop_after = None;
    stage.person = Rc::new(Person(Some(decision(true, None))));
    assert_eq!(stage.resume().expect("the journal holds"), Ending::Finished);
    assert_eq!(stage.channel.asked(), ["under-way", "later"], "and nothing is done twice");
}

#[test]
fn a_stop_that_somebody_has_asked_for_after_a_failed_soak_is_on_record_as_that() {
    let mut stage = Stage::new();
    stage.stop_after = Some(seconds(60));
    let (length, requests_every) = (Span::seconds(600), Span::seconds(1));
    let terms =
        deployment::Soak { length, requests_every, max_errors_per_mille: 10, max_slower: 3, max_queued_more: None };
    let site = AskedSite { site: "lms".into(), host: "nowhere.example.org".into(), checks: Vec::new() };
    let soak = Soak { fleet: "live".into(), sites: vec![site], count: None, terms };
    let steps = vec![gate("go"), step("soak", Action::Soak(soak), &[])];
    assert_eq!(stage.conduct(steps).expect("the journal holds"), Ending::Stopped);
    assert!(matches!(stage.status("soak"), StepStatus::Failed { .. }), "{:?}", stage.status("soak"));
    let interruption = stage.interruption().expect("it was stopped");
    assert!(!interruption.contains("failed"), "{interruption}");
}

#[test]
fn stopping_while_only_people_are_waited_for_takes_no_time() {
    let mut stage = Stage::new();
    stage.stop_after = Some(seconds(4));
    assert_eq!(stage.conduct(vec![gate("go")]).expect("the journal holds"), Ending::Stopped);
    assert_eq!(stage.elapsed(), seconds(4));
}

#[test]
fn a_refusal_at_a_gate_names_who_refused_and_why() {
    let mut stage = Stage::new();
    stage.person = Rc::new(Person(Some(decision(false, Some("the pager is quiet no more")))));
    assert_eq!(stage.conduct(vec![gate("go"), message("later", &["go"])]).expect("the journal holds"), failed("go"));
    assert_eq!(stage.error_of("go"), "ada refused at gate go: the pager is quiet no more");
    assert_eq!(stage.channel.asked(), Vec::<String>::new());
}

#[test]
fn a_gate_whose_approval_is_on_record_does_not_ask_again() {
    let stage = Stage::new();
    let took_over = Event::ConductorTookOver { upgrade: upgrade(), conductor: "ada@left".to_owned() };
    let decided = Event::GateDecided { decision: decision(true, None), object: None };
    stage.was_recorded(vec![took_over, decided]);
    assert_eq!(stage.conduct(vec![gate("go")]).expect("the journal holds"), Ending::Finished);
    assert_eq!(stage.status("go"), StepStatus::Held);
}

/// How many messages may be sent at the same time.
fn side_by_side() -> usize {
    Work::Calls.side_by_side().expect("calls are limited")
}

#[test]
fn no_more_calls_are_made_side_by_side_than_may_be_and_all_are_made() {
    let stage = Stage::new();
    let steps = (0..2 * side_by_side() + 1).map(|number| message(&format!("m{number}"), &[])).collect();
    assert_eq!(stage.conduct(steps).expect("the journal holds"), Ending::Finished);
    assert_eq!(stage.channel.most_under_way.get(), side_by_side());
    assert_eq!(stage.channel.asked().len(), 2 * side_by_side() + 1);
    assert_eq!(stage.elapsed(), 3 * SENDING, "and none waits longer than it must");
}

#[test]
fn if_slots_are_scarce_steps_with_the_longest_work_after_them_start_first() {
    let stage = Stage::new();
    let mut steps: Vec<Step> = (0..side_by_side()).map(|number| message(&format!("m{number}"), &[])).collect();
    steps.extend([message("long", &[]), message("longer", &["long"])]);
    assert_eq!(stage.conduct(steps).expect("the journal holds"), Ending::Finished);
    assert_eq!(stage.channel.asked()[0], "long");
    assert_eq!(stage.elapsed(), 2 * SENDING);
}

#[test]
fn a_conductor_that_another_has_superseded_does_nothing_more() {
    let stage = Stage::new();
    let (other, clock) = (stage.store.clone(), Rc::clone(&stage.clock));
    *stage.channel.meanwhile.borrow_mut() = Some(Box::new(move || {
        let reading = read(&other).now_or_never().expect("memory answers at once").expect("it holds together");
        let journal = Journal::open(other, reading, clock, 2, "other".to_owned(), Rc::new(|_| {}));
        let took_over = Event::ConductorTookOver { upgrade: upgrade(), conductor: "bob@right".to_owned() };
        journal.append(took_over).now_or_never().expect("memory answers at once").expect("it can be written");
    }));
    let error = stage.conduct(vec![message("one", &[]), message("two", &["one"])]).expect_err("it is superseded");
    assert!(matches!(*error, Halt::Journal(JournalError::Fenced { .. })), "{error:?}");
    assert_eq!(stage.channel.asked(), ["one"]);
    assert_eq!(stage.status("one"), StepStatus::Running { attempt: 1 }, "its end is not on record");
}

#[test]
fn a_real_journal_cut_after_any_record_is_consistent_and_gives_the_state_of_its_events() {
    let deployment = parse(QA).expect("the example has no mistakes");
    let rehearsed = rehearse(&deployment, 1, Order::Overlapped, |_| {}, Rc::new(|_| {})).expect("it works");
    let mut upgrade = Upgrade::default();
    for (index, record) in rehearsed.records.iter().enumerate() {
        let text = serde_json::to_vec(record).expect("JSON");
        let kept: Record = serde_json::from_slice(&text).expect("a record");
        for event in &kept.events {
            upgrade.apply(kept.at, event).expect("it can follow");
        }
        upgrade.epoch = kept.epoch;
        assert_eq!(Upgrade::fold(&rehearsed.records[..=index]).as_ref(), Ok(&upgrade), "record {}", record.number);
    }
    assert_eq!(upgrade, rehearsed.upgrade);
}
