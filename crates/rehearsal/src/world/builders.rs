//! Instances on which images are built, and the images that are made of them.

use std::time::Duration;

use cutover_core::deployment::Base;
use cutover_core::names::{FleetName, HostName, ImageId, ImageName, InstanceId};
use cutover_core::observation::{BaseImage, BranchHead, BuilderInstance, InstanceState, ReleaseBranch};
use cutover_core::plan::BuildImage;
use cutover_core::time::later;
use cutover_engine::failure::Failure;
use cutover_engine::ports::Answer;
use cutover_hosts::bake;
use cutover_hosts::command::Command;

use super::chance::from_to;
use super::compute::FIRST_PROCESS;
use super::events::Event;
use super::parts::{Building, Host, Image, Script};
use super::state::WorldState;

/// A command of this name does not end by itself for days.
const HANGS: &str = "hangs";

/// What of the time that the file expects for a build is needed for the commands, and for the image, in percent. The rest is for
/// the builder to boot, and to stop.
const COMMANDS: u32 = 70;
const IMAGING: u32 = 20;

impl WorldState {
    /// The image that a base is. Every base exists in this world.
    pub(crate) fn base(&self, base: Base<'_>) -> BaseImage {
        let (id, name) = match base {
            Base::Id(id) => (id.to_owned(), id),
            Base::Parameter(name) | Base::Newest { name, .. } => {
                (format!("ami-{}", self.hexadecimal(&["base", name], 17)), name)
            }
        };
        BaseImage { id: id.into(), name: name.to_owned() }
    }

    /// A release branch, whose ledger accounts for all patches.
    pub(crate) fn branch(&self, name: &str) -> ReleaseBranch {
        let image = [Some(&self.deployment.role.edxapp), self.deployment.role.worker.as_ref()];
        let image = image.into_iter().flatten().map(|services| &services.image).find(|image| image.branch == name);
        let repository = image.map_or("", |image| image.repository.as_str());
        let accounted = self.images.iter().map(|image| image.commit.clone()).collect();
        ReleaseBranch { head: BranchHead::Ready(self.commit_of(repository, name).into()), accounted }
    }

    /// The commit at the head of a branch.
    pub(crate) fn commit_of(&self, repository: &str, branch: &str) -> String {
        self.hexadecimal(&["commit", repository, branch], 40)
    }

    /// The builders of one image, or of all.
    pub(crate) fn builders(&self, image: Option<&ImageName>) -> Vec<BuilderInstance> {
        let of_image = self.hosts.values().filter_map(|host| {
            let building =
                host.builds.as_ref().filter(|building| image.is_none_or(|image| building.image == *image))?;
            let state = self.shown_instance(host.describe())?.state;
            let (image, token) = (building.image.clone(), building.token.clone());
            Some(BuilderInstance { id: host.id.clone(), image, token, state, why_gone: None })
        });
        of_image.collect()
    }

    pub(crate) fn launch_builder(&mut self, build: &BuildImage, token: &str) -> InstanceId {
        if let Some(instance) = self.launches.get(token) {
            return instance.clone();
        }
        let id = InstanceId::from(format!("i-{}", self.hexadecimal(&["builder", token], 17)));
        let pending = from_to(self.seed, &["pending", token], Duration::from_secs(2), Duration::from_secs(8));
        let due = later(self.now, pending);
        let host = Host {
            id: id.clone(),
            name: HostName::from(format!("builder of {}", build.name)),
            fleet: FleetName::from(""),
            role: build.role,
            version: self.deployment.release.version.clone(),
            launched: self.now,
            upgrade: None,
            state: InstanceState::Pending,
            image: build.base.as_str().into(),
            current: false,
            builds: Some(Building { image: build.name.clone(), token: token.to_owned() }),
            boot_stopped: true,
            holds_back: false,
            due: Some(due),
            programs: std::collections::BTreeMap::new(),
            last_process: FIRST_PROCESS,
            healthy: false,
            healthy_since: self.now,
        };
        self.writes_instance(&id, None);
        self.hosts.insert(id.clone(), host);
        self.launches.insert(token.to_owned(), id.clone());
        self.agenda.schedule(due, Event::InstanceMoves { instance: id.clone() });
        id
    }

