//! Hosts, and the services on them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use cutover_core::deployment::{PastStopLimit, Role};
use cutover_core::journal::{Event, Fact, RunKind, RunNumber, StepStatus};
use cutover_core::names::{FleetName, ImageId, InstanceId, JobName, ProgramName, SnapshotId};
use cutover_core::observation::{Instance, InstanceState};
use cutover_core::plan::{
    Action, CapturedHost, Edge, HostPrograms, ImageRef, Launch, Line, Migrate, Rule, StartServices, Step, StopServices,
    Work,
};
use cutover_core::time::{between, later};
use cutover_engine::failure::Failure;
use cutover_engine::gate::Permit;
use cutover_engine::phase::Ending;
use cutover_engine::ports::{Answer, Clock, Compute, Hosts, JobProgress, JobStart, ProgramState, World};

use super::stage::{AlwaysWaits, Stage, Waits, failed, host, learned, step, upgrade};

/// The instances of an account.
pub(crate) struct Account {
    clock: Rc<dyn Clock>,
    start: Timestamp,
    pub(crate) listed: RefCell<Vec<Instance>>,
    /// Whether instances that are not listed exist.
    pub(crate) lives: Cell<bool>,
    pub(crate) listings: Cell<u32>,
    /// The tokens of the launches.
    tokens: RefCell<Vec<String>>,
    /// The launches and terminations, with the seconds at which they were called.
    pub(crate) calls: RefCell<Vec<(String, u64)>>,
}

impl Account {
    pub(crate) fn of(stage: &mut Stage, listed: Vec<Instance>) -> Rc<Self> {
        let account = Rc::new(Self {
            clock: Rc::clone(&stage.clock) as _,
            start: stage.clock.now(),
            listed: RefCell::new(listed),
            lives: Cell::new(false),
            listings: Cell::new(0),
            tokens: RefCell::default(),
            calls: RefCell::default(),
        });
        stage.world = World { compute: Rc::clone(&account) as _, ..stage.world.clone() };
        account
    }

    fn called(&self, call: String) {
        self.calls.borrow_mut().push((call, between(self.start, self.clock.now()).as_secs()));
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.borrow().iter().map(|(call, _)| call.clone()).collect()
    }
}

#[async_trait(?Send)]
impl Compute for Account {
    async fn instances(&self) -> Answer<Vec<Instance>> {
        self.listings.set(self.listings.get() + 1);
        Ok(self.listed.borrow().clone())
    }

    async fn launch(&self, _: &Permit, launch: &Launch, _: &ImageId, token: &str) -> Answer<InstanceId> {
        self.called("launch".to_owned());
        self.tokens.borrow_mut().push(token.to_owned());
        let id = InstanceId::from("i-new");
        self.listed.borrow_mut().push(Instance { name: launch.name.clone(), ..instance(id.as_str()) });
        Ok(id)
    }

    async fn lives(&self, _: &InstanceId) -> Answer<bool> {
        Ok(self.lives.get())
    }

    async fn terminate(&self, _: &Permit, instance: &InstanceId) -> Answer<()> {
        self.called(format!("terminate {instance}"));
        self.listed.borrow_mut().retain(|listed| listed.id != *instance);
        Ok(())
    }
}

/// A running host that this upgrade has launched as edx-0.
pub(crate) fn instance(id: &str) -> Instance {
    Instance {
        id: id.into(),
        name: "edx-0".into(),
        fleet: "live".into(),
        role: Role::Edxapp,
        version: "4".to_owned(),
        launched: Timestamp::UNIX_EPOCH,
        upgrade: Some(upgrade()),
        state: InstanceState::Running,
        image: "ami-1".into(),
    }
}

pub(crate) fn launch() -> Step {
    let launch = Launch {
        name: "edx-0".into(),
        fleet: "live".into(),
        role: Role::Edxapp,
        image: ImageRef::Known("ami-1".into()),
        instance_type: "m5.large".to_owned(),
        subnet: "subnet-1".to_owned(),
        security_groups: Vec::new(),
        profile: "edx".to_owned(),
        tags: BTreeMap::new(),
        boot_stopped: false,
        generation: 1,
    };
    step("launch", Action::Launch(launch))
}

pub(crate) fn launched(id: &str) -> Fact {
    Fact::Launched { host: "edx-0".into(), instance: id.into() }
}

