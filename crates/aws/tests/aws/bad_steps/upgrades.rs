//! Whole upgrades over a network in which one request in seven gets into some trouble, and more of those that change
//! something: they end, and nothing is there twice.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use cutover_aws::{Connection, Limits};
use cutover_contract::{conductor, planned};
use cutover_core::deployment::Role;
use cutover_core::digest::Digest;
use cutover_core::journal::{Event, Run, Upgrade};
use cutover_core::names::InstanceId;
use cutover_core::observation::Health;
use cutover_core::plan::{Action, Phase, Plan};
use cutover_engine::drive::Conductor;
use cutover_engine::journal::read;
use cutover_engine::phase::{self, Ending};
use cutover_engine::ports::Clock;
use cutover_engine::store::Store;

use super::lane::{Ground, PATIENCE};
use super::skipping::connect;
use crate::hurried::HurriedClock;
use crate::obedient::Approving;
use crate::proxy::Proxy;

/// One request in so many gets into trouble.
const ONE_IN: usize = 7;
/// How often an operator runs a phase before somebody else has to look at it.
const RUNS: u32 = 5;

/// An upgrade over the misbehaving network.
struct Misfortune<'a> {
    ground: &'a Ground,
    seed: u64,
    proxy: Proxy,
    connection: Rc<Connection>,
    without_trouble: Rc<Connection>,
    clock: Rc<HurriedClock>,
    store: Store,
}

impl<'a> Misfortune<'a> {
    async fn new(ground: &'a Ground, seed: u64) -> Self {
        let deployment = ground.deployment();
        let before = Duration::from_secs(4 * 86_400);
        let start = deployment.window.start.timestamp.checked_sub(before).expect("in range");
        let proxy = Proxy::before(&ground.endpoint());
        let connection = connect(&proxy.endpoint, Limits { attempt: PATIENCE, ..Limits::default() }).await;
        proxy.misbehave(seed, ONE_IN);
        let store = Store::memory(&deployment.upgrade());
        let (connection, without_trouble) = (Rc::new(connection), ground.connect().await);
        Self { ground, seed, proxy, connection, without_trouble, clock: HurriedClock::new(start), store }
    }

    /// Somebody who runs a command: a new process, which knows what is on record.
    async fn conductor(&self) -> Conductor {
        let at = Rc::clone(&self.clock) as Rc<dyn Clock>;
        let operator = Rc::new(Approving(Rc::clone(&at)));
        let world = self.ground.world(&self.connection, &self.without_trouble, &self.clock);
        conductor(world, at, operator, self.store.clone(), self.ground.deployment()).await
    }

    async fn upgrade(&self) -> Upgrade {
        read(&self.store).await.expect("the journal holds together").upgrade
    }

    /// Runs a phase until it is finished.
    async fn run(&self, phase: Phase) -> Plan {
        let mut plan = None;
        for _ in 0..RUNS {
            let conductor = self.conductor().await;
            if plan.is_none() {
                plan = self.clock.run(planned(&conductor, self.ground.deployment(), phase)).await.ok();
                let Some(plan) = &plan else { continue };
                let (run, kind, plan) = (conductor.journal.upgrade().next_run(), phase.into(), Arc::new(plan.clone()));
                let started = Event::RunStarted { run, kind, plan, deployment: Digest::of(b"") };
                conductor.journal.append(started).await.expect("on record");
            }
            let ending = self.clock.run(phase::run(&conductor, None, phase)).await.expect("the journal works");
            if ending == Ending::Finished {
                return plan.expect("it was run");
            }
        }
        let upgrade = self.upgrade().await;
        let failed = upgrade.run_of(phase).into_iter().flat_map(Run::failed);
        let failed: Vec<_> = failed.map(|(step, error)| (&step.id, error)).collect();
        panic!("seed {}: {phase} is not finished after {RUNS} runs: {failed:?}", self.seed);
    }
}

/// The names and how often each is there.
fn counted<T: Ord>(all: impl IntoIterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    all.into_iter().for_each(|one| *counts.entry(one).or_default() += 1);
    counts
}

/// Sees that everything that was to be made is there once, and nothing is left that was to go.
async fn check(misfortune: &Misfortune<'_>, plans: &[Plan]) {
    let Misfortune { ground, seed, proxy, .. } = misfortune;
    let (truth, deployment, upgrade) = (&ground.truth, ground.deployment(), misfortune.upgrade().await);
    let actions = || plans.iter().flat_map(|plan| &plan.steps).map(|step| &step.action);
    let instances = truth.compute.instances().await.expect("listed");
    let launched = instances.iter().filter(|one| one.upgrade.is_some());
    let launches = actions().filter_map(|action| match action {
        Action::Launch(launch) => Some(launch.name.as_str()),
        _ => None,
    });
    let names = counted(launched.clone().map(|one| one.name.as_str()));
    assert_eq!(names, counted(launches), "seed {seed}: hosts by name");
    assert_eq!(proxy.passed("Action=RunInstances"), names.len(), "seed {seed}: launches");
    let living: BTreeSet<&InstanceId> = instances.iter().filter(|one| one.lives()).map(|one| &one.id).collect();
    assert_eq!(living, upgrade.launched.values().collect(), "seed {seed}: who lives");
    for action in actions() {
        match action {
            Action::TakeSnapshot { database, snapshot } => {
                let there = truth.databases.snapshot(database, snapshot).await.expect("RDS answers");
                assert!(there.is_some(), "seed {seed}: snapshot {snapshot}");
            }
            Action::RemoveImage { image, .. } => {
                let images = truth.images.images().await.expect("listed");
                assert!(images.iter().all(|one| one.id != *image), "seed {seed}: image {image} is left");
            }
            Action::Register(members) => {
                let health = truth.balancers.health(&members.balancer).await.expect("it is there");
                let serving = health.iter().filter(|(_, health)| **health != Health::Draining).map(|(id, _)| id);
                assert!(serving.into_iter().all(|id| living.contains(id)), "seed {seed}: {}", members.balancer);
                let of_these = |id: &InstanceId| health.contains_key(id);
                assert!(members.hosts.iter().all(|host| of_these(&upgrade.launched[&host.name])), "seed {seed}");
            }
            _ => {}
        }
    }
    let hosts: Vec<_> = deployment.sites.iter().map(|site| site.host.clone()).collect();
    let records = truth.dns.records(&deployment.dns.zone, &hosts).await.expect("the zone is there");
    for site in &deployment.sites {
        let domain = &deployment.balancer(&site.balancer).expect("its balancer").domain;
        assert_eq!(records[&site.host].target, *domain, "seed {seed}: visitors of {}", site.host);
    }
}

async fn upgrade_over_a_bad_network(seed: u64) {
    let ground = Ground::new(&cutover_contract::deployment()).await;
    for role in Role::ALL {
        ground.image(role, &format!("{role}-new")).await;
    }
    let misfortune = Misfortune::new(&ground, seed).await;
    let mut plans = Vec::new();
    for phase in Phase::ALL {
        plans.push(misfortune.run(phase).await);
    }
    check(&misfortune, &plans).await;
}

#[tokio::test]
async fn an_upgrade_over_a_bad_network_ends_with_nothing_twice_seed_1() {
    upgrade_over_a_bad_network(1).await;
}

#[tokio::test]
async fn an_upgrade_over_a_bad_network_ends_with_nothing_twice_seed_2() {
    upgrade_over_a_bad_network(2).await;
}

#[tokio::test]
async fn an_upgrade_over_a_bad_network_ends_with_nothing_twice_seed_3() {
    upgrade_over_a_bad_network(3).await;
}