    pub(crate) fn stop_builder(&mut self, instance: &InstanceId) -> Answer<()> {
        let host = self.builder(instance)?;
        if !matches!(host.state, InstanceState::Running | InstanceState::Booting) {
            return Ok(());
        }
        let was = host.describe();
        self.writes_instance(instance, Some(was));
        let due = later(self.now, self.varied(&["stop", instance.as_str()], Duration::from_secs(20)));
        if let Some(host) = self.hosts.get_mut(instance) {
            host.state = InstanceState::Stopping;
            host.due = Some(due);
        }
        self.jobs_die(instance);
        self.agenda.schedule(due, Event::InstanceMoves { instance: instance.clone() });
        Ok(())
    }

    pub(crate) fn make_image(&mut self, build: &BuildImage, builder: &InstanceId) -> Answer<ImageId> {
        if let Some(image) = self.images.iter().find(|image| image.name == build.name) {
            return Ok(image.id.clone());
        }
        let state = self.builder(builder)?.state;
        if state != InstanceState::Stopped {
            return Err(Failure::permanent(format!("no image is made of {builder}, which is {state:?}")));
        }
        let due = later(self.now, self.part_of_build(build, IMAGING, "imaging"));
        let id = self.begin_image(build);
        self.agenda.schedule(due, Event::ImageBuilt { image: id.clone() });
        Ok(id)
    }

    /// An image with the commit and the tags of the plan, which is not finished.
    pub(crate) fn begin_image(&mut self, build: &BuildImage) -> ImageId {
        let id = self.image_id(&build.name);
        let tag = |key: &str| build.tags.get(key).map(String::as_str).unwrap_or_default();
        let (codename, version) = (tag("edx_codename").into(), tag("release-version").into());
        self.writes_image(&id, None);
        self.images.push(Image {
            id: id.clone(),
            name: build.name.clone(),
            role: build.role,
            codename,
            version,
            commit: build.commit.clone().unwrap_or_default(),
            available: false,
            created: self.now,
            furnished: false,
        });
        id
    }

    pub(crate) fn discard_builder(&mut self, instance: &InstanceId) -> Answer<()> {
        self.builder(instance)?;
        self.terminate(instance)
    }

    fn builder(&self, instance: &InstanceId) -> Answer<&Host> {
        let host = self.hosts.get(instance).filter(|host| host.builds.is_some());
        host.ok_or_else(|| Failure::permanent(format!("{instance} is no builder")))
    }

    /// What the job of a builder does: its commands share their part of the time.
    pub(crate) fn provisioning(&self, instance: &InstanceId, command: &Command) -> Option<Script> {
        let host = self.hosts.get(instance).filter(|host| host.builds.is_some())?;
        let image = &self.deployment.role.services(host.role)?.image;
        let builder = image.builder.as_ref()?;
        let name = host.builds.as_ref().map_or("", |building| building.image.as_str());
        let hangs = builder.provision.iter().flatten().any(|word| word == HANGS);
        let usual = image.expected.duration() * COMMANDS / 100;
        let length = self.varied(&["provision", name], if hangs { usual * 1000 } else { usual });
        bake::titles(command).map(|titles| Script::of_parts(&titles, length)).filter(|_| !builder.provision.is_empty())
    }

    fn part_of_build(&self, build: &BuildImage, percent: u32, what: &str) -> Duration {
        let services = self.deployment.role.services(build.role);
        let expected = services.map_or(Duration::from_secs(600), |services| services.image.expected.duration());
        self.varied(&[what, build.name.as_str()], expected * percent / 100)
    }
}
