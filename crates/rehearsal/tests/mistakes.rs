//! Protection against mistakes: hosts are taken out of balancers and terminated only if the journal names them and
//! their tags agree. In these tests the tags are wrong, or the plan names other hosts, and no host may be removed.

use std::rc::Rc;

use async_trait::async_trait;

use cutover_contract::{conductor, planned};
use cutover_core::deployment::parse;
use cutover_core::digest::Digest;
use cutover_core::journal::StepStatus;
use cutover_core::names::{DiskId, ImageId, InstanceId};
use cutover_core::observation::{Instance, MachineImage};
use cutover_core::plan::{Action, BuildImage, InstanceRef, Launch, Phase, Plan};
use cutover_engine::drive::Conductor;
use cutover_engine::failure::Failure;
use cutover_engine::gate::Permit;
use cutover_engine::phase::{self, Ending};
use cutover_engine::ports::{Answer, Clock, Compute, Images, World};
use cutover_engine::store::Store;
use cutover_rehearsal::{EmbeddedCloud, ScriptedOperator, SimulatedClock, run};

const QA: &str = include_str!("../../../examples/mitx-qa.toml");

/// A listing of instances in which some are not as they were.
struct Retagged {
    real: Rc<dyn Compute>,
    change: fn(&mut Instance),
}

#[async_trait(?Send)]
impl Compute for Retagged {
    async fn instances(&self) -> Answer<Vec<Instance>> {
        let mut instances = self.real.instances().await?;
        instances.iter_mut().for_each(self.change);
        Ok(instances)
    }

    async fn launch(&self, permit: &Permit, launch: &Launch, image: &ImageId, token: &str) -> Answer<InstanceId> {
        self.real.launch(permit, launch, image, token).await
    }

    async fn lives(&self, instance: &InstanceId) -> Answer<bool> {
        self.real.lives(instance).await
    }

    async fn terminate(&self, permit: &Permit, instance: &InstanceId) -> Answer<()> {
        self.real.terminate(permit, instance).await
    }
}

/// A region without any resources of the deployment.
struct Elsewhere;

#[async_trait(?Send)]
impl Compute for Elsewhere {
    async fn instances(&self) -> Answer<Vec<Instance>> {
        Ok(Vec::new())
    }

    async fn launch(&self, _: &Permit, launch: &Launch, _: &ImageId, _: &str) -> Answer<InstanceId> {
        Err(Failure::permanent(format!("{} cannot be launched here", launch.name)))
    }

    async fn lives(&self, _: &InstanceId) -> Answer<bool> {
        Ok(false)
    }

    async fn terminate(&self, _: &Permit, instance: &InstanceId) -> Answer<()> {
        Err(Failure::permanent(format!("{instance} is not here")))
    }
}

#[async_trait(?Send)]
impl Images for Elsewhere {
    async fn images(&self) -> Answer<Vec<MachineImage>> {
        Ok(Vec::new())
    }

    async fn build(&self, _: &Permit, image: &BuildImage) -> Answer<ImageId> {
        Err(Failure::permanent(format!("{} cannot be built here", image.name)))
    }

    async fn disks(&self, _: &ImageId) -> Answer<Vec<DiskId>> {
        Ok(Vec::new())
    }

    async fn remove_disk(&self, _: &Permit, disk: &DiskId) -> Answer<()> {
        Err(Failure::permanent(format!("{disk} is not here")))
    }

    async fn remove(&self, _: &Permit, image: &ImageId) -> Answer<()> {
        Err(Failure::permanent(format!("{image} is not here")))
    }
}

/// The result of a phase with a mistake: why steps failed, and which hosts were running before and after.
struct Outcome {
    errors: Vec<String>,
    before: Vec<Instance>,
    after: Vec<Instance>,
}

async fn living(world: &World) -> Vec<Instance> {
    world.compute.instances().await.expect("listed").into_iter().filter(Instance::lives).collect()
}

/// Conducts an upgrade up to `phase`, and that one with tags and a plan that are changed.
fn mistaken(phase: Phase, tags: fn(&mut Instance), plans: fn(&mut Plan, &[Instance])) -> Outcome {
    let retagged = |world: World| {
        let compute = Rc::new(Retagged { real: Rc::clone(&world.compute), change: tags });
        World { compute, ..world }
    };
    mistaken_in(phase, retagged, plans)
}