#[test]
fn a_host_of_that_name_that_this_upgrade_did_not_launch_or_that_is_gone_does_not_count_as_launched() {
    let others = Instance { upgrade: Some("qa-juniper-v3".into()), ..instance("i-old") };
    let nobodys = Instance { upgrade: None, ..instance("i-old") };
    let gone = Instance { state: InstanceState::Terminated, ..instance("i-old") };
    for old in [others, nobodys, gone] {
        let mut stage = Stage::new();
        let account = Account::of(&mut stage, vec![old.clone()]);
        assert_eq!(stage.conduct(vec![launch()]), Ending::Finished);
        assert_eq!(account.calls(), ["launch"], "{old:?}");
        assert_eq!(stage.facts_of("launch"), [launched("i-new")], "recorded once");
    }
}

#[test]
fn a_host_that_was_launched_before_is_not_launched_again_and_its_start_is_on_record() {
    let mut stage = Stage::new();
    let account = Account::of(&mut stage, vec![Instance { state: InstanceState::Pending, ..instance("i-1") }]);
    stage.world.compute = Rc::clone(&account) as _;
    let mut step = launch();
    step.limit = Duration::from_secs(60);
    assert_eq!(stage.conduct(vec![step]), Ending::Failed(vec!["launch".into()]));
    assert_eq!(account.calls(), [""; 0]);
    assert_eq!(stage.error_of("launch"), "not there after 1m: i-1 is pending");
    assert_eq!(stage.starts_of("launch"), 1);
    assert_eq!(stage.facts_of("launch"), [launched("i-1")]);
}

#[test]
fn a_launched_host_that_was_stopped_is_not_waited_for() {
    let mut stage = Stage::new();
    Account::of(&mut stage, vec![Instance { state: InstanceState::Stopped, ..instance("i-1") }]);
    stage.was_begun(vec![launch()], vec![learned("launch", launched("i-1"))]);
    assert_eq!(stage.resume(), Ending::Failed(vec!["launch".into()]));
    assert!(stage.error_of("launch").starts_with("i-1 was stopped"), "{}", stage.error_of("launch"));
    assert_eq!(stage.elapsed(), 0);
}

/// A stage on which a launch of i-1 has failed.
fn after_a_failed_launch(listed: Vec<Instance>) -> (Stage, Rc<Account>) {
    let mut stage = Stage::new();
    let account = Account::of(&mut stage, listed);
    stage.was_begun(vec![launch()], vec![learned("launch", launched("i-1")), failed("launch")]);
    (stage, account)
}

#[test]
fn a_host_that_is_listed_as_terminated_is_replaced_at_once() {
    let (stage, account) =
        after_a_failed_launch(vec![Instance { state: InstanceState::Terminated, ..instance("i-1") }]);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(*account.calls.borrow(), [("launch".to_owned(), 0)]);
}

#[test]
fn a_host_that_is_not_listed_is_replaced_only_once_it_must_be_listed_and_is_known_to_be_gone() {
    let (stage, account) = after_a_failed_launch(Vec::new());
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(*account.calls.borrow(), [("launch".to_owned(), 40)]);
}

#[test]
fn a_host_that_is_not_listed_but_exists_is_never_replaced() {
    let (stage, account) = after_a_failed_launch(Vec::new());
    account.lives.set(true);
    assert_eq!(stage.resume(), Ending::Failed(vec!["launch".into()]));
    assert_eq!(account.calls(), [""; 0]);
    assert!(stage.error_of("launch").contains("i-1 was launched as edx-0, and is not listed"));
}

/// The token of a launch that nothing precedes.
fn first_token() -> String {
    let mut stage = Stage::new();
    let account = Account::of(&mut stage, Vec::new());
    stage.conduct(vec![launch()]);
    account.tokens.take().remove(0)
}

#[test]
fn a_launch_before_a_crash_whose_host_does_not_show_is_repeated_with_its_token_which_finds_that_host() {
    let mut stage = Stage::new();
    let account = Account::of(&mut stage, Vec::new());
    account.lives.set(true);
    stage.was_begun(vec![launch()], vec![learned("launch", launched("i-1"))]);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(*account.calls.borrow(), [("launch".to_owned(), 40)]);
    assert_eq!(*account.tokens.borrow(), [first_token()]);
}

