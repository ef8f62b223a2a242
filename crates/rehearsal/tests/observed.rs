//! What is observed of a world, also of one on which an upgrade was begun or of which not everything can be seen.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;

use cutover_contract::{conductor, planned};
use cutover_core::deployment::{Deployment, Role, parse};
use cutover_core::digest::Digest;
use cutover_core::journal::Upgrade;
use cutover_core::names::{FleetName, ImageId, InstanceId, JobName};
use cutover_core::observation::{Instance, InstanceState, Observation, Part, PendingMigrations, PendingNames};
use cutover_core::plan::{CapturedHost, Launch, Phase};
use cutover_engine::failure::Failure;
use cutover_engine::gate::Permit;
use cutover_engine::observe::{name_answers, observe, observe_as_far_as_possible};
use cutover_engine::phase::{self, Ending};
use cutover_engine::ports::{Answer, Clock, Compute, Hosts, World};
use cutover_engine::store::Store;
use cutover_hosts::command::{Ask, Said};
use cutover_hosts::job::{Job, JobReport, JobStart, Signal};
use cutover_rehearsal::{EmbeddedCloud, Fault, FaultKind, ScriptedOperator, SimulatedClock, run};

#[test]
fn pending_migrations_are_counted_on_next_hosts_and_unknown_before_one_runs() {
    let mut deployment = deployment();
    for migration in &mut deployment.migrations {
        migration.plan_command = [&migration.command[..], &["--plan".to_owned()]].concat();
        migration.recorded_command = ["mysql".to_owned(), migration.service.clone(), migration.database.clone()].into();
    }
    let start = deployment.window.start.timestamp.checked_sub(Duration::from_secs(4 * 86_400)).expect("in range");
    let clock = SimulatedClock::new(start);
    let world = EmbeddedCloud::furnish(&deployment, 1, start);
    let cloud = EmbeddedCloud::in_memory(world, Rc::clone(&clock) as Rc<dyn Clock>);
    let is_known = |names: &PendingNames| matches!(names, PendingNames::Known(_));
    let known = |observation: &Observation| observation.pending.iter().filter(|found| is_known(&found.names)).count();
    run(&clock, async {
        let at = Rc::clone(&clock) as Rc<dyn Clock>;
        let operator = Rc::new(ScriptedOperator::new(&deployment, Rc::clone(&at)));
        let conductor = conductor(cloud.world(), at, operator, Store::memory(&deployment.upgrade()), &deployment).await;
        let look = async || {
            let upgrade = conductor.journal.upgrade().clone();
            observe(&conductor.world, &*conductor.clock, &deployment, &upgrade).await.expect("it can be observed")
        };
        let before = look().await;
        assert!(before.pending.iter().all(|found| found.names == PendingNames::NoNextHost), "{:?}", before.pending);
        for phase in [Phase::Announce, Phase::Prepare] {
            let plan = planned(&conductor, &deployment, phase).await.expect("observed");
            let ending = phase::run(&conductor, Some((plan, Digest::of(b""))), phase).await.expect("the journal works");
            assert_eq!(ending, Ending::Finished);
        }
        let after = look().await;
        assert!(after.pending.iter().all(|found| found.flaws.is_empty()), "{:?}", after.pending);
        assert_eq!((known(&after), after.pending.len()), (before.pending.len(), before.pending.len()));
    });
}

fn deployment() -> Deployment {
    parse(include_str!("../../../examples/mitx-qa.toml")).expect("the example has no mistakes")
}

/// The world of a deployment at the start of its window, in which these calls fail.
fn furnished(deployment: &Deployment, faults: Vec<Fault>) -> (Rc<SimulatedClock>, World) {
    let clock = SimulatedClock::new(deployment.window.start.timestamp);
    let mut world = EmbeddedCloud::furnish(deployment, 1, clock.now());
    world.faults = faults;
    let cloud = EmbeddedCloud::in_memory(world, Rc::clone(&clock) as Rc<dyn Clock>);
    (clock, cloud.world())
}

