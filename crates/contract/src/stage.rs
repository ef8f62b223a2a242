//! The world that contracts stand in, what they know of it, and what several of them do there.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use cutover_core::deployment::{Deployment, Role, parse};
use cutover_core::names::{ChangeId, DnsName, ImageId, InstanceId};
use cutover_core::observation::{Instance, InstanceState, MachineImage};
use cutover_core::plan::{ImageRef, Launch, RecordTarget};
use cutover_core::time::{between, later};
use cutover_engine::fence::ZoneFence;
use cutover_engine::gate::{Gate, Permit};
use cutover_engine::halt::Hitch;
use cutover_engine::ports::{Answer, Clock, World};

use crate::broken::{Broken, Kept};

/// A small deployment with what contracts need: two fleets, balancers of both kinds, workers.
///
/// # Panics
/// Never: its file is part of this crate, and has no mistakes.
#[must_use]
pub fn deployment() -> Deployment {
    parse(include_str!("deployment.toml")).expect("the contracts' own deployment file has no mistakes")
}

/// A next edxapp host of the first fleet under that name, tagged as plans tag hosts. Its image is for the caller to say.
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

/// A gate to a world that only contracts change.
#[must_use]
pub fn gate(world: &World, clock: &Rc<dyn Clock>, deployment: &Deployment) -> Gate {
    Gate::alone(clock).with_zone(ZoneFence::of(deployment, world, clock))
}

/// A world furnished for a deployment: its current hosts serve behind their balancers, nothing was begun.
pub struct Stage {
    /// The ports.
    pub world: World,
    /// The way to change anything: [`gate`].
    pub gate: Gate,
    /// The world's time.
    pub clock: Rc<dyn Clock>,
    /// What the world was furnished for.
    pub deployment: Deployment,
    /// Instances that are not the deployment's, though their tags may look like it.
    pub foreign_instances: Vec<InstanceId>,
    /// Images that are not the deployment's.
    pub foreign_images: Vec<ImageId>,
    /// How long to wait between two looks.
    pub interval: Duration,
    /// How long to wait for what must come true in the end.
    pub patience: Duration,
}

impl Stage {
    /// Changes something, through the gate.
    pub(crate) async fn write<T>(&self, call: impl AsyncFnOnce(&Permit) -> Answer<T>) -> Answer<T> {
        self.gate.write("contract", call).await.map_err(Hitch::into_failure)
    }

    /// Changes records, and the fence with them.
    pub(crate) async fn change_records(&self, zone: &str, records: &[RecordTarget]) -> Answer<ChangeId> {
        self.gate.change_records(zone, records).await.map_err(Hitch::into_failure)
    }

    /// Puts a page in the place of whatever is there.
    pub(crate) async fn put_page(&self, bucket: &str, key: &str, body: &str) -> Answer<()> {
        let there = self.world.pages.page(bucket, key).await?.map(|page| page.version);
        self.write(async |permit| self.world.pages.put_page(permit, bucket, key, body, there.as_ref()).await).await
    }

    /// Looks until there is something to be found.
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
            self.clock.sleep_until(later(self.clock.now(), self.interval)).await;
        }
    }

    /// Looks until it holds.
    pub(crate) async fn holds(&self, what: &str, look: impl AsyncFn() -> Result<bool, Broken>) -> Kept {
        self.until(what, async || Ok(look().await?.then_some(()))).await
    }

    /// A name of the zone that no other contract uses.
    pub(crate) fn name(&self, word: &str) -> DnsName {
        format!("{word}.{}", self.deployment.dns.zone.trim_end_matches('.')).into()
    }

    /// A record of the zone with a target that says the same.
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

    /// A next host under a name that no other contract uses.
    pub(crate) fn launch(&self, word: &str) -> Launch {
        launch(&self.deployment, &format!("edx-{word}-v{}", self.deployment.release.version))
    }

    /// Launches such a host and says which instance it is. The word is the token too.
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

    /// The instance as it is listed, if it is.
    pub(crate) async fn listed(&self, id: &InstanceId) -> Result<Option<Instance>, Broken> {
        Ok(self.world.compute.instances().await?.into_iter().find(|instance| instance.id == *id))
    }
}