#[test]
fn a_launch_after_a_failure_has_a_token_of_its_own() {
    let (stage, account) =
        after_a_failed_launch(vec![Instance { state: InstanceState::Terminated, ..instance("i-1") }]);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_ne!(*account.tokens.borrow(), [first_token()]);
}

#[test]
fn a_host_that_was_starting_when_a_conductor_ended_is_waited_for_without_another_start() {
    let mut stage = Stage::new();
    let account = Account::of(&mut stage, vec![Instance { state: InstanceState::Pending, ..instance("i-1") }]);
    stage.was_begun(vec![launch()], Vec::new());
    assert_eq!(stage.resume(), Ending::Failed(vec!["launch".into()]));
    assert_eq!((account.calls(), stage.starts_of("launch")), (Vec::new(), 1));
}

#[test]
fn steps_that_look_at_the_same_time_share_a_listing() {
    let mut stage = Stage::new();
    let account = Account::of(&mut stage, vec![instance("i-1")]);
    let steps = (0..10).map(|number| Step { id: format!("launch-{number}").into(), ..launch() }).collect();
    assert_eq!(stage.conduct(steps), Ending::Finished);
    assert_eq!(account.listings.get(), 1);
}

pub(crate) fn terminate() -> Step {
    step("terminate", Action::Terminate { host: host("edx-0", "i-1"), balancers: Vec::new() })
}

#[test]
fn a_host_that_is_not_listed_and_does_not_exist_is_terminated() {
    let mut stage = Stage::new();
    let account = Account::of(&mut stage, vec![instance("i-2")]);
    assert_eq!(stage.conduct(vec![terminate()]), Ending::Finished);
    assert_eq!(account.calls(), [""; 0]);
    let terminated = Fact::Terminated { host: "edx-0".into(), instance: "i-1".into() };
    assert_eq!(stage.facts_of("terminate"), [terminated]);
}

#[test]
fn a_host_that_this_upgrade_launched_is_terminated_only_while_its_tags_say_so() {
    let terminated = |tag: Option<&str>| {
        let mut stage = Stage::new();
        let tagged = Instance { upgrade: tag.map(Into::into), ..instance("i-1") };
        let account = Account::of(&mut stage, vec![tagged, instance("i-2")]);
        stage.was_begun(vec![launch()], vec![Event::StepDone { step: "launch".into(), facts: vec![launched("i-1")] }]);
        stage.conduct(vec![terminate()]);
        (account.calls(), stage)
    };
    assert_eq!(terminated(Some("qa-koa-v4")).0, ["terminate i-1"]);
    for (tag, words) in [(Some("qa-juniper-v3"), "is tagged with upgrade qa-juniper-v3"), (None, "with upgrade none")] {
        let (calls, stage) = terminated(tag);
        assert_eq!(calls, [""; 0]);
        assert!(stage.error_of("terminate").contains(words), "{}", stage.error_of("terminate"));
    }
}

#[test]
fn a_host_whose_tags_changed_while_its_call_waited_is_not_terminated() {
    let mut stage = Stage::new();
    let account = Account::of(&mut stage, vec![instance("i-1")]);
    let changed = Rc::clone(&account);
    let meanwhile = move || changed.listed.borrow_mut()[0].upgrade = None;
    let (clock, meanwhile) = (Rc::clone(&stage.clock), RefCell::new(Some(meanwhile)));
    stage.faults = Rc::new(Waits { clock, call: "terminate", meanwhile });
    stage.was_begun(vec![launch()], vec![Event::StepDone { step: "launch".into(), facts: vec![launched("i-1")] }]);
    assert_eq!(stage.conduct(vec![terminate()]), Ending::Failed(vec!["terminate".into()]));
    assert_eq!(account.calls(), [""; 0]);
    assert!(stage.error_of("terminate").contains("is tagged with upgrade none"), "{}", stage.error_of("terminate"));
}