#[test]
fn a_part_that_cannot_be_seen_is_named_to_who_only_looks_and_ends_the_observation_of_who_plans() {
    let refused = || Fault::Call { call: "images".to_owned(), nth: 1, kind: FaultKind::Permanent };
    let (deployment, upgrade) = (deployment(), Upgrade::default());
    let (clock, world) = furnished(&deployment, vec![refused()]);
    let seen =
        run(&clock, observe_as_far_as_possible(&world, &*clock, &deployment, &upgrade)).expect("the rest is seen");
    let unseen: Vec<&Part> = seen.unseen.iter().map(|unseen| &unseen.part).collect();
    assert_eq!((unseen, seen.images.len()), (vec![&Part::Images], 0));
    assert!(!seen.instances.is_empty() && !seen.records.is_empty());

    let (clock, world) = furnished(&deployment, vec![refused()]);
    let failure = run(&clock, observe(&world, &*clock, &deployment, &upgrade)).expect_err("plans need the images");
    assert!(failure.message.starts_with("images: "), "{failure}");
}

#[test]
fn who_can_see_nothing_at_all_is_told_the_first_reason() {
    let all = Fault::Scattered { one_in: 1, share: 0, kind: FaultKind::Permanent };
    let (deployment, upgrade) = (deployment(), Upgrade::default());
    let (clock, world) = furnished(&deployment, vec![all]);
    let look = observe_as_far_as_possible(&world, &*clock, &deployment, &upgrade);
    let failure = run(&clock, look).expect_err("there is nothing to show");
    assert!(failure.message.starts_with("records: "), "{failure}");
}

#[test]
fn the_zones_servers_and_every_resolver_are_asked_for_the_first_sites_name() {
    let mut deployment = deployment();
    let (clock, world) = furnished(&deployment, Vec::new());
    let answers = run(&clock, name_answers(&world, &deployment)).expect("there is a site");
    let target = deployment.balancer(&deployment.sites[0].balancer).expect("it has one").domain.clone();
    assert_eq!(answers.name, deployment.sites[0].host);
    let servers = answers.servers.expect("they answer");
    assert!(!servers.is_empty() && servers.iter().all(|answer| answer.as_ref() == Some(&target)), "{servers:?}");
    let resolvers: BTreeMap<_, _> =
        deployment.dns.resolvers.iter().map(|resolver| (*resolver, Ok(Some(target.clone())))).collect();
    assert_eq!(answers.resolvers, resolvers);
    deployment.sites.clear();
    assert!(run(&clock, name_answers(&world, &deployment)).is_none());
}

/// Instances that are listed, of which none can be changed.
struct Listed(Vec<Instance>);

#[async_trait(?Send)]
impl Compute for Listed {
    async fn instances(&self) -> Answer<Vec<Instance>> {
        Ok(self.0.clone())
    }

    async fn launch(&self, _: &Permit, launch: &Launch, _: &ImageId, _: &str) -> Answer<InstanceId> {
        Err(Failure::permanent(format!("nobody launches {} here", launch.name)))
    }

    async fn lives(&self, _: &InstanceId) -> Answer<bool> {
        Ok(true)
    }

    async fn terminate(&self, _: &Permit, instance: &InstanceId) -> Answer<()> {
        Err(Failure::permanent(format!("nobody terminates {instance} here")))
    }
}

/// Hosts that list their migrations, and answer nothing else.
struct Asked {
    /// Which hosts were asked.
    asked: RefCell<Vec<InstanceId>>,
    answer: Answer<Said>,
}

impl Asked {
    fn answering(answer: Answer<Said>) -> Rc<Self> {
        Rc::new(Self { asked: RefCell::default(), answer })
    }
}

/// A list of so many pending migrations, and one that was applied.
fn listed(pending: usize) -> Said {
    Said { stdout: format!("admin\n [X] 0001_initial\n{}", " [ ] 0002_more\n".repeat(pending)), ..Said::default() }
}

fn nobody_asks<T>(host: &InstanceId) -> Answer<T> {
    Err(Failure::permanent(format!("nobody asks {host} for this here")))
}

#[async_trait(?Send)]
impl Hosts for Asked {
    async fn ask(&self, host: &InstanceId, ask: &Ask) -> Answer<Said> {
        assert!(ask.command.arguments.iter().any(|word| word == "showmigrations"), "{ask:?}");
        self.asked.borrow_mut().push(host.clone());
        self.answer.clone()
    }

    async fn start_job(&self, _: &Permit, host: &InstanceId, _: &Job) -> Answer<JobStart> {
        nobody_asks(host)
    }

