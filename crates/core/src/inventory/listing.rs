//! The images of a deployment with what uses each, and the instances that build images.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::deployment::{Deployment, Role};
use crate::journal::Upgrade;
use crate::names::{HostName, ImageId, InstanceId, UpgradeId};
use crate::observation::{BaseImage, BuilderInstance, Instance, InstanceState, MachineImage, ReleaseBranch};
use crate::plan::{Action, ImageRef, Phase, Step};

/// What was seen of the images of a deployment, and of what may use them.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// All images of the deployment.
    pub images: Vec<MachineImage>,
    /// All its instances, without those on which images are built.
    pub instances: Vec<Instance>,
    /// The instances on which images are built.
    pub builders: Vec<BuilderInstance>,
    /// The images that cutover builds others from.
    pub bases: BTreeMap<Role, BaseImage>,
    /// The release branches that are known here, by name.
    pub branches: BTreeMap<String, ReleaseBranch>,
}

/// The images of a deployment, and the instances that build images.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inventory {
    /// The images by role, the oldest of each role first.
    pub images: Vec<ListedImage>,
    /// The builders that live.
    pub builders: Vec<ListedBuilder>,
}

/// An image, and what is known of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ListedImage {
    /// The image as it was seen.
    #[serde(flatten)]
    pub image: MachineImage,
    /// Whether it is the newest of its role that hosts can be launched from.
    pub newest: bool,
    /// Whether a ledger accounts for every patch of its commit; nothing if that is not known here.
    pub accounted: Option<bool>,
    /// What uses it.
    pub uses: Vec<Use>,
}

impl ListedImage {
    /// Whether it is still being made.
    #[must_use]
    pub const fn is_being_made(&self) -> bool {
        !self.image.available && self.image.failed.is_none()
    }
}

/// What uses an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Use {
    /// An instance that lives was launched from it.
    Host {
        /// The instance.
        instance: InstanceId,
        /// Its name.
        name: HostName,
        /// Its state.
        state: InstanceState,
    },
    /// The instance on which it is built lives.
    Builder {
        /// The instance.
        instance: InstanceId,
    },
    /// The journal of an upgrade that has not ended names it.
    Upgrade {
        /// The upgrade.
        upgrade: UpgradeId,
    },
    /// Images of a role are built from it.
    Base {
        /// The role.
        role: Role,
    },
}

/// An instance that lives, on which an image is built or was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedBuilder {
    /// The instance as it was seen.
    #[serde(flatten)]
    pub builder: BuilderInstance,
    /// Whether somebody goes on with it.
    pub goes_on: GoesOn,
}

/// Whether somebody goes on with a builder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GoesOn {
    /// A conductor is at work on its image.
    Now,
    /// Once `prepare` is run again: the plan that is under way builds its image.
    WithPrepare,
    /// Nobody does: no plan that is under way builds its image.
    Never,
}

impl Inventory {
    /// What there is. `conducted` says whether a conductor of the upgrade seems to be at work.
    #[must_use]
    pub fn of(deployment: &Deployment, upgrade: &Upgrade, seen: &Seen, conducted: bool) -> Self {
        let mut images: Vec<&MachineImage> = seen.images.iter().collect();
        images.sort_by_key(|image| (image.role, image.created, &image.id));
        let newest: BTreeMap<Role, &ImageId> =
            images.iter().filter(|image| image.available).map(|image| (image.role, &image.id)).collect();
        let images = images.iter().map(|image| ListedImage {
            image: (*image).clone(),
            newest: newest.get(&image.role) == Some(&&image.id),
            accounted: accounted(deployment, seen, image),
            uses: uses(deployment, upgrade, seen, image),
        });
        let builders = seen
            .builders
            .iter()
            .filter(|builder| builder.lives())
            .map(|builder| ListedBuilder { builder: builder.clone(), goes_on: goes_on(upgrade, builder, conducted) });
        Self { images: images.collect(), builders: builders.collect() }
    }

    /// The image with that name or id. A name that several images have finds none; their ids do.
    #[must_use]
    pub fn find(&self, name_or_id: &str) -> Option<&ListedImage> {
        let by_id = self.images.iter().find(|one| one.image.id.as_str() == name_or_id);
        let mut by_name = self.images.iter().filter(|one| one.image.name.as_str() == name_or_id);
        by_id.or_else(|| by_name.next().filter(|_| by_name.next().is_none()))
    }
}

fn accounted(deployment: &Deployment, seen: &Seen, image: &MachineImage) -> Option<bool> {
    let branch = &deployment.role.services(image.role)?.image.branch;
    let known = seen.branches.get(branch)?;
    Some(known.accounts_for(image.commit.as_deref()?))
}

fn uses(deployment: &Deployment, upgrade: &Upgrade, seen: &Seen, image: &MachineImage) -> Vec<Use> {
    let launched = seen.instances.iter().filter(|instance| instance.lives() && instance.image == image.id);
    let hosts = launched.map(|instance| Use::Host {
        instance: instance.id.clone(),
        name: instance.name.clone(),
        state: instance.state,
    });
    let building = seen.builders.iter().filter(|builder| builder.lives() && builder.image == image.name);
    let builders = building.map(|builder| Use::Builder { instance: builder.id.clone() });
    let named = is_named(upgrade, image).then(|| Use::Upgrade { upgrade: deployment.upgrade() });
    let bases = seen.bases.iter().filter(|(_, base)| base.id == image.id).map(|(role, _)| Use::Base { role: *role });
    hosts.chain(builders).chain(named).chain(bases).collect()
}

/// Whether the journal of an upgrade that has not ended names an image: one that it has built, or that a plan builds, launches
/// hosts from, or removes.
fn is_named(upgrade: &Upgrade, image: &MachineImage) -> bool {
    if upgrade.finished(Phase::Retire) {
        return false;
    }
    let names = |step: &Step| match &step.action {
        Action::BuildImage(build) => build.name == image.name || build.base == image.id.as_str(),
        Action::Launch(launch) => launch.image == ImageRef::Known(image.id.clone()),
        Action::RemoveImage { image: removed, .. } => *removed == image.id,
        _ => false,
    };
    let built: BTreeSet<&ImageId> = upgrade.images.values().collect();
    built.contains(&image.id) || upgrade.last_runs().any(|run| run.plan.steps.iter().any(names))
}

fn goes_on(upgrade: &Upgrade, builder: &BuilderInstance, conducted: bool) -> GoesOn {
    let builds = |step: &Step| matches!(&step.action, Action::BuildImage(build) if build.name == builder.image);
    let under_way = upgrade.run_under_way().is_some_and(|run| run.plan.steps.iter().any(builds));
    match (under_way, conducted) {
        (true, true) => GoesOn::Now,
        (true, false) => GoesOn::WithPrepare,
        (false, _) => GoesOn::Never,
    }
}