#[test]
fn a_call_that_always_waits_too_long_after_its_check_is_checked_three_times_in_each_attempt_and_never_sent() {
    let mut stage = Stage::new();
    let account = Account::of(&mut stage, vec![instance("i-1")]);
    let waits = Rc::new(AlwaysWaits { clock: Rc::clone(&stage.clock), call: "terminate", waited: Cell::new(0) });
    stage.faults = Rc::clone(&waits) as _;
    stage.was_begun(vec![launch()], vec![Event::StepDone { step: "launch".into(), facts: vec![launched("i-1")] }]);
    assert_eq!(stage.conduct(vec![terminate()]), Ending::Failed(vec!["terminate".into()]));
    assert_eq!(account.calls(), [""; 0]);
    let error = stage.error_of("terminate");
    assert!(error.contains("more than 15 s passed after the check before it, so nothing was sent"), "{error}");
    assert_eq!((waits.waited.get(), stage.starts_of("terminate") > 1), (3 * stage.starts_of("terminate"), true));
}

#[test]
fn services_are_not_stopped_when_their_call_waited_past_the_latest_safe_start() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", ProgramState::Running), ("lms", ProgramState::Running)]);
    let latest = later(stage.clock.now(), Duration::from_secs(15));
    let open = Action::WaitUntil { moment: stage.clock.now(), no_later_than: Some(latest) };
    let open = Step { line: Line::Open, ..step("open", open) };
    let mut stop = Step { line: Line::StopCurrent, ..stop(PastStopLimit::Kill) };
    stop.waits_for = vec![Edge { step: "open".into(), rule: Rule::RunbookLine }];
    let (clock, meanwhile) = (Rc::clone(&stage.clock), RefCell::new(Some(|| ())));
    stage.faults = Rc::new(Waits { clock, call: "stop", meanwhile });
    assert_eq!(stage.conduct(vec![open, stop]), Ending::Failed(vec!["stop".into()]));
    assert_eq!(services.calls(), [""; 0]);
    assert!(stage.error_of("stop").contains("latest safe start had passed"), "{}", stage.error_of("stop"));
}

/// The programs on hosts.
pub(crate) struct Services {
    clock: Rc<dyn Clock>,
    start: Timestamp,
    pub(crate) states: RefCell<BTreeMap<ProgramName, ProgramState>>,
    pub(crate) queued: Cell<u32>,
    /// Whether their host answers nothing.
    pub(crate) are_silent: Cell<bool>,
    /// The calls, with the seconds at which they were made.
    pub(crate) calls: RefCell<Vec<(String, u64)>>,
}

impl Services {
    pub(crate) fn of(stage: &mut Stage, states: &[(&str, ProgramState)]) -> Rc<Self> {
        let states = states.iter().map(|(program, state)| (ProgramName::from(*program), *state)).collect();
        let services = Rc::new(Self {
            clock: Rc::clone(&stage.clock) as _,
            start: stage.clock.now(),
            states: RefCell::new(states),
            queued: Cell::new(0),
            are_silent: Cell::new(false),
            calls: RefCell::default(),
        });
        stage.world = World { hosts: Rc::clone(&services) as _, ..stage.world.clone() };
        services
    }

    /// Puts programs into a state, and records the call that did it.
    fn put(&self, call: &str, programs: &[ProgramName], state: ProgramState) {
        let names: Vec<&str> = programs.iter().map(ProgramName::as_str).collect();
        let seconds = between(self.start, self.clock.now()).as_secs();
        self.calls.borrow_mut().push((format!("{call} {}", names.join(" ")), seconds));
        self.states.borrow_mut().extend(programs.iter().map(|program| (program.clone(), state)));
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.borrow().iter().map(|(call, _)| call.clone()).collect()
    }
}

#[async_trait(?Send)]
impl Hosts for Services {
    async fn programs(&self, _: &InstanceId, programs: &[ProgramName]) -> Answer<Vec<(ProgramName, ProgramState)>> {
        if self.are_silent.get() {
            return Err(Failure::permanent("the host cannot be reached"));
        }
        let states = self.states.borrow();
        Ok(programs.iter().map(|program| (program.clone(), states[program])).collect())
    }

    async fn stop(&self, _: &Permit, _: &InstanceId, _: &str, programs: &[ProgramName]) -> Answer<()> {
        self.put("stop", programs, ProgramState::Stopped);
        Ok(())
    }

    async fn start(&self, _: &Permit, _: &InstanceId, _: &str, programs: &[ProgramName]) -> Answer<()> {
        self.put("start", programs, ProgramState::Running);
        Ok(())
    }

