//! Packer, as a process beside the conductor: it launches an instance, makes an image of it, and terminates it.

use std::time::Duration;

use cutover_core::deployment::Packer;
use cutover_core::names::InstanceId;
use cutover_core::observation::InstanceState;
use cutover_core::packing::{PackerBuild, PackerMachine, PackerMade, PackerRest, PackerState};
use cutover_core::plan::BuildImage;
use cutover_core::time::{between, later};
use cutover_engine::failure::Failure;
use cutover_engine::ports::Answer;

use super::events::Event;
use super::parts::Packing;
use super::state::WorldState;

/// A template of this name has a provisioner that fails half-way.
const FAILS: &str = "fails";
/// One of this name does not end by itself for days.
const HANGS: &str = "hangs";

impl WorldState {
    pub(crate) fn packed(&self, token: &str) -> PackerBuild {
        let Some(packing) = self.packings.get(token) else {
            let (lines, made) = (Vec::new(), PackerMade::default());
            return PackerBuild { state: PackerState::None, lines, before: 0, failure: None, made };
        };
        let seconds = between(packing.begun, self.now).as_secs();
        let line = match packing.status {
            None => format!("amazon-ebs: TASK [install]: {seconds} s"),
            Some(0) => format!("amazon-ebs: AMI: {}", self.image_id(&packing.build.name)),
            Some(_) => "amazon-ebs: Terminating the source AWS instance...".to_owned(),
        };
        let is_failure = packing.status.is_some_and(|status| status != 0);
        let why = || ("a provisioner has failed with exit status 2".to_owned(), "correct the provisioning".to_owned());
        PackerBuild {
            state: match packing.status {
                None => PackerState::Running,
                Some(137) => PackerState::Died,
                Some(status) => PackerState::Ended(status),
            },
            lines: vec![format!("amazon-ebs: Instance ID: {}", packing.instance), line],
            before: 0,
            failure: is_failure.then(why),
            made: PackerMade { instances: [packing.instance.clone()].into(), ..PackerMade::default() },
        }
    }

    pub(crate) fn packer_machine() -> PackerMachine {
        PackerMachine { id: "rehearsal".to_owned(), host: "rehearsal".to_owned() }
    }

    pub(crate) fn start_packer(&mut self, build: &BuildImage, packer: &Packer, token: &str) {
        if self.packings.contains_key(token) {
            return;
        }
        let instance = self.launch_builder(build, token);
        let (build, begun) = (build.clone(), self.now);
        let services = self.deployment.role.services(build.role);
        let expected = services.map_or(Duration::from_secs(600), |services| services.image.expected.duration());
        let fails = packer.template.contains(FAILS);
        let usual = if fails { expected / 2 } else { expected * 95 / 100 };
        let expected = if packer.template.contains(HANGS) { expected * 1000 } else { usual };
        let length = self.varied(&["packer", build.name.as_str()], expected);
        let due = later(begun, length);
        self.packings.insert(token.to_owned(), Packing { build, instance, begun, status: None });
        self.agenda.schedule(due, Event::PackerEnds { token: token.to_owned(), status: if fails { 1 } else { 0 } });
    }

    /// Packer ends by itself. One that has not succeeded removes what it has made, as one that has does.
    pub(crate) fn packer_ends(&mut self, token: &str, status: i32) {
        let Some(packing) = self.packings.get_mut(token).filter(|packing| packing.status.is_none()) else { return };
        packing.status = Some(status);
        let (build, instance) = (packing.build.clone(), packing.instance.clone());
        if status == 0 {
            let id = self.begin_image(&build);
            self.image_is_built(&id);
        }
        // It may be gone by somebody else's hand.
        let _ = self.terminate(&instance);
    }

    /// Packer is killed, and leaves its instance behind.
    pub(crate) fn kill_packer(&mut self, token: &str) {
        if let Some(packing) = self.packings.get_mut(token).filter(|packing| packing.status.is_none()) {
            packing.status = Some(137);
        }
    }

    pub(crate) fn packer_rests(&self, token: &str) -> Vec<PackerRest> {
        let Some(packing) = self.packings.get(token) else { return Vec::new() };
        let state = self.builders(None).into_iter().find(|one| one.id == packing.instance).map(|one| one.state);
        match state {
            None | Some(InstanceState::Terminated) => Vec::new(),
            Some(InstanceState::ShuttingDown) => vec![PackerRest::Ending(packing.instance.clone())],
            Some(_) => vec![PackerRest::Instance(packing.instance.clone())],
        }
    }

    pub(crate) fn remove_packer_rest(&mut self, token: &str, rest: &PackerRest) -> Answer<()> {
        let is_its_own = |id: &InstanceId| self.packings.get(token).is_some_and(|packing| packing.instance == *id);
        match rest {
            PackerRest::Instance(id) if is_its_own(id) => self.terminate(id),
            _ => Err(Failure::permanent(format!("{rest} was not made by the build {token}"))),
        }
    }
}
