//! A window opens only while it can end in time, even if the conductor's machine was suspended at a bad time.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::{AbortHandle, Abortable, LocalBoxFuture};
use jiff::Timestamp;

use cutover_core::deployment::Deployment;
use cutover_core::deployment::Role;
use cutover_core::digest::Digest;
use cutover_core::journal::{Event, Fact, Run, StepStatus, Upgrade, downtime_began, opens_by, page_is_up, way_back};
use cutover_core::names::InstanceId;
use cutover_core::plan::{Action, Line, Order, Phase, Plan};
use cutover_core::planner::{Blocked, Inputs, forecast, is_down, plan};
use cutover_core::status::{ConductorState, Status, StatusInputs};
use cutover_core::time::later;
use cutover_engine::drive::Conductor;
use cutover_engine::fence::ZoneFence;
use cutover_engine::gate::{Authority, FaultSource, Gate, InjectedFault, Permit};
use cutover_engine::journal::Journal;
use cutover_engine::lease::OnClock;
use cutover_engine::observe::observe;
use cutover_engine::phase::Ending;
use cutover_engine::ports::Clock;
use cutover_rehearsal::{RehearsalEnding, ScriptedOperator, SimulatedClock, WorldState, conduct_phase, run};

use super::stage::{Stage, qa, start_of_lms};

/// As long as a laptop sleeps.
const NAP: Duration = Duration::from_secs(2 * 3600 + 40 * 60);

/// A clock whose waits for the window's start end long after it, as those of a suspended machine do.
struct Oversleeping {
    clock: Rc<SimulatedClock>,
    at: Cell<Option<Timestamp>>,
}

#[async_trait(?Send)]
impl Clock for Oversleeping {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn up(&self) -> Duration {
        self.clock.up()
    }

    fn sleep(&self, length: Duration) -> LocalBoxFuture<'_, ()> {
        let moment = later(self.now(), length);
        Box::pin(async move {
            self.clock.sleep(length).await;
            if self.at.get() == Some(moment) {
                self.at.set(None);
                self.clock.sleep(NAP).await;
            }
        })
    }
}

/// Suspends the machine right before a call.
struct Nap {
    clock: Rc<SimulatedClock>,
    /// Before which call, and which of its name it is, from 1.
    before: RefCell<Option<(&'static str, u32)>>,
}

#[async_trait(?Send)]
impl FaultSource for Nap {
    async fn before(&self, call: &'static str) -> Option<InjectedFault> {
        let is_next = self.before.borrow_mut().as_mut().filter(|(name, _)| *name == call).is_some_and(|(_, nth)| {
            *nth = nth.saturating_sub(1);
            *nth == 0
        });
        if is_next {
            self.before.take();
            self.clock.sleep(NAP).await;
        }
        None
    }
}

/// Lets the conductor die right before a call right before a call.
struct Death {
    call: &'static str,
    dies: AbortHandle,
}

#[async_trait(?Send)]
impl FaultSource for Death {
    async fn before(&self, call: &'static str) -> Option<InjectedFault> {
        if call == self.call {
            self.dies.abort();
            std::future::pending::<()>().await;
        }
        None
    }
}

impl Stage {
    /// An upgrade that is announced and prepared, shortly before its window.
    pub(super) fn prepared() -> Self {
        Self::prepared_with(qa())
    }

    /// The same of another deployment.
    pub(super) fn prepared_with(deployment: Deployment) -> Self {
        Self::prepared_in(deployment, |_| {})
    }

    /// The same in a world with these faults.
    pub(super) fn prepared_in(deployment: Deployment, faults: impl FnOnce(&mut WorldState)) -> Self {
        let stage = Self::before_window(Duration::from_secs(2 * 86_400), deployment, 1, faults);
        let start = stage.deployment.window.start.timestamp;
        for phase in [Phase::Announce, Phase::Prepare] {
            assert_eq!(stage.run(phase, None, None), Ending::Finished);
        }
        run(&stage.clock, stage.clock.wait_for_date(start.checked_sub(Duration::from_secs(3600)).expect("in range")));
        stage
    }