    async fn kill(&self, _: &Permit, _: &InstanceId, programs: &[ProgramName]) -> Answer<()> {
        self.put("kill", programs, ProgramState::Stopped);
        Ok(())
    }

    async fn smoke_test(&self, _: &InstanceId, _: &cutover_core::deployment::SmokeTest) -> Answer<(i32, String)> {
        Ok((0, String::new()))
    }

    async fn queued_tasks(&self, _: &FleetName) -> Answer<u32> {
        Ok(self.queued.replace(self.queued.get().saturating_sub(1)))
    }

    async fn pending_migrations(&self, _: &InstanceId, _: &Migrate) -> Answer<Option<u32>> {
        Err(Failure::permanent("nobody asks for this here"))
    }

    async fn start_job(&self, _: &Permit, _: &InstanceId, _: &Migrate) -> Answer<JobStart> {
        Err(Failure::permanent("nobody asks for this here"))
    }

    async fn job(&self, _: &InstanceId, _: &JobName, _: u64) -> Answer<Option<JobProgress>> {
        Err(Failure::permanent("nobody asks for this here"))
    }
}

pub(crate) fn stop(past_stop_limit: PastStopLimit) -> Step {
    let stop = StopServices {
        host: host("edx-0", "i-1"),
        supervisorctl: "supervisorctl".to_owned(),
        programs: vec!["cms".into(), "lms".into()],
        stop_limit: Duration::from_secs(60),
        past_stop_limit,
    };
    step("stop", Action::StopServices(stop))
}

#[test]
fn programs_that_are_told_to_stop_are_not_killed_before_their_time() {
    for past_limit in [PastStopLimit::Kill, PastStopLimit::Abort] {
        let mut stage = Stage::new();
        let states = [("cms", ProgramState::Stopping), ("lms", ProgramState::Running)];
        let services = Services::of(&mut stage, &states);
        assert_eq!(stage.conduct(vec![stop(past_limit)]), Ending::Finished);
        assert_eq!(services.calls(), ["stop cms lms"]);
    }
}

#[test]
fn a_program_that_the_file_does_not_allow_to_kill_is_not_killed_however_long_it_takes() {
    let mut stage = Stage::new();
    let states = [("cms", ProgramState::Stopping), ("lms", ProgramState::Running)];
    let services = Services::of(&mut stage, &states);
    stage.was_begun(vec![stop(PastStopLimit::Abort)], Vec::new());
    stage.pass(100);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(services.calls(), ["stop cms lms"]);
}

#[test]
fn a_program_that_does_not_stop_is_killed_when_its_time_is_over() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", ProgramState::Stopping), ("lms", ProgramState::Stopped)]);
    assert_eq!(stage.conduct(vec![stop(PastStopLimit::Kill)]), Ending::Finished);
    assert_eq!(services.calls(), ["kill cms"]);
    let (_, seconds) = services.calls.borrow()[0];
    assert!((60..62).contains(&seconds), "{seconds} s");
}

/// Hours by which a clock is set, forward and back.
pub(crate) const SET_BY: [i64; 2] = [3 * 3600, -3 * 3600];

#[test]
fn a_clock_that_is_set_neither_shortens_nor_lengthens_the_time_that_programs_have_to_stop() {
    for by in SET_BY {
        let mut stage = Stage::new();
        stage.set_clock(30, by);
        let services = Services::of(&mut stage, &[("cms", ProgramState::Stopping), ("lms", ProgramState::Stopped)]);
        assert_eq!(stage.conduct(vec![stop(PastStopLimit::Kill)]), Ending::Finished);
        let (_, seconds) = services.calls.borrow()[0];
        assert!((60..62).contains(&seconds), "{seconds} s, set by {by} s");
    }
}

#[test]
fn a_crash_takes_nothing_from_the_time_that_programs_have_to_stop() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", ProgramState::Stopping), ("lms", ProgramState::Stopped)]);
    // The step was started, and nothing says that anybody told the programs to stop.
    stage.was_begun(vec![stop(PastStopLimit::Kill)], Vec::new());
    stage.pass(100);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(services.calls(), ["kill cms"]);
    let (_, seconds) = services.calls.borrow()[0];
    assert!((160..165).contains(&seconds), "{seconds} s");
}

