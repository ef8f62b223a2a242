//! Hosts: launched, found again, and terminated.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use cutover_core::deployment::Role;
use cutover_core::journal::{Event, Fact};
use cutover_core::names::{ImageId, InstanceId};
use cutover_core::observation::{Instance, InstanceState};
use cutover_core::plan::{Action, ImageRef, Launch, Step, Work};
use cutover_core::time::between;
use cutover_engine::gate::Permit;
use cutover_engine::phase::Ending;
use cutover_engine::ports::{Answer, Clock, Compute, World};

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
    assert_eq!(stage.error_of("launch"), "not done after 1m: edx-0 (i-1) is pending");
    assert_eq!(stage.starts_of("launch"), 1);
    assert_eq!(stage.facts_of("launch"), [launched("i-1")]);
}

#[test]
fn a_launched_host_that_was_stopped_is_not_waited_for() {
    let mut stage = Stage::new();
    Account::of(&mut stage, vec![Instance { state: InstanceState::Stopped, ..instance("i-1") }]);
    stage.was_begun(vec![launch()], vec![learned("launch", launched("i-1"))]);
    assert_eq!(stage.resume(), Ending::Failed(vec!["launch".into()]));
    assert!(stage.error_of("launch").starts_with("edx-0 (i-1) was stopped"), "{}", stage.error_of("launch"));
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

/// A current host, so that the account is the right one.
fn another() -> Instance {
    Instance { name: "edx-9".into(), upgrade: None, ..instance("i-9") }
}

#[test]
fn a_host_that_is_not_listed_is_replaced_only_once_it_must_be_listed_and_is_known_to_be_gone() {
    let (stage, account) = after_a_failed_launch(vec![another()]);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(*account.calls.borrow(), [("launch".to_owned(), 45)]);
}

#[test]
fn a_host_that_is_not_listed_but_exists_is_never_replaced() {
    let (stage, account) = after_a_failed_launch(vec![another()]);
    account.lives.set(true);
    assert_eq!(stage.resume(), Ending::Failed(vec!["launch".into()]));
    assert_eq!(account.calls(), [""; 0]);
    assert!(stage.error_of("launch").contains("i-1 was launched as edx-0, and is not listed"));
}

#[test]
fn a_host_that_runs_under_another_name_is_never_replaced() {
    let (stage, account) = after_a_failed_launch(vec![Instance { name: "somebody-elses".into(), ..instance("i-1") }]);
    assert_eq!(stage.resume(), Ending::Failed(vec!["launch".into()]));
    assert_eq!(account.calls(), [""; 0]);
    assert!(stage.error_of("launch").contains("i-1 was launched as edx-0, and is not listed under that name"));
}

#[test]
fn a_host_is_not_replaced_where_nothing_of_the_deployment_is_listed() {
    let (stage, account) = after_a_failed_launch(Vec::new());
    assert_eq!(stage.resume(), Ending::Failed(vec!["launch".into()]));
    assert_eq!(account.calls(), [""; 0]);
    let error = stage.error_of("launch");
    assert!(error.contains("no host of this deployment is listed at all"), "{error}");
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