    /// Runs or continues a phase on a machine that is suspended at the window's start or right before a call.
    fn run(&self, phase: Phase, asleep_at: Option<Timestamp>, before: Option<(&'static str, u32)>) -> Ending {
        let clock: Rc<dyn Clock> = Rc::new(Oversleeping { clock: Rc::clone(&self.clock), at: Cell::new(asleep_at) });
        let faults = Rc::new(Nap { clock: Rc::clone(&self.clock), before: RefCell::new(before) });
        let conductor = self.conductor(clock, Rc::clone(&faults) as _);
        let ending = self.conduct_one(phase, &conductor);
        assert!(faults.before.borrow().is_none(), "the machine was not suspended");
        ending
    }

    /// Runs or continues a phase with these faults.
    pub(super) fn run_with(&self, phase: Phase, faults: Rc<dyn FaultSource>) -> Ending {
        self.conduct_one(phase, &self.conductor(self.clock(), faults))
    }

    /// Runs or continues a phase with this conductor.
    pub(super) fn conduct_one(&self, phase: Phase, conductor: &Conductor) -> Ending {
        let mut findings = Vec::new();
        let phase = conduct_phase(&self.deployment, Order::Overlapped, phase, conductor, &mut findings);
        match run(&self.clock, phase).expect("the rehearsal itself works") {
            None => Ending::Finished,
            Some(RehearsalEnding::Failed(_, steps)) => Ending::Failed(steps),
            Some(other) => panic!("{other:?}"),
        }
    }

    /// A conductor that goes on with what is on record.
    pub(super) fn conductor(&self, clock: Rc<dyn Clock>, faults: Rc<dyn FaultSource>) -> Conductor {
        let epoch = self.reading().records.last().map_or(1, |last| last.epoch + 1);
        self.conductor_of(epoch, clock, faults)
    }

    /// The same with this epoch.
    fn conductor_of(&self, epoch: u64, clock: Rc<dyn Clock>, faults: Rc<dyn FaultSource>) -> Conductor {
        let reading = self.reading();
        let nonce = format!("conductor-{}", reading.records.len());
        let (store, listener) = (self.store.clone(), Rc::new(|_: &_| {}));
        let journal = Rc::new(Journal::open(store, reading, Rc::clone(&clock), epoch, nonce, listener));
        let (world, machine) = (self.cloud.world(), Rc::new(OnClock(Rc::clone(&clock))));
        let gate = Gate::new(Authority::Alone, Rc::clone(&journal), machine)
            .with_faults(faults)
            .with_zone(ZoneFence::of(&self.deployment, &world, &clock));
        let operator = Rc::new(ScriptedOperator::new(&self.deployment, Rc::clone(&clock)));
        let stop = std::future::pending().boxed_local().shared();
        let conductor = Conductor::new(world, clock, operator, journal, gate, stop);
        let (upgrade, name) = (self.deployment.upgrade(), "ada@left".to_owned());
        run(&self.clock, conductor.journal.append(Event::ConductorTookOver { upgrade, conductor: name }))
            .expect("written");
        conductor
    }

    /// A conductor of the window dies right before its first call of that name.
    pub(super) fn die_before(&self, call: &'static str) {
        let (dies, registration) = AbortHandle::new_pair();
        let faults = Rc::new(Death { call, dies });
        let conductor = self.conductor(Rc::clone(&self.clock) as _, faults);
        let mut findings = Vec::new();
        let phase = conduct_phase(&self.deployment, Order::Overlapped, Phase::Window, &conductor, &mut findings);
        assert!(run(&self.clock, Abortable::new(phase, registration)).is_err(), "no `{call}` was made");
    }

    fn upgrade(&self) -> Upgrade {
        self.reading().upgrade
    }

    /// No visitor was sent to the maintenance page, and no text claims that.
    fn no_page_was_up(&self, window: &Run) {
        assert_eq!((downtime_began(window), page_is_up(window)), (None, false));
        assert_eq!(self.cloud.visitors().maintenance, 0);
        assert_eq!(self.cloud.violations(), []);
    }
}

fn failed(window: &Run, step: &str) -> String {
    match window.status(&step.into()) {
        StepStatus::Failed { error, .. } => error.clone(),
        other => panic!("{step}: {other:?}"),
    }
}

#[test]
fn a_conductor_that_oversleeps_the_latest_safe_start_does_not_open_the_window() {
    let stage = Stage::prepared();
    let start = stage.deployment.window.start.timestamp;
    assert_eq!(stage.run(Phase::Window, Some(start), None), Ending::Failed(vec!["window.open".into()]));
    let upgrade = stage.upgrade();
    let window = upgrade.current_run().expect("the window");
    assert!(failed(window, "window.open").contains("latest safe start had passed"));
    stage.no_page_was_up(window);
}

#[test]
fn a_conductor_that_is_suspended_right_before_the_page_goes_up_does_not_put_it_up_late() {
    let stage = Stage::prepared();
    // The fence of the zone is raised by the first write, a snapshot before the window.
    let ending = stage.run(Phase::Window, None, Some(("change_records", 1)));
    let Ending::Failed(steps) = ending else { panic!("{ending:?}") };
    assert!(steps[0].as_str().starts_with("window.page."), "{steps:?}");
    let upgrade = stage.upgrade();
    let window = upgrade.current_run().expect("the window");
    assert!(failed(window, steps[0].as_str()).contains("--late"));
    stage.no_page_was_up(window);
}

/// The status of a step of the window.
fn status(stage: &Stage, step: &str) -> StepStatus {
    stage.upgrade().run_of(Phase::Window).expect("the window").status(&step.into()).clone()
}

#[test]
fn a_late_refusal_of_a_step_that_a_crash_has_left_open_stays_one_however_often_it_is_run() {
    let stage = Stage::prepared();
    let start = stage.deployment.window.start.timestamp;
    let fleets: Vec<String> =
        stage.deployment.fleets.iter().map(|fleet| format!("window.page.{}", fleet.name)).collect();
    // The conductor dies between the record that the page is put up and the call.
    stage.die_before("change_records");
    assert!(fleets.iter().any(|page| status(&stage, page).is_open()), "a page was on its way");
    run(&stage.clock, stage.clock.wait_for_date(start.checked_add(NAP).expect("in range")));
    for _ in 0..3 {
        let ending = stage.run(Phase::Window, None, None);
        let Ending::Failed(steps) = &ending else { panic!("{ending:?}") };
        assert!(steps.iter().any(|step| fleets.contains(&step.to_string())), "{steps:?}");
        let upgrade = stage.upgrade();
        stage.no_page_was_up(upgrade.current_run().expect("the window"));
    }
}

#[test]
fn nothing_that_follows_on_the_opening_is_done_when_the_page_does_not_go_up_for_lateness() {
    let stage = Stage::prepared();
    // Workers stop beside the page, at the same moment.
    stage.run(Phase::Window, None, Some(("change_records", 1)));
    let calls = stage.clock.now();
    for _ in 0..2 {
        stage.run(Phase::Window, None, None);
    }
    let upgrade = stage.upgrade();
    let window = upgrade.current_run().expect("the window");
    let late =
        window.runs().filter(|(step, run)| step.line > Line::Open && run.started_at.is_some_and(|at| at > calls));
    let done: Vec<_> = late.filter(|(_, run)| run.status.is_done()).map(|(step, _)| &step.id).collect();
    assert!(done.is_empty(), "{done:?} were done hours after the latest safe start");
}

#[test]
fn a_new_plan_does_not_forget_since_when_the_page_is_up() {
    let stage = Stage::prepared();
    stage.die_before("stop");
    let before = stage.upgrade();
    let run_before = before.current_run().expect("the window");
    let since = downtime_began(run_before).expect("the page is up");
    let back = way_back(run_before, &before).steps.len();
    let mut plan = Plan::clone(&run_before.plan);
    // Another start, so that everything after the opening is looked at again.
    let opening =
        plan.steps.iter_mut().rev().find(|step| matches!(step.action, Action::WaitUntil { .. })).expect("one");
    if let Action::WaitUntil { moment, .. } = &mut opening.action {
        *moment = moment.checked_add(Duration::from_secs(1800)).expect("in range");
    }
    let mut upgrade = before.clone();
    let (run, kind, deployment) = (before.next_run(), Phase::Window.into(), run_before.deployment.clone());
    let anew = Event::RunStarted { run, kind, plan: plan.into(), deployment };
    upgrade.apply(stage.clock.now(), &anew).expect("it can follow");
    let run = upgrade.current_run().expect("the new run");
    assert_eq!((downtime_began(run), page_is_up(run)), (Some(since), true));
    assert_eq!(opens_by(run), None, "the page is up, so it is never too late to go on");
    assert_eq!(way_back(run, &upgrade).steps.len(), back);
}

#[test]
fn once_the_page_is_up_of_one_fleet_it_goes_up_of_the_others_at_any_time() {
    let stage = Stage::prepared();
    let second = stage.run(Phase::Window, None, Some(("change_records", 2)));
    assert_eq!(second, Ending::Finished, "half a window would be the worst of all");
    assert_eq!(stage.cloud.violations(), []);
}

/// A clock that is moved on at once, as that of a machine that is suspended: nothing goes on there meanwhile.
struct Jumping {
    clock: Rc<SimulatedClock>,
    ahead: Cell<Duration>,
}

#[async_trait(?Send)]
impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        self.clock.now().checked_add(self.ahead.get()).expect("in range")
    }