/// An account whose launches take a second, and whose hosts never show.
struct Hidden {
    clock: Rc<dyn Clock>,
    under_way: Cell<usize>,
    most: Cell<usize>,
    calls: Cell<usize>,
}

#[async_trait(?Send)]
impl Compute for Hidden {
    async fn instances(&self) -> Answer<Vec<Instance>> {
        Ok(vec![Instance { name: "other".into(), ..instance("i-other") }])
    }

    async fn launch(&self, _: &Permit, launch: &Launch, _: &ImageId, _: &str) -> Answer<InstanceId> {
        self.calls.set(self.calls.get() + 1);
        self.under_way.set(self.under_way.get() + 1);
        self.most.set(self.most.get().max(self.under_way.get()));
        self.clock.sleep(Duration::from_secs(1)).await;
        self.under_way.set(self.under_way.get() - 1);
        Ok(InstanceId::from(format!("i-{}", launch.name).as_str()))
    }

    async fn lives(&self, _: &InstanceId) -> Answer<bool> {
        Ok(false)
    }

    async fn terminate(&self, _: &Permit, _: &InstanceId) -> Answer<()> {
        Ok(())
    }
}

#[test]
fn launches_are_limited_also_when_they_are_repeated() {
    let mut stage = Stage::new();
    let (under_way, most, calls) = Default::default();
    let hidden = Rc::new(Hidden { clock: Rc::clone(&stage.clock) as _, under_way, most, calls });
    stage.world = World { compute: Rc::clone(&hidden) as _, ..stage.world.clone() };
    let steps = (0..40).map(|number| {
        let mut step = Step { id: format!("launch-{number}").as_str().into(), ..launch() };
        if let Action::Launch(launch) = &mut step.action {
            launch.name = format!("edx-{number}").as_str().into();
        }
        step
    });
    assert!(matches!(stage.conduct(steps.collect()), Ending::Failed(_)), "no host ever shows");
    assert!(hidden.calls.get() > 40, "they were repeated");
    assert_eq!(hidden.most.get(), Work::Launches.side_by_side().expect("a limit"));
}

fn start() -> Step {
    start_on("edx-0")
}

pub(crate) fn start_on(name: &str) -> Step {
    let start = StartServices {
        host: host(name, "i-1"),
        supervisorctl: "supervisorctl".to_owned(),
        programs: vec!["cms".into(), "lms".into()],
    };
    step("start", Action::StartServices(start))
}

#[test]
fn programs_that_could_not_be_kept_running_are_started_again_by_the_next_run() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", ProgramState::Failed), ("lms", ProgramState::Running)]);
    stage.was_begun(vec![start()], vec![failed("start")]);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(services.calls(), ["start cms lms"]);
}

#[test]
fn programs_that_cannot_be_kept_running_have_failed_at_once_with_their_names() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", ProgramState::Failed), ("lms", ProgramState::Running)]);
    stage.was_begun(vec![start()], Vec::new());
    assert_eq!(stage.resume(), Ending::Failed(vec!["start".into()]));
    assert_eq!((services.calls(), stage.elapsed()), (Vec::new(), 0));
    let error = stage.error_of("start");
    assert!(error.starts_with("cms on edx-0 could not be kept running"), "{error}");
}

#[test]
fn programs_that_are_starting_are_not_started_again() {
    let mut stage = Stage::new();
    let states = [("cms", ProgramState::Running), ("lms", ProgramState::Starting)];
    let services = Services::of(&mut stage, &states);
    let ending = stage.conduct(vec![start()]);
    assert_eq!((ending, services.calls()), (Ending::Failed(vec!["start".into()]), Vec::new()));
    assert!(stage.error_of("start").ends_with("starting: lms"), "{}", stage.error_of("start"));
}

#[test]
fn services_that_were_started_again_are_stopped_and_named() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", ProgramState::Stopped), ("lms", ProgramState::Running)]);
    assert_eq!(stage.conduct(vec![confirm()]), Ending::Finished);
    assert_eq!(services.calls(), ["stop lms"]);
    assert!(stage.facts_of("confirm").contains(&ran_again(&[])), "{:?}", stage.facts_of("confirm"));
}

fn ran_again(snapshots: &[&str]) -> Fact {
    let snapshots = snapshots.iter().map(|id| SnapshotId::from(*id)).collect();
    Fact::RanAgain { host: "edx-0".into(), programs: vec!["lms".into()], snapshots }
}

