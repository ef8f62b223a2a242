//! A conductor that carries out steps on real hosts. Everything else of its world is simulated, and not touched.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::LazyLock;
use std::time::Duration;

use async_trait::async_trait;
use cutover_contract::{conductor, step};
use cutover_core::deployment::{Deployment, PastStopLimit, parse, template};
use cutover_core::digest::Digest;
use cutover_core::journal::{Event, Fact, StepStatus, Upgrade};
use cutover_core::names::InstanceId;
use cutover_core::plan::{
    Action, Basis, Decide, Edge, Host as PlanHost, HostPrograms, InstanceRef, Order, Phase, Plan, Rule, StartServices,
    Step, StopServices,
};
use cutover_engine::drive::Conductor;
use cutover_engine::halt::Halt;
use cutover_engine::journal::read;
use cutover_engine::phase::{self, Ending};
use cutover_engine::ports::{Answer, Clock, Decided, Hosts, Operator, World};
use cutover_engine::store::Store;
use cutover_rehearsal::{EmbeddedCloud, WorldState};
use cutover_rig::{Debian, Host};
use cutover_ssh::{HostKeys, HostsOverSsh, Inventory, Settings, SshHosts};

use crate::support::{FOLDER, Impatient, settings};

/// Nobody decides anything here.
struct Nobody;

#[async_trait(?Send)]
impl Operator for Nobody {
    async fn decide(&self, _: &Decide) -> Decided {
        std::future::pending().await
    }
}

struct Addresses(RefCell<BTreeMap<InstanceId, String>>);

#[async_trait(?Send)]
impl Inventory for Addresses {
    async fn address(&self, host: &InstanceId) -> Answer<String> {
        Ok(self.0.borrow()[host].clone())
    }

    async fn host_keys(&self, _: &InstanceId) -> Answer<HostKeys> {
        Ok(HostKeys::default())
    }
}

/// The way to the host.
/// The instance that the real host stands for: one that the embedded cloud has, since EC2 is asked about hosts that do not answer.
pub(crate) static INSTANCE: LazyLock<String> = LazyLock::new(|| {
    let state = format!("{:?}", furnished_cloud());
    let mut words = state.split('"');
    words.find(|word| word.starts_with("i-") && word.len() == 19).expect("an instance").to_owned()
});

fn furnished_cloud() -> WorldState {
    let deployment = parse(template()).expect("no mistakes");
    EmbeddedCloud::furnish(&deployment, 1, deployment.window.start.timestamp)
}

fn reached(host: &Debian, settings: Settings) -> Rc<dyn Hosts> {
    let ssh = Rc::new(SshHosts::new(settings).expect("a folder for sockets"));
    let at = Addresses(RefCell::new([(INSTANCE.as_str().into(), host.address().to_owned())].into()));
    Rc::new(HostsOverSsh::new(ssh, Rc::new(at), FOLDER.to_owned()))
}

/// Conductors, one after the other, of an upgrade with a single real host, [`INSTANCE`].
pub(crate) struct Stage {
    deployment: Deployment,
    world: World,
    store: Store,
    clock: Rc<dyn Clock>,
}

impl Stage {
    pub(crate) fn on(host: &Debian) -> Self {
        Self::with(host, settings(host, "operator", ""))
    }

    /// One whose conductors reach the host with other settings.
    pub(crate) fn with(host: &Debian, settings: Settings) -> Self {
        let deployment = parse(template()).expect("no mistakes");
        let world = EmbeddedCloud::in_memory(furnished_cloud(), Rc::new(Impatient)).world();
        let store = Store::memory(&deployment.upgrade());
        Self { world: World { hosts: reached(host, settings), ..world }, store, deployment, clock: Rc::new(Impatient) }
    }