    fn up(&self) -> Duration {
        self.clock.up() + self.ahead.get()
    }

    fn sleep(&self, length: Duration) -> LocalBoxFuture<'_, ()> {
        self.clock.sleep(length)
    }
}

/// Moves the clock on right before the second change of records.
struct Jump {
    clock: Rc<Jumping>,
    left: Cell<u32>,
}

#[async_trait(?Send)]
impl FaultSource for Jump {
    async fn before(&self, call: &'static str) -> Option<InjectedFault> {
        if call == "change_records" {
            self.left.set(self.left.get().wrapping_sub(1));
            if self.left.get() == 0 {
                self.clock.ahead.set(NAP);
            }
        }
        None
    }
}

#[test]
fn a_page_whose_change_is_still_pending_lets_the_other_pages_go_up_at_any_time() {
    let stage = Stage::prepared();
    let clock = Rc::new(Jumping { clock: Rc::clone(&stage.clock), ahead: Cell::new(Duration::ZERO) });
    let faults = Rc::new(Jump { clock: Rc::clone(&clock), left: Cell::new(2) });
    let conductor = stage.conductor(Rc::clone(&clock) as _, faults);
    let mut findings = Vec::new();
    let phase = conduct_phase(&stage.deployment, Order::Overlapped, Phase::Window, &conductor, &mut findings);
    run(&stage.clock, phase).expect("the rehearsal itself works");
    // The cloud's clock did not jump, so later steps of this test may fail. No page does for lateness.
    for fleet in &stage.deployment.fleets {
        let status = status(&stage, &format!("window.page.{}", fleet.name));
        assert!(!format!("{status:?}").contains("latest safe start"), "{status:?}");
    }
    assert_ne!(clock.ahead.get(), Duration::ZERO, "the machine was suspended");
}