/// A stage on which a snapshot was taken, and lms runs again.
fn after_snapshot() -> (Stage, Rc<Services>) {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", ProgramState::Stopped), ("lms", ProgramState::Running)]);
    let taken = Fact::SnapshotTaken { database: "edxapp".into(), snapshot: "s-1".into() };
    let done = Event::StepDone { step: "snapshot".into(), facts: vec![taken] };
    let Action::ConfirmStopped { hosts, .. } = confirm().action else { panic!("it confirms") };
    let snapshots = vec!["s-1".into(), "s-2".into()];
    let steps = vec![step("snapshot", Action::Milestone), step("confirm", Action::ConfirmStopped { hosts, snapshots })];
    stage.was_begun(steps, vec![done]);
    (stage, services)
}

#[test]
fn after_a_snapshot_services_that_were_started_again_are_stopped_and_the_migrations_do_not_begin() {
    let (stage, services) = after_snapshot();
    let failed = Ending::Failed(vec!["confirm".into()]);
    assert_eq!((stage.resume(), services.calls()), (failed.clone(), vec!["stop lms".to_owned()]));
    assert!(stage.facts_of("confirm").contains(&ran_again(&["s-1"])), "s-2 was not taken yet");
    let error = stage.error_of("confirm");
    assert!(error.contains("were running after the snapshot had been begun: lms on edx-0."), "{error}");
    assert!(error.contains("may be missing from s-1") && error.contains("--retry confirm"), "{error}");
    assert_eq!(stage.resume(), failed, "another conductor knows it too");
}

#[test]
fn an_operator_may_allow_the_migrations_although_the_snapshot_lacks_something_but_only_once() {
    let (stage, services) = after_snapshot();
    let failed = Ending::Failed(vec!["confirm".into()]);
    let allow = || stage.was_recorded(vec![Event::StepRetryApproved { step: "confirm".into(), by: "ada".to_owned() }]);
    assert_eq!(stage.resume(), failed);
    allow();
    services.states.borrow_mut().insert("lms".into(), ProgramState::Running);
    assert_eq!(stage.resume(), failed, "it is running once more");
    allow();
    assert_eq!(stage.resume(), Ending::Finished);
}

/// A stage with edx-0, which is a current host or one that this upgrade launched, does not answer, and is listed so.
fn silent(fact: Fact, listed: Vec<Instance>, lives: bool) -> Stage {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[("cms", ProgramState::Running), ("lms", ProgramState::Running)]);
    services.are_silent.set(true);
    Account::of(&mut stage, listed).lives.set(lives);
    let other = step("other", Action::Milestone);
    let learned = Event::StepDone { step: "other".into(), facts: vec![fact] };
    stage.was_begun(vec![other], vec![learned, Event::RunFinished { run: RunNumber(1) }]);
    stage
}

fn current() -> Fact {
    let (name, instance) = ("edx-0".into(), "i-1".into());
    Fact::Captured { hosts: vec![CapturedHost { name, instance, fleet: "live".into(), role: Role::Edxapp }] }
}

fn in_state(state: InstanceState) -> Instance {
    Instance { state, ..instance("i-1") }
}

fn confirm() -> Step {
    let programs = vec!["cms".into(), "lms".into()];
    let hosts = vec![HostPrograms { host: host("edx-0", "i-1"), supervisorctl: "supervisorctl".to_owned(), programs }];
    step("confirm", Action::ConfirmStopped { hosts, snapshots: Vec::new() })
}

const GONE: &str = "edx-0 (i-1) is gone, so its services are stopped for good";

#[test]
fn a_current_host_that_is_gone_counts_as_stopped_and_that_is_on_record() {
    let others = || vec![instance("i-2")];
    for listed in [vec![in_state(InstanceState::Terminated)], others()] {
        for step in [stop(PastStopLimit::Kill), confirm()] {
            let stage = silent(current(), listed.clone(), false);
            let id = step.id.clone();
            assert_eq!(stage.conduct_as(RunKind::Window, vec![step]), Ending::Finished, "{id}: {listed:?}");
            assert!(stage.facts_of(id.as_str()).contains(&Fact::Note { text: GONE.to_owned() }), "{id}");
        }
    }
}