    async fn job(&self, host: &InstanceId, _: &JobName, _: u64) -> Answer<Option<JobReport>> {
        nobody_asks(host)
    }

    async fn signal_job(&self, _: &Permit, host: &InstanceId, _: &JobName, _: Signal) -> Answer<bool> {
        nobody_asks(host)
    }

    async fn collect_job(&self, _: &Permit, host: &InstanceId, _: &JobName) -> Answer<()> {
        nobody_asks(host)
    }
}

/// A running next host.
fn next_host(deployment: &Deployment, id: &str, fleet: &FleetName) -> Instance {
    Instance {
        id: id.into(),
        name: id.into(),
        fleet: fleet.clone(),
        role: Role::Edxapp,
        version: deployment.release.version.clone(),
        launched: deployment.window.start.timestamp,
        upgrade: Some(deployment.upgrade()),
        state: InstanceState::Running,
        image: "ami-1".into(),
    }
}

#[test]
fn why_a_next_host_cannot_tell_how_many_migrations_are_pending_is_said() {
    let deployment = deployment();
    let hosts = deployment.fleets.iter().map(|fleet| next_host(&deployment, fleet.name.as_str(), &fleet.name));
    let instances: Vec<Instance> = hosts.collect();
    let seen = |deployment: &Deployment, answer: Answer<Said>| {
        let (clock, world) = furnished(deployment, Vec::new());
        let world =
            World { compute: Rc::new(Listed(instances.clone())), hosts: Asked::answering(answer) as _, ..world };
        let seen = run(&clock, observe(&world, &*clock, deployment, &Upgrade::default()));
        seen.expect("plans do without the numbers").pending
    };
    let all = |pending: &[PendingMigrations], names: &PendingNames| {
        assert!(!pending.is_empty() && pending.iter().all(|found| found.names == *names), "{pending:?}");
    };
    let not_known =
        |because: &str, remedy: &str| PendingNames::NotKnown { because: because.to_owned(), remedy: remedy.to_owned() };
    let failure = Err(Failure::permanent("cannot be reached").with_hint("check the VPN"));
    all(&seen(&deployment, failure), &not_known("cannot be reached", "check the VPN"));
    all(&seen(&deployment, Ok(listed(0))), &PendingNames::Known(Vec::new()));
    let mut without = deployment.clone();
    without.migrations.iter_mut().for_each(|migration| migration.list_command.clear());
    all(&seen(&without, Ok(listed(0))), &PendingNames::NoListCommand);
}

#[test]
fn only_a_running_next_host_of_the_fleet_with_the_new_code_is_asked_for_pending_migrations() {
    let deployment = deployment();
    let [live, draft] = [0, 1].map(|index| deployment.fleets[index].name.clone());
    let host = |id: &str, fleet: &FleetName| next_host(&deployment, id, fleet);
    let instances = vec![
        Instance { version: deployment.release.current_version.clone(), ..host("i-old", &live) },
        Instance { role: Role::Worker, ..host("i-worker", &live) },
        Instance { state: InstanceState::Pending, ..host("i-booting", &live) },
        host("i-current", &live),
        host("i-next", &live),
        host("i-draft", &draft),
    ];
    let (clock, world) = furnished(&deployment, Vec::new());
    let asked = Asked::answering(Ok(listed(7)));
    let world = World { compute: Rc::new(Listed(instances)), hosts: Rc::clone(&asked) as _, ..world };
    // A host that runs the new code, and that the upgrade replaces all the same.
    let current = CapturedHost {
        name: "i-current".into(),
        instance: "i-current".into(),
        fleet: live.clone(),
        role: Role::Edxapp,
    };
    let upgrade = Upgrade { captured: Some(vec![current]), ..Upgrade::default() };
    let seen = run(&clock, observe(&world, &*clock, &deployment, &upgrade)).expect("it can be observed");
    assert!(
        !seen.pending.is_empty()
            && seen.pending.iter().all(|found| matches!(&found.names, PendingNames::Known(names) if names.len() == 7)),
        "{:?}",
        seen.pending
    );
    let mut asked = asked.asked.take();
    asked.dedup();
    assert_eq!(asked, ["i-next".into(), "i-draft".into()]);
}