#[test]
fn a_page_step_that_died_before_its_call_does_not_let_a_new_plan_open_the_window_late() {
    let stage = Stage::prepared();
    stage.die_before("change_records");
    let before = stage.upgrade();
    let run_before = before.current_run().expect("the window");
    assert_eq!(downtime_began(run_before), None, "nothing says that the call was made");
    let mut upgrade = before.clone();
    let (run, kind, deployment) = (before.next_run(), Phase::Window.into(), run_before.deployment.clone());
    let anew = Event::RunStarted { run, kind, plan: Arc::clone(&run_before.plan), deployment };
    upgrade.apply(stage.clock.now(), &anew).expect("it can follow");
    let page = format!("window.page.{}", stage.deployment.fleets[0].name);
    let started = Event::StepStarted {
        step: page.as_str().into(),
        attempt: upgrade.current_run().expect("a run").status(&page.as_str().into()).attempts() + 1,
    };
    let _ = upgrade.apply(stage.clock.now(), &started);
    let run = upgrade.current_run().expect("the new run");
    assert_eq!(opens_by(run), run_before.plan.opens_by(), "nothing says that the page is up");
    assert_eq!(downtime_began(run), None);
}

#[test]
fn a_window_that_died_before_the_call_of_its_page_is_moved_with_the_command_that_the_status_names() {
    let stage = Stage::prepared();
    stage.die_before("change_records");
    let (upgrade, mut deployment) = (stage.upgrade(), stage.deployment.clone());
    let start = &mut deployment.window.start.timestamp;
    *start = start.checked_add(Duration::from_secs(86_400)).expect("in range");
    let (now, conductor) = (stage.clock.now(), &ConductorState::Gone);
    let deployment = &deployment;
    let status =
        |upgrade| Status::of(StatusInputs { upgrade, deployment, file: "qa.toml", now, conductor, damage: None });
    let shown = status(&upgrade);
    assert!(shown.start.is_some(), "it has not opened");
    assert_eq!(shown.edited.and_then(|edited| edited.put_back), None, "nothing has to be put back");
    assert_eq!(shown.next_command.as_deref(), Some("cutover announce qa.toml --replan"));
    let (world, clock) = (stage.cloud.world(), Rc::clone(&stage.clock));
    let observation = run(&stage.clock, observe(&world, &*clock, deployment, &upgrade)).expect("it can be observed");
    let inputs = Inputs { deployment, observation: &observation, upgrade: &upgrade };
    assert!(!is_down(inputs), "the zone says so too");
    let blocked = plan(inputs, Phase::Announce, Order::Overlapped).expect_err("it has succeeded");
    assert_eq!(blocked, [Blocked::Finished { phase: Phase::Announce }], "nothing else is in the way");
    // While the announcement is under way, and after it was killed, that is what goes on.
    let anew = forecast(inputs, Phase::Announce, Order::Overlapped);
    let (number, kind, digest) = (upgrade.next_run(), Phase::Announce.into(), Digest::of_json(deployment));
    let mut announcing = upgrade.clone();
    let begun = Event::RunStarted { run: number, kind, plan: anew.into(), deployment: digest };
    announcing.apply(now, &begun).expect("it can follow");
    assert_eq!(status(&announcing).next_command.as_deref(), Some("cutover announce qa.toml"));
}