#[test]
fn a_current_host_that_does_not_answer_and_may_still_run_does_not_count_as_stopped() {
    let listed = [
        (vec![in_state(InstanceState::Running)], true),
        (vec![in_state(InstanceState::Stopped)], true),
        // Its tags were removed.
        (vec![instance("i-2")], true),
        // The credentials belong to another account.
        (Vec::new(), false),
    ];
    for (listed, lives) in listed {
        for step in [stop(PastStopLimit::Kill), confirm()] {
            let stage = silent(current(), listed.clone(), lives);
            let id = step.id.clone();
            assert_eq!(stage.conduct_as(RunKind::Window, vec![step]), Ending::Failed(vec![id.clone()]), "{listed:?}");
            assert!(stage.error_of_window(id.as_str()).contains("cannot be reached"));
        }
    }
}

#[test]
fn a_next_host_that_is_gone_is_on_record_as_such_if_the_plan_needs_it_and_counts_as_stopped_if_not() {
    let terminated = || vec![in_state(InstanceState::Terminated)];
    let needed = Step { waits_for: vec![Edge { step: "confirm".into(), rule: Rule::MigratedFirst }], ..start() };
    let stage = silent(launched("i-1"), terminated(), false);
    let ending = stage.conduct_as(RunKind::Window, vec![confirm(), needed]);
    assert_eq!(ending, Ending::Failed(vec!["confirm".into()]));
    assert_eq!(stage.facts_of("confirm"), [Fact::Gone { host: "edx-0".into(), instance: "i-1".into() }]);
    let error = stage.error_of_window("confirm");
    assert!(error.contains("edx-0 is gone; to go on without what is gone, run `cutover window` again"), "{error}");

    let stage = silent(launched("i-1"), terminated(), false);
    assert_eq!(stage.conduct_as(RunKind::Window, vec![confirm()]), Ending::Finished);
    assert!(stage.facts_of("confirm").contains(&Fact::Note { text: GONE.to_owned() }));
}

#[test]
fn a_queue_is_drained_once_nothing_is_left_in_it() {
    let mut stage = Stage::new();
    let services = Services::of(&mut stage, &[]);
    services.queued.set(3);
    assert_eq!(stage.conduct(vec![step("drain", Action::DrainQueues { fleet: "live".into() })]), Ending::Finished);
    let left = |tasks: u32| format!("{tasks} tasks of live are waiting or running");
    assert_eq!(*stage.mentioned.borrow(), [left(3), left(2), left(1)], "what the first look shows is told too");
    assert_eq!((stage.starts_of("drain"), stage.status("drain")), (1, StepStatus::Done));
}

#[test]
fn of_a_host_that_is_stopped_in_ec2_it_is_said_how_to_go_on() {
    for step in [stop(PastStopLimit::Kill), confirm(), start()] {
        let stage = silent(current(), vec![in_state(InstanceState::Stopped)], true);
        let id = step.id.clone();
        assert_eq!(stage.conduct_as(RunKind::Window, vec![step]), Ending::Failed(vec![id.clone()]));
        let error = stage.error_of_window(id.as_str());
        assert!(error.contains("edx-0 (i-1) is stopped in EC2; start it in EC2, or terminate it"), "{id}: {error}");
    }
}

#[test]
fn a_window_does_not_open_while_one_of_its_hosts_is_stopped_in_ec2() {
    let open = |stage: &Stage| {
        let moment = stage.clock.now();
        step("open", Action::WaitUntil { moment, no_later_than: None })
    };
    let stop =
        Step { waits_for: vec![Edge { step: "open".into(), rule: Rule::WindowOpens }], ..stop(PastStopLimit::Kill) };
    for (state, opens) in [(InstanceState::Stopped, false), (InstanceState::Running, true)] {
        let stage = silent(current(), vec![in_state(state)], true);
        let ending = stage.conduct_as(RunKind::Window, vec![open(&stage), stop.clone()]);
        let failed = if opens { stop.id.clone() } else { "open".into() };
        assert_eq!(ending, Ending::Failed(vec![failed]), "{state:?}");
        if !opens {
            let error = stage.error_of_window("open");
            assert!(error.contains("stopped in EC2; start it in EC2 and run `cutover window` again"), "{error}");
        }
    }
}