    /// The same upgrade for conductors on another computer, with its clock, who reach the host in a way of their own.
    pub(crate) fn beside<H: Hosts + 'static>(
        &self,
        host: &Debian,
        clock: Rc<dyn Clock>,
        way: impl FnOnce(Rc<dyn Hosts>) -> Rc<H>,
    ) -> Self {
        let hosts = way(reached(host, settings(host, "operator", "")));
        let (store, deployment) = (self.store.clone(), self.deployment.clone());
        Self { world: World { hosts, ..self.world.clone() }, store, deployment, clock }
    }

    async fn conductor(&self) -> Conductor {
        let clock = Rc::clone(&self.clock);
        conductor(self.world.clone(), clock, Rc::new(Nobody), self.store.clone(), &self.deployment).await
    }

    /// Conducts a new plan with these steps, each after the one before it.
    pub(crate) async fn conduct(&self, steps: Vec<Step>) -> Ending {
        let ending = self.tried(steps).await.expect("nothing stops the conductor");
        self.tell(ending).await
    }

    /// The same for a conductor that something may stop.
    pub(crate) async fn tried(&self, steps: Vec<Step>) -> Result<Ending, Halt> {
        let conductor = self.conductor().await;
        phase::run(&conductor, Some((self.plan(steps), Digest::of(b""))), Phase::Announce).await
    }

    /// Another conductor continues the plan on record.
    pub(crate) async fn resume(&self) -> Ending {
        let conductor = self.conductor().await;
        let ending = phase::run(&conductor, None, Phase::Announce).await.expect("the journal works");
        self.tell(ending).await
    }

    /// The ending. Why steps have failed is printed, for tests that do not expect it.
    async fn tell(&self, ending: Ending) -> Ending {
        if let Ending::Failed(steps) = &ending {
            for step in steps {
                println!("{step}: {}", self.error_of(step.as_str()).await);
            }
        }
        ending
    }

    fn plan(&self, mut steps: Vec<Step>) -> Plan {
        for later in 1..steps.len() {
            let before = steps[later - 1].id.clone();
            steps[later].waits_for.push(Edge { step: before, rule: Rule::Follows });
        }
        let (upgrade, phase, order) = (self.deployment.upgrade(), Phase::Announce, Order::Overlapped);
        let made_at = self.clock.now();
        Plan { upgrade, phase, order, made_at, basis: Basis::default(), pending: Vec::new(), steps }
    }

    async fn on_record(&self) -> Upgrade {
        read(&self.store).await.expect("the journal is consistent").upgrade
    }

    /// Why a step has failed.
    pub(crate) async fn error_of(&self, id: &str) -> String {
        let upgrade = self.on_record().await;
        match upgrade.run_of(Phase::Announce).expect("it was begun").status(&id.into()) {
            StepStatus::Failed { error, .. } => error.clone(),
            other => panic!("{id} has not failed: {other:?}"),
        }
    }

    /// Every event on record.
    pub(crate) async fn events(&self) -> Vec<Event> {
        let records = read(&self.store).await.expect("the journal is consistent").records;
        records.into_iter().flat_map(|record| record.events).collect()
    }

    /// Every fact on record.
    pub(crate) async fn facts(&self) -> Vec<Fact> {
        self.events().await.iter().flat_map(|event| event.facts().to_vec()).collect()
    }
}

pub(crate) fn host() -> PlanHost {
    PlanHost { name: "edx-1".into(), instance: InstanceRef::Known(INSTANCE.as_str().into()) }
}

fn supervisorctl() -> String {
    "/usr/bin/supervisorctl".to_owned()
}

fn names(programs: &[&str]) -> Vec<cutover_core::names::ProgramName> {
    programs.iter().map(|program| (*program).into()).collect()
}

pub(crate) fn stop(programs: &[&str], stop_limit: u64, past_stop_limit: PastStopLimit) -> Step {
    let stop_limit = Duration::from_secs(stop_limit);
    let (host, supervisorctl, programs) = (host(), supervisorctl(), names(programs));
    let running_tasks = Vec::new();
    let stop = StopServices {
        host,
        supervisorctl,
        programs,
        stop_limit,
        past_stop_limit,
        running_tasks,
        count_requests: Vec::new(),
        unrelated: Vec::new(),
        for_good: false,
    };
    step("stop", Action::StopServices(stop))
}

pub(crate) fn confirm(programs: &[&str]) -> Step {
    let (supervisorctl, programs, unrelated) = (supervisorctl(), names(programs), Vec::new());
    let hosts = vec![HostPrograms { host: host(), supervisorctl, programs, unrelated }];
    step("confirm", Action::ConfirmStopped { hosts, snapshots: Vec::new() })
}

pub(crate) fn start(programs: &[&str]) -> Step {
    let (host, supervisorctl, programs) = (host(), supervisorctl(), names(programs));
    let (steady, answers, autostart) = (Duration::from_secs(2), Vec::new(), false);
    let start = StartServices { host, supervisorctl, programs, steady, answers, autostart };
    step("start", Action::StartServices(start))
}

/// The same step with another limit, in seconds.
pub(crate) fn within(seconds: u64, step: Step) -> Step {
    Step { limit: Duration::from_secs(seconds), ..step }
}