/// A person who starts an old service again while a conductor waits to start a migration.
struct Person {
    stage: Rc<Stage>,
    host: InstanceId,
    waits: Duration,
    is_done: Cell<bool>,
}

#[async_trait(?Send)]
impl FaultSource for Person {
    async fn before(&self, call: &'static str) -> Option<InjectedFault> {
        if call == "start_job" && !self.is_done.replace(true) {
            let (clock, hosts) = (Rc::clone(&self.stage.clock) as Rc<dyn Clock>, self.stage.cloud.world().hosts);
            clock.sleep(self.waits).await;
            let job = start_of_lms(&self.stage.deployment);
            let start = async |permit: &Permit| hosts.start_job(permit, &self.host, &job).await;
            // A person's shell has no epoch that a host could refuse.
            Gate::alone_at(&clock, 99).write("start", start).await.expect("it is started");
            clock.sleep(Duration::from_secs(60)).await;
        }
        None
    }
}

#[test]
fn a_migration_does_not_start_over_services_that_were_started_while_its_call_waited() {
    for waits in [Duration::from_secs(20), NAP / 8] {
        let stage = Rc::new(Stage::prepared());
        let (upgrade, fleet) = (stage.upgrade(), &stage.deployment.fleets[0].name);
        let mut captured = upgrade.captured.iter().flatten();
        let host = captured.find(|host| host.fleet == *fleet && host.role == Role::Edxapp).expect("a current host");
        let host = host.instance.clone();
        let person = Person { stage: Rc::clone(&stage), host, waits, is_done: Cell::new(false) };
        let conductor = stage.conductor_of(99, Rc::clone(&stage.clock) as _, Rc::new(person));
        let mut findings = Vec::new();
        let phase = conduct_phase(&stage.deployment, Order::Overlapped, Phase::Window, &conductor, &mut findings);
        let ending = run(&stage.clock, phase).expect("the rehearsal itself works");
        assert!(matches!(&ending, Some(RehearsalEnding::Failed(_, steps)) if steps[0].as_str().contains("migrate")));
        let upgrade = stage.upgrade();
        let window = upgrade.current_run().expect("the window");
        let jobs = window.runs().filter(|(_, run)| run.facts.iter().any(|fact| matches!(fact, Fact::Job { .. })));
        let of_fleet: Vec<_> = jobs.filter(|(step, _)| step.lane.to_string() == fleet.to_string()).collect();
        assert!(of_fleet.is_empty(), "{of_fleet:?}");
        let violations = format!("{:?}", stage.cloud.violations());
        assert!(!violations.contains("OldProcessOnMigratedSchema"), "{violations}");
    }
}
