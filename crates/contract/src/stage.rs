//! The world in which contracts run, what they know about it, and helpers that several of them use.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use cutover_core::deployment::{Deployment, Role, parse};
use cutover_core::names::{ChangeId, DnsName, ImageId, InstanceId};
use cutover_core::observation::{Instance, InstanceState, MachineImage};
use cutover_core::plan::{ImageRef, Launch, RecordTarget};
use cutover_core::time::between;
use cutover_engine::fence::ZoneFence;
use cutover_engine::gate::{Gate, Permit};
use cutover_engine::halt::WriteError;
use cutover_engine::ports::{Answer, Clock, World};

use crate::broken::{Broken, Kept};

/// A small deployment with everything that contracts need: two fleets, balancers of both kinds, workers.
///
/// # Panics
/// Never: its file is part of this crate and has no mistakes.
#[must_use]
pub fn deployment() -> Deployment {
    parse(include_str!("deployment.toml")).expect("the contracts' own deployment file has no mistakes")
}

/// A next edxapp host of the first fleet with that name, tagged as in plans. The caller chooses its image.
///
/// # Panics
/// When the deployment has no fleet, or the fleet no subnet.
#[must_use]
pub fn launch(deployment: &Deployment, name: &str) -> Launch {
    let (fleet, role) = (&deployment.fleets[0], Role::Edxapp);
    let tags = BTreeMap::from([
        ("Name", name.to_owned()),
        ("environment", deployment.name.to_string()),
        ("purpose", fleet.name.to_string()),
        ("role", deployment.role_tag(role).to_owned()),
        ("edx_codename", deployment.release.codename.clone()),
        ("release-version", deployment.release.version.clone()),
        ("cutover-upgrade", deployment.upgrade().to_string()),
    ]);
    Launch {
        name: name.into(),
        fleet: fleet.name.clone(),
        role,
        image: ImageRef::Known("".into()),
        instance_type: fleet.edxapp.instance_type.clone(),
        subnet: fleet.edxapp.subnets[0].clone(),
        security_groups: fleet.edxapp.security_groups.clone(),
        profile: fleet.edxapp.profile.clone(),
        tags: tags.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
        boot_stopped: false,
        generation: 1,
    }
}

/// A gate for a world that only contracts change.
#[must_use]
pub fn gate(world: &World, clock: &Rc<dyn Clock>, deployment: &Deployment) -> Gate {
    Gate::alone(clock).with_zone(ZoneFence::of(deployment, world, clock))
}

/// A world created for a deployment: its current hosts serve behind their balancers, and the upgrade has not started.
pub struct Stage {
    /// The ports.
    pub world: World,
    /// The gate for every change: [`gate`].
    pub gate: Gate,
    /// The world's time.
    pub clock: Rc<dyn Clock>,
    /// The deployment for which the world was created.
    pub deployment: Deployment,
    /// Instances that do not belong to the deployment, although their tags may look like it.
    pub foreign_instances: Vec<InstanceId>,
    /// Images that do not belong to the deployment.
    pub foreign_images: Vec<ImageId>,
    /// How long to wait between two observations.
    pub interval: Duration,
    /// How long to wait for a condition that must become true in the end.
    pub patience: Duration,
}

impl Stage {
    /// Makes a change through the gate.
    pub(crate) async fn write<T>(&self, call: impl AsyncFnOnce(&Permit) -> Answer<T>) -> Answer<T> {
        self.gate.write("contract", call).await.map_err(WriteError::into_failure)
    }

    /// Changes records, and the fence with them.
    pub(crate) async fn change_records(&self, zone: &str, records: &[RecordTarget]) -> Answer<ChangeId> {
        self.gate.change_records(zone, records).await.map_err(WriteError::into_failure)
    }

    /// Writes a page, and replaces whatever was there.
    pub(crate) async fn put_page(&self, bucket: &str, key: &str, body: &str) -> Answer<()> {
        let there = self.world.pages.page(bucket, key).await?.map(|page| page.version);
        self.write(async |permit| self.world.pages.put_page(permit, bucket, key, body, there.as_ref()).await).await
    }

    /// Repeats `look` until it finds something.
    pub(crate) async fn until<T>(
        &self,
        what: &str,
        look: impl AsyncFn() -> Result<Option<T>, Broken>,
    ) -> Result<T, Broken> {
        let started = self.clock.now();
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            if between(started, self.clock.now()) >= self.patience {
                return Err(Broken(format!("never came true: {what}")));
            }
            self.clock.sleep(self.interval).await;
        }
    }

    /// Repeats `look` until it is true.
    pub(crate) async fn holds(&self, what: &str, look: impl AsyncFn() -> Result<bool, Broken>) -> Kept {
        self.until(what, async || Ok(look().await?.then_some(()))).await
    }

    /// A name of the zone that no other contract uses.
    pub(crate) fn name(&self, word: &str) -> DnsName {
        format!("{word}.{}", self.deployment.dns.zone.trim_end_matches('.')).into()
    }

    /// A record of the zone with a name and a target made from `word`.
    pub(crate) fn record(&self, word: &str) -> RecordTarget {
        let ttl = self.deployment.dns.window_ttl.duration();
        RecordTarget { name: self.name(word), target: format!("{word}.target.example").into(), ttl }
    }

    /// The newest image of a role that can be launched.
    pub(crate) async fn image(&self, role: Role) -> Result<MachineImage, Broken> {
        let images = self.world.images.images().await?;
        let newest = images.into_iter().rfind(|image| image.role == role && image.available);
        newest.ok_or_else(|| Broken(format!("there is no image of {role} to launch from")))
    }

    /// A next host with a name that no other contract uses.
    pub(crate) fn launch(&self, word: &str) -> Launch {
        launch(&self.deployment, &format!("edx-{word}-v{}", self.deployment.release.version))
    }

    /// Launches such a host and returns its instance. `word` is also the token.
    pub(crate) async fn launched(&self, word: &str) -> Result<InstanceId, Broken> {
        let image = self.image(Role::Edxapp).await?.id;
        Ok(self.write(async |permit| self.world.compute.launch(permit, &self.launch(word), &image, word).await).await?)
    }

    /// Launches such a host and waits until it runs.
    pub(crate) async fn running(&self, word: &str) -> Result<InstanceId, Broken> {
        let id = self.launched(word).await?;
        let runs = async || Ok(self.listed(&id).await?.is_some_and(|found| found.state == InstanceState::Running));
        self.holds("a launched instance runs", runs).await?;
        Ok(id)
    }

    /// The instance as it is listed, if it is listed.
    pub(crate) async fn listed(&self, id: &InstanceId) -> Result<Option<Instance>, Broken> {
        Ok(self.world.compute.instances().await?.into_iter().find(|instance| instance.id == *id))
    }
}