/// Conducts an upgrade up to `phase`, and that one in another world and with a plan that is changed.
fn mistaken_in(phase: Phase, other: impl Fn(World) -> World, plans: fn(&mut Plan, &[Instance])) -> Outcome {
    let deployment = parse(QA).expect("no mistakes");
    let start =
        deployment.window.start.timestamp.checked_sub(std::time::Duration::from_secs(4 * 86_400)).expect("in range");
    let clock = SimulatedClock::new(start);
    let cloud =
        EmbeddedCloud::in_memory(EmbeddedCloud::furnish(&deployment, 1, start), Rc::clone(&clock) as Rc<dyn Clock>);
    run(&clock, async {
        let at = Rc::clone(&clock) as Rc<dyn Clock>;
        let operator = Rc::new(ScriptedOperator::new(&deployment, Rc::clone(&at)));
        let conductor = conductor(cloud.world(), at, operator, Store::memory(&deployment.upgrade()), &deployment).await;
        for earlier in Phase::ALL.into_iter().take_while(|earlier| *earlier < phase) {
            let plan = planned(&conductor, &deployment, earlier).await.expect("observed");
            assert_eq!(conducted(&conductor, plan, earlier).await, Ending::Finished);
        }
        let mut plan = planned(&conductor, &deployment, phase).await.expect("observed");
        let before = living(&cloud.world()).await;
        plans(&mut plan, &before);
        let conductor = conductor.in_world(other(cloud.world()));
        let ending = conducted(&conductor, plan, phase).await;
        assert!(matches!(ending, Ending::Failed(_)), "{ending:?}");
        let upgrade = conductor.journal.upgrade().clone();
        let errors = upgrade.run_of(phase).expect("it was begun").runs().filter_map(|(_, step)| match &step.status {
            StepStatus::Failed { error, .. } => Some(error.clone()),
            _ => None,
        });
        Outcome { errors: errors.collect(), before, after: living(&cloud.world()).await }
    })
}

async fn conducted(conductor: &Conductor, plan: Plan, phase: Phase) -> Ending {
    phase::run(conductor, Some((plan, Digest::of(b""))), phase).await.expect("the journal works")
}

fn refused(outcome: &Outcome, words: &str) {
    assert!(outcome.errors.iter().any(|error| error.contains(words)), "{:?}", outcome.errors);
    let ids = |hosts: &[Instance]| hosts.iter().map(|host| host.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&outcome.before), ids(&outcome.after), "a host has gone");
}

#[test]
fn a_host_that_lost_the_deployments_tags_is_not_terminated() {
    // A host that is no longer listed still exists.
    let lost = |instance: &mut Instance| instance.id = format!("{}-foreign", instance.id).into();
    refused(&mistaken(Phase::Retire, lost, |_, _| {}), "not listed with this deployment's tags");
}

#[test]
fn a_host_that_was_renamed_is_not_terminated() {
    let renamed = |instance: &mut Instance| instance.name = "somebody-elses".into();
    refused(&mistaken(Phase::Retire, renamed, |_, _| {}), "is named somebody-elses");
}

#[test]
fn a_host_that_another_fleet_claims_is_not_terminated() {
    let moved = |instance: &mut Instance| instance.fleet = "another-fleet".into();
    refused(&mistaken(Phase::Retire, moved, |_, _| {}), "is tagged with fleet another-fleet");
}

#[test]
fn a_host_that_the_journal_does_not_name_is_not_terminated() {
    let others = |plan: &mut Plan, hosts: &[Instance]| {
        let next = hosts.iter().rfind(|host| host.upgrade.is_some());
        let next = next.expect("a next host").id.clone();
        for step in &mut plan.steps {
            if let Action::Terminate { host, .. } = &mut step.action {
                host.instance = InstanceRef::Known(next.clone());
            }
        }
    };
    refused(&mistaken(Phase::Retire, |_| {}, others), "neither a current host on record nor launched by this upgrade");
}

#[test]
fn a_host_whose_role_has_changed_is_not_taken_out_of_a_balancer() {
    let swapped = |instance: &mut Instance| {
        instance.role = match instance.role {
            cutover_core::deployment::Role::Edxapp => cutover_core::deployment::Role::Worker,
            cutover_core::deployment::Role::Worker => cutover_core::deployment::Role::Edxapp,
        }
    };
    let outcome = mistaken(Phase::Window, swapped, |_, _| {});
    refused(&outcome, "so it was not taken out of the balancer");
}

#[test]
fn hosts_are_not_taken_for_terminated_where_nothing_of_the_deployment_is() {
    let elsewhere = |world| World { compute: Rc::new(Elsewhere), ..world };
    let outcome = mistaken_in(Phase::Retire, elsewhere, |_, _| {});
    refused(&outcome, "no host of this deployment is listed at all");
}

#[test]
fn images_are_not_taken_for_removed_where_nothing_of_the_deployment_is() {
    let elsewhere = |world| World { images: Rc::new(Elsewhere), ..world };
    let outcome = mistaken_in(Phase::Retire, elsewhere, |_, _| {});
    assert!(outcome.errors.iter().any(|error| error.contains("no image of this deployment is listed at all")));
}
